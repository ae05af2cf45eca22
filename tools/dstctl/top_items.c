// SPDX-License-Identifier: GPL-2.0-only
/* The devices and exports of the screen, and their order. */
#include <stdlib.h>
#include <string.h>

#include "dstctl.h"
#include "get.h"
#include "top.h"

/* A state that is in neither list is one to look at. */
enum paint top_paint(const char *state)
{
	static const char * const good[] = { "online", "in-sync", "live" };
	static const char * const bad[] = { "failed", "offline" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		if (!strcmp(state, good[i]))
			return PAINT_GOOD;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (!strcmp(state, bad[i]))
			return PAINT_BAD;
	return PAINT_POOR;
}

/* Of the slowest leg, as that is what a write waits for. */
__u64 top_latency_us(const struct top_item *item)
{
	size_t i, nr = get_length(item->status, "legs");
	__u64 us, most = 0;

	for (i = 0; i < nr; i++) {
		us = get_number(get_at(item->status, "legs", i), "latency_us");
		if (us > most)
			most = us;
	}
	return most;
}

static __u64 rank_name(const struct top_item *item)
{
	(void)item;
	return 0;
}

static __u64 rank_rate(const struct top_item *item)
{
	return get_number(item->rates, "read_bytes") +
	       get_number(item->rates, "write_bytes");
}

static __u64 rank_flight(const struct top_item *item)
{
	return get_number(item->status, "in_flight");
}

static __u64 rank_state(const struct top_item *item)
{
	return top_paint(item->state);
}

/* Most first; what is equal goes by its name. */
static const struct {
	const char *name;
	__u64 (*rank)(const struct top_item *item);
} sorts[TOP_SORT_NR] = {
	[TOP_SORT_NAME]		= { "name", rank_name },
	[TOP_SORT_RATE]		= { "rate", rank_rate },
	[TOP_SORT_FLIGHT]	= { "in flight", rank_flight },
	[TOP_SORT_LATENCY]	= { "latency", top_latency_us },
	[TOP_SORT_STATE]	= { "state", rank_state },
};

const char *top_sort_name(enum top_sort sort)
{
	return sorts[sort].name;
}

static int compare(const void *a, const void *b, void *data)
{
	const struct top_item *one = a, *two = b;
	const enum top_sort *sort = data;
	__u64 rank_one, rank_two;

	if (one->is_export != two->is_export)
		return one->is_export - two->is_export;
	rank_one = sorts[*sort].rank(one);
	rank_two = sorts[*sort].rank(two);
	if (rank_one != rank_two)
		return rank_one < rank_two ? 1 : -1;
	return strverscmp(one->name, two->name);
}

void top_items_sort(struct top *top)
{
	if (top->nr_items)
		qsort_r(top->items, top->nr_items, sizeof(*top->items), compare,
			&top->sort);
}

static bool is_open(const struct top *top, const struct top_item *item)
{
	size_t i;

	for (i = 0; i < top->nr_items; i++)
		if (top->items[i].is_export == item->is_export &&
		    !strcmp(top->items[i].name, item->name))
			return top->items[i].open;
	return false;
}

/*
 * Both lists come from one walk, so the same place in them means the same
 * thing; but one may be shorter, if memory was.
 */
static struct json_object *rates_at(struct json_object *rates, const char *key,
				    size_t i, const char *name)
{
	struct json_object *row = get_at(rates, key, i);

	return strcmp(get_text(row, "name"), name) ? NULL :
	       get_object(row, "per_second");
}

static size_t add_items(const struct top *top, struct top_item *items,
			struct json_object *status, struct json_object *rates,
			const char *key)
{
	size_t i, nr = get_length(status, key);
	struct top_item *item;

	for (i = 0; i < nr; i++) {
		item = &items[i];
		item->is_export = !strcmp(key, "exports");
		item->status = get_at(status, key, i);
		item->name = get_text(item->status, "name");
		item->state = get_text(item->status, "state");
		item->rates = rates_at(rates, key, i, item->name);
		item->open = is_open(top, item);
	}
	return nr;
}

void top_items_free(struct top *top)
{
	free(top->items);
	json_object_put(top->status);
	json_object_put(top->rates);
	top->items = NULL;
	top->nr_items = 0;
	top->status = NULL;
	top->rates = NULL;
}

/* Takes over both; without memory for it, what was there stays. */
void top_items_take(struct top *top, struct json_object *status,
		    struct json_object *rates)
{
	size_t nr = get_length(status, "devices") +
		    get_length(status, "exports");
	struct top_item *items = calloc(nr + 1, sizeof(*items));

	if (!items) {
		json_object_put(status);
		json_object_put(rates);
		return;
	}
	nr = add_items(top, items, status, rates, "devices");
	nr += add_items(top, items + nr, status, rates, "exports");
	top_items_free(top);
	top->items = items;
	top->nr_items = nr;
	top->status = status;
	top->rates = rates;
	top_items_sort(top);
}
