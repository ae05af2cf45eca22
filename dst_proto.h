/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The DST wire protocol: layouts, opcodes, statuses, limits.
 *
 * Everything is little-endian, naturally aligned and of fixed size. Reserved
 * fields are sent as zero and refused otherwise. Every header ends with the
 * crc32c (seed ~0, inverted at the end) of all bytes before the checksum.
 *
 * The header needs nothing but <linux/types.h>, so that tools, unit tests and
 * fuzzers build it too. Documentation/protocol.md tells the rules of the game.
 */
#ifndef DST_PROTO_H
#define DST_PROTO_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#else
#include <assert.h>
#endif

#define DST_PROTO_PORT			4490

#define DST_PROTO_HELLO_MAGIC		0x48545344	/* "DSTH" */
#define DST_PROTO_WELCOME_MAGIC		0x57545344	/* "DSTW" */
#define DST_PROTO_REQUEST_MAGIC		0x51545344	/* "DSTQ" */
#define DST_PROTO_REPLY_MAGIC		0x52545344	/* "DSTR" */

#define DST_PROTO_VERSION_MIN		1
#define DST_PROTO_VERSION_MAX		1

#define DST_PROTO_UUID_LEN		16
#define DST_PROTO_NAME_LEN		64
#define DST_PROTO_TEXT_LEN		64
#define DST_PROTO_HASH_LEN		32

#define DST_PROTO_SECTOR_BYTES		512
/* The most lanes of one session. */
#define DST_PROTO_MAX_LANES		16
/* The most requests that a server may let a client have open on one lane. */
#define DST_PROTO_MAX_SLOTS		1024
/* Slots beyond the granted ones that FLUSH and PING may always use. */
#define DST_PROTO_RESERVED_SLOTS	2
/* The most data of one READ or WRITE, whatever the server grants. */
#define DST_PROTO_MAX_TRANSFER_BYTES	(1024 * 1024)
/* The least that a server must accept in one READ or WRITE. */
#define DST_PROTO_MIN_TRANSFER_BYTES	(64 * 1024)
/* The most that one DISCARD, WRITE_ZEROES or HASH may cover. */
#define DST_PROTO_MAX_RANGE_BYTES	(256 * 1024 * 1024)
/* Largest logical block that a server may announce. */
#define DST_PROTO_MAX_BLOCK_BYTES	4096

/* Feature bits, negotiated: both sides use what both have. */
#define DST_PROTO_F_DIGEST		(1ULL << 0)	/* data carries crc32c */
#define DST_PROTO_F_ALL			DST_PROTO_F_DIGEST

/* dst_proto_hello.flags */
#define DST_PROTO_HELLO_NEW		(1U << 0)	/* a session that never ran */
#define DST_PROTO_HELLO_READ_ONLY	(1U << 1)	/* will not write */
#define DST_PROTO_HELLO_PREEMPT		(1U << 2)	/* fence the holder out */
#define DST_PROTO_HELLO_ALL		(DST_PROTO_HELLO_NEW | \
					 DST_PROTO_HELLO_READ_ONLY | \
					 DST_PROTO_HELLO_PREEMPT)

/* The answer to a hello. */
enum dst_proto_join {
	DST_PROTO_JOIN_OK	= 0,
	DST_PROTO_JOIN_REFUSED	= 1,	/* no such export, or not for you */
	DST_PROTO_JOIN_VERSION	= 2,	/* no version in common */
	DST_PROTO_JOIN_STALE	= 3,	/* epoch is not above the known one */
	DST_PROTO_JOIN_FENCED	= 4,	/* this session was fenced out for good */
	DST_PROTO_JOIN_HELD	= 5,	/* another initiator holds the export */
	DST_PROTO_JOIN_DRAINING	= 6,	/* old requests still run, come again */
	DST_PROTO_JOIN_BUSY	= 7,	/* a limit of the server is reached */
	DST_PROTO_JOIN_INVALID	= 8,	/* the hello makes no sense */
	DST_PROTO_JOIN_OFFLINE	= 9,	/* what is exported has gone, come again */
};

