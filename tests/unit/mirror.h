/* SPDX-License-Identifier: GPL-2.0-only */
/* Mirrors for tests: metadata that is good, to be spoiled. */
#ifndef DST_UNIT_MIRROR_H
#define DST_UNIT_MIRROR_H

#include "../../dst_meta.h"

/*
 * What leg or witness @slot of a mirror of @legs legs and @witnesses witnesses
 * says on a device of @device_bytes: all in-sync, record 3.7.
 */
static inline struct dst_meta mirror_meta(unsigned int legs,
					  unsigned int witnesses,
					  unsigned int slot,
					  __u64 device_bytes)
{
	struct dst_meta meta = { .sequence = 20, .claim = 3, .slot = slot };
	struct dst_meta_record *record = &meta.record;
	struct dst_meta_layout layout = { 0 };
	unsigned int i;

	dst_meta_layout(device_bytes, 0, &layout);
	meta.super_offset = layout.super_offset;
	if (slot < DST_META_LEGS_MAX)
		meta.bitmap_offset = layout.bitmap_offset;
	record->mirror[0] = 0xaa;
	record->branch[0] = 0xbb;
	record->events = DST_META_NUMBER(3, 7);
	record->data_bytes = layout.data_bytes;
	record->bitmap_bytes = layout.bitmap_bytes;
	record->region_log2 = layout.region_log2;
	record->legs = legs;
	record->witnesses = witnesses;
	for (i = 0; i < DST_META_SLOTS; i++) {
		struct dst_meta_member *member = &record->members[i];

		if (i >= legs && (i < DST_META_LEGS_MAX ||
				  i >= DST_META_LEGS_MAX + witnesses))
			continue;
		member->uuid[0] = 0x10 + i;
		member->export_uuid[0] = 0x20 + i;
		member->known_events = DST_META_NUMBER(3, 6);
		member->state = i < DST_META_LEGS_MAX ? DST_META_IN_SYNC :
							DST_META_WITNESS;
	}
	meta.member[0] = 0x10 + slot;
	return meta;
}

#endif /* DST_UNIT_MIRROR_H */
