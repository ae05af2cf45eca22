/* SPDX-License-Identifier: GPL-2.0-only */
/* Walks over the devices and exports that a command's [DEV|NAME] means. */
#ifndef DSTCTL_SELECT_H
#define DSTCTL_SELECT_H

#include <stddef.h>

#include "../../dst_ioctl.h"

struct select_ops {
	void (*device)(void *data, const struct dst_ioc_device *dev);
	void (*export)(void *data, const struct dst_ioc_export *export);
};

int select_all(const struct select_ops *ops, void *data);
int select_failed(const char *what, int ret);
int select_each(const char *what, const char *name,
		const struct select_ops *ops, void *data);
struct dst_ioc_client *select_clients(const struct dst_ioc_export *export,
				      size_t *nr);

#endif /* DSTCTL_SELECT_H */
