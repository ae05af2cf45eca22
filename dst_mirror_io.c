// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O of a mirror: a write goes to all live legs, from one copy of its
 * data; a read to one leg, and to another if that fails.
 *
 * A write ends when all the legs that it went to have acked it or were taken
 * out, and no record is pending: who was taken out has to be on stable storage
 * of the others first.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/slab.h>

#include "dst_mirror.h"

#define DST_MIRROR_IO_POOL	64
#define DST_MIRROR_GFP	(GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC)
#define DST_MIRROR_POLL_MS	10

/* ---- data of our own ---------------------------------------------------- */

/**
 * dst_mirror_get_page - a page for metadata or a copy
 * @spare: to be used if there is no memory: writes that free some may wait for
 *	it. Not in use, though a socket may still refer to it; that ends when
 *	the peer has acked what it has, or the connection is closed
 *
 * Context: process, sleeps.
 * Return: a page to be given back by dst_mirror_put_page().
 */
struct page *dst_mirror_get_page(struct page *spare)
{
	struct page *page = dst_pages_get(DST_MIRROR_GFP);

	if (likely(page))
		return page;
	while (page_ref_count(spare) > 1)
		msleep(DST_MIRROR_POLL_MS);
	get_page(spare);
	return spare;
}

/**
 * dst_mirror_put_page - give a page back
 * @page: of dst_mirror_get_page()
 * @spare: as there
 */
void dst_mirror_put_page(struct page *page, struct page *spare)
{
	if (unlikely(page == spare))
		put_page(page);
	else
		dst_pages_put(page);
}

static void dst_mirror_copy_data(struct bio_vec *to, struct bio *bio)
{
	struct bvec_iter iter;
	struct bio_vec bv;
	size_t pos = 0;

	bio_for_each_segment(bv, bio, iter) {
		char *mem = bvec_kmap_local(&bv);
		size_t done, n;

		for (done = 0; done < bv.bv_len; done += n, pos += n) {
			char *p = page_address(to[pos / PAGE_SIZE].bv_page);

			n = min_t(size_t, bv.bv_len - done,
				  PAGE_SIZE - pos % PAGE_SIZE);
			if (n == PAGE_SIZE && PAGE_ALIGNED(mem + done))
				copy_page(p, mem + done);
			else
				memcpy(p + pos % PAGE_SIZE, mem + done, n);
		}
		kunmap_local(mem);
	}
}

static void dst_mirror_free_data(struct dst_mirror_io *io)
{
	unsigned int i;

	for (i = 0; i < io->nr_pages; i++) {
		if (unlikely(io->reserve))
			put_page(io->bvec[i].bv_page);
		else
			dst_pages_put(io->bvec[i].bv_page);
	}
	if (unlikely(io->reserve)) {
		/* pairs with the one in dst_mirror_take_reserve() */
		clear_bit_unlock(0, &io->m->reserve_busy);
		wake_up_all(&io->m->wait);
	} else if (io->nr_pages > 1) {
		kfree(io->bvec);
	}
	io->nr_pages = 0;
}

/* Return: false if there is no memory left for it. */
static bool dst_mirror_get_data(struct dst_mirror_io *io, unsigned int nr)
{
	struct page *page;

	io->bvec = nr == 1 ? &io->one :
		   kmalloc_array(nr, sizeof(*io->bvec), DST_MIRROR_GFP);
	if (!io->bvec)
		return false;
	while (io->nr_pages < nr) {
		page = dst_pages_get(DST_MIRROR_GFP);
		if (!page)
			break;
		bvec_set_page(&io->bvec[io->nr_pages++], page, PAGE_SIZE, 0);
	}
	if (io->nr_pages == nr)
		return true;
	while (io->nr_pages)
		dst_pages_put(io->bvec[--io->nr_pages].bv_page);
	if (nr > 1)
		kfree(io->bvec);
	return false;
}

/*
 * One write at a time may have the reserve. A page of it is free when nobody
 * else refers to it: a socket may do so longer than the write takes.
 */
