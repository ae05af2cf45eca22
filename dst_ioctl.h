/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What userspace says to /dev/dst-control.
 *
 * Every structure begins with a struct dst_ioc_head whose @size is the size
 * that the caller knows. A structure only ever grows at its end: the kernel
 * takes what is missing as zero and refuses what it does not know unless that
 * is zero. Unknown flags and reserved fields that are not zero are refused
 * with EINVAL. The layout is the same for 32- and 64-bit callers. All calls
 * need CAP_SYS_ADMIN. Sockets are made in the caller's network namespace.
 *
 * A call that fails says why in @reason, in words for the administrator.
 */
#ifndef DST_IOCTL_H
#define DST_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DST_IOC_UUID_LEN	16
#define DST_IOC_NAME_LEN	64
#define DST_IOC_TARGET_LEN	192
#define DST_IOC_PATH_LEN	256
#define DST_IOC_REASON_LEN	192
#define DST_IOC_HOST_LEN	64
#define DST_IOC_LANES		16
#define DST_IOC_LISTENS		8
#define DST_IOC_ALLOWS		32
#define DST_IOC_LEGS		8

#define DST_IOC_NEVER_MS	(~0ULL)

struct dst_ioc_head {
	__u32	size;
	__u32	flags;
};

#define DST_IOC_ADDR_INET	4
#define DST_IOC_ADDR_INET6	6

/* An address; @port in host order, @addr as in the packet. */
struct dst_ioc_addr {
	__u16	family;		/* DST_IOC_ADDR_*; 0: none, or any to listen at */
	__u16	port;
	__u32	scope_id;
	__u8	addr[16];
};

enum dst_ioc_ack {
	DST_IOC_ACK_SERVER	= 0,
	DST_IOC_ACK_DISK	= 1,
	DST_IOC_ACK_RAM		= 2,
};

enum dst_ioc_device_state {
	DST_IOC_DEVICE_CONNECTING	= 0,
	DST_IOC_DEVICE_ONLINE		= 1,
	DST_IOC_DEVICE_DEGRADED		= 2,
	DST_IOC_DEVICE_HELD		= 3,
	DST_IOC_DEVICE_FAILED		= 4,
	DST_IOC_DEVICE_DETACHING	= 5,
};

/* What a leg of a mirror may do: Documentation/mirror.md, section 2. */
enum dst_ioc_leg_state {
	DST_IOC_LEG_GONE	= 0,
	DST_IOC_LEG_STALE	= 1,
	DST_IOC_LEG_RESYNCING	= 2,
	DST_IOC_LEG_SUSPECT	= 3,
	DST_IOC_LEG_IN_SYNC	= 4,
	DST_IOC_LEG_FAILED	= 5,
};

enum dst_ioc_read_policy {
	DST_IOC_READ_LATENCY		= 0,
	DST_IOC_READ_ROUND_ROBIN	= 1,
	DST_IOC_READ_PREFER		= 2,
};

enum dst_ioc_lane_state {
	DST_IOC_LANE_CONNECTING	= 0,
	DST_IOC_LANE_LIVE	= 1,
	DST_IOC_LANE_DOWN	= 2,
};

enum dst_ioc_export_state {
	DST_IOC_EXPORT_ONLINE	= 0,
	DST_IOC_EXPORT_OFFLINE	= 1,	/* the backing device is gone */
	DST_IOC_EXPORT_REMOVING	= 2,
};

struct dst_ioc_counters {
	__u64	reads;
	__u64	writes;
	__u64	flushes;
	__u64	discards;	/* and write-zeroes */
	__u64	read_bytes;
	__u64	write_bytes;
	__u64	resends;
	__u64	replays;
	__u64	reconnects;
	__u64	errors;
	__u64	hedged;
	__u64	read_repairs;
	__u64	refused;
	__u64	fenced;
	__u64	malformed;
	__u64	reserved;
};

/* DST_IOC_VERSION */
struct dst_ioc_version {
	struct dst_ioc_head head;
	__u32	proto_min;
	__u32	proto_max;
	__u64	features;
	char	module[32];
};

#define DST_IOC_ATTACH_READ_ONLY	(1U << 0)
#define DST_IOC_ATTACH_PREEMPT		(1U << 1)
#define DST_IOC_ATTACH_DIGEST		(1U << 2)

/*
 * DST_IOC_ATTACH: makes /dev/dstN and waits for up to @wait_ms until it can
 * serve I/O; on failure nothing is left behind. Zero in @lanes, @io_timeout_ms,
 * @keepalive_ms, @mem_limit_bytes, @wait_ms and @fail_after_ms means the
 * default (fail_after: never).
 */
