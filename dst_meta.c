// SPDX-License-Identifier: GPL-2.0-only
/*
 * The metadata of a mirror: where it stands on a device, what a superblock
 * may say. A block that was read is believed only within its limits. Pure
 * code; dstctl, tests/unit and tests/fuzz build it in userspace.
 */
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/string.h>

#include "dst_meta.h"

#define DST_META_SUPERS_BYTES	(DST_META_COPIES * DST_META_BLOCK_BYTES)

/**
 * dst_meta_super_offset - where is copy 0 of the superblock?
 * @device_bytes: size of the device, whatever it is
 * @offset: the answer; copy 1 is the block behind
 *
 * Return: 0, -EFBIG for a size that no device has, or -ENOSPC.
 */
int dst_meta_super_offset(__u64 device_bytes, __u64 *offset)
{
	__u64 whole = device_bytes & ~(DST_META_BLOCK_BYTES - 1ULL);

	if (device_bytes > S64_MAX)
		return -EFBIG;
	if (whole < DST_META_SUPERS_BYTES)
		return -ENOSPC;
	*offset = whole - DST_META_SUPERS_BYTES;
	return 0;
}

static __u64 dst_meta_regions(__u64 data_bytes, __u8 region_log2)
{
	return ((data_bytes - 1) >> region_log2) + 1;
}

/* The smallest regions of which there are not too many. */
static __u8 dst_meta_region_log2(__u64 data_bytes)
{
	__u8 log2 = DST_META_REGION_MIN_LOG2;

	while (dst_meta_regions(data_bytes, log2) >
	       DST_META_BITMAP_MAX_BYTES * 8ULL)
		log2++;
	return log2;
}

/**
 * dst_meta_geometry - the bitmap that a mirror of some size has
 * @data_bytes: size of the mirror
 * @region_log2: a bit stands for two to the power of this bytes; 0 to choose
 * @layout: the answer, but for the offsets
 *
 * Return: 0, or -EINVAL if there is no mirror of this size or with this
 * region.
 */
int dst_meta_geometry(__u64 data_bytes, __u8 region_log2,
		      struct dst_meta_layout *layout)
{
	__u64 blocks;

	if (data_bytes < DST_META_DATA_MIN_BYTES || data_bytes > S64_MAX ||
	    data_bytes % DST_META_BLOCK_BYTES)
		return -EINVAL;
	if (!region_log2)
		region_log2 = dst_meta_region_log2(data_bytes);
	if (region_log2 < DST_META_REGION_MIN_LOG2 ||
	    region_log2 > DST_META_REGION_MAX_LOG2)
		return -EINVAL;

	layout->data_bytes = data_bytes;
	layout->region_log2 = region_log2;
	layout->regions = dst_meta_regions(data_bytes, region_log2);
	if (layout->regions > DST_META_BITMAP_MAX_BYTES * 8ULL)
		return -EINVAL;
	blocks = (layout->regions - 1) / (DST_META_BLOCK_BYTES * 8) + 1;
	layout->bitmap_bytes = blocks * DST_META_BLOCK_BYTES;
	return 0;
}

/**
 * dst_meta_place - where do the superblocks and the bitmap go on a leg?
 * @device_bytes: size of the leg, whatever it is
 * @layout: passed dst_meta_geometry(); gets the offsets
 *
 * Return: 0, -EFBIG, or -ENOSPC if data and metadata do not fit.
 */
int dst_meta_place(__u64 device_bytes, struct dst_meta_layout *layout)
{
	__u64 super;
	int ret;

	ret = dst_meta_super_offset(device_bytes, &super);
	if (ret)
		return ret;
	if (super < layout->bitmap_bytes ||
	    super - layout->bitmap_bytes < layout->data_bytes)
		return -ENOSPC;
	layout->super_offset = super;
	layout->bitmap_offset = super - layout->bitmap_bytes;
	return 0;
}