static bool dst_mirror_take_reserve(struct dst_mirror_io *io, unsigned int nr)
{
	struct dst_mirror *m = io->m;
	bool got = false;

	mutex_lock(&m->reserve_mutex);
	wait_event(m->wait,
		   (got = !test_and_set_bit_lock(0, &m->reserve_busy)) ||
		   dst_mirror_is_over(m));
	if (!got)
		goto out;
	io->reserve = true;
	io->bvec = m->reserve_bvec;
	while (io->nr_pages < nr) {
		struct page *page = m->reserve[io->nr_pages];

		while (page_ref_count(page) > 1) {
			/* a leg that retains it may never let go of it */
			got = !dst_mirror_is_over(m);
			if (!got)
				goto out_free;
			msleep(DST_MIRROR_POLL_MS);
		}
		get_page(page);
		bvec_set_page(&io->bvec[io->nr_pages++], page, PAGE_SIZE, 0);
	}
out_free:
	if (!got)
		dst_mirror_free_data(io);
out:
	mutex_unlock(&m->reserve_mutex);
	return got;
}

/* Return: false if it was not allowed to wait, or the mirror is over. */
static bool dst_mirror_own(struct dst_mirror_io *io)
{
	unsigned int bytes = io->bio->bi_iter.bi_size;
	unsigned int nr = DIV_ROUND_UP(bytes, PAGE_SIZE);

	if (unlikely(!dst_mirror_get_data(io, nr))) {
		if (io->bio->bi_opf & REQ_NOWAIT)
			return false;
		if (!dst_mirror_take_reserve(io, nr))
			return false;
	}
	io->bvec[nr - 1].bv_len = bytes - (nr - 1) * PAGE_SIZE;
	dst_mirror_copy_data(io->bvec, io->bio);
	return true;
}

/* ---- parts: bios of legs ------------------------------------------------ */

/* Another client has a leg. The tick does the rest, as it is told as well. */
static void dst_mirror_fenced(struct dst_mirror *m)
{
	spin_lock_bh(&m->lock);
	dst_mirror_doom(m, DST_MIRROR_FENCED);
	spin_unlock_bh(&m->lock);
}

static void dst_mirror_part_end(struct bio *bio)
{
	struct dst_mirror_part *part = bio->bi_private;

	part->status = bio->bi_status;
	/* at once: it must not count as out, nothing says so on the others */
	if (unlikely(part->status && READ_ONCE(part->dev->fenced)))
		dst_mirror_fenced(part->leg->m);
	/* the transaction that ends us keeps the device until we are done */
	part->out = part->status && (READ_ONCE(part->dev->closing) ||
				     READ_ONCE(part->dev->fenced));
	part->done(part);
}

/**
 * dst_mirror_part_init - make a bio for a leg
 * @part: not in use
 * @owner: of it
 * @done: called in the end, in any context but hard interrupt
 * @opf: operation
 * @sector: on the leg
 * @bvec: data: for a write single pages from dst_pages_get(), filled from
 *	their start; may be shared between parts
 * @nr: how many
 * @bytes: of data
 */
void dst_mirror_part_init(struct dst_mirror_part *part, void *owner,
			  void (*done)(struct dst_mirror_part *part),
			  blk_opf_t opf, sector_t sector, struct bio_vec *bvec,
			  unsigned int nr, unsigned int bytes)
{
	struct bio *bio = dst_mirror_part_bio(part);

	bio_init(bio, NULL, bvec, nr, opf);
	bio->bi_vcnt = nr;
	bio->bi_iter.bi_sector = sector;
	bio->bi_iter.bi_size = bytes;
	bio->bi_private = part;
	bio->bi_end_io = dst_mirror_part_end;
	part->owner = owner;
	part->done = done;
	part->status = BLK_STS_OK;
	part->out = false;
}

/**
 * dst_mirror_part_refuse - end a part of a leg that takes nothing
 * @part: initialized; done when this returns
 * @leg: leg
 */
void dst_mirror_part_refuse(struct dst_mirror_part *part,
			    struct dst_mirror_leg *leg)
{
	part->leg = leg;
	part->dev = NULL;
	part->status = BLK_STS_TRANSPORT;
	part->out = true;
	part->done(part);
}

