/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DSTCTL_DETACH_H
#define DSTCTL_DETACH_H

#include <stdbool.h>

#include "../../dst_ioctl.h"

int detach_call(struct dst_ioc_device_ref *ref, __u32 index, bool force);
int detach_device(const char *what, __u32 index, bool force);

#endif /* DSTCTL_DETACH_H */
