// SPDX-License-Identifier: GPL-2.0-only
/* The table: a line for each device and export, and why it is not well. */
#include <string.h>

#include "dstctl.h"
#include "figure.h"
#include "get.h"
#include "top.h"

#define MARK_COLUMNS	2
#define NAME_MOST	32
#define BAR_MOST	32

/**
 * struct column - one column of the table
 * @device: its title above devices
 * @export: its title above exports
 * @width: without the blank before it
 * @from: width of the screen from which on it is there
 * @text: what stands in it
 */
struct column {
	const char *device;
	const char *export;
	size_t width;
	size_t from;
	void (*text)(char *out, const struct top_item *item);
};

/* "-" while there are no two samples to tell the rate. */
static void rate(char *out, const struct top_item *item, const char *key,
		 void (*figure)(char *out, __u64 value))
{
	if (item->rates)
		figure(out, get_number(item->rates, key));
	else
		strcpy(out, "-");
}

static void text_reads(char *out, const struct top_item *item)
{
	rate(out, item, "reads", figure_count);
}

static void text_read_bytes(char *out, const struct top_item *item)
{
	rate(out, item, "read_bytes", figure_bytes);
}

static void text_writes(char *out, const struct top_item *item)
{
	rate(out, item, "writes", figure_count);
}

static void text_write_bytes(char *out, const struct top_item *item)
{
	rate(out, item, "write_bytes", figure_bytes);
}

static void text_load(char *out, const struct top_item *item)
{
	figure_count(out, item->is_export ?
		     get_length(item->status, "clients") :
		     get_number(item->status, "in_flight"));
}

static void text_latency(char *out, const struct top_item *item)
{
	if (item->is_export)
		*out = '\0';
	else
		figure_us(out, top_latency_us(item));
}

/* At 40 columns 8 are left for the name, at 80 there are 15. */
static const struct column columns[] = {
	{ "RD/s", "RD/s", 5, 62, text_reads },
	{ "RDB/s", "RDB/s", 5, 0, text_read_bytes },
	{ "WR/s", "WR/s", 5, 62, text_writes },
	{ "WRB/s", "WRB/s", 5, 0, text_write_bytes },
	{ "FLIGHT", "CLNTS", 6, 0, text_load },
	{ "LATENCY", "", 7, 50, text_latency },
};

#define STATE_COLUMNS	10
#define BAR_FROM	76
#define BAR_LEAST	12

/* What is left of the screen goes to the name first, then to the bar. */
static void table_widths(size_t width, size_t *name, size_t *bar)
{
	size_t i, left = width - MARK_COLUMNS - 1 - STATE_COLUMNS;

	for (i = 0; i < ARRAY_SIZE(columns); i++)
		if (width >= columns[i].from)
			left -= 1 + columns[i].width;
	*bar = width >= BAR_FROM ? BAR_LEAST : 0;
	if (*bar)
		left -= 1 + *bar;
	*name = left < NAME_MOST ? left : NAME_MOST;
	if (*bar)
		*bar += left - *name;
	if (*bar > BAR_MOST)
		*bar = BAR_MOST;
}

static void table_title(struct lines *body, bool is_export)
{
	struct line *line = lines_add(body, LINE_NO_ITEM);
	const struct column *column;
	size_t i, name, bar;

	table_widths(body->width, &name, &bar);
	line_cell(line, PAINT_TITLE, MARK_COLUMNS, false, "");
	line_cell(line, PAINT_TITLE, name + 1, false,
		  is_export ? "EXPORT" : "DEVICE");
	line_cell(line, PAINT_TITLE, STATE_COLUMNS, false, "STATE");
	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		column = &columns[i];
		if (body->width >= column->from)
			line_cell(line, PAINT_TITLE, 1 + column->width, true,
				  is_export ? column->export : column->device);
	}
	line_indent(line, 1);
	line_cell(line, PAINT_TITLE, bar, false,
		  is_export ? "MEMORY" : "RETAINED");
}

/* How much of what it may have of memory is in use. */
static void table_bar(struct line *line, const struct top_item *item,
		      size_t width)
{
	char bar[FIGURE_BAR_MOST + 1], label[FIGURE_LEN];
	__u64 part;

	if (!width)
		return;
	part = get_number(item->status, item->is_export ? "mem_used_bytes" :
							  "retained_bytes");
	figure_bytes(label, part);
	figure_bar(bar, width, part,
		   get_number(item->status, "mem_limit_bytes"), label);
	line_indent(line, 1);
	line_text(line, PAINT_PLAIN, bar);
}

static void table_row(const struct top_item *item, struct lines *body,
		      size_t index)
{
	struct line *line = lines_add(body, index);
	char text[FIGURE_LEN];
	size_t i, name, bar;

	table_widths(body->width, &name, &bar);
	line_cell(line, PAINT_PLAIN, MARK_COLUMNS, false,
		  item->open ? "-" : "+");
	line_cell(line, PAINT_PLAIN, name, false, item->name);
	line_indent(line, 1);
	line_cell(line, top_paint(item->state), STATE_COLUMNS, false,
		  item->state);
	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		if (body->width < columns[i].from)
			continue;
		columns[i].text(text, item);
		line_cell(line, PAINT_PLAIN, 1 + columns[i].width, true, text);
	}
	table_bar(line, item, bar);
}

/* The whole table for a screen as wide as @body. */
void top_table(const struct top *top, struct lines *body)
{
	const struct top_item *item;
	size_t i;

	if (!top->nr_items)
		line_text(lines_add(body, LINE_NO_ITEM), PAINT_PLAIN,
			  "no devices and no exports");
	for (i = 0; i < top->nr_items; i++) {
		item = &top->items[i];
		if (!i || item->is_export != item[-1].is_export)
			table_title(body, item->is_export);
		table_row(item, body, i);
		lines_wrap(body, i, top_paint(item->state), MARK_COLUMNS * 2,
			   get_text(item->status, "why"));
		top_resync(body, i, get_object(item->status, "resync"));
		if (item->open)
			top_detail(item, body, i);
	}
}
