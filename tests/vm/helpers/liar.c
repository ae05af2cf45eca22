// SPDX-License-Identifier: GPL-2.0-only
/*
 * A server that does not keep to the protocol.
 *
 * liar DISK UUID hold		takes the header of a write of HOLD_BYTES or
 *				more, and does then what its input says
 * liar DISK UUID lies		tells each lie once, then none any more
 * liar DISK UUID credits N	grants N bytes and requests, prints how many
 *				are open because of that
 * liar DISK UUID extremes	a welcome with the highest values there are
 *
 * It serves DISK as the export with that UUID, to one client with one lane, on
 * the usual port. It is honest where it does not lie; what it lies about it has
 * not done, and what it invents is made of 'X'.
 *
 * "hold" understands, a line each: "welcome" the client that said hello, "read"
 * N bytes of the data, "answer" with status N, "serve" the write honestly.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "peer.h"

#define HOLD_BYTES	(64 * KIB)
#define HOLD_RCVBUF	(16 * KIB)
#define CREDIT_SLOTS	4
/* Of the disk and of each request that is lied about: values are relative. */
#define SIZE_BYTES	(16 * MIB)
#define BLOCK		4096
#define FUZZ_ROUNDS	40
/* So long must nothing arrive until all is there that will. */
#define QUIET_MS	60

static enum { HOLD, LIES, CREDITS, EXTREMES } mode;
static u8 data[MIB] __attribute__((aligned(4096)));
static u8 export_uuid[DST_PROTO_UUID_LEN];
static u32 credits;
static u64 size_bytes;
static int disk;

/* ---- honest -------------------------------------------------------------- */

static struct dst_proto_reply make_reply(const struct dst_proto_request *r,
					 u8 status)
{
	bool read = r->op == DST_PROTO_OP_READ && status == DST_PROTO_ST_OK;
	struct dst_proto_reply a = {
		.magic = DST_PROTO_REPLY_MAGIC, .op = r->op, .status = status,
		.tag = r->tag, .id = r->id,
		.length_bytes = read ? r->length_bytes : 0,
		.credit_bytes = DST_PROTO_MAX_TRANSFER_BYTES,
		.credit_slots = CREDIT_SLOTS,
	};

	if (r->op == DST_PROTO_OP_WRITE && status == DST_PROTO_ST_OK)
		a.flags = DST_PROTO_REPLY_DURABLE;
	if (mode == CREDITS)
		a.credit_bytes = a.credit_slots = credits;
	return a;
}

static bool give_reply(int fd, struct dst_proto_reply *a)
{
	seal(a, sizeof(*a));
	return give(fd, a, sizeof(*a)) && give(fd, data, a->length_bytes);
}

/* The data of a write is there already, that of a read is there afterwards. */
static u8 execute(const struct dst_proto_request *r)
{
	u64 at = r->sector * DST_PROTO_SECTOR_BYTES;
	u32 len = r->length_bytes;

	switch (r->op) {
	case DST_PROTO_OP_READ:
		memset(data, 0, len);
		/* it may have told of more than there is */
		if (at < SIZE_BYTES && pread(disk, data, len, at) != len)
			return DST_PROTO_ST_IOERR;
		return DST_PROTO_ST_OK;
	case DST_PROTO_OP_WRITE:
		return pwrite(disk, data, len, at) == len ?
		       DST_PROTO_ST_OK : DST_PROTO_ST_IOERR;
	case DST_PROTO_OP_FLUSH:
	case DST_PROTO_OP_PING:
	case DST_PROTO_OP_BYE:
		return DST_PROTO_ST_OK;
	default:
		return DST_PROTO_ST_NOTSUPP;
	}
}

static bool answer(int fd, const struct dst_proto_request *r)
{
	struct dst_proto_reply a = make_reply(r, execute(r));

	return give_reply(fd, &a);
}

