// SPDX-License-Identifier: GPL-2.0-only
/* The keys that CLI.md promises to scripts; keys are only ever added. */
#include <string.h>

#include "show.h"
#include "text.h"

static void add(struct json_object *to, const char *key,
		struct json_object *value)
{
	json_object_object_add(to, key, value);
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	add(to, key, json_object_new_string(text));
}

static void add_u64(struct json_object *to, const char *key, __u64 value)
{
	add(to, key, json_object_new_uint64(value));
}

static void add_bool(struct json_object *to, const char *key, bool value)
{
	add(to, key, json_object_new_boolean(value));
}

/* null while it is not known yet */
static void add_uuid(struct json_object *to, const char *key, const __u8 *uuid)
{
	static const __u8 none[DST_IOC_UUID_LEN];
	char text[TEXT_UUID_LEN];

	if (!memcmp(uuid, none, sizeof(none))) {
		add(to, key, NULL);
		return;
	}
	text_uuid(text, uuid);
	add_text(to, key, text);
}

static void add_addr(struct json_object *to, const char *key,
		     const struct dst_ioc_addr *addr)
{
	char text[TEXT_ADDR_LEN];

	if (!addr->family) {
		add(to, key, NULL);
		return;
	}
	text_addr(text, addr);
	add_text(to, key, text);
}

struct json_object *json_counters(const struct dst_ioc_counters *counters)
{
	struct json_object *object = json_object_new_object();

	add_u64(object, "reads", counters->reads);
	add_u64(object, "writes", counters->writes);
	add_u64(object, "flushes", counters->flushes);
	add_u64(object, "discards", counters->discards);
	add_u64(object, "read_bytes", counters->read_bytes);
	add_u64(object, "write_bytes", counters->write_bytes);
	add_u64(object, "resends", counters->resends);
	add_u64(object, "replays", counters->replays);
	add_u64(object, "reconnects", counters->reconnects);
	add_u64(object, "errors", counters->errors);
	add_u64(object, "hedged", counters->hedged);
	add_u64(object, "read_repairs", counters->read_repairs);
	return object;
}

static struct json_object *json_lane(const struct dst_ioc_lane *lane,
				     __u32 index)
{
	struct json_object *object = json_object_new_object();

	add_u64(object, "index", index);
	add_text(object, "state", text_lane_state(lane->state));
	add_u64(object, "in_flight", lane->in_flight);
	add_u64(object, "reconnects", lane->reconnects);
	add_u64(object, "resends", lane->resends);
	add_u64(object, "latency_us", lane->latency_us);
	add_u64(object, "generation", lane->generation);
	add_addr(object, "local_address", &lane->local);
	return object;
}

/* A plain device has one leg, which is all that it is. */
static struct json_object *json_leg(const struct dst_ioc_device *dev)
{
	struct json_object *object = json_object_new_object();
	struct json_object *lanes = json_object_new_array();
	__u32 i;

	add_text(object, "target", dev->target);
	add_u64(object, "index", 0);
	add_text(object, "state", text_leg_state(dev->state));
	add_text(object, "why", dev->why);
	add_uuid(object, "boot_id", dev->boot_id);
	add_u64(object, "latency_us", dev->latency_us);
	add_uuid(object, "export_uuid", dev->export_uuid);
	add_addr(object, "address", &dev->addr);
	for (i = 0; i < dev->lanes; i++)
		json_object_array_add(lanes, json_lane(&dev->lane[i], i));
	add(object, "lanes", lanes);
	return object;
}

static void json_device_limits(struct json_object *object,
			       const struct dst_ioc_device *dev)
{
	add_u64(object, "io_timeout_ms", dev->io_timeout_ms);
	add_u64(object, "keepalive_ms", dev->keepalive_ms);
	if (dev->fail_after_ms && dev->fail_after_ms != DST_IOC_NEVER_MS)
		add_u64(object, "fail_after_ms", dev->fail_after_ms);
	else
		add(object, "fail_after_ms", NULL);
}

struct json_object *json_device(const struct dst_ioc_device *dev)
{
	struct json_object *object = json_object_new_object();
	struct json_object *legs = json_object_new_array();
	char text[64];

	snprintf(text, sizeof(text), "dst%u", dev->index);
	add_text(object, "name", text);
	snprintf(text, sizeof(text), "/dev/dst%u", dev->index);
	add_text(object, "path", text);
	add_uuid(object, "uuid", dev->device);
	add_text(object, "state", text_device_state(dev->state));
	add_text(object, "why", dev->why);
	add_u64(object, "size_bytes", dev->size_bytes);
	add_text(object, "ack", text_ack(dev->ack));
	add_u64(object, "in_flight", dev->in_flight);
	add_u64(object, "retained_bytes", dev->retained_bytes);
	add_u64(object, "mem_limit_bytes", dev->mem_limit_bytes);
	json_object_array_add(legs, json_leg(dev));
	add(object, "legs", legs);
	add(object, "resync", NULL);
	add(object, "counters", json_counters(&dev->counters));

	add_text(object, "export", dev->export);
	add_uuid(object, "initiator", dev->initiator);
	add_u64(object, "epoch", dev->epoch);
	add_bool(object, "read_only",
		 dev->device_flags & DST_IOC_DEVICE_READ_ONLY);
	add_bool(object, "digest", dev->device_flags & DST_IOC_DEVICE_DIGEST);
	add_bool(object, "volatile_cache",
		 dev->device_flags & DST_IOC_DEVICE_VOLATILE);
	add_u64(object, "mem_used_bytes", dev->mem_used_bytes);
	add_u64(object, "unsaved", dev->unsaved);
	add_u64(object, "lost_bytes", dev->lost_bytes);
	json_device_limits(object, dev);
	return object;
}

