/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel told, as JSON or for people. Pure. */
#ifndef DSTCTL_SHOW_H
#define DSTCTL_SHOW_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "../../dst_ioctl.h"

struct json_object *json_device(const struct dst_ioc_device *dev);
void json_legs(struct json_object *device, const struct dst_ioc_device *dev,
	       const struct dst_ioc_leg *legs, __u32 nr);
struct json_object *json_export(const struct dst_ioc_export *export,
				const struct dst_ioc_client *clients,
				size_t nr_clients);
struct json_object *json_counters(const struct dst_ioc_counters *counters);
void json_print(FILE *out, struct json_object *object);

void human_device(FILE *out, const struct dst_ioc_device *dev, bool colour);
void human_legs(FILE *out, const struct dst_ioc_device *dev,
		const struct dst_ioc_leg *legs, __u32 nr);
void human_export(FILE *out, const struct dst_ioc_export *export,
		  const struct dst_ioc_client *clients, size_t nr_clients,
		  bool colour);
bool human_colour(void);

#endif /* DSTCTL_SHOW_H */
