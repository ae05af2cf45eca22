// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transactions: one bio each, from submit until the server's ack.
 *
 * The range index keeps overlapping writes in order, whatever lane they take
 * and however often they are sent again. Every live modification is in it. A
 * newcomer counts the earlier modifications that it overlaps (its blockers) and
 * waits until each of them has gone. Ids are given out under the shard's lock,
 * so "later" is "greater id" there. Reads are in the index only while they
 * wait; nobody waits for them.
 */
#include <linux/blkdev.h>
#include <linux/interval_tree_generic.h>
#include <linux/slab.h>

#include "dst.h"
#include "dst_trace.h"

/* Enough to make progress when there is no memory left. */
#define DST_TRANS_POOL_MIN	64

static struct kmem_cache *dst_trans_cache;

static sector_t dst_trans_first(const struct dst_trans *t)
{
	return t->sector;
}

static sector_t dst_trans_last(const struct dst_trans *t)
{
	return t->sector + t->length_bytes / DST_PROTO_SECTOR_BYTES - 1;
}

INTERVAL_TREE_DEFINE(struct dst_trans, rb, sector_t, subtree_last,
		     dst_trans_first, dst_trans_last, static, dst_range)

static struct dst_shard *dst_trans_shard(const struct dst_trans *t)
{
	return &t->dev->shards[(t->sector >> DST_SHARD_SECTORS_LOG2) %
			       DST_SHARDS];
}

/**
 * dst_trans_module_init - set up the cache of transactions
 *
 * Return: 0 or -ENOMEM.
 */
int dst_trans_module_init(void)
{
	dst_trans_cache = KMEM_CACHE(dst_trans, SLAB_HWCACHE_ALIGN);
	return dst_trans_cache ? 0 : -ENOMEM;
}

/**
 * dst_trans_module_exit - undo dst_trans_module_init()
 */
void dst_trans_module_exit(void)
{
	kmem_cache_destroy(dst_trans_cache);
}

/**
 * dst_trans_pool_init - reserve transactions for one device
 * @pool: of the device; freed by mempool_exit()
 *
 * A pool per device, since devices may be stacked on each other.
 *
 * Return: 0 or -ENOMEM.
 */
int dst_trans_pool_init(mempool_t *pool)
{
	return mempool_init_slab_pool(pool, DST_TRANS_POOL_MIN,
				      dst_trans_cache);
}

static u8 dst_trans_op(const struct bio *bio)
{
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		return DST_PROTO_OP_READ;
	case REQ_OP_WRITE:
		/* an empty flush comes as a write without data */
		return bio->bi_iter.bi_size ? DST_PROTO_OP_WRITE :
					      DST_PROTO_OP_FLUSH;
	case REQ_OP_FLUSH:
		return DST_PROTO_OP_FLUSH;
	case REQ_OP_DISCARD:
		return DST_PROTO_OP_DISCARD;
	case REQ_OP_WRITE_ZEROES:
		return DST_PROTO_OP_WRITE_ZEROES;
	default:
		return 0;
	}
}

static u8 dst_trans_flags(const struct dst_device *dev, const struct bio *bio,
			  u8 op)
{
	u8 flags = 0;

	if (!dst_wire_is_modification(op))
		return 0;
	if (bio->bi_opf & REQ_FUA ||
	    READ_ONCE(dev->ack) == DST_IOC_ACK_DISK)
		flags |= DST_PROTO_REQ_FUA;
	if (op == DST_PROTO_OP_WRITE && bio->bi_opf & REQ_PREFLUSH)
		flags |= DST_PROTO_REQ_PREFLUSH;
	if (op == DST_PROTO_OP_WRITE_ZEROES && bio->bi_opf & REQ_NOUNMAP)
		flags |= DST_PROTO_REQ_NOUNMAP;
	return flags;
}

/**
 * dst_trans_alloc - begin a transaction
 * @dev: device; the caller holds one of its users references, which the
 *	transaction takes over
 * @bio: lies within one shard
 * @gfp: GFP_NOIO, or GFP_NOWAIT where the submitter must not wait
 *
 * Return: the transaction, or NULL if it was not allowed to wait or the
 * operation is unknown; the caller keeps its reference then.
 */
