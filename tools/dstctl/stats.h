/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of one moment, and rates between two. Pure. */
#ifndef DSTCTL_STATS_H
#define DSTCTL_STATS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "../../dst_ioctl.h"

struct stats_row {
	char name[DST_IOC_NAME_LEN];
	bool is_export;
	__u64 in_flight;
	struct dst_ioc_counters counters;
};

struct stats {
	__u64 time_us;
	struct stats_row *rows;
	size_t nr;
};

void stats_begin(struct stats *stats, __u64 time_us);
void stats_device(struct stats *stats, const struct dst_ioc_device *dev);
void stats_export(struct stats *stats, const struct dst_ioc_export *export);
void stats_free(struct stats *stats);
__u64 stats_rate(__u64 before, __u64 now, __u64 time_us);

void stats_totals(FILE *out, const struct stats *now);
void stats_rates(FILE *out, const struct stats *before,
		 const struct stats *now);
void stats_json(FILE *out, const struct stats *now);
void stats_rates_json(FILE *out, const struct stats *before,
		      const struct stats *now);
struct json_object *stats_rates_object(const struct stats *before,
				       const struct stats *now);

#endif /* DSTCTL_STATS_H */