/* Return: false at the end of the connection. */
static bool get_header(int fd, struct dst_proto_request *r, int ms)
{
	if (take(fd, r, sizeof(*r), ms) != sizeof(*r))
		return false;
	if (r->magic == DST_PROTO_REQUEST_MAGIC && sealed(r, sizeof(*r)) &&
	    r->length_bytes <= DST_PROTO_MAX_TRANSFER_BYTES)
		return true;
	check("request", false, "not understood");
	return false;
}

static bool get_request(int fd, struct dst_proto_request *r)
{
	return get_header(fd, r, -1) &&
	       (r->op != DST_PROTO_OP_WRITE ||
		take(fd, data, r->length_bytes, -1) == r->length_bytes);
}

/* ---- connections ----------------------------------------------------------- */

static int listen_on_port(void)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons(DST_PROTO_PORT),
	};
	int one = 1, small = HOLD_RCVBUF, fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (mode == HOLD)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (bind(fd, (void *)&in, sizeof(in)) || listen(fd, 16)) {
		perror("liar: port");
		exit(1);
	}
	puts("listening");
	fflush(stdout);
	return fd;
}

static struct dst_proto_welcome make_welcome(const struct dst_proto_hello *h)
{
	struct dst_proto_welcome w = {
		.magic = DST_PROTO_WELCOME_MAGIC,
		.version = DST_PROTO_VERSION_MAX,
		.epoch = h->epoch,
		.size_bytes = size_bytes,
		.logical_block_bytes = 512,
		.physical_block_bytes = 512,
		.max_transfer_bytes = DST_PROTO_MAX_TRANSFER_BYTES,
		.export_flags = DST_PROTO_EXPORT_DISCARD |
				DST_PROTO_EXPORT_WRITE_ZEROES,
		.credit_bytes = DST_PROTO_MAX_TRANSFER_BYTES,
		.credit_slots = CREDIT_SLOTS,
		.max_lanes = 1,
	};

	memcpy(w.export_uuid, export_uuid, sizeof(w.export_uuid));
	memset(w.boot_id, 0x44, sizeof(w.boot_id));
	memcpy(w.client_nonce, h->nonce, sizeof(w.client_nonce));
	if (mode == EXTREMES) {
		w.size_bytes = INT64_MAX & ~511ULL;
		w.physical_block_bytes = MIB;
		w.io_min_bytes = w.io_opt_bytes = ~511U;
		w.max_transfer_bytes = DST_PROTO_MIN_TRANSFER_BYTES;
		w.discard_granularity_bytes = ~511U;
		w.credit_bytes = ~0U;
		w.credit_slots = DST_PROTO_MAX_SLOTS;
		w.max_lanes = DST_PROTO_MAX_LANES;
	}
	return w;
}

/* Return: a connection on which the client has said hello. */
static int get_hello(int listener, struct dst_proto_welcome *w)
{
	struct dst_proto_hello h;
	int fd, one = 1;

	for (;;) {
		fd = accept(listener, NULL, NULL);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (take(fd, &h, sizeof(h), PATIENCE_MS) == sizeof(h) &&
		    h.magic == DST_PROTO_HELLO_MAGIC && sealed(&h, sizeof(h)))
			break;
		close(fd);
	}
	*w = make_welcome(&h);
	return fd;
}

static int join(int listener)
{
	struct dst_proto_welcome w;
	int fd = get_hello(listener, &w);

	seal(&w, sizeof(w));
	give(fd, &w, sizeof(w));
	return fd;
}

/* ---- hold -------------------------------------------------------------------- */

