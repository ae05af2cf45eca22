// SPDX-License-Identifier: GPL-2.0-only
/*
 * The screen of dstctl top is what status and stats say, on any size of
 * terminal; keys change what of it is seen, and nothing else.
 */
#include "unit.h"

#include <stdio.h>

#include "top.h"

static struct top top;
static struct lines page;

#define LANE(index, state) \
	"{'index':" #index ",'state':'" state "','in_flight':3," \
	"'reconnects':1,'resends':2,'latency_us':150}"
#define LEG(index, state, why, us) \
	"{'target':'10.45.0.11:4490/disk','index':" #index \
	",'state':'" state "','why':'" why "','latency_us':" #us \
	",'lanes':[" LANE(0, "live") "," LANE(1, "down") "]}"
#define DEVICE(name, state, why, resync, legs) \
	"{'name':'" name "','state':'" state "','why':'" why "'," \
	"'size_bytes':16777216,'ack':'server','in_flight':7," \
	"'retained_bytes':536870912,'mem_limit_bytes':1073741824," \
	"'legs':[" legs "],'resync':" resync ",'counters':{'errors':4}}"
#define EXPORT(name, state) \
	"{'name':'" name "','path':'/dev/vdb','state':'" state "','why':''," \
	"'size_bytes':16777216,'mem_used_bytes':0," \
	"'mem_limit_bytes':268435456,'clients':[{'address':'10.45.0.1:1'," \
	"'lanes':2,'mode':'rw','host':'n1'}],'counters':{'refused':5}}"
#define RATE(name, reads, bytes) \
	"{'name':'" name "','per_second':{'reads':" #reads \
	",'read_bytes':" #bytes ",'writes':0,'write_bytes':0}}"

#define WELL DEVICE("dst0", "online", "", "null", LEG(0, "in-sync", "", 150))
#define HELD \
	DEVICE("dst10", "held", "no connection: the server does not answer; " \
	       "I/O is held until the server is back", "null", \
	       LEG(0, "gone", "no connection: the server does not answer; " \
		   "I/O is held until the server is back", 2500))
#define STATUS \
	"{'devices':[" WELL "," HELD "],'exports':[" EXPORT("disk", "online") \
	"]}"
#define RATES \
	"{'devices':[" RATE("dst0", 10, 5000) "," RATE("dst10", 12345, 50562048) \
	"],'exports':[" RATE("disk", 77, 5000) "]}"

static struct json_object *json(const char *text)
{
	char *copy = strdup(text), *c;
	struct json_object *object;

