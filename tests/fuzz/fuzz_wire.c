// SPDX-License-Identifier: GPL-2.0-only
/*
 * No header, sealed as an attacker would seal it, is taken for one that asks
 * for or promises what is out of bounds. What is in bounds is worked out here
 * once more, in 128 bits, and must be the same in both directions.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include "../../dst_wire.h"

/* Edits as change_one() reads them: where, how, with what. */
const char * const fuzz_words[] = {
	/* op, flags, sector, length of a request */
	"\x05\x04\x01", "\x05\x04\x02", "\x05\x04\x04", "\x05\x04\x05",
	"\x05\x04\x06", "\x06\x04\x01", "\x06\x04\x04", "\x11\x07\x11",
	"\x11\x07\x12", "\x11\x07\x15", "\x11\x07\x18", "\x11\x03\x07",
	"\x19\x06\x05", "\x19\x06\x08", "\x19\x06\x0b", "\x19\x06\x0d",
	"\x19\x02\x07", "\x1d\x06\x01",
	/* sizes of a welcome; names of a hello */
	"\x59\x07\x10", "\x59\x07\x13", "\x61\x06\x07", "\x65\x06\x08",
	"\x65\x06\x0f", "\x71\x06\x0c", "\x7d\x06\x0d", "\x81\x04\x10", "\x99\x04\x41",
	"\x01", "\x02", "\x03", "\x40", "\x7f", "\x80", "\xff", NULL
};

static const __u64 values[] = {
	0, 1, 2, 127, 511, 512, 1023, 1024, 4096, 4097, 65535, 65536,
	65536 + 512, 1 << 20, (1 << 20) + 1, 1 << 28, (1 << 28) + 512,
	1ULL << 32, (1ULL << 32) - 512, (1ULL << 54) - 1, 1ULL << 54,
	(1ULL << 55) - 1, 1ULL << 55, (1ULL << 63) - 4096, 1ULL << 63,
	~511ULL, ~0ULL,
};

#define NR_VALUES	(sizeof(values) / sizeof(values[0]))

static void check(bool good)
{
	if (!good)
		abort();
}

/* Three bytes of input: a byte or a field of the header gets another value. */
static void change_one(__u8 *header, size_t len, const __u8 edit[3])
{
	size_t at = (edit[0] - 1U) % len, size = 1U << edit[1] % 4;
	__u64 old = 0, value;

	if (size > len - at)
		size = len - at;
	memcpy(&old, header + at, size);
	old = le64_to_cpu(old);
	switch (edit[1] / 4 % 4) {
	case 0:
		value = old + edit[2];
		break;
	case 1:
		value = size == 1 ? edit[2] : values[edit[2] % NR_VALUES];
		break;
	case 2:
		value = old - edit[2];
		break;
	default:
		value = old ^ 1ULL << edit[2] % (size * 8);
	}
	value = cpu_to_le64(value);
	memcpy(header + at, &value, size);
}

/* Edits and seals it; a last, third part of an edit spoils it once more. */
static bool change(void *header, size_t len, const __u8 *data, size_t size)
{
	for (; size >= 3; data += 3, size -= 3)
		change_one(header, len, data);
	dst_wire_seal(header, len);
	if (size != 1)
		return true;
	((__u8 *)header)[*data % len] ^= 1 << *data % 8;
	return false;
}

/* All of it text of one line, up to the end of the field. */
static bool is_name(const char *name, size_t len)
{
	size_t i, end = 0;

	for (i = 0; i < len; i++) {
		if (!name[i])
			continue;
		if (i != end || name[i] < 0x20 || name[i] > 0x7e)
			return false;
		end = i + 1;
	}
	return end < len;
}

static bool is_zero(const void *data, size_t len)
{
	const __u8 *byte = data;

	while (len--)
		if (*byte++)
			return false;
	return true;
}

