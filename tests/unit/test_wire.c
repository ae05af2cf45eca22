// SPDX-License-Identifier: GPL-2.0-only
/*
 * What comes from the network is believed only within its limits: the
 * kernel's own dst_wire.c, built here on kshim/.
 */
#include "unit.h"

#include <errno.h>
#include <linux/crc32c.h>

#include "../../dst_wire.h"

/* One field of a good header changed, and what is to be said then. */
struct change {
	size_t at;
	size_t size;
	u64 value;
	int want;
	const char *what;
};

#define SET(type, field, value, want) \
	{ offsetof(struct type, field), sizeof(((struct type *)0)->field), \
	  value, want, #field " = " #value }

typedef int (*check_fn)(const void *header);

static void apply(void *header, const struct change *change)
{
	__le64 value = cpu_to_le64(change->value);

	assert_true(change->size <= sizeof(value));
	memcpy((u8 *)header + change->at, &value, change->size);
}

static void changed(check_fn check, const void *good, size_t len,
		    const struct change *changes, size_t nr)
{
	__le64 header[32];
	size_t i;
	int got;

	assert_true(len <= sizeof(header));
	for (i = 0; i < nr; i++) {
		memcpy(header, good, len);
		apply(header, &changes[i]);
		dst_wire_seal(header, len);
		got = check(header);
		if (got != changes[i].want)
			fail_msg("%s: %d, not %d", changes[i].what, got,
				 changes[i].want);
	}
}

/* It is good; with any one bit of it flipped on the way it is none. */
static void sealed(check_fn check, const void *good, size_t len)
{
	__le64 header[32];
	size_t bit;

	assert_true(len <= sizeof(header));
	memcpy(header, good, len);
	dst_wire_seal(header, len);
	assert_int_equal(check(header), 0);
	for (bit = 0; bit < len * 8; bit++) {
		((u8 *)header)[bit / 8] ^= 1 << bit % 8;
		if (check(header) != -EPROTO)
			fail_msg("bit %zu flipped: %d", bit, check(header));
		((u8 *)header)[bit / 8] ^= 1 << bit % 8;
	}
	assert_int_equal(check(header), 0);
}

static void test_crc(void **state)
{
	struct dst_proto_reply reply = { };

	(void)state;
	assert_int_equal(~crc32c(~0U, "123456789", 9), 0xe3069283);
	memset(&reply, 0xff, sizeof(reply));
	dst_wire_seal(&reply, sizeof(reply));
	assert_int_equal(le32_to_cpu(reply.header_crc),
			 ~crc32c(~0U, &reply, 36));
}

static int check_hello(const void *header)
{
	return dst_wire_check_hello(header);
}

static struct dst_proto_hello good_hello(void)
{
	return (struct dst_proto_hello){
		.magic = cpu_to_le32(DST_PROTO_HELLO_MAGIC),
		.version_min = cpu_to_le16(1),
		.version_max = cpu_to_le16(1),
		.initiator = { 1 },
		.device = { [15] = 1 },
		.epoch = cpu_to_le64(1),
		.generation = cpu_to_le64(1),
		.lanes = cpu_to_le16(4),
		.export = "disk",
		.host = "alpha",
	};
}

#define HELLO(field, value, want) SET(dst_proto_hello, field, value, want)

static const struct change hello_changes[] = {
	HELLO(magic, DST_PROTO_WELCOME_MAGIC, -EPROTO),
	HELLO(magic, DST_PROTO_HELLO_MAGIC ^ 1, -EPROTO),
	/* what can be answered is for the join to judge */
	HELLO(version_min, 0xffff, 0),
	HELLO(version_max, 0, 0),
	HELLO(features, ~0ULL, 0),
	HELLO(epoch, 0, 0),
	HELLO(epoch, ~0ULL, 0),
	HELLO(lanes, 0, 0),
	HELLO(lanes, 0xffff, 0),
	HELLO(nonce[15], 0xff, 0),
	HELLO(initiator[0], 0, -EINVAL),
	HELLO(initiator[15], 1, 0),
	HELLO(device[15], 0, -EINVAL),
	HELLO(device[0], 1, 0),
	HELLO(generation, 0, -EINVAL),
	HELLO(generation, 1ULL << 63, 0),
	HELLO(lane, DST_PROTO_MAX_LANES - 1, 0),
	HELLO(lane, DST_PROTO_MAX_LANES, -EINVAL),
	HELLO(lane, 0xffff, -EINVAL),
	HELLO(flags, DST_PROTO_HELLO_ALL, 0),
	HELLO(flags, DST_PROTO_HELLO_ALL + 1, -EINVAL),
	HELLO(flags, 1U << 31, -EINVAL),
	/* an empty name names no export; bytes behind the end hide nothing */
	HELLO(export[0], 0, -EINVAL),
	HELLO(export[0], '\n', 0),
	HELLO(export[4], 'x', 0),
	HELLO(export[5], 'x', -EINVAL),
	HELLO(export[63], 'x', -EINVAL),
	HELLO(host[5], 'x', 0),
	HELLO(host[6], 'x', -EINVAL),
	HELLO(host[63], 'x', -EINVAL),
	HELLO(host[4], ' ', 0),
	HELLO(host[4], '~', 0),
	HELLO(host[4], 0x1f, -EINVAL),
	HELLO(host[4], 0x7f, -EINVAL),
	HELLO(host[4], 0x80, -EINVAL),
	HELLO(host[4], 0xff, -EINVAL),
	HELLO(reserved[0], 1, -EINVAL),
	HELLO(reserved[35], 0x80, -EINVAL),
};

static int hello_is(struct dst_proto_hello hello)
{
	dst_wire_seal(&hello, sizeof(hello));
	return dst_wire_check_hello(&hello);
}

static void test_hello(void **state)
{
	const struct dst_proto_hello good = good_hello();
	struct dst_proto_hello hello = good;

	(void)state;
	sealed(check_hello, &good, sizeof(good));
	changed(check_hello, &good, sizeof(good), hello_changes,
		ARRAY_SIZE(hello_changes));

	/* the longest names, and names without an end */
	memset(hello.export, 'x', sizeof(hello.export) - 1);
	memset(hello.host, 'x', sizeof(hello.host) - 1);
	assert_int_equal(hello_is(hello), 0);
	hello.export[63] = 'x';
	assert_int_equal(hello_is(hello), -EINVAL);
	hello.export[63] = '\0';
	hello.host[63] = 'x';
	assert_int_equal(hello_is(hello), -EINVAL);
	memset(hello.host, 0, sizeof(hello.host));
	assert_int_equal(hello_is(hello), 0);
}

static int check_welcome(const void *header)
{
	return dst_wire_check_welcome(header);
}

static struct dst_proto_welcome good_welcome(void)
{
	return (struct dst_proto_welcome){
		.magic = cpu_to_le32(DST_PROTO_WELCOME_MAGIC),
		.version = cpu_to_le16(1),
		.status = DST_PROTO_JOIN_OK,
		.epoch = cpu_to_le64(1),
		.size_bytes = cpu_to_le64(1 << 30),
		.logical_block_bytes = cpu_to_le32(1024),
		.physical_block_bytes = cpu_to_le32(4096),
		.io_min_bytes = cpu_to_le32(4096),
		.io_opt_bytes = cpu_to_le32(65536),
		.max_transfer_bytes = cpu_to_le32(DST_PROTO_MIN_TRANSFER_BYTES),
		.discard_granularity_bytes = cpu_to_le32(4096),
		.credit_bytes = cpu_to_le32(DST_PROTO_MIN_TRANSFER_BYTES),
		.credit_slots = cpu_to_le16(64),
		.max_lanes = cpu_to_le16(4),
	};
}

#define WELCOME(field, value, want) SET(dst_proto_welcome, field, value, want)

/* of every welcome, whatever it says */
static const struct change welcome_changes[] = {
	WELCOME(magic, DST_PROTO_HELLO_MAGIC, -EPROTO),
	WELCOME(export_uuid[0], 0xff, 0),
	WELCOME(boot_id[0], 0xff, 0),
	WELCOME(client_nonce[0], 0xff, 0),
	WELCOME(server_nonce[0], 0xff, 0),
	WELCOME(epoch, ~0ULL, 0),
	WELCOME(export_flags, ~0U, 0),
	WELCOME(drain_requests, ~0U, 0),
	WELCOME(drain_age_ms, ~0U, 0),
	WELCOME(holder[0], 'x', 0),
	WELCOME(holder[0], '\x1b', -EPROTO),
	WELCOME(holder[0], 0x9b, -EPROTO),
	WELCOME(holder[1], 'x', -EPROTO),
	WELCOME(holder[63], 'x', -EPROTO),
	WELCOME(reserved0, 1, -EPROTO),
	WELCOME(reserved[0], 1, -EPROTO),
	WELCOME(reserved[15], 0x80, -EPROTO),
};

/* of one that says OK */
static const struct change welcome_geometry[] = {
	WELCOME(version, DST_PROTO_VERSION_MIN - 1, -EPROTO),
	WELCOME(version, DST_PROTO_VERSION_MAX + 1, -EPROTO),
	WELCOME(features, DST_PROTO_F_ALL, 0),
	WELCOME(features, DST_PROTO_F_ALL + 1, -EPROTO),
	WELCOME(features, 1ULL << 63, -EPROTO),
	WELCOME(size_bytes, 0, -EPROTO),
	WELCOME(size_bytes, 1024, 0),
	WELCOME(size_bytes, 512, -EPROTO),
	WELCOME(size_bytes, (1 << 30) + 512, -EPROTO),
	WELCOME(size_bytes, (1ULL << 63) - 1024, 0),
	WELCOME(size_bytes, (1ULL << 63) - 1, -EPROTO),
	WELCOME(size_bytes, 1ULL << 63, -EPROTO),
	WELCOME(size_bytes, ~1023ULL, -EPROTO),
	WELCOME(logical_block_bytes, 0, -EPROTO),
	WELCOME(logical_block_bytes, 1, -EPROTO),
	WELCOME(logical_block_bytes, 256, -EPROTO),
	WELCOME(logical_block_bytes, 512, 0),
	WELCOME(logical_block_bytes, 1536, -EPROTO),
	WELCOME(logical_block_bytes, 4096, 0),
	/* above the physical one, then above all */
	WELCOME(logical_block_bytes, 8192, -EPROTO),
	WELCOME(logical_block_bytes, 1U << 31, -EPROTO),
	WELCOME(physical_block_bytes, 0, -EPROTO),
	WELCOME(physical_block_bytes, 512, -EPROTO),
	WELCOME(physical_block_bytes, 1024, 0),
	WELCOME(physical_block_bytes, 3072, -EPROTO),
	WELCOME(physical_block_bytes, 1 << 20, 0),
	WELCOME(physical_block_bytes, 1 << 21, -EPROTO),
	WELCOME(physical_block_bytes, 1U << 31, -EPROTO),
	WELCOME(io_min_bytes, 0, 0),
	WELCOME(io_min_bytes, 512, -EPROTO),
	WELCOME(io_min_bytes, ~0U, -EPROTO),
	WELCOME(io_opt_bytes, 0, 0),
	WELCOME(io_opt_bytes, 512, -EPROTO),
	WELCOME(io_opt_bytes, ~0U, -EPROTO),
	WELCOME(max_transfer_bytes, 0, -EPROTO),
	WELCOME(max_transfer_bytes, DST_PROTO_MIN_TRANSFER_BYTES - 4096,
		-EPROTO),
	/* more than the credits; the next table has them as large */
	WELCOME(max_transfer_bytes, DST_PROTO_MIN_TRANSFER_BYTES + 4096,
		-EPROTO),
	WELCOME(discard_granularity_bytes, 0, 0),
	WELCOME(discard_granularity_bytes, 512, -EPROTO),
	WELCOME(discard_granularity_bytes, ~0U, -EPROTO),
	WELCOME(credit_bytes, 0, -EPROTO),
	WELCOME(credit_bytes, DST_PROTO_MIN_TRANSFER_BYTES - 1, -EPROTO),
	WELCOME(credit_bytes, ~0U, 0),
	WELCOME(credit_slots, 0, -EPROTO),
	WELCOME(credit_slots, 1, 0),
	WELCOME(credit_slots, DST_PROTO_MAX_SLOTS, 0),
	WELCOME(credit_slots, DST_PROTO_MAX_SLOTS + 1, -EPROTO),
	WELCOME(credit_slots, 0xffff, -EPROTO),
	WELCOME(max_lanes, 0, -EPROTO),
	WELCOME(max_lanes, 1, 0),
	WELCOME(max_lanes, DST_PROTO_MAX_LANES, 0),
	WELCOME(max_lanes, DST_PROTO_MAX_LANES + 1, -EPROTO),
	WELCOME(max_lanes, 0xffff, -EPROTO),
};

static const struct change welcome_transfers[] = {
	WELCOME(max_transfer_bytes, DST_PROTO_MIN_TRANSFER_BYTES + 4096, 0),
	WELCOME(max_transfer_bytes, DST_PROTO_MIN_TRANSFER_BYTES + 512,
		-EPROTO),
	WELCOME(max_transfer_bytes, DST_PROTO_MAX_TRANSFER_BYTES, 0),
	WELCOME(max_transfer_bytes, DST_PROTO_MAX_TRANSFER_BYTES + 4096,
		-EPROTO),
	WELCOME(max_transfer_bytes, ~4095U, -EPROTO),
};

static void test_welcome(void **state)
{
	const struct dst_proto_welcome good = good_welcome();
	struct dst_proto_welcome welcome = good;

	(void)state;
	sealed(check_welcome, &good, sizeof(good));
	changed(check_welcome, &good, sizeof(good),
		welcome_changes, ARRAY_SIZE(welcome_changes));
	changed(check_welcome, &good, sizeof(good),
		welcome_geometry, ARRAY_SIZE(welcome_geometry));
	welcome.credit_bytes = cpu_to_le32(~0U);
	changed(check_welcome, &welcome, sizeof(welcome), welcome_transfers,
		ARRAY_SIZE(welcome_transfers));
}

/* A refusal tells nothing of the export; what it is, the client judges. */
static void test_welcome_refusal(void **state)
{
	struct dst_proto_welcome welcome = {
		.magic = cpu_to_le32(DST_PROTO_WELCOME_MAGIC),
	};
	int status;

	(void)state;
	dst_wire_seal(&welcome, sizeof(welcome));
	assert_int_equal(dst_wire_check_welcome(&welcome), -EPROTO);
	for (status = 1; status < 256; status++) {
		welcome.status = status;
		sealed(check_welcome, &welcome, sizeof(welcome));
		changed(check_welcome, &welcome, sizeof(welcome),
			welcome_changes, ARRAY_SIZE(welcome_changes));
	}
}

static int check_request(const void *header)
{
	return dst_wire_check_request(header);
}

#define REQUEST(field, value, want) SET(dst_proto_request, field, value, want)

/* of a request of any kind */
static const struct change request_changes[] = {
	REQUEST(magic, DST_PROTO_REPLY_MAGIC, -EPROTO),
	REQUEST(op, 0, -EPROTO),
	REQUEST(op, DST_PROTO_OP_BYE + 1, -EPROTO),
	REQUEST(op, DST_PROTO_OP_RESIZED, -EPROTO),
	REQUEST(op, 0xff, -EPROTO),
	REQUEST(flags, DST_PROTO_REQ_ALL + 1, -EPROTO),
	REQUEST(flags, 0x80, -EPROTO),
	REQUEST(tag, 0xffff, 0),
	REQUEST(id, ~0ULL, 0),
	REQUEST(reserved, 1, -EPROTO),
	REQUEST(reserved, 1ULL << 63, -EPROTO),
	REQUEST(reserved1, 1, -EPROTO),
	REQUEST(reserved1, 1U << 31, -EPROTO),
};

/* of READ and WRITE, of what only names a range, of what names none */
static const struct change data_changes[] = {
	REQUEST(sector, ~0ULL, 0),
	REQUEST(length_bytes, 0, 0),
	REQUEST(length_bytes, 1, 0),
	REQUEST(length_bytes, DST_PROTO_MAX_TRANSFER_BYTES, 0),
	REQUEST(length_bytes, DST_PROTO_MAX_TRANSFER_BYTES + 1, -EPROTO),
	REQUEST(length_bytes, ~0U, -EPROTO),
};

static const struct change range_changes[] = {
	REQUEST(sector, ~0ULL, 0),
	REQUEST(length_bytes, 0, 0),
	REQUEST(length_bytes, ~0U, 0),
};

static const struct change bare_changes[] = {
	REQUEST(sector, 1, -EPROTO),
	REQUEST(sector, 1ULL << 63, -EPROTO),
	REQUEST(length_bytes, 1, -EPROTO),
	REQUEST(length_bytes, ~0U, -EPROTO),
};

struct op {
	u8 op;
	u8 flags;		/* that it may have */
	const struct change *changes;
	size_t nr_changes;
};

#define OP(name, flags, changes) \
	{ DST_PROTO_OP_##name, flags, changes, ARRAY_SIZE(changes) }

static const struct op ops[] = {
	OP(READ, 0, data_changes),
	OP(WRITE, DST_PROTO_REQ_FUA | DST_PROTO_REQ_PREFLUSH, data_changes),
	OP(FLUSH, 0, bare_changes),
	OP(DISCARD, DST_PROTO_REQ_FUA, range_changes),
	OP(WRITE_ZEROES, DST_PROTO_REQ_FUA | DST_PROTO_REQ_NOUNMAP,
	   range_changes),
	OP(HASH, 0, range_changes),
	OP(PING, 0, bare_changes),
	OP(BYE, 0, bare_changes),
};

static void test_request(void **state)
{
	struct dst_proto_request req = {
		.magic = cpu_to_le32(DST_PROTO_REQUEST_MAGIC),
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		req.op = ops[i].op;
		sealed(check_request, &req, sizeof(req));
		changed(check_request, &req, sizeof(req), request_changes,
			ARRAY_SIZE(request_changes));
		changed(check_request, &req, sizeof(req), ops[i].changes,
			ops[i].nr_changes);
	}
}

/* Only a WRITE brings data, and so a checksum of data. */
static void test_request_flags(void **state)
{
	struct dst_proto_request req = {
		.magic = cpu_to_le32(DST_PROTO_REQUEST_MAGIC),
	};
	unsigned int flags;
	int want;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		req.op = ops[i].op;
		for (flags = 0; flags < 256; flags++) {
			req.flags = flags;
			want = flags & ~ops[i].flags ? -EPROTO : 0;
			dst_wire_seal(&req, sizeof(req));
			if (dst_wire_check_request(&req) != want)
				fail_msg("op %u, flags %#x: not %d", req.op,
					 flags, want);
		}
		req.flags = 0;
		req.data_crc = cpu_to_le32(1);
		want = req.op == DST_PROTO_OP_WRITE ? 0 : -EPROTO;
		dst_wire_seal(&req, sizeof(req));
		assert_int_equal(dst_wire_check_request(&req), want);
		req.data_crc = 0;
	}
}

static void test_kinds(void **state)
{
	unsigned int op;

	(void)state;
	for (op = 0; op < 256; op++) {
		assert_int_equal(dst_wire_has_data(op), op == 1 || op == 2);
		assert_int_equal(dst_wire_is_modification(op),
				 op == 2 || op == 4 || op == 5);
	}
}

#define SECTORS		2048		/* of the export below */

static const struct dst_wire_limits limits = {
	.size_bytes = SECTORS * 512,
	.block_bytes = 512,
	.max_transfer_bytes = 65536,
	.discard = true,
	.write_zeroes = true,
};

static void bounds(const struct dst_wire_limits *lim, u8 op, u64 sector,
		   u32 len, enum dst_proto_status want)
{
	const struct dst_proto_request req = {
		.op = op,
		.sector = cpu_to_le64(sector),
		.length_bytes = cpu_to_le32(len),
	};
	enum dst_proto_status got = dst_wire_check_bounds(&req, lim);

	if (got != want)
		fail_msg("op %u at %#llx, %u bytes: %u, not %u", op, sector,
			 len, got, want);
}

static const u8 range_ops[] = {
	DST_PROTO_OP_READ, DST_PROTO_OP_WRITE, DST_PROTO_OP_DISCARD,
	DST_PROTO_OP_WRITE_ZEROES, DST_PROTO_OP_HASH,
};

static void valid(const struct dst_wire_limits *lim, u64 sector, u32 len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(range_ops); i++)
		bounds(lim, range_ops[i], sector, len, DST_PROTO_ST_OK);
}

