// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parsers take exactly what CLI.md says, never overflow, and leave their
 * output alone when they refuse.
 */
#include "unit.h"

#include "parse.h"

#define UNTOUCHED	0x5a5a5a5aU

static void good_size(const char *text, __u64 want)
{
	__u64 value = UNTOUCHED;

	assert_null(parse_size(text, &value));
	assert_int_equal(value, want);
}

static void bad_size(const char *text)
{
	__u64 value = UNTOUCHED;

	assert_non_null(parse_size(text, &value));
	assert_int_equal(value, UNTOUCHED);
}

static void test_size(void **state)
{
	(void)state;
	good_size("1", 1);
	good_size("1K", 1024);
	good_size("64M", 64ULL << 20);
	good_size("64m", 64ULL << 20);
	good_size("3G", 3ULL << 30);
	good_size("2T", 2ULL << 40);
	good_size("18446744073709551615", ~0ULL);
	good_size("16777215T", 16777215ULL << 40);
	bad_size("16777216T");
	bad_size("18446744073709551616");
	bad_size("99999999999999999999999999");
	bad_size("");
	bad_size("0");
	bad_size("0K");
	bad_size("-1");
	bad_size("+1");
	bad_size(" 1");
	bad_size("1 ");
	bad_size("1KB");
	bad_size("1KiB");
	bad_size("1.5G");
	bad_size("K");
	bad_size("0x10");
}

static void good_time(const char *text, __u64 want)
{
	__u64 value = UNTOUCHED;

	assert_null(parse_time(text, &value));
	assert_int_equal(value, want);
}

static void bad_time(const char *text)
{
	__u64 value = UNTOUCHED;

	assert_non_null(parse_time(text, &value));
	assert_int_equal(value, UNTOUCHED);
}

static void test_time(void **state)
{
	(void)state;
	good_time("1", 1000);
	good_time("30s", 30000);
	good_time("250ms", 250);
	good_time("2m", 120000);
	good_time("18446744073709551614ms", ~0ULL - 1);
	bad_time("18446744073709551615ms");
	bad_time("18446744073709552");
	bad_time("307445734561826m");
	bad_time("0");
	bad_time("0ms");
	bad_time("");
	bad_time("never");
	bad_time("s");
	bad_time("1h");
	bad_time("1 s");
	bad_time("-1s");
	bad_time("1.5s");
}

static void test_time_limits(void **state)
{
	__u64 wide = UNTOUCHED;
	__u32 narrow = UNTOUCHED;

	(void)state;
	assert_null(parse_time_never("never", &wide));
	assert_true(wide == DST_IOC_NEVER_MS);
	assert_null(parse_time_never("5s", &wide));
	assert_int_equal(wide, 5000);
	assert_non_null(parse_time_never("Never", &wide));
	assert_int_equal(wide, 5000);

	assert_non_null(parse_time32("2147483648ms", &narrow));
	assert_non_null(parse_time32("4294967297ms", &narrow));
	assert_non_null(parse_time32("never", &narrow));
	assert_int_equal(narrow, UNTOUCHED);
	assert_null(parse_time32("2147483647ms", &narrow));
	assert_int_equal(narrow, 2147483647);
}

static void test_number(void **state)
{
	__u64 value = UNTOUCHED;

	(void)state;
	assert_non_null(parse_number("0", 16, &value));
	assert_non_null(parse_number("17", 16, &value));
	assert_non_null(parse_number("1a", 16, &value));
	assert_non_null(parse_number("", 16, &value));
	assert_non_null(parse_number("18446744073709551617", ~0ULL, &value));
	assert_int_equal(value, UNTOUCHED);
	assert_null(parse_number("16", 16, &value));
	assert_int_equal(value, 16);
	assert_null(parse_number("007", 16, &value));
	assert_int_equal(value, 7);
}

