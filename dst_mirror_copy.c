// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies: regions are settled, that is made equal on all legs in-sync after a
 * crash, before they are read; and legs that came back get what they lack.
 *
 * A region is copied in pieces. While a piece is, nobody writes to the region.
 * Writes in between do no harm: they go to all live legs.
 */
#include <linux/blkdev.h>
#include <linux/sched/mm.h>

#include "dst_mirror.h"

#define DST_MIRROR_COPY_RETRY_MS	100

static void dst_mirror_copy_part(struct dst_mirror_part *part)
{
	struct dst_mirror *m = part->owner;

	if (atomic_dec_and_test(&m->copy_left))
		complete(&m->copy_done);
}

static void dst_mirror_copy_begin(struct dst_mirror *m)
{
	reinit_completion(&m->copy_done);
	atomic_set(&m->copy_left, 1);
}

static void dst_mirror_copy_wait(struct dst_mirror *m)
{
	if (!atomic_dec_and_test(&m->copy_left))
		dst_mirror_await(m, &m->copy_done);
}

static void dst_mirror_copy_send(struct dst_mirror_leg *leg, blk_opf_t opf,
				 u64 offset, unsigned int bytes)
{
	struct dst_mirror *m = leg->m;
	struct dst_mirror_part *part = &m->copy_part[leg->slot];
	struct dst_trans *t = NULL;
	u16 may;
	int idx;

	dst_mirror_part_init(part, m, dst_mirror_copy_part, opf,
			     offset / SECTOR_SIZE, m->copy_bvec,
			     DIV_ROUND_UP(bytes, PAGE_SIZE), bytes);
	atomic_inc(&m->copy_left);
	idx = srcu_read_lock(&m->srcu);
	/* in another session it may hold something else, see leg_stop */
	may = op_is_write(opf) ? READ_ONCE(m->live) : READ_ONCE(m->readable);
	if (may & BIT(leg->slot))
		t = dst_mirror_part_place(part, leg);
	else
		dst_mirror_part_refuse(part, leg);
	if (t)
		dst_submit_send(t);
	srcu_read_unlock(&m->srcu, idx);
}

static void dst_mirror_copy_get_pages(struct dst_mirror *m, unsigned int bytes)
{
	unsigned int i, n;

	m->copy_scarce = false;
	for (i = 0; bytes; i++, bytes -= n) {
		n = min_t(unsigned int, bytes, PAGE_SIZE);
		m->copy_page[i] = dst_mirror_get_page(m->copy_spare[i]);
		m->copy_scarce |= m->copy_page[i] == m->copy_spare[i];
		bvec_set_page(&m->copy_bvec[i], m->copy_page[i], n, 0);
	}
}

static void dst_mirror_copy_put_pages(struct dst_mirror *m)
{
	unsigned int i;

	for (i = 0; i < DST_MIRROR_COPY_PAGES && m->copy_page[i]; i++) {
		dst_mirror_put_page(m->copy_page[i], m->copy_spare[i]);
		m->copy_page[i] = NULL;
	}
}

/* Return: the leg that it was read from, or NULL. */
static struct dst_mirror_leg *dst_mirror_copy_read(struct dst_mirror *m,
						   u64 offset,
						   unsigned int bytes)
{
	u16 mask = READ_ONCE(m->readable);
	unsigned int i;

	for (i = 0; i < DST_META_LEGS_MAX; i++) {
		if (!(mask & BIT(i)))
			continue;
		dst_mirror_copy_begin(m);
		dst_mirror_copy_send(m->legs[i], REQ_OP_READ, offset, bytes);
		dst_mirror_copy_wait(m);
		if (!m->copy_part[i].status)
			return m->legs[i];
	}
	return NULL;
}

/*
 * Write it to all of @mask. Return: true if all have it, or are out and that
 * is recorded.
 */