/**
 * dst_meta_layout - the largest mirror that a device can be a leg of
 * @device_bytes: its size, whatever it is
 * @region_log2: as for dst_meta_geometry()
 * @layout: the answer
 *
 * Of several legs, the one with the least data_bytes says how large the mirror
 * is, and its region_log2 is the one to take: with these it can be placed on
 * all of them.
 *
 * Return: 0, -EFBIG, -EINVAL, or -ENOSPC if the device is too small.
 */
int dst_meta_layout(__u64 device_bytes, __u8 region_log2,
		    struct dst_meta_layout *layout)
{
	__u64 super;
	int ret;

	ret = dst_meta_super_offset(device_bytes, &super);
	if (ret)
		return ret;
	if (super < DST_META_DATA_MIN_BYTES + DST_META_BLOCK_BYTES)
		return -ENOSPC;
	/* the bitmap that could cover itself too is large enough */
	ret = dst_meta_geometry(super, region_log2, layout);
	if (ret)
		return ret;
	if (super - layout->bitmap_bytes < DST_META_DATA_MIN_BYTES)
		return -ENOSPC;
	ret = dst_meta_geometry(super - layout->bitmap_bytes,
				layout->region_log2, layout);
	return ret ?: dst_meta_place(device_bytes, layout);
}

static __u32 dst_meta_crc(const struct dst_meta_block *block)
{
	return ~crc32c(~0U, block, offsetof(struct dst_meta_block, crc));
}

static void dst_meta_encode_record(const struct dst_meta_record *record,
				   struct dst_meta_block *block)
{
	unsigned int i;

	memcpy(block->mirror, record->mirror, sizeof(block->mirror));
	memcpy(block->branch, record->branch, sizeof(block->branch));
	block->events = cpu_to_le64(record->events);
	block->data_bytes = cpu_to_le64(record->data_bytes);
	block->bitmap_bytes = cpu_to_le32(record->bitmap_bytes);
	block->flags = cpu_to_le32(record->flags);
	block->region_log2 = record->region_log2;
	block->legs = record->legs;
	block->witnesses = record->witnesses;
	block->forks_nr = record->forks_nr;

	for (i = 0; i < DST_META_SLOTS; i++) {
		const struct dst_meta_member *from = &record->members[i];
		struct dst_meta_block_member *to = &block->members[i];

		memcpy(to->uuid, from->uuid, sizeof(to->uuid));
		memcpy(to->export_uuid, from->export_uuid,
		       sizeof(to->export_uuid));
		to->known_events = cpu_to_le64(from->known_events);
		to->resync_bytes = cpu_to_le64(from->resync_bytes);
		to->state = from->state;
	}
	for (i = 0; i < DST_META_FORKS; i++) {
		memcpy(block->forks[i].branch, record->forks[i].branch,
		       sizeof(block->forks[i].branch));
		block->forks[i].events = cpu_to_le64(record->forks[i].events);
	}
}

/**
 * dst_meta_encode - make a superblock
 * @meta: what it shall say; the lowest bit of its sequence chooses the copy
 * @block: complete afterwards, checksum and all
 */
void dst_meta_encode(const struct dst_meta *meta, struct dst_meta_block *block)
{
	memset(block, 0, sizeof(*block));
	block->magic = cpu_to_le64(DST_META_MAGIC);
	block->version = cpu_to_le32(DST_META_VERSION);
	block->compat = cpu_to_le64(meta->compat);
	block->sequence = cpu_to_le64(meta->sequence);
	block->super_offset = cpu_to_le64(meta->super_offset);
	block->bitmap_offset = cpu_to_le64(meta->bitmap_offset);
	memcpy(block->member, meta->member, sizeof(block->member));
	block->slot = cpu_to_le16(meta->slot);
	block->claim = cpu_to_le32(meta->claim);
	block->written_s = cpu_to_le64(meta->written_s);
	dst_meta_encode_record(&meta->record, block);
	block->crc = cpu_to_le32(dst_meta_crc(block));
}

static void dst_meta_decode_record(const struct dst_meta_block *block,
				   struct dst_meta_record *record)
{
	unsigned int i;