static void fuzz_hello(const __u8 *data, size_t size)
{
	struct dst_proto_hello hello = {
		.magic = cpu_to_le32(DST_PROTO_HELLO_MAGIC),
		.initiator = { 1 },
		.device = { 1 },
		.generation = cpu_to_le64(1),
		.export = "disk",
		.host = "alpha",
	};
	bool sealed = change(&hello, sizeof(hello), data, size);

	if (dst_wire_check_hello(&hello))
		return;
	check(sealed);
	check(le32_to_cpu(hello.magic) == DST_PROTO_HELLO_MAGIC);
	check(le16_to_cpu(hello.lane) < DST_PROTO_MAX_LANES);
	check(le32_to_cpu(hello.flags) <= DST_PROTO_HELLO_ALL);
	check(memchr(hello.export, 0, sizeof(hello.export)));
	check(is_name(hello.host, sizeof(hello.host)));
	check(is_zero(hello.reserved, sizeof(hello.reserved)));
	check(hello.generation);
	check(!is_zero(hello.initiator, sizeof(hello.initiator)));
	check(!is_zero(hello.device, sizeof(hello.device)));
}

static bool is_power(__u64 value, __u64 least, __u64 most)
{
	__u64 power;

	for (power = least; power <= most; power *= 2)
		if (value == power)
			return true;
	return false;
}

static void check_welcome(const struct dst_proto_welcome *w)
{
	__u32 block = le32_to_cpu(w->logical_block_bytes);
	__u32 transfer = le32_to_cpu(w->max_transfer_bytes);
	__u64 size = le64_to_cpu(w->size_bytes);

	check(is_power(block, 512, 4096));
	check(is_power(le32_to_cpu(w->physical_block_bytes), block, 1 << 20));
	check(size >= block && size % block == 0 && size >> 63 == 0);
	check(transfer >= 65536 && transfer <= 1 << 20);
	check(transfer % 4096 == 0);
	check(le32_to_cpu(w->credit_bytes) >= transfer);
	check(le16_to_cpu(w->credit_slots) - 1U < DST_PROTO_MAX_SLOTS);
	check(le16_to_cpu(w->max_lanes) - 1U < DST_PROTO_MAX_LANES);
	check(le32_to_cpu(w->discard_granularity_bytes) % block == 0);
	check(le32_to_cpu(w->io_min_bytes) % block == 0);
	check(le32_to_cpu(w->io_opt_bytes) % block == 0);
	check(le64_to_cpu(w->features) <= DST_PROTO_F_ALL);
}

static void fuzz_welcome(const __u8 *data, size_t size)
{
	struct dst_proto_welcome w = {
		.magic = cpu_to_le32(DST_PROTO_WELCOME_MAGIC),
		.size_bytes = cpu_to_le64(1 << 30),
		.logical_block_bytes = cpu_to_le32(512),
		.physical_block_bytes = cpu_to_le32(4096),
		.max_transfer_bytes = cpu_to_le32(65536),
		.credit_bytes = cpu_to_le32(1 << 20),
		.credit_slots = cpu_to_le16(64),
		.max_lanes = cpu_to_le16(4),
	};
	bool sealed = change(&w, sizeof(w), data, size);

	if (dst_wire_check_welcome(&w))
		return;
	check(sealed);
	check(le32_to_cpu(w.magic) == DST_PROTO_WELCOME_MAGIC);
	check(is_name(w.holder, sizeof(w.holder)));
	check(!w.reserved0 && is_zero(w.reserved, sizeof(w.reserved)));
	if (!w.status)
		check_welcome(&w);
}

static void fuzz_reply(const __u8 *data, size_t size)
{
	struct dst_proto_reply reply = {
		.magic = cpu_to_le32(DST_PROTO_REPLY_MAGIC),
	};
	bool sealed = change(&reply, sizeof(reply), data, size);

	if (dst_wire_check_reply(&reply))
		return;
	check(sealed);
	check(le32_to_cpu(reply.magic) == DST_PROTO_REPLY_MAGIC);
	check(reply.status < DST_PROTO_ST_NR);
	check(le16_to_cpu(reply.flags) <= DST_PROTO_REPLY_DURABLE);
	check(le32_to_cpu(reply.length_bytes) <= 1 << 20);
	check(!reply.reserved);
}

