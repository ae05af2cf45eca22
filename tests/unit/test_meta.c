// SPDX-License-Identifier: GPL-2.0-only
/*
 * A leg's metadata is found and believed only within its limits: the kernel's
 * own dst_meta.c, built here on kshim/.
 */
#include "unit.h"

#include <errno.h>
#include <linux/crc32c.h>
#include <linux/types.h>

#include "mirror.h"

#define LEG_BYTES	(64ULL << 20)

#define AT(type, member, offset) \
	assert_int_equal(offsetof(struct type, member), offset)

/* Disks are read by later versions: no field ever moves. */
static void test_places(void **state)
{
	(void)state;
	assert_memory_equal(&(__u64){ DST_META_MAGIC }, "DSTMIRR", 8);
	AT(dst_meta_block, magic, 0);
	AT(dst_meta_block, version, 8);
	AT(dst_meta_block, incompat, 16);
	AT(dst_meta_block, compat, 24);
	AT(dst_meta_block, sequence, 32);
	AT(dst_meta_block, super_offset, 40);
	AT(dst_meta_block, bitmap_offset, 48);
	AT(dst_meta_block, member, 56);
	AT(dst_meta_block, slot, 72);
	AT(dst_meta_block, claim, 76);
	AT(dst_meta_block, written_s, 80);
	AT(dst_meta_block, mirror, 88);
	AT(dst_meta_block, branch, 104);
	AT(dst_meta_block, events, 120);
	AT(dst_meta_block, data_bytes, 128);
	AT(dst_meta_block, bitmap_bytes, 136);
	AT(dst_meta_block, flags, 140);
	AT(dst_meta_block, region_log2, 144);
	AT(dst_meta_block, legs, 145);
	AT(dst_meta_block, witnesses, 146);
	AT(dst_meta_block, forks_nr, 147);
	AT(dst_meta_block, members, 152);
	AT(dst_meta_block, forks, 920);
	AT(dst_meta_block, reserved, 1112);
	AT(dst_meta_block, crc, 4092);
	AT(dst_meta_block_member, export_uuid, 16);
	AT(dst_meta_block_member, known_events, 32);
	AT(dst_meta_block_member, resync_bytes, 40);
	AT(dst_meta_block_member, state, 48);
	assert_int_equal(DST_META_IN_SYNC, 1);
	assert_int_equal(DST_META_WITNESS, 5);
}

/* Whatever the size, all has its place and nothing overlaps. */
static void layout_is_sane(__u64 device, __u8 log2)
{
	struct dst_meta_layout l = { 0 };
	__u64 bits;
	int ret = dst_meta_layout(device, log2, &l);

	if (ret) {
		assert_true(ret == -ENOSPC || ret == -EFBIG || ret == -EINVAL);
		/* only what is tiny or absurd is refused */
		if (!log2)
			assert_true(device < (80 << 10) || device >> 63);
		return;
	}
	assert_true(l.data_bytes >= DST_META_DATA_MIN_BYTES);
	assert_int_equal(l.data_bytes % 4096, 0);
	assert_true(l.region_log2 >= 16 && l.region_log2 <= 40);
	assert_true(!log2 || l.region_log2 == log2);
	bits = (__u64)l.bitmap_bytes * 8;
	assert_true(l.bitmap_bytes && l.bitmap_bytes <= 1 << 20);
	assert_int_equal(l.bitmap_bytes % 4096, 0);
	assert_true(l.regions <= bits && bits - l.regions < 32768);
	assert_true((unsigned __int128)l.regions << l.region_log2 >=
		    l.data_bytes);
	assert_true((unsigned __int128)(l.regions - 1) << l.region_log2 <
		    l.data_bytes);
	assert_true(l.data_bytes <= l.bitmap_offset);
	assert_true(l.bitmap_offset - l.data_bytes <= 4096);
	assert_int_equal(l.bitmap_offset + l.bitmap_bytes, l.super_offset);
	assert_true(l.super_offset + 8192 <= device);
	assert_true(device - l.super_offset - 8192 < 4096);
}

