// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a mirror begins: made anew, or put together from its legs, as section 5
 * of Documentation/mirror.md has it. All legs are fenced before any is read.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uuid.h>

#include "dst_mirror.h"

#define DST_MIRROR_WAIT_MS	10000

/* ---- fence -------------------------------------------------------------- */

static struct dst_device *dst_mirror_start_dev(struct dst_mirror_leg *leg)
{
	return rcu_dereference_protected(leg->dev, true);
}

static bool dst_mirror_start_answered(struct dst_mirror *m)
{
	unsigned int i;

	/* detached by force */
	if (READ_ONCE(m->failed))
		return true;
	for (i = 0; i < m->nr_legs; i++) {
		struct dst_device *dev = dst_mirror_start_dev(m->given[i]);

		if (!READ_ONCE(dev->nr_live) && !READ_ONCE(dev->join_error) &&
		    !test_bit(DST_LEG_NOBODY, &m->given[i]->events))
			return false;
	}
	return true;
}

/* Return: 0 if it may be used, -EAGAIN if it is not there, else refused. */
static int dst_mirror_start_check(struct dst_mirror_leg *leg, char *reason)
{
	struct dst_device *dev = dst_mirror_start_dev(leg);
	int error = READ_ONCE(dev->join_error);

	if (error == -EBUSY || error == -EKEYREVOKED) {
		spin_lock_bh(&dev->lock);
		snprintf(reason, DST_IOC_REASON_LEN, "%.80s: %.100s",
			 leg->opts.target, dev->why);
		spin_unlock_bh(&dev->lock);
		return error;
	}
	if (!READ_ONCE(dev->nr_live))
		return -EAGAIN;
	if (dev->info.flags & (DST_PROTO_EXPORT_READ_ONLY |
			       DST_PROTO_EXPORT_SHARED)) {
		snprintf(reason, DST_IOC_REASON_LEN,
			 "%.80s is read-only or shared: it can't be a leg",
			 leg->opts.target);
		return -EROFS;
	}
	if (dev->info.logical_block_bytes > DST_META_BLOCK_BYTES) {
		snprintf(reason, DST_IOC_REASON_LEN,
			 "%.80s has blocks that are too large", leg->opts.target);
		return -EINVAL;
	}
	return 0;
}

/* Join all that can be reached. Return: 0, or a negative errno. */
static int dst_mirror_start_fence(struct dst_mirror *m, char *reason)
{
	unsigned int i, n = 0;
	unsigned int wait_ms = m->opts.wait_ms ?: DST_MIRROR_WAIT_MS;
	long left;
	int ret;

	left = wait_event_interruptible_timeout(m->wait,
						dst_mirror_start_answered(m),
						msecs_to_jiffies(wait_ms));
	if (left < 0) {
		strscpy(reason, "interrupted", DST_IOC_REASON_LEN);
		return -EINTR;
	}
	if (READ_ONCE(m->failed))
		return -EIO;
	for (i = 0; i < m->nr_legs; i++) {
		ret = dst_mirror_start_check(m->given[i], reason);
		if (ret && ret != -EAGAIN)
			return ret;
		/* when it is back it must not preempt who has it then */
		if (ret)
			dst_mirror_leg_stop(m->given[i], 0);
		m->given[i]->online = !ret;
		n += !ret;
	}
	if (!n) {
		strscpy(reason, "no leg answers", DST_IOC_REASON_LEN);
		return -ETIMEDOUT;
	}
	return 0;
}

static int dst_mirror_start_twice(struct dst_mirror *m, char *reason)
{
	unsigned int i, j;

	for (i = 0; i < m->nr_legs; i++)
		for (j = 0; j < i; j++) {
			struct dst_device *a = dst_mirror_start_dev(m->given[i]);
			struct dst_device *b = dst_mirror_start_dev(m->given[j]);

			if (!m->given[i]->online || !m->given[j]->online ||
			    !uuid_equal(&a->info.export_uuid,
					&b->info.export_uuid))
				continue;
			snprintf(reason, DST_IOC_REASON_LEN,
				 "%.80s and %.80s are the same export",
				 m->given[j]->opts.target,
				 m->given[i]->opts.target);
			return -EINVAL;
		}
	return 0;
}

/* ---- making it ---------------------------------------------------------- */

/* Sizes that fit on all legs. */
static int dst_mirror_create_layout(struct dst_mirror *m, char *reason)
{
	struct dst_meta_layout layout, least = { .data_bytes = U64_MAX };
	unsigned int i;

	for (i = 0; i < m->nr_legs; i++) {
		struct dst_mirror_leg *leg = m->given[i];

		leg->size_bytes = dst_mirror_start_dev(leg)->info.size_bytes;
		if (dst_meta_layout(leg->size_bytes, m->opts.region_log2,
				    &layout)) {
			snprintf(reason, DST_IOC_REASON_LEN,
				 "%.80s is too small or too large, or the region does not fit it",
				 leg->opts.target);
			return -EINVAL;
		}
		if (layout.data_bytes < least.data_bytes)
			least = layout;
	}
	m->layout = least;
	return 0;
}

