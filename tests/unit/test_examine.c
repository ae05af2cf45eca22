// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'dstctl mirror examine' on files as legs, good and spoiled in every way: it
 * says what is there, what is wrong and what to do, and never trusts it.
 */
#include "unit.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <linux/crc32c.h>
#include <linux/types.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_kernel.h"
#include "mirror.h"
#include "run.h"

#define LEG_BYTES	(64ULL << 20)

static char path[] = "/tmp/dst-examine-......";
static char line[128];
static int leg = -1;
static struct dst_meta meta;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake.absent = 1;	/* nothing here needs the module */
	leg = make_temp(path);
	return leg < 0;
}

static int teardown(void **state)
{
	(void)state;
	close(leg);
	return unlink(path);
}

static void put(const struct dst_meta *what, __u64 offset)
{
	struct dst_meta_block block;

	dst_meta_encode(what, &block);
	assert_int_equal(pwrite(leg, &block, sizeof(block), offset),
			 sizeof(block));
}

/* A leg of two in-sync ones, with both copies of its superblock. */
static void make_leg(__u64 bytes)
{
	assert_int_equal(ftruncate(leg, 0), 0);
	assert_int_equal(ftruncate(leg, bytes), 0);
	meta = mirror_meta(2, 1, 1, bytes);
	meta.written_s = 1700000000;
	put(&meta, meta.super_offset);
	meta.sequence++;
	put(&meta, meta.super_offset + 4096);
}

static void flip(__u64 offset)
{
	__u8 byte;

	assert_int_equal(pread(leg, &byte, 1, offset), 1);
	byte ^= 4;
	assert_int_equal(pwrite(leg, &byte, 1, offset), 1);
}

/* Writes a value into both copies, and the checksum that then belongs there. */
static void set_both(size_t at, size_t size, __u64 value)
{
	struct dst_meta_block block;
	unsigned int i;

	value = cpu_to_le64(value);
	for (i = 0; i < 2; i++) {
		__u64 offset = meta.super_offset + i * 4096;

		assert_int_equal(pread(leg, &block, 4096, offset), 4096);
		memcpy((__u8 *)&block + at, &value, size);
		block.crc = cpu_to_le32(~crc32c(~0U, &block, 4092));
		assert_int_equal(pwrite(leg, &block, 4096, offset), 4096);
	}
}

#define SET_BOTH(field, value) \
	set_both(offsetof(struct dst_meta_block, field), \
		 sizeof(((struct dst_meta_block *)0)->field), value)

static const char *examine(const char *options)
{
	snprintf(line, sizeof(line), "mirror examine %s%s", path, options);
	return line;
}

static void good(const char *words)
{
	done(examine(""));
	if (!strstr(out, words))
		fail_msg("'%s' is not said in: %s", words, out);
}

/* Exit 1, one sentence; what was found is shown all the same. */
static void bad(const char *words, const char *verdict)
{
	struct json_object *object, *value;

	assert_int_equal(dstctl(examine("")), 1);
	if (!strstr(err, words))
		fail_msg("'%s' is not said in: %s", words, err);
	assert_true(!strncmp(err, "dstctl: mirror examine /tmp", 27));
	assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
	assert_non_null(strstr(out, path));

	assert_int_equal(dstctl(examine(" --json")), 1);
	object = json_tokener_parse(out);
	assert_non_null(object);
	assert_true(json_object_object_get_ex(object, "why", &value));
	assert_non_null(strstr(err, json_object_get_string(value)));
	assert_true(json_object_object_get_ex(object, "verdict", &value));
	assert_string_equal(json_object_get_string(value), verdict);
	json_object_put(object);
}