/**
 * dst_mirror_part_place - give a part to its leg, without sending it yet
 * @part: initialized; may be done when this returns
 * @leg: leg
 *
 * Context: process, under m->srcu, which is held until it is sent.
 * Return: what to give to dst_submit_send(), or NULL.
 */
struct dst_trans *dst_mirror_part_place(struct dst_mirror_part *part,
					struct dst_mirror_leg *leg)
{
	struct dst_device *dev = srcu_dereference(leg->dev, &leg->m->srcu);

	part->leg = leg;
	part->dev = dev;
	if (dev)
		return dst_submit_place(dev, dst_mirror_part_bio(part));
	dst_mirror_part_refuse(part, leg);
	return NULL;
}

/* ---- the end ------------------------------------------------------------ */

static void dst_mirror_finish(struct dst_mirror_io *io, blk_status_t status)
{
	struct dst_mirror *m = io->m;
	struct bio *bio = io->bio;

	if (io->counted)
		dst_mirror_region_leave(io);
	dst_mirror_free_data(io);
	if (unlikely(status)) {
		bio->bi_status = status;
		if (status != BLK_STS_AGAIN)
			this_cpu_inc(m->counters->errors);
	}
	bio_end_io_acct(bio, io->acct_start);
	this_cpu_inc(m->counters->ended);
	mempool_free(io, &m->io_pool);
	bio_endio(bio);
	percpu_ref_put(&m->users);
}

static void dst_mirror_finish_list(struct list_head *list, bool failed)
{
	struct dst_mirror_io *io, *next;

	list_for_each_entry_safe(io, next, list, list)
		dst_mirror_finish(io, failed ? BLK_STS_TRANSPORT : io->status);
}

/* Put it on a list of those that wait. Return: false if it must not wait. */
static bool dst_mirror_wait_on(struct dst_mirror_io *io, struct list_head *list)
{
	lockdep_assert_held(&io->m->lock);
	if (dst_mirror_is_over(io->m))
		return false;
	io->nowait = false;
	list_add_tail(&io->list, list);
	return true;
}

/**
 * dst_mirror_queue - have it wait
 * @io: on no list
 * @list: of its mirror
 *
 * Where the mirror is over it is ended instead. The caller must not touch it
 * any more.
 *
 * Context: any but hard interrupt; under none of our spinlocks.
 */
void dst_mirror_queue(struct dst_mirror_io *io, struct list_head *list)
{
	struct dst_mirror *m = io->m;
	bool waits;

	spin_lock_bh(&m->lock);
	waits = dst_mirror_wait_on(io, list);
	spin_unlock_bh(&m->lock);
	if (!waits)
		dst_mirror_finish(io, BLK_STS_TRANSPORT);
}

/**
 * dst_mirror_unpark - the record counts: end what waited for it
 * @m: mirror; not pending any more
 *
 * Context: process; under none of our spinlocks.
 */
void dst_mirror_unpark(struct dst_mirror *m)
{
	LIST_HEAD(list);

	spin_lock_bh(&m->lock);
	if (!m->pending)
		list_splice_init(&m->parked, &list);
	spin_unlock_bh(&m->lock);
	dst_mirror_finish_list(&list, false);
}

/**
 * dst_mirror_end_waiting - fail all I/O that is with no leg
 * @m: over
 *
 * Context: process; under none of our spinlocks.
 */
void dst_mirror_end_waiting(struct dst_mirror *m)
{
	LIST_HEAD(list);

	spin_lock_bh(&m->lock);
	list_splice_tail_init(&m->parked, &list);
	list_splice_tail_init(&m->intents, &list);
	list_splice_tail_init(&m->settle, &list);
	list_splice_tail_init(&m->again, &list);
	list_splice_tail_init(&m->unread, &list);
	spin_unlock_bh(&m->lock);
	dst_mirror_finish_list(&list, true);
}

/* ---- writes ------------------------------------------------------------- */

/*
 * Legs have refused it, for a reason that is not the network's: they are out.
 * The last one that is in-sync can't be: then the write has failed, and what
 * the others have of it has to be copied anew.
 */
