/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What may be on the wire. Needs only dst_proto.h and basic types, so that
 * userspace tests can build it.
 */
#ifndef DST_WIRE_H
#define DST_WIRE_H

#include <linux/types.h>

#include "dst_proto.h"

/**
 * struct dst_wire_limits - what an export allows to one client
 * @size_bytes: size of the export
 * @block_bytes: logical block size; a power of 2
 * @max_transfer_bytes: most data of one READ or WRITE
 * @read_only: this client may not write
 * @discard: DISCARD is supported
 * @write_zeroes: WRITE_ZEROES is supported
 */
struct dst_wire_limits {
	u64	size_bytes;
	u32	block_bytes;
	u32	max_transfer_bytes;
	bool	read_only;
	bool	discard;
	bool	write_zeroes;
};

void dst_wire_seal(void *header, size_t len);
int dst_wire_check_hello(const struct dst_proto_hello *hello);
int dst_wire_check_welcome(const struct dst_proto_welcome *w);
int dst_wire_check_request(const struct dst_proto_request *req);
enum dst_proto_status
dst_wire_check_bounds(const struct dst_proto_request *req,
		      const struct dst_wire_limits *lim);
int dst_wire_check_reply(const struct dst_proto_reply *reply);
bool dst_wire_prefix_match(const u8 *addr, const u8 *prefix,
			   unsigned int prefix_len);

/**
 * dst_wire_has_data - does a request of this kind count against byte credits?
 * @op: enum dst_proto_op
 */
static inline bool dst_wire_has_data(u8 op)
{
	return op == DST_PROTO_OP_READ || op == DST_PROTO_OP_WRITE;
}

/**
 * dst_wire_is_modification - does this operation change what is stored?
 * @op: enum dst_proto_op
 */
static inline bool dst_wire_is_modification(u8 op)
{
	return op == DST_PROTO_OP_WRITE || op == DST_PROTO_OP_DISCARD ||
	       op == DST_PROTO_OP_WRITE_ZEROES;
}

#endif /* DST_WIRE_H */