struct dst_trans *dst_trans_alloc(struct dst_device *dev, struct bio *bio,
				  gfp_t gfp)
{
	struct dst_trans *t;
	u8 op = dst_trans_op(bio);

	if (!op)
		return NULL;
	t = mempool_alloc(&dev->trans_pool, gfp);
	if (!t)
		return NULL;
	t->dev = dev;
	t->bio = bio;
	t->op = op;
	t->flags = dst_trans_flags(dev, bio, op);
	t->sector = op == DST_PROTO_OP_FLUSH ? 0 : bio->bi_iter.bi_sector;
	t->length_bytes = bio->bi_iter.bi_size;
	t->indexed = false;
	t->resends = 0;
	t->blockers = 0;
	t->submitted = jiffies;
	t->since = t->submitted;
	t->acct_start = bio_start_io_acct(bio);
	INIT_LIST_HEAD(&t->list);
	return t;
}

static unsigned int dst_trans_count_blockers(struct dst_shard *shard,
					     struct dst_trans *t)
{
	struct dst_trans *o;
	unsigned int n = 0;

	lockdep_assert_held(&shard->lock);
	for (o = dst_range_iter_first(&shard->root, t->sector,
				      dst_trans_last(t)); o;
	     o = dst_range_iter_next(o, t->sector, dst_trans_last(t)))
		if (dst_wire_is_modification(o->op))
			n++;
	return n;
}

/**
 * dst_trans_index - give a transaction its id and its place among others
 * @t: new
 *
 * Context: process, not under any lock.
 * Return: 0 if it may go at once. -EINPROGRESS if it waits on dev->blocked:
 * it is dispatched when the last of its blockers ends, and the caller must not
 * touch it any more. -ESHUTDOWN if it would have to wait for what does not
 * come back; the caller ends it.
 */
int dst_trans_index(struct dst_trans *t)
{
	bool modifies = dst_wire_is_modification(t->op);
	struct dst_shard *shard = dst_trans_shard(t);
	struct dst_device *dev = t->dev;
	int ret = 0;

	/*
	 * A write that is not yet in the tree is concurrent to this read,
	 * which may then return either content: no lock is needed to see
	 * nr == 0.
	 */
	if (t->op == DST_PROTO_OP_FLUSH ||
	    (!modifies && !READ_ONCE(shard->nr))) {
		t->id = atomic64_inc_return(&dev->next_id);
		return 0;
	}

	spin_lock_bh(&shard->lock);
	t->id = atomic64_inc_return(&dev->next_id);
	t->blockers = dst_trans_count_blockers(shard, t);
	trace_dst_submit(t, t->blockers);
	if (unlikely(t->blockers)) {
		spin_lock(&dev->lock);
		if (dst_device_is_hopeless(dev)) {
			ret = -ESHUTDOWN;
		} else {
			t->state = DST_TRANS_BLOCKED;
			list_add_tail(&t->list, &dev->blocked);
			ret = -EINPROGRESS;
		}
		spin_unlock(&dev->lock);
	}
	if (ret == -EINPROGRESS || (modifies && !ret)) {
		t->indexed = true;
		dst_range_insert(t, &shard->root);
		WRITE_ONCE(shard->nr, shard->nr + 1);
	}
	spin_unlock_bh(&shard->lock);
	return ret;
}

/* Who waited for @t alone goes to @ready. */
static void dst_trans_unblock(struct dst_shard *shard, struct dst_trans *t,
			      struct list_head *ready)
{
	struct dst_trans *o;

	lockdep_assert_held(&shard->lock);
	for (o = dst_range_iter_first(&shard->root, t->sector,
				      dst_trans_last(t)); o;
	     o = dst_range_iter_next(o, t->sector, dst_trans_last(t))) {
		if (o->id < t->id || --o->blockers)
			continue;
		spin_lock(&t->dev->lock);
		list_move_tail(&o->list, ready);
		spin_unlock(&t->dev->lock);
	}
}

static void dst_trans_unindex(struct dst_trans *t, struct list_head *ready)
{
	struct dst_shard *shard = dst_trans_shard(t);

	spin_lock_bh(&shard->lock);
	dst_range_remove(t, &shard->root);
	WRITE_ONCE(shard->nr, shard->nr - 1);
	if (dst_wire_is_modification(t->op) && shard->nr)
		dst_trans_unblock(shard, t, ready);
	spin_unlock_bh(&shard->lock);
}

