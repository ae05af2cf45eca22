/* SPDX-License-Identifier: GPL-2.0-only */
/* The metadata at the end of a mirror leg or witness: read, never trusted. */
#ifndef DSTCTL_LEG_H
#define DSTCTL_LEG_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "../../dst_meta.h"

/**
 * struct leg - what was found at the end of a device or file
 * @device_bytes: its size
 * @super_offset: where the first copy is, or would be
 * @copies: what each copy says, if it is good
 * @verdicts: whether it is
 * @verdict: of both together
 * @copy: which one counts, if there is one
 * @bitmap: whether there is one
 * @layout: where it is, and what its bits stand for
 * @dirty_regions: bits that are set
 * @dirty_bytes: what they stand for
 * @stray: there are bits behind the last region
 */
struct leg {
	__u64 device_bytes;
	__u64 super_offset;
	struct dst_meta copies[DST_META_COPIES];
	enum dst_meta_verdict verdicts[DST_META_COPIES];
	enum dst_meta_verdict verdict;
	unsigned int copy;
	bool bitmap;
	struct dst_meta_layout layout;
	__u64 dirty_regions;
	__u64 dirty_bytes;
	bool stray;
};

int leg_read(const char *what, const char *path, struct leg *leg);
const char *leg_todo(const struct leg *leg);
const char *leg_why(const struct leg *leg);
struct json_object *leg_json(const char *path, const struct leg *leg);
void leg_human(FILE *out, const char *path, const struct leg *leg);

#endif /* DSTCTL_LEG_H */
