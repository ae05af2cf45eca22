// SPDX-License-Identifier: GPL-2.0-only
/*
 * The metadata of a mirror, and the thread that writes it: records, the bits
 * of regions, and what a leg needs before it may come back.
 *
 * All of it is written by one thread, one thing after the other. It waits for
 * legs; one that does not answer is taken out by the tick, and then what it
 * was to write fails.
 */
#include <linux/blkdev.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dst_mirror.h"

#define DST_MIRROR_RETRY_MS	100
/* A region is dirty for so long after the last write to it. */
#define DST_MIRROR_IDLE_MS	5000
#define DST_MIRROR_CLEAR_MS	1000

#define DST_MIRROR_BLOCK_BITS	(DST_META_BLOCK_BYTES * BITS_PER_BYTE)

/* ---- blocks ------------------------------------------------------------- */

static void dst_mirror_block_done(struct dst_mirror_part *part)
{
	struct dst_mirror_batch *batch = part->owner;

	if (atomic_dec_and_test(&batch->left))
		complete(&batch->done);
}

/**
 * dst_mirror_batch_init - what metadata needs where there is no memory
 * @batch: zeroed
 *
 * Return: 0 or -ENOMEM; then dst_mirror_batch_exit() is to be called as well.
 */
int dst_mirror_batch_init(struct dst_mirror_batch *batch)
{
	unsigned int i;

	init_completion(&batch->done);
	for (i = 0; i < DST_MIRROR_BATCH; i++) {
		batch->block[i].spare = alloc_page(GFP_KERNEL);
		if (!batch->block[i].spare)
			return -ENOMEM;
	}
	return 0;
}

/**
 * dst_mirror_batch_exit - undo dst_mirror_batch_init()
 * @batch: not in use, or zeroed
 */
void dst_mirror_batch_exit(struct dst_mirror_batch *batch)
{
	unsigned int i;

	for (i = 0; i < DST_MIRROR_BATCH && batch->block[i].spare; i++)
		put_page(batch->block[i].spare);
}

static void dst_mirror_batch_begin(struct dst_mirror_batch *batch)
{
	reinit_completion(&batch->done);
	atomic_set(&batch->left, 1);
}

static void dst_mirror_batch_wait(struct dst_mirror *m,
				  struct dst_mirror_batch *batch)
{
	if (!atomic_dec_and_test(&batch->left))
		dst_mirror_await(m, &batch->done);
}

/* @page may be NULL for a flush. */
static void dst_mirror_block_send(struct dst_mirror_batch *batch,
				  unsigned int i, struct dst_mirror_leg *leg,
				  blk_opf_t opf, u64 offset, struct page *page)
{
	struct dst_mirror_block *b = &batch->block[i];
	struct dst_trans *t = NULL;
	int idx;

	if (page)
		bvec_set_page(&b->bvec, page, DST_META_BLOCK_BYTES, 0);
	dst_mirror_part_init(&b->part, batch, dst_mirror_block_done, opf,
			     offset / SECTOR_SIZE, &b->bvec, !!page,
			     page ? DST_META_BLOCK_BYTES : 0);
	atomic_inc(&batch->left);
	idx = srcu_read_lock(&leg->m->srcu);
	/* nothing is written in a session before what it holds was looked at */
	if (op_is_write(opf) && !READ_ONCE(leg->online))
		dst_mirror_part_refuse(&b->part, leg);
	else
		t = dst_mirror_part_place(&b->part, leg);
	if (t)
		dst_submit_send(t);
	srcu_read_unlock(&leg->m->srcu, idx);
}

/* A leg that refuses metadata is out. Return: true if it has it. */
static bool dst_mirror_block_good(struct dst_mirror_block *b)
{
	struct dst_mirror_leg *leg = b->part.leg;

	if (!b->part.status)
		return true;
	if (b->part.out)
		return false;
	spin_lock_bh(&leg->m->lock);
	if (leg->online)
		dst_mirror_leg_out(leg, DST_IOC_LEG_FAILED,
				   "it refused to take metadata");
	spin_unlock_bh(&leg->m->lock);
	return false;
}

static void *dst_mirror_block_mem(const struct dst_mirror_block *b)
{
	return page_address(b->bvec.bv_page);
}

