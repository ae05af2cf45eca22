// SPDX-License-Identifier: GPL-2.0-only
/* What stands below a device or export: resync, legs and lanes, clients. */
#include <stdio.h>
#include <string.h>

#include "figure.h"
#include "get.h"
#include "top.h"

#define INDENT		4
#define LANE_INDENT	6

/*
 * "resync running [|||||  45%]  4.5G of 10.0G  120M/s  1m20s left"; nothing if
 * there is none.
 */
void top_resync(struct lines *body, size_t index, struct json_object *resync)
{
	char done[FIGURE_LEN], total[FIGURE_LEN], rate[FIGURE_LEN];
	char left[FIGURE_LEN], percent[FIGURE_LEN] = "";
	__u64 part = get_number(resync, "done_bytes");
	__u64 whole = get_number(resync, "total_bytes");
	char bar[FIGURE_BAR_MOST + 1];
	struct line *line;

	if (!resync)
		return;
	if (whole)
		snprintf(percent, sizeof(percent), "%d%%",
			 (int)(100.0 * (part < whole ? part : whole) / whole));
	figure_bar(bar, body->width < 60 ? 12 : 24, part, whole, percent);
	figure_bytes(done, part);
	figure_bytes(total, whole);
	figure_bytes(rate, get_number(resync, "rate_bytes"));
	figure_seconds(left, get_number(resync, "eta_s"));

	line = lines_add(body, index);
	line_indent(line, INDENT);
	line_part(line, PAINT_POOR, "resync %s", get_text(resync, "state"));
	line_part(line, PAINT_PLAIN, "%s", bar);
	line_part(line, PAINT_PLAIN, "%s of %s", done, total);
	line_part(line, PAINT_PLAIN, "%s/s", rate);
	/* nobody knows before the first bytes have been copied */
	if (get_object(resync, "eta_s"))
		line_part(line, PAINT_PLAIN, "%s left", left);
}

static void detail_lane(struct lines *body, size_t index,
			struct json_object *lane)
{
	struct line *line = lines_add(body, index);
	const char *state = get_text(lane, "state");
	char us[FIGURE_LEN];

	figure_us(us, get_number(lane, "latency_us"));
	line_indent(line, LANE_INDENT);
	line_part(line, PAINT_PLAIN, "lane %llu", get_number(lane, "index"));
	line_part(line, top_paint(state), "%s", state);
	line_part(line, PAINT_PLAIN, "in flight %llu",
		  get_number(lane, "in_flight"));
	line_part(line, PAINT_PLAIN, "%s", us);
	line_part(line, PAINT_PLAIN, "%llu reconnects",
		  get_number(lane, "reconnects"));
	line_part(line, PAINT_PLAIN, "%llu resends",
		  get_number(lane, "resends"));
}

static void detail_leg(struct lines *body, size_t index,
		       struct json_object *leg, const char *known)
{
	struct line *line = lines_add(body, index);
	const char *state = get_text(leg, "state");
	size_t i, nr = get_length(leg, "lanes");
	char us[FIGURE_LEN];

	figure_us(us, get_number(leg, "latency_us"));
	line_indent(line, INDENT);
	line_part(line, PAINT_PLAIN, "leg %llu", get_number(leg, "index"));
	line_part(line, top_paint(state), "%s", state);
	line_cut(line, PAINT_PLAIN, get_text(leg, "target"));
	line_part(line, PAINT_PLAIN, "%s", us);
	line_part(line, PAINT_PLAIN, "%zu lane%s", nr, nr == 1 ? "" : "s");
	/* a device of one leg says the same itself */
	if (strcmp(get_text(leg, "why"), known))
		lines_wrap(body, index, top_paint(state), LANE_INDENT,
			   get_text(leg, "why"));
	for (i = 0; i < nr; i++)
		detail_lane(body, index, get_at(leg, "lanes", i));
}

/* Counters of what should not happen, since the start. */
static void detail_trouble(struct line *line, struct json_object *status,
			   const char * const *keys)
{
	struct json_object *counters = get_object(status, "counters");

	for (; *keys; keys++)
		line_part(line, PAINT_PLAIN, "%llu %s",
			  get_number(counters, *keys), *keys);
}

static void detail_device(struct lines *body, size_t index,
			  struct json_object *status)
{
	static const char * const keys[] = {
		"errors", "resends", "replays", "reconnects", NULL
	};
	struct line *line = lines_add(body, index);
	size_t i, nr = get_length(status, "legs");
	char size[FIGURE_LEN];

	figure_bytes(size, get_number(status, "size_bytes"));
	line_indent(line, INDENT);
	line_part(line, PAINT_PLAIN, "%s", size);
	line_part(line, PAINT_PLAIN, "ack %s", get_text(status, "ack"));
	detail_trouble(line, status, keys);
	for (i = 0; i < nr; i++)
		detail_leg(body, index, get_at(status, "legs", i),
			   get_text(status, "why"));
}

static void detail_client(struct lines *body, size_t index,
			  struct json_object *client)
{
	struct line *line = lines_add(body, index);
	__u64 lanes = get_number(client, "lanes");

	line_indent(line, INDENT);
	line_part(line, PAINT_PLAIN, "client %s", get_text(client, "mode"));
	line_cut(line, PAINT_PLAIN, get_text(client, "address"));
	line_part(line, lanes ? PAINT_PLAIN : PAINT_POOR, "%llu lane%s", lanes,
		  lanes == 1 ? "" : "s");
	line_cut(line, PAINT_PLAIN, get_text(client, "host"));
}

static void detail_export(struct lines *body, size_t index,
			  struct json_object *status)
{
	static const char * const keys[] = {
		"errors", "refused", "fenced", "malformed", NULL
	};
	struct line *line = lines_add(body, index);
	size_t i, nr = get_length(status, "clients");
	char size[FIGURE_LEN];

	figure_bytes(size, get_number(status, "size_bytes"));
	line_indent(line, INDENT);
	line_part(line, PAINT_PLAIN, "%s", size);
	line_cut(line, PAINT_PLAIN, get_text(status, "path"));
	detail_trouble(line, status, keys);
	for (i = 0; i < nr; i++)
		detail_client(body, index, get_at(status, "clients", i));
}

void top_detail(const struct top_item *item, struct lines *body, size_t index)
{
	if (item->is_export)
		detail_export(body, index, item->status);
	else
		detail_device(body, index, item->status);
}
