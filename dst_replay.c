// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replay: what a server acked, and has lost with its power, is written again.
 *
 * A welcome with another boot id than before says that this may have happened.
 * Then all lanes are taken down; lane 0 comes up alone, in a state in which it
 * carries nothing but what is retained, in the order of ids, each after those
 * that it overlaps. When all has been acked, the lane goes live, and what had
 * been sent to the old server without an answer, and all other I/O, follows.
 *
 * It is always lane 0, so that its fence covers what it sent before it was
 * lost: the replay goes on with what has not been acked by this server, and
 * begins anew if there is a newer one.
 */
#include <linux/list_sort.h>

#include "dst.h"
#include "dst_trace.h"

/**
 * dst_replay_new_boot - a server's welcome: has it been restarted?
 * @lane: lane that was welcomed
 * @boot_id: of the server now
 *
 * If so, lane 0 takes all other lanes down. Another lane only has it look for
 * itself: what a late welcome of an older server says counts for nothing.
 *
 * Context: the lane's worker.
 * Return: true if the lane may go on.
 */
bool dst_replay_new_boot(struct dst_lane *lane, const uuid_t *boot_id)
{
	struct dst_device *dev = lane->dev;
	bool restarted;
	unsigned int i;

	spin_lock_bh(&dev->lock);
	restarted = !uuid_equal(boot_id, &dev->info.boot_id);
	if (restarted && !lane->index) {
		dev->info.boot_id = *boot_id;
		dev->boot_seq++;
		dev->replaying = true;
	}
	spin_unlock_bh(&dev->lock);
	if (!restarted)
		return true;
	for (i = 0; i < dev->nr_lanes; i++)
		if (!i != !lane->index)
			dst_lane_fail(dev->lanes[i],
				      "the server has been restarted");
	if (lane->index)
		dst_lane_connect_now(dev->lanes[0]);
	return !lane->index;
}

/**
 * dst_replay_is_alone - has no other lane a connection?
 * @lane: lane 0
 *
 * Context: process.
 */
bool dst_replay_is_alone(struct dst_lane *lane)
{
	struct dst_device *dev = lane->dev;
	bool alone = true;
	unsigned int i;

	for (i = 1; i < dev->nr_lanes && alone; i++) {
		struct dst_lane *o = dev->lanes[i];

		spin_lock_bh(&o->lock);
		alone = o->torn;
		spin_unlock_bh(&o->lock);
	}
	return alone;
}

static int dst_replay_id_cmp(void *priv, const struct list_head *a,
			     const struct list_head *b)
{
	const struct dst_trans *ta = list_entry(a, struct dst_trans, list);
	const struct dst_trans *tb = list_entry(b, struct dst_trans, list);

	return ta->id < tb->id ? -1 : ta->id > tb->id;
}

/* What an earlier attempt had left waiting for what it had sent. */
static void dst_replay_collect_blocked(struct dst_device *dev,
				       struct list_head *set)
{
	struct dst_trans *t, *next;

	spin_lock_bh(&dev->lock);
	list_for_each_entry_safe(t, next, &dev->blocked, list)
		if (t->phase == DST_PHASE_REPLAY)
			list_move_tail(&t->list, set);
	spin_unlock_bh(&dev->lock);
}

static void dst_replay_count_down(struct dst_device *dev)
{
	if (atomic64_dec_and_test(&dev->replay_left))
		queue_work(dst_wq, &dev->replay_work);
}

static void dst_replay_begin(struct dst_device *dev, struct list_head *set)
{
	struct dst_trans *t;
	u64 bytes = 0;
	u64 nr = 1;	/* until all of them are on their way */

	dst_replay_collect_blocked(dev, set);
	dst_index_collect(dev, atomic64_read(&dev->committed), set);
	list_sort(NULL, set, dst_replay_id_cmp);
	list_for_each_entry(t, set, list) {
		bytes += t->length_bytes;
		nr++;
	}
	atomic64_set(&dev->replay_left, nr);
	atomic64_set(&dev->replay_done_bytes, 0);
	WRITE_ONCE(dev->replay_bytes, bytes);
	if (bytes)
		pr_info("dst%u: the server has been restarted: writing again %llu bytes that it may have lost\n",
			dev->unit.index, bytes);
}

/**
 * dst_replay_run - write again what the server may have lost
 * @lane: lane 0, in state REPLAYING
 *
 * Context: the lane's worker.
 */
void dst_replay_run(struct dst_lane *lane)
{
	struct dst_device *dev = lane->dev;
	struct dst_trans *t, *next;
	LIST_HEAD(set);
	LIST_HEAD(go);

	dst_replay_begin(dev, &set);
	/* all of them before the first is sent: acks change the order */
	list_for_each_entry_safe(t, next, &set, list) {
		list_del_init(&t->list);
		if (!dst_index_order(t))
			list_add_tail(&t->list, &go);
		cond_resched();
	}
	list_for_each_entry_safe(t, next, &go, list) {
		list_del_init(&t->list);
		dst_replay_dispatch(t);
		cond_resched();
	}
	dst_device_tell(dev);
	dst_replay_count_down(dev);
}

/**
 * dst_replay_dispatch - send a transaction again
 * @t: in phase REPLAY, not blocked; owned by the caller
 *
 * Context: any but hard interrupt; under no spinlock.
 */
void dst_replay_dispatch(struct dst_trans *t)
{
	struct dst_lane *lane = t->dev->lanes[0];

	trace_dst_replay(t, lane->index);
	/* else the lane begins anew when it is back */
	if (dst_lane_queue(lane, t))
		dst_lane_kick(lane);
	else
		dst_index_return(t);
}

/**
 * dst_replay_acked - a transaction has been written again
 * @dev: its device
 * @length_bytes: of it
 *
 * Context: any but hard interrupt; under no spinlock.
 */
void dst_replay_acked(struct dst_device *dev, u32 length_bytes)
{
	this_cpu_inc(dev->counters->replays);
	atomic64_add(length_bytes, &dev->replay_done_bytes);
	dst_replay_count_down(dev);
}

/* All has been written again. */
static void dst_replay_finish_work(struct work_struct *work)
{
	struct dst_device *dev = container_of(work, struct dst_device,
					      replay_work);
	struct dst_lane *lane = dev->lanes[0];

	if (!dst_lane_replayed(lane))
		return;
	if (READ_ONCE(dev->replay_bytes))
		pr_info("dst%u: what the server may have lost is written again\n",
			dev->unit.index);
	dst_lane_kick(lane);
	dst_device_lane_live(lane);
}

/**
 * dst_replay_abandon - nothing will be written again
 * @dev: device; no lane is up, nor will be
 *
 * Context: process.
 */
void dst_replay_abandon(struct dst_device *dev)
{
	struct dst_trans *t, *next;
	LIST_HEAD(set);

	dst_replay_collect_blocked(dev, &set);
	list_for_each_entry_safe(t, next, &set, list) {
		list_del_init(&t->list);
		dst_index_return(t);
	}
}

/**
 * dst_replay_init - prepare a device
 * @dev: zeroed
 */
void dst_replay_init(struct dst_device *dev)
{
	INIT_WORK(&dev->replay_work, dst_replay_finish_work);
}