static void test_layout(void **state)
{
	__u64 size;
	int bit, off;

	(void)state;
	for (size = 0; size < 200000; size += 511)
		layout_is_sane(size, 0);
	for (bit = 12; bit < 64; bit++)
		for (off = -70000; off <= 70000; off += 3500)
			layout_is_sane((1ULL << bit) + off, 0);
	for (bit = 12; bit < 64; bit++)
		for (off = 0; off < 64; off++)
			layout_is_sane((1ULL << bit) + 4096 * off, off);
	layout_is_sane(~0ULL, 0);
	layout_is_sane((1ULL << 63) - 1, 0);
}

static void layout_is(__u64 device, __u8 log2, int ret, __u64 data, __u32 map)
{
	struct dst_meta_layout l = { 0 };

	assert_int_equal(dst_meta_layout(device, log2, &l), ret);
	if (ret)
		return;
	assert_int_equal(l.data_bytes, data);
	assert_int_equal(l.bitmap_bytes, map);
}

/* The examples of Documentation/mirror-format.md among them. */
static void test_layout_figures(void **state)
{
	struct dst_meta_layout l = { 0 };

	(void)state;
	layout_is(0, 0, -ENOSPC, 0, 0);
	layout_is(8192, 0, -ENOSPC, 0, 0);
	layout_is(77823, 0, -ENOSPC, 0, 0);
	layout_is(77824, 0, 0, 65536, 4096);
	layout_is(77824 + 4095, 0, 0, 65536, 4096);
	layout_is(1ULL << 30, 0, 0, (1ULL << 30) - 8192 - 4096, 4096);
	layout_is(1ULL << 39, 0, 0, (1ULL << 39) - 8192 - (1 << 20), 1 << 20);
	layout_is(1ULL << 40, 0, 0, (1ULL << 40) - 8192 - (1 << 20), 1 << 20);
	layout_is((1ULL << 63) - 1, 0, 0,
		  (1ULL << 63) - 4096 - 8192 - (1 << 20), 1 << 20);
	layout_is(1ULL << 63, 0, -EFBIG, 0, 0);
	/* a region of one's own choice */
	layout_is(1ULL << 30, 20, 0, (1ULL << 30) - 8192 - 4096, 4096);
	layout_is(1ULL << 30, 15, -EINVAL, 0, 0);
	layout_is(1ULL << 30, 41, -EINVAL, 0, 0);
	layout_is(1ULL << 41, 17, -EINVAL, 0, 0);

	/* a larger leg of a smaller mirror, and one that is too small */
	assert_int_equal(dst_meta_geometry(1 << 30, 0, &l), 0);
	assert_int_equal(dst_meta_place((1 << 30) + 12288, &l), 0);
	assert_int_equal(l.bitmap_offset, 1 << 30);
	assert_int_equal(dst_meta_place((1 << 30) + 12287, &l), -ENOSPC);
	assert_int_equal(dst_meta_place(0, &l), -ENOSPC);
	assert_int_equal(dst_meta_place(~0ULL, &l), -EFBIG);
	assert_int_equal(dst_meta_geometry(0, 0, &l), -EINVAL);
	assert_int_equal(dst_meta_geometry(65535, 0, &l), -EINVAL);
	assert_int_equal(dst_meta_geometry(65536 + 512, 0, &l), -EINVAL);
	assert_int_equal(dst_meta_geometry(1ULL << 63, 0, &l), -EINVAL);
	assert_int_equal(dst_meta_geometry(~4095ULL, 0, &l), -EINVAL);
}

