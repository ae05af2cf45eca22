// SPDX-License-Identifier: GPL-2.0-only
/*
 * No superblock, sealed as an attacker would seal it, on a device of whatever
 * size, is taken for one that tells of places beyond the device, of members
 * that there cannot be, or of a history that was not. What is good says the
 * same when it is written again. No two or three of them, together, make the
 * assembly use a leg that the newest record does not call in-sync.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <linux/crc32c.h>
#include <linux/types.h>

#include "../../dst_assembly.h"
#include "../unit/mirror.h"

/* Edits as change_one() reads them: where (of 4096, by table), how, with what. */
const char * const fuzz_words[] = {
	"\x01", "\x02", "\x03", "\x10", "\x20", "\x40", "\x7f", "\x80", "\xff",
	/* sequence, offsets, slot */
	"\x05\x08\x01", "\x06\x05\x03", "\x07\x05\x05", "\x09\x04\x02",
	"\x09\x04\x08", "\x09\x04\x0c", "\x08\x04\x11",
	/* sizes and region */
	"\x0f\x07\x09", "\x0f\x01\x08", "\x10\x06\x0a", "\x12\x04\x11",
	"\x12\x04\x28", "\x12\x04\x29",
	/* counts, members */
	"\x13\x04\x03", "\x14\x04\x01", "\x15\x04\x01", "\x16\x04\x01",
	"\x19\x04\x02", "\x19\x04\x04", "\x1a\x04\x02", "\x1b\x04\x05",
	/* events and claim */
	"\x0e\x03\x01", "\x0e\x0b\x01", "\x0a\x06\x01", "\x1c\x03\x07", NULL
};

static const __u64 values[] = {
	0, 1, 2, 511, 4096, 8192, 65536, 77824, 1 << 20, (64 << 20) - 12288,
	64 << 20, (64 << 20) + 4095, 1ULL << 32, 1ULL << 39, 1ULL << 40,
	(1ULL << 63) - 4096, (1ULL << 63) - 1, 1ULL << 63, ~4095ULL, ~0ULL,
};

#define NR_VALUES	(sizeof(values) / sizeof(values[0]))
#define AT(field)	offsetof(struct dst_meta_block, field)

/* Where edits may hit; what is reserved is most of the block. */
static const __u16 places[] = {
	AT(magic), AT(version), AT(reserved0), AT(incompat), AT(compat),
	AT(sequence), AT(super_offset), AT(bitmap_offset), AT(member),
	AT(slot), AT(claim), AT(written_s), AT(mirror), AT(branch), AT(events),
	AT(data_bytes), AT(bitmap_bytes), AT(flags), AT(region_log2), AT(legs),
	AT(witnesses), AT(forks_nr), AT(members[0]), AT(members[1]),
	AT(members[8]), AT(members[0].state), AT(members[1].state),
	AT(members[8].state), AT(members[1].known_events),
	AT(members[1].resync_bytes), AT(members[7].uuid),
	AT(members[11].state), AT(forks[0]), AT(forks[0].events),
	AT(forks[7]), AT(reserved), AT(reserved[2979]), AT(reserved2),
};

#define NR_PLACES	(sizeof(places) / sizeof(places[0]))

static void check(bool good)
{
	if (!good)
		abort();
}

/* Three bytes of input: a field gets another value. */
static void change_one(struct dst_meta_block *block, const __u8 edit[3])
{
	size_t at = places[edit[0] % NR_PLACES], size = 1U << edit[1] % 4;
	__u64 old = 0, value;

	if (size > sizeof(*block) - at)
		size = sizeof(*block) - at;
	memcpy(&old, (__u8 *)block + at, size);
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
	memcpy((__u8 *)block + at, &value, size);
}

static void check_members(const struct dst_meta *meta)
{
	const struct dst_meta_record *record = &meta->record;
	const struct dst_meta_member *member;
	unsigned int i, legs = 0, witnesses = 0, in_sync = 0;

	for (i = 0; i < DST_META_SLOTS; i++) {
		member = &record->members[i];
		if (!member->state)
			continue;
		check(i < 8 ? member->state <= 4 : member->state == 5);
		check(member->known_events <= record->events);
		check(member->resync_bytes <= record->data_bytes);
		legs += i < 8;
		witnesses += i >= 8;
		in_sync += member->state == DST_META_IN_SYNC;
	}
	check(legs == record->legs && legs >= 2 && in_sync);
	check(witnesses == record->witnesses);
	check(meta->slot < DST_META_SLOTS);
	check(record->members[meta->slot].state);
	check(!memcmp(record->members[meta->slot].uuid, meta->member, 16));
}