static bool dst_mirror_copy_write(struct dst_mirror *m, u16 mask, bool fua,
				  u64 offset, unsigned int bytes)
{
	blk_opf_t opf = REQ_OP_WRITE | (fua ? REQ_FUA : 0);
	bool good = true;
	unsigned int i;

	dst_mirror_copy_begin(m);
	for (i = 0; i < DST_META_LEGS_MAX; i++)
		if (mask & BIT(i))
			dst_mirror_copy_send(m->legs[i], opf, offset, bytes);
	dst_mirror_copy_wait(m);
	for (i = 0; i < DST_META_LEGS_MAX; i++) {
		struct dst_mirror_part *part = &m->copy_part[i];

		if (!(mask & BIT(i)) || !part->status)
			continue;
		good = false;
		if (part->out)
			continue;
		spin_lock_bh(&m->lock);
		dst_mirror_leg_out(m->legs[i], DST_IOC_LEG_FAILED,
				   "it refused what was to be copied to it");
		spin_unlock_bh(&m->lock);
	}
	return good && !READ_ONCE(m->pending);
}

/* To whom this region is to be copied, but for the one it is read from. */
static u16 dst_mirror_copy_targets(struct dst_mirror *m, u64 region)
{
	bool unsettled = test_bit(region, m->unsettled);
	u16 live = READ_ONCE(m->live), mask = 0;
	unsigned int i;

	if (unsettled)
		return live;
	for (i = 0; i < DST_META_LEGS_MAX; i++)
		if (live & BIT(i) && test_bit(region, m->legs[i]->lacks))
			mask |= BIT(i);
	return mask;
}

static bool dst_mirror_copy_piece(struct dst_mirror *m, u64 region, u64 offset,
				  unsigned int bytes, u16 targets)
{
	struct dst_mirror_leg *from;
	bool good;

	if (!dst_mirror_region_lock(m, region))
		return false;
	dst_mirror_copy_get_pages(m, bytes);
	from = dst_mirror_copy_read(m, offset, bytes);
	good = from && dst_mirror_copy_write(m, targets & ~BIT(from->slot),
					     /* who retains one keeps it from us */
					     m->copy_scarce ||
					     test_bit(region, m->unsettled),
					     offset, bytes);
	dst_mirror_copy_put_pages(m);
	dst_mirror_region_unlock(m, region);
	return good;
}

/*
 * A region was copied to a leg, unless that has been away meanwhile: then its
 * server may have lost some of it.
 */
static void dst_mirror_copy_has(struct dst_mirror_leg *leg, u64 region,
				u32 sessions)
{
	struct dst_mirror *m = leg->m;

	spin_lock_bh(&m->lock);
	if (leg->sessions == sessions && dst_mirror_leg_is_live(leg) &&
	    test_and_clear_bit(region, leg->lacks)) {
		leg->copied_bytes += 1ULL << m->layout.region_log2;
		atomic64_dec(&leg->nr_lacks);
	}
	spin_unlock_bh(&m->lock);
}

/* Return: false if it has to be tried again later. */
static bool dst_mirror_copy_region(struct dst_mirror *m, u64 region)
{
	u64 offset = region << m->layout.region_log2;
	u64 end = min(offset + (1ULL << m->layout.region_log2),
		      m->layout.data_bytes);
	u16 targets = dst_mirror_copy_targets(m, region);
	u32 sessions[DST_META_LEGS_MAX];
	unsigned int i, bytes;

	for (i = 0; i < DST_META_LEGS_MAX; i++)
		sessions[i] = m->legs[i] ? READ_ONCE(m->legs[i]->sessions) : 0;

	/* the only one that has it need not be compared with others */
	if (hweight16(targets) <= 1 && targets == READ_ONCE(m->readable) &&
	    !READ_ONCE(m->pending))
		offset = end;
	for (; offset < end; offset += bytes) {
		bytes = min_t(u64, end - offset, DST_MIRROR_COPY_BYTES);
		if (!dst_mirror_copy_piece(m, region, offset, bytes, targets))
			return false;
	}
	for (i = 0; i < DST_META_LEGS_MAX; i++)
		if (targets & BIT(i))
			dst_mirror_copy_has(m->legs[i], region, sessions[i]);
	if (test_and_clear_bit(region, m->unsettled))
		atomic64_dec(&m->nr_unsettled);
	return true;
}

