/* SPDX-License-Identifier: GPL-2.0-only */
/* Changing what runs; both say why when they fail. */
#ifndef DSTCTL_LIVE_H
#define DSTCTL_LIVE_H

#include "spec.h"

int live_device_set(const char *what, const struct device_spec *spec,
		    __u32 index);
int live_export_set(const char *what, const struct export_spec *spec);

#endif /* DSTCTL_LIVE_H */