/* Of two legs, the smaller says it all, also where the region jumps. */
static void test_layout_two(void **state)
{
	struct dst_meta_layout a = { 0 }, b = { 0 }, *small;
	int i, j;

	(void)state;
	for (i = 0; i < 2000; i += 7)
		for (j = 0; j < 2000; j += 97) {
			__u64 one = (1ULL << 39) + (__u64)i * 4096;
			__u64 two = (1ULL << 39) + (__u64)j * 4096;

			assert_int_equal(dst_meta_layout(one, 0, &a), 0);
			assert_int_equal(dst_meta_layout(two, 0, &b), 0);
			small = a.data_bytes < b.data_bytes ? &a : &b;
			assert_int_equal(dst_meta_place(one, small), 0);
			assert_int_equal(dst_meta_place(two, small), 0);
		}
}

static struct dst_meta full_meta(void)
{
	struct dst_meta meta = mirror_meta(3, 1, 1, LEG_BYTES);
	struct dst_meta_record *record = &meta.record;

	meta.compat = 5;
	meta.written_s = 1700000000;
	meta.claim = 9;
	record->flags = DST_META_FLAG_QUORUM;
	record->members[0].state = DST_META_STALE;
	record->members[2].state = DST_META_REBUILDING;
	record->members[2].resync_bytes = 1 << 20;
	record->forks_nr = 2;
	record->forks[0].branch[0] = 0xb1;
	record->forks[0].events = DST_META_NUMBER(1, 4);
	record->forks[1].branch[0] = 0xb2;
	record->forks[1].events = DST_META_NUMBER(2, 1);
	return meta;
}

static void test_round_trip(void **state)
{
	const struct dst_meta meta = full_meta();
	struct dst_meta_block block;
	struct dst_meta back;

	(void)state;
	memset(&block, 0xff, sizeof(block));
	memset(&back, 0xff, sizeof(back));
	dst_meta_encode(&meta, &block);
	assert_int_equal(dst_meta_decode(&block, 0, LEG_BYTES, &back),
			 DST_META_OK);
	assert_memory_equal(&meta, &back, sizeof(meta));
	assert_int_equal(le32_to_cpu(block.crc), ~crc32c(~0U, &block, 4092));
}

static void test_flips(void **state)
{
	const struct dst_meta meta = full_meta();
	struct dst_meta_block block;
	struct dst_meta back;
	unsigned int bit;
	__u8 *bytes = (void *)&block;

	(void)state;
	dst_meta_encode(&meta, &block);
	for (bit = 0; bit < sizeof(block) * 8; bit++) {
		bytes[bit / 8] ^= 1 << bit % 8;
		if (dst_meta_decode(&block, 0, LEG_BYTES, &back) !=
		    (bit < 64 ? DST_META_FOREIGN : DST_META_TORN))
			fail_msg("bit %u flipped is not seen", bit);
		bytes[bit / 8] ^= 1 << bit % 8;
	}
}

/* A block of which only some sectors were written, over another or nothing. */
static void test_torn(void **state)
{
	struct dst_meta meta = full_meta();
	struct dst_meta_block old, new, torn, zero = { 0 };
	struct dst_meta back;
	unsigned int sector;

	(void)state;
	dst_meta_encode(&meta, &old);
	meta.sequence += 2;
	meta.record.events++;
	meta.record.members[0].state = DST_META_RESYNCING;
	dst_meta_encode(&meta, &new);
	for (sector = 1; sector < 8; sector++) {
		torn = old;
		memcpy(&torn, &new, sector * 512);
		assert_int_equal(dst_meta_decode(&torn, 0, LEG_BYTES, &back),
				 DST_META_TORN);
		torn = zero;
		memcpy(&torn, &new, sector * 512);
		assert_int_equal(dst_meta_decode(&torn, 0, LEG_BYTES, &back),
				 DST_META_TORN);
	}
}

static void reseal(struct dst_meta_block *block)
{
	block->crc = cpu_to_le32(~crc32c(~0U, block, 4092));
}

struct change {
	size_t at;
	size_t size;
	__u64 value;
	enum dst_meta_verdict want;
	const char *what;
};