static blk_status_t dst_mirror_convict(struct dst_mirror_io *io)
{
	struct dst_mirror *m = io->m;
	blk_status_t status = BLK_STS_OK;
	unsigned int i;

	lockdep_assert_held(&m->lock);
	for (i = 0; i < DST_META_LEGS_MAX; i++)
		if (io->bad & BIT(i) &&
		    !dst_mirror_leg_out(m->legs[i], DST_IOC_LEG_FAILED,
					"it refused a write"))
			status = io->status;
	for (i = 0; status && i < DST_META_LEGS_MAX; i++)
		if (io->mask & ~io->bad & BIT(i))
			dst_mirror_leg_out(m->legs[i], DST_IOC_LEG_GONE,
					   "a write failed on the only leg that is in-sync");
	return status;
}

static void dst_mirror_write_done(struct dst_mirror_io *io)
{
	struct dst_mirror *m = io->m;
	bool parked = false;

	/* pairs with the smp_wmb() in dst_mirror_leg_masks() */
	smp_rmb();
	if (unlikely(READ_ONCE(m->pending) || io->bad || dst_mirror_is_over(m))) {
		spin_lock_bh(&m->lock);
		io->status = io->bad ? dst_mirror_convict(io) : BLK_STS_OK;
		if (m->pending)
			parked = dst_mirror_wait_on(io, &m->parked);
		if (dst_mirror_is_over(m) && !parked)
			io->status = BLK_STS_TRANSPORT;
		spin_unlock_bh(&m->lock);
	}
	if (!parked)
		dst_mirror_finish(io, io->status);
}

static void dst_mirror_write_part(struct dst_mirror_part *part)
{
	struct dst_mirror_io *io = part->owner;
	struct dst_mirror *m = io->m;

	if (unlikely(part->status && !part->out)) {
		spin_lock_bh(&m->lock);
		io->bad |= BIT(part->leg->slot);
		io->status = part->status;
		spin_unlock_bh(&m->lock);
	}
	if (atomic_dec_and_test(&io->left))
		dst_mirror_write_done(io);
}

/**
 * dst_mirror_launch - send a write or a flush to all live legs
 * @io: its regions are dirty and settled, and it is counted there
 *
 * It has its place on all of them before it is sent to any: so a read that
 * comes later cannot meet an older state on one leg than on another.
 *
 * Context: process, sleeps.
 */
void dst_mirror_launch(struct dst_mirror_io *io)
{
	blk_opf_t opf = io->bio->bi_opf & (REQ_OP_MASK | REQ_FUA |
					   REQ_PREFLUSH | REQ_NOUNMAP);
	struct dst_trans *t[DST_META_LEGS_MAX];
	struct dst_mirror *m = io->m;
	struct mutex *order = NULL;
	unsigned int i, n = 0;
	u16 mask;
	int idx;

	/* what overlaps is in the same shard */
	if (io->bio->bi_iter.bi_size)
		order = &m->place_mutex[(io->bio->bi_iter.bi_sector >>
					 DST_SHARD_SECTORS_LOG2) % DST_SHARDS];
	/* not from the thread that it had to wait for */
	if (order && io->nowait && !mutex_trylock(order)) {
		dst_mirror_finish(io, BLK_STS_AGAIN);
		return;
	}
	if (order && !io->nowait)
		mutex_lock(order);
	/* nobody is to retain it: the next one waits for it */
	if (unlikely(io->reserve))
		opf |= REQ_FUA;
	idx = srcu_read_lock(&m->srcu);
	/* pairs with the one in dst_mirror_leg_go(): regions are dirty before */
	smp_mb();
	mask = READ_ONCE(m->live);
	io->mask = mask;
	atomic_set(&io->left, hweight16(mask) + 1);
	for (i = 0; i < DST_META_LEGS_MAX; i++) {
		if (!(mask & BIT(i)))
			continue;
		dst_mirror_part_init(&io->part[i], io, dst_mirror_write_part,
				     opf, io->bio->bi_iter.bi_sector, io->bvec,
				     io->nr_pages, io->bio->bi_iter.bi_size);
		t[n] = dst_mirror_part_place(&io->part[i], m->legs[i]);
		n += !!t[n];
	}
	if (order)
		mutex_unlock(order);
	for (i = 0; i < n; i++)
		dst_submit_send(t[i]);
	srcu_read_unlock(&m->srcu, idx);
	if (atomic_dec_and_test(&io->left))
		dst_mirror_write_done(io);
}