/* dst_proto_welcome.export_flags */
#define DST_PROTO_EXPORT_READ_ONLY	(1U << 0)
#define DST_PROTO_EXPORT_VOLATILE	(1U << 1)	/* acks are not durable */
#define DST_PROTO_EXPORT_DISCARD	(1U << 2)
#define DST_PROTO_EXPORT_WRITE_ZEROES	(1U << 3)
#define DST_PROTO_EXPORT_ROTATIONAL	(1U << 4)
#define DST_PROTO_EXPORT_SHARED		(1U << 5)	/* several may write */

enum dst_proto_op {
	DST_PROTO_OP_READ		= 1,
	DST_PROTO_OP_WRITE		= 2,
	DST_PROTO_OP_FLUSH		= 3,
	DST_PROTO_OP_DISCARD		= 4,
	DST_PROTO_OP_WRITE_ZEROES	= 5,
	DST_PROTO_OP_HASH		= 6,	/* SHA-256 of a range */
	DST_PROTO_OP_PING		= 7,
	DST_PROTO_OP_BYE		= 8,	/* the session ends cleanly */
	DST_PROTO_OP_RESIZED		= 64,	/* server to client, unasked */
};

/* dst_proto_request.flags */
#define DST_PROTO_REQ_FUA		(1U << 0)
#define DST_PROTO_REQ_PREFLUSH		(1U << 1)
#define DST_PROTO_REQ_NOUNMAP		(1U << 2)	/* WRITE_ZEROES allocates */
#define DST_PROTO_REQ_ALL		(DST_PROTO_REQ_FUA | \
					 DST_PROTO_REQ_PREFLUSH | \
					 DST_PROTO_REQ_NOUNMAP)

/* dst_proto_reply.flags */
#define DST_PROTO_REPLY_DURABLE		(1U << 0)	/* is on stable storage */

enum dst_proto_status {
	DST_PROTO_ST_OK		= 0,
	DST_PROTO_ST_IOERR	= 1,
	DST_PROTO_ST_NOSPC	= 2,
	DST_PROTO_ST_MEDIUM	= 3,
	DST_PROTO_ST_NOTSUPP	= 4,
	DST_PROTO_ST_READ_ONLY	= 5,
	DST_PROTO_ST_INVALID	= 6,	/* unaligned, out of bounds, too long */
	DST_PROTO_ST_DIGEST	= 7,	/* data did not match its checksum */
	DST_PROTO_ST_TIMEOUT	= 8,
	DST_PROTO_ST_OFFLINE	= 9,	/* the backing device is gone */
	DST_PROTO_ST_RESOURCE	= 10,	/* the server ran out of something */
	DST_PROTO_ST_NR
};

/**
 * struct dst_proto_hello - first bytes of a client on a new lane
 * @magic: DST_PROTO_HELLO_MAGIC
 * @version_min: lowest protocol version that the client speaks
 * @version_max: highest one
 * @features: DST_PROTO_F_* that the client wants
 * @initiator: UUID of the client machine
 * @device: UUID of the device, the same whenever this machine attaches this
 *	target
 * @epoch: number of the session; grows with each new session of a device
 * @generation: grows with each connection attempt of a lane
 * @lane: which lane of the session this is, from 0
 * @lanes: how many lanes the client wants
 * @flags: DST_PROTO_HELLO_*
 * @nonce: random, comes back in the welcome
 * @export: name of the export, NUL-padded
 * @host: name of the client machine for people to read, NUL-padded
 * @reserved: zero
 * @header_crc: crc32c of all before
 */
struct dst_proto_hello {
	__le32	magic;
	__le16	version_min;
	__le16	version_max;
	__le64	features;
	__u8	initiator[DST_PROTO_UUID_LEN];
	__u8	device[DST_PROTO_UUID_LEN];
	__le64	epoch;
	__le64	generation;
	__le16	lane;
	__le16	lanes;
	__le32	flags;
	__u8	nonce[DST_PROTO_UUID_LEN];
	char	export[DST_PROTO_NAME_LEN];
	char	host[DST_PROTO_TEXT_LEN];
	__u8	reserved[36];
	__le32	header_crc;
};

static_assert(sizeof(struct dst_proto_hello) == 256);