/* Return: false if the client has closed @fd, which ends the waiting. */
static bool get_command(int fd, char *word, unsigned int *n)
{
	struct pollfd pfd[2] = {
		{ .fd = STDIN_FILENO, .events = POLLIN }, { .fd = fd },
	};
	char line[64];
	size_t i = 0;

	while (poll(pfd, 2, -1) > 0) {
		if (pfd[1].revents)
			return false;
		/* byte by byte, since poll() knows nothing of stdio's buffer */
		if (read(STDIN_FILENO, line + i, 1) != 1 ||
		    i == sizeof(line) - 1)
			break;
		if (line[i++] != '\n')
			continue;
		line[i] = '\0';
		*n = 0;
		if (sscanf(line, "%15s %u", word, n) >= 1)
			return true;
		break;
	}
	exit(0);
}

static void say(const char *what, u32 n)
{
	printf("%s %u\n", what, n);
	fflush(stdout);
}

/* Return: false if the client has closed @fd. */
static bool hold(int fd, const struct dst_proto_request *r)
{
	struct dst_proto_reply a;
	unsigned int n, have = 0;
	char word[16];

	say("holding", r->length_bytes);
	while (get_command(fd, word, &n)) {
		if (!strcmp(word, "read")) {
			if (n > r->length_bytes - have)
				n = r->length_bytes - have;
			have += take(fd, data + have, n, PATIENCE_MS);
			say("read", have);
		} else if (!strcmp(word, "answer")) {
			a = make_reply(r, n);
			give_reply(fd, &a);
			say("answered", n);
		} else if (!strcmp(word, "serve")) {
			have += take(fd, data + have, r->length_bytes - have,
				     PATIENCE_MS);
			return have == r->length_bytes && answer(fd, r);
		}
	}
	return false;
}

static void hold_all(int listener)
{
	struct dst_proto_welcome w;
	struct dst_proto_request r;
	bool first = true;
	unsigned int n;
	char word[16];
	int fd;

	for (;; close(fd)) {
		fd = get_hello(listener, &w);
		say("hello", 0);
		if (!first && !get_command(fd, word, &n))
			continue;
		first = false;
		seal(&w, sizeof(w));
		give(fd, &w, sizeof(w));
		while (get_header(fd, &r, -1)) {
			if (r.op == DST_PROTO_OP_WRITE &&
			    r.length_bytes >= HOLD_BYTES) {
				if (!hold(fd, &r))
					break;
				continue;
			}
			if (r.op == DST_PROTO_OP_WRITE &&
			    take(fd, data, r.length_bytes, PATIENCE_MS) !=
			    r.length_bytes)
				break;
			if (!answer(fd, &r))
				break;
		}
		say("closed", 0);
	}
}

/* ---- lies ---------------------------------------------------------------------- */

enum {
	ON_READ		= 1 << 0,
	ON_WRITE	= 1 << 1,
	ON_BOTH		= ON_READ | ON_WRITE,
	UNSEALED	= 1 << 2,	/* changed after its checksum was made */
	TWICE		= 1 << 3,	/* the truth, and then once more */
	RESIZED		= 1 << 4,	/* a RESIZED before the truth */
	HANG_UP		= 1 << 5,	/* close behind it, in its midst */
	NOISE		= 1 << 6,	/* random bytes */
	FUZZ		= 1 << 7,	/* random fields that must be right */
	HARMLESS	= 1 << 8,	/* the lane goes on */
};

/* One field of a header is wrong: its honest value xor @wrong. */
struct lie {
	const char	*name;
	int		how;
	size_t		offset, size;
	u64		wrong;
};

#define REPLY(field) \
	offsetof(struct dst_proto_reply, field), \
	sizeof(((struct dst_proto_reply *)0)->field)

#define WELCOME(field) \
	offsetof(struct dst_proto_welcome, field), \
	sizeof(((struct dst_proto_welcome *)0)->field)

/* The last byte of a longer field. */
#define WELCOME_END(field) \
	offsetof(struct dst_proto_welcome, field) + \
	sizeof(((struct dst_proto_welcome *)0)->field) - 1, 1

