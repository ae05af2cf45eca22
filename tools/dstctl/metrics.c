// SPDX-License-Identifier: GPL-2.0-only
#include "metrics.h"

#include <stdbool.h>

#include "dstctl.h"
#include "text.h"

#define OFFSET(type, member)	offsetof(struct dst_ioc_##type, member)

/* A __u64 (or with @narrow a __u32) member that is one metric. */
struct metric {
	const char *name;
	const char *type;
	const char *help;
	size_t offset;
	bool narrow;
};

static const struct metric device_metrics[] = {
	{ "size_bytes", "gauge", "Size of the device",
		OFFSET(device, size_bytes), false },
	{ "in_flight", "gauge", "Transactions that wait for an answer",
		OFFSET(device, in_flight), false },
	{ "retained_bytes", "gauge", "Acknowledged data kept for replay",
		OFFSET(device, retained_bytes), false },
	{ "mem_used_bytes", "gauge", "Memory in use",
		OFFSET(device, mem_used_bytes), false },
	{ "mem_limit_bytes", "gauge", "Memory that may be used",
		OFFSET(device, mem_limit_bytes), false },
	{ "latency_us", "gauge", "Smoothed latency",
		OFFSET(device, latency_us), true },
};

static const struct metric export_metrics[] = {
	{ "size_bytes", "gauge", "Size of the export",
		OFFSET(export, size_bytes), false },
	{ "clients", "gauge", "Sessions",
		OFFSET(export, nr_clients), true },
	{ "workers", "gauge", "Worker threads",
		OFFSET(export, workers), true },
	{ "mem_used_bytes", "gauge", "Memory in use",
		OFFSET(export, mem_used_bytes), false },
	{ "mem_limit_bytes", "gauge", "Memory that may be used",
		OFFSET(export, mem_limit_bytes), false },
};

/* The first NR_DEVICE_COUNTERS of devices, all of exports. */
static const struct metric counter_metrics[] = {
	{ "reads_total", "counter", "Reads done",
		OFFSET(counters, reads), false },
	{ "writes_total", "counter", "Writes done",
		OFFSET(counters, writes), false },
	{ "flushes_total", "counter", "Flushes done",
		OFFSET(counters, flushes), false },
	{ "discards_total", "counter", "Discards and zeroings done",
		OFFSET(counters, discards), false },
	{ "read_bytes_total", "counter", "Bytes read",
		OFFSET(counters, read_bytes), false },
	{ "write_bytes_total", "counter", "Bytes written",
		OFFSET(counters, write_bytes), false },
	{ "resends_total", "counter", "Transactions sent again",
		OFFSET(counters, resends), false },
	{ "replays_total", "counter", "Transactions replayed",
		OFFSET(counters, replays), false },
	{ "reconnects_total", "counter", "Connections made again",
		OFFSET(counters, reconnects), false },
	{ "errors_total", "counter", "Operations that failed",
		OFFSET(counters, errors), false },
	{ "hedged_total", "counter", "Reads sent to a second leg",
		OFFSET(counters, hedged), false },
	{ "read_repairs_total", "counter", "Read errors repaired",
		OFFSET(counters, read_repairs), false },
	{ "refused_total", "counter", "Peers refused",
		OFFSET(counters, refused), false },
	{ "fenced_total", "counter", "Sessions fenced out",
		OFFSET(counters, fenced), false },
	{ "malformed_total", "counter", "Malformed messages",
		OFFSET(counters, malformed), false },
};

#define NR_DEVICE_COUNTERS	12

static __u64 metric_value(const struct metric *metric, const void *object)
{
	const char *at = (const char *)object + metric->offset;

	return metric->narrow ? *(const __u32 *)at : *(const __u64 *)at;
}

static void print_head(FILE *out, const char *kind, const struct metric *metric)
{
	fprintf(out, "# HELP dst_%s_%s %s.\n# TYPE dst_%s_%s %s\n", kind,
		metric->name, metric->help, kind, metric->name, metric->type);
}

