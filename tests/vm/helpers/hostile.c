// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that does not keep to the protocol.
 *
 * hostile ADDR EXPORT SIZE all|fuzz|hold|write [SECTOR]
 *
 * "all" prints one line for each check and a last line "malformed N": how many
 * requests the server must have counted as such. Exit 1 if a check failed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "peer.h"

#define FUZZ_ROUNDS	400
#define FLOOD		300

static const char *peer_addr, *peer_export;
static u64 size_bytes, sectors, generation, epoch;
static unsigned int malformed;
static u8 data[2 * MIB];
static u64 next_id = 1;

/* ---- the wire ----------------------------------------------------------- */

static int dial(void)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons(DST_PROTO_PORT),
	};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, peer_addr, &in.sin_addr);
	if (fd < 0 || connect(fd, (void *)&in, sizeof(in))) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void make_hello(struct dst_proto_hello *h)
{
	memset(h, 0, sizeof(*h));
	h->magic = DST_PROTO_HELLO_MAGIC;
	h->version_min = DST_PROTO_VERSION_MIN;
	h->version_max = DST_PROTO_VERSION_MAX;
	memset(h->initiator, 0x11, sizeof(h->initiator));
	memset(h->device, 0x22, sizeof(h->device));
	h->epoch = epoch;
	h->generation = ++generation;
	h->lanes = 1;
	memset(h->nonce, 0x33, sizeof(h->nonce));
	strncpy(h->export, peer_export, sizeof(h->export) - 1);
	strcpy(h->host, "hostile");
}

/* Return: enum dst_proto_join, -1 if closed without an answer, -2 if wrong. */
static int hello_to(int fd, struct dst_proto_hello *h,
		    struct dst_proto_welcome *w)
{
	size_t n;

	seal(h, sizeof(*h));
	give(fd, h, sizeof(*h));
	n = take(fd, w, sizeof(*w), PATIENCE_MS);
	if (!n)
		return -1;
	if (n != sizeof(*w) || w->magic != DST_PROTO_WELCOME_MAGIC ||
	    !sealed(w, sizeof(*w)) ||
	    memcmp(w->client_nonce, h->nonce, sizeof(h->nonce)))
		return -2;
	return w->status;
}

/* A new session, and its only lane. */
static int join_with(u64 features, u32 flags)
{
	struct dst_proto_welcome w;
	struct dst_proto_hello h;
	int status, fd = -1;

	for (int i = 0; i < 100; i++) {
		fd = dial();
		epoch++;
		make_hello(&h);
		h.features = features;
		h.flags = DST_PROTO_HELLO_NEW | flags;
		status = fd < 0 ? -3 : hello_to(fd, &h, &w);
		if (!status)
			return fd;
		if (fd >= 0)
			close(fd);
		usleep(50000);
	}
	check("join", false, "status %d", status);
	exit(1);
}

static int join(void)
{
	return join_with(0, 0);
}

static struct dst_proto_request make(u8 op, u64 sector, u32 len)
{
	struct dst_proto_request r = {
		.magic = DST_PROTO_REQUEST_MAGIC, .op = op, .tag = 7,
		.id = next_id++, .sector = sector, .length_bytes = len,
	};

	return r;
}

static bool send_request(int fd, struct dst_proto_request *r)
{
	seal(r, sizeof(*r));
	return give(fd, r, sizeof(*r));
}

/* Return: the status, -1 if closed, -2 for a reply that is wrong. */
static int get_reply(int fd, const struct dst_proto_request *r)
{
	struct dst_proto_reply a;
	u32 want = 0;
	size_t n;

	n = take(fd, &a, sizeof(a), PATIENCE_MS);
	if (n != sizeof(a))
		return -1;
	if (a.status == DST_PROTO_ST_OK && r->op == DST_PROTO_OP_READ)
		want = r->length_bytes;
	else if (a.status == DST_PROTO_ST_OK && r->op == DST_PROTO_OP_HASH)
		want = DST_PROTO_HASH_LEN;
	if (a.magic != DST_PROTO_REPLY_MAGIC || !sealed(&a, sizeof(a)) ||
	    a.op != r->op || a.tag != r->tag || a.id != r->id ||
	    a.length_bytes != want)
		return -2;
	if (take(fd, data, want, PATIENCE_MS) != want)
		return -1;
	return a.status;
}

