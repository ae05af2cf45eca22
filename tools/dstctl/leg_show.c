// SPDX-License-Identifier: GPL-2.0-only
/* What the metadata of a leg says, as JSON or for people. */
#include <string.h>
#include <time.h>

#include "dstctl.h"
#include "leg.h"
#include "text.h"

#define EVENTS_LEN	32

/* One word each for programs, which may come to rely on them. */
static const char *verdict_word(enum dst_meta_verdict verdict)
{
	static const char * const words[] = {
		[DST_META_OK] = "good",
		[DST_META_BLANK] = "blank",
		[DST_META_FOREIGN] = "foreign",
		[DST_META_TORN] = "torn",
		[DST_META_NEWER] = "newer",
		[DST_META_RESERVED] = "reserved",
		[DST_META_PLACE] = "place",
		[DST_META_SIZE] = "size",
		[DST_META_MEMBERS] = "members",
		[DST_META_EVENTS] = "events",
		[DST_META_MIXED] = "mixed",
	};

	return words[verdict];
}

static const char *kind_word(unsigned int slot)
{
	return slot < DST_META_LEGS_MAX ? "leg" : "witness";
}

static void events_text(char out[EVENTS_LEN], __u64 events)
{
	snprintf(out, EVENTS_LEN, "%u.%u", DST_META_REIGN(events),
		 DST_META_COUNT(events));
}

static void add(struct json_object *to, const char *key,
		struct json_object *value)
{
	json_object_object_add(to, key, value);
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	add(to, key, text ? json_object_new_string(text) : NULL);
}

static void add_u64(struct json_object *to, const char *key, __u64 value)
{
	add(to, key, json_object_new_uint64(value));
}

static void add_uuid(struct json_object *to, const char *key, const __u8 *uuid)
{
	char text[TEXT_UUID_LEN];

	text_uuid(text, uuid);
	add_text(to, key, text);
}

static void add_events(struct json_object *to, const char *key, __u64 events)
{
	char text[EVENTS_LEN];

	events_text(text, events);
	add_text(to, key, text);
}

static struct json_object *json_copies(const struct leg *leg)
{
	struct json_object *array = json_object_new_array(), *copy;
	unsigned int i;

	for (i = 0; i < DST_META_COPIES; i++) {
		copy = json_object_new_object();
		add_u64(copy, "offset",
			leg->super_offset + i * DST_META_BLOCK_BYTES);
		add_text(copy, "verdict", verdict_word(leg->verdicts[i]));
		if (!leg->verdicts[i]) {
			add_u64(copy, "sequence", leg->copies[i].sequence);
			add_events(copy, "events",
				   leg->copies[i].record.events);
		}
		json_object_array_add(array, copy);
	}
	return array;
}

static struct json_object *json_members(const struct dst_meta_record *record)
{
	struct json_object *array = json_object_new_array(), *object;
	const struct dst_meta_member *member;
	unsigned int i;

