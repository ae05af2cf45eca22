// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data that transactions own: how much of it there may be, and which of them
 * may be kept for how long.
 *
 * A write whose bio may end before its data is on stable storage gets a copy of
 * it: for the server may lose what it has acked, and then we send it again. The
 * copies of a device are bounded by mem_limit. Where there is no room or no
 * memory, a write simply goes with FUA: then nothing needs to be kept, and its
 * bio pages are sent as they are.
 */
#include <linux/blkdev.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "dst.h"

/* With so much in use, a flush is due. */
#define DST_RETAIN_COMMIT_BYTES	SZ_32M

/* Never from the reserves: those are for what frees memory. */
#define DST_RETAIN_GFP	(GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC)

/**
 * dst_retain_may_keep - may a transaction stay after its ack?
 * @t: a modification
 *
 * If not, only a durable ack will do.
 *
 * Context: any.
 */
bool dst_retain_may_keep(const struct dst_trans *t)
{
	/* a retained one would be missing where the reserve is needed */
	if (t->reserve || (t->op == DST_PROTO_OP_WRITE && !t->nr_pages))
		return false;
	/* those that ended when --ack was another are still to be kept */
	return t->early || t->phase != DST_PHASE_NEW ||
	       dst_disk_has_cache(t->dev, READ_ONCE(t->dev->ack));
}

static struct page *dst_retain_get_page(unsigned int order)
{
	return order ? dst_pages_get_chunk(order, DST_RETAIN_GFP) :
		       dst_pages_get(DST_RETAIN_GFP);
}

static void dst_retain_put_page(struct page *page, unsigned int order)
{
	if (order)
		dst_pages_put_chunk(page, order);
	else
		dst_pages_put(page);
}

/* What a mirror hands down is a copy already: see struct dst_leg_ops. */
static struct page *dst_retain_share(const struct dst_trans *t, unsigned int i)
{
	struct page *page = t->bio->bi_io_vec[i].bv_page;

	get_page(page);
	return page;
}

/* All of @bytes in pages of @order. Return: whether @t has them. */
static bool dst_retain_get_pages(struct dst_trans *t, u32 bytes,
				 unsigned int order)
{
	unsigned int nr = bytes >> (PAGE_SHIFT + order), i;
	struct page **pages = &t->page;

	if (nr > 1)
		pages = kmalloc_array(nr, sizeof(*pages), DST_RETAIN_GFP);
	if (!pages)
		return false;
	for (i = 0; i < nr; i++) {
		pages[i] = t->dev->leg_ops ? dst_retain_share(t, i) :
					     dst_retain_get_page(order);
		if (!pages[i])
			goto err_put;
	}
	if (nr > 1)
		t->pages = pages;
	t->nr_pages = nr;
	t->page_order = order;
	return true;

err_put:
	while (i)
		dst_retain_put_page(pages[--i], order);
	if (nr > 1)
		kfree(pages);
	return false;
}

static bool dst_retain_get_memory(struct dst_trans *t, u32 bytes)
{
	unsigned int order = t->dev->leg_ops ? 0 :
			     dst_pages_chunk_order(bytes);

	return (order && dst_retain_get_pages(t, bytes, order)) ||
	       dst_retain_get_pages(t, bytes, 0);
}

/**
 * dst_retain_free - give back the data that a transaction owns
 * @t: transaction; sockets may still refer to the pages
 *
 * Context: any but hard interrupt.
 */
void dst_retain_free(struct dst_trans *t)
{
	struct page **pages = dst_trans_pages(t);
	unsigned int i;

	if (t->charged_bytes)
		atomic64_sub(t->charged_bytes, &t->dev->mem_used);
	for (i = 0; i < t->nr_pages; i++) {
		/* one of a mirror's reserve must not stay in limbo */
		if (t->dev->leg_ops && page_ref_count(pages[i]) > 1)
			put_page(pages[i]);
		else
			dst_retain_put_page(pages[i], t->page_order);
	}
	if (t->nr_pages > 1)
		kfree(pages);
	t->nr_pages = 0;
}

/*
 * Count a modification against the limit, and copy the data of a write.
 * Return: false if there is no room.
 */