/* Where everything is, with numbers that do not overflow. */
static void check_places(const struct dst_meta *meta, __u64 device_bytes)
{
	const struct dst_meta_record *record = &meta->record;
	unsigned __int128 end = meta->super_offset;
	unsigned __int128 covered = record->bitmap_bytes;

	check(!(device_bytes >> 63));
	check(end + 8192 <= device_bytes && device_bytes - end < 8192 + 4096);
	covered = covered * 8 << record->region_log2;
	check(record->bitmap_bytes && record->bitmap_bytes <= 1 << 20);
	check(covered >= record->data_bytes && record->data_bytes >= 65536);
	if (meta->slot >= 8) {
		check(!meta->bitmap_offset);
		return;
	}
	check(meta->bitmap_offset >= record->data_bytes);
	end = meta->bitmap_offset;
	check(end + record->bitmap_bytes == meta->super_offset);
}

static void check_good(const struct dst_meta_block *block, unsigned int copy,
		       const struct dst_meta *meta, __u64 device_bytes)
{
	struct dst_meta_block again;
	unsigned int i;

	check(meta->sequence % 2 == copy);
	check(meta->claim >= meta->record.events >> 32);
	check((meta->record.events >> 32) && (__u32)meta->record.events);
	check(meta->record.flags <= DST_META_FLAG_ALL);
	check(meta->record.forks_nr <= DST_META_FORKS);
	for (i = 0; i < meta->record.forks_nr; i++)
		check(meta->record.forks[i].events < meta->record.events);
	check_places(meta, device_bytes);
	check_members(meta);
	dst_meta_encode(meta, &again);
	again.version = block->version;
	check(!memcmp(&again, block, sizeof(again)));
}

/* Makes one, spoils it, and reads it. */
static bool fuzz_block(const __u8 *data, size_t size, unsigned int slot,
		       __u64 device_bytes, struct dst_meta *meta)
{
	struct dst_meta_block block;
	unsigned int copy = 0;

	*meta = mirror_meta(2, 1, slot, 64 << 20);
	dst_meta_encode(meta, &block);
	for (; size >= 3; data += 3, size -= 3)
		change_one(&block, data);
	block.crc = cpu_to_le32(~crc32c(~0U, &block, 4092));
	if (size == 2)
		copy = data[1] % 2;
	if (dst_meta_decode(&block, copy, device_bytes, meta))
		return false;
	check_good(&block, copy, meta, device_bytes);
	return true;
}

/* The least that must hold of a decision, whatever it was made from. */
static void check_decision(struct dst_assembly_seen seen[3], bool override)
{
	struct dst_meta_record record;
	struct dst_assembly out;
	unsigned int i;

	dst_assembly_decide(seen, 3, override, &out);
	if (out.verdict)
		return;
	check(out.use && out.newest < 3 && (override || !out.fork));
	dst_assembly_begin(&out, seen, 3, (const __u8 *)"branch of a fork",
			   &record);
	check(record.events > seen[out.newest].meta->record.events);
	check(dst_assembly_in_sync(&record) == out.use);
	for (i = 0; i < 3; i++) {
		if (!seen[i].meta || seen[i].fate != DST_ASSEMBLY_USE)
			continue;
		check(out.use >> seen[i].meta->slot & 1);
		check(override || seen[i].meta->record.events ==
		      seen[out.newest].meta->record.events);
	}
	record = seen[out.newest].meta->record;
	check(override || !(out.use & ~dst_assembly_in_sync(&record)));
}

static void fuzz_assembly(const __u8 *data, size_t size)
{
	static const unsigned int slots[] = { 0, 1, 8 };
	struct dst_assembly_seen seen[3] = { };
	struct dst_meta metas[3];
	unsigned int i;
	size_t part;

	for (i = 0; i < 3; i++) {
		part = size / (3 - i);
		part -= part % 3;
		if (fuzz_block(data, part, slots[i], 64 << 20, &metas[i]))
			seen[i].meta = &metas[i];
		data += part;
		size -= part;
	}
	check_decision(seen, false);
	check_decision(seen, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dst_meta meta;

	if (size < 2)
		return 0;
	if (data[0] % 4 == 0)
		fuzz_assembly(data + 2, size - 2);
	else
		fuzz_block(data + 2, size - 2, data[0] % 8 ? 1 : 8,
			   data[1] % 4 ? 64 << 20 : values[data[1] / 4 % NR_VALUES],
			   &meta);
	return 0;
}