static void invalid(const struct dst_wire_limits *lim, u64 sector, u32 len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(range_ops); i++)
		bounds(lim, range_ops[i], sector, len, DST_PROTO_ST_INVALID);
}

static void test_bounds_end(void **state)
{
	(void)state;
	valid(&limits, 0, 512);
	valid(&limits, 0, 65536);
	valid(&limits, SECTORS - 1, 512);
	valid(&limits, SECTORS - 128, 65536);
	invalid(&limits, SECTORS - 1, 1024);
	invalid(&limits, SECTORS - 127, 65536);
	invalid(&limits, SECTORS, 512);
	invalid(&limits, SECTORS, 65536);
	invalid(&limits, SECTORS + 1, 512);
	/* nothing is no request, wherever */
	invalid(&limits, 0, 0);
	invalid(&limits, SECTORS - 1, 0);
	invalid(&limits, SECTORS, 0);
}

/* Sectors whose bytes do not fit into 64 bits, and sums that do not. */
static void test_bounds_overflow(void **state)
{
	struct dst_wire_limits huge = limits;
	static const u64 sectors[] = {
		1ULL << 54, (1ULL << 55) - 128, (1ULL << 55) - 1, 1ULL << 55,
		(1ULL << 55) + 1, 1ULL << 63, ~0ULL - 1, ~0ULL,
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sectors); i++) {
		invalid(&limits, sectors[i], 512);
		invalid(&limits, sectors[i], 65536);
		invalid(&limits, sectors[i], 0xfffffe00);
	}

	/* the largest that a welcome may announce, and the largest at all */
	huge.size_bytes = (1ULL << 63) - 512;
	valid(&huge, (1ULL << 54) - 2, 512);
	invalid(&huge, (1ULL << 54) - 2, 1024);
	invalid(&huge, (1ULL << 54) - 1, 512);
	huge.size_bytes = ~511ULL;
	valid(&huge, (1ULL << 55) - 2, 512);
	invalid(&huge, (1ULL << 55) - 2, 1024);
	invalid(&huge, (1ULL << 55) - 1, 512);
	invalid(&huge, 1ULL << 55, 512);
}