static const struct lie welcome_lies[] = {
	{ "magic", 0, WELCOME(magic), 1 },
	{ "checksum", UNSEALED, WELCOME(header_crc), 1 },
	{ "changed on the way", UNSEALED, WELCOME(size_bytes), SIZE_BYTES * 3 },
	{ "unknown status", 0, WELCOME(status), 0xff },
	{ "reserved", 0, WELCOME(reserved0), 1 },
	{ "more reserved", 0, WELCOME_END(reserved), 1 },
	{ "nonce", 0, WELCOME_END(client_nonce), 1 },
	{ "holder without end", 0, WELCOME_END(holder), 'a' },
	{ "holder that clears the screen", 0, offsetof(struct dst_proto_welcome,
						       holder), 1, 033 },
	{ "size zero", 0, WELCOME(size_bytes), SIZE_BYTES },
	{ "odd size", 0, WELCOME(size_bytes), 1 },
	{ "negative size", 0, WELCOME(size_bytes), 1ULL << 63 },
	{ "smaller than before", 0, WELCOME(size_bytes), SIZE_BYTES * 3 / 2 },
	{ "block zero", 0, WELCOME(logical_block_bytes), 512 },
	{ "block too small", 0, WELCOME(logical_block_bytes), 512 ^ 256 },
	{ "block too large", 0, WELCOME(logical_block_bytes), 512 ^ 8192 },
	{ "block that is no power of 2", 0, WELCOME(logical_block_bytes), 1024 },
	{ "block above the physical one", 0, WELCOME(logical_block_bytes),
	  512 ^ 4096 },
	{ "physical block below the block", 0, WELCOME(physical_block_bytes),
	  512 ^ 256 },
	{ "physical block too large", 0, WELCOME(physical_block_bytes),
	  512 ^ 2 * MIB },
	{ "least transfer odd", 0, WELCOME(io_min_bytes), 1 },
	{ "best transfer odd", 0, WELCOME(io_opt_bytes), 511 },
	{ "transfer zero", 0, WELCOME(max_transfer_bytes), MIB },
	{ "transfer too large", 0, WELCOME(max_transfer_bytes), MIB ^ 2 * MIB },
	{ "transfer odd", 0, WELCOME(max_transfer_bytes),
	  MIB ^ (MIB - 512) },
	{ "transfer smaller than before", 0, WELCOME(max_transfer_bytes),
	  MIB ^ MIB / 2 },
	{ "discard odd", 0, WELCOME(discard_granularity_bytes), 1 },
	{ "credit for less than a transfer", 0, WELCOME(credit_bytes),
	  MIB ^ (MIB - 1) },
	{ "credit for no request", 0, WELCOME(credit_slots), CREDIT_SLOTS },
	{ "credit for too many", 0, WELCOME(credit_slots), 0xffff },
	{ "no lanes", 0, WELCOME(max_lanes), 1 },
	{ "too many lanes", 0, WELCOME(max_lanes), 1 ^ 17 },
	{ "a feature nobody asked for", 0, WELCOME(features),
	  DST_PROTO_F_DIGEST },
	{ "unknown feature", 0, WELCOME(features), 1ULL << 63 },
	{ "another export", 0, WELCOME_END(export_uuid), 1 },
	{ "read-only now", 0, WELCOME(export_flags), DST_PROTO_EXPORT_READ_ONLY },
	{ "volatile now", 0, WELCOME(export_flags), DST_PROTO_EXPORT_VOLATILE },
	{ "shared now", 0, WELCOME(export_flags), DST_PROTO_EXPORT_SHARED },
	{ "no discard now", 0, WELCOME(export_flags), DST_PROTO_EXPORT_DISCARD },
};