static int dst_mirror_create_check(struct dst_mirror *m, char *reason)
{
	unsigned int i;

	for (i = 0; i < m->nr_legs; i++) {
		struct dst_mirror_leg *leg = m->given[i];

		if (!leg->online) {
			snprintf(reason, DST_IOC_REASON_LEN,
				 "%.80s does not answer: all legs are needed to create a mirror",
				 leg->opts.target);
			return -ETIMEDOUT;
		}
		if (m->opts.head.flags & DST_IOC_MIRROR_FORCE ||
		    dst_mirror_meta_is_blank(leg))
			continue;
		snprintf(reason, DST_IOC_REASON_LEN,
			 "%.80s is not empty; what is on the first leg is kept with --force, what is on the others is lost",
			 leg->opts.target);
		return -EEXIST;
	}
	return 0;
}

static void dst_mirror_create_member(struct dst_mirror *m, unsigned int slot)
{
	struct dst_meta_member *member = &m->record.members[slot];
	struct dst_mirror_leg *leg = m->given[slot];
	struct dst_meta_layout layout = m->layout;
	struct dst_device *dev = dst_mirror_start_dev(leg);

	dst_meta_place(leg->size_bytes, &layout);
	generate_random_uuid(member->uuid);
	export_uuid(member->export_uuid, &dev->info.export_uuid);
	member->state = DST_META_IN_SYNC;
	memset(&leg->meta, 0, sizeof(leg->meta));
	leg->meta.super_offset = layout.super_offset;
	leg->meta.bitmap_offset = layout.bitmap_offset;
	leg->meta.slot = slot;
	memcpy(leg->meta.member, member->uuid, DST_META_UUID_LEN);
	leg->slot = slot;
	leg->member = true;
	m->legs[slot] = leg;
}

/* All is dirty: the other legs become what the first one is. */
static int dst_mirror_create(struct dst_mirror *m, char *reason)
{
	struct dst_meta_record *record = &m->record;
	u16 all = BIT(m->nr_legs) - 1;
	unsigned int i;
	int ret;

	ret = dst_mirror_create_check(m, reason) ?:
	      dst_mirror_create_layout(m, reason);
	if (ret)
		return ret;
	memcpy(record->mirror, m->opts.mirror, DST_META_UUID_LEN);
	generate_random_uuid(record->branch);
	m->claim = 1;
	record->events = DST_META_NUMBER(1, 1);
	record->data_bytes = m->layout.data_bytes;
	record->bitmap_bytes = m->layout.bitmap_bytes;
	record->region_log2 = m->layout.region_log2;
	record->legs = m->nr_legs;
	for (i = 0; i < m->nr_legs; i++)
		dst_mirror_create_member(m, i);
	ret = dst_mirror_region_init(m);
	if (ret)
		return ret;
	bitmap_set(m->bits, 0, m->layout.regions);
	/* nobody has what caches hold now, and it is to be read */
	if (!dst_mirror_meta_flush(m, all) ||
	    !dst_mirror_meta_write_bits(m, all, true) ||
	    dst_mirror_meta_put(m, all, m->claim, record) != all) {
		strscpy(reason, "the metadata could not be written",
			DST_IOC_REASON_LEN);
		return -EIO;
	}
	return 0;
}

/* ---- putting it together ------------------------------------------------ */

struct dst_mirror_sight {
	struct dst_assembly_seen seen[DST_META_LEGS_MAX];
	struct dst_assembly a;
};

/* Read what is there. A leg whose metadata is bad is not seen. */
static int dst_mirror_assemble_look(struct dst_mirror *m,
				    struct dst_mirror_sight *sight,
				    char *reason)
{
	enum dst_meta_verdict verdict, worst = DST_META_OK;
	unsigned int i;

	for (i = 0; i < m->nr_legs; i++) {
		struct dst_mirror_leg *leg = m->given[i];

		if (!leg->online)
			continue;
		if (dst_mirror_meta_read(leg, &leg->meta, &verdict)) {
			leg->online = false;
			continue;
		}
		if (!verdict) {
			sight->seen[i].meta = &leg->meta;
			continue;
		}
		leg->online = false;
		worst = verdict;
		snprintf(reason, DST_IOC_REASON_LEN, "%.80s: %s",
			 leg->opts.target, dst_meta_verdict_text(verdict));
	}
	return worst == DST_META_NEWER ? -EOPNOTSUPP : 0;
}