static void print_device_metric(FILE *out, const struct metrics *metrics,
				const struct metric *metric, size_t base)
{
	const struct dst_ioc_device *dev;
	size_t i;

	print_head(out, "device", metric);
	for (i = 0; i < metrics->nr_devices; i++) {
		dev = &metrics->devices[i];
		fprintf(out, "dst_device_%s{device=\"dst%u\"} %llu\n",
			metric->name, dev->index,
			metric_value(metric, (const char *)dev + base));
	}
}

static void print_export_metric(FILE *out, const struct metrics *metrics,
				const struct metric *metric, size_t base)
{
	const struct dst_ioc_export *export;
	size_t i;

	print_head(out, "export", metric);
	for (i = 0; i < metrics->nr_exports; i++) {
		export = &metrics->exports[i];
		fprintf(out, "dst_export_%s{export=\"%s\"} %llu\n",
			metric->name, export->name,
			metric_value(metric, (const char *)export + base));
	}
}

static void print_device_states(FILE *out, const struct metrics *metrics)
{
	static const struct metric head = {
		"state", "gauge", "1 for the state that the device is in", 0,
		false
	};
	const struct dst_ioc_device *dev;
	__u32 state;
	size_t i;

	print_head(out, "device", &head);
	for (i = 0; i < metrics->nr_devices; i++) {
		dev = &metrics->devices[i];
		for (state = 0; state <= DST_IOC_DEVICE_DETACHING; state++)
			fprintf(out, "dst_device_state{device=\"dst%u\",state=\"%s\"} %d\n",
				dev->index, text_device_state(state),
				dev->state == state);
	}
}

static void print_lanes(FILE *out, const struct metrics *metrics)
{
	static const struct metric head = {
		"lanes_live", "gauge", "Lanes that are connected", 0, false
	};
	const struct dst_ioc_device *dev;
	__u32 live, j;
	size_t i;

	print_head(out, "device", &head);
	for (i = 0; i < metrics->nr_devices; i++) {
		dev = &metrics->devices[i];
		for (live = 0, j = 0; j < dev->lanes; j++)
			live += dev->lane[j].state == DST_IOC_LANE_LIVE;
		fprintf(out, "dst_device_lanes_live{device=\"dst%u\"} %u\n",
			dev->index, live);
	}
}

static void print_export_states(FILE *out, const struct metrics *metrics)
{
	static const struct metric head = {
		"state", "gauge", "1 for the state that the export is in", 0,
		false
	};
	const struct dst_ioc_export *export;
	__u32 state;
	size_t i;

	print_head(out, "export", &head);
	for (i = 0; i < metrics->nr_exports; i++) {
		export = &metrics->exports[i];
		for (state = 0; state <= DST_IOC_EXPORT_REMOVING; state++)
			fprintf(out, "dst_export_state{export=\"%s\",state=\"%s\"} %d\n",
				export->name, text_export_state(state),
				export->state == state);
	}
}

/* Names hold nothing that a label would have to escape. */
void metrics_print(FILE *out, const struct metrics *metrics)
{
	size_t i;

	print_device_states(out, metrics);
	print_lanes(out, metrics);
	for (i = 0; i < ARRAY_SIZE(device_metrics); i++)
		print_device_metric(out, metrics, &device_metrics[i], 0);
	for (i = 0; i < NR_DEVICE_COUNTERS; i++)
		print_device_metric(out, metrics, &counter_metrics[i],
				    OFFSET(device, counters));
	print_export_states(out, metrics);
	for (i = 0; i < ARRAY_SIZE(export_metrics); i++)
		print_export_metric(out, metrics, &export_metrics[i], 0);
	for (i = 0; i < ARRAY_SIZE(counter_metrics); i++)
		print_export_metric(out, metrics, &counter_metrics[i],
				    OFFSET(export, counters));
}
