/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The metadata of a mirror: what stands at the end of each leg and witness.
 *
 * The last two whole blocks of 4 KiB are two copies of a superblock; before
 * them, on a leg, lies the write-intent bitmap. Data begins at sector 0.
 * Everything is little-endian, naturally aligned and of fixed size; what is
 * reserved is zero. Documentation/mirror-format.md tells in which order it is
 * written, and why.
 *
 * The header needs nothing but <linux/types.h>, so that tools, unit tests and
 * fuzzers build it too.
 */
#ifndef DST_META_H
#define DST_META_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#else
#include <assert.h>
#include <stdbool.h>
#endif

#define DST_META_MAGIC			0x005252494d545344ULL	/* "DSTMIRR" */
#define DST_META_VERSION		1

#define DST_META_UUID_LEN		16
/* A superblock, and what everything here is aligned to. */
#define DST_META_BLOCK_BYTES		4096
#define DST_META_COPIES			2
#define DST_META_BITMAP_MAX_BYTES	(1024 * 1024)
/* A bit of the bitmap stands for 2^16 bytes at least. */
#define DST_META_REGION_MIN_LOG2	16
/* With this even 2^63 bytes have a bitmap that is small enough. */
#define DST_META_REGION_MAX_LOG2	40
/* The least data that a mirror has: a region. */
#define DST_META_DATA_MIN_BYTES		(64 * 1024)

#define DST_META_LEGS_MIN		2
#define DST_META_LEGS_MAX		8
#define DST_META_WITNESSES_MAX		4
/* Legs have slots 0 to 7, witnesses 8 to 11. */
#define DST_META_SLOTS			12
#define DST_META_FORKS			8

/* Who does not know a bit of @incompat must leave the block alone. */
#define DST_META_INCOMPAT_ALL		0ULL

/* dst_meta_block.flags */
#define DST_META_FLAG_QUORUM		(1U << 0)	/* only with a majority */
#define DST_META_FLAG_ALL		DST_META_FLAG_QUORUM

/* A number of events: the reign of who wrote the record, and its count. */
#define DST_META_NUMBER(reign, count)	((__u64)(reign) << 32 | (count))
#define DST_META_REIGN(events)		((__u32)((events) >> 32))
#define DST_META_COUNT(events)		((__u32)(events))

/* What a record says of a member. */
enum dst_meta_state {
	DST_META_NONE		= 0,	/* nothing has this slot */
	DST_META_IN_SYNC	= 1,	/* has all completed writes */
	DST_META_STALE		= 2,	/* whole but old: dirty regions differ */
	DST_META_RESYNCING	= 3,	/* dirty regions are old, new or mixed */
	DST_META_REBUILDING	= 4,	/* all behind resync_bytes is worthless */
	DST_META_WITNESS	= 5,	/* has superblocks, but no data */
	DST_META_STATE_NR
};

/**
 * struct dst_meta_block_member - a member of the mirror, on disk
 * @uuid: made when it became a member; never used again for another
 * @export_uuid: of the export that it is
 * @known_events: the newest record that it was known to hold
 * @resync_bytes: how far it has been copied, while REBUILDING
 * @state: enum dst_meta_state
 * @reserved: zero
 */
struct dst_meta_block_member {
	__u8	uuid[DST_META_UUID_LEN];
	__u8	export_uuid[DST_META_UUID_LEN];
	__le64	known_events;
	__le64	resync_bytes;
	__u8	state;
	__u8	reserved[15];
};

static_assert(sizeof(struct dst_meta_block_member) == 64);

/**
 * struct dst_meta_block_fork - where a branch was left for another, on disk
 * @branch: the branch that was left
 * @events: the last record of it that who left it saw
 */
struct dst_meta_block_fork {
	__u8	branch[DST_META_UUID_LEN];
	__le64	events;
};

static_assert(sizeof(struct dst_meta_block_fork) == 24);

/**
 * struct dst_meta_block - a superblock
 * @magic: DST_META_MAGIC
 * @version: DST_META_VERSION
 * @reserved0: zero
 * @incompat: features that a reader has to know
 * @compat: features that it need not know
 * @sequence: grows with each write of this member; its lowest bit says which
 *	copy this is
 * @super_offset: where copy 0 begins on this member
 * @bitmap_offset: where the bitmap begins; 0 on a witness
 * @member: UUID of this member
 * @slot: of this member
 * @reserved1: zero
 * @claim: no record of a lower reign may be written here any more
 * @written_s: seconds since 1970, for people only
 * @mirror: UUID of the mirror
 * @branch: changes when the mirror is assembled against the rules
 * @events: number of the record
 * @data_bytes: size of the mirror
 * @bitmap_bytes: of each leg
 * @flags: DST_META_FLAG_*
 * @region_log2: a bit of the bitmap stands for two to the power of this bytes
 * @legs: how many there are
 * @witnesses: how many there are
 * @forks_nr: how many of @forks are in use
 * @reserved2: zero
 * @members: legs, then witnesses
 * @forks: branches that were left, oldest first
 * @reserved: zero
 * @crc: crc32c (seed ~0, inverted at the end) of all before
 *
 * From @mirror to @forks it is the record, which is the same on all members.
 */