static struct json_object *json_mirror_leg(const struct dst_ioc_leg *leg)
{
	struct json_object *object = json_object_new_object();
	struct json_object *lanes = json_object_new_array();
	__u32 i;

	add_text(object, "target", leg->target);
	add_u64(object, "index", leg->leg);
	add_text(object, "state", text_mirror_leg_state(leg->state));
	add_text(object, "why", leg->why);
	add_uuid(object, "boot_id", leg->boot_id);
	add_u64(object, "latency_us", leg->latency_us);
	add_uuid(object, "export_uuid", leg->export_uuid);
	add_addr(object, "address", &leg->addr);
	add_u64(object, "lacks_bytes", leg->lacks_bytes);
	add_u64(object, "copied_bytes", leg->copied_bytes);
	add_u64(object, "retained_bytes", leg->retained_bytes);
	add_u64(object, "reads", leg->reads);
	add_u64(object, "writes", leg->writes);
	for (i = 0; i < leg->lanes; i++)
		json_object_array_add(lanes, json_lane(&leg->lane[i], i));
	add(object, "lanes", lanes);
	return object;
}

/* What is copied to all legs together; null where nothing is. */
static struct json_object *json_resync(const struct dst_ioc_leg *legs, __u32 nr)
{
	struct json_object *object;
	__u64 done = 0, left = 0;
	__u32 i;

	for (i = 0; i < nr; i++) {
		if (legs[i].state != DST_IOC_LEG_RESYNCING)
			continue;
		done += legs[i].copied_bytes;
		left += legs[i].lacks_bytes;
	}
	if (!left)
		return NULL;
	object = json_object_new_object();
	add_text(object, "state", "running");
	add_u64(object, "done_bytes", done);
	add_u64(object, "total_bytes", done + left);
	return object;
}

/* A mirror has several legs, in place of the one of json_device(). */
void json_legs(struct json_object *device, const struct dst_ioc_device *dev,
	       const struct dst_ioc_leg *legs, __u32 nr)
{
	struct json_object *array = json_object_new_array();
	__u32 i;

	for (i = 0; i < nr; i++)
		json_object_array_add(array, json_mirror_leg(&legs[i]));
	add(device, "legs", array);
	add(device, "resync", json_resync(legs, nr));
	add_u64(device, "leg_timeout_ms", dev->leg_timeout_ms);
	add_u64(device, "dirty_bytes", dev->dirty_bytes);
	add_u64(device, "unsettled_bytes", dev->unsettled_bytes);
}

static struct json_object *json_client(const struct dst_ioc_client *client)
{
	struct json_object *object = json_object_new_object();

	add_addr(object, "address", &client->addr);
	add_uuid(object, "initiator", client->initiator);
	add_uuid(object, "device_uuid", client->device);
	add_u64(object, "epoch", client->epoch);
	add_u64(object, "lanes", client->lanes);
	add_text(object, "mode",
		 client->client_flags & DST_IOC_CLIENT_READ_ONLY ? "ro" : "rw");
	add_text(object, "host", client->host);
	return object;
}

static void json_export_access(struct json_object *object,
			       const struct dst_ioc_export *export)
{
	struct json_object *listens = json_object_new_array();
	struct json_object *allows = json_object_new_array();
	char text[TEXT_ADDR_LEN];
	__u32 i;

	for (i = 0; i < export->nr_listens; i++) {
		text_addr(text, &export->listen[i]);
		json_object_array_add(listens, json_object_new_string(text));
	}
	for (i = 0; i < export->nr_allows; i++) {
		text_cidr(text, &export->allow[i]);
		json_object_array_add(allows, json_object_new_string(text));
	}
	add(object, "listen", listens);
	add(object, "allow", allows);
}

struct json_object *json_export(const struct dst_ioc_export *export,
				const struct dst_ioc_client *clients,
				size_t nr_clients)
{
	struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();
	struct json_object *counters;
	size_t i;

	add_text(object, "name", export->name);
	add_text(object, "path", export->path);
	add_text(object, "state", text_export_state(export->state));
	add_text(object, "why", export->why);
	add_uuid(object, "uuid", export->uuid);
	add_uuid(object, "boot_id", export->boot_id);
	add_u64(object, "size_bytes", export->size_bytes);
	add_bool(object, "read_only",
		 export->export_flags & DST_IOC_EXPORT_READ_ONLY);
	add_bool(object, "shared",
		 export->export_flags & DST_IOC_EXPORT_SHARED);
	for (i = 0; i < nr_clients; i++)
		json_object_array_add(array, json_client(&clients[i]));
	add(object, "clients", array);
	add_u64(object, "max_clients", export->max_clients);
	add_u64(object, "workers", export->workers);
	add_u64(object, "mem_used_bytes", export->mem_used_bytes);
	add_u64(object, "mem_limit_bytes", export->mem_limit_bytes);
	json_export_access(object, export);

	counters = json_counters(&export->counters);
	add_u64(counters, "refused", export->counters.refused);
	add_u64(counters, "fenced", export->counters.fenced);
	add_u64(counters, "malformed", export->counters.malformed);
	add(object, "counters", counters);
	return object;
}

void json_print(FILE *out, struct json_object *object)
{
	fprintf(out, "%s\n",
		json_object_to_json_string_ext(object,
					       JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_SPACED |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
}