static void test_good(void **state)
{
	(void)state;
	make_leg(LEG_BYTES);
	good("leg 1 of mirror aa000000-0000-0000-0000-000000000000\n");
	good("2 legs, 1 witness\n");
	good("record     3.7, claim 3, written 2023-11-14 22:13:20 UTC\n");
	good("  leg 0      in-sync, export 20000000-");
	good("  leg 1      in-sync, export 21000000-0000-0000-0000-000000000000, held record 3.6; this one\n");
	good("  witness 8  witness, export 28000000-");
	good("bitmap     0 of 1024 regions of 64 KiB are dirty (0 B)\n");
	good("copy      0: good, record 3.7, sequence 20\n");
	good("copy      1: good, record 3.7, sequence 21\n");
	meta.written_s = ~0ULL >> 1;
	meta.record.flags = DST_META_FLAG_QUORUM;
	meta.record.members[0].state = DST_META_REBUILDING;
	meta.record.members[0].resync_bytes = 1 << 20;
	meta.record.forks_nr = 1;
	meta.record.forks[0].branch[0] = 0xb1;
	meta.record.forks[0].events = DST_META_NUMBER(2, 9);
	meta.sequence++;
	put(&meta, meta.super_offset);
	good("written 9223372036854775807 s after 1970\n");
	good("1 witness, quorum\n");
	good("leg 0      rebuilding from 1 MiB, ");
	good("forked     b1000000-0000-0000-0000-000000000000 at record 2.9\n");
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("there is no key '%s'", key);
	return value;
}

static void test_json(void **state)
{
	struct json_object *object, *member, *bitmap;

	(void)state;
	make_leg(LEG_BYTES);
	done(examine(" --json"));
	object = json_tokener_parse(out);
	assert_non_null(object);
	assert_string_equal(json_object_get_string(get(object, "path")), path);
	assert_string_equal(json_object_get_string(get(object, "verdict")),
			    "good");
	assert_null(get(object, "why"));
	assert_string_equal(json_object_get_string(get(object, "events")),
			    "3.7");
	assert_int_equal(json_object_get_int64(get(object, "size_bytes")),
			 LEG_BYTES - 12288);
	assert_false(json_object_get_boolean(get(object, "quorum")));
	assert_int_equal(json_object_array_length(get(object, "copies")), 2);
	assert_int_equal(json_object_array_length(get(object, "members")), 3);
	member = json_object_array_get_idx(get(object, "members"), 2);
	assert_string_equal(json_object_get_string(get(member, "kind")),
			    "witness");
	assert_int_equal(json_object_get_int(get(member, "slot")), 8);
	bitmap = get(object, "bitmap");
	assert_int_equal(json_object_get_int(get(bitmap, "regions")), 1024);
	assert_int_equal(json_object_get_int(get(bitmap, "region_bytes")),
			 65536);
	json_object_put(object);
}

static void test_bitmap(void **state)
{
	static const __u8 first[] = { 0x81, 0, 0x10 };

	(void)state;
	make_leg(LEG_BYTES);
	assert_int_equal(pwrite(leg, first, 3, meta.bitmap_offset), 3);
	good("3 of 1024 regions of 64 KiB are dirty (192 KiB)\n");
	/* the last region is a short one */
	assert_int_equal(pwrite(leg, "\x80", 1, meta.bitmap_offset + 127), 1);
	good("4 of 1024 regions of 64 KiB are dirty (244 KiB)\n");
	assert_int_equal(pwrite(leg, "\x01", 1, meta.bitmap_offset + 128), 1);
	bad("the bitmap has bits set behind the end of the data", "good");
	make_leg(1ULL << 40);
	good("0 of 8388600 regions of 128 KiB are dirty (0 B)\n");
}

/* One whole copy is enough, and the newer one of two. */
static void test_one_copy(void **state)
{
	(void)state;
	make_leg(LEG_BYTES);
	flip(meta.super_offset + 4096 + 700);
	good("copy      1: the metadata is torn or damaged");
	good("copy      0: good");
	make_leg(LEG_BYTES);
	flip(meta.super_offset + 4095);
	good("copy      0: the metadata is torn or damaged");
	make_leg(LEG_BYTES);
	meta.record.events = DST_META_NUMBER(4, 1);
	meta.claim = 4;
	meta.sequence++;
	put(&meta, meta.super_offset);
	good("record     4.1, claim 4");
	meta.record.events = DST_META_NUMBER(4, 2);
	meta.sequence++;
	put(&meta, meta.super_offset + 4096);
	good("record     4.2, claim 4");
}