	memcpy(record->mirror, block->mirror, sizeof(record->mirror));
	memcpy(record->branch, block->branch, sizeof(record->branch));
	record->events = le64_to_cpu(block->events);
	record->data_bytes = le64_to_cpu(block->data_bytes);
	record->bitmap_bytes = le32_to_cpu(block->bitmap_bytes);
	record->flags = le32_to_cpu(block->flags);
	record->region_log2 = block->region_log2;
	record->legs = block->legs;
	record->witnesses = block->witnesses;
	record->forks_nr = block->forks_nr;

	for (i = 0; i < DST_META_SLOTS; i++) {
		const struct dst_meta_block_member *from = &block->members[i];
		struct dst_meta_member *to = &record->members[i];

		memcpy(to->uuid, from->uuid, sizeof(to->uuid));
		memcpy(to->export_uuid, from->export_uuid,
		       sizeof(to->export_uuid));
		to->known_events = le64_to_cpu(from->known_events);
		to->resync_bytes = le64_to_cpu(from->resync_bytes);
		to->state = from->state;
	}
	for (i = 0; i < DST_META_FORKS; i++) {
		memcpy(record->forks[i].branch, block->forks[i].branch,
		       sizeof(record->forks[i].branch));
		record->forks[i].events = le64_to_cpu(block->forks[i].events);
	}
}

static bool dst_meta_is_zero(const void *data, size_t len)
{
	return !memchr_inv(data, 0, len);
}

static bool dst_meta_same_uuid(const __u8 *a, const __u8 *b)
{
	return !memcmp(a, b, DST_META_UUID_LEN);
}

/* Is it, by what never changes, a superblock of a version that we know? */
static enum dst_meta_verdict
dst_meta_check_block(const struct dst_meta_block *block)
{
	unsigned int i;

	if (le64_to_cpu(block->magic) != DST_META_MAGIC)
		return dst_meta_is_zero(block, sizeof(*block)) ?
		       DST_META_BLANK : DST_META_FOREIGN;
	if (le32_to_cpu(block->crc) != dst_meta_crc(block))
		return DST_META_TORN;
	if (le32_to_cpu(block->version) > DST_META_VERSION ||
	    le64_to_cpu(block->incompat) & ~DST_META_INCOMPAT_ALL)
		return DST_META_NEWER;
	if (!block->version || block->reserved0 || block->reserved1 ||
	    block->reserved2 ||
	    le32_to_cpu(block->flags) & ~DST_META_FLAG_ALL ||
	    !dst_meta_is_zero(block->reserved, sizeof(block->reserved)))
		return DST_META_RESERVED;
	for (i = 0; i < DST_META_SLOTS; i++)
		if (!dst_meta_is_zero(block->members[i].reserved,
				      sizeof(block->members[i].reserved)))
			return DST_META_RESERVED;
	return DST_META_OK;
}

/* A slot that nobody has says nothing. */
static bool dst_meta_is_member(const struct dst_meta_record *record,
			       unsigned int slot)
{
	const struct dst_meta_member *member = &record->members[slot];

	if (dst_meta_is_zero(member->uuid, sizeof(member->uuid)) ||
	    dst_meta_is_zero(member->export_uuid, sizeof(member->export_uuid)) ||
	    member->known_events > record->events)
		return false;
	if (member->state != DST_META_REBUILDING)
		return !member->resync_bytes;
	return member->resync_bytes <= record->data_bytes &&
	       !(member->resync_bytes % DST_META_BLOCK_BYTES);
}

static bool dst_meta_is_nobody(const struct dst_meta_member *member)
{
	return dst_meta_is_zero(member->uuid, sizeof(member->uuid)) &&
	       dst_meta_is_zero(member->export_uuid,
				sizeof(member->export_uuid)) &&
	       !member->known_events && !member->resync_bytes;
}

static bool dst_meta_fits_slot(__u8 state, unsigned int slot)
{
	if (slot >= DST_META_LEGS_MAX)
		return state == DST_META_WITNESS;
	return state >= DST_META_IN_SYNC && state <= DST_META_REBUILDING;
}

static bool dst_meta_is_double(const struct dst_meta_record *record,
			       unsigned int slot)
{
	unsigned int i;

	for (i = 0; i < slot; i++)
		if (record->members[i].state != DST_META_NONE &&
		    dst_meta_same_uuid(record->members[i].uuid,
				       record->members[slot].uuid))
			return true;
	return false;
}