static void dst_mirror_batch_put(struct dst_mirror_batch *batch,
				 unsigned int nr)
{
	while (nr--)
		dst_mirror_put_page(batch->block[nr].bvec.bv_page,
				    batch->block[nr].spare);
}

/* ---- reading ------------------------------------------------------------ */

/* Read @nr blocks of a leg from byte @offset on. They have to be put. */
static int dst_mirror_meta_get(struct dst_mirror_leg *leg,
			       struct dst_mirror_batch *batch, u64 offset,
			       unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	dst_mirror_batch_begin(batch);
	for (i = 0; i < nr; i++)
		dst_mirror_block_send(batch, i, leg, REQ_OP_READ,
				      offset + i * DST_META_BLOCK_BYTES,
				      dst_mirror_get_page(batch->block[i].spare));
	dst_mirror_batch_wait(leg->m, batch);
	for (i = 0; i < nr; i++) {
		blk_status_t status = batch->block[i].part.status;

		/* what is the network's fault may pass */
		if (status == BLK_STS_TRANSPORT || status == BLK_STS_TIMEOUT)
			ret = ret ?: -EAGAIN;
		else if (status)
			ret = -EIO;
	}
	return ret;
}

/**
 * dst_mirror_meta_read - what does a leg hold?
 * @leg: has a session that nobody else writes through
 * @meta: what it says, if @verdict is good
 * @verdict: of what was read
 *
 * Also takes its size.
 *
 * Context: the leg work, or attach. Sleeps.
 * Return: 0, or a negative errno if it can't be read.
 */
int dst_mirror_meta_read(struct dst_mirror_leg *leg, struct dst_meta *meta,
			 enum dst_meta_verdict *verdict)
{
	enum dst_meta_verdict each[DST_META_COPIES];
	struct dst_device *dev = rcu_dereference_protected(leg->dev, true);
	unsigned int i, copy;
	u64 super;
	int ret;

	leg->size_bytes = dev->info.size_bytes;
	*verdict = DST_META_PLACE;
	if (dst_meta_super_offset(leg->size_bytes, &super))
		return 0;
	ret = dst_mirror_meta_get(leg, &leg->batch, super, DST_META_COPIES);
	for (i = 0; !ret && i < DST_META_COPIES; i++)
		each[i] = dst_meta_decode(dst_mirror_block_mem(&leg->batch.block[i]),
					  i, leg->size_bytes, &leg->seen[i]);
	dst_mirror_batch_put(&leg->batch, DST_META_COPIES);
	if (ret)
		return ret;
	*verdict = dst_meta_choose(leg->seen, each, &copy);
	if (!*verdict)
		*meta = leg->seen[copy];
	return 0;
}

/**
 * dst_mirror_meta_is_blank - is there nothing that creating would destroy?
 * @leg: has a session
 *
 * Looks at the beginning, where file systems and partition tables are, and at
 * the place of the superblocks.
 *
 * Context: attach. Sleeps.
 */
bool dst_mirror_meta_is_blank(struct dst_mirror_leg *leg)
{
	struct dst_device *dev = rcu_dereference_protected(leg->dev, true);
	bool blank = true;
	unsigned int i, n, round;
	u64 super;

	if (dst_meta_super_offset(dev->info.size_bytes, &super))
		return false;
	for (round = 0; round < 2; round++) {
		n = round ? DST_META_COPIES : DST_MIRROR_BATCH;
		if (dst_mirror_meta_get(leg, &leg->batch, round ? super : 0, n))
			blank = false;
		for (i = 0; i < n && blank; i++)
			blank = !memchr_inv(dst_mirror_block_mem(&leg->batch.block[i]),
					    0, DST_META_BLOCK_BYTES);
		dst_mirror_batch_put(&leg->batch, n);
	}
	return blank;
}

/* Some of the bitmap of a leg, from the network, joined to @into. */
static void dst_mirror_meta_take_bits(struct dst_mirror *m,
				      struct dst_mirror_batch *batch,
				      unsigned int nr, unsigned long *into)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		const __le64 *from = dst_mirror_block_mem(&batch->block[i]);
		u64 *to = (u64 *)into + i * (DST_META_BLOCK_BYTES / 8);

		for (j = 0; j < DST_META_BLOCK_BYTES / 8; j++)
			to[j] |= le64_to_cpu(from[j]);
	}
}