static const struct lie lies[] = {
	{ "magic", ON_BOTH, REPLY(magic), 1 },
	{ "checksum", ON_BOTH | UNSEALED, REPLY(header_crc), 1 },
	{ "changed on the way", ON_BOTH | UNSEALED, REPLY(tag), 1 },
	{ "unknown tag", ON_BOTH, REPLY(tag), 1 },
	{ "tag beyond all", ON_BOTH, REPLY(tag), 0xffff },
	{ "id", ON_BOTH, REPLY(id), 1 },
	{ "id in its high half", ON_BOTH, REPLY(id), 1ULL << 63 },
	{ "operation", ON_BOTH, REPLY(op),
	  DST_PROTO_OP_READ ^ DST_PROTO_OP_WRITE },
	{ "operation that nobody knows", ON_BOTH, REPLY(op), 0x80 },
	{ "status that nobody knows", ON_BOTH, REPLY(status),
	  DST_PROTO_ST_NR },
	{ "last status", ON_BOTH, REPLY(status), 0xff },
	{ "flag that nobody knows", ON_BOTH, REPLY(flags), 2 },
	{ "last flag", ON_BOTH, REPLY(flags), 0x8000 },
	{ "reserved", ON_BOTH, REPLY(reserved), 1 },
	{ "2 GiB of data", ON_BOTH, REPLY(length_bytes), 1U << 31 },
	{ "data where there is none, or none", ON_BOTH, REPLY(length_bytes),
	  BLOCK },
	{ "32 bytes more, or less", ON_BOTH, REPLY(length_bytes), 32 },
	{ "too little data", ON_READ, REPLY(length_bytes), BLOCK ^ 512 },
	{ "too much data", ON_READ, REPLY(length_bytes), BLOCK ^ 2 * BLOCK },
	{ "data and an error", ON_READ, REPLY(status), DST_PROTO_ST_IOERR },
	{ "half of the reply", ON_BOTH | HANG_UP, 0, 0, 0 },
	{ "a reply twice", ON_BOTH | TWICE, 0, 0, 0 },
	{ "noise", ON_BOTH | NOISE, 0, 0, 0 },
	{ "resized, with data", ON_BOTH | RESIZED, REPLY(length_bytes), 512 },
	{ "resized, with a tag", ON_BOTH | RESIZED, REPLY(tag), 1 },
	{ "resized, with a status", ON_BOTH | RESIZED, REPLY(status),
	  DST_PROTO_ST_IOERR },
	{ "resized, durably", ON_BOTH | RESIZED, REPLY(flags),
	  DST_PROTO_REPLY_DURABLE },
	{ "resized to nothing", ON_BOTH | RESIZED | HARMLESS, REPLY(id),
	  SIZE_BYTES },
	{ "resized to an odd size", ON_BOTH | RESIZED | HARMLESS, REPLY(id),
	  SIZE_BYTES ^ (SIZE_BYTES - 1) },
	{ "resized to a negative size", ON_BOTH | RESIZED | HARMLESS, REPLY(id),
	  1ULL << 63 },
	{ "resized to what it is", ON_BOTH | RESIZED | HARMLESS, 0, 0, 0 },
	/* it is sent again then, with FUA */
	{ "not durable", ON_WRITE | HARMLESS, REPLY(flags),
	  DST_PROTO_REPLY_DURABLE },
	{ "no credit for bytes", ON_BOTH | HARMLESS, REPLY(credit_bytes),
	  DST_PROTO_MAX_TRANSFER_BYTES },
	{ "no credit for requests", ON_BOTH | HARMLESS, REPLY(credit_slots),
	  CREDIT_SLOTS },
	{ "4 GiB of credit", ON_BOTH | HARMLESS, REPLY(credit_bytes), ~0U },
	{ "credit for too many", ON_BOTH | HARMLESS, REPLY(credit_slots),
	  0xffff },
};

static void apply(const struct lie *lie, void *header, size_t len)
{
	u64 value = 0;

	if (lie->how & UNSEALED)
		seal(header, len);
	memcpy(&value, header + lie->offset, lie->size);
	value ^= lie->wrong;
	memcpy(header + lie->offset, &value, lie->size);
	if (!(lie->how & UNSEALED))
		seal(header, len);
}