static enum dst_meta_verdict
dst_meta_check_members(const struct dst_meta *meta)
{
	const struct dst_meta_record *record = &meta->record;
	unsigned int slot, legs = 0, witnesses = 0, in_sync = 0;

	for (slot = 0; slot < DST_META_SLOTS; slot++) {
		__u8 state = record->members[slot].state;

		if (state == DST_META_NONE) {
			if (!dst_meta_is_nobody(&record->members[slot]))
				return DST_META_MEMBERS;
			continue;
		}
		if (!dst_meta_fits_slot(state, slot) ||
		    !dst_meta_is_member(record, slot) ||
		    dst_meta_is_double(record, slot))
			return DST_META_MEMBERS;
		witnesses += state == DST_META_WITNESS;
		legs += state != DST_META_WITNESS;
		in_sync += state == DST_META_IN_SYNC;
	}
	if (legs != record->legs || witnesses != record->witnesses ||
	    legs < DST_META_LEGS_MIN || !in_sync ||
	    meta->slot >= DST_META_SLOTS ||
	    record->members[meta->slot].state == DST_META_NONE ||
	    !dst_meta_same_uuid(record->members[meta->slot].uuid,
				meta->member))
		return DST_META_MEMBERS;
	return DST_META_OK;
}

static enum dst_meta_verdict
dst_meta_check_sizes(const struct dst_meta *meta, unsigned int copy,
		     __u64 device_bytes)
{
	const struct dst_meta_record *record = &meta->record;
	struct dst_meta_layout layout;
	__u64 super;

	if (dst_meta_super_offset(device_bytes, &super) ||
	    meta->super_offset != super ||
	    meta->sequence % DST_META_COPIES != copy)
		return DST_META_PLACE;
	if (!record->region_log2 ||
	    dst_meta_geometry(record->data_bytes, record->region_log2,
			      &layout) ||
	    record->bitmap_bytes != layout.bitmap_bytes)
		return DST_META_SIZE;
	if (meta->slot >= DST_META_LEGS_MAX)
		return meta->bitmap_offset ? DST_META_SIZE : DST_META_OK;
	if (dst_meta_place(device_bytes, &layout) ||
	    meta->bitmap_offset != layout.bitmap_offset)
		return DST_META_SIZE;
	return DST_META_OK;
}

static bool dst_meta_are_forks(const struct dst_meta_record *record)
{
	const struct dst_meta_fork *fork = record->forks;
	__u64 events = 0;
	unsigned int i;

	if (record->forks_nr > DST_META_FORKS)
		return false;
	for (i = 0; i < DST_META_FORKS; i++, fork++) {
		if (i >= record->forks_nr) {
			if (!dst_meta_is_zero(fork, sizeof(*fork)))
				return false;
			continue;
		}
		if (dst_meta_is_zero(fork->branch, sizeof(fork->branch)) ||
		    dst_meta_same_uuid(fork->branch, record->branch) ||
		    fork->events <= events || fork->events >= record->events)
			return false;
		events = fork->events;
	}
	return true;
}

static enum dst_meta_verdict dst_meta_check_events(const struct dst_meta *meta)
{
	const struct dst_meta_record *record = &meta->record;

	if (!DST_META_REIGN(record->events) || !DST_META_COUNT(record->events) ||
	    meta->claim < DST_META_REIGN(record->events) ||
	    dst_meta_is_zero(record->mirror, sizeof(record->mirror)) ||
	    dst_meta_is_zero(record->branch, sizeof(record->branch)) ||
	    !dst_meta_are_forks(record))
		return DST_META_EVENTS;
	return DST_META_OK;
}

/**
 * dst_meta_decode - read a superblock that anybody may have written
 * @block: as read
 * @copy: which of the two it is, by where it was
 * @device_bytes: size of the device that it was on
 * @meta: what it says; to be used only if it is good
 *
 * Return: DST_META_OK, or why it must not be used.
 */