static void dst_mirror_assemble_why(struct dst_mirror *m,
				    const struct dst_mirror_sight *sight,
				    char *reason)
{
	const struct dst_assembly *a = &sight->a;
	unsigned int slot;

	if (a->verdict == DST_ASSEMBLY_NOTHING && reason[0])
		return;
	if (a->missing) {
		slot = __ffs(a->missing);
		snprintf(reason, DST_IOC_REASON_LEN, "%s: leg %u (export %pUb)",
			 dst_assembly_verdict_text(a->verdict), slot,
			 sight->seen[a->newest].meta->record.members[slot].export_uuid);
		return;
	}
	snprintf(reason, DST_IOC_REASON_LEN, "%s: %.80s",
		 dst_assembly_verdict_text(a->verdict),
		 a->culprit < m->nr_legs ? m->given[a->culprit]->opts.target :
					   "all of them");
}

static bool dst_mirror_assemble_slot(struct dst_mirror *m,
				     struct dst_mirror_leg *leg,
				     unsigned int slot)
{
	if (slot >= DST_META_LEGS_MAX || m->legs[slot] ||
	    m->record.members[slot].state == DST_META_NONE)
		return false;
	leg->slot = slot;
	leg->member = true;
	/* the mirror may have grown or shrunk since it wrote its own */
	if (leg->online)
		leg->meta.bitmap_offset = leg->meta.super_offset -
					  m->layout.bitmap_bytes;
	m->legs[slot] = leg;
	return true;
}

/*
 * Each leg gets its slot. Those that are not there say nothing: they are taken
 * for the members that are left, in the order in which they were given, and
 * found out when they come.
 */
static int dst_mirror_assemble_slots(struct dst_mirror *m,
				     const struct dst_mirror_sight *sight,
				     char *reason)
{
	unsigned int i, slot;

	for (i = 0; i < m->nr_legs; i++) {
		if (!sight->seen[i].meta)
			continue;
		if (sight->seen[i].fate != DST_ASSEMBLY_NO_MEMBER &&
		    sight->seen[i].fate != DST_ASSEMBLY_UNFIT &&
		    dst_mirror_assemble_slot(m, m->given[i],
					     sight->seen[i].meta->slot))
			continue;
		snprintf(reason, DST_IOC_REASON_LEN,
			 "%.80s does not belong to the mirror any more: leave it out",
			 m->given[i]->opts.target);
		return -EINVAL;
	}
	for (i = 0; i < m->nr_legs; i++) {
		if (m->given[i]->member)
			continue;
		for (slot = 0; slot < DST_META_LEGS_MAX; slot++)
			if (dst_mirror_assemble_slot(m, m->given[i],
						     (i + slot) % DST_META_LEGS_MAX))
				break;
	}
	return 0;
}

/* The reign is ours when those that have to know it do so. */
static int dst_mirror_assemble_claim(struct dst_mirror *m, char *reason)
{
	u16 held;

	held = dst_mirror_meta_put(m, m->live, m->claim, NULL);
	if (dst_assembly_suffices(&m->record, held) || m->has_tried)
		return 0;
	strscpy(reason, "not all legs that were in-sync take the claim: try again",
		DST_IOC_REASON_LEN);
	return -EIO;
}

/* On each leg in use: its bits, those of all, and nothing in a cache. */
static int dst_mirror_assemble_bits(struct dst_mirror *m, u16 use, char *reason)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < DST_META_LEGS_MAX && !ret; i++)
		if (use & BIT(i))
			ret = dst_mirror_meta_read_bits(m->legs[i], m->bits);
	if (!ret && (!dst_mirror_meta_write_bits(m, use, true) ||
		     !dst_mirror_meta_flush(m, use)))
		ret = -EIO;
	if (ret)
		strscpy(reason, "the bitmaps of the legs could not be read or written",
			DST_IOC_REASON_LEN);
	return ret;
}

static int dst_mirror_assemble_begin(struct dst_mirror *m,
				     struct dst_mirror_sight *sight,
				     char *reason)
{
	const struct dst_assembly *a = &sight->a;
	u8 branch[DST_META_UUID_LEN];
	struct dst_meta_record *next = &m->next;
	u16 held;
	int ret;

	generate_random_uuid(branch);
	dst_assembly_begin(a, sight->seen, m->nr_legs, branch, next);
	ret = dst_mirror_assemble_claim(m, reason) ?:
	      dst_mirror_assemble_bits(m, a->use, reason);
	if (ret)
		return ret;
	held = dst_mirror_meta_put(m, a->use, m->claim, next);
	if (!(a->use & ~held))
		held |= dst_mirror_meta_put(m, m->live & ~a->use, m->claim,
					    next);
	if (!dst_assembly_counts(&m->record, next, held)) {
		strscpy(reason, "the first record could not be written: try again",
			DST_IOC_REASON_LEN);
		return -EIO;
	}
	m->record = *next;
	return 0;
}

