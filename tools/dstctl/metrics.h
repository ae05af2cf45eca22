/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices and exports as Prometheus text. Pure. */
#ifndef DSTCTL_METRICS_H
#define DSTCTL_METRICS_H

#include <stdio.h>

#include "../../dst_ioctl.h"

struct metrics {
	struct dst_ioc_device *devices;
	struct dst_ioc_export *exports;
	size_t nr_devices;
	size_t nr_exports;
};

void metrics_print(FILE *out, const struct metrics *metrics);

#endif /* DSTCTL_METRICS_H */
