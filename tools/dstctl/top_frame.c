// SPDX-License-Identifier: GPL-2.0-only
/* What stands above and below the table: host, time, totals; the keys. */
#include <string.h>

#include "dstctl.h"
#include "figure.h"
#include "get.h"
#include "text.h"
#include "top.h"

static void head_first(const struct top *top, struct lines *page)
{
	struct line *line = lines_add(page, LINE_NO_ITEM);
	char every[TEXT_TIME_LEN];

	text_ms(every, top_interval_ms(top));
	line_part(line, PAINT_TITLE, "dstctl top");
	line_part(line, PAINT_PLAIN, "%.*s", (int)(page->width / 4), top->host);
	line_part(line, PAINT_PLAIN, "%s", top->clock);
	if (top->paused)
		line_part(line, PAINT_POOR, "paused");
	else
		line_part(line, PAINT_PLAIN, "every %s", every);
}

static __u64 total(const struct top *top, bool exports, const char *key)
{
	__u64 sum = 0;
	size_t i;

	for (i = 0; i < top->nr_items; i++)
		if (top->items[i].is_export == exports)
			sum += get_number(top->items[i].rates, key);
	return sum;
}

static void head_rates(const struct top *top, struct line *line, bool exports)
{
	char reads[FIGURE_LEN], writes[FIGURE_LEN];
	char in[FIGURE_LEN], to[FIGURE_LEN];

	figure_bytes(in, total(top, exports, "read_bytes"));
	figure_bytes(to, total(top, exports, "write_bytes"));
	figure_count(reads, total(top, exports, "reads"));
	figure_count(writes, total(top, exports, "writes"));
	line_part(line, PAINT_PLAIN, "rd %s/s", in);
	line_part(line, PAINT_PLAIN, "wr %s/s", to);
	line_part(line, PAINT_PLAIN, "%s reads/s, %s writes/s", reads, writes);
}

static void head_totals(const struct top *top, struct lines *page, bool exports)
{
	size_t i, nr = 0, ok = 0;
	struct line *line;

	for (i = 0; i < top->nr_items; i++) {
		if (top->items[i].is_export != exports)
			continue;
		nr++;
		ok += top_paint(top->items[i].state) == PAINT_GOOD;
	}
	if (!nr)
		return;
	line = lines_add(page, LINE_NO_ITEM);
	line_part(line, ok < nr ? PAINT_BAD : PAINT_PLAIN, "%zu/%zu %s ok", ok,
		  nr, exports ? "exports" : "devices");
	if (top->rates)
		head_rates(top, line, exports);
}

void top_head(const struct top *top, struct lines *page)
{
	head_first(top, page);
	head_totals(top, page, false);
	head_totals(top, page, true);
}

/* The most needed first: a narrow screen shows only those. */
void top_foot(const struct top *top, struct lines *page)
{
	struct line *line = lines_add(page, LINE_NO_ITEM);

	line_part(line, PAINT_PLAIN, "q quit");
	line_part(line, PAINT_PLAIN, "? help");
	line_part(line, PAINT_PLAIN, "s sort: %s", top_sort_name(top->sort));
	line_part(line, PAINT_PLAIN, "Enter open");
	line_part(line, PAINT_PLAIN, "p %s", top->paused ? "go on" : "pause");
	line_part(line, PAINT_PLAIN, "+ slower");
	line_part(line, PAINT_PLAIN, "- faster");
}

/* Fits the smallest screen. */
void top_help(struct lines *page)
{
	static const char * const texts[] = {
		"up, k   down, j   choose a line",
		"PgUp    PgDn      a screen further",
		"Enter             open it, close it",
		"s                 sort otherwise",
		"p                 pause, go on",
		"+       -         slower, faster",
		"q                 quit",
		"",
		"Any key goes back.",
	};
	size_t i;

	line_text(lines_add(page, LINE_NO_ITEM), PAINT_TITLE,
		  "Keys of dstctl top");
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		line_text(lines_add(page, LINE_NO_ITEM), PAINT_PLAIN, texts[i]);
}

void top_too_small(const struct top *top, struct lines *page)
{
	char text[64];

	snprintf(text, sizeof(text), "%zux%zu is too small: %dx%d is needed",
		 top->width, top->height, TOP_COLUMNS, TOP_ROWS);
	lines_wrap(page, LINE_NO_ITEM, PAINT_PLAIN, 0, text);
	if (page->nr > top->height)
		page->nr = top->height;
}