#define SET(field, value, want) \
	{ offsetof(struct dst_meta_block, field), \
	  sizeof(((struct dst_meta_block *)0)->field), value, want, \
	  #field " = " #value }

#define DATA	(LEG_BYTES - 12288)

static const struct change changes[] = {
	SET(magic, 0, DST_META_FOREIGN),
	SET(version, 0, DST_META_RESERVED),
	SET(version, 2, DST_META_NEWER),
	SET(version, ~0U, DST_META_NEWER),
	SET(incompat, 1, DST_META_NEWER),
	SET(incompat, 1ULL << 63, DST_META_NEWER),
	SET(compat, ~0ULL, DST_META_OK),
	SET(reserved0, 1, DST_META_RESERVED),
	SET(reserved1, 1, DST_META_RESERVED),
	SET(reserved2, 1, DST_META_RESERVED),
	SET(reserved[0], 1, DST_META_RESERVED),
	SET(reserved[2979], 1, DST_META_RESERVED),
	SET(members[3].reserved[0], 1, DST_META_RESERVED),
	SET(members[11].reserved[14], 1, DST_META_RESERVED),
	SET(flags, 0, DST_META_OK),
	SET(flags, 2, DST_META_RESERVED),
	SET(flags, 1U << 31, DST_META_RESERVED),
	/* where it is */
	SET(sequence, 0, DST_META_OK),
	SET(sequence, 21, DST_META_PLACE),
	SET(sequence, ~0ULL, DST_META_PLACE),
	SET(super_offset, LEG_BYTES - 4096, DST_META_PLACE),
	SET(super_offset, ~0ULL, DST_META_PLACE),
	SET(bitmap_offset, 0, DST_META_SIZE),
	SET(bitmap_offset, DATA - 4096, DST_META_SIZE),
	SET(bitmap_offset, ~0ULL, DST_META_SIZE),
	/* sizes */
	SET(data_bytes, 0, DST_META_SIZE),
	SET(data_bytes, DATA + 4096, DST_META_SIZE),
	SET(data_bytes, DATA - 512, DST_META_SIZE),
	SET(data_bytes, DATA - 4096, DST_META_OK),
	SET(data_bytes, 1ULL << 63, DST_META_SIZE),
	SET(data_bytes, ~4095ULL, DST_META_SIZE),
	SET(bitmap_bytes, 0, DST_META_SIZE),
	SET(bitmap_bytes, 8192, DST_META_SIZE),
	SET(bitmap_bytes, ~0U, DST_META_SIZE),
	SET(region_log2, 0, DST_META_SIZE),
	SET(region_log2, 15, DST_META_SIZE),
	SET(region_log2, 17, DST_META_OK),
	SET(region_log2, 40, DST_META_OK),
	SET(region_log2, 41, DST_META_SIZE),
	SET(region_log2, 255, DST_META_SIZE),
	/* members */
	SET(slot, 0, DST_META_MEMBERS),
	SET(slot, 3, DST_META_MEMBERS),
	SET(slot, 7, DST_META_MEMBERS),
	SET(slot, 12, DST_META_SIZE),
	SET(slot, 0xffff, DST_META_SIZE),
	SET(member[0], 0x10, DST_META_MEMBERS),
	SET(legs, 0, DST_META_MEMBERS),
	SET(legs, 2, DST_META_MEMBERS),
	SET(legs, 255, DST_META_MEMBERS),
	SET(witnesses, 0, DST_META_MEMBERS),
	SET(witnesses, 255, DST_META_MEMBERS),
	SET(members[0].state, DST_META_NONE, DST_META_MEMBERS),
	SET(members[0].state, DST_META_IN_SYNC, DST_META_OK),
	SET(members[0].state, DST_META_WITNESS, DST_META_MEMBERS),
	SET(members[0].state, DST_META_STATE_NR, DST_META_MEMBERS),
	SET(members[0].state, 255, DST_META_MEMBERS),
	SET(members[8].state, DST_META_IN_SYNC, DST_META_MEMBERS),
	SET(members[8].state, DST_META_NONE, DST_META_MEMBERS),
	SET(members[9].state, DST_META_WITNESS, DST_META_MEMBERS),
	SET(members[5].state, DST_META_STALE, DST_META_MEMBERS),
	SET(members[5].uuid[15], 1, DST_META_MEMBERS),
	SET(members[5].known_events, 1, DST_META_MEMBERS),
	SET(members[5].resync_bytes, 4096, DST_META_MEMBERS),
	/* nobody has everything */
	SET(members[1].state, DST_META_STALE, DST_META_MEMBERS),
	SET(members[2].uuid[0], 0, DST_META_MEMBERS),
	SET(members[2].uuid[0], 0x10, DST_META_MEMBERS),
	SET(members[8].uuid[0], 0x12, DST_META_MEMBERS),
	SET(members[2].export_uuid[0], 0, DST_META_MEMBERS),
	SET(members[2].known_events, 0, DST_META_OK),
	SET(members[2].known_events, DST_META_NUMBER(3, 7), DST_META_OK),
	SET(members[2].known_events, DST_META_NUMBER(3, 8), DST_META_MEMBERS),
	SET(members[2].resync_bytes, DATA, DST_META_OK),
	SET(members[2].resync_bytes, DATA + 4096, DST_META_MEMBERS),
	SET(members[2].resync_bytes, 512, DST_META_MEMBERS),
	SET(members[0].resync_bytes, 4096, DST_META_MEMBERS),
	/* history */
	SET(mirror[0], 0, DST_META_EVENTS),
	SET(branch[0], 0, DST_META_EVENTS),
	SET(branch[0], 0xb2, DST_META_EVENTS),
	SET(claim, 2, DST_META_EVENTS),
	SET(claim, 3, DST_META_OK),
	SET(claim, ~0U, DST_META_OK),
	SET(forks_nr, 1, DST_META_EVENTS),
	SET(forks_nr, 3, DST_META_EVENTS),
	SET(forks_nr, 9, DST_META_EVENTS),
	SET(forks[0].events, 0, DST_META_EVENTS),
	SET(forks[0].events, DST_META_NUMBER(2, 1), DST_META_EVENTS),
	SET(forks[1].events, DST_META_NUMBER(3, 7), DST_META_EVENTS),
	SET(forks[1].branch[0], 0, DST_META_EVENTS),
	SET(forks[7].events, 1, DST_META_EVENTS),
};

static void test_fields(void **state)
{
	const struct dst_meta meta = full_meta();
	struct dst_meta_block block;
	struct dst_meta back;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		__le64 value = cpu_to_le64(changes[i].value);
		enum dst_meta_verdict got;

		dst_meta_encode(&meta, &block);
		memcpy((__u8 *)&block + changes[i].at, &value,
		       changes[i].size);
		reseal(&block);
		got = dst_meta_decode(&block, 0, LEG_BYTES, &back);
		if (got != changes[i].want)
			fail_msg("%s: %d, not %d", changes[i].what, got,
				 changes[i].want);
	}
}