static int dst_mirror_assemble_run(struct dst_mirror *m,
				   struct dst_mirror_sight *sight, char *reason)
{
	const struct dst_meta_record *newest;
	unsigned int i;
	int ret;

	ret = dst_mirror_assemble_look(m, sight, reason);
	if (ret)
		return ret;
	dst_assembly_decide(sight->seen, m->nr_legs,
			    m->opts.head.flags & DST_IOC_MIRROR_OVERRIDE,
			    &sight->a);
	if (sight->a.verdict) {
		dst_mirror_assemble_why(m, sight, reason);
		return -EUCLEAN;
	}
	newest = &sight->seen[sight->a.newest].meta->record;
	/* no lease yet, neither to wait for nor to keep */
	if (newest->flags & DST_META_FLAG_QUORUM) {
		strscpy(reason, "it is a mirror with quorum: that needs a newer DST",
			DST_IOC_REASON_LEN);
		return -EOPNOTSUPP;
	}
	m->record = *newest;
	m->claim = sight->a.claim;
	ret = dst_unit_identify(&m->unit, m->opts.mirror, newest->mirror,
				reason) ?:
	      dst_meta_geometry(newest->data_bytes, newest->region_log2,
				&m->layout) ?:
	      dst_mirror_assemble_slots(m, sight, reason) ?:
	      dst_mirror_region_init(m);
	if (ret)
		return ret;
	/* who is there at all, for the claim */
	for (i = 0; i < m->nr_legs; i++)
		if (m->given[i]->online && m->given[i]->member)
			m->live |= BIT(m->given[i]->slot);
	/* an override does not ask whether it is enough */
	m->has_tried = sight->a.fork;
	ret = dst_mirror_assemble_begin(m, sight, reason);
	m->has_tried = false;
	return ret;
}

static int dst_mirror_assemble(struct dst_mirror *m, char *reason)
{
	struct dst_mirror_sight *sight = kzalloc(sizeof(*sight), GFP_KERNEL);
	int ret;

	if (!sight)
		return -ENOMEM;
	ret = dst_mirror_assemble_run(m, sight, reason);
	kfree(sight);
	return ret;
}

/* ---- the beginning ------------------------------------------------------ */

/*
 * Those that were too slow have been expelled, and take nothing any more: the
 * leg work gets them a new session, but not if it were needed to do I/O.
 */
static int dst_mirror_start_present(struct dst_mirror *m)
{
	unsigned int i;

	for (i = 0; i < m->nr_legs; i++) {
		struct dst_mirror_leg *leg = m->given[i];

		if (!leg->member || !leg->online ||
		    !READ_ONCE(dst_mirror_start_dev(leg)->closing))
			continue;
		if (m->record.members[leg->slot].state == DST_META_IN_SYNC)
			return -ETIMEDOUT;
		leg->online = false;
	}
	return 0;
}

/* By the record that counts now. */
static void dst_mirror_start_states(struct dst_mirror *m)
{
	unsigned int i;

	spin_lock_bh(&m->lock);
	for (i = 0; i < m->nr_legs; i++) {
		struct dst_mirror_leg *leg = m->given[i];
		u8 state;

		if (!leg->member || !leg->online)
			continue;
		state = m->record.members[leg->slot].state;
		leg->sessions = 1;
		leg->rebuild = state == DST_META_REBUILDING;
		leg->state = state == DST_META_IN_SYNC ? DST_IOC_LEG_IN_SYNC :
							 DST_IOC_LEG_STALE;
	}
	dst_mirror_leg_masks(m);
	spin_unlock_bh(&m->lock);
}

/**
 * dst_mirror_start - make or assemble a mirror, up to where it can do I/O
 * @m: new, with sessions to its legs
 * @reason: DST_IOC_REASON_LEN bytes, filled on failure
 *
 * Context: attach; sleeps, interruptible while it waits for the legs.
 * Return: 0 or a negative errno.
 */
int dst_mirror_start(struct dst_mirror *m, char *reason)
{
	int ret;

	ret = dst_mirror_start_fence(m, reason) ?:
	      dst_mirror_start_twice(m, reason);
	if (ret)
		return ret;
	ret = m->opts.head.flags & DST_IOC_MIRROR_CREATE ?
	      dst_mirror_create(m, reason) : dst_mirror_assemble(m, reason);
	ret = ret ?: dst_mirror_start_present(m);
	if (ret)
		return ret;
	m->events = m->record.events;
	/* nobody knows yet whether they are the same there */
	bitmap_copy(m->dirty, m->bits, m->layout.regions);
	bitmap_copy(m->unsettled, m->bits, m->layout.regions);
	atomic64_set(&m->nr_unsettled,
		     bitmap_weight(m->unsettled, m->layout.regions));
	dst_mirror_start_states(m);
	return 0;
}