static void dst_trans_end_bio(struct dst_device *dev, struct bio *bio,
			      unsigned long acct_start, blk_status_t status)
{
	if (unlikely(status != BLK_STS_OK)) {
		bio->bi_status = status;
		this_cpu_inc(dev->counters->errors);
		/* one timeout of the partition scan is enough to give up */
		if (status == BLK_STS_TIMEOUT && !READ_ONCE(dev->added))
			WRITE_ONCE(dev->scan_failed, true);
	}
	bio_end_io_acct(bio, acct_start);
	this_cpu_inc(dev->counters->ended);
	bio_endio(bio);
}

static void dst_trans_end_one(struct dst_trans *t, blk_status_t status,
			      struct list_head *ready)
{
	struct dst_device *dev = t->dev;

	if (t->indexed)
		dst_trans_unindex(t, ready);
	if (t->bio)
		dst_trans_end_bio(dev, t->bio, t->acct_start, status);
	mempool_free(t, &dev->trans_pool);
	percpu_ref_put(&dev->users);
}

/**
 * dst_trans_end - end a transaction and its bio
 * @t: owned by the caller, gone afterwards
 * @status: of the bio
 *
 * Transactions that waited for this one are sent on.
 *
 * Context: any but hard interrupt; under none of our spinlocks.
 */
void dst_trans_end(struct dst_trans *t, blk_status_t status)
{
	LIST_HEAD(ready);

	dst_trans_end_one(t, status, &ready);
	/* one after the other, not one inside the other: chains may be long */
	while (!list_empty(&ready)) {
		t = list_first_entry(&ready, struct dst_trans, list);
		list_del_init(&t->list);
		if (t->bio)
			dst_trans_dispatch(t);
		else
			dst_trans_end_one(t, BLK_STS_OK, &ready);
	}
}

/**
 * dst_trans_end_list - end all transactions of a list
 * @list: owned by the caller
 * @status: of their bios
 *
 * Context: as dst_trans_end().
 */
void dst_trans_end_list(struct list_head *list, blk_status_t status)
{
	struct dst_trans *t;

	while ((t = list_first_entry_or_null(list, struct dst_trans, list))) {
		list_del_init(&t->list);
		dst_trans_end(t, status);
	}
}

/**
 * dst_trans_take_bio - take the bio away from a transaction that must stay
 * @t: on a list; its lock is held
 * @taken: to be given to dst_trans_end_taken() without the lock
 *
 * Return: true if there was a bio.
 */
bool dst_trans_take_bio(struct dst_trans *t, struct dst_taken *taken)
{
	taken->bio = t->bio;
	taken->acct_start = t->acct_start;
	t->bio = NULL;
	return taken->bio;
}

/**
 * dst_trans_end_taken - fail a bio that was taken from its transaction
 * @dev: its device
 * @taken: from dst_trans_take_bio()
 * @status: of the bio
 *
 * Context: as dst_trans_end().
 */
void dst_trans_end_taken(struct dst_device *dev, const struct dst_taken *taken,
			 blk_status_t status)
{
	dst_trans_end_bio(dev, taken->bio, taken->acct_start, status);
}

/**
 * dst_trans_dispatch - put a transaction on its way
 * @t: owned by the caller; not blocked
 *
 * Goes to the queue of a live lane, else it is held, else, where the device
 * takes no more I/O, it is ended with an error. The lane is kicked.
 *
 * Context: any but hard interrupt; under none of our spinlocks.
 */
void dst_trans_dispatch(struct dst_trans *t)
{
	struct dst_device *dev = t->dev;
	struct dst_lane *lane;
	int ret;

	do {
		lane = dst_device_pick_lane(dev);
		if (lane && dst_lane_queue(lane, t)) {
			dst_lane_kick(lane);
			return;
		}
		/* -EAGAIN: there is a live lane, whatever we saw before */
		ret = dst_device_hold(dev, t);
	} while (ret == -EAGAIN);

	if (ret)
		dst_trans_end(t, BLK_STS_TIMEOUT);
}

/**
 * dst_trans_op_name - an operation for people to read
 * @op: enum dst_proto_op
 */
const char *dst_trans_op_name(u8 op)
{
	switch (op) {
	case DST_PROTO_OP_READ:
		return "read";
	case DST_PROTO_OP_WRITE:
		return "write";
	case DST_PROTO_OP_FLUSH:
		return "flush";
	case DST_PROTO_OP_DISCARD:
		return "discard";
	case DST_PROTO_OP_WRITE_ZEROES:
		return "write-zeroes";
	case DST_PROTO_OP_PING:
		return "ping";
	default:
		return "unknown";
	}
}