enum dst_meta_verdict
dst_meta_decode(const struct dst_meta_block *block, unsigned int copy,
		__u64 device_bytes, struct dst_meta *meta)
{
	enum dst_meta_verdict verdict;

	verdict = dst_meta_check_block(block);
	if (verdict)
		return verdict;

	memset(meta, 0, sizeof(*meta));
	meta->compat = le64_to_cpu(block->compat);
	meta->sequence = le64_to_cpu(block->sequence);
	meta->super_offset = le64_to_cpu(block->super_offset);
	meta->bitmap_offset = le64_to_cpu(block->bitmap_offset);
	memcpy(meta->member, block->member, sizeof(meta->member));
	meta->slot = le16_to_cpu(block->slot);
	meta->claim = le32_to_cpu(block->claim);
	meta->written_s = le64_to_cpu(block->written_s);
	dst_meta_decode_record(block, &meta->record);

	verdict = dst_meta_check_sizes(meta, copy, device_bytes);
	if (!verdict)
		verdict = dst_meta_check_members(meta);
	return verdict ?: dst_meta_check_events(meta);
}

/**
 * dst_meta_choose - which of the two copies counts?
 * @meta: both, decoded
 * @verdict: what dst_meta_decode() said of each
 * @copy: the answer
 *
 * A copy that was being written when the power failed is torn, and the other
 * one is whole. One that a newer DST wrote may say more than the other: then
 * neither is to be used.
 *
 * Return: DST_META_OK, or why there is none to use.
 */
enum dst_meta_verdict
dst_meta_choose(const struct dst_meta meta[DST_META_COPIES],
		const enum dst_meta_verdict verdict[DST_META_COPIES],
		unsigned int *copy)
{
	if (verdict[0] == DST_META_NEWER || verdict[1] == DST_META_NEWER)
		return DST_META_NEWER;
	if (verdict[0] && verdict[1])
		return verdict[0] > verdict[1] ? verdict[0] : verdict[1];
	if (verdict[0] || verdict[1]) {
		*copy = verdict[0] ? 1 : 0;
		return DST_META_OK;
	}
	if (!dst_meta_same_uuid(meta[0].record.mirror,
				meta[1].record.mirror) ||
	    !dst_meta_same_uuid(meta[0].member, meta[1].member))
		return DST_META_MIXED;
	*copy = meta[1].sequence > meta[0].sequence;
	return DST_META_OK;
}

/**
 * dst_meta_verdict_text - what is wrong with a block, in words
 * @verdict: of dst_meta_decode() or dst_meta_choose()
 */
const char *dst_meta_verdict_text(enum dst_meta_verdict verdict)
{
	static const char * const text[] = {
		[DST_META_OK] = "it is good",
		[DST_META_BLANK] = "there is no mirror metadata",
		[DST_META_FOREIGN] = "there is something else where mirror metadata would be",
		[DST_META_TORN] = "the metadata is torn or damaged, its checksum does not fit",
		[DST_META_NEWER] = "the metadata needs a newer DST",
		[DST_META_RESERVED] = "the metadata has bits set that have to be zero",
		[DST_META_PLACE] = "the metadata is for another place, or a device of another size",
		[DST_META_SIZE] = "the metadata tells of sizes that cannot be",
		[DST_META_MEMBERS] = "the metadata tells of members that cannot be",
		[DST_META_EVENTS] = "the metadata tells of a history that cannot be",
		[DST_META_MIXED] = "the two copies of the metadata are of different mirrors",
	};

	return verdict < DST_META_VERDICT_NR ? text[verdict] : "unknown";
}

/**
 * dst_meta_state_text - the state of a member, in a word
 * @state: enum dst_meta_state
 */
const char *dst_meta_state_text(__u8 state)
{
	static const char * const text[] = {
		[DST_META_NONE] = "none",
		[DST_META_IN_SYNC] = "in-sync",
		[DST_META_STALE] = "stale",
		[DST_META_RESYNCING] = "resyncing",
		[DST_META_REBUILDING] = "rebuilding",
		[DST_META_WITNESS] = "witness",
	};

	return state < DST_META_STATE_NR ? text[state] : "unknown";
}