static int ask(int fd, struct dst_proto_request r)
{
	if (!send_request(fd, &r))
		return -1;
	if (r.op == DST_PROTO_OP_WRITE) {
		memset(data, 0xee, r.length_bytes);
		if (!give(fd, data, r.length_bytes))
			return -1;
	}
	return get_reply(fd, &r);
}

static bool serves(int fd)
{
	return ask(fd, make(DST_PROTO_OP_PING, 0, 0)) == DST_PROTO_ST_OK &&
	       ask(fd, make(DST_PROTO_OP_READ, 0, 4096)) == DST_PROTO_ST_OK;
}

/* ---- refused in the protocol, the lane goes on -------------------------- */

static void check_refused(void)
{
	static const struct {
		const char *name;
		u8 op;
	} ops[] = {
		{ "read", DST_PROTO_OP_READ },
		{ "write", DST_PROTO_OP_WRITE },
		{ "discard", DST_PROTO_OP_DISCARD },
		{ "write-zeroes", DST_PROTO_OP_WRITE_ZEROES },
		{ "hash", DST_PROTO_OP_HASH },
	};
	const struct {
		const char *name;
		u64 sector;
		u32 len;
	} cases[] = {
		{ "beyond the end", sectors, 4096 },
		{ "far beyond the end", sectors + 2048, 4096 },
		{ "across the end", sectors - 8, 8192 },
		{ "one block across the end", sectors - 8, 4096 + 512 },
		{ "of size zero", 0, 0 },
		{ "of size zero at the end", sectors, 0 },
		{ "of an odd size", 0, 513 },
		{ "of less than a block", 0, 511 },
		{ "at the highest sector", ~0ULL, 512 },
		{ "whose sector is negative", 1ULL << 63, 4096 },
		{ "whose byte offset wraps to 0", 1ULL << 55, 4096 },
		{ "whose end wraps", (1ULL << 55) - 8, 8192 },
	};
	char name[96];
	int fd = join();

	for (size_t o = 0; o < sizeof(ops) / sizeof(*ops); o++) {
		for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
			int got = ask(fd, make(ops[o].op, cases[c].sector,
					       cases[c].len));

			snprintf(name, sizeof(name), "%s %s", ops[o].name,
				 cases[c].name);
			check(name, got == DST_PROTO_ST_INVALID, "status %d",
			      got);
			if (got < 0) {
				close(fd);
				fd = join();
			}
		}
		if (ops[o].op > DST_PROTO_OP_WRITE) {
			int got = ask(fd, make(ops[o].op, 0,
					       DST_PROTO_MAX_RANGE_BYTES + 512));

			snprintf(name, sizeof(name), "%s of too long a range",
				 ops[o].name);
			check(name, got == DST_PROTO_ST_INVALID, "status %d",
			      got);
		}
		check("in service afterwards", serves(fd), "it is not");
	}
	check("last block", ask(fd, make(DST_PROTO_OP_WRITE, sectors - 8,
					 4096)) == DST_PROTO_ST_OK &&
	      ask(fd, make(DST_PROTO_OP_READ, sectors - 8, 4096)) ==
	      DST_PROTO_ST_OK && data[4095] == 0xee, "it fails");
	close(fd);

	fd = join_with(0, DST_PROTO_HELLO_READ_ONLY);
	for (size_t o = 1; o < 4; o++) {
		int got = ask(fd, make(ops[o].op, 8, 4096));

		snprintf(name, sizeof(name), "%s of a read-only client",
			 ops[o].name);
		check(name, got == DST_PROTO_ST_READ_ONLY, "status %d", got);
	}
	check("read of a read-only client", serves(fd), "it is not served");
	close(fd);
}

static void check_digest(void)
{
	struct dst_proto_request r = make(DST_PROTO_OP_WRITE, 64, 4096);
	int fd = join_with(DST_PROTO_F_DIGEST, 0), got;
	u8 zero[4096] = { };

	memset(data, 0x5a, 4096);
	r.data_crc = ~crc32c(~0U, data, 4096);
	data[77] ^= 1;
	send_request(fd, &r);
	give(fd, data, 4096);
	got = get_reply(fd, &r);
	check("write with a wrong digest", got == DST_PROTO_ST_DIGEST,
	      "status %d", got);
	got = ask(fd, make(DST_PROTO_OP_READ, 64, 4096));
	check("it is not written", !got && !memcmp(data, zero, 4096),
	      "status %d, %02x", got, data[0]);
	close(fd);
}

/* ---- after which nothing can be understood any more --------------------- */