/* One of the fields that must fit the request does not, others are random. */
static void fuzz(struct dst_proto_reply *a)
{
	bool read = a->op == DST_PROTO_OP_READ;
	u32 wrong = random_u32() | 1;

	a->status = random_u32() % DST_PROTO_ST_NR;
	a->length_bytes = read && a->status == DST_PROTO_ST_OK ? BLOCK : 0;
	a->data_crc = random_u32();
	a->credit_bytes = random_u32();
	a->credit_slots = random_u32();
	a->flags = random_u32() & DST_PROTO_REPLY_DURABLE;
	switch (random_u32() % 4) {
	case 0:
		a->tag ^= wrong;
		break;
	case 1:
		a->id ^= (u64)wrong << random_u32() % 32;
		break;
	case 2:
		a->op ^= wrong % 32;
		break;
	default:
		a->length_bytes ^= wrong >> random_u32() % 32 | 1;
	}
	seal(a, sizeof(*a));
}

/* In place of the truth, or before it. */
static void tell(int fd, const struct dst_proto_request *r,
		 const struct lie *lie)
{
	struct dst_proto_reply a = make_reply(r, DST_PROTO_ST_OK);
	static u8 message[sizeof(a) + BLOCK];
	size_t len = sizeof(a);

	if (lie->how & RESIZED) {
		a.op = DST_PROTO_OP_RESIZED;
		a.tag = 0;
		a.flags = 0;
		a.id = size_bytes;
		a.length_bytes = 0;
	}
	if (lie->how & FUZZ)
		fuzz(&a);
	else
		apply(lie, &a, sizeof(a));
	memcpy(message, &a, sizeof(a));
	memset(message + sizeof(a), 'X', BLOCK);
	if (a.length_bytes)
		len += BLOCK;
	if (lie->how & NOISE)
		for (size_t i = 0; i < len; i++)
			message[i] = random_u32();
	if (lie->how & HANG_UP)
		len /= 2;
	give(fd, message, len);
}

/* The truth but for one field, and the lane goes on. */
static void tell_harmless(int fd, const struct dst_proto_request *r,
			  const struct lie *lie)
{
	struct dst_proto_reply a = make_reply(r, execute(r));

	if (lie->how & RESIZED)
		tell(fd, r, lie);
	else
		apply(lie, &a, sizeof(a));
	give_reply(fd, &a);
}

/* The lane must not go on. */
static void tell_and_see(int fd, const struct dst_proto_request *r,
			 const struct lie *lie, const char *name)
{
	struct dst_proto_reply a;

	if (lie->how & TWICE) {
		a = make_reply(r, execute(r));
		give_reply(fd, &a);
		give_reply(fd, &a);
	} else {
		tell(fd, r, lie);
	}
	if (lie->how & HANG_UP)
		check(name, true, "");
	else
		check(name, is_closed(fd, PATIENCE_MS), "the lane goes on");
}

/* Return: NULL when all have been told about requests of this kind. */
static const struct lie *next_lie(const struct dst_proto_request *r)
{
	static const struct lie random_lie = { "random", FUZZ, 0, 0, 0 };
	static const char * const kinds[] = { "read", "write" };
	const size_t nr = sizeof(lies) / sizeof(*lies);
	static size_t all_told[2];
	bool write = r->op == DST_PROTO_OP_WRITE;
	size_t *told = &all_told[write];

	if ((!write && r->op != DST_PROTO_OP_READ) || r->length_bytes != BLOCK)
		return NULL;
	while (*told < nr && !(lies[*told].how & (write ? ON_WRITE : ON_READ)))
		(*told)++;
	if (*told < nr + FUZZ_ROUNDS)
		return (*told)++ < nr ? &lies[*told - 1] : &random_lie;
	if ((*told)++ == nr + FUZZ_ROUNDS) {
		printf("%s told\n", kinds[write]);
		fflush(stdout);
	}
	return NULL;
}

