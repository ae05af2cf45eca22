// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transactions: one bio each, from submit until nothing may ever need it again.
 *
 * The bio ends on the server's ack, or before, with ack=ram, once its data is
 * copied. The transaction ends when it is durable: on the ack, or, where the
 * server may lose what it acked, when a later flush has committed it.
 */
#include <linux/blkdev.h>
#include <linux/slab.h>

#include "dst.h"
#include "dst_trace.h"

/* Enough to make progress when there is no memory left. */
#define DST_TRANS_POOL_MIN	64

static struct kmem_cache *dst_trans_cache;

/**
 * dst_trans_module_init - set up the cache of transactions
 *
 * Return: 0 or -ENOMEM.
 */
int dst_trans_module_init(void)
{
	dst_trans_cache = KMEM_CACHE(dst_trans, 0);
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

/* The reserve is for what ends with its ack: others could empty it. */
static struct dst_trans *dst_trans_get(struct dst_device *dev, gfp_t gfp)
{
	struct dst_trans *t;

	t = kmem_cache_alloc(dst_trans_cache, GFP_NOWAIT | __GFP_NOWARN |
			     __GFP_NOMEMALLOC);
	if (likely(t)) {
		t->reserve = false;
		return t;
	}
	t = mempool_alloc(&dev->trans_pool, gfp);
	if (t)
		t->reserve = true;
	return t;
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
	t = dst_trans_get(dev, gfp);
	if (!t)
		return NULL;
	t->dev = dev;
	t->bio = bio;
	t->op = op;
	t->flags = dst_trans_flags(dev, bio, op);
	t->sector = op == DST_PROTO_OP_FLUSH ? 0 : bio->bi_iter.bi_sector;
	t->length_bytes = bio->bi_iter.bi_size;
	t->phase = DST_PHASE_NEW;
	t->early = false;
	t->alone = false;
	t->indexed = false;
	t->nr_pages = 0;
	t->page_order = 0;
	t->charged_bytes = 0;
	t->resends = 0;
	t->blockers = 0;
	t->submitted = jiffies;
	t->since = t->submitted;
	/* what comes from a mirror is counted there */
	t->acct_start = likely(bio->bi_bdev) ? bio_start_io_acct(bio) : 0;
	INIT_LIST_HEAD(&t->list);
	return t;
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
	if (likely(bio->bi_bdev))
		bio_end_io_acct(bio, acct_start);
	this_cpu_inc(dev->counters->ended);
	bio_endio(bio);
}

static void dst_trans_free(struct dst_trans *t)
{
	struct dst_device *dev = t->dev;

	dst_retain_free(t);
	mempool_free(t, &dev->trans_pool);
	percpu_ref_put(&dev->users);
}

static void dst_trans_end_one(struct dst_trans *t, blk_status_t status,
			      struct list_head *ready)
{
	struct dst_device *dev = t->dev;

	if (unlikely(t == &dev->commit)) {
		dst_flush_commit_done(dev, status);
		percpu_ref_put(&dev->users);
		return;
	}
	/* first, since a flush may be waiting for just this one */
	if (unlikely(status != BLK_STS_OK &&
		     (t->early || t->phase != DST_PHASE_NEW)))
		dst_retain_lost(t, status);
	if (t->indexed)
		dst_index_remove(t, ready);
	if (t->bio)
		dst_trans_end_bio(dev, t->bio, t->acct_start, status);
	dst_trans_free(t);
}

/* Return: false if the device takes no more I/O; the caller keeps @t. */
static bool dst_trans_try_dispatch(struct dst_trans *t)
{
	struct dst_device *dev = t->dev;
	struct dst_lane *lane;
	int ret;

	if (unlikely(t->phase == DST_PHASE_REPLAY)) {
		dst_replay_dispatch(t);
		return true;
	}
	do {
		lane = dst_device_pick_lane(dev);
		if (lane && dst_lane_queue(lane, t)) {
			dst_lane_kick(lane);
			return true;
		}
		/* -EAGAIN: there is a live lane, whatever we saw before */
		ret = dst_device_hold(dev, t);
	} while (ret == -EAGAIN);
	return !ret;
}

/* Send on those that have not to wait any more. */
static void dst_trans_run(struct list_head *ready)
{
	struct dst_trans *t;

	/* one after the other, not one inside the other: chains may be long */
	while (!list_empty(ready)) {
		t = list_first_entry(ready, struct dst_trans, list);
		list_del_init(&t->list);
		if (!t->bio && !t->early && t->phase == DST_PHASE_NEW)
			dst_trans_end_one(t, BLK_STS_OK, ready);
		else if (!dst_trans_try_dispatch(t))
			dst_trans_end_one(t, BLK_STS_TIMEOUT, ready);
	}
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
	dst_trans_run(&ready);
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

/* ---- acks --------------------------------------------------------------- */

/* A modification has been executed, though maybe only in a cache. */
static void dst_trans_executed(struct dst_trans *t, bool durable, u32 boot_seq)
{
	u32 replayed = t->phase == DST_PHASE_REPLAY ? t->length_bytes : 0;
	blk_status_t status = BLK_STS_OK;
	struct dst_device *dev = t->dev;
	struct dst_taken taken;
	enum dst_index_fate fate;
	LIST_HEAD(ready);
	LIST_HEAD(dead);

	/* nothing of a retained one may be touched; nor may the device go */
	percpu_ref_get(&dev->users);
	dst_trans_take_bio(t, &taken);
	fate = dst_index_acked(t, boot_seq,
			       durable || t->flags & DST_PROTO_REQ_FUA,
			       &ready, &dead);
	if (unlikely(fate == DST_INDEX_AGAIN)) {
		/* its ack is worth nothing to us: write it through */
		t->bio = taken.bio;
		t->flags |= DST_PROTO_REQ_FUA;
		if (t->op == DST_PROTO_OP_WRITE)
			t->flags |= DST_PROTO_REQ_PREFLUSH;
		dst_trans_dispatch(t);
	} else {
		if (taken.bio && taken.bio->bi_opf & REQ_PREFLUSH)
			status = dst_flush_status(dev, status);
		if (taken.bio)
			dst_trans_end_taken(dev, &taken, status);
		if (fate == DST_INDEX_GONE)
			dst_trans_free(t);
		if (replayed)
			dst_replay_acked(dev, replayed);
	}
	dst_trans_end_list(&dead, BLK_STS_OK);
	dst_trans_run(&ready);
	percpu_ref_put(&dev->users);
}

/**
 * dst_trans_ack - a transaction has been answered
 * @t: owned by the caller, who must not touch it any more
 * @proto_status: the answer, an enum dst_proto_status
 * @durable: the server says that it is on stable storage
 * @boot_seq: of the server
 *
 * Context: any but hard interrupt; under none of our spinlocks.
 */
void dst_trans_ack(struct dst_trans *t, u8 proto_status, bool durable,
		   u32 boot_seq)
{
	blk_status_t status = dst_disk_status(proto_status);

	if (status == BLK_STS_OK && dst_flush_is(t))
		dst_flush_acked(t);
	if (dst_wire_is_modification(t->op)) {
		if (likely(status == BLK_STS_OK)) {
			dst_trans_executed(t, durable, boot_seq);
			return;
		}
		if (t->phase == DST_PHASE_REPLAY) {
			/* before it counts as replayed, and reads go out */
			dst_leg_tell(t->dev, DST_LEG_DAMAGED);
			dst_replay_acked(t->dev, t->length_bytes);
		}
	} else if (t->op == DST_PROTO_OP_FLUSH && t->bio) {
		status = dst_flush_status(t->dev, status);
	}
	dst_trans_end(t, status);
}

/* ---- on its way --------------------------------------------------------- */

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
	if (!dst_trans_try_dispatch(t))
		dst_trans_end(t, BLK_STS_TIMEOUT);
}

/* Sending what has ended early is left to a worker. */
static void dst_trans_dispatch_early(struct dst_trans *t)
{
	struct dst_lane *lane = dst_device_pick_lane(t->dev);

	if (lane && dst_lane_queue(lane, t))
		dst_lane_kick_early(lane);
	else
		dst_trans_dispatch(t);
}

/* It is in the index, if anywhere, and its bio may be one that ends now. */
static bool dst_trans_placed(struct dst_trans *t,
			     enum dst_index_verdict verdict,
			     struct dst_device *dev, struct dst_taken *taken)
{
	if (verdict == DST_INDEX_REFUSE && taken->bio) {
		t->bio = taken->bio;
		t->early = false;
	} else if (taken->bio) {
		dst_trans_end_taken(dev, taken, BLK_STS_OK);
	}
	switch (verdict) {
	case DST_INDEX_GO:
		if (!taken->bio)
			return true;
		dst_trans_dispatch_early(t);
		break;
	case DST_INDEX_WAIT:
		break;
	case DST_INDEX_DONE:
		t->early = false;
		dst_trans_end(t, BLK_STS_OK);
		break;
	case DST_INDEX_REFUSE:
		dst_trans_end(t, BLK_STS_TIMEOUT);
	}
	return false;
}

/**
 * dst_trans_place - give a transaction its place among others
 * @t: new, or past the barrier
 *
 * Context: any but hard interrupt; under none of our spinlocks.
 * Return: true if the caller is to send it, by dst_trans_dispatch() or in a
 * way of its own. Else the caller must not touch it any more.
 */
bool dst_trans_place(struct dst_trans *t)
{
	struct dst_taken taken = { };
	struct dst_device *dev = t->dev;
	enum dst_index_verdict verdict;
	bool go;

	if (dst_index_pass(t))
		return true;
	/* what waits may be unblocked, acked and gone as soon as it is in */
	percpu_ref_get(&dev->users);
	/* pairs with synchronize_rcu() where --ack is changed */
	rcu_read_lock();
	if (dst_wire_is_modification(t->op))
		dst_retain_prepare(t);
	verdict = dst_index_add(t, &taken);
	rcu_read_unlock();
	go = dst_trans_placed(t, verdict, dev, &taken);
	percpu_ref_put(&dev->users);
	return go;
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
