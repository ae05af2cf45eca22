/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The steps from what runs to what dst.conf wants: made whole before the
 * first is taken, in the order of the file.
 */
#ifndef DSTCTL_PLAN_H
#define DSTCTL_PLAN_H

#include "conf.h"

enum plan_action {
	PLAN_EXPORT_ADD,
	PLAN_EXPORT_SET,
	PLAN_DEVICE_ATTACH,
	PLAN_DEVICE_SET,
};

struct plan_step {
	enum plan_action action;
	unsigned int line;
	const struct export_spec *export;	/* points into the conf */
	const struct device_spec *device;
	__u32 live;				/* what to set */
};

struct plan {
	struct plan_step *steps;
	size_t nr;
};

int plan_make(const char *what, const char *file, const struct conf *conf,
	      struct plan *plan);
int plan_run(const struct plan *plan);
void plan_free(struct plan *plan);

#endif /* DSTCTL_PLAN_H */