static void test_bounds_aligned(void **state)
{
	struct dst_wire_limits lim = limits;
	u32 off;

	(void)state;
	for (off = 1; off < 512; off++)
		invalid(&lim, 8, off);
	invalid(&lim, 8, 513);
	valid(&lim, 7, 1536);

	lim.block_bytes = 4096;
	valid(&lim, 8, 8192);
	valid(&lim, SECTORS - 8, 4096);
	for (off = 1; off < 8; off++) {
		invalid(&lim, 8 + off, 4096);
		invalid(&lim, 8, off * 512);
		invalid(&lim, 8, 4096 + off * 512);
		/* wrong both ways, in all right */
		invalid(&lim, 8 + off, 8192 - off * 512);
		invalid(&lim, SECTORS - 8 + off, 4096 - off * 512);
	}
	/* a size that is no multiple: the rest is not there */
	lim.size_bytes -= 512;
	invalid(&lim, SECTORS - 8, 4096);
	valid(&lim, SECTORS - 16, 4096);
}

/* READ and WRITE end at the client's limit, ranges at the protocol's. */
static void test_bounds_length(void **state)
{
	const u32 range = DST_PROTO_MAX_RANGE_BYTES;
	struct dst_wire_limits lim = limits;
	enum dst_proto_status want;
	size_t i;
	u8 op;

	(void)state;
	lim.size_bytes = 1ULL << 40;
	for (i = 0; i < ARRAY_SIZE(range_ops); i++) {
		op = range_ops[i];
		want = dst_wire_has_data(op) ? DST_PROTO_ST_INVALID :
					       DST_PROTO_ST_OK;
		bounds(&lim, op, 8, 65536, DST_PROTO_ST_OK);
		bounds(&lim, op, 8, 65536 + 512, want);
		bounds(&lim, op, 8, range, want);
		bounds(&lim, op, 8, range + 512, DST_PROTO_ST_INVALID);
		bounds(&lim, op, 8, 0xfffffe00, DST_PROTO_ST_INVALID);
	}
}