/**
 * struct dst_proto_welcome - the server's answer to a hello
 * @magic: DST_PROTO_WELCOME_MAGIC
 * @version: the version that both will speak
 * @status: enum dst_proto_join; unless OK, the fields that a refused peer has
 *	no business to know are zero
 * @reserved0: zero
 * @features: DST_PROTO_F_* in force
 * @export_uuid: identity of the export
 * @boot_id: made anew whenever the export starts
 * @client_nonce: the nonce of the hello
 * @server_nonce: random
 * @epoch: of the session; for STALE the highest one known
 * @size_bytes: size of the export
 * @logical_block_bytes: granularity of requests
 * @physical_block_bytes: granularity that needs no read-modify-write
 * @io_min_bytes: preferred least request, 0 if unknown
 * @io_opt_bytes: preferred request, 0 if unknown
 * @max_transfer_bytes: most data of one READ or WRITE
 * @discard_granularity_bytes: 0 if discard is not supported
 * @export_flags: DST_PROTO_EXPORT_*
 * @credit_bytes: most data bytes the client may have open on this lane
 * @credit_slots: most requests the client may have open on this lane
 * @max_lanes: most lanes of a session
 * @drain_requests: for DRAINING: how many old requests still run
 * @drain_age_ms: for DRAINING: for how long the oldest has been running
 * @holder: for HELD: who holds the export, NUL-padded
 * @reserved: zero
 * @header_crc: crc32c of all before
 */
struct dst_proto_welcome {
	__le32	magic;
	__le16	version;
	__u8	status;
	__u8	reserved0;
	__le64	features;
	__u8	export_uuid[DST_PROTO_UUID_LEN];
	__u8	boot_id[DST_PROTO_UUID_LEN];
	__u8	client_nonce[DST_PROTO_UUID_LEN];
	__u8	server_nonce[DST_PROTO_UUID_LEN];
	__le64	epoch;
	__le64	size_bytes;
	__le32	logical_block_bytes;
	__le32	physical_block_bytes;
	__le32	io_min_bytes;
	__le32	io_opt_bytes;
	__le32	max_transfer_bytes;
	__le32	discard_granularity_bytes;
	__le32	export_flags;
	__le32	credit_bytes;
	__le16	credit_slots;
	__le16	max_lanes;
	__le32	drain_requests;
	__le32	drain_age_ms;
	char	holder[DST_PROTO_TEXT_LEN];
	__u8	reserved[16];
	__le32	header_crc;
};

static_assert(sizeof(struct dst_proto_welcome) == 224);

/**
 * struct dst_proto_request - client to server; WRITE data follows it
 * @magic: DST_PROTO_REQUEST_MAGIC
 * @op: enum dst_proto_op
 * @flags: DST_PROTO_REQ_*
 * @tag: the client's own; comes back in the reply
 * @id: of the transaction; never reused by a device
 * @sector: first sector, in 512-byte units
 * @length_bytes: data that follows or is wanted, or the range; 0 for FLUSH,
 *	PING and BYE
 * @data_crc: with F_DIGEST the crc32c of WRITE data, else zero
 * @reserved: zero
 * @reserved1: zero
 * @header_crc: crc32c of all before
 */
struct dst_proto_request {
	__le32	magic;
	__u8	op;
	__u8	flags;
	__le16	tag;
	__le64	id;
	__le64	sector;
	__le32	length_bytes;
	__le32	data_crc;
	__le64	reserved;
	__le32	reserved1;
	__le32	header_crc;
};

static_assert(sizeof(struct dst_proto_request) == 48);

/**
 * struct dst_proto_reply - server to client; data follows an OK READ or HASH
 * @magic: DST_PROTO_REPLY_MAGIC
 * @op: of the request, or RESIZED
 * @status: enum dst_proto_status
 * @tag: of the request
 * @id: of the request; for RESIZED the new size of the export in bytes
 * @length_bytes: data that follows
 * @data_crc: with F_DIGEST the crc32c of the data, else zero
 * @credit_bytes: most data bytes the client may now have open on this lane;
 *	never above what the welcome said
 * @credit_slots: the same for requests
 * @flags: DST_PROTO_REPLY_*
 * @reserved: zero
 * @header_crc: crc32c of all before
 */
struct dst_proto_reply {
	__le32	magic;
	__u8	op;
	__u8	status;
	__le16	tag;
	__le64	id;
	__le32	length_bytes;
	__le32	data_crc;
	__le32	credit_bytes;
	__le16	credit_slots;
	__le16	flags;
	__le32	reserved;
	__le32	header_crc;
};

static_assert(sizeof(struct dst_proto_reply) == 40);

#endif /* DST_PROTO_H */