static void decodes(struct dst_meta meta, unsigned int copy, __u64 device,
		    enum dst_meta_verdict want)
{
	struct dst_meta_block block;
	struct dst_meta back;

	dst_meta_encode(&meta, &block);
	assert_int_equal(dst_meta_decode(&block, copy, device, &back), want);
}

/* Its own place says as much as its checksum. */
static void test_elsewhere(void **state)
{
	struct dst_meta meta = full_meta();
	struct dst_meta witness = mirror_meta(2, 1, 8, LEG_BYTES);
	struct dst_meta alone = mirror_meta(2, 0, 0, LEG_BYTES);

	(void)state;
	decodes(meta, 0, LEG_BYTES, DST_META_OK);
	decodes(meta, 0, LEG_BYTES + 4095, DST_META_OK);
	decodes(meta, 0, LEG_BYTES + 4096, DST_META_PLACE);
	decodes(meta, 0, LEG_BYTES - 1, DST_META_PLACE);
	decodes(meta, 1, LEG_BYTES, DST_META_PLACE);
	decodes(meta, 0, 0, DST_META_PLACE);
	decodes(meta, 0, ~0ULL, DST_META_PLACE);
	/* a witness is as small as can be, its mirror as large as it is */
	decodes(witness, 0, LEG_BYTES, DST_META_OK);
	witness.super_offset = 0;
	decodes(witness, 0, 8192, DST_META_OK);
	witness.bitmap_offset = 4096;
	decodes(witness, 0, 8192, DST_META_SIZE);
	/* a mirror has two legs, and one of them has its data */
	alone.record.legs = 1;
	memset(&alone.record.members[1], 0, sizeof(struct dst_meta_member));
	decodes(alone, 0, LEG_BYTES, DST_META_MEMBERS);
	decodes(mirror_meta(8, 4, 7, LEG_BYTES), 0, LEG_BYTES, DST_META_OK);
}

