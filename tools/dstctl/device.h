/* SPDX-License-Identifier: GPL-2.0-only */
/* Block devices as this machine sees them: names, nodes, users. */
#ifndef DSTCTL_DEVICE_H
#define DSTCTL_DEVICE_H

#include "dstctl.h"

int device_index(const struct command *cmd, const char *text, __u32 *index);
bool device_wait_node(__u32 index);
void device_users(__u32 index, char *out, size_t size);

#endif /* DSTCTL_DEVICE_H */
