/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of JSON that may lack them: then they are "", 0 or an empty list. */
#ifndef DSTCTL_GET_H
#define DSTCTL_GET_H

#include <json-c/json.h>
#include <linux/types.h>
#include <stddef.h>

const char *get_text(struct json_object *from, const char *key);
__u64 get_number(struct json_object *from, const char *key);
struct json_object *get_object(struct json_object *from, const char *key);
size_t get_length(struct json_object *from, const char *key);
struct json_object *get_at(struct json_object *from, const char *key, size_t i);

#endif /* DSTCTL_GET_H */