	for (i = 0; i < DST_META_SLOTS; i++) {
		member = &record->members[i];
		if (member->state == DST_META_NONE)
			continue;
		object = json_object_new_object();
		add_u64(object, "slot", i);
		add_text(object, "kind", kind_word(i));
		add_text(object, "state", dst_meta_state_text(member->state));
		add_uuid(object, "uuid", member->uuid);
		add_uuid(object, "export_uuid", member->export_uuid);
		add_events(object, "known_events", member->known_events);
		add_u64(object, "resync_bytes", member->resync_bytes);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *json_forks(const struct dst_meta_record *record)
{
	struct json_object *array = json_object_new_array(), *object;
	unsigned int i;

	for (i = 0; i < record->forks_nr; i++) {
		object = json_object_new_object();
		add_uuid(object, "branch", record->forks[i].branch);
		add_events(object, "events", record->forks[i].events);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *json_bitmap(const struct leg *leg)
{
	struct json_object *object = json_object_new_object();

	add_u64(object, "offset", leg->layout.bitmap_offset);
	add_u64(object, "bytes", leg->layout.bitmap_bytes);
	add_u64(object, "region_bytes", 1ULL << leg->layout.region_log2);
	add_u64(object, "regions", leg->layout.regions);
	add_u64(object, "dirty_regions", leg->dirty_regions);
	add_u64(object, "dirty_bytes", leg->dirty_bytes);
	add_text(object, "verdict", leg->stray ? "stray" : "good");
	return object;
}

static void json_record(struct json_object *object, const struct dst_meta *meta)
{
	const struct dst_meta_record *record = &meta->record;

	add_uuid(object, "mirror_uuid", record->mirror);
	add_uuid(object, "branch_uuid", record->branch);
	add_uuid(object, "member_uuid", meta->member);
	add_u64(object, "slot", meta->slot);
	add_text(object, "kind", kind_word(meta->slot));
	add_events(object, "events", record->events);
	add_u64(object, "claim", meta->claim);
	add_u64(object, "written_s", meta->written_s);
	add_u64(object, "size_bytes", record->data_bytes);
	add(object, "quorum", json_object_new_boolean(record->flags &
						      DST_META_FLAG_QUORUM));
	add_u64(object, "legs", record->legs);
	add_u64(object, "witnesses", record->witnesses);
	add(object, "members", json_members(record));
	add(object, "left_branches", json_forks(record));
}

struct json_object *leg_json(const char *path, const struct leg *leg)
{
	struct json_object *object = json_object_new_object();

	add_text(object, "path", path);
	add_u64(object, "device_bytes", leg->device_bytes);
	add_text(object, "verdict", verdict_word(leg->verdict));
	add_text(object, "why", leg_why(leg));
	add(object, "copies", json_copies(leg));
	if (!leg->verdict)
		json_record(object, &leg->copies[leg->copy]);
	add(object, "bitmap", leg->bitmap ? json_bitmap(leg) : NULL);
	return object;
}

static void human_member(FILE *out, const struct dst_meta *meta,
			 unsigned int slot)
{
	const struct dst_meta_member *member = &meta->record.members[slot];
	char uuid[TEXT_UUID_LEN], known[EVENTS_LEN], size[TEXT_SIZE_LEN];
	char name[32];

	snprintf(name, sizeof(name), "%s %u", kind_word(slot), slot);
	text_uuid(uuid, member->export_uuid);
	events_text(known, member->known_events);
	text_size(size, member->resync_bytes);
	fprintf(out, "  %-11s%s%s%s, export %s, held record %s%s\n", name,
		dst_meta_state_text(member->state),
		member->state == DST_META_REBUILDING ? " from " : "",
		member->state == DST_META_REBUILDING ? size : "", uuid, known,
		slot == meta->slot ? "; this one" : "");
}

static void human_record(FILE *out, const struct dst_meta *meta)
{
	const struct dst_meta_record *record = &meta->record;
	char size[TEXT_SIZE_LEN], events[EVENTS_LEN], when[64] = "";
	time_t seconds = meta->written_s;
	struct tm tm;

	text_size(size, record->data_bytes);
	events_text(events, record->events);
	if (!gmtime_r(&seconds, &tm) ||
	    !strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(when, sizeof(when), "%llu s after 1970",
			 meta->written_s);
	fprintf(out, "  %-11s%s, %u legs, %u witness%s%s\n", "mirror", size,
		record->legs, record->witnesses,
		record->witnesses == 1 ? "" : "es",
		record->flags & DST_META_FLAG_QUORUM ? ", quorum" : "");
	fprintf(out, "  %-11s%s, claim %u, written %s\n", "record", events,
		meta->claim, when);
}

static void human_forks(FILE *out, const struct dst_meta_record *record)
{
	char uuid[TEXT_UUID_LEN], events[EVENTS_LEN];
	unsigned int i;

	for (i = 0; i < record->forks_nr; i++) {
		text_uuid(uuid, record->forks[i].branch);
		events_text(events, record->forks[i].events);
		fprintf(out, "  %-11s%s at record %s\n", "forked", uuid,
			events);
	}
}

static void human_bitmap(FILE *out, const struct leg *leg)
{
	char region[TEXT_SIZE_LEN], dirty[TEXT_SIZE_LEN];

	if (!leg->bitmap)
		return;
	text_size(region, 1ULL << leg->layout.region_log2);
	text_size(dirty, leg->dirty_bytes);
	fprintf(out, "  %-11s%llu of %llu regions of %s are dirty (%s)%s\n",
		"bitmap", leg->dirty_regions, leg->layout.regions, region,
		dirty, leg->stray ? ", and it is damaged" : "");
}

static void human_copies(FILE *out, const struct leg *leg)
{
	char events[EVENTS_LEN];
	unsigned int i;

	for (i = 0; i < DST_META_COPIES; i++) {
		fprintf(out, "  %-10s%u%s", "copy", i,
			leg->verdicts[i] ? ": " : ": good");
		if (leg->verdicts[i]) {
			fprintf(out, "%s\n",
				dst_meta_verdict_text(leg->verdicts[i]));
			continue;
		}
		events_text(events, leg->copies[i].record.events);
		fprintf(out, ", record %s, sequence %llu\n", events,
			leg->copies[i].sequence);
	}
}

void leg_human(FILE *out, const char *path, const struct leg *leg)
{
	const struct dst_meta *meta = &leg->copies[leg->copy];
	char uuid[TEXT_UUID_LEN];
	unsigned int i;

	if (leg->verdict) {
		fprintf(out, "%s  no leg or witness\n", path);
		human_copies(out, leg);
		return;
	}
	text_uuid(uuid, meta->record.mirror);
	fprintf(out, "%s  %s %u of mirror %s\n", path, kind_word(meta->slot),
		meta->slot, uuid);
	human_record(out, meta);
	for (i = 0; i < DST_META_SLOTS; i++)
		if (meta->record.members[i].state != DST_META_NONE)
			human_member(out, meta, i);
	human_forks(out, &meta->record);
	human_bitmap(out, leg);
	human_copies(out, leg);
}