static void test_words(void **state)
{
	__u32 ack = UNTOUCHED;
	bool yes = false;

	(void)state;
	assert_null(parse_bool("yes", &yes));
	assert_true(yes);
	assert_null(parse_bool("false", &yes));
	assert_false(yes);
	assert_non_null(parse_bool("1", &yes));
	assert_non_null(parse_bool("", &yes));

	assert_non_null(parse_ack("memory", &ack));
	assert_int_equal(ack, UNTOUCHED);
	assert_null(parse_ack("server", &ack));
	assert_int_equal(ack, DST_IOC_ACK_SERVER);
	assert_null(parse_ack("disk", &ack));
	assert_int_equal(ack, DST_IOC_ACK_DISK);
	assert_null(parse_ack("ram", &ack));
	assert_int_equal(ack, DST_IOC_ACK_RAM);
}

static void test_device_name(void **state)
{
	static const char * const bad[] = {
		"", "dst", "dst-1", "dst01", "dst0p1", "dst0x", "sda", "dst 0",
		"dst1048576", "dst99999999999999999999", "0", "DST0",
	};
	__u32 index = UNTOUCHED;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_non_null(parse_device_name(bad[i], &index));
	assert_int_equal(index, UNTOUCHED);
	assert_null(parse_device_name("dst0", &index));
	assert_int_equal(index, 0);
	assert_null(parse_device_name("dst1048575", &index));
	assert_int_equal(index, 1048575);
}

static void test_export_name(void **state)
{
	static const char * const bad[] = {
		"", ".", "..", "a/b", "a b", "a:b", "\xc3\xa4", "a\n", "a=b",
	};
	char name[DST_IOC_NAME_LEN] = "before";
	char text[66];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_non_null(parse_export_name(bad[i], name));
	memset(text, 'x', sizeof(text));
	text[64] = '\0';
	assert_non_null(parse_export_name(text, name));
	assert_string_equal(name, "before");

	text[63] = '\0';
	assert_null(parse_export_name(text, name));
	assert_string_equal(name, text);
	assert_null(parse_export_name("A.b_c-9", name));
	assert_string_equal(name, "A.b_c-9");
	/* nothing of the longer name before may reach the kernel */
	for (i = strlen(name); i < sizeof(name); i++)
		assert_int_equal(name[i], 0);
}

static void good_host(const char *text, const char *host, unsigned int port,
		      bool ipv6)
{
	struct parse_host value;

	assert_null(parse_host(text, &value));
	assert_string_equal(value.host, host);
	assert_int_equal(value.port, port);
	assert_int_equal(value.ipv6, ipv6);
}

static void test_host(void **state)
{
	(void)state;
	good_host("10.0.0.1", "10.0.0.1", 4490, false);
	good_host("10.0.0.1:1", "10.0.0.1", 1, false);
	good_host("Server.Example:65535", "server.example", 65535, false);
	good_host("[::1]", "::1", 4490, true);
	good_host("[FE80::1%Eth0]:99", "fe80::1%Eth0", 99, true);
	good_host("0.0.0.0", "0.0.0.0", 4490, false);
	good_host("3com.example", "3com.example", 4490, false);
}

static void test_host_bad(void **state)
{
	static const char * const bad[] = {
		"", ":1", "h:", "h:0", "h:65536", "h:x", "h:1:2", "::1", "[::1",
		"[::1]x", "[::1]:", "[]", "[1.2.3.4]", "[fe80::1%]", "10.1",
		"256.0.0.1", "1.2.3.4.5", "a b", "-a", ".a", "a/b", "a%b",
		"[::1%a/b]", "[::1]:0", "[:::]", "4490",
	};
	struct parse_host value = { .port = 7 };
	char text[300];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (!parse_host(bad[i], &value))
			fail_msg("'%s' was taken", bad[i]);
	memset(text, 'a', sizeof(text));
	text[256] = '\0';
	assert_non_null(parse_host(text, &value));
	assert_int_equal(value.port, 7);
	text[255] = '\0';
	assert_null(parse_host(text, &value));
}

static void test_target(void **state)
{
	struct parse_host host = { .port = 7 };
	char export[DST_IOC_NAME_LEN] = "before";

	(void)state;
	assert_non_null(parse_target("host", &host, export));
	assert_non_null(parse_target("host/", &host, export));
	assert_non_null(parse_target("/disk", &host, export));
	assert_non_null(parse_target("host:0/disk", &host, export));
	assert_non_null(parse_target("host/a/disk", &host, export));
	assert_non_null(parse_target("host/a b", &host, export));
	assert_int_equal(host.port, 7);
	assert_string_equal(export, "before");

	assert_null(parse_target("[fd00::1]:99/disk", &host, export));
	assert_string_equal(host.host, "fd00::1");
	assert_int_equal(host.port, 99);
	assert_string_equal(export, "disk");
}