/* What the export or the client may not is not done, in bounds or not. */
static void test_bounds_rights(void **state)
{
	struct dst_wire_limits lim = limits;
	enum dst_proto_status want;
	size_t i;
	u8 op;

	(void)state;
	lim.read_only = true;
	for (i = 0; i < ARRAY_SIZE(range_ops); i++) {
		op = range_ops[i];
		want = dst_wire_is_modification(op) ? DST_PROTO_ST_READ_ONLY :
						      DST_PROTO_ST_OK;
		bounds(&lim, op, 0, 512, want);
		if (want == DST_PROTO_ST_OK)
			want = DST_PROTO_ST_INVALID;
		bounds(&lim, op, SECTORS, 512, want);
	}

	lim = limits;
	lim.discard = false;
	bounds(&lim, DST_PROTO_OP_DISCARD, 0, 512, DST_PROTO_ST_NOTSUPP);
	bounds(&lim, DST_PROTO_OP_DISCARD, SECTORS, 512, DST_PROTO_ST_NOTSUPP);
	bounds(&lim, DST_PROTO_OP_WRITE_ZEROES, 0, 512, DST_PROTO_ST_OK);
	lim.discard = true;
	lim.write_zeroes = false;
	bounds(&lim, DST_PROTO_OP_DISCARD, 0, 512, DST_PROTO_ST_OK);
	bounds(&lim, DST_PROTO_OP_WRITE_ZEROES, 0, 512, DST_PROTO_ST_NOTSUPP);
	bounds(&lim, DST_PROTO_OP_WRITE, 0, 512, DST_PROTO_ST_OK);

	lim.read_only = true;
	bounds(&lim, DST_PROTO_OP_FLUSH, 0, 0, DST_PROTO_ST_OK);
	bounds(&lim, DST_PROTO_OP_PING, 0, 0, DST_PROTO_ST_OK);
	bounds(&lim, DST_PROTO_OP_BYE, 0, 0, DST_PROTO_ST_OK);
}