/* ---- reads -------------------------------------------------------------- */

static u64 dst_mirror_read_cost(struct dst_mirror_leg *leg,
				const struct dst_mirror_io *io)
{
	struct dst_device *dev = srcu_dereference(leg->dev, &leg->m->srcu);
	u64 cost = dev ? READ_ONCE(dev->lanes[0]->latency_us) + 1 : U32_MAX;

	cost *= atomic_read(&leg->reading) + 1;
	/* who reads on where it was stays on the leg that has read ahead */
	if (READ_ONCE(leg->next_sector) == io->bio->bi_iter.bi_sector)
		cost /= 2;
	return cost;
}

static struct dst_mirror_leg *dst_mirror_cheapest(struct dst_mirror_io *io,
						  u16 mask)
{
	struct dst_mirror *m = io->m;
	struct dst_mirror_leg *best = NULL;
	u64 least = U64_MAX, cost;
	unsigned int i;

	for (i = 0; i < DST_META_LEGS_MAX; i++) {
		if (!(mask & BIT(i)))
			continue;
		cost = dst_mirror_read_cost(m->legs[i], io);
		if (cost < least) {
			least = cost;
			best = m->legs[i];
		}
	}
	return best;
}

static struct dst_mirror_leg *dst_mirror_pick(struct dst_mirror_io *io)
{
	struct dst_mirror *m = io->m;
	u16 mask = READ_ONCE(m->readable) & ~io->tried;
	unsigned int n;

	if (!mask)
		return NULL;
	if (hweight16(mask) == 1)
		return m->legs[__ffs(mask)];
	if (m->opts.read_policy == DST_IOC_READ_PREFER &&
	    mask & BIT(m->opts.prefer))
		return m->legs[m->opts.prefer];
	if (m->opts.read_policy != DST_IOC_READ_ROUND_ROBIN)
		return dst_mirror_cheapest(io, mask);
	for (n = (u32)atomic_inc_return(&m->reading_next) % hweight16(mask); n;
	     n--)
		mask &= mask - 1;
	return m->legs[__ffs(mask)];
}

/* Others could not read it: what could be is written to them again. */
static void dst_mirror_read_repair(struct dst_mirror_io *io)
{
	struct dst_mirror *m = io->m;
	unsigned int i;

	for (i = 0; i < DST_META_LEGS_MAX; i++) {
		if (!(io->bad & BIT(i)))
			continue;
		atomic64_inc(&m->read_repairs);
		pr_warn_ratelimited("dst%u: leg %u could not read sector %llu: it was read elsewhere, and is written there again\n",
				    m->unit.index, i,
				    (u64)io->bio->bi_iter.bi_sector);
		dst_mirror_copy_repair(m->legs[i], io->first, io->last);
	}
}

static void dst_mirror_read_part(struct dst_mirror_part *part)
{
	struct dst_mirror_io *io = part->owner;
	struct dst_mirror *m = io->m;

	atomic_dec(&part->leg->reading);
	if (likely(!part->status)) {
		if (unlikely(io->bad))
			dst_mirror_read_repair(io);
		dst_mirror_finish(io, BLK_STS_OK);
		return;
	}
	io->tried |= BIT(part->leg->slot);
	/* what is the network's fault may pass */
	if (!part->out && part->status != BLK_STS_TRANSPORT &&
	    part->status != BLK_STS_TIMEOUT) {
		io->status = part->status;
		io->bad |= BIT(part->leg->slot);
	}
	/* the last of its users may be this one */
	percpu_ref_get(&m->users);
	dst_mirror_queue(io, &m->again);
	queue_work(dst_wq, &m->retry);
	percpu_ref_put(&m->users);
}