struct dst_ioc_attach {
	struct dst_ioc_head head;	/* flags: DST_IOC_ATTACH_* */
	__s32	index;			/* N of dstN; -1: any; out: given */
	__u32	ack;			/* enum dst_ioc_ack */
	__u32	lanes;
	__u32	io_timeout_ms;
	__u32	keepalive_ms;
	__u32	wait_ms;
	__u64	fail_after_ms;
	__u64	mem_limit_bytes;
	__u8	initiator[DST_IOC_UUID_LEN];
	__u8	device[DST_IOC_UUID_LEN];
	struct dst_ioc_addr addr;
	char	target[DST_IOC_TARGET_LEN];	/* ADDR/EXPORT as to be shown */
	char	export[DST_IOC_NAME_LEN];
	char	host[DST_IOC_HOST_LEN];		/* this machine's name */
	char	reason[DST_IOC_REASON_LEN];	/* out */
};

#define DST_IOC_MIRROR_READ_ONLY	DST_IOC_ATTACH_READ_ONLY
#define DST_IOC_MIRROR_PREEMPT		DST_IOC_ATTACH_PREEMPT
#define DST_IOC_MIRROR_DIGEST		DST_IOC_ATTACH_DIGEST
#define DST_IOC_MIRROR_CREATE		(1U << 3)	/* write metadata first */
#define DST_IOC_MIRROR_FORCE		(1U << 4)	/* create over what is there */
#define DST_IOC_MIRROR_OVERRIDE		(1U << 5)	/* go on with stale legs */

/* A leg that a mirror is to be made of. */
struct dst_ioc_mirror_leg {
	__u8	device[DST_IOC_UUID_LEN];	/* names the session to it */
	struct dst_ioc_addr addr;
	char	target[DST_IOC_TARGET_LEN];
	char	export[DST_IOC_NAME_LEN];
};

/*
 * DST_IOC_MIRROR_ATTACH: makes /dev/dstN of several exports. The fields are
 * those of DST_IOC_ATTACH; zero in @leg_timeout_ms is the default.
 * With CREATE, @mirror and @region_log2 (0: to be chosen) are what it becomes;
 * what is on the first leg is what it holds then.
 */
struct dst_ioc_mirror_attach {
	struct dst_ioc_head head;	/* flags: DST_IOC_MIRROR_* */
	__s32	index;
	__u32	ack;
	__u32	lanes;
	__u32	io_timeout_ms;
	__u32	keepalive_ms;
	__u32	wait_ms;
	__u64	mem_limit_bytes;
	__u32	leg_timeout_ms;
	__u32	read_policy;		/* enum dst_ioc_read_policy */
	__u32	prefer;			/* leg, for DST_IOC_READ_PREFER */
	__u32	region_log2;
	__u32	nr_legs;
	__u32	reserved;
	__u8	initiator[DST_IOC_UUID_LEN];
	__u8	mirror[DST_IOC_UUID_LEN];	/* out, without CREATE */
	char	host[DST_IOC_HOST_LEN];
	char	reason[DST_IOC_REASON_LEN];	/* out */
	struct dst_ioc_mirror_leg leg[DST_IOC_LEGS];
};

#define DST_IOC_DETACH_FORCE		(1U << 0)

/*
 * DST_IOC_DETACH, DST_IOC_FAIL. Without FORCE a device that is open is refused
 * with EBUSY, and I/O still held makes it wait (interruptible).
 */
struct dst_ioc_device_ref {
	struct dst_ioc_head head;	/* flags: DST_IOC_DETACH_* */
	__u32	index;
	__u32	reserved;
	char	reason[DST_IOC_REASON_LEN];	/* out */
};

/* dst_ioc_device_set.mask */
#define DST_IOC_SET_ACK			(1U << 0)
#define DST_IOC_SET_IO_TIMEOUT		(1U << 1)
#define DST_IOC_SET_KEEPALIVE		(1U << 2)
#define DST_IOC_SET_FAIL_AFTER		(1U << 3)
#define DST_IOC_SET_MEM_LIMIT		(1U << 4)

/* DST_IOC_DEVICE_SET: all of @mask or nothing */
struct dst_ioc_device_set {
	struct dst_ioc_head head;
	__u32	index;
	__u32	mask;
	__u32	ack;
	__u32	io_timeout_ms;
	__u32	keepalive_ms;
	__u32	reserved;
	__u64	fail_after_ms;
	__u64	mem_limit_bytes;
	char	reason[DST_IOC_REASON_LEN];	/* out */
};

struct dst_ioc_lane {
	__u32	state;			/* enum dst_ioc_lane_state */
	__u32	in_flight;
	__u64	generation;
	__u32	latency_us;		/* smoothed */
	__u32	reconnects;
	__u64	resends;
	struct dst_ioc_addr local;
};