static void test_damaged(void **state)
{
	(void)state;
	make_leg(LEG_BYTES);
	flip(meta.super_offset + 4096 + 700);
	flip(meta.super_offset + 3000);
	bad("its checksum does not fit. Keep it until the mirror runs",
	    "torn");
	make_leg(LEG_BYTES);
	flip(meta.super_offset);
	flip(meta.super_offset + 4096 + 7);
	bad("something else where mirror metadata would be. See with wipefs(8)",
	    "foreign");
	assert_int_equal(ftruncate(leg, 0), 0);
	assert_int_equal(ftruncate(leg, 100000), 0);
	bad("there is no mirror metadata. If this is the right disk", "blank");
}

static void test_absurd(void **state)
{
	(void)state;
	make_leg(LEG_BYTES);
	SET_BOTH(version, 2);
	bad("needs a newer DST. Use the DST that wrote it", "newer");
	make_leg(LEG_BYTES);
	SET_BOTH(incompat, 1ULL << 40);
	bad("needs a newer DST", "newer");
	make_leg(LEG_BYTES);
	SET_BOTH(data_bytes, ~4095ULL);
	bad("sizes that cannot be", "size");
	make_leg(LEG_BYTES);
	SET_BOTH(bitmap_offset, ~4095ULL);
	bad("sizes that cannot be", "size");
	make_leg(LEG_BYTES);
	SET_BOTH(bitmap_bytes, ~0U);
	bad("sizes that cannot be", "size");
	make_leg(LEG_BYTES);
	SET_BOTH(region_log2, 255);
	bad("sizes that cannot be", "size");
	make_leg(LEG_BYTES);
	SET_BOTH(legs, 255);
	bad("members that cannot be", "members");
	make_leg(LEG_BYTES);
	SET_BOTH(slot, 0xffff);
	bad("cannot be", "size");
	make_leg(LEG_BYTES);
	SET_BOTH(claim, 0);
	bad("a history that cannot be", "events");
	make_leg(LEG_BYTES);
	SET_BOTH(reserved[17], 1);
	bad("bits set that have to be zero", "reserved");
}

static void test_elsewhere(void **state)
{
	(void)state;
	/* the device grew by the place of both copies, and what was there */
	make_leg(LEG_BYTES);
	assert_int_equal(ftruncate(leg, LEG_BYTES + 8192), 0);
	bad("no mirror metadata", "blank");
	assert_int_equal(ftruncate(leg, LEG_BYTES), 0);
	good("leg 1");
	assert_int_equal(ftruncate(leg, LEG_BYTES - 4096), 0);
	bad("another place, or a device of another size. If it was resized",
	    "place");
	/* a create that was interrupted */
	make_leg(LEG_BYTES);
	meta.record.mirror[3]++;
	put(&meta, meta.super_offset + 4096);
	bad("of different mirrors. A 'mirror create' was interrupted", "mixed");
}

static void test_witness(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(leg, 8192), 0);
	meta = mirror_meta(2, 1, 8, LEG_BYTES);
	meta.super_offset = 0;
	put(&meta, 0);
	good("witness 8 of mirror aa000000");
	assert_null(strstr(out, "bitmap"));
	done(examine(" --json"));
	assert_non_null(strstr(out, "\"bitmap\": null"));
}

static void test_path(void **state)
{
	(void)state;
	refused(1, "no size for a leg or witness", examine(""));
	refused(1, "there is no such thing", "mirror examine /nope/nope");
	refused(1, "neither a block device nor", "mirror examine /tmp");
	refused(1, "neither a block device nor", "mirror examine /dev/zero");
	refused(1, "a disk or file of this machine. On the server",
		"mirror examine server:99/disk");
	refused(1, "a disk or file of this machine. On the server",
		"mirror examine [fe80::1]/disk");
	refused(2, "nothing was named", "mirror examine");
	refused(2, "too many words", "mirror examine a b");
	refused(2, "no option '--repair'", "mirror examine a --repair");
	done("mirror examine --help");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good),
		TEST(test_json),
		TEST(test_bitmap),
		TEST(test_one_copy),
		TEST(test_damaged),
		TEST(test_absurd),
		TEST(test_elsewhere),
		TEST(test_witness),
		TEST(test_path),
	};

	return cmocka_run_group_tests_name("examine", tests, NULL, NULL);
}
