// SPDX-License-Identifier: GPL-2.0-only
/* What goes out is what was meant, and nothing that harms a terminal. */
#include "unit.h"

#include "text.h"

static void cleaned(const char *in, const char *want)
{
	char text[32];

	memset(text, 'x', sizeof(text));
	memcpy(text, in, strlen(in) + 1);
	text_clean(text, sizeof(text));
	assert_string_equal(text, want);
}

static void test_clean(void **state)
{
	(void)state;
	cleaned("plain text", "plain text");
	cleaned("", "");
	cleaned("\x1b[31mred\x07", "?[31mred?");
	cleaned("a\nb\tc\x7f", "a?b?c?");
	cleaned("M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80",
		"M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80");
	/* cut, overlong, surrogate, beyond Unicode, C1 control, stray */
	cleaned("a\xc3", "a?");
	cleaned("\xe2\x82", "??");
	cleaned("\xc0\xaf", "??");
	cleaned("\xe0\x80\xaf", "???");
	cleaned("\xed\xa0\x80", "???");
	cleaned("\xf4\x90\x80\x80", "????");
	cleaned("\xc2\x9b", "??");
	cleaned("\x80\xff", "??");
}

/* The kernel fills its arrays; were it ever not to end one, we do. */
static void test_clean_unended(void **state)
{
	char text[4] = { 'a', 'b', 'c', '\xe2' };

	(void)state;
	text_clean(text, sizeof(text));
	assert_string_equal(text, "abc");
}

static void size_is(__u64 bytes, const char *want)
{
	char text[TEXT_SIZE_LEN];

	text_size(text, bytes);
	assert_string_equal(text, want);
}

static void test_size(void **state)
{
	(void)state;
	size_is(0, "0 B");
	size_is(1023, "1023 B");
	size_is(1024, "1 KiB");
	size_is(1536, "1.5 KiB");
	size_is(1ULL << 40, "1 TiB");
	size_is(~0ULL, "15.9 EiB");
}

static void ms_is(__u64 ms, const char *want)
{
	char text[TEXT_TIME_LEN];

	text_ms(text, ms);
	assert_string_equal(text, want);
}

static void test_ms(void **state)
{
	(void)state;
	ms_is(0, "0s");
	ms_is(250, "250ms");
	ms_is(30000, "30s");
	ms_is(120000, "2m");
	ms_is(DST_IOC_NEVER_MS, "never");
}

static void test_addr(void **state)
{
	struct dst_ioc_addr addr = {
		.family = DST_IOC_ADDR_INET, .port = 4490,
		.addr = { 10, 0, 0, 1 },
	};
	char text[TEXT_ADDR_LEN];

	(void)state;
	text_addr(text, &addr);
	assert_string_equal(text, "10.0.0.1:4490");

	memset(addr.addr, 0, sizeof(addr.addr));
	addr.family = DST_IOC_ADDR_INET6;
	addr.addr[0] = 0xfe;
	addr.addr[1] = 0x80;
	addr.addr[15] = 1;
	addr.scope_id = 4000000000U;
	text_addr(text, &addr);
	assert_string_equal(text, "[fe80::1%4000000000]:4490");

	memset(&addr, 0, sizeof(addr));
	text_addr(text, &addr);
	assert_string_equal(text, "");
	addr.port = 4490;
	text_addr(text, &addr);
	assert_string_equal(text, "*:4490");
}

static void test_cidr(void **state)
{
	struct dst_ioc_allow allow = {
		.addr = { .family = DST_IOC_ADDR_INET, .addr = { 10 } },
		.prefix_len = 8,
	};
	char text[TEXT_ADDR_LEN];

	(void)state;
	text_cidr(text, &allow);
	assert_string_equal(text, "10.0.0.0/8=ro");
	allow.flags = DST_IOC_ALLOW_RW;
	text_cidr(text, &allow);
	assert_string_equal(text, "10.0.0.0/8=rw");
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(text_device_state(DST_IOC_DEVICE_HELD), "held");
	assert_string_equal(text_device_state(99), "unknown");
	assert_string_equal(text_leg_state(DST_IOC_DEVICE_HELD), "gone");
	assert_string_equal(text_lane_state(DST_IOC_LANE_LIVE), "live");
	assert_string_equal(text_export_state(DST_IOC_EXPORT_OFFLINE),
			    "offline");
	assert_string_equal(text_ack(DST_IOC_ACK_RAM), "ram");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_clean_unended),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_ms),
		cmocka_unit_test(test_addr),
		cmocka_unit_test(test_cidr),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
