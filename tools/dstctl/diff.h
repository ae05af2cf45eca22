/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How what runs differs from what is wanted. Pure.
 *
 * Both return the key that cannot be changed while it runs, or NULL; *live
 * has SPEC_*_GIVEN for the keys that can. Numbers that are not given may be
 * anything; everything else that is not given must have its default.
 */
#ifndef DSTCTL_DIFF_H
#define DSTCTL_DIFF_H

#include "spec.h"

const char *diff_device(const struct device_spec *want,
			const struct dst_ioc_device *have, __u32 *live);
const char *diff_export(const struct export_spec *want,
			const struct dst_ioc_addr *listens, __u32 nr_listens,
			const struct dst_ioc_export *have, __u32 *live);

#endif /* DSTCTL_DIFF_H */