/* Is there a leg that has it, and has not refused to read it? */
static bool dst_mirror_read_may_wait(const struct dst_mirror_io *io)
{
	struct dst_mirror *m = io->m;
	unsigned int i;

	lockdep_assert_held(&m->lock);
	for (i = 0; i < DST_META_LEGS_MAX; i++)
		if (m->legs[i] && !(io->bad & BIT(i)) &&
		    dst_mirror_leg_counts(m->legs[i]))
			return true;
	return false;
}

/* No leg that could be tried: the error of one, or wait until there is one. */
static void dst_mirror_read_nowhere(struct dst_mirror_io *io)
{
	struct dst_mirror *m = io->m;
	bool waits = false;

	spin_lock_bh(&m->lock);
	if (!io->status || dst_mirror_read_may_wait(io)) {
		io->tried = io->bad;
		waits = dst_mirror_wait_on(io, &m->unread);
	}
	spin_unlock_bh(&m->lock);
	if (!waits)
		dst_mirror_finish(io, io->status ?: BLK_STS_TRANSPORT);
}

static void dst_mirror_read(struct dst_mirror_io *io)
{
	struct dst_mirror_part *part = &io->part[0];
	struct dst_mirror *m = io->m;
	struct dst_mirror_leg *leg;
	struct dst_trans *t;
	int idx;

	idx = srcu_read_lock(&m->srcu);
	leg = dst_mirror_pick(io);
	if (unlikely(!leg)) {
		srcu_read_unlock(&m->srcu, idx);
		dst_mirror_read_nowhere(io);
		return;
	}
	atomic_inc(&leg->reading);
	WRITE_ONCE(leg->next_sector, bio_end_sector(io->bio));
	dst_mirror_part_init(part, io, dst_mirror_read_part, REQ_OP_READ, 0,
			     io->bio->bi_io_vec, 0, 0);
	dst_mirror_part_bio(part)->bi_iter = io->bio->bi_iter;
	t = dst_mirror_part_place(part, leg);
	if (t)
		dst_submit_send(t);
	srcu_read_unlock(&m->srcu, idx);
}

/**
 * dst_mirror_retry_work - reads that failed are tried elsewhere
 * @work: m->retry
 */
void dst_mirror_retry_work(struct work_struct *work)
{
	struct dst_mirror *m = container_of(work, struct dst_mirror, retry);
	struct dst_mirror_io *io, *next;
	LIST_HEAD(list);

	spin_lock_bh(&m->lock);
	list_splice_init(&m->again, &list);
	spin_unlock_bh(&m->lock);
	list_for_each_entry_safe(io, next, &list, list)
		dst_mirror_read(io);
}

/**
 * dst_mirror_unread - reads that found no leg look again
 * @m: mirror
 *
 * Context: process; under none of our spinlocks.
 */
void dst_mirror_unread(struct dst_mirror *m)
{
	spin_lock_bh(&m->lock);
	list_splice_tail_init(&m->unread, &m->again);
	spin_unlock_bh(&m->lock);
	queue_work(dst_wq, &m->retry);
}

/* ---- the beginning ------------------------------------------------------ */

static void dst_mirror_count(struct dst_mirror *m, const struct bio *bio)
{
	unsigned int bytes = bio->bi_iter.bi_size;

	this_cpu_inc(m->counters->started);
	if (bio_op(bio) == REQ_OP_READ) {
		this_cpu_inc(m->counters->reads);
		this_cpu_add(m->counters->read_bytes, bytes);
	} else if (!bytes) {
		this_cpu_inc(m->counters->flushes);
	} else if (bio_op(bio) == REQ_OP_WRITE) {
		this_cpu_inc(m->counters->writes);
		this_cpu_add(m->counters->write_bytes, bytes);
	} else {
		this_cpu_inc(m->counters->discards);
	}
}

/**
 * dst_mirror_resume - begin, or go on with what had to wait
 * @io: on no list
 *
 * Context: process, sleeps.
 */
void dst_mirror_resume(struct dst_mirror_io *io)
{
	if (bio_op(io->bio) == REQ_OP_READ) {
		if (dst_mirror_region_settled(io))
			dst_mirror_read(io);
	} else if (!io->bio->bi_iter.bi_size || dst_mirror_region_enter(io)) {
		dst_mirror_launch(io);
	}
}