/* A request that a lane goes on after. */
static void check_request(const struct dst_proto_request *req)
{
	static const __u8 flags[] = {
		[DST_PROTO_OP_WRITE] = 3, [DST_PROTO_OP_DISCARD] = 1,
		[DST_PROTO_OP_WRITE_ZEROES] = 5, [DST_PROTO_OP_BYE] = 0,
	};
	__u32 len = le32_to_cpu(req->length_bytes);

	check(le32_to_cpu(req->magic) == DST_PROTO_REQUEST_MAGIC);
	check(req->op >= DST_PROTO_OP_READ && req->op <= DST_PROTO_OP_BYE);
	check(!(req->flags & ~flags[req->op]));
	check(!req->reserved && !req->reserved1);
	check(req->op == DST_PROTO_OP_WRITE || !req->data_crc);
	check(!dst_wire_has_data(req->op) || len <= 1 << 20);
}

/* Whether it lies on the export, with numbers that do not overflow. */
static bool is_inside(const struct dst_proto_request *req,
		      const struct dst_wire_limits *lim)
{
	unsigned __int128 start = le64_to_cpu(req->sector);
	__u32 len = le32_to_cpu(req->length_bytes);
	__u32 max = dst_wire_has_data(req->op) ? lim->max_transfer_bytes :
						 1 << 28;

	start *= 512;
	return len && len <= max && start + len <= lim->size_bytes &&
	       start % lim->block_bytes == 0 && len % lim->block_bytes == 0;
}

static bool is_allowed(__u8 op, const struct dst_wire_limits *lim)
{
	switch (op) {
	case DST_PROTO_OP_WRITE:
		return !lim->read_only;
	case DST_PROTO_OP_DISCARD:
		return !lim->read_only && lim->discard;
	case DST_PROTO_OP_WRITE_ZEROES:
		return !lim->read_only && lim->write_zeroes;
	default:
		return true;
	}
}

static bool is_bare(__u8 op)
{
	return op == DST_PROTO_OP_FLUSH || op == DST_PROTO_OP_PING ||
	       op == DST_PROTO_OP_BYE;
}

static void fuzz_request(const __u8 *data, size_t size, __u8 rights,
			 __u8 geometry)
{
	struct dst_wire_limits lim = {
		.size_bytes = values[geometry % NR_VALUES] & ~4095ULL,
		.block_bytes = 512 << geometry % 4,
		.max_transfer_bytes = 65536 << rights / 8 % 5,
		.read_only = rights & 1,
		.discard = rights & 2,
		.write_zeroes = rights & 4,
	};
	struct dst_proto_request req = {
		.magic = cpu_to_le32(DST_PROTO_REQUEST_MAGIC),
		.op = 1 + geometry % 8,
	};
	bool sealed, good;

	if (!is_bare(req.op)) {
		req.length_bytes = cpu_to_le32(lim.block_bytes);
		req.sector = cpu_to_le64(lim.size_bytes / 512 -
					 lim.block_bytes / 512);
	}
	sealed = change(&req, sizeof(req), data, size);
	if (dst_wire_check_request(&req))
		return;
	check(sealed);
	check_request(&req);
	good = is_bare(req.op) ? !req.sector && !req.length_bytes :
	       is_inside(&req, &lim) && is_allowed(req.op, &lim);
	check(good == (dst_wire_check_bounds(&req, &lim) == DST_PROTO_ST_OK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	switch (data[0] % 8) {
	case 0:
		fuzz_hello(data + 3, size - 3);
		break;
	case 1:
		fuzz_welcome(data + 3, size - 3);
		break;
	case 2:
		fuzz_reply(data + 3, size - 3);
		break;
	default:
		fuzz_request(data + 3, size - 3, data[1], data[2]);
	}
	return 0;
}