static void check_broken_one(const char *name, struct dst_proto_request *r,
			     bool reseal)
{
	int fd = join();
	bool gone;

	if (reseal)
		seal(r, sizeof(*r));
	give(fd, r, sizeof(*r));
	gone = is_closed(fd, PATIENCE_MS);
	check(name, gone, "the lane is still open");
	malformed++;
	close(fd);
}

static void check_broken(void)
{
	static const u8 bad_ops[] = { 0, 9, 63, DST_PROTO_OP_RESIZED, 255 };
	struct dst_proto_request r;
	char name[64];

	for (size_t i = 0; i < sizeof(bad_ops); i++) {
		r = make(bad_ops[i], 0, 0);
		snprintf(name, sizeof(name), "unknown operation %u", bad_ops[i]);
		check_broken_one(name, &r, true);
	}
	r = make(DST_PROTO_OP_READ, 0, MIB + 512);
	check_broken_one("read that is too long", &r, true);
	r = make(DST_PROTO_OP_READ, 0, ~0U);
	check_broken_one("read of 4 GiB", &r, true);
	r = make(DST_PROTO_OP_WRITE, 0, MIB + 512);
	check_broken_one("write that is too long", &r, true);
	r = make(DST_PROTO_OP_WRITE, 0, ~0U);
	check_broken_one("write of 4 GiB", &r, true);
	r = make(DST_PROTO_OP_READ, 0, 4096);
	r.magic ^= 1;
	check_broken_one("wrong magic", &r, true);
	r = make(DST_PROTO_OP_READ, 0, 4096);
	seal(&r, sizeof(r));
	r.sector ^= 8;
	check_broken_one("wrong checksum", &r, false);
	r = make(DST_PROTO_OP_READ, 0, 4096);
	r.reserved = 1;
	check_broken_one("reserved field", &r, true);
	r = make(DST_PROTO_OP_READ, 0, 4096);
	r.reserved1 = 1U << 31;
	check_broken_one("other reserved field", &r, true);
	r = make(DST_PROTO_OP_WRITE, 0, 4096);
	r.flags = 0x80;
	check_broken_one("unknown flag", &r, true);
	r = make(DST_PROTO_OP_READ, 0, 4096);
	r.flags = DST_PROTO_REQ_FUA;
	check_broken_one("read with FUA", &r, true);
	r = make(DST_PROTO_OP_READ, 0, 4096);
	r.data_crc = 1;
	check_broken_one("read with a digest", &r, true);
	r = make(DST_PROTO_OP_FLUSH, 0, 4096);
	check_broken_one("flush with data", &r, true);
	r = make(DST_PROTO_OP_PING, 8, 0);
	check_broken_one("ping with a sector", &r, true);
	memset(&r, 0x41, sizeof(r));
	check_broken_one("garbage", &r, false);
	memcpy(&r, "GET / HTTP/1.1\r\nHost: a-web-server.example.org\r\n\r\n",
	       sizeof(r));
	check_broken_one("a browser", &r, false);
}

/* Ask for more than was granted, and read no answer. */
static void check_credit(void)
{
	int small = 4096, fd = join();
	struct timeval tv = { .tv_sec = 5 };
	bool gone = false;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	for (int i = 0; i < 200 && !gone; i++) {
		struct dst_proto_request r = make(DST_PROTO_OP_READ, 0, MIB);

		gone = !send_request(fd, &r);
	}
	gone = gone || is_closed(fd, PATIENCE_MS);
	check("credit overrun", gone, "the lane is still open");
	malformed++;
	close(fd);
}

/* ---- what ends too early ------------------------------------------------ */

static void check_halves(void)
{
	struct dst_proto_request r = make(DST_PROTO_OP_WRITE, 128, 64 * KIB);
	struct dst_proto_hello h;
	u8 zero[4096] = { };
	int fd, got;

	fd = join();
	seal(&r, sizeof(r));
	give(fd, &r, 20);
	close(fd);
	fd = join();
	check("half a header", serves(fd), "no service afterwards");
	memset(data, 0xcc, 64 * KIB);
	send_request(fd, &r);
	give(fd, data, 32 * KIB);
	close(fd);
	fd = join();
	check("half a write", serves(fd), "no service afterwards");
	got = ask(fd, make(DST_PROTO_OP_READ, 128, 4096));
	check("half a write is not executed", !got &&
	      !memcmp(data, zero, 4096), "status %d, %02x", got, data[0]);
	send_request(fd, &r);
	give(fd, data, 32 * KIB);
	shutdown(fd, SHUT_WR);
	check("half a write, half closed", is_closed(fd, PATIENCE_MS),
	      "the lane is still open");
	close(fd);
	fd = dial();
	make_hello(&h);
	seal(&h, sizeof(h));
	give(fd, &h, 100);
	close(fd);
	/* a request for each byte to be received */
	fd = join();
	r = make(DST_PROTO_OP_READ, 0, 512);
	seal(&r, sizeof(r));
	for (size_t i = 0; i < sizeof(r); i++)
		give(fd, (u8 *)&r + i, 1);
	got = get_reply(fd, &r);
	check("byte by byte", got == DST_PROTO_ST_OK, "status %d", got);
	close(fd);
}

