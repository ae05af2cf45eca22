// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a bio becomes a transaction, and how that gets to a lane. Who submits
 * many has his plug: then each lane is kicked once for all of them.
 */
#include <linux/blkdev.h>
#include <linux/slab.h>

#include "dst.h"

struct dst_submit_plug {
	struct blk_plug_cb	cb;
	DECLARE_BITMAP(lanes, DST_PROTO_MAX_LANES);
};

static void dst_submit_unplug(struct blk_plug_cb *cb, bool from_schedule)
{
	struct dst_submit_plug *plug = container_of(cb, struct dst_submit_plug,
						    cb);
	struct dst_device *dev = cb->data;
	unsigned int i;

	for_each_set_bit(i, plug->lanes, DST_PROTO_MAX_LANES) {
		if (from_schedule)
			queue_work(dst_io_wq, &dev->lanes[i]->tx_work);
		else
			dst_lane_kick(dev->lanes[i]);
	}
	/* what was submitted under the plug kept the device alive until here */
	percpu_ref_put(&dev->users);
	kfree(plug);
}

static bool dst_submit_plugged(struct dst_device *dev, struct dst_lane *lane)
{
	struct dst_submit_plug *plug;
	struct blk_plug_cb *cb;

	cb = blk_check_plugged(dst_submit_unplug, dev, sizeof(*plug));
	if (!cb)
		return false;
	plug = container_of(cb, struct dst_submit_plug, cb);
	if (bitmap_empty(plug->lanes, DST_PROTO_MAX_LANES))
		percpu_ref_get(&dev->users);
	__set_bit(lane->index, plug->lanes);
	return true;
}

/**
 * dst_submit_send - put a transaction on its way
 * @t: of dst_submit_place(); the caller must not touch it any more
 *
 * Context: process; under none of our locks.
 */
void dst_submit_send(struct dst_trans *t)
{
	struct dst_device *dev = t->dev;
	struct dst_lane *lane = dst_device_pick_lane(dev);

	/* the plug first: once queued, @t may end and @dev with it */
	if (lane && dst_submit_plugged(dev, lane) && dst_lane_queue(lane, t))
		return;
	dst_trans_dispatch(t);
}

static void dst_submit_count(struct dst_device *dev, const struct dst_trans *t)
{
	this_cpu_inc(dev->counters->started);
	switch (t->op) {
	case DST_PROTO_OP_READ:
		this_cpu_inc(dev->counters->reads);
		this_cpu_add(dev->counters->read_bytes, t->length_bytes);
		break;
	case DST_PROTO_OP_WRITE:
		this_cpu_inc(dev->counters->writes);
		this_cpu_add(dev->counters->write_bytes, t->length_bytes);
		break;
	case DST_PROTO_OP_FLUSH:
		this_cpu_inc(dev->counters->flushes);
		break;
	default:
		this_cpu_inc(dev->counters->discards);
	}
}

static void dst_submit_refuse(struct bio *bio, blk_status_t status)
{
	bio->bi_status = status;
	bio_endio(bio);
}

/**
 * dst_submit_place - make a transaction of a bio, with its place among others
 * @dev: device; the caller sees to it that it does not go
 * @bio: lies within one shard; ended if there is nothing to send
 *
 * From here on the order is settled: what is placed later and overlaps waits.
 *
 * Context: process; sleeps unless @bio is REQ_NOWAIT.
 * Return: what the caller is to send by dst_submit_send(); NULL for nothing.
 */
struct dst_trans *dst_submit_place(struct dst_device *dev, struct bio *bio)
{
	bool nowait = bio->bi_opf & REQ_NOWAIT;
	struct dst_trans *t;

	if (unlikely(READ_ONCE(dev->scan_failed) || READ_ONCE(dev->fenced) ||
		     !percpu_ref_tryget_live(&dev->users))) {
		dst_submit_refuse(bio, BLK_STS_TRANSPORT);
		return NULL;
	}
	t = dst_trans_alloc(dev, bio, nowait ? GFP_NOWAIT : GFP_NOIO);
	if (unlikely(!t)) {
		percpu_ref_put(&dev->users);
		if (nowait)
			bio_wouldblock_error(bio);
		else
			dst_submit_refuse(bio, BLK_STS_NOTSUPP);
		return NULL;
	}
	dst_submit_count(dev, t);
	if (unlikely((t->op == DST_PROTO_OP_FLUSH ||
		      t->flags & DST_PROTO_REQ_PREFLUSH) && dst_flush_enter(t)))
		return NULL;
	return dst_trans_place(t) ? t : NULL;
}
