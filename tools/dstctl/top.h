/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The screen of `dstctl top`, as lines. It is made of what `status --json` and
 * `stats --json --interval` print, and of the keys that were pressed. Pure.
 */
#ifndef DSTCTL_TOP_H
#define DSTCTL_TOP_H

#include <json-c/json.h>

#include "../../dst_ioctl.h"
#include "line.h"

#define TOP_COLUMNS	40
#define TOP_ROWS	10

enum top_sort {
	TOP_SORT_NAME,
	TOP_SORT_RATE,
	TOP_SORT_FLIGHT,
	TOP_SORT_LATENCY,
	TOP_SORT_STATE,
	TOP_SORT_NR
};

enum top_key {
	TOP_KEY_NONE,
	TOP_KEY_OTHER,
	TOP_KEY_QUIT,
	TOP_KEY_UP,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_OPEN,
	TOP_KEY_SORT,
	TOP_KEY_PAUSE,
	TOP_KEY_SLOWER,
	TOP_KEY_FASTER,
	TOP_KEY_HELP,
	TOP_KEY_NR
};

/**
 * struct top_item - a device or an export
 * @is_export: which of the two
 * @open: its details are shown
 * @name: and @state: in @status
 * @status: what `status --json` says of it
 * @rates: its "per_second", NULL while there is none
 */
struct top_item {
	bool is_export;
	bool open;
	const char *name;
	const char *state;
	struct json_object *status;
	struct json_object *rates;
};

/* A line of an item, to find it again on another screen. */
struct top_place {
	bool is_export;
	char name[DST_IOC_NAME_LEN];
	size_t line;
};

/**
 * struct top - what is to be seen
 * @host: name of this machine
 * @clock: when @status was taken
 * @status: and @rates: whole, since the items point into them
 * @items: devices, then exports, each sorted
 * @body: their lines, of which those from @first on are on the screen
 * @rows: lines of @body that the screen showed last
 */
struct top {
	char host[64];
	char clock[16];
	enum top_sort sort;
	size_t interval;
	bool paused;
	bool help;
	size_t width;
	size_t height;
	struct json_object *status;
	struct json_object *rates;
	struct top_item *items;
	size_t nr_items;
	struct lines body;
	size_t cursor;
	size_t first;
	size_t rows;
};

/* top.c */
void top_begin(struct top *top, const char *host);
void top_end(struct top *top);
void top_update(struct top *top, const char *clock, struct json_object *status,
		struct json_object *rates);
void top_resize(struct top *top, size_t width, size_t height);
bool top_press(struct top *top, enum top_key key);
void top_page(struct top *top, struct lines *page);
__u64 top_interval_ms(const struct top *top);

/* top_items.c */
void top_items_take(struct top *top, struct json_object *status,
		    struct json_object *rates);
void top_items_sort(struct top *top);
void top_items_free(struct top *top);
const char *top_sort_name(enum top_sort sort);
enum paint top_paint(const char *state);
__u64 top_latency_us(const struct top_item *item);

/* top_table.c, top_detail.c, top_frame.c */
void top_table(const struct top *top, struct lines *body);
void top_detail(const struct top_item *item, struct lines *body, size_t index);
void top_resync(struct lines *body, size_t index, struct json_object *resync);
void top_head(const struct top *top, struct lines *page);
void top_foot(const struct top *top, struct lines *page);
void top_help(struct lines *page);
void top_too_small(const struct top *top, struct lines *page);

#endif /* DSTCTL_TOP_H */