/**
 * dst_mirror_meta_read_bits - join the bitmap of a leg to another one
 * @leg: its metadata is known
 * @into: of layout.bitmap_bytes
 *
 * A damaged one counts as dirty throughout.
 *
 * Context: the meta thread, or attach. Sleeps.
 * Return: 0 or a negative errno.
 */
int dst_mirror_meta_read_bits(struct dst_mirror_leg *leg, unsigned long *into)
{
	struct dst_mirror *m = leg->m;
	u64 bits = (u64)m->layout.bitmap_bytes * BITS_PER_BYTE;
	u32 blocks = m->layout.bitmap_bytes / DST_META_BLOCK_BYTES, b, n;
	int ret = 0;

	for (b = 0; b < blocks && !ret; b += n) {
		n = min_t(u32, blocks - b, DST_MIRROR_BATCH);
		/* not the leg's own: the leg work uses that if it is lost */
		ret = dst_mirror_meta_get(leg, &m->batch,
					  leg->meta.bitmap_offset +
					  (u64)b * DST_META_BLOCK_BYTES, n);
		if (!ret)
			dst_mirror_meta_take_bits(m, &m->batch, n, into +
						  b * DST_MIRROR_BLOCK_BITS /
						  BITS_PER_LONG);
		dst_mirror_batch_put(&m->batch, n);
	}
	if (!ret && find_next_bit(into, bits, m->layout.regions) < bits) {
		bitmap_set(into, 0, m->layout.regions);
		bitmap_clear(into, m->layout.regions, bits - m->layout.regions);
	}
	return ret;
}

/* ---- superblocks -------------------------------------------------------- */

static void dst_mirror_meta_encode(struct dst_mirror_leg *leg, u32 claim,
				   const struct dst_meta_record *record,
				   void *block)
{
	struct dst_meta *meta = &leg->meta;

	meta->sequence++;
	meta->claim = claim;
	meta->written_s = ktime_get_real_seconds();
	if (record)
		meta->record = *record;
	dst_meta_encode(meta, block);
}

/* One copy on each of @mask. Return: those that have it now. */
static u16 dst_mirror_meta_put_copy(struct dst_mirror *m, u16 mask, u32 claim,
				    const struct dst_meta_record *record)
{
	struct dst_mirror_batch *batch = &m->batch;
	unsigned int i, n = 0;
	struct page *page;
	u16 held = 0;
	u64 offset;
	int idx;

	dst_mirror_batch_begin(batch);
	for (i = 0; i < DST_META_LEGS_MAX; i++) {
		struct dst_mirror_leg *leg = m->legs[i];

		if (!(mask & BIT(i)))
			continue;
		page = dst_mirror_get_page(batch->block[n].spare);
		/* keeps the leg work from reading another one to leg->meta */
		idx = srcu_read_lock(&m->srcu);
		if (READ_ONCE(leg->online)) {
			dst_mirror_meta_encode(leg, claim, record,
					       page_address(page));
			offset = leg->meta.super_offset + DST_META_BLOCK_BYTES *
				 (leg->meta.sequence % DST_META_COPIES);
			dst_mirror_block_send(batch, n++, leg,
					      REQ_OP_WRITE | REQ_FUA, offset,
					      page);
			page = NULL;
		}
		srcu_read_unlock(&m->srcu, idx);
		if (page)
			dst_mirror_put_page(page, batch->block[n].spare);
	}
	dst_mirror_batch_wait(m, batch);
	for (i = 0; i < n; i++)
		if (dst_mirror_block_good(&batch->block[i]))
			held |= BIT(batch->block[i].part.leg->slot);
	dst_mirror_batch_put(batch, n);
	return held;
}

/**
 * dst_mirror_meta_put - write a record to legs, both copies
 * @m: mirror
 * @mask: slots
 * @claim: no record of a lower reign may be written there any more
 * @record: what to write; NULL to leave what each has, but for the claim
 *
 * The older copy is written first; then the leg holds it.
 *
 * Context: the meta thread, or attach. Sleeps.
 * Return: who holds it now.
 */
