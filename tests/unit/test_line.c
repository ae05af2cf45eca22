// SPDX-License-Identifier: GPL-2.0-only
/* No line is longer than its screen, and what is cut is seen to be. */
#include "unit.h"

#include "line.h"

static struct lines lines;

static struct line *begin(size_t width)
{
	lines_begin(&lines, width);
	return lines_add(&lines, 0);
}

static int teardown(void **state)
{
	(void)state;
	lines_free(&lines);
	return 0;
}

static void test_text(void **state)
{
	struct line *line = begin(8);

	(void)state;
	line_text(line, PAINT_GOOD, "M\xc3\xbcller\x1b[m and more");
	assert_string_equal(line->text, "M?ller?[");
	assert_int_equal(line->len, 8);
	assert_int_equal(line->paint[7], PAINT_GOOD);
}

static void test_cell(void **state)
{
	struct line *line = begin(20);

	(void)state;
	line_cell(line, PAINT_PLAIN, 4, false, "ab");
	line_cell(line, PAINT_PLAIN, 4, true, "cd");
	line_cell(line, PAINT_PLAIN, 4, false, "efghi");
	line_cell(line, PAINT_PLAIN, 0, false, "nothing");
	line_cell(line, PAINT_PLAIN, 4, false, "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc");
	assert_string_equal(line->text, "ab    cdefg~????");
}

static void test_part(void **state)
{
	struct line *line = begin(10);

	(void)state;
	line_indent(line, 1);
	assert_true(line_part(line, PAINT_PLAIN, "%d", 12));
	assert_false(line_part(line, PAINT_PLAIN, "%s", "toolong"));
	assert_true(line_part(line, PAINT_PLAIN, "%s", "fits!"));
	assert_false(line_part(line, PAINT_PLAIN, "x"));
	assert_string_equal(line->text, " 12  fits!");
}

static void test_cut(void **state)
{
	struct line *line = begin(14);

	(void)state;
	line_part(line, PAINT_PLAIN, "leg");
	line_cut(line, PAINT_PLAIN, "10.0.0.1/disk");
	assert_string_equal(line->text, "leg  10.0.0.1~");

	line = begin(11);
	line_part(line, PAINT_PLAIN, "leg");
	line_cut(line, PAINT_PLAIN, "10.0.0.1/disk");
	line_cut(line, PAINT_PLAIN, "short");
	assert_string_equal(line->text, "leg  short");
}

static void test_wrap(void **state)
{
	static const char * const want[] = {
		"  the server", "  does not", "  answer;", "  aaaaaaaaaa", "  a b",
	};
	size_t i;

	(void)state;
	lines_begin(&lines, 12);
	lines_wrap(&lines, 7, PAINT_BAD, 2, "");
	assert_int_equal(lines.nr, 0);
	lines_wrap(&lines, 7, PAINT_BAD, 2,
		   "the server does not answer; aaaaaaaaaaa b");
	assert_int_equal(lines.nr, ARRAY_SIZE(want));
	for (i = 0; i < lines.nr; i++) {
		assert_string_equal(lines.line[i].text, want[i]);
		assert_int_equal(lines.line[i].item, 7);
	}
	lines_begin(&lines, 12);
	lines_wrap(&lines, 7, PAINT_BAD, 12, "no room at all");
	assert_int_equal(lines.nr, 0);
}

static void test_many(void **state)
{
	size_t i;

	(void)state;
	lines_begin(&lines, 100000);
	for (i = 0; i < 1000; i++)
		line_indent(lines_add(&lines, i), 100000);
	assert_int_equal(lines.nr, 1000);
	assert_int_equal(lines.line[999].item, 999);
	assert_int_equal(lines.line[999].len, LINE_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_text, teardown),
		cmocka_unit_test_teardown(test_cell, teardown),
		cmocka_unit_test_teardown(test_part, teardown),
		cmocka_unit_test_teardown(test_cut, teardown),
		cmocka_unit_test_teardown(test_wrap, teardown),
		cmocka_unit_test_teardown(test_many, teardown),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