#define DST_IOC_GET_NEXT		(1U << 0)

#define DST_IOC_DEVICE_READ_ONLY	(1U << 0)
#define DST_IOC_DEVICE_DIGEST		(1U << 1)
#define DST_IOC_DEVICE_VOLATILE		(1U << 2)	/* server has a cache */
#define DST_IOC_DEVICE_MIRROR		(1U << 3)	/* DST_IOC_LEG_GET tells more */

/*
 * DST_IOC_DEVICE_GET: the device @index, or with GET_NEXT the first one whose
 * number is at least @index; ENOENT where there is none.
 */
struct dst_ioc_device {
	struct dst_ioc_head head;	/* flags: DST_IOC_GET_NEXT */
	__u32	index;
	__u32	state;			/* enum dst_ioc_device_state */
	__u32	device_flags;		/* DST_IOC_DEVICE_* */
	__u32	ack;
	__u32	io_timeout_ms;
	__u32	keepalive_ms;
	__u64	fail_after_ms;
	__u64	size_bytes;
	__u64	in_flight;
	__u64	retained_bytes;
	__u64	mem_limit_bytes;
	__u64	mem_used_bytes;
	__u64	epoch;
	__u32	lanes;
	__u32	latency_us;
	__u8	initiator[DST_IOC_UUID_LEN];
	__u8	device[DST_IOC_UUID_LEN];
	__u8	export_uuid[DST_IOC_UUID_LEN];
	__u8	boot_id[DST_IOC_UUID_LEN];
	struct dst_ioc_addr addr;
	char	target[DST_IOC_TARGET_LEN];
	char	export[DST_IOC_NAME_LEN];
	char	why[DST_IOC_REASON_LEN];
	struct dst_ioc_counters counters;
	struct dst_ioc_lane lane[DST_IOC_LANES];
	__u64	unsaved;		/* writes without ack, or retained */
	__u64	lost_bytes;		/* reported as written, but could not be */
	__u64	dirty_bytes;		/* a mirror: where legs may differ */
	__u64	unsettled_bytes;	/* a mirror: and that is not readable yet */
	__u32	nr_legs;		/* a mirror: how many it has */
	__u32	leg_timeout_ms;
	__u32	read_policy;
	__u32	prefer;
};

/* DST_IOC_LEG_GET: the leg number @leg (slot) of the mirror @index. */
struct dst_ioc_leg {
	struct dst_ioc_head head;	/* flags: DST_IOC_GET_NEXT */
	__u32	index;
	__u32	leg;
	__u32	state;			/* enum dst_ioc_leg_state */
	__u32	lanes;
	__u32	latency_us;
	__u32	reserved;
	__u64	lacks_bytes;		/* to be copied to it */
	__u64	copied_bytes;		/* since it came back */
	__u64	retained_bytes;
	__u64	size_bytes;
	__u64	reads;
	__u64	writes;
	__u8	export_uuid[DST_IOC_UUID_LEN];
	__u8	boot_id[DST_IOC_UUID_LEN];
	struct dst_ioc_addr addr;
	char	target[DST_IOC_TARGET_LEN];
	char	export[DST_IOC_NAME_LEN];
	char	why[DST_IOC_REASON_LEN];
	struct dst_ioc_lane lane[DST_IOC_LANES];
};

#define DST_IOC_ALLOW_RW		(1U << 0)

/* A CIDR; @prefix_len counts bits of @addr. */
struct dst_ioc_allow {
	struct dst_ioc_addr addr;
	__u32	prefix_len;
	__u32	flags;			/* DST_IOC_ALLOW_* */
};

#define DST_IOC_EXPORT_READ_ONLY	(1U << 0)
#define DST_IOC_EXPORT_SHARED		(1U << 1)

/*
 * DST_IOC_EXPORT_ADD. Without listens: port 4490 of any address, shown as one
 * listen of family 0; without allows: loopback, rw. Zero in @workers,
 * @max_clients, @mem_limit_bytes means the default.
 */
struct dst_ioc_export_add {
	struct dst_ioc_head head;	/* flags: DST_IOC_EXPORT_* */
	__u32	workers;
	__u32	max_clients;
	__u64	mem_limit_bytes;
	__u32	nr_listens;
	__u32	nr_allows;
	__u8	uuid[DST_IOC_UUID_LEN];	/* identity; survives restarts */
	char	name[DST_IOC_NAME_LEN];
	char	path[DST_IOC_PATH_LEN];
	struct dst_ioc_addr listen[DST_IOC_LISTENS];
	struct dst_ioc_allow allow[DST_IOC_ALLOWS];
	char	reason[DST_IOC_REASON_LEN];	/* out */
	char	owner_path[DST_IOC_PATH_LEN];	/* file to keep the owner in, or "" */
};

