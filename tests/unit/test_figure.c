// SPDX-License-Identifier: GPL-2.0-only
/* Figures are short enough for their column, whatever they are. */
#include "unit.h"

#include "figure.h"

static void shows(void (*figure)(char *out, __u64 value), __u64 value,
		  const char *want)
{
	char text[FIGURE_LEN];

	figure(text, value);
	assert_string_equal(text, want);
}

static void test_count(void **state)
{
	(void)state;
	shows(figure_count, 0, "0");
	shows(figure_count, 9999, "9999");
	shows(figure_count, 10000, "10.0k");
	shows(figure_count, 99999, "99.9k");
	shows(figure_count, 123456, "123k");
	shows(figure_count, 1999999, "1.9M");
	shows(figure_count, ~0ULL, "18.4E");
}

static void test_bytes(void **state)
{
	(void)state;
	shows(figure_bytes, 1023, "1023");
	shows(figure_bytes, 1024, "1.0K");
	shows(figure_bytes, 1023 << 10, "1023K");
	shows(figure_bytes, 50 << 20, "50.0M");
	shows(figure_bytes, 1ULL << 40, "1.0T");
	shows(figure_bytes, ~0ULL, "15.9E");
}

static void test_us(void **state)
{
	(void)state;
	shows(figure_us, 0, "-");
	shows(figure_us, 999, "999us");
	shows(figure_us, 1000, "1.0ms");
	shows(figure_us, 99999, "99.9ms");
	shows(figure_us, 123456, "123ms");
	shows(figure_us, 1500000, "1.5s");
	shows(figure_us, ~0U, "4294s");
}

static void test_seconds(void **state)
{
	(void)state;
	shows(figure_seconds, 0, "0s");
	shows(figure_seconds, 59, "59s");
	shows(figure_seconds, 61, "1m01s");
	shows(figure_seconds, 3600, "1h00m");
	shows(figure_seconds, 90000, "1d01h");
}

static void bar_is(size_t width, __u64 part, __u64 whole, const char *label,
		   const char *want)
{
	char bar[FIGURE_BAR_MOST + 1];

	figure_bar(bar, width, part, whole, label);
	assert_string_equal(bar, want);
}

static void test_bar(void **state)
{
	(void)state;
	bar_is(12, 0, 100, "0", "[         0]");
	bar_is(12, 50, 100, "50", "[|||||   50]");
	bar_is(12, 100, 100, "", "[||||||||||]");
	bar_is(12, 99, 100, "", "[||||||||| ]");
	bar_is(12, 1, 1000000, "", "[|         ]");
	bar_is(12, 200, 100, "2", "[|||||||||2]");
	bar_is(12, 5, 0, "?", "[         ?]");
	bar_is(4, 1, 2, "50%", "[50]");
	bar_is(0, 1, 2, "50%", "[]");
	bar_is(12, ~0ULL - 1, ~0ULL, "", "[||||||||||]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_us),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_bar),
	};

	return cmocka_run_group_tests_name("figure", tests, NULL, NULL);
}