u16 dst_mirror_meta_put(struct dst_mirror *m, u16 mask, u32 claim,
			const struct dst_meta_record *record)
{
	u16 held;

	if (!mask)
		return 0;
	held = dst_mirror_meta_put_copy(m, mask, claim, record);
	if (held)
		dst_mirror_meta_put_copy(m, held, claim, record);
	return held;
}

/* ---- bits --------------------------------------------------------------- */

static bool dst_mirror_meta_end_bits(struct dst_mirror *m,
				     struct dst_mirror_batch *batch,
				     unsigned int *nr)
{
	bool good = true;
	unsigned int i;

	dst_mirror_batch_wait(m, batch);
	for (i = 0; i < *nr; i++)
		/* one that is out has got none, and needs none */
		good &= dst_mirror_block_good(&batch->block[i]) ||
			!READ_ONCE(batch->block[i].part.leg->online);
	dst_mirror_batch_put(batch, *nr);
	*nr = 0;
	dst_mirror_batch_begin(batch);
	return good;
}

static struct page *dst_mirror_meta_bits_page(struct dst_mirror *m, u32 block,
					      struct page *spare)
{
	struct page *page = dst_mirror_get_page(spare);
	const u64 *from = (u64 *)m->bits + block * (DST_META_BLOCK_BYTES / 8);
	__le64 *to = page_address(page);
	unsigned int i;

	for (i = 0; i < DST_META_BLOCK_BYTES / 8; i++)
		to[i] = cpu_to_le64(from[i]);
	return page;
}

/**
 * dst_mirror_meta_write_bits - have the bits of m->bits on legs
 * @m: mirror
 * @mask: slots
 * @all: the whole bitmap; else what has changed, and then all live legs are
 *	in @mask
 *
 * Context: the meta thread, or attach. Sleeps.
 * Return: true if they are on stable storage of all that are not out.
 */
bool dst_mirror_meta_write_bits(struct dst_mirror *m, u16 mask, bool all)
{
	u32 blocks = m->layout.bitmap_bytes / DST_META_BLOCK_BYTES, b;
	struct dst_mirror_batch *batch = &m->batch;
	unsigned int i, n = 0;
	struct page *page;
	bool good = true;

	dst_mirror_batch_begin(batch);
	for (b = 0; b < blocks; b++) {
		if (!all && !test_bit(b, m->stale_blocks))
			continue;
		for (i = 0; i < DST_META_LEGS_MAX; i++) {
			if (!(mask & BIT(i)))
				continue;
			if (n == DST_MIRROR_BATCH)
				good &= dst_mirror_meta_end_bits(m, batch, &n);
			page = dst_mirror_meta_bits_page(m, b,
							 batch->block[n].spare);
			dst_mirror_block_send(batch, n++, m->legs[i],
					      REQ_OP_WRITE | REQ_FUA,
					      m->legs[i]->meta.bitmap_offset +
					      (u64)b * DST_META_BLOCK_BYTES,
					      page);
		}
	}
	good &= dst_mirror_meta_end_bits(m, batch, &n);
	if (good && !all)
		bitmap_zero(m->stale_blocks, blocks);
	return good;
}

/**
 * dst_mirror_meta_flush - have all that legs acked on their stable storage
 * @m: mirror
 * @mask: slots
 *
 * Context: the meta thread, or attach. Sleeps.
 * Return: true if all have done so.
 */
bool dst_mirror_meta_flush(struct dst_mirror *m, u16 mask)
{
	struct dst_mirror_batch *batch = &m->batch;
	unsigned int i, n = 0;
	bool good = true;

	dst_mirror_batch_begin(batch);
	for (i = 0; i < DST_META_LEGS_MAX; i++)
		if (mask & BIT(i))
			dst_mirror_block_send(batch, n++, m->legs[i],
					      REQ_OP_WRITE | REQ_PREFLUSH, 0,
					      NULL);
	dst_mirror_batch_wait(m, batch);
	for (i = 0; i < n; i++)
		good &= dst_mirror_block_good(&batch->block[i]);
	return good;
}

/* ---- records ------------------------------------------------------------ */