/* ---- hellos ------------------------------------------------------------- */

static void check_hello_one(const char *name, struct dst_proto_hello *h,
			    int want)
{
	static const u8 zero[sizeof(struct dst_proto_welcome)];
	struct dst_proto_welcome w = { };
	int fd = dial(), got = hello_to(fd, h, &w);

	check(name, got == want, "status %d, not %d", got, want);
	if (want == DST_PROTO_JOIN_REFUSED)
		check("it learns nothing", !memcmp(w.export_uuid, zero, 32) &&
		      !w.size_bytes && !w.export_flags && !w.epoch &&
		      !w.holder[0], "it does");
	check("and is shown out", is_closed(fd, PATIENCE_MS), "it is not");
	close(fd);
}

static void check_hellos(void)
{
	struct dst_proto_welcome w;
	struct dst_proto_hello h;
	int fd, again;
	u64 session;

	make_hello(&h);
	h.version_min = h.version_max = DST_PROTO_VERSION_MAX + 1;
	check_hello_one("newer version", &h, DST_PROTO_JOIN_VERSION);
	make_hello(&h);
	h.version_min = h.version_max = 0;
	check_hello_one("older version", &h, DST_PROTO_JOIN_VERSION);
	make_hello(&h);
	h.reserved[35] = 1;
	check_hello_one("hello, reserved", &h, DST_PROTO_JOIN_INVALID);
	make_hello(&h);
	h.lane = DST_PROTO_MAX_LANES;
	check_hello_one("hello, lane 16", &h, DST_PROTO_JOIN_INVALID);
	make_hello(&h);
	h.lane = 0xffff;
	check_hello_one("hello, lane 65535", &h, DST_PROTO_JOIN_INVALID);
	make_hello(&h);
	h.generation = 0;
	check_hello_one("hello, generation 0", &h, DST_PROTO_JOIN_INVALID);
	make_hello(&h);
	h.flags = 1U << 31;
	check_hello_one("hello, flags", &h, DST_PROTO_JOIN_INVALID);
	make_hello(&h);
	memset(h.export, 'a', sizeof(h.export));
	check_hello_one("hello, name without end", &h, DST_PROTO_JOIN_INVALID);
	make_hello(&h);
	memset(h.host, 'a', sizeof(h.host));
	check_hello_one("hello, host without end", &h, DST_PROTO_JOIN_INVALID);
	make_hello(&h);
	memset(h.initiator, 0, sizeof(h.initiator));
	check_hello_one("hello, no initiator", &h, DST_PROTO_JOIN_INVALID);
	make_hello(&h);
	strcpy(h.export, "no-such-export");
	check_hello_one("hello, no such export", &h, DST_PROTO_JOIN_REFUSED);
	make_hello(&h);
	strcpy(h.export, "../../dev/vda");
	check_hello_one("hello, a path", &h, DST_PROTO_JOIN_REFUSED);
	make_hello(&h);
	memset(h.export, 0, sizeof(h.export));
	check_hello_one("hello, no name", &h, DST_PROTO_JOIN_REFUSED);

	make_hello(&h);
	seal(&h, sizeof(h));
	h.export[0] ^= 1;
	fd = dial();
	give(fd, &h, sizeof(h));
	check("hello, checksum", !take(fd, &w, sizeof(w), PATIENCE_MS),
	      "it got an answer");
	close(fd);
	memset(data, 0x90, 64 * KIB);
	fd = dial();
	give(fd, data, 64 * KIB);
	check("garbage for a hello", !take(fd, &w, sizeof(w), PATIENCE_MS),
	      "it got an answer");
	close(fd);

	/* late ones */
	fd = join();
	session = epoch;
	make_hello(&h);
	h.generation = 1;
	check_hello_one("late generation", &h, DST_PROTO_JOIN_STALE);
	make_hello(&h);
	h.epoch = session - 1;
	check_hello_one("late session", &h, DST_PROTO_JOIN_FENCED);
	make_hello(&h);
	h.epoch = session - 1;
	h.flags = DST_PROTO_HELLO_NEW;
	check_hello_one("late new session", &h, DST_PROTO_JOIN_STALE);
	check("the live lane goes on", serves(fd), "it does not");
	again = dial();
	make_hello(&h);
	check("next generation", !hello_to(again, &h, &w) && serves(again),
	      "it is not served");
	check("the old lane is closed", is_closed(fd, PATIENCE_MS),
	      "it is not");
	close(fd);
	close(again);
}