static struct dst_mirror_io *dst_mirror_begin(struct dst_mirror *m,
					      struct bio *bio)
{
	bool nowait = bio->bi_opf & REQ_NOWAIT;
	struct dst_mirror_io *io;

	io = mempool_alloc(&m->io_pool, nowait ? GFP_NOWAIT : GFP_NOIO);
	if (!io)
		return NULL;
	io->m = m;
	io->bio = bio;
	io->tried = 0;
	io->bad = 0;
	io->status = BLK_STS_OK;
	io->counted = false;
	io->reserve = false;
	io->nowait = nowait;
	io->nr_pages = 0;
	io->bvec = NULL;
	if (bio->bi_iter.bi_size) {
		io->first = bio->bi_iter.bi_sector >>
			    (m->layout.region_log2 - SECTOR_SHIFT);
		io->last = (bio_end_sector(bio) - 1) >>
			   (m->layout.region_log2 - SECTOR_SHIFT);
	}
	if (bio_op(bio) == REQ_OP_WRITE && bio->bi_iter.bi_size &&
	    !dst_mirror_own(io)) {
		mempool_free(io, &m->io_pool);
		return NULL;
	}
	io->acct_start = bio_start_io_acct(bio);
	return io;
}

/**
 * dst_mirror_submit - carry a bio out
 * @m: mirror
 * @bio: within its limits
 *
 * Context: process; sleeps, but for a REQ_NOWAIT bio only where memory is short.
 */
void dst_mirror_submit(struct dst_mirror *m, struct bio *bio)
{
	struct dst_mirror_io *io;

	if (unlikely(dst_mirror_is_over(m) ||
		     !percpu_ref_tryget_live(&m->users))) {
		bio_io_error(bio);
		return;
	}
	io = dst_mirror_begin(m, bio);
	if (unlikely(!io)) {
		percpu_ref_put(&m->users);
		if (bio->bi_opf & REQ_NOWAIT)
			bio_wouldblock_error(bio);
		else
			bio_io_error(bio);
		return;
	}
	dst_mirror_count(m, bio);
	dst_mirror_resume(io);
}

/**
 * dst_mirror_io_init - reserve what I/O needs
 * @m: zeroed
 *
 * Return: 0 or -ENOMEM; then dst_mirror_io_exit() is to be called as well.
 */
int dst_mirror_io_init(struct dst_mirror *m)
{
	unsigned int i;

	for (i = 0; i < DST_MIRROR_COPY_PAGES; i++) {
		m->copy_spare[i] = alloc_page(GFP_KERNEL);
		if (!m->copy_spare[i])
			return -ENOMEM;
	}
	if (dst_mirror_batch_init(&m->batch))
		return -ENOMEM;

	if (mempool_init_kmalloc_pool(&m->io_pool, DST_MIRROR_IO_POOL,
				      sizeof(struct dst_mirror_io)))
		return -ENOMEM;
	m->reserve_bvec = kcalloc(DST_MIRROR_RESERVE, sizeof(*m->reserve_bvec),
				  GFP_KERNEL);
	if (!m->reserve_bvec)
		return -ENOMEM;
	for (i = 0; i < DST_MIRROR_RESERVE; i++) {
		m->reserve[i] = alloc_page(GFP_KERNEL);
		if (!m->reserve[i])
			return -ENOMEM;
	}
	return 0;
}

/**
 * dst_mirror_io_exit - undo dst_mirror_io_init()
 * @m: without I/O
 */
void dst_mirror_io_exit(struct dst_mirror *m)
{
	unsigned int i;

	for (i = 0; i < DST_MIRROR_RESERVE && m->reserve[i]; i++)
		put_page(m->reserve[i]);
	kfree(m->reserve_bvec);
	mempool_exit(&m->io_pool);
	dst_mirror_batch_exit(&m->batch);
	for (i = 0; i < DST_MIRROR_COPY_PAGES && m->copy_spare[i]; i++)
		put_page(m->copy_spare[i]);
}