#define DST_IOC_EXPORT_REMOVE_FORCE	(1U << 0)

/* DST_IOC_EXPORT_REMOVE. Without FORCE an export with clients is refused. */
struct dst_ioc_export_ref {
	struct dst_ioc_head head;
	char	name[DST_IOC_NAME_LEN];
	char	reason[DST_IOC_REASON_LEN];	/* out */
};

/* dst_ioc_export_set.mask */
#define DST_IOC_EXPORT_SET_WORKERS	(1U << 0)
#define DST_IOC_EXPORT_SET_MEM_LIMIT	(1U << 1)
#define DST_IOC_EXPORT_SET_MAX_CLIENTS	(1U << 2)
#define DST_IOC_EXPORT_SET_ALLOW	(1U << 3)	/* replaces the list */

/* DST_IOC_EXPORT_SET: all of @mask or nothing */
struct dst_ioc_export_set {
	struct dst_ioc_head head;
	__u32	mask;
	__u32	workers;
	__u32	max_clients;
	__u32	nr_allows;
	__u64	mem_limit_bytes;
	char	name[DST_IOC_NAME_LEN];
	struct dst_ioc_allow allow[DST_IOC_ALLOWS];
	char	reason[DST_IOC_REASON_LEN];	/* out */
};

/*
 * DST_IOC_EXPORT_GET: the export number @index (numbers are never reused), or
 * with GET_NEXT the first one whose number is at least @index.
 */
struct dst_ioc_export {
	struct dst_ioc_head head;
	__u32	index;
	__u32	state;			/* enum dst_ioc_export_state */
	__u32	export_flags;		/* DST_IOC_EXPORT_* */
	__u32	workers;
	__u32	max_clients;
	__u32	nr_clients;
	__u32	nr_listens;
	__u32	nr_allows;
	__u64	size_bytes;
	__u64	mem_used_bytes;
	__u64	mem_limit_bytes;
	__u8	uuid[DST_IOC_UUID_LEN];
	__u8	boot_id[DST_IOC_UUID_LEN];
	char	name[DST_IOC_NAME_LEN];
	char	path[DST_IOC_PATH_LEN];
	char	why[DST_IOC_REASON_LEN];
	struct dst_ioc_addr listen[DST_IOC_LISTENS];
	struct dst_ioc_allow allow[DST_IOC_ALLOWS];
	struct dst_ioc_counters counters;
};

#define DST_IOC_CLIENT_READ_ONLY	(1U << 0)

/* DST_IOC_CLIENT_GET: the session number @client of the export @export. */
struct dst_ioc_client {
	struct dst_ioc_head head;	/* flags: DST_IOC_GET_NEXT */
	__u32	export;
	__u32	client;
	__u32	client_flags;		/* DST_IOC_CLIENT_* */
	__u32	lanes;			/* that are connected */
	__u64	epoch;
	__u8	initiator[DST_IOC_UUID_LEN];
	__u8	device[DST_IOC_UUID_LEN];
	struct dst_ioc_addr addr;
	char	host[DST_IOC_HOST_LEN];
};

#define DST_IOC_VERSION		_IOWR(0xd5, 0x00, struct dst_ioc_head)
#define DST_IOC_ATTACH		_IOWR(0xd5, 0x01, struct dst_ioc_head)
#define DST_IOC_DETACH		_IOWR(0xd5, 0x02, struct dst_ioc_head)
#define DST_IOC_FAIL		_IOWR(0xd5, 0x03, struct dst_ioc_head)
#define DST_IOC_DEVICE_SET	_IOWR(0xd5, 0x04, struct dst_ioc_head)
#define DST_IOC_DEVICE_GET	_IOWR(0xd5, 0x05, struct dst_ioc_head)
#define DST_IOC_MIRROR_ATTACH	_IOWR(0xd5, 0x06, struct dst_ioc_head)
#define DST_IOC_LEG_GET		_IOWR(0xd5, 0x07, struct dst_ioc_head)
#define DST_IOC_EXPORT_ADD	_IOWR(0xd5, 0x10, struct dst_ioc_head)
#define DST_IOC_EXPORT_REMOVE	_IOWR(0xd5, 0x11, struct dst_ioc_head)
#define DST_IOC_EXPORT_SET	_IOWR(0xd5, 0x12, struct dst_ioc_head)
#define DST_IOC_EXPORT_GET	_IOWR(0xd5, 0x13, struct dst_ioc_head)
#define DST_IOC_CLIENT_GET	_IOWR(0xd5, 0x14, struct dst_ioc_head)

#endif /* DST_IOCTL_H */
