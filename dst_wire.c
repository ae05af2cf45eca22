// SPDX-License-Identifier: GPL-2.0-only
/*
 * What may be on the wire: every header from the network passes through here
 * before anything else looks at it. Pure code; tests/unit and tests/fuzz build
 * it in userspace.
 */
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/string.h>

#ifdef __KERNEL__
#include "dst_compat.h"
#else
#define dst_compat_crc32c crc32c
#endif
#include "dst_proto.h"
#include "dst_wire.h"

static u32 dst_wire_crc(const void *header, size_t len)
{
	return ~dst_compat_crc32c(~0U, header, len - sizeof(__le32));
}

/**
 * dst_wire_seal - put the checksum at the end of a header
 * @header: any header of dst_proto.h, complete but for its header_crc
 * @len: its size in bytes
 */
void dst_wire_seal(void *header, size_t len)
{
	__le32 *crc = header + len - sizeof(*crc);

	*crc = cpu_to_le32(dst_wire_crc(header, len));
}

static bool dst_wire_sealed(const void *header, size_t len)
{
	const __le32 *crc = header + len - sizeof(*crc);

	return le32_to_cpu(*crc) == dst_wire_crc(header, len);
}

static bool dst_wire_is_text(const char *text, size_t len)
{
	size_t i = strnlen(text, len);

	if (i == len)
		return false;
	for (; i < len; i++)
		if (text[i])
			return false;
	return true;
}

/* It will be shown to people, in logs and on terminals. */
static bool dst_wire_is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static bool dst_wire_is_block_size(u32 bytes)
{
	return bytes >= DST_PROTO_SECTOR_BYTES &&
	       bytes <= DST_PROTO_MAX_BLOCK_BYTES && !(bytes & (bytes - 1));
}

/**
 * dst_wire_check_hello - is this a hello that makes sense?
 * @hello: as received
 *
 * Return: 0, -EPROTO if it is no hello at all (do not answer), -EINVAL if it
 * is one that this version cannot accept.
 */
int dst_wire_check_hello(const struct dst_proto_hello *hello)
{
	u16 lane = le16_to_cpu(hello->lane);

	if (le32_to_cpu(hello->magic) != DST_PROTO_HELLO_MAGIC ||
	    !dst_wire_sealed(hello, sizeof(*hello)))
		return -EPROTO;
	if (memchr_inv(hello->reserved, 0, sizeof(hello->reserved)) ||
	    le32_to_cpu(hello->flags) & ~DST_PROTO_HELLO_ALL ||
	    lane >= DST_PROTO_MAX_LANES || !hello->generation ||
	    !dst_wire_is_text(hello->export, sizeof(hello->export)) ||
	    !dst_wire_is_text(hello->host, sizeof(hello->host)) ||
	    !dst_wire_is_printable(hello->host) ||
	    !memchr_inv(hello->initiator, 0, sizeof(hello->initiator)) ||
	    !memchr_inv(hello->device, 0, sizeof(hello->device)))
		return -EINVAL;
	return 0;
}

static bool dst_wire_welcome_fits(const struct dst_proto_welcome *w)
{
	u32 block = le32_to_cpu(w->logical_block_bytes);
	u32 physical = le32_to_cpu(w->physical_block_bytes);
	u32 transfer = le32_to_cpu(w->max_transfer_bytes);
	u64 size = le64_to_cpu(w->size_bytes);

	return le16_to_cpu(w->version) >= DST_PROTO_VERSION_MIN &&
	       le16_to_cpu(w->version) <= DST_PROTO_VERSION_MAX &&
	       dst_wire_is_block_size(block) &&
	       physical >= block && !(physical & (physical - 1)) &&
	       physical <= DST_PROTO_MAX_TRANSFER_BYTES &&
	       transfer >= DST_PROTO_MIN_TRANSFER_BYTES &&
	       transfer <= DST_PROTO_MAX_TRANSFER_BYTES &&
	       !(transfer & (DST_PROTO_MAX_BLOCK_BYTES - 1)) &&
	       size && !(size & (block - 1)) && size <= S64_MAX &&
	       !(le32_to_cpu(w->discard_granularity_bytes) & (block - 1)) &&
	       !(le32_to_cpu(w->io_min_bytes) & (block - 1)) &&
	       !(le32_to_cpu(w->io_opt_bytes) & (block - 1)) &&
	       le32_to_cpu(w->credit_bytes) >= transfer &&
	       w->credit_slots &&
	       le16_to_cpu(w->credit_slots) <= DST_PROTO_MAX_SLOTS &&
	       w->max_lanes &&
	       le16_to_cpu(w->max_lanes) <= DST_PROTO_MAX_LANES &&
	       !(le64_to_cpu(w->features) & ~DST_PROTO_F_ALL);
}

/**
 * dst_wire_check_welcome - is this an answer that a client can work with?
 * @w: as received
 *
 * Return: 0 or -EPROTO.
 */
int dst_wire_check_welcome(const struct dst_proto_welcome *w)
{
	if (le32_to_cpu(w->magic) != DST_PROTO_WELCOME_MAGIC ||
	    !dst_wire_sealed(w, sizeof(*w)) || w->reserved0 ||
	    memchr_inv(w->reserved, 0, sizeof(w->reserved)) ||
	    !dst_wire_is_text(w->holder, sizeof(w->holder)) ||
	    !dst_wire_is_printable(w->holder))
		return -EPROTO;
	if (w->status != DST_PROTO_JOIN_OK)
		return 0;
	return dst_wire_welcome_fits(w) ? 0 : -EPROTO;
}