static u8 dst_mirror_meta_state(const struct dst_mirror_leg *leg, u8 before)
{
	if (leg->state == DST_IOC_LEG_IN_SYNC || leg->joining ||
	    (leg->state == DST_IOC_LEG_SUSPECT && leg->synced))
		return DST_META_IN_SYNC;
	if (leg->rebuild)
		return DST_META_REBUILDING;
	if (leg->starting || leg->state == DST_IOC_LEG_RESYNCING)
		return DST_META_RESYNCING;
	/* one that is half copied is not whole again by being lost */
	return before == DST_META_IN_SYNC ? DST_META_STALE : before;
}

/* What the record has to say now. */
static void dst_mirror_meta_compose(struct dst_mirror *m)
{
	struct dst_meta_record *next = &m->next;
	unsigned int i;

	lockdep_assert_held(&m->lock);
	*next = m->record;
	WRITE_ONCE(m->events, m->events + 1);
	next->events = m->events;
	for (i = 0; i < DST_META_LEGS_MAX; i++) {
		struct dst_mirror_leg *leg = m->legs[i];
		struct dst_meta_member *member = &next->members[i];

		if (!leg) {
			if (member->state == DST_META_IN_SYNC)
				member->state = DST_META_STALE;
			continue;
		}
		member->state = dst_mirror_meta_state(leg, member->state);
		member->resync_bytes = 0;
		if (leg->meta.record.events > member->known_events &&
		    leg->online)
			member->known_events = leg->meta.record.events;
	}
	/* one that joins has to wait for the next: dst_assembly_may_try() */
	if (!(dst_assembly_in_sync(&m->record) & ~dst_assembly_in_sync(next)))
		return;
	for (i = 0; i < DST_META_LEGS_MAX; i++)
		if (m->legs[i] && m->legs[i]->joining)
			next->members[i].state = m->record.members[i].state;
}

/* Legs that have a session, and are no obstacle if they do not answer. */
static u16 dst_mirror_meta_others(struct dst_mirror *m, u16 in_sync)
{
	unsigned int i;
	u16 mask = 0;

	lockdep_assert_held(&m->lock);
	for (i = 0; i < DST_META_LEGS_MAX; i++)
		if (m->legs[i] && m->legs[i]->online && !(in_sync & BIT(i)))
			mask |= BIT(i);
	return mask;
}

static void dst_mirror_meta_counts(struct dst_mirror *m, u32 changes)
{
	bool more = false;
	unsigned int i;

	spin_lock_bh(&m->lock);
	m->record = m->next;
	m->has_tried = false;
	for (i = 0; i < DST_META_LEGS_MAX; i++) {
		struct dst_mirror_leg *leg = m->legs[i];

		if (!leg || !leg->joining)
			continue;
		if (m->record.members[i].state != DST_META_IN_SYNC) {
			more = true;
			continue;
		}
		leg->joining = false;
		if (leg->state == DST_IOC_LEG_RESYNCING)
			dst_mirror_leg_go(leg, DST_IOC_LEG_IN_SYNC);
		else
			leg->synced = true;
	}
	if (m->changes == changes && !more)
		WRITE_ONCE(m->pending, false);
	spin_unlock_bh(&m->lock);
	dst_mirror_unpark(m);
}

/* Write what the record has to say. Return: true if it counts. */
static bool dst_mirror_meta_record(struct dst_mirror *m)
{
	u16 old, in_sync, others, held;
	u32 changes;

	spin_lock_bh(&m->lock);
	changes = m->changes;
	dst_mirror_meta_compose(m);
	in_sync = dst_assembly_in_sync(&m->next);
	others = dst_mirror_meta_others(m, in_sync);
	spin_unlock_bh(&m->lock);
	old = dst_assembly_in_sync(&m->record);
	if (!dst_assembly_may_try(&m->record, m->has_tried ? &m->tried : NULL,
				  &m->next))
		return false;
	m->tried = m->next;
	m->has_tried = true;

	held = dst_mirror_meta_put(m, in_sync & old, m->claim, &m->next);
	if (!(in_sync & old & ~held))
		held |= dst_mirror_meta_put(m, in_sync & ~old, m->claim,
					    &m->next);
	if (!dst_assembly_counts(&m->record, &m->next, held))
		return false;
	dst_mirror_meta_put(m, others, m->claim, &m->next);
	dst_mirror_meta_counts(m, changes);
	return true;
}