static int check_reply(const void *header)
{
	return dst_wire_check_reply(header);
}

#define REPLY(field, value, want) SET(dst_proto_reply, field, value, want)

static const struct change reply_changes[] = {
	REPLY(magic, DST_PROTO_REQUEST_MAGIC, -EPROTO),
	/* what it answers, the lane knows */
	REPLY(op, 0, 0),
	REPLY(op, DST_PROTO_OP_RESIZED, 0),
	REPLY(op, 0xff, 0),
	REPLY(tag, 0xffff, 0),
	REPLY(id, ~0ULL, 0),
	REPLY(data_crc, ~0U, 0),
	REPLY(credit_bytes, ~0U, 0),
	REPLY(credit_slots, 0xffff, 0),
	REPLY(status, DST_PROTO_ST_RESOURCE, 0),
	REPLY(status, DST_PROTO_ST_NR, -EPROTO),
	REPLY(status, 0xff, -EPROTO),
	REPLY(flags, DST_PROTO_REPLY_DURABLE, 0),
	REPLY(flags, DST_PROTO_REPLY_DURABLE << 1, -EPROTO),
	REPLY(flags, 0x8000, -EPROTO),
	REPLY(length_bytes, DST_PROTO_MAX_TRANSFER_BYTES, 0),
	REPLY(length_bytes, DST_PROTO_MAX_TRANSFER_BYTES + 1, -EPROTO),
	REPLY(length_bytes, ~0U, -EPROTO),
	REPLY(reserved, 1, -EPROTO),
	REPLY(reserved, 1U << 31, -EPROTO),
};

