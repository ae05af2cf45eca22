// SPDX-License-Identifier: GPL-2.0-only
/* What the keys do, and which part of the table is to be seen. */
#include "top.h"

#include <string.h>

#include "dstctl.h"
#include "text.h"

static const __u64 intervals_ms[] = {
	200, 500, 1000, 2000, 5000, 10000, 30000, 60000
};

#define INTERVAL_AT_FIRST	2

void top_begin(struct top *top, const char *host)
{
	memset(top, 0, sizeof(*top));
	text_copy(top->host, sizeof(top->host), host);
	top->interval = INTERVAL_AT_FIRST;
}

void top_end(struct top *top)
{
	top_items_free(top);
	lines_free(&top->body);
}

__u64 top_interval_ms(const struct top *top)
{
	return intervals_ms[top->interval];
}

static bool top_fits(const struct top *top)
{
	return top->width >= TOP_COLUMNS && top->height >= TOP_ROWS;
}

static bool is_item(const struct top *top, size_t line)
{
	return line < top->body.nr &&
	       top->body.line[line].item != LINE_NO_ITEM;
}

/* Where the cursor is, in words that outlive what is on the screen now. */
static struct top_place place_get(const struct top *top)
{
	struct top_place place = { 0 };
	const struct top_item *item;
	size_t line = top->cursor;

	if (!is_item(top, line))
		return place;
	item = &top->items[top->body.line[line].item];
	place.is_export = item->is_export;
	text_copy(place.name, sizeof(place.name), item->name);
	while (line && top->body.line[line - 1].item ==
	       top->body.line[line].item) {
		place.line++;
		line--;
	}
	return place;
}

/* The line of @place, or the one of its item that comes closest. */
static size_t place_find(const struct top *top, const struct top_place *place)
{
	const struct top_item *item;
	size_t line, left = place->line;

	for (line = 0; line < top->body.nr; line++) {
		if (!is_item(top, line))
			continue;
		item = &top->items[top->body.line[line].item];
		if (item->is_export != place->is_export ||
		    strcmp(item->name, place->name))
			continue;
		while (left-- && is_item(top, line + 1) &&
		       top->body.line[line + 1].item ==
		       top->body.line[line].item)
			line++;
		return line;
	}
	return top->cursor;
}

/* A line of an item at @line or, going on in direction @step, behind it. */
static size_t nearest(const struct top *top, size_t line, int step)
{
	size_t i, nr = top->body.nr;

	if (line >= nr)
		line = nr ? nr - 1 : 0;
	for (i = line; i < nr; i += step)
		if (is_item(top, i))
			return i;
	for (i = line; i < nr; i -= step)
		if (is_item(top, i))
			return i;
	return 0;
}

/* Makes the table anew; the cursor stays on what it is on. */
static void layout(struct top *top, const struct top_place *place)
{
	if (!top_fits(top))
		return;
	lines_begin(&top->body, top->width);
	top_table(top, &top->body);
	top->cursor = nearest(top, place_find(top, place), 1);
}

void top_update(struct top *top, const char *clock, struct json_object *status,
		struct json_object *rates)
{
	struct top_place place = place_get(top);

	text_copy(top->clock, sizeof(top->clock), clock);
	top_items_take(top, status, rates);
	layout(top, &place);
}

void top_resize(struct top *top, size_t width, size_t height)
{
	struct top_place place = place_get(top);

	top->width = width;
	top->height = height;
	layout(top, &place);
}

static void press_move(struct top *top, enum top_key key)
{
	size_t page = top->rows > 1 ? top->rows - 1 : 1;
	size_t by = key == TOP_KEY_PAGE_UP || key == TOP_KEY_PAGE_DOWN ?
		    page : 1;

	if (key == TOP_KEY_UP || key == TOP_KEY_PAGE_UP)
		top->cursor = nearest(top, top->cursor > by ?
				      top->cursor - by : 0, -1);
	else
		top->cursor = nearest(top, top->cursor + by, 1);
}

/* One that is closed from within has the cursor on its first line. */
static void press_open(struct top *top, enum top_key key)
{
	struct top_place place = place_get(top);
	struct top_item *item;

	(void)key;
	if (!is_item(top, top->cursor))
		return;
	item = &top->items[top->body.line[top->cursor].item];
	item->open = !item->open;
	if (!item->open)
		place.line = 0;
	layout(top, &place);
}

static void press_sort(struct top *top, enum top_key key)
{
	struct top_place place = place_get(top);

	(void)key;
	top->sort = (top->sort + 1) % TOP_SORT_NR;
	top_items_sort(top);
	layout(top, &place);
}

static void press_pause(struct top *top, enum top_key key)
{
	(void)key;
	top->paused = !top->paused;
}

static void press_interval(struct top *top, enum top_key key)
{
	if (key == TOP_KEY_FASTER && top->interval)
		top->interval--;
	if (key == TOP_KEY_SLOWER &&
	    top->interval + 1 < ARRAY_SIZE(intervals_ms))
		top->interval++;
}

static void press_help(struct top *top, enum top_key key)
{
	(void)key;
	top->help = true;
}

static void (*const presses[TOP_KEY_NR])(struct top *top, enum top_key key) = {
	[TOP_KEY_UP]		= press_move,
	[TOP_KEY_DOWN]		= press_move,
	[TOP_KEY_PAGE_UP]	= press_move,
	[TOP_KEY_PAGE_DOWN]	= press_move,
	[TOP_KEY_OPEN]		= press_open,
	[TOP_KEY_SORT]		= press_sort,
	[TOP_KEY_PAUSE]		= press_pause,
	[TOP_KEY_SLOWER]	= press_interval,
	[TOP_KEY_FASTER]	= press_interval,
	[TOP_KEY_HELP]		= press_help,
};

/* Does what @key is for. False: that is to end. */
bool top_press(struct top *top, enum top_key key)
{
	if (key == TOP_KEY_NONE)
		return true;
	if (top->help) {
		top->help = false;
		return true;
	}
	if (presses[key])
		presses[key](top, key);
	return key != TOP_KEY_QUIT;
}

/* Moves the part that is seen so that the cursor, and its title, is in it. */
static void scroll(struct top *top)
{
	size_t most = top->body.nr > top->rows ? top->body.nr - top->rows : 0;
	size_t line = top->cursor;

	if (top->first + top->rows <= line)
		top->first = line - top->rows + 1;
	if (line && !is_item(top, line - 1) && top->rows > 1)
		line--;
	if (top->first > line)
		top->first = line;
	if (top->first > most)
		top->first = most;
}

static void page_body(struct top *top, struct lines *page)
{
	size_t i;

	top->rows = top->height - page->nr - 1;
	scroll(top);
	for (i = 0; i < top->rows; i++) {
		if (top->first + i >= top->body.nr) {
			lines_add(page, LINE_NO_ITEM);
			continue;
		}
		lines_copy(page, &top->body.line[top->first + i]);
		page->line[page->nr - 1].cursor =
			top->first + i == top->cursor &&
			is_item(top, top->cursor);
	}
}

/* The whole screen: never more lines or columns than it has. */
void top_page(struct top *top, struct lines *page)
{
	lines_begin(page, top->width);
	if (!top_fits(top)) {
		top_too_small(top, page);
	} else if (top->help) {
		top_help(page);
	} else {
		top_head(top, page);
		page_body(top, page);
		top_foot(top, page);
	}
}
