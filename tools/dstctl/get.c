// SPDX-License-Identifier: GPL-2.0-only
#include "get.h"

/* NULL if there is none, or it is null. */
struct json_object *get_object(struct json_object *from, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(from, key, &value);
	return value;
}

const char *get_text(struct json_object *from, const char *key)
{
	struct json_object *value = get_object(from, key);

	return value ? json_object_get_string(value) : "";
}

__u64 get_number(struct json_object *from, const char *key)
{
	return json_object_get_uint64(get_object(from, key));
}

static struct json_object *get_list(struct json_object *from, const char *key)
{
	struct json_object *list = get_object(from, key);

	return json_object_is_type(list, json_type_array) ? list : NULL;
}

size_t get_length(struct json_object *from, const char *key)
{
	struct json_object *list = get_list(from, key);

	return list ? json_object_array_length(list) : 0;
}

struct json_object *get_at(struct json_object *from, const char *key, size_t i)
{
	struct json_object *list = get_list(from, key);

	return list ? json_object_array_get_idx(list, i) : NULL;
}
