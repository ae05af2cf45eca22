// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions of a mirror: which are dirty, which are settled, and who is writing
 * to them.
 *
 * A write is counted in the buckets of its regions from before it goes to any
 * leg until it has ended. A copy locks the bucket of its region, and waits
 * until nobody is counted there. Who has to wait for anything but its bits is
 * counted nowhere while it does, and begins anew: so nobody waits for each
 * other.
 */
#include <linux/slab.h>

#include "dst_mirror.h"

static struct dst_mirror_bucket *dst_mirror_bucket(struct dst_mirror *m,
						   u64 region)
{
	return &m->buckets[region & (DST_MIRROR_BUCKETS - 1)];
}

/**
 * dst_mirror_region_init - set up buckets and bitmaps; nothing is dirty
 * @m: its layout is known
 *
 * Return: 0 or -ENOMEM; then dst_mirror_region_exit() is to be called as well.
 */
int dst_mirror_region_init(struct dst_mirror *m)
{
	size_t bytes = m->layout.bitmap_bytes;
	size_t blocks = bytes / DST_META_BLOCK_BYTES;
	unsigned int i;

	m->buckets = kvcalloc(DST_MIRROR_BUCKETS, sizeof(*m->buckets),
			      GFP_KERNEL);
	m->dirty = kvzalloc(bytes, GFP_KERNEL);
	m->bits = kvzalloc(bytes, GFP_KERNEL);
	m->unsettled = kvzalloc(bytes, GFP_KERNEL);
	m->stale_blocks = bitmap_zalloc(blocks, GFP_KERNEL);
	if (!m->buckets || !m->dirty || !m->bits || !m->unsettled ||
	    !m->stale_blocks)
		return -ENOMEM;
	for (i = 0; i < DST_MIRROR_BUCKETS; i++) {
		spin_lock_init(&m->buckets[i].lock);
		m->buckets[i].used = jiffies;
	}
	for (i = 0; i < m->nr_legs; i++) {
		m->given[i]->lacks = kvzalloc(bytes, GFP_KERNEL);
		if (!m->given[i]->lacks)
			return -ENOMEM;
	}
	return 0;
}

/**
 * dst_mirror_region_exit - undo dst_mirror_region_init()
 * @m: without I/O
 */
void dst_mirror_region_exit(struct dst_mirror *m)
{
	unsigned int i;

	for (i = 0; i < m->nr_legs; i++)
		kvfree(m->given[i]->lacks);
	bitmap_free(m->stale_blocks);
	kvfree(m->unsettled);
	kvfree(m->bits);
	kvfree(m->dirty);
	kvfree(m->buckets);
}

static bool dst_mirror_region_count(struct dst_mirror *m, u64 region)
{
	struct dst_mirror_bucket *b = dst_mirror_bucket(m, region);
	bool counted;

	spin_lock_bh(&b->lock);
	counted = !b->locked;
	if (counted) {
		b->writes++;
		b->used = jiffies;
	}
	spin_unlock_bh(&b->lock);
	return counted;
}

static void dst_mirror_region_uncount(struct dst_mirror *m, u64 region)
{
	struct dst_mirror_bucket *b = dst_mirror_bucket(m, region);
	bool awaited;

	spin_lock_bh(&b->lock);
	b->writes--;
	b->used = jiffies;
	awaited = b->locked && !b->writes;
	spin_unlock_bh(&b->lock);
	if (awaited)
		wake_up_all(&m->wait);
}

/**
 * dst_mirror_region_leave - a write has ended
 * @io: counted
 *
 * Context: any but hard interrupt; under none of our spinlocks.
 */
void dst_mirror_region_leave(struct dst_mirror_io *io)
{
	u64 r;

	io->counted = false;
	for (r = io->first; r <= io->last; r++)
		dst_mirror_region_uncount(io->m, r);
}

/* Count it everywhere, or nowhere. */
static bool dst_mirror_region_count_all(struct dst_mirror_io *io)
{
	u64 r;

	for (r = io->first; r <= io->last; r++)
		if (!dst_mirror_region_count(io->m, r)) {
			while (r-- > io->first)
				dst_mirror_region_uncount(io->m, r);
			return false;
		}
	io->counted = true;
	return true;
}

static bool dst_mirror_region_all(const struct dst_mirror_io *io,
				  const unsigned long *bits, bool set)
{
	u64 r;

	for (r = io->first; r <= io->last; r++)
		if (test_bit(r, bits) != set)
			return false;
	return true;
}

