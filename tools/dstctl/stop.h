/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DSTCTL_STOP_H
#define DSTCTL_STOP_H

#include "../../dst_ioctl.h"

int stop_all(__u32 wait_ms);

#endif /* DSTCTL_STOP_H */
