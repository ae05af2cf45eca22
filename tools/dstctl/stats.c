// SPDX-License-Identifier: GPL-2.0-only
#include "stats.h"

#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "text.h"

/* Leaves out what there is no memory for. */
static void stats_add(struct stats *stats, const char *name, bool is_export,
		      __u64 in_flight, const struct dst_ioc_counters *counters)
{
	struct stats_row *rows, *row;

	rows = realloc(stats->rows, (stats->nr + 1) * sizeof(*rows));
	if (!rows)
		return;
	stats->rows = rows;
	row = &rows[stats->nr++];
	snprintf(row->name, sizeof(row->name), "%s", name);
	row->is_export = is_export;
	row->in_flight = in_flight;
	row->counters = *counters;
}

void stats_begin(struct stats *stats, __u64 time_us)
{
	memset(stats, 0, sizeof(*stats));
	stats->time_us = time_us;
}

void stats_device(struct stats *stats, const struct dst_ioc_device *dev)
{
	char name[32];

	snprintf(name, sizeof(name), "dst%u", dev->index);
	stats_add(stats, name, false, dev->in_flight, &dev->counters);
}

void stats_export(struct stats *stats, const struct dst_ioc_export *export)
{
	stats_add(stats, export->name, true, 0, &export->counters);
}

void stats_free(struct stats *stats)
{
	free(stats->rows);
	stats->rows = NULL;
	stats->nr = 0;
}

/* A second; 0 if the counter started anew in between. */
__u64 stats_rate(__u64 before, __u64 now, __u64 time_us)
{
	if (now < before || !time_us)
		return 0;
	return (__u64)((double)(now - before) * 1e6 / (double)time_us + 0.5);
}

static const struct stats_row *stats_find(const struct stats *stats,
					  const struct stats_row *row)
{
	size_t i;

	for (i = 0; i < stats->nr; i++)
		if (stats->rows[i].is_export == row->is_export &&
		    !strcmp(stats->rows[i].name, row->name))
			return &stats->rows[i];
	return NULL;
}

/* What @row gained a second since @before; nothing if it is new. */
static void stats_gain(struct dst_ioc_counters *gain,
		       const struct stats *before, const struct stats *now,
		       const struct stats_row *row)
{
	const struct stats_row *old = stats_find(before, row);
	const struct dst_ioc_counters *a, *b = &row->counters;
	__u64 time_us = now->time_us - before->time_us;

	memset(gain, 0, sizeof(*gain));
	if (!old)
		return;
	a = &old->counters;
	gain->reads = stats_rate(a->reads, b->reads, time_us);
	gain->writes = stats_rate(a->writes, b->writes, time_us);
	gain->flushes = stats_rate(a->flushes, b->flushes, time_us);
	gain->discards = stats_rate(a->discards, b->discards, time_us);
	gain->read_bytes = stats_rate(a->read_bytes, b->read_bytes, time_us);
	gain->write_bytes = stats_rate(a->write_bytes, b->write_bytes, time_us);
	gain->resends = stats_rate(a->resends, b->resends, time_us);
	gain->replays = stats_rate(a->replays, b->replays, time_us);
	gain->reconnects = stats_rate(a->reconnects, b->reconnects, time_us);
	gain->errors = stats_rate(a->errors, b->errors, time_us);
	gain->hedged = stats_rate(a->hedged, b->hedged, time_us);
	gain->read_repairs = stats_rate(a->read_repairs, b->read_repairs,
					time_us);
}

static void stats_head(FILE *out, const char *unit)
{
	fprintf(out, "%-20s %10s %10s %10s %10s %12s %12s %9s %8s\n", unit,
		"reads", "writes", "flushes", "discards", "read", "written",
		"in flight", "errors");
}

static void stats_line(FILE *out, const struct stats_row *row,
		       const struct dst_ioc_counters *counters)
{
	char in[TEXT_SIZE_LEN], to[TEXT_SIZE_LEN];

	text_size(in, counters->read_bytes);
	text_size(to, counters->write_bytes);
	fprintf(out, "%-20s %10llu %10llu %10llu %10llu %12s %12s %9llu %8llu\n",
		row->name, counters->reads, counters->writes,
		counters->flushes, counters->discards, in, to, row->in_flight,
		counters->errors);
}

void stats_totals(FILE *out, const struct stats *now)
{
	size_t i;

	stats_head(out, "since start");
	for (i = 0; i < now->nr; i++)
		stats_line(out, &now->rows[i], &now->rows[i].counters);
}

void stats_rates(FILE *out, const struct stats *before, const struct stats *now)
{
	struct dst_ioc_counters gain;
	size_t i;

	stats_head(out, "a second");
	for (i = 0; i < now->nr; i++) {
		stats_gain(&gain, before, now, &now->rows[i]);
		stats_line(out, &now->rows[i], &gain);
	}
}

static struct json_object *stats_row_json(const struct stats_row *row,
					  const char *key,
					  const struct dst_ioc_counters *value)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "name",
			       json_object_new_string(row->name));
	if (!row->is_export)
		json_object_object_add(object, "in_flight",
				       json_object_new_uint64(row->in_flight));
	json_object_object_add(object, key, json_counters(value));
	return object;
}

static struct json_object *stats_object(struct json_object **devices,
					struct json_object **exports)
{
	struct json_object *object = json_object_new_object();

	*devices = json_object_new_array();
	*exports = json_object_new_array();
	json_object_object_add(object, "devices", *devices);
	json_object_object_add(object, "exports", *exports);
	return object;
}

void stats_json(FILE *out, const struct stats *now)
{
	struct json_object *object, *devices, *exports;
	const struct stats_row *row;
	size_t i;

	object = stats_object(&devices, &exports);
	for (i = 0; i < now->nr; i++) {
		row = &now->rows[i];
		json_object_array_add(row->is_export ? exports : devices,
				      stats_row_json(row, "counters",
						     &row->counters));
	}
	json_print(out, object);
	json_object_put(object);
}

struct json_object *stats_rates_object(const struct stats *before,
				       const struct stats *now)
{
	struct json_object *object, *devices, *exports;
	struct dst_ioc_counters gain;
	const struct stats_row *row;
	size_t i;

	object = stats_object(&devices, &exports);
	for (i = 0; i < now->nr; i++) {
		row = &now->rows[i];
		stats_gain(&gain, before, now, row);
		json_object_array_add(row->is_export ? exports : devices,
				      stats_row_json(row, "per_second", &gain));
	}
	return object;
}

/* One object on one line for each interval. */
void stats_rates_json(FILE *out, const struct stats *before,
		      const struct stats *now)
{
	struct json_object *object = stats_rates_object(before, now);

	fprintf(out, "%s\n", json_object_to_json_string_ext(object,
							    JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
}