/**
 * dst_mirror_region_settled - may these regions be read?
 * @io: a read
 *
 * Context: process.
 * Return: false if it waits for the copy thread; the caller must not touch it
 * any more.
 */
bool dst_mirror_region_settled(struct dst_mirror_io *io)
{
	struct dst_mirror *m = io->m;

	if (likely(!atomic64_read(&m->nr_unsettled)) ||
	    dst_mirror_region_all(io, m->unsettled, false))
		return true;
	dst_mirror_queue(io, &m->settle);
	dst_mirror_copy_kick(m);
	return false;
}

/**
 * dst_mirror_region_enter - may a write begin?
 * @io: not counted
 *
 * If so it is counted, and its regions are dirty and settled until it leaves.
 *
 * Context: process.
 * Return: false if it waits, for the copy thread or, counted, for the meta
 * thread; the caller must not touch it any more.
 */
bool dst_mirror_region_enter(struct dst_mirror_io *io)
{
	struct dst_mirror *m = io->m;

	if (!dst_mirror_region_settled(io))
		return false;
	if (unlikely(!dst_mirror_region_count_all(io))) {
		/* the copy thread looks at the list when it has unlocked */
		dst_mirror_queue(io, &m->settle);
		dst_mirror_copy_kick(m);
		return false;
	}
	if (likely(dst_mirror_region_all(io, m->dirty, true)))
		return true;
	dst_mirror_queue(io, &m->intents);
	dst_mirror_meta_kick(m);
	return false;
}

/**
 * dst_mirror_region_lock - keep writes away from a region
 * @m: mirror
 * @region: number
 *
 * Context: the copy thread; waits for the writes that are under way.
 * Return: false if the mirror is over; then it is not locked.
 */
bool dst_mirror_region_lock(struct dst_mirror *m, u64 region)
{
	struct dst_mirror_bucket *b = dst_mirror_bucket(m, region);

	spin_lock_bh(&b->lock);
	b->locked = true;
	spin_unlock_bh(&b->lock);
	/* pairs with dst_mirror_region_uncount(), which wakes us */
	wait_event(m->wait, !READ_ONCE(b->writes) || dst_mirror_is_over(m));
	if (!dst_mirror_is_over(m))
		return true;
	dst_mirror_region_unlock(m, region);
	return false;
}

/**
 * dst_mirror_region_unlock - undo dst_mirror_region_lock()
 * @m: mirror
 * @region: number
 */
void dst_mirror_region_unlock(struct dst_mirror *m, u64 region)
{
	struct dst_mirror_bucket *b = dst_mirror_bucket(m, region);

	spin_lock_bh(&b->lock);
	b->locked = false;
	spin_unlock_bh(&b->lock);
}

/**
 * dst_mirror_region_is_idle - is there a dirty region that may be retired?
 * @m: mirror
 * @before: since when nobody has written there, in jiffies
 */
bool dst_mirror_region_is_idle(struct dst_mirror *m, unsigned long before)
{
	unsigned long r;

	for_each_set_bit(r, m->dirty, m->layout.regions) {
		struct dst_mirror_bucket *b = dst_mirror_bucket(m, r);

		/* only a hint: whoever retires it looks under the lock */
		if (!READ_ONCE(b->writes) &&
		    time_before(READ_ONCE(b->used), before))
			return true;
		cond_resched();
	}
	return false;
}

/**
 * dst_mirror_region_retire - a region is not dirty any more, if it is idle
 * @m: mirror
 * @region: a dirty one; what was written to it is stable on all legs
 * @before: if nobody has written there since then, in jiffies
 *
 * Its bit goes from the legs when the meta thread writes it.
 *
 * Context: the meta thread.
 * Return: true if it was.
 */
bool dst_mirror_region_retire(struct dst_mirror *m, u64 region,
			      unsigned long before)
{
	struct dst_mirror_bucket *b = dst_mirror_bucket(m, region);
	bool idle;

	spin_lock_bh(&b->lock);
	idle = !b->writes && !b->locked && time_before(b->used, before);
	if (idle) {
		clear_bit(region, m->dirty);
		clear_bit(region, m->bits);
		set_bit(region / (DST_META_BLOCK_BYTES * BITS_PER_BYTE),
			m->stale_blocks);
	}
	spin_unlock_bh(&b->lock);
	return idle;
}