static bool dst_retain_own(struct dst_trans *t)
{
	u32 data_bytes = t->op == DST_PROTO_OP_WRITE ?
			 round_up(t->length_bytes, PAGE_SIZE) : 0;
	u32 bytes = data_bytes + sizeof(*t);
	struct dst_device *dev = t->dev;
	u64 limit = READ_ONCE(dev->mem_limit_bytes), used;

	used = atomic64_add_return(bytes, &dev->mem_used);
	if (used > min_t(u64, limit / 2, DST_RETAIN_COMMIT_BYTES))
		dst_flush_commit(dev);
	if (used > limit ||
	    (data_bytes && !dst_retain_get_memory(t, data_bytes))) {
		atomic64_sub(bytes, &dev->mem_used);
		return false;
	}
	t->charged_bytes = bytes;
	if (data_bytes && !dev->leg_ops)
		dst_pages_copy_from_bio(dst_trans_pages(t), t->page_order,
					t->bio);
	return true;
}

static bool dst_retain_is_volatile(const struct dst_device *dev)
{
	return READ_ONCE(dev->info.flags) & DST_PROTO_EXPORT_VOLATILE;
}

/* May @t end before the server has it? It has a copy of its data. */
static bool dst_retain_is_early(const struct dst_trans *t)
{
	const struct dst_device *dev = t->dev;

	/* what the server may refuse without harm has to be told at once */
	return t->op == DST_PROTO_OP_WRITE &&
	       !(t->flags & DST_PROTO_REQ_PREFLUSH) &&
	       !READ_ONCE(dev->expired) && !READ_ONCE(dev->fenced) &&
	       !READ_ONCE(dev->closing);
}

/**
 * dst_retain_prepare - decide how a modification is made safe
 * @t: new, with its bio
 *
 * Either it owns its data, or it goes with FUA, or the server's acks are
 * durable anyway. With ack=ram, it may end early.
 *
 * Context: any but hard interrupt; does not sleep.
 */
void dst_retain_prepare(struct dst_trans *t)
{
	struct dst_device *dev = t->dev;
	u32 ack = READ_ONCE(dev->ack);

	if (t->flags & DST_PROTO_REQ_FUA ||
	    (ack != DST_IOC_ACK_RAM && !dst_retain_is_volatile(dev))) {
		/* else what is sent twice could differ from its checksum */
		if (dev->digest && t->op == DST_PROTO_OP_WRITE)
			dst_retain_own(t);
		return;
	}
	if (t->reserve || !dst_retain_own(t))
		t->flags |= DST_PROTO_REQ_FUA;
	else if (ack == DST_IOC_ACK_RAM)
		t->early = dst_retain_is_early(t);
	/* pairs with dst_flush_enter(): a flush that comes after us sees it */
	if (t->early && !READ_ONCE(dev->early_used))
		WRITE_ONCE(dev->early_used, true);
}

/**
 * dst_retain_lost - data that was reported as written can't be
 * @t: ended early, or retained
 * @status: why
 *
 * The next flush fails with @status.
 *
 * Context: any but hard interrupt.
 */
void dst_retain_lost(struct dst_trans *t, blk_status_t status)
{
	struct dst_device *dev = t->dev;

	/* nothing was lost: its sectors may hold anything anyway */
	if (t->op == DST_PROTO_OP_DISCARD)
		return;
	spin_lock_bh(&dev->lock);
	dev->lost_bytes += t->length_bytes;
	/* a device that is going away has nobody left to be told */
	if (!dev->closing)
		dev->lost_status = status;
	spin_unlock_bh(&dev->lock);
	pr_err_ratelimited("dst%u: a %s at sector %llu failed after it had been reported as done: the next flush fails\n",
			   dev->unit.index, dst_trans_op_name(t->op), (u64)t->sector);
	this_cpu_inc(dev->counters->errors);
	dst_leg_tell(dev, DST_LEG_DAMAGED);
	dst_device_tell(dev);
}

/**
 * dst_retain_reap_work - end what a flush has committed
 * @work: dev->reap_work
 */
void dst_retain_reap_work(struct work_struct *work)
{
	struct dst_device *dev = container_of(work, struct dst_device,
					      reap_work);
	LIST_HEAD(dead);
	bool more;

	do {
		more = dst_index_reap(dev, atomic64_read(&dev->committed),
				      &dead);
		dst_trans_end_list(&dead, BLK_STS_OK);
		cond_resched();
	} while (more);
}

/**
 * dst_retain_drop - forget all that is retained
 * @dev: device; nothing will be sent any more
 *
 * Context: process, sleeps.
 */
void dst_retain_drop(struct dst_device *dev)
{
	LIST_HEAD(dead);

	dst_replay_abandon(dev);
	while (dst_index_reap(dev, U64_MAX, &dead))
		cond_resched();
	dst_trans_end_list(&dead, BLK_STS_OK);
}