static void good_cidr(const char *text, unsigned int family,
		      unsigned int first, unsigned int bits, unsigned int rw)
{
	struct dst_ioc_allow value;

	assert_null(parse_cidr(text, &value));
	assert_int_equal(value.addr.family, family);
	assert_int_equal(value.addr.addr[0], first);
	assert_int_equal(value.addr.port, 0);
	assert_int_equal(value.prefix_len, bits);
	assert_int_equal(value.flags, rw ? DST_IOC_ALLOW_RW : 0);
}

static void test_cidr(void **state)
{
	(void)state;
	good_cidr("10.0.0.0/8", 4, 10, 8, 1);
	good_cidr("10.0.0.0/8=rw", 4, 10, 8, 1);
	good_cidr("10.1.2.3=ro", 4, 10, 32, 0);
	good_cidr("0.0.0.0/0", 4, 0, 0, 1);
	good_cidr("::/0=ro", 6, 0, 0, 0);
	good_cidr("fd00::/8", 6, 0xfd, 8, 1);
	good_cidr("fd00::1", 6, 0xfd, 128, 1);
}

static void test_cidr_bad(void **state)
{
	static const char * const bad[] = {
		"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1",
		"10.0.0.5/8", "10.0.0.0/8=", "10.0.0.0/8=rx", "10/8", "::/129",
		"fd00::1/64", "host/8", "10.0.0.0/8/8", "[::1]", "=rw", "/8",
		"10.0.0.0/8=rw=ro",
	};
	struct dst_ioc_allow value = { .prefix_len = UNTOUCHED };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (!parse_cidr(bad[i], &value))
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(value.prefix_len, UNTOUCHED);
}

static void test_uuid(void **state)
{
	__u8 uuid[DST_IOC_UUID_LEN] = { 1, 2, 3 };

	(void)state;
	assert_non_null(parse_uuid("", uuid));
	assert_non_null(parse_uuid("x", uuid));
	assert_non_null(parse_uuid("00000000-0000-0000-0000-000000000000",
				   uuid));
	assert_int_equal(uuid[0], 1);
	assert_null(parse_uuid("6d0e1f52-934b-4a0d-8e17-5b2cd470aa31", uuid));
	assert_int_equal(uuid[0], 0x6d);
	assert_int_equal(uuid[15], 0x31);
}

static void test_trans(void **state)
{
	static const char * const bad[] = {
		"", "\n", "id op sector sectors state age_ms resends lane\n",
		"1 WRITE 8 8 sent 3 0", "1 WRITE x 8 sent 3 0 1",
		"99999999999999999999 WRITE 8 8 sent 3 0 1",
		"1 WRITE 8 8 sent 3 0 x", "-1 WRITE 8 8 sent 3 0 1",
	};
	struct parse_trans trans = { .id = UNTOUCHED };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (!parse_trans(bad[i], &trans))
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(trans.id, UNTOUCHED);

	assert_null(parse_trans("  7 WRITE 2048 8  sent\t120 1 3\n", &trans));
	assert_int_equal(trans.id, 7);
	assert_string_equal(trans.op, "WRITE");
	assert_int_equal(trans.sector, 2048);
	assert_int_equal(trans.sectors, 8);
	assert_string_equal(trans.state, "sent");
	assert_int_equal(trans.age_ms, 120);
	assert_int_equal(trans.resends, 1);
	assert_int_equal(trans.lane, 3);
	assert_false(trans.no_lane);

	assert_null(parse_trans("8 READ 0 8 new 0 0 -", &trans));
	assert_true(trans.no_lane);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_time_limits),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_device_name),
		cmocka_unit_test(test_export_name),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_host_bad),
		cmocka_unit_test(test_target),
		cmocka_unit_test(test_cidr),
		cmocka_unit_test(test_cidr_bad),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_trans),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