/* Return: true if no record is pending. */
static bool dst_mirror_meta_records(struct dst_mirror *m)
{
	while (READ_ONCE(m->pending) && !dst_mirror_is_over(m))
		if (!dst_mirror_meta_record(m))
			wait_event_timeout(m->meta_wait, dst_mirror_is_over(m),
					   msecs_to_jiffies(DST_MIRROR_RETRY_MS));
	return !READ_ONCE(m->pending);
}

/* Something else has to be recorded. Return: true if that counts. */
static bool dst_mirror_meta_change(struct dst_mirror *m)
{
	spin_lock_bh(&m->lock);
	WRITE_ONCE(m->pending, true);
	m->changes++;
	spin_unlock_bh(&m->lock);
	return dst_mirror_meta_records(m);
}

/* ---- intents ------------------------------------------------------------ */

static void dst_mirror_meta_mark(struct dst_mirror *m, u64 region)
{
	set_bit(region, m->bits);
	set_bit(region / DST_MIRROR_BLOCK_BITS, m->stale_blocks);
}

static void dst_mirror_meta_intents(struct dst_mirror *m)
{
	struct dst_mirror_io *io, *next;
	LIST_HEAD(list);
	u64 r;

	spin_lock_bh(&m->lock);
	list_splice_init(&m->intents, &list);
	spin_unlock_bh(&m->lock);
	if (list_empty(&list))
		return;
	list_for_each_entry(io, &list, list)
		for (r = io->first; r <= io->last; r++)
			if (!test_bit(r, m->dirty))
				dst_mirror_meta_mark(m, r);
	while (!dst_mirror_meta_write_bits(m, READ_ONCE(m->live), false) &&
	       !dst_mirror_is_over(m))
		wait_event_timeout(m->meta_wait, dst_mirror_is_over(m),
				   msecs_to_jiffies(DST_MIRROR_RETRY_MS));
	list_for_each_entry_safe(io, next, &list, list) {
		list_del(&io->list);
		if (dst_mirror_is_over(m)) {
			dst_mirror_queue(io, &m->intents);
			continue;
		}
		for (r = io->first; r <= io->last; r++)
			set_bit(r, m->dirty);
		dst_mirror_launch(io);
	}
}

/* ---- clearing ----------------------------------------------------------- */

static bool dst_mirror_meta_may_clear(struct dst_mirror *m)
{
	bool may;

	spin_lock_bh(&m->lock);
	may = !m->pending && hweight16(m->readable) == m->record.legs &&
	      !atomic64_read(&m->nr_unsettled);
	spin_unlock_bh(&m->lock);
	return may;
}

/* All legs are there: what has been idle for a while is clean again. */
static void dst_mirror_meta_clear(struct dst_mirror *m)
{
	bool retire = READ_ONCE(m->retire);
	unsigned long before;
	u64 r, cleared = 0;

	/* what is written while we flush is not idle */
	before = jiffies - (retire ? 0 : msecs_to_jiffies(DST_MIRROR_IDLE_MS));
	if (!dst_mirror_meta_may_clear(m) ||
	    (!retire && time_before(jiffies, m->cleared +
				    msecs_to_jiffies(DST_MIRROR_CLEAR_MS))))
		return;
	m->cleared = jiffies;
	r = find_first_bit(m->dirty, m->layout.regions);
	if (r == m->layout.regions || !dst_mirror_region_is_idle(m, before))
		return;
	if (!dst_mirror_meta_flush(m, READ_ONCE(m->live)) ||
	    !dst_mirror_meta_may_clear(m))
		return;
	for (; r < m->layout.regions;
	     r = find_next_bit(m->dirty, m->layout.regions, r + 1))
		cleared += dst_mirror_region_retire(m, r, before);
	if (cleared)
		dst_mirror_meta_write_bits(m, READ_ONCE(m->live), false);
}

/* ---- legs that come back ------------------------------------------------ */

/*
 * A stale leg gets all bits, and the others get its own: it may have some that
 * nobody else has. Then that copies to it begin is recorded, and it is live.
 */