/* ---- the rest ----------------------------------------------------------- */

/* Requests whose checksum is right and whose fields are not. */
static void check_fuzz(void)
{
	static const u64 places[] = { 0, 8, 1ULL << 54, 1ULL << 55, ~0ULL };
	static const u32 sizes[] = { 0, 512, 4096, 65536, MIB, MIB + 512,
				     1U << 31, ~0U };
	int fd = join(), closed = 0;

	for (int i = 0; i < FUZZ_ROUNDS; i++) {
		struct dst_proto_request r = make(random_u32() % 10, 0, 0);
		u32 dice = random_u32();

		r.sector = dice & 1 ? places[random_u32() % 5] + sectors *
				      (dice >> 1 & 1) - (dice >> 2 & 1) :
				      (u64)random_u32() << (dice >> 3 & 31);
		r.length_bytes = dice & 16 ? sizes[random_u32() % 8] :
					     random_u32();
		if (!(dice >> 8 & 7))
			r.flags = random_u32();
		if (!(dice >> 11 & 15))
			((u8 *)&r)[random_u32() % sizeof(r)] ^= 1 << (dice & 7);
		if (r.op == DST_PROTO_OP_BYE)
			r.op = DST_PROTO_OP_PING;
		seal(&r, sizeof(r));
		if (give(fd, &r, sizeof(r)) &&
		    (r.op != DST_PROTO_OP_WRITE || r.length_bytes > MIB ||
		     give(fd, data, r.length_bytes)) &&
		    get_reply(fd, &r) >= 0)
			continue;
		close(fd);
		closed++;
		fd = join();
	}
	check("fuzz", serves(fd), "not in service afterwards");
	printf("fuzz: %d requests, %d lanes closed\n", FUZZ_ROUNDS, closed);
	close(fd);
}

static void check_flood(void)
{
	static int fds[FLOOD];
	int good;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < FLOOD; i++)
			fds[i] = dial();
		for (int i = 0; i < FLOOD; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	good = join();
	check("flood", serves(good), "not in service afterwards");
	close(good);
}

int main(int argc, char **argv)
{
	struct timespec now;
	int silent, fd, got;

	if (argc < 5)
		return 2;
	peer_addr = argv[1];
	peer_export = argv[2];
	size_bytes = strtoull(argv[3], NULL, 0);
	sectors = size_bytes / DST_PROTO_SECTOR_BYTES;
	clock_gettime(CLOCK_REALTIME, &now);
	epoch = (u64)now.tv_sec << 20;

	if (!strcmp(argv[4], "write")) {
		fd = join();
		got = ask(fd, make(DST_PROTO_OP_WRITE,
				   argc > 5 ? strtoull(argv[5], NULL, 0) : 0,
				   4096));
		printf("status %d\n", got);
		return got != DST_PROTO_ST_OK;
	}
	if (!strcmp(argv[4], "hold")) {
		fd = join();
		puts("joined");
		fflush(stdout);
		pause();
	}

	if (!strcmp(argv[4], "fuzz")) {
		check_fuzz();
	} else {
		silent = dial();
		check_refused();
		check_digest();
		check_broken();
		check_credit();
		check_halves();
		check_hellos();
		check("one that says nothing", is_closed(silent, PATIENCE_MS),
		      "its connection is still open");
		close(silent);
		check_flood();
		printf("malformed %u\n", malformed);
	}
	/* goes cleanly: the export is free again */
	fd = join();
	got = ask(fd, make(DST_PROTO_OP_BYE, 0, 0));
	check("bye", got == DST_PROTO_ST_OK && is_closed(fd, PATIENCE_MS),
	      "status %d", got);
	return failures ? 1 : 0;
}