static void test_nothing(void **state)
{
	struct dst_meta_block block = { 0 };
	struct dst_meta back;
	int i;

	(void)state;
	assert_int_equal(dst_meta_decode(&block, 0, LEG_BYTES, &back),
			 DST_META_BLANK);
	((__u8 *)&block)[4095] = 1;
	assert_int_equal(dst_meta_decode(&block, 0, LEG_BYTES, &back),
			 DST_META_FOREIGN);
	for (i = 0; i < DST_META_VERDICT_NR; i++)
		assert_true(strlen(dst_meta_verdict_text(i)) > 8);
	assert_string_equal(dst_meta_verdict_text(DST_META_VERDICT_NR),
			    "unknown");
	for (i = 0; i < DST_META_STATE_NR; i++)
		assert_string_not_equal(dst_meta_state_text(i), "unknown");
	assert_string_equal(dst_meta_state_text(DST_META_STATE_NR), "unknown");
}

static void choice(struct dst_meta copies[2], int first, int second,
		   enum dst_meta_verdict want, unsigned int copy)
{
	enum dst_meta_verdict verdict[2] = { first, second };
	unsigned int got = 7;

	assert_int_equal(dst_meta_choose(copies, verdict, &got), want);
	if (!want)
		assert_int_equal(got, copy);
}

static void test_choose(void **state)
{
	struct dst_meta copies[2] = { full_meta(), full_meta() };

	(void)state;
	copies[1].sequence = copies[0].sequence + 1;
	choice(copies, 0, 0, DST_META_OK, 1);
	copies[1].sequence = copies[0].sequence - 1;
	choice(copies, 0, 0, DST_META_OK, 0);
	choice(copies, DST_META_TORN, 0, DST_META_OK, 1);
	choice(copies, 0, DST_META_BLANK, DST_META_OK, 0);
	choice(copies, DST_META_BLANK, DST_META_TORN, DST_META_TORN, 0);
	choice(copies, DST_META_SIZE, DST_META_FOREIGN, DST_META_SIZE, 0);
	/* it may know something that we cannot read */
	choice(copies, 0, DST_META_NEWER, DST_META_NEWER, 0);
	choice(copies, DST_META_NEWER, DST_META_SIZE, DST_META_NEWER, 0);
	copies[1].member[0]++;
	choice(copies, 0, 0, DST_META_MIXED, 0);
	copies[1].member[0]--;
	copies[1].record.mirror[0]++;
	choice(copies, 0, 0, DST_META_MIXED, 0);
	choice(copies, 0, DST_META_TORN, DST_META_OK, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_layout_figures),
		cmocka_unit_test(test_layout_two),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_choose),
	};

	return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