static bool dst_mirror_meta_prepare(struct dst_mirror_leg *leg)
{
	struct dst_mirror *m = leg->m;
	u64 r;

	bitmap_zero(leg->lacks, m->layout.regions);
	if (dst_mirror_meta_read_bits(leg, leg->lacks))
		return false;
	if (leg->rebuild)
		bitmap_set(leg->lacks, 0, m->layout.regions);
	for_each_set_bit(r, leg->lacks, m->layout.regions)
		if (!test_bit(r, m->dirty))
			dst_mirror_meta_mark(m, r);
	if (!dst_mirror_meta_write_bits(m, READ_ONCE(m->live), false))
		return false;
	for_each_set_bit(r, leg->lacks, m->layout.regions)
		set_bit(r, m->dirty);
	return dst_mirror_meta_write_bits(m, BIT(leg->slot), true) &&
	       READ_ONCE(leg->online);
}

static void dst_mirror_meta_return(struct dst_mirror_leg *leg)
{
	struct dst_mirror *m = leg->m;
	bool live = false;
	u32 sessions;
	u64 r;

	sessions = READ_ONCE(leg->sessions);
	if (!dst_mirror_meta_prepare(leg))
		return;
	spin_lock_bh(&m->lock);
	leg->starting = true;
	spin_unlock_bh(&m->lock);
	if (!dst_mirror_meta_change(m))
		return;
	/* one more, until all are known */
	atomic64_set(&leg->nr_lacks,
		     bitmap_weight(leg->lacks, m->layout.regions) + 1);
	leg->copied_bytes = 0;
	spin_lock_bh(&m->lock);
	leg->starting = false;
	if (leg->state == DST_IOC_LEG_STALE && leg->sessions == sessions) {
		dst_mirror_leg_go(leg, DST_IOC_LEG_RESYNCING);
		live = true;
	}
	spin_unlock_bh(&m->lock);
	if (!live)
		return;
	/* what was written before it was live, and so not to it */
	for_each_set_bit(r, m->dirty, m->layout.regions)
		if (!test_and_set_bit(r, leg->lacks))
			atomic64_inc(&leg->nr_lacks);
	atomic64_dec(&leg->nr_lacks);
	dst_mirror_copy_kick(m);
}

/* All is copied: flush it, record that it is in-sync. Then it is. */
static void dst_mirror_meta_join(struct dst_mirror_leg *leg)
{
	struct dst_mirror *m = leg->m;
	bool join;

	if (!dst_mirror_meta_flush(m, BIT(leg->slot)))
		return;
	spin_lock_bh(&m->lock);
	join = leg->state == DST_IOC_LEG_RESYNCING;
	leg->joining = join;
	if (join)
		leg->rebuild = false;
	spin_unlock_bh(&m->lock);
	if (join)
		dst_mirror_meta_change(m);
}

static void dst_mirror_meta_legs(struct dst_mirror *m)
{
	unsigned int i;

	for (i = 0; i < DST_META_LEGS_MAX; i++) {
		struct dst_mirror_leg *leg = m->legs[i];
		enum dst_ioc_leg_state state;

		if (!leg || dst_mirror_is_over(m))
			continue;
		state = READ_ONCE(leg->state);
		if (state == DST_IOC_LEG_STALE)
			dst_mirror_meta_return(leg);
		else if (state == DST_IOC_LEG_RESYNCING &&
			 !atomic64_read(&leg->nr_lacks))
			dst_mirror_meta_join(leg);
	}
}

/**
 * dst_mirror_meta_work - what the meta thread does
 * @work: m->meta_work
 */
void dst_mirror_meta_work(struct kthread_work *work)
{
	struct dst_mirror *m = container_of(work, struct dst_mirror, meta_work);
	unsigned int noio = memalloc_noio_save();

	if (!dst_mirror_is_over(m) && dst_mirror_meta_records(m)) {
		dst_mirror_meta_intents(m);
		dst_mirror_meta_legs(m);
		dst_mirror_meta_clear(m);
	}
	memalloc_noio_restore(noio);
}

/**
 * dst_mirror_meta_kick - there is something for the meta thread
 * @m: started
 *
 * Context: any but hard interrupt.
 */
void dst_mirror_meta_kick(struct dst_mirror *m)
{
	if (READ_ONCE(m->running))
		kthread_queue_work(m->meta, &m->meta_work);
}
