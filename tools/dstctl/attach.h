/* SPDX-License-Identifier: GPL-2.0-only */
/* The calls that attach and apply share; they say why when they fail. */
#ifndef DSTCTL_ATTACH_H
#define DSTCTL_ATTACH_H

#include "spec.h"

int attach_device(const char *what, const struct device_spec *spec,
		  __u32 *index);
const char *attach_hint(int ret);
int attach_undo(const char *what, __u32 index);
int attach_export(const char *what, const struct export_spec *spec);

#endif /* DSTCTL_ATTACH_H */
