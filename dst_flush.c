// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flushes: what they wait for, what they commit, and those of our own.
 *
 * A flush promises that all writes which had ended before it are on stable
 * storage. With ack=ram a write ends before the server has it: so a flush first
 * waits at a barrier until all of these have been acked. There is one barrier
 * at a time; flushes that come meanwhile share the next one.
 *
 * A flush that is sent covers what had been acked before: each retained
 * transaction carries the generation in which it was acked, each flush begins a
 * new one. When the flush is acked, all of lower generations is committed. A
 * write with PREFLUSH does the same, and so does a discard or zeroing with FUA,
 * since the server does these as operation and flush.
 */
#include <linux/blkdev.h>

#include "dst.h"
#include "dst_trace.h"

/* Retained data is flushed when it is so old. */
#define DST_FLUSH_AGE_MS	5000
/* After a failed flush of our own. */
#define DST_FLUSH_RETRY_MS	1000

/**
 * dst_flush_init - prepare a device
 * @dev: zeroed
 */
void dst_flush_init(struct dst_device *dev)
{
	INIT_LIST_HEAD(&dev->barrier_now);
	INIT_LIST_HEAD(&dev->barrier_next);
	INIT_WORK(&dev->commit_work, dst_flush_commit_work);
	INIT_WORK(&dev->reap_work, dst_retain_reap_work);
	dev->commit.dev = dev;
	dev->commit_retry = jiffies;
	INIT_LIST_HEAD(&dev->commit.list);
}

/* ---- the barrier -------------------------------------------------------- */

/**
 * dst_flush_enter - have a flush wait for what ended early
 * @t: a flush or a write with PREFLUSH, not indexed yet
 *
 * Context: process; under no spinlock.
 * Return: true if it waits or has failed; the caller must not touch it any
 * more.
 */
bool dst_flush_enter(struct dst_trans *t)
{
	struct dst_device *dev = t->dev;
	bool begin;
	unsigned int i;

	/* what ended before this flush was submitted has set it before */
	if (!READ_ONCE(dev->early_used))
		return false;
	spin_lock_bh(&dev->lock);
	if (dst_device_is_hopeless(dev, t)) {
		spin_unlock_bh(&dev->lock);
		/* a lane may come up just now: it must not pass unheld */
		dst_trans_end(t, BLK_STS_TIMEOUT);
		return true;
	}
	begin = !dev->barrier_on;
	dev->barrier_on = true;
	t->state = DST_TRANS_BLOCKED;
	list_add_tail(&t->list, begin ? &dev->barrier_now : &dev->barrier_next);
	spin_unlock_bh(&dev->lock);
	if (begin) {
		atomic_set(&dev->barrier_left, 1);
		dst_index_begin_barrier(dev);
		if (atomic_dec_and_test(&dev->barrier_left))
			dst_flush_passed(dev);
		/* now somebody waits for it */
		for (i = 0; i < dev->nr_lanes; i++)
			dst_lane_kick(dev->lanes[i]);
	}
	return true;
}

static bool dst_flush_next_barrier(struct dst_device *dev,
				   struct list_head *ready)
{
	bool more;

	spin_lock_bh(&dev->lock);
	list_splice_tail_init(&dev->barrier_now, ready);
	list_splice_init(&dev->barrier_next, &dev->barrier_now);
	more = !list_empty(&dev->barrier_now);
	dev->barrier_on = more;
	spin_unlock_bh(&dev->lock);
	return more;
}

/**
 * dst_flush_passed - all that a barrier waited for has been acked
 * @dev: device
 *
 * Context: any but hard interrupt; under no spinlock.
 */
void dst_flush_passed(struct dst_device *dev)
{
	struct dst_trans *t;
	LIST_HEAD(ready);

	while (dst_flush_next_barrier(dev, &ready)) {
		atomic_set(&dev->barrier_left, 1);
		dst_index_begin_barrier(dev);
		if (!atomic_dec_and_test(&dev->barrier_left))
			break;
	}
	/* the last one may take the device with it */
	while ((t = list_first_entry_or_null(&ready, struct dst_trans, list))) {
		list_del_init(&t->list);
		if (dst_trans_place(t))
			dst_trans_dispatch(t);
	}
}

static struct dst_trans *dst_flush_take(struct list_head *list, u64 older_than_ms)
{
	struct dst_trans *t;

	list_for_each_entry(t, list, list)
		/* what it waits for may have taken long before the outage */
		if (dst_device_older(t->submitted, older_than_ms) &&
		    dst_device_older(t->dev->down_since, older_than_ms)) {
			list_del_init(&t->list);
			return t;
		}
	return NULL;
}

/**
 * dst_flush_fail - fail flushes that wait at a barrier
 * @dev: device without a live lane: else what they wait for goes on
 * @older_than_ms: only those that have waited for so long
 * @status: to fail them with
 *
 * Context: process; under no spinlock.
 * Return: how many there were.
 */
unsigned int dst_flush_fail(struct dst_device *dev, u64 older_than_ms,
			    blk_status_t status)
{
	struct dst_trans *t;
	unsigned int n = 0;

	for (;; n++) {
		spin_lock_bh(&dev->lock);
		t = dst_flush_take(&dev->barrier_now, older_than_ms) ?:
		    dst_flush_take(&dev->barrier_next, older_than_ms);
		spin_unlock_bh(&dev->lock);
		if (!t)
			return n;
		dst_trans_end(t, status);
	}
}

/* ---- what is committed -------------------------------------------------- */

/**
 * dst_flush_is - does the server flush when it executes this?
 * @t: transaction
 */