/* Serve a connection until it ends. */
static void serve(int fd)
{
	struct dst_proto_request r;
	const struct lie *lie;
	bool goes_on = false;	/* it must */
	char name[96];

	while (get_request(fd, &r)) {
		if (goes_on)
			check(name, true, "");
		goes_on = false;
		lie = mode == LIES ? next_lie(&r) : NULL;
		if (!lie) {
			answer(fd, &r);
			continue;
		}
		goes_on = lie->how & HARMLESS;
		snprintf(name, sizeof(name), "%s%s: %s",
			 goes_on ? "harmless, " : "",
			 r.op == DST_PROTO_OP_READ ? "read" : "write",
			 lie->name);
		if (!goes_on) {
			tell_and_see(fd, &r, lie, name);
			return;
		}
		tell_harmless(fd, &r, lie);
	}
	if (goes_on)
		check(name, false, "the lane was closed");
}

static void lie_in_welcome(int listener, const struct lie *lie)
{
	struct dst_proto_welcome w;
	struct dst_proto_request r;
	char name[96];
	int fd = get_hello(listener, &w);

	apply(lie, &w, sizeof(w));
	give(fd, &w, sizeof(w));
	snprintf(name, sizeof(name), "welcome: %s", lie->name);
	check(name, !take(fd, &r, 1, PATIENCE_MS), "the client sends requests");
	close(fd);
	/* one that is welcome, so that it tries again at once */
	close(join(listener));
}

static void tell_all(int listener)
{
	for (size_t i = 0; i < sizeof(welcome_lies) / sizeof(*welcome_lies); i++)
		lie_in_welcome(listener, &welcome_lies[i]);
	puts("welcome told");
	fflush(stdout);
	for (;;) {
		int fd = join(listener);

		serve(fd);
		close(fd);
	}
}

/* ---- credits ------------------------------------------------------------------ */

/* Take requests until no more come, then answer all of them. */
static void count_open(int fd)
{
	struct dst_proto_request open[CREDIT_SLOTS + 64];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	unsigned int n = 0, most = 0;
	bool answered = false;

	for (;;) {
		if (poll(&pfd, 1, n ? QUIET_MS : -1) == 1) {
			if (!get_request(fd, &open[n]))
				return;
			if (++n < sizeof(open) / sizeof(*open))
				continue;
		}
		/* before the first answer those of the welcome hold */
		if (answered && n > most) {
			most = n;
			say("open", most);
		}
		while (n)
			answer(fd, &open[--n]);
		answered = true;
	}
}

/* ---- main ----------------------------------------------------------------------- */

static void read_uuid(const char *text)
{
	unsigned int byte;

	for (size_t i = 0; i < sizeof(export_uuid); i++) {
		if (*text == '-')
			text++;
		if (sscanf(text, "%2x", &byte) != 1)
			exit(2);
		export_uuid[i] = byte;
		text += 2;
	}
}

int main(int argc, char **argv)
{
	int listener;

	if (argc < 4)
		return 2;
	disk = open(argv[1], O_RDWR | O_DIRECT);
	if (disk < 0 || ioctl(disk, BLKGETSIZE64, &size_bytes) ||
	    size_bytes != SIZE_BYTES) {
		fprintf(stderr, "liar: no disk of 16 MiB: %s\n", argv[1]);
		return 1;
	}
	read_uuid(argv[2]);
	mode = !strcmp(argv[3], "hold") ? HOLD :
	       !strcmp(argv[3], "lies") ? LIES :
	       !strcmp(argv[3], "credits") ? CREDITS : EXTREMES;
	credits = argc > 4 ? strtoul(argv[4], NULL, 0) : 0;

	listener = listen_on_port();
	if (mode == HOLD)
		hold_all(listener);
	if (mode == LIES)
		tell_all(listener);
	for (;;) {
		int fd = join(listener);

		if (mode == CREDITS)
			count_open(fd);
		else
			serve(fd);
		close(fd);
	}
}