/* What waits for a region goes first. */
static void dst_mirror_copy_resume(struct dst_mirror *m)
{
	struct dst_mirror_io *io;
	bool good = true;
	u64 r;

	for (;;) {
		spin_lock_bh(&m->lock);
		io = list_first_entry_or_null(&m->settle, struct dst_mirror_io,
					      list);
		if (io)
			list_del_init(&io->list);
		spin_unlock_bh(&m->lock);
		if (!io)
			return;
		for (r = io->first; r <= io->last && good; r++)
			if (test_bit(r, m->unsettled))
				good = dst_mirror_copy_region(m, r);
		if (!good) {
			dst_mirror_queue(io, &m->settle);
			return;
		}
		dst_mirror_resume(io);
	}
}

/* The next region that somebody lacks, or that is to be settled. */
static u64 dst_mirror_copy_find(struct dst_mirror *m, u64 from)
{
	u64 regions = m->layout.regions, next = regions;
	u16 live = READ_ONCE(m->live);
	unsigned int i;

	if (atomic64_read(&m->nr_unsettled))
		next = find_next_bit(m->unsettled, regions, from);
	for (i = 0; i < DST_META_LEGS_MAX; i++)
		if (live & BIT(i) && atomic64_read(&m->legs[i]->nr_lacks))
			next = min_t(u64, next,
				     find_next_bit(m->legs[i]->lacks, regions,
						   from));
	return next;
}

/* Users go first: while they do I/O, we rest for as long as we worked. */
static void dst_mirror_copy_rest(struct dst_mirror *m, unsigned long since)
{
	u64 begun = dst_mirror_begun(m);
	bool alone = begun == m->copy_seen;

	m->copy_seen = begun;
	if (alone)
		return;
	wait_event_timeout(m->meta_wait, dst_mirror_is_over(m) ||
			   !list_empty_careful(&m->settle),
			   max(jiffies - since, 1UL));
}

/**
 * dst_mirror_copy_repair - have a leg get what it could not read
 * @leg: in-sync
 * @first: region
 * @last: region
 *
 * Context: any but hard interrupt.
 */
void dst_mirror_copy_repair(struct dst_mirror_leg *leg, u64 first, u64 last)
{
	struct dst_mirror *m = leg->m;

	spin_lock_bh(&m->lock);
	/* one that is out gets all that it lacks when it is back */
	for (; dst_mirror_leg_is_live(leg) && first <= last; first++)
		if (!test_and_set_bit(first, leg->lacks))
			atomic64_inc(&leg->nr_lacks);
	spin_unlock_bh(&m->lock);
	dst_mirror_copy_kick(leg->m);
}

/**
 * dst_mirror_copy_work - what the copy thread does: a region at a time
 * @work: m->copy_work
 */
void dst_mirror_copy_work(struct kthread_work *work)
{
	struct dst_mirror *m = container_of(work, struct dst_mirror, copy_work);
	unsigned int noio = memalloc_noio_save();
	unsigned long since = jiffies;
	bool good = true;
	u64 region;

	dst_mirror_copy_resume(m);
	region = dst_mirror_copy_find(m, m->copy_next);
	if (region == m->layout.regions)
		region = dst_mirror_copy_find(m, 0);
	if (region < m->layout.regions && !dst_mirror_is_over(m)) {
		good = dst_mirror_copy_region(m, region);
		/* what can't be copied now does not keep others waiting */
		m->copy_next = region + 1;
		if (!good)
			wait_event_timeout(m->meta_wait, dst_mirror_is_over(m),
					   msecs_to_jiffies(DST_MIRROR_COPY_RETRY_MS));
		else
			dst_mirror_copy_rest(m, since);
		dst_mirror_copy_kick(m);
	} else {
		dst_mirror_meta_kick(m);
	}
	memalloc_noio_restore(noio);
}

/**
 * dst_mirror_copy_kick - there is something for the copy thread
 * @m: started
 *
 * Context: any but hard interrupt.
 */
void dst_mirror_copy_kick(struct dst_mirror *m)
{
	if (!dst_mirror_is_over(m))
		kthread_queue_work(m->copy, &m->copy_work);
}