static void test_reply(void **state)
{
	const struct dst_proto_reply reply = {
		.magic = cpu_to_le32(DST_PROTO_REPLY_MAGIC),
		.op = DST_PROTO_OP_READ,
	};

	(void)state;
	sealed(check_reply, &reply, sizeof(reply));
	changed(check_reply, &reply, sizeof(reply), reply_changes,
		ARRAY_SIZE(reply_changes));
}

/* The first of the 4 or 16 bytes that count; no more may be looked at. */
static bool matches(const u8 *addr, const u8 *net, size_t size,
		    unsigned int prefix_len)
{
	u8 *a = malloc(size), *n = malloc(size);
	bool match;

	assert_non_null(a);
	assert_non_null(n);
	memcpy(a, addr, size);
	memcpy(n, net, size);
	match = dst_wire_prefix_match(a, n, prefix_len);
	free(a);
	free(n);
	return match;
}

/* With bit N of the address flipped it is in networks of up to N bits. */
static void prefixes(const u8 *net, size_t size)
{
	unsigned int len, bit;
	u8 addr[16];

	memcpy(addr, net, size);
	for (len = 0; len <= size * 8; len++) {
		assert_true(matches(addr, net, size, len));
		for (bit = 0; bit < size * 8; bit++) {
			addr[bit / 8] ^= 0x80 >> bit % 8;
			if (matches(addr, net, size, len) != (bit >= len))
				fail_msg("/%u, bit %u flipped", len, bit);
			addr[bit / 8] ^= 0x80 >> bit % 8;
		}
	}
}

static void test_prefix(void **state)
{
	static const u8 v4[4] = { 192, 0, 2, 129 }, low[4] = { 127 };
	static const u8 high[4] = { 128 }, next[4] = { 192, 0, 2, 128 };
	static const u8 v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0x81 };

	(void)state;
	assert_true(matches(v4, low, 4, 0));
	assert_true(matches(v4, high, 4, 1));
	assert_false(matches(v4, low, 4, 1));
	assert_false(matches(v4, high, 4, 8));
	assert_true(matches(v4, next, 4, 31));
	assert_false(matches(v4, next, 4, 32));
	assert_true(matches(v4, v4, 4, 32));
	prefixes(v4, sizeof(v4));
	prefixes(v6, sizeof(v6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_welcome),
		cmocka_unit_test(test_welcome_refusal),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_request_flags),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_bounds_end),
		cmocka_unit_test(test_bounds_overflow),
		cmocka_unit_test(test_bounds_aligned),
		cmocka_unit_test(test_bounds_length),
		cmocka_unit_test(test_bounds_rights),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_prefix),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