	for (c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	object = json_tokener_parse(copy);
	free(copy);
	assert_non_null(object);
	return object;
}

/* Nothing is ever outside the screen, nor anything but plain characters. */
static void show(void)
{
	size_t i, j;

	top_page(&top, &page);
	assert_true(page.nr <= top.height);
	for (i = 0; i < page.nr; i++) {
		assert_true(page.line[i].len <= top.width);
		assert_int_equal(strlen(page.line[i].text), page.line[i].len);
		for (j = 0; j < page.line[i].len; j++)
			assert_in_range(page.line[i].text[j], ' ', '~');
	}
}

static void update(const char *status, const char *rates)
{
	top_update(&top, "14:03:22", json(status), rates ? json(rates) : NULL);
	show();
}

static void press(enum top_key key)
{
	assert_true(top_press(&top, key));
	show();
}

/* The first line of the screen that holds @text, or -1. */
static int where(const char *text)
{
	size_t i;

	for (i = 0; i < page.nr; i++)
		if (strstr(page.line[i].text, text))
			return i;
	return -1;
}

static void has(const char *text)
{
	size_t i;

	if (where(text) >= 0)
		return;
	for (i = 0; i < page.nr; i++)
		print_error("|%s\n", page.line[i].text);
	fail_msg("there is no '%s'", text);
}

static void has_not(const char *text)
{
	if (where(text) >= 0)
		fail_msg("there is '%s'", text);
}

static void cursor_on(const char *text)
{
	int line = where(text);

	has(text);
	if (!page.line[line].cursor)
		fail_msg("the cursor is not on '%s'", text);
}

static int setup(void **state)
{
	(void)state;
	top_begin(&top, "n0");
	top_resize(&top, 80, 24);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	top_end(&top);
	lines_free(&page);
	return 0;
}

static void test_wide(void **state)
{
	int line;

	(void)state;
	update(STATUS, RATES);
	has("dstctl top  n0  14:03:22  every 1s");
	has("1/2 devices ok  rd 48.2M/s  wr 0/s  12.3k reads/s, 0 writes/s");
	has("1/1 exports ok  rd 4.8K/s");
	has("  DEVICE          STATE       RD/s RDB/s  WR/s WRB/s FLIGHT LATENCY RETAINED");
	has("+ dst0            online        10  4.8K     0     0      7   150us [||||| 512M]");
	has("+ dst10           held       12.3k 48.2M     0     0      7   2.5ms [||||| 512M]");
	has("    no connection: the server does not answer; I/O is held until the server is");
	has("+ disk            online        77  4.8K     0     0      1         [         0]");
	assert_int_equal(page.nr, 24);
	assert_int_equal(where("q quit"), 23);

	line = where("dst10 ");
	assert_int_equal(page.line[line].paint[18], PAINT_POOR);
	assert_int_equal(page.line[line + 1].paint[4], PAINT_POOR);
	line = where("dst0 ");
	assert_int_equal(page.line[line].paint[18], PAINT_GOOD);
	cursor_on("dst0 ");
}

/* Without an earlier sample nobody knows a rate: 0 would be a lie. */
static void test_first(void **state)
{
	(void)state;
	update(STATUS, NULL);
	has("+ dst0            online         -     -     -     -      7   150us");
	has_not("0/s");
	update("{'devices':[],'exports':[]}", RATES);
	has("no devices and no exports");
	press(TOP_KEY_DOWN);
	press(TOP_KEY_OPEN);
	press(TOP_KEY_UP);
}

static void test_narrow(void **state)
{
	(void)state;
	top_resize(&top, 40, 10);
	update(STATUS, RATES);
	has("1/2 devices ok  rd 48.2M/s  wr 0/s");
	has("  DEVICE   STATE      RDB/s WRB/s FLIGHT");
	has("+ dst0     online      4.8K     0      7");
	has("    no connection: the server does not");
	assert_int_equal(page.nr, 10);
	has_not("EXPORT");
	while (where("+ disk") < 0)
		press(TOP_KEY_DOWN);
	cursor_on("+ disk     online      4.8K     0      1");
	assert_int_equal(where("q quit"), 9);
	press(TOP_KEY_PAGE_UP);
	press(TOP_KEY_PAGE_UP);
	cursor_on("dst0");
	has("DEVICE");
}

/* Every size gives a screen without garbage (see show()). */
static void test_sizes(void **state)
{
	size_t width, height;

	(void)state;
	update(STATUS, RATES);
	press(TOP_KEY_OPEN);
	for (width = 1; width < 300; width += 1 + width / 20)
		for (height = 1; height < 60; height += 1 + height / 10) {
			top_resize(&top, width, height);
			show();
			press(TOP_KEY_PAGE_DOWN);
			press(TOP_KEY_HELP);
			press(TOP_KEY_OTHER);
		}
	top_resize(&top, 39, 9);
	show();
	has("39x9 is too small: 40x10 is needed");
	top_resize(&top, 200, 24);
	show();
	assert_int_equal(where("dst0 "), 4);
}

static void test_open(void **state)
{
	(void)state;
	update(STATUS, RATES);
	has_not("lane 0");
	press(TOP_KEY_OPEN);
	has("- dst0 ");
	has("    16.0M  ack server  4 errors  0 resends  0 replays  0 reconnects");
	has("    leg 0  in-sync  10.45.0.11:4490/disk  150us  2 lanes");
	has("      lane 0  live  in flight 3  150us  1 reconnects  2 resends");
	has("      lane 1  down");
	has("+ dst10");
	press(TOP_KEY_DOWN);
	press(TOP_KEY_DOWN);
	cursor_on("leg 0");
	update(STATUS, RATES);
	cursor_on("leg 0");
	press(TOP_KEY_OPEN);
	has_not("lane 0");
	cursor_on("+ dst0");

	while (where("+ disk") < 0 || !page.line[where("+ disk")].cursor)
		press(TOP_KEY_DOWN);
	press(TOP_KEY_OPEN);
	has("    16.0M  /dev/vdb  0 errors  5 refused  0 fenced  0 malformed");
	has("    client rw  10.45.0.1:1  2 lanes  n1");
}

/* A mirror: each leg for itself, with a reason where the device has another. */
static void test_legs(void **state)
{
	(void)state;
	update("{'devices':[" DEVICE("dst0", "degraded", "leg 1 is away", "null",
				     LEG(0, "in-sync", "", 100) ","
				     LEG(1, "stale", "it was away", 900))
	       "],'exports':[]}", NULL);
	has("+ dst0            degraded       -     -     -     -      7   900us");
	press(TOP_KEY_OPEN);
	has("    leg 0  in-sync");
	has("    leg 1  stale");
	has("      it was away");
	has_not("EXPORT");
}

static void test_resync(void **state)
{
	(void)state;
	update("{'devices':[" DEVICE("dst0", "online", "",
				     "{'state':'running','done_bytes':536870912,"
				     "'total_bytes':1073741824,"
				     "'rate_bytes':52428800,'eta_s':80}",
				     "") "],'exports':[]}", NULL);
	has("    resync running  [|||||||||||        50%]  512M of 1.0G  50.0M/s  1m20s left");
	top_resize(&top, 40, 10);
	show();
	has("    resync running  [|||||  50%]");

	top_resize(&top, 80, 24);
	update("{'devices':[" DEVICE("dst0", "online", "",
				     "{'state':'paused','done_bytes':5,'total_bytes':0,"
				     "'rate_bytes':0,'eta_s':null}",
				     "") "],'exports':[]}", NULL);
	has("    resync paused  [                      ]  5 of 0  0/s");
	has_not("left");
	update(STATUS, NULL);
	has_not("resync");
}

static void test_sort(void **state)
{
	(void)state;
	update(STATUS, RATES);
	has("s sort: name");
	assert_true(where("dst0 ") < where("dst10 "));
	press(TOP_KEY_SORT);
	has("s sort: rate");
	assert_true(where("dst10 ") < where("dst0 "));
	cursor_on("dst0 ");
	press(TOP_KEY_SORT);
	has("s sort: in flight");
	assert_true(where("dst0 ") < where("dst10 "));
	press(TOP_KEY_SORT);
	has("s sort: latency");
	assert_true(where("dst10 ") < where("dst0 "));
	press(TOP_KEY_SORT);
	has("s sort: state");
	assert_true(where("dst10 ") < where("dst0 "));
	assert_true(where("disk ") > where("dst0 "));
	press(TOP_KEY_SORT);
	has("s sort: name");
}

/* What the cursor is on goes away: it is on something else, then. */
static void test_gone(void **state)
{
	(void)state;
	update(STATUS, RATES);
	press(TOP_KEY_DOWN);
	cursor_on("dst10 ");
	update("{'devices':[" WELL "],'exports':[]}", RATES);
	cursor_on("dst0 ");
	update("{'devices':[],'exports':[" EXPORT("disk", "offline") "]}", RATES);
	cursor_on("disk ");
	has("0/1 exports ok");
}

static void test_keys(void **state)
{
	int i;

	(void)state;
	update(STATUS, RATES);
	press(TOP_KEY_FASTER);
	has("every 500ms");
	assert_int_equal(top_interval_ms(&top), 500);
	for (i = 0; i < 20; i++)
		press(TOP_KEY_FASTER);
	has("every 200ms");
	for (i = 0; i < 20; i++)
		press(TOP_KEY_SLOWER);
	has("every 1m");
	press(TOP_KEY_PAUSE);
	has("paused");
	assert_true(top.paused);
	press(TOP_KEY_PAUSE);
	has_not("paused");

	press(TOP_KEY_HELP);
	has("Keys of dstctl top");
	has_not("dst0");
	press(TOP_KEY_NONE);
	has("Keys of dstctl top");
	press(TOP_KEY_QUIT);
	has("dst0");
	press(TOP_KEY_OTHER);
	assert_false(top_press(&top, TOP_KEY_QUIT));
}

/* What lacks is nothing, and nothing is drawn of it. */
static void test_odd(void **state)
{
	(void)state;
	update("{}", "{}");
	has("no devices and no exports");
	update("{'devices':[{}],'exports':[{'name':'x','legs':3,'clients':null}]}",
	       "{'devices':[],'exports':[{'name':'y'}]}");
	press(TOP_KEY_OPEN);
	press(TOP_KEY_PAGE_DOWN);
	press(TOP_KEY_OPEN);
	has("- x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wide),
		TEST(test_first),
		TEST(test_narrow),
		TEST(test_sizes),
		TEST(test_open),
		TEST(test_legs),
		TEST(test_resync),
		TEST(test_sort),
		TEST(test_gone),
		TEST(test_keys),
		TEST(test_odd),
	};

	return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}
