/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel that lives in the test: kernel.c's functions on plain arrays. */
#ifndef DST_FAKE_KERNEL_H
#define DST_FAKE_KERNEL_H

#include "../../dst_ioctl.h"

#define FAKE_MOST	8

struct fake {
	int absent;			/* the module is not loaded */
	int ret;			/* what the next call answers, once */
	const char *reason;
	unsigned long last;		/* number of the last call */
	unsigned int changes;		/* calls that change something */
	struct dst_ioc_attach attach;	/* as it came in */
	struct dst_ioc_export_add export_add;
	struct dst_ioc_device_set device_set;
	struct dst_ioc_export_set export_set;
	struct dst_ioc_device_ref device_ref;
	struct dst_ioc_device device[FAKE_MOST];
	int has_device[FAKE_MOST];
	struct dst_ioc_export export[FAKE_MOST];
	int has_export[FAKE_MOST];
	struct dst_ioc_client client;	/* of export 0 */
	int has_client;
};

extern struct fake fake;

void fake_reset(void);

#endif /* DST_FAKE_KERNEL_H */