bool dst_flush_is(const struct dst_trans *t)
{
	if (t->op == DST_PROTO_OP_FLUSH || t->flags & DST_PROTO_REQ_PREFLUSH)
		return true;
	return t->flags & DST_PROTO_REQ_FUA && t->op != DST_PROTO_OP_WRITE &&
	       dst_wire_is_modification(t->op);
}

/**
 * dst_flush_cover - a flush is about to be sent
 * @t: dst_flush_is(); owned by the caller
 *
 * All that has been acked until now is covered by it.
 *
 * Context: any.
 */
void dst_flush_cover(struct dst_trans *t)
{
	/* pairs with dst_index_keep(): who read the old value came before us */
	t->gen = atomic64_inc_return(&t->dev->gen);
}

/**
 * dst_flush_acked - a flush has been executed
 * @t: dst_flush_is()
 *
 * Context: any but hard interrupt; under no spinlock.
 */
void dst_flush_acked(struct dst_trans *t)
{
	struct dst_device *dev = t->dev;
	bool more;

	trace_dst_commit(t, 0);
	spin_lock_bh(&dev->lock);
	more = t->gen > atomic64_read(&dev->committed);
	if (more)
		atomic64_set(&dev->committed, t->gen);
	spin_unlock_bh(&dev->lock);
	if (more)
		queue_work(dst_wq, &dev->reap_work);
}

/**
 * dst_flush_status - what becomes of a flush
 * @dev: device
 * @status: what the server said
 *
 * If data that was reported as written could not be, since the last flush,
 * then this one has failed.
 *
 * Context: any but hard interrupt; under no spinlock.
 */
blk_status_t dst_flush_status(struct dst_device *dev, blk_status_t status)
{
	if (likely(!READ_ONCE(dev->lost_status)))
		return status;
	spin_lock_bh(&dev->lock);
	if (status == BLK_STS_OK && dev->lost_status) {
		status = dev->lost_status;
		dev->lost_status = BLK_STS_OK;
	}
	spin_unlock_bh(&dev->lock);
	return status;
}

/* ---- flushes of our own ------------------------------------------------- */

/**
 * dst_flush_commit - have what is retained committed, some time soon
 * @dev: device
 *
 * Context: any but hard interrupt.
 */
void dst_flush_commit(struct dst_device *dev)
{
	if (time_before(jiffies, READ_ONCE(dev->commit_retry)) ||
	    test_bit(0, &dev->commit_open))
		return;
	/* pairs with clear_and_wake_up_bit(): then dev->commit is ours */
	if (!test_and_set_bit_lock(0, &dev->commit_open))
		queue_work(dst_io_wq, &dev->commit_work);
}

/**
 * dst_flush_commit_work - send a flush of our own
 * @work: dev->commit_work
 */
void dst_flush_commit_work(struct work_struct *work)
{
	struct dst_device *dev = container_of(work, struct dst_device,
					      commit_work);
	struct dst_trans *t = &dev->commit;

	if (!percpu_ref_tryget_live(&dev->users)) {
		clear_and_wake_up_bit(0, &dev->commit_open);
		return;
	}
	t->op = DST_PROTO_OP_FLUSH;
	t->flags = 0;
	t->resends = 0;
	t->submitted = jiffies;
	t->since = t->submitted;
	t->id = atomic64_inc_return(&dev->next_id);
	dst_trans_dispatch(t);
}

/**
 * dst_flush_commit_done - a flush of our own has ended
 * @dev: device; the caller drops the users reference of the flush
 * @status: how
 *
 * Context: any but hard interrupt; under no spinlock.
 */
void dst_flush_commit_done(struct dst_device *dev, blk_status_t status)
{
	if (status != BLK_STS_OK)
		WRITE_ONCE(dev->commit_retry, jiffies +
			   msecs_to_jiffies(DST_FLUSH_RETRY_MS));
	dev->commit_status = status;
	clear_and_wake_up_bit(0, &dev->commit_open);
}

/**
 * dst_flush_inherited - make stable what others wrote to the export before us
 * @dev: joined, not read from yet, no I/O but its own
 * @wait_ms: at most so long
 * @reason: DST_IOC_REASON_LEN bytes, filled on failure
 *
 * A client that crashed, or was fenced out, may have left writes in the cache
 * of the server. Nobody has a copy of these: once we have read them, the server
 * must not be able to lose them any more.
 *
 * Context: process, sleeps; interruptible.
 * Return: 0 or a negative errno.
 */
int dst_flush_inherited(struct dst_device *dev, unsigned int wait_ms,
			char *reason)
{
	if (!(dev->info.flags & DST_PROTO_EXPORT_VOLATILE))
		return 0;
	dst_flush_commit(dev);
	if (wait_on_bit_timeout(&dev->commit_open, 0, TASK_INTERRUPTIBLE,
				msecs_to_jiffies(wait_ms))) {
		if (signal_pending(current)) {
			strscpy(reason, "interrupted", DST_IOC_REASON_LEN);
			return -EINTR;
		}
		strscpy(reason, "what was written before is not flushed yet: try a longer --wait",
			DST_IOC_REASON_LEN);
		return -ETIMEDOUT;
	}
	/* who only reads may want just what can still be saved */
	if (dev->commit_status == BLK_STS_OK || dev->read_only)
		return 0;
	snprintf(reason, DST_IOC_REASON_LEN,
		 "the server can't flush its disk (error %d): repair that, or attach with --ro",
		 -blk_status_to_errno(dev->commit_status));
	return -EIO;
}

/**
 * dst_flush_tick - flush what has been retained for too long
 * @dev: device
 *
 * Context: the device's tick.
 */
void dst_flush_tick(struct dst_device *dev)
{
	struct dst_index_sum sum;

	dst_index_sum(dev, &sum);
	if (sum.oldest_ms >= DST_FLUSH_AGE_MS)
		dst_flush_commit(dev);
}