static u8 dst_wire_allowed_flags(u8 op)
{
	switch (op) {
	case DST_PROTO_OP_WRITE:
		return DST_PROTO_REQ_FUA | DST_PROTO_REQ_PREFLUSH;
	case DST_PROTO_OP_DISCARD:
		return DST_PROTO_REQ_FUA;
	case DST_PROTO_OP_WRITE_ZEROES:
		return DST_PROTO_REQ_FUA | DST_PROTO_REQ_NOUNMAP;
	default:
		return 0;
	}
}

/**
 * dst_wire_check_request - can what follows on this lane still be understood?
 * @req: as received
 *
 * Return: 0, or -EPROTO for a header after which the lane must be closed.
 * Whether the request itself may be executed is dst_wire_check_bounds()'s
 * question.
 */
int dst_wire_check_request(const struct dst_proto_request *req)
{
	u32 len = le32_to_cpu(req->length_bytes);

	if (le32_to_cpu(req->magic) != DST_PROTO_REQUEST_MAGIC ||
	    !dst_wire_sealed(req, sizeof(*req)) ||
	    req->reserved || req->reserved1 ||
	    req->flags & ~dst_wire_allowed_flags(req->op) ||
	    (req->op != DST_PROTO_OP_WRITE && req->data_crc))
		return -EPROTO;

	switch (req->op) {
	case DST_PROTO_OP_READ:
	case DST_PROTO_OP_WRITE:
		return len <= DST_PROTO_MAX_TRANSFER_BYTES ? 0 : -EPROTO;
	case DST_PROTO_OP_DISCARD:
	case DST_PROTO_OP_WRITE_ZEROES:
	case DST_PROTO_OP_HASH:
		return 0;
	case DST_PROTO_OP_FLUSH:
	case DST_PROTO_OP_PING:
	case DST_PROTO_OP_BYE:
		return len || req->sector ? -EPROTO : 0;
	default:
		return -EPROTO;
	}
}

static bool dst_wire_in_bounds(u64 sector, u32 len,
			       const struct dst_wire_limits *lim)
{
	u64 start;

	if (sector > lim->size_bytes / DST_PROTO_SECTOR_BYTES)
		return false;
	start = sector * DST_PROTO_SECTOR_BYTES;
	return len && !((start | len) & (lim->block_bytes - 1)) &&
	       len <= lim->size_bytes - start;
}

/**
 * dst_wire_check_bounds - may this request be executed on this export?
 * @req: passed dst_wire_check_request()
 * @lim: of the export and of this client
 *
 * Return: OK, or the status to refuse it with.
 */
enum dst_proto_status
dst_wire_check_bounds(const struct dst_proto_request *req,
		      const struct dst_wire_limits *lim)
{
	u32 len = le32_to_cpu(req->length_bytes);
	u32 max = DST_PROTO_MAX_RANGE_BYTES;

	switch (req->op) {
	case DST_PROTO_OP_FLUSH:
	case DST_PROTO_OP_PING:
	case DST_PROTO_OP_BYE:
		return DST_PROTO_ST_OK;
	case DST_PROTO_OP_DISCARD:
		if (!lim->discard)
			return DST_PROTO_ST_NOTSUPP;
		break;
	case DST_PROTO_OP_WRITE_ZEROES:
		if (!lim->write_zeroes)
			return DST_PROTO_ST_NOTSUPP;
		break;
	case DST_PROTO_OP_READ:
	case DST_PROTO_OP_WRITE:
		max = lim->max_transfer_bytes;
		break;
	}
	if (lim->read_only && dst_wire_is_modification(req->op))
		return DST_PROTO_ST_READ_ONLY;
	if (len > max ||
	    !dst_wire_in_bounds(le64_to_cpu(req->sector), len, lim))
		return DST_PROTO_ST_INVALID;
	return DST_PROTO_ST_OK;
}

/**
 * dst_wire_check_reply - is this a reply that makes sense by itself?
 * @reply: as received
 *
 * Return: 0, or -EPROTO for a header after which the lane must be closed.
 */
int dst_wire_check_reply(const struct dst_proto_reply *reply)
{
	if (le32_to_cpu(reply->magic) != DST_PROTO_REPLY_MAGIC ||
	    !dst_wire_sealed(reply, sizeof(*reply)) || reply->reserved ||
	    reply->status >= DST_PROTO_ST_NR ||
	    le16_to_cpu(reply->flags) & ~DST_PROTO_REPLY_DURABLE ||
	    le32_to_cpu(reply->length_bytes) > DST_PROTO_MAX_TRANSFER_BYTES)
		return -EPROTO;
	return 0;
}

/**
 * dst_wire_prefix_match - does an address lie in a network?
 * @addr: address, network order, at least @prefix_len bits
 * @prefix: address of the network, likewise
 * @prefix_len: bits of @prefix that count
 */
bool dst_wire_prefix_match(const u8 *addr, const u8 *prefix,
			   unsigned int prefix_len)
{
	unsigned int bytes = prefix_len / 8;
	unsigned int bits = prefix_len % 8;

	if (memcmp(addr, prefix, bytes))
		return false;
	return !bits || !((addr[bytes] ^ prefix[bytes]) >> (8 - bits));
}