struct dst_meta_block {
	__le64	magic;
	__le32	version;
	__le32	reserved0;
	__le64	incompat;
	__le64	compat;
	__le64	sequence;
	__le64	super_offset;
	__le64	bitmap_offset;
	__u8	member[DST_META_UUID_LEN];
	__le16	slot;
	__le16	reserved1;
	__le32	claim;
	__le64	written_s;
	__u8	mirror[DST_META_UUID_LEN];
	__u8	branch[DST_META_UUID_LEN];
	__le64	events;
	__le64	data_bytes;
	__le32	bitmap_bytes;
	__le32	flags;
	__u8	region_log2;
	__u8	legs;
	__u8	witnesses;
	__u8	forks_nr;
	__le32	reserved2;
	struct dst_meta_block_member members[DST_META_SLOTS];
	struct dst_meta_block_fork forks[DST_META_FORKS];
	__u8	reserved[2980];
	__le32	crc;
};

static_assert(sizeof(struct dst_meta_block) == DST_META_BLOCK_BYTES);

/* struct dst_meta_block_member, as the CPU has it */
struct dst_meta_member {
	__u8	uuid[DST_META_UUID_LEN];
	__u8	export_uuid[DST_META_UUID_LEN];
	__u64	known_events;
	__u64	resync_bytes;
	__u8	state;
};

/* struct dst_meta_block_fork, as the CPU has it */
struct dst_meta_fork {
	__u8	branch[DST_META_UUID_LEN];
	__u64	events;
};

/**
 * struct dst_meta_record - what all members of a mirror are told
 *
 * The fields are those of struct dst_meta_block.
 */
struct dst_meta_record {
	__u8	mirror[DST_META_UUID_LEN];
	__u8	branch[DST_META_UUID_LEN];
	__u64	events;
	__u64	data_bytes;
	__u32	bitmap_bytes;
	__u32	flags;
	__u8	region_log2;
	__u8	legs;
	__u8	witnesses;
	__u8	forks_nr;
	struct dst_meta_member members[DST_META_SLOTS];
	struct dst_meta_fork forks[DST_META_FORKS];
};

/**
 * struct dst_meta - a superblock, as the CPU has it
 * @record: what all members are told
 *
 * The other fields are those of struct dst_meta_block.
 */
struct dst_meta {
	__u64	compat;
	__u64	sequence;
	__u64	super_offset;
	__u64	bitmap_offset;
	__u64	written_s;
	__u32	claim;
	__u16	slot;
	__u8	member[DST_META_UUID_LEN];
	struct dst_meta_record record;
};

/* What a block is, if it is no superblock to work with. */
enum dst_meta_verdict {
	DST_META_OK,
	DST_META_BLANK,		/* zeroes */
	DST_META_FOREIGN,	/* something else */
	DST_META_TORN,		/* the checksum does not fit */
	DST_META_NEWER,		/* of a version or with features to come */
	DST_META_RESERVED,	/* what has to be zero is not */
	DST_META_PLACE,		/* belongs to another place or device size */
	DST_META_SIZE,		/* sizes that no mirror has */
	DST_META_MEMBERS,	/* members that no mirror has */
	DST_META_EVENTS,	/* numbers that no history leads to */
	DST_META_MIXED,		/* the two copies belong to different mirrors */
	DST_META_VERDICT_NR
};

/**
 * struct dst_meta_layout - where everything is on a leg
 * @data_bytes: size of the mirror
 * @region_log2: a bit stands for two to the power of this bytes
 * @regions: how many bits there are
 * @bitmap_bytes: whole blocks
 * @bitmap_offset: where the bitmap begins
 * @super_offset: where copy 0 of the superblock begins
 */
struct dst_meta_layout {
	__u64	data_bytes;
	__u64	regions;
	__u64	bitmap_offset;
	__u64	super_offset;
	__u32	bitmap_bytes;
	__u8	region_log2;
};

int dst_meta_super_offset(__u64 device_bytes, __u64 *offset);
int dst_meta_geometry(__u64 data_bytes, __u8 region_log2,
		      struct dst_meta_layout *layout);
int dst_meta_place(__u64 device_bytes, struct dst_meta_layout *layout);
int dst_meta_layout(__u64 device_bytes, __u8 region_log2,
		    struct dst_meta_layout *layout);
void dst_meta_encode(const struct dst_meta *meta, struct dst_meta_block *block);
enum dst_meta_verdict
dst_meta_decode(const struct dst_meta_block *block, unsigned int copy,
		__u64 device_bytes, struct dst_meta *meta);
enum dst_meta_verdict
dst_meta_choose(const struct dst_meta meta[DST_META_COPIES],
		const enum dst_meta_verdict verdict[DST_META_COPIES],
		unsigned int *copy);
const char *dst_meta_verdict_text(enum dst_meta_verdict verdict);
const char *dst_meta_state_text(__u8 state);

#endif /* DST_META_H */
