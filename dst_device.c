// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of the client: attach and detach, what state they are in, and what
 * becomes of I/O while there is no connection.
 *
 * Without a live lane transactions are held. After fail_after_ms without one
 * they are failed, and so is every further one, until a lane is live again.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "dst.h"
#include "dst_trace.h"

#define DST_DEVICE_WAIT_MS		10000
#define DST_DEVICE_TICK_MIN_MS		20
#define DST_DEVICE_TICK_MAX_MS		500
/* How long attach waits for the other lanes, and detach for the farewell. */
#define DST_DEVICE_LANES_WAIT_MS	1000
#define DST_DEVICE_FORCED_BYE_MS	200
/* I/O of the partition scan fails after this, so that attach comes back. */
#define DST_DEVICE_SCAN_MS		5000

static struct dst_device *dst_device_of(struct dst_unit *unit)
{
	return container_of(unit, struct dst_device, unit);
}

/**
 * dst_device_state_name - a state for people to read
 * @state: state
 */
const char *dst_device_state_name(enum dst_ioc_device_state state)
{
	static const char * const names[] = {
		[DST_IOC_DEVICE_CONNECTING]	= "connecting",
		[DST_IOC_DEVICE_ONLINE]		= "online",
		[DST_IOC_DEVICE_DEGRADED]	= "degraded",
		[DST_IOC_DEVICE_HELD]		= "held",
		[DST_IOC_DEVICE_FAILED]		= "failed",
		[DST_IOC_DEVICE_DETACHING]	= "detaching",
	};

	return names[state];
}

/**
 * dst_device_older - has so much time passed?
 * @since: jiffies
 * @ms: DST_IOC_NEVER_MS for never
 */
bool dst_device_older(unsigned long since, u64 ms)
{
	return ms != DST_IOC_NEVER_MS && jiffies_to_msecs(jiffies - since) >= ms;
}

/* ---- the I/O path ----------------------------------------------------- */

/**
 * dst_device_pick_lane - which lane should carry the next transaction?
 * @dev: device
 *
 * The one of this CPU, or the next live one.
 *
 * Context: any.
 * Return: a lane that was live just now, or NULL.
 */
struct dst_lane *dst_device_pick_lane(struct dst_device *dev)
{
	unsigned int i, n = dev->nr_lanes;
	unsigned int first = raw_smp_processor_id() % n;
	struct dst_lane *lane = dev->lanes[first];

	/* pairs with the WRITE_ONCE under dev->lock; dst_lane_queue() checks */
	if (likely(READ_ONCE(lane->state) == DST_LANE_LIVE))
		return lane;
	for (i = 1; i < n; i++) {
		lane = dev->lanes[(first + i) % n];
		if (READ_ONCE(lane->state) == DST_LANE_LIVE)
			return lane;
	}
	return NULL;
}

/**
 * dst_device_is_hopeless - would a transaction wait here for nothing?
 * @dev: device
 * @t: transaction
 *
 * Context: dev->lock held.
 */
bool dst_device_is_hopeless(const struct dst_device *dev,
			    const struct dst_trans *t)
{
	lockdep_assert_held(&dev->lock);
	/* what has ended has no deadline any more */
	return dev->closing || dev->fenced ||
	       (t->bio && dev->expired && !dev->nr_live);
}

/**
 * dst_device_hold - keep a transaction until there is a lane for it
 * @dev: device
 * @t: owned by the caller
 *
 * Context: any but hard interrupt.
 * Return: 0 if it is held, -EAGAIN if there is a live lane, -ESHUTDOWN if the
 * device takes no more I/O, or a leg was asked for what others have too; the
 * caller keeps @t then.
 */
int dst_device_hold(struct dst_device *dev, struct dst_trans *t)
{
	int ret = 0;

	spin_lock_bh(&dev->lock);
	if (dst_device_is_hopeless(dev, t) ||
	    (dev->leg_ops && !dev->nr_live && t->op == DST_PROTO_OP_READ)) {
		ret = -ESHUTDOWN;
	} else if (dev->nr_live) {
		ret = -EAGAIN;
	} else {
		t->state = DST_TRANS_HELD;
		list_add_tail(&t->list, &dev->held);
	}
	spin_unlock_bh(&dev->lock);
	return ret;
}

/* End all that is held: nothing will be sent any more. */
static void dst_device_end_held(struct dst_device *dev, blk_status_t status)
{
	LIST_HEAD(held);

	spin_lock_bh(&dev->lock);
	list_splice_init(&dev->held, &held);
	spin_unlock_bh(&dev->lock);
	dst_trans_end_list(&held, status);
}

/* Fail what has been held for too long. Return: how many bios. */
static unsigned int dst_device_fail_old(struct dst_device *dev,
					u64 older_than_ms, blk_status_t status)
{
	struct dst_trans *t, *next;
	unsigned int n = 0;
	LIST_HEAD(old);

	spin_lock_bh(&dev->lock);
	list_for_each_entry_safe(t, next, &dev->held, list)
		if (t->bio && dst_device_older(t->since, older_than_ms)) {
			list_move_tail(&t->list, &old);
			n++;
		}
	spin_unlock_bh(&dev->lock);
	dst_trans_end_list(&old, status);
	return n;
}

/* One that may fail, of those that wait for an overlapping one. */
static struct dst_trans *dst_device_find_blocked(struct dst_device *dev,
						 u64 older_than_ms)
{
	struct dst_trans *t;

	lockdep_assert_held(&dev->lock);
	list_for_each_entry(t, &dev->blocked, list)
		if (t->bio && dst_device_older(t->submitted, older_than_ms))
			return t;
	return NULL;
}

/*
 * Fail what waits for an overlapping earlier one, which may have got lost with
 * its lane. It stays in the index. With all lanes up, waiting is all right.
 */
static unsigned int dst_device_fail_blocked(struct dst_device *dev,
					    u64 older_than_ms,
					    blk_status_t status)
{
	struct dst_taken taken;
	unsigned int n = 0;
	struct dst_trans *t;

	for (;; n++) {
		spin_lock_bh(&dev->lock);
		t = dev->nr_live == dev->nr_lanes ? NULL :
		    dst_device_find_blocked(dev, older_than_ms);
		if (!t)
			break;
		list_move_tail(&t->list, &dev->dead);
		dst_trans_take_bio(t, &taken);
		spin_unlock_bh(&dev->lock);
		dst_trans_end_taken(dev, &taken, status);
	}
	spin_unlock_bh(&dev->lock);
	return n;
}

/* With a lane up, a flush waits for what goes on. */
static unsigned int dst_device_fail_held(struct dst_unit *unit)
{
	struct dst_device *dev = dst_device_of(unit);
	unsigned int i, n;

	n = dst_device_fail_old(dev, 0, BLK_STS_TRANSPORT);
	for (i = 0; i < dev->nr_lanes; i++)
		n += dst_lane_fail_fencing(dev->lanes[i], 0, BLK_STS_TRANSPORT);
	n += dst_device_fail_blocked(dev, 0, BLK_STS_TRANSPORT);
	if (!READ_ONCE(dev->nr_live))
		n += dst_flush_fail(dev, 0, BLK_STS_TRANSPORT);
	return n;
}

/**
 * dst_device_lane_live - a lane has come up
 * @lane: lane
 *
 * Sends what was held and has the other lanes try at once.
 *
 * Context: process.
 */
void dst_device_lane_live(struct dst_lane *lane)
{
	struct dst_device *dev = lane->dev;
	struct dst_trans *t;
	LIST_HEAD(held);
	unsigned int i;

	spin_lock_bh(&dev->lock);
	dev->expired = false;
	list_splice_init(&dev->held, &held);
	if (lane->generation > 1)
		dev->reconnects++;
	spin_unlock_bh(&dev->lock);

	while ((t = list_first_entry_or_null(&held, struct dst_trans, list))) {
		list_del_init(&t->list);
		dst_trans_dispatch(t);
	}
	for (i = 0; i < dev->nr_lanes; i++)
		dst_lane_connect_now(dev->lanes[i]);
	dst_leg_tell(dev, DST_LEG_LIVE);
	dst_device_tell(dev);
	wake_up_all(&dev->wait);
}

/* ---- states ----------------------------------------------------------- */

/**
 * dst_device_tell - have the world told what state a device is in
 * @dev: device
 *
 * A leg has no disk, so nothing to allocate for it; and what ends its session
 * waits for this, perhaps to free memory: it must not wait behind others that
 * do allocate.
 *
 * Context: any but hard interrupt.
 */
void dst_device_tell(struct dst_device *dev)
{
	queue_work(dev->leg_ops ? dst_wq : dst_event_wq, &dev->state_work);
}

/**
 * dst_device_resized - the export has another size now
 * @dev: device
 * @size_bytes: from the network
 *
 * Context: any but hard interrupt.
 */
void dst_device_resized(struct dst_device *dev, u64 size_bytes)
{
	if (!size_bytes || size_bytes > S64_MAX ||
	    size_bytes % dev->info.logical_block_bytes)
		return;
	spin_lock_bh(&dev->lock);
	dev->new_size_bytes = size_bytes;
	spin_unlock_bh(&dev->lock);
	dst_leg_tell(dev, DST_LEG_RESIZED);
	dst_device_tell(dev);
}

/**
 * dst_device_fence - another initiator took the export over
 * @dev: device; fails for good
 *
 * Context: process.
 */
void dst_device_fence(struct dst_device *dev)
{
	unsigned int i;

	spin_lock_bh(&dev->lock);
	dev->fenced = true;
	if (!dev->joined) {
		dev->join_error = -EKEYREVOKED;
		strscpy(dev->why, "this session was fenced out by another initiator",
			sizeof(dev->why));
	}
	spin_unlock_bh(&dev->lock);

	/* each lane's worker ends what the lane has; what was blocked follows */
	for (i = 0; i < dev->nr_lanes; i++) {
		dst_lane_fail(dev->lanes[i], "fenced out by another initiator");
		dst_lane_connect_now(dev->lanes[i]);
	}
	dst_device_end_held(dev, BLK_STS_TRANSPORT);
	dst_flush_fail(dev, 0, BLK_STS_TRANSPORT);
	dst_leg_tell(dev, DST_LEG_FENCED);
	dst_device_tell(dev);
	wake_up_all(&dev->wait);
}

/**
 * dst_device_refused - the server's answer that trying again will not change
 * @dev: device; if it is still being attached, that fails now
 * @error: negative errno
 * @fmt: why, for the administrator
 *
 * Context: process.
 */
void dst_device_refused(struct dst_device *dev, int error, const char *fmt, ...)
{
	va_list args;

	spin_lock_bh(&dev->lock);
	if (!dev->joined && !dev->join_error) {
		dev->join_error = error;
		va_start(args, fmt);
		vsnprintf(dev->why, sizeof(dev->why), fmt, args);
		va_end(args);
	}
	spin_unlock_bh(&dev->lock);
	dst_leg_tell(dev, DST_LEG_REFUSED);
	wake_up_all(&dev->wait);
}

/* What the first lane that is down has to say. */
static void dst_device_lane_why(struct dst_device *dev, char *why, size_t len)
{
	unsigned int i;

	why[0] = '\0';
	for (i = 0; i < dev->nr_lanes && !why[0]; i++) {
		struct dst_lane *lane = dev->lanes[i];

		spin_lock_bh(&lane->lock);
		if (lane->state == DST_LANE_DOWN)
			strscpy(why, lane->why, len);
		spin_unlock_bh(&lane->lock);
	}
}

static enum dst_ioc_device_state dst_device_evaluate(struct dst_device *dev)
{
	lockdep_assert_held(&dev->lock);
	if (dev->closing)
		return DST_IOC_DEVICE_DETACHING;
	if (dev->fenced)
		return DST_IOC_DEVICE_FAILED;
	if (!dev->joined)
		return DST_IOC_DEVICE_CONNECTING;
	if (dev->nr_live == dev->nr_lanes)
		return DST_IOC_DEVICE_ONLINE;
	if (dev->nr_live)
		return DST_IOC_DEVICE_DEGRADED;
	return dev->expired ? DST_IOC_DEVICE_FAILED : DST_IOC_DEVICE_HELD;
}

static void dst_device_explain(struct dst_device *dev, const char *lane_why,
			       char *why, size_t len)
{
	lockdep_assert_held(&dev->lock);
	switch (dev->state) {
	case DST_IOC_DEVICE_DEGRADED:
		snprintf(why, len, "%u of %u lanes are down: %.140s",
			 dev->nr_lanes - dev->nr_live, dev->nr_lanes, lane_why);
		break;
	case DST_IOC_DEVICE_HELD:
		if (dev->lanes[0]->state == DST_LANE_REPLAYING) {
			snprintf(why, len,
				 "the server has been restarted: %llu of %llu bytes that it may have lost are written again",
				 (u64)atomic64_read(&dev->replay_done_bytes),
				 dev->replay_bytes);
			break;
		}
		snprintf(why, len,
			 "no connection: %.120s; I/O is held until the server is back",
			 lane_why);
		break;
	case DST_IOC_DEVICE_FAILED:
		if (dev->fenced)
			snprintf(why, len,
				 "fenced out: another initiator took the export over; detach it");
		else
			snprintf(why, len,
				 "no connection for longer than fail-after: %.120s; I/O fails",
				 lane_why);
		break;
	case DST_IOC_DEVICE_CONNECTING:
		snprintf(why, len, "%s", lane_why);
		break;
	default:
		why[0] = '\0';
		if (dev->lost_bytes)
			snprintf(why, len,
				 "%llu bytes that had been reported as written could not be: check what is on it",
				 dev->lost_bytes);
	}
}

static void dst_device_announce(struct dst_device *dev,
				enum dst_ioc_device_state state,
				const char *why)
{
	char env_state[32], env_why[DST_IOC_REASON_LEN + 8];
	char *envp[3] = { env_state, env_why };

	trace_dst_device_state(dev, state, why);
	if (!dev->disk)
		return;
	if (state == DST_IOC_DEVICE_ONLINE || state == DST_IOC_DEVICE_DETACHING)
		pr_info("dst%u: %s: %s\n", dev->unit.index,
			dst_device_state_name(state), dev->opts.target);
	else
		pr_warn("dst%u: %s: %s: %s\n", dev->unit.index,
			dst_device_state_name(state), dev->opts.target, why);
	snprintf(env_state, sizeof(env_state), "DST_STATE=%s",
		 dst_device_state_name(state));
	snprintf(env_why, sizeof(env_why), "DST_WHY=%s", why);
	kobject_uevent_env(&disk_to_dev(dev->disk)->kobj, KOBJ_CHANGE, envp);
}

static void dst_device_apply_size(struct dst_device *dev)
{
	u64 size_bytes;

	spin_lock_bh(&dev->lock);
	size_bytes = dev->new_size_bytes;
	if (!dev->disk || dev->closing || size_bytes == dev->info.size_bytes)
		size_bytes = 0;
	if (size_bytes) {
		dev->info.size_bytes = size_bytes;
		dev->new_size_bytes = 0;
	}
	spin_unlock_bh(&dev->lock);
	if (!size_bytes)
		return;
	set_capacity_and_notify(dev->disk, size_bytes / SECTOR_SIZE);
	pr_info_ratelimited("dst%u: size is now %llu bytes: the export was resized\n",
			    dev->unit.index, size_bytes);
}

static void dst_device_state_work(struct work_struct *work)
{
	struct dst_device *dev = container_of(work, struct dst_device,
					      state_work);
	char lane_why[DST_IOC_REASON_LEN], why[DST_IOC_REASON_LEN];
	enum dst_ioc_device_state state;

	dst_device_lane_why(dev, lane_why, sizeof(lane_why));
	spin_lock_bh(&dev->lock);
	state = dst_device_evaluate(dev);
	WRITE_ONCE(dev->state, state);
	if (!dev->join_error)
		dst_device_explain(dev, lane_why, dev->why, sizeof(dev->why));
	strscpy(why, dev->why, sizeof(why));
	spin_unlock_bh(&dev->lock);

	dst_device_apply_size(dev);
	if (state != dev->told_state) {
		dev->told_state = state;
		dst_device_announce(dev, state, why);
	}
	wake_up_all(&dev->wait);
}

/* ---- time ------------------------------------------------------------- */

/**
 * dst_device_fail_after - how long may an outage last before I/O fails?
 * @dev: device
 *
 * Return: ms, or DST_IOC_NEVER_MS.
 */
u64 dst_device_fail_after(struct dst_device *dev)
{
	u64 ms = READ_ONCE(dev->fail_after_ms);

	/* a mirror decides itself for how long it waits for a leg */
	if (dev->leg_ops)
		return DST_IOC_NEVER_MS;
	/* nobody but attach itself waits for that I/O */
	return READ_ONCE(dev->added) ? ms : min_t(u64, ms, DST_DEVICE_SCAN_MS);
}

static void dst_device_tick(struct work_struct *work)
{
	struct dst_device *dev = container_of(to_delayed_work(work),
					      struct dst_device, tick);
	u64 fail_after_ms = dst_device_fail_after(dev);
	bool was_expired;
	unsigned int i;
	u64 period;

	for (i = 0; i < dev->nr_lanes; i++) {
		dst_lane_check(dev->lanes[i], fail_after_ms);
		dst_lane_fail_fencing(dev->lanes[i], fail_after_ms,
				      BLK_STS_TIMEOUT);
	}
	spin_lock_bh(&dev->lock);
	was_expired = dev->expired;
	dev->expired = dev->joined && !dev->nr_live &&
		       dst_device_older(dev->down_since, fail_after_ms);
	if (dev->expired != was_expired)
		dst_device_tell(dev);
	was_expired = dev->expired;
	spin_unlock_bh(&dev->lock);
	dst_device_fail_old(dev, was_expired ? 0 : fail_after_ms,
			    BLK_STS_TIMEOUT);
	dst_device_fail_blocked(dev, fail_after_ms, BLK_STS_TIMEOUT);
	if (!READ_ONCE(dev->nr_live))
		dst_flush_fail(dev, fail_after_ms, BLK_STS_TIMEOUT);
	dst_flush_tick(dev);

	period = min3(fail_after_ms, (u64)READ_ONCE(dev->io_timeout_ms),
		      (u64)READ_ONCE(dev->keepalive_ms)) / 4;
	period = clamp_t(u64, period, DST_DEVICE_TICK_MIN_MS,
			 DST_DEVICE_TICK_MAX_MS);
	queue_delayed_work(dst_wq, &dev->tick, msecs_to_jiffies(period));
}

/* Of all CPUs. Ended is read first, so that it is never above started. */
static void dst_device_sum(struct dst_device *dev, struct dst_counters *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu)
		sum->ended += READ_ONCE(per_cpu_ptr(dev->counters, cpu)->ended);
	/* what is seen as ended is seen as started */
	smp_rmb();
	for_each_possible_cpu(cpu) {
		const struct dst_counters *c = per_cpu_ptr(dev->counters, cpu);

		sum->reads += c->reads;
		sum->writes += c->writes;
		sum->flushes += c->flushes;
		sum->discards += c->discards;
		sum->read_bytes += c->read_bytes;
		sum->write_bytes += c->write_bytes;
		sum->resends += c->resends;
		sum->replays += c->replays;
		sum->errors += c->errors;
		sum->started += READ_ONCE(c->started);
	}
}

/* ---- birth and death -------------------------------------------------- */

static const struct dst_unit_ops dst_device_unit_ops;

static void dst_device_release(struct dst_unit *unit)
{
	struct dst_device *dev = dst_device_of(unit);
	unsigned int i;

	for (i = 0; i < DST_PROTO_MAX_LANES; i++)
		if (dev->lanes[i])
			dst_lane_destroy(dev->lanes[i]);
	percpu_ref_exit(&dev->users);
	mempool_exit(&dev->trans_pool);
	free_percpu(dev->counters);
	put_net(dev->net);
	mutex_destroy(&dev->ack_mutex);
	mutex_destroy(&dev->mutex);
	kfree(dev);
	dst_conn_drop_reserves();
}

static void dst_device_drained(struct percpu_ref *ref)
{
	struct dst_device *dev = container_of(ref, struct dst_device, users);

	complete(&dev->drained);
}

static void dst_device_init_locks(struct dst_device *dev)
{
	mutex_init(&dev->mutex);
	mutex_init(&dev->ack_mutex);
	spin_lock_init(&dev->lock);
	init_completion(&dev->drained);
	init_waitqueue_head(&dev->wait);
	INIT_LIST_HEAD(&dev->held);
	INIT_LIST_HEAD(&dev->blocked);
	INIT_LIST_HEAD(&dev->dead);
	INIT_DELAYED_WORK(&dev->tick, dst_device_tick);
	INIT_WORK(&dev->state_work, dst_device_state_work);
	dst_index_init(dev);
	dst_flush_init(dev);
	dst_replay_init(dev);
}

static struct dst_device *dst_device_alloc(const struct dst_ioc_attach *arg,
					   struct net *net)
{
	struct dst_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	unsigned int i;

	if (!dev)
		return NULL;
	dst_conn_hold_reserves();
	dst_device_init_locks(dev);
	dev->opts = *arg;
	dst_options_read(dev);
	dev->net = get_net(net);
	dev->counters = alloc_percpu(struct dst_counters);
	if (!dev->counters)
		goto err_free;
	if (dst_trans_pool_init(&dev->trans_pool))
		goto err_free_counters;
	if (percpu_ref_init(&dev->users, dst_device_drained,
			    PERCPU_REF_ALLOW_REINIT, GFP_KERNEL))
		goto err_exit_pool;
	dst_unit_init(&dev->unit, &dst_device_unit_ops, dev->opts.target,
		      dev->opts.device);
	for (i = 0; i < dev->nr_lanes; i++) {
		dev->lanes[i] = dst_lane_create(dev, i);
		if (!dev->lanes[i])
			goto err_put;
	}
	return dev;

err_put:
	dst_unit_put(&dev->unit);
	return NULL;
err_exit_pool:
	mempool_exit(&dev->trans_pool);
err_free_counters:
	free_percpu(dev->counters);
err_free:
	put_net(dev->net);
	kfree(dev);
	dst_conn_drop_reserves();
	return NULL;
}

/* Tell the server that the session is over, so that others may have it. */
static void dst_device_say_bye(struct dst_device *dev, unsigned int wait_ms)
{
	unsigned int i;

	for (i = 0; i < dev->nr_lanes; i++)
		if (dst_lane_say_bye(dev->lanes[i]))
			break;
	if (i < dev->nr_lanes)
		wait_event_timeout(dev->wait,
				   dst_lane_said_bye(dev->lanes[i]),
				   msecs_to_jiffies(wait_ms));
}

/*
 * Take the session of a device down. Nothing here waits for the network longer
 * than the farewell does.
 */
static void dst_device_end_session(struct dst_device *dev, unsigned int bye_ms)
{
	unsigned int i;

	spin_lock_bh(&dev->lock);
	WRITE_ONCE(dev->closing, true);
	spin_unlock_bh(&dev->lock);
	dst_device_tell(dev);
	cancel_delayed_work_sync(&dev->tick);
	dst_device_say_bye(dev, bye_ms);

	for (i = 0; i < DST_PROTO_MAX_LANES && dev->lanes[i]; i++)
		dst_lane_stop(dev->lanes[i]);
	for (i = 0; i < DST_PROTO_MAX_LANES && dev->lanes[i]; i++)
		dst_lane_drop(dev->lanes[i], BLK_STS_TRANSPORT);
	dst_device_end_held(dev, BLK_STS_TRANSPORT);
	dst_flush_fail(dev, 0, BLK_STS_TRANSPORT);
	dst_retain_drop(dev);
	wait_for_completion(&dev->drained);
	/* nothing is left that could queue them */
	flush_work(&dev->commit_work);
	flush_work(&dev->reap_work);
	flush_work(&dev->replay_work);
	flush_work(&dev->state_work);
}

static void dst_device_shutdown(struct dst_device *dev, unsigned int bye_ms)
{
	dst_sysfs_remove(dev);
	dst_device_end_session(dev, bye_ms);
	dst_disk_delete(dev);
	/* only now is it sure that nobody is left to queue it */
	cancel_work_sync(&dev->state_work);
	dst_disk_put(dev);
	dst_unit_unregister(&dev->unit);
}

/* Has all I/O ended, and is nothing left that could be lost? */
static bool dst_device_is_clean(struct dst_device *dev)
{
	struct dst_index_sum index;
	struct dst_counters sum;

	dst_device_sum(dev, &sum);
	dst_index_sum(dev, &index);
	/* one that is fenced out can't save anything any more */
	return sum.started == sum.ended && (!index.all || READ_ONCE(dev->fenced));
}

/* Return: -EAGAIN while there is I/O that has not ended. */
static int dst_device_try_detach(struct dst_device *dev, bool force,
				 char *reason)
{
	struct dst_index_sum index;
	struct dst_counters sum;

	lockdep_assert_held(&dev->mutex);
	if (!dev->added || dev->closing)
		return -ENODEV;
	if (!force && disk_openers(dev->disk)) {
		strscpy(reason, "the device is in use", DST_IOC_REASON_LEN);
		return -EBUSY;
	}
	if (!force && !dst_device_is_clean(dev)) {
		dst_flush_commit(dev);
		return -EAGAIN;
	}
	percpu_ref_kill(&dev->users);
	if (!force && (disk_openers(dev->disk) || !dst_device_is_clean(dev))) {
		/* somebody was quicker */
		percpu_ref_resurrect(&dev->users);
		reinit_completion(&dev->drained);
		return -EAGAIN;
	}
	dst_device_sum(dev, &sum);
	dst_index_sum(dev, &index);
	if (sum.started != sum.ended)
		pr_warn("dst%u: detached by force: %llu requests without an answer fail\n",
			dev->unit.index, sum.started - sum.ended);
	if (index.early || index.retained)
		snprintf(reason, DST_IOC_REASON_LEN,
			 "dropped: %llu writes (%llu bytes) that were only in memory, or maybe only in the server's cache",
			 index.early + index.retained,
			 (u64)atomic64_read(&dev->mem_used));
	if (reason[0])
		pr_warn("dst%u: detached by force: %s\n", dev->unit.index, reason);
	dst_device_shutdown(dev, force ? DST_DEVICE_FORCED_BYE_MS :
					 DST_DEVICE_LANES_WAIT_MS);
	return 0;
}

/* Does not keep a forced detach from going on while it waits. */
static int dst_device_detach(struct dst_unit *unit, bool force, char *reason)
{
	struct dst_device *dev = dst_device_of(unit);
	int ret;

	for (;;) {
		if (!READ_ONCE(dev->added)) {
			strscpy(reason, "it is still being attached: interrupt that",
				DST_IOC_REASON_LEN);
			return -EBUSY;
		}
		ret = mutex_lock_interruptible(&dev->mutex);
		if (ret)
			return ret;
		ret = dst_device_try_detach(dev, force, reason);
		mutex_unlock(&dev->mutex);
		if (ret != -EAGAIN)
			return ret;
		if (msleep_interruptible(DST_DEVICE_TICK_MIN_MS)) {
			strscpy(reason, "I/O is still held, and waiting for it was interrupted",
				DST_IOC_REASON_LEN);
			return -EINTR;
		}
	}
}

static bool dst_device_answered(struct dst_device *dev)
{
	bool answered;

	spin_lock_bh(&dev->lock);
	answered = dev->join_error || dev->nr_live;
	spin_unlock_bh(&dev->lock);
	return answered;
}

/* Wait until the device can serve I/O. */
static int dst_device_await(struct dst_device *dev, char *reason)
{
	unsigned int wait_ms = dev->opts.wait_ms ?: DST_DEVICE_WAIT_MS;
	long left;

	left = wait_event_interruptible_timeout(dev->wait,
						dst_device_answered(dev),
						msecs_to_jiffies(wait_ms));
	if (left < 0) {
		strscpy(reason, "interrupted", DST_IOC_REASON_LEN);
		return -EINTR;
	}
	if (dev->join_error) {
		spin_lock_bh(&dev->lock);
		strscpy(reason, dev->why, DST_IOC_REASON_LEN);
		spin_unlock_bh(&dev->lock);
		return dev->join_error;
	}
	if (!left) {
		dst_device_lane_why(dev, reason, DST_IOC_REASON_LEN);
		return -ETIMEDOUT;
	}
	/* one lane is enough, but mostly the others are as quick */
	wait_event_interruptible_timeout(dev->wait,
					 READ_ONCE(dev->nr_live) == dev->nr_lanes,
					 msecs_to_jiffies(DST_DEVICE_LANES_WAIT_MS));
	return 0;
}

static void dst_device_connect(struct dst_device *dev)
{
	dst_lane_connect_now(dev->lanes[0]);
	queue_delayed_work(dst_wq, &dev->tick, 0);
}

static int dst_device_start(struct dst_device *dev, char *reason)
{
	int ret;

	dst_device_connect(dev);
	ret = dst_device_await(dev, reason);
	if (ret)
		return ret;
	if (dev->info.flags & DST_PROTO_EXPORT_READ_ONLY)
		dev->read_only = true;
	ret = dst_flush_inherited(dev, dev->opts.wait_ms ?: DST_DEVICE_WAIT_MS,
				  reason);
	if (ret)
		return ret;
	ret = dst_disk_create(dev);
	if (ret) {
		snprintf(reason, DST_IOC_REASON_LEN,
			 "the kernel could not make the disk (error %d)", ret);
		return ret;
	}
	if (READ_ONCE(dev->scan_failed)) {
		strscpy(reason, "the server does not answer reads",
			DST_IOC_REASON_LEN);
		return -ETIMEDOUT;
	}
	WRITE_ONCE(dev->added, true);
	dst_sysfs_add(dev);
	dev->told_state = DST_IOC_DEVICE_CONNECTING;
	dst_device_tell(dev);
	flush_work(&dev->state_work);
	return 0;
}

/**
 * dst_device_attach - make a device and wait until it can serve I/O
 * @arg: checked for form only; index and reason are filled
 * @net: network namespace of the caller
 *
 * Context: process, sleeps; interruptible while it waits for the server.
 * Return: 0 or a negative errno; then nothing is left behind.
 */
int dst_device_attach(struct dst_ioc_attach *arg, struct net *net)
{
	struct dst_device *dev;
	int ret;

	ret = dst_options_check(arg, arg->reason);
	if (ret)
		return ret;
	dev = dst_device_alloc(arg, net);
	if (!dev)
		return -ENOMEM;
	mutex_lock(&dev->mutex);
	ret = dst_unit_register(&dev->unit, arg->index, arg->reason);
	if (ret)
		goto out;
	ret = dst_device_start(dev, arg->reason);
	if (ret) {
		percpu_ref_kill(&dev->users);
		dst_device_shutdown(dev, DST_DEVICE_FORCED_BYE_MS);
	} else {
		arg->index = dev->unit.index;
	}
out:
	mutex_unlock(&dev->mutex);
	dst_unit_put(&dev->unit);
	return ret;
}

/* ---- legs of a mirror --------------------------------------------------- */

/**
 * dst_leg_create - a device without a disk, for a mirror
 * @opts: as of an attach, checked; one of them for each session
 * @net: network namespace of its sockets
 * @ops: what to tell the owner; constant
 * @owner: of the leg, for @ops
 * @index: number of the owner, for log lines
 *
 * Nothing is sent before dst_leg_connect().
 *
 * Return: the leg, or NULL. Ends with dst_leg_destroy().
 */
struct dst_device *dst_leg_create(const struct dst_ioc_attach *opts,
				  struct net *net,
				  const struct dst_leg_ops *ops, void *owner,
				  u32 index)
{
	struct dst_device *dev = dst_device_alloc(opts, net);

	if (!dev)
		return NULL;
	dev->unit.index = index;
	dev->leg_ops = ops;
	dev->leg_owner = owner;
	/* there is nothing to scan */
	dev->added = true;
	return dev;
}

/**
 * dst_leg_connect - begin to open the session, and try until it is there
 * @dev: new
 */
void dst_leg_connect(struct dst_device *dev)
{
	dst_device_connect(dev);
}

/**
 * dst_leg_fail_reads - reads that wait for what a lost lane had are to fail
 * @dev: leg
 *
 * Those that come later fail by themselves until a lane is live.
 *
 * Context: process; under none of our spinlocks.
 */
void dst_leg_fail_reads(struct dst_device *dev)
{
	struct dst_taken taken;
	struct dst_trans *t;

	for (;;) {
		spin_lock_bh(&dev->lock);
		list_for_each_entry(t, &dev->blocked, list)
			if (t->bio && t->op == DST_PROTO_OP_READ)
				break;
		if (dev->nr_live || list_entry_is_head(t, &dev->blocked, list))
			break;
		list_move_tail(&t->list, &dev->dead);
		dst_trans_take_bio(t, &taken);
		spin_unlock_bh(&dev->lock);
		dst_trans_end_taken(dev, &taken, BLK_STS_TRANSPORT);
	}
	spin_unlock_bh(&dev->lock);
}

/**
 * dst_leg_is_busy - is there anything that it has not answered?
 * @dev: leg
 */
bool dst_leg_is_busy(struct dst_device *dev)
{
	struct dst_counters sum;

	dst_device_sum(dev, &sum);
	return sum.started != sum.ended;
}

/**
 * dst_leg_is_stuck - does something wait for the fence of a lane that is lost?
 * @dev: leg
 * @ms: since it was first sent
 *
 * Other lanes may be live: a server whose disk is stuck still answers pings.
 *
 * Context: under none of our spinlocks.
 */
bool dst_leg_is_stuck(struct dst_device *dev, u64 ms)
{
	const struct dst_trans *t;
	bool stuck = false;
	unsigned int i;

	for (i = 0; i < dev->nr_lanes && !stuck; i++) {
		spin_lock_bh(&dev->lanes[i]->lock);
		list_for_each_entry(t, &dev->lanes[i]->fencing, list)
			stuck |= dst_device_older(t->since, ms);
		spin_unlock_bh(&dev->lanes[i]->lock);
	}
	return stuck;
}

/**
 * dst_leg_is_clean - has it all that it acked on stable storage?
 * @dev: leg
 *
 * If not, that is on its way when this returns.
 */
bool dst_leg_is_clean(struct dst_device *dev)
{
	struct dst_index_sum index;

	dst_index_sum(dev, &index);
	if (!index.retained || READ_ONCE(dev->fenced))
		return true;
	dst_flush_commit(dev);
	return false;
}

/**
 * dst_leg_expel - fail all that a leg has, and take nothing more
 * @dev: leg
 * @bye_ms: how long to wait for the server's farewell; 0: say none
 *
 * What it was sent may still be executed, until the fence of its next session.
 *
 * Context: process; without @bye_ms it does not wait for anything. Under none
 * of our spinlocks.
 */
void dst_leg_expel(struct dst_device *dev, unsigned int bye_ms)
{
	unsigned int i;

	spin_lock_bh(&dev->lock);
	WRITE_ONCE(dev->closing, true);
	spin_unlock_bh(&dev->lock);
	if (bye_ms)
		dst_device_say_bye(dev, bye_ms);
	for (i = 0; i < dev->nr_lanes; i++) {
		dst_lane_fail(dev->lanes[i], "left out by the mirror");
		/* of a lane that was torn down before; others see to theirs */
		dst_lane_end_fencing(dev->lanes[i], BLK_STS_TRANSPORT);
	}
	dst_device_end_held(dev, BLK_STS_TRANSPORT);
	dst_flush_fail(dev, 0, BLK_STS_TRANSPORT);
}

/**
 * dst_leg_destroy - end the session of a leg
 * @dev: leg; may be gone afterwards. Nobody submits to it any more
 * @bye_ms: how long to wait for the server's farewell
 *
 * Context: process, sleeps.
 */
void dst_leg_destroy(struct dst_device *dev, unsigned int bye_ms)
{
	percpu_ref_kill(&dev->users);
	dst_device_end_session(dev, bye_ms);
	cancel_work_sync(&dev->state_work);
	dst_unit_put(&dev->unit);
}

/* ---- status ------------------------------------------------------------ */

static void dst_device_describe_counters(struct dst_device *dev,
					 struct dst_ioc_device *out)
{
	struct dst_ioc_counters *c = &out->counters;
	struct dst_index_sum index;
	struct dst_counters sum;

	dst_index_sum(dev, &index);
	out->retained_bytes = index.retained_bytes;
	out->unsaved = index.all;
	out->mem_used_bytes = atomic64_read(&dev->mem_used);
	dst_device_sum(dev, &sum);
	c->reads = sum.reads;
	c->writes = sum.writes;
	c->flushes = sum.flushes;
	c->discards = sum.discards;
	c->read_bytes = sum.read_bytes;
	c->write_bytes = sum.write_bytes;
	c->resends = sum.resends;
	c->replays = sum.replays;
	c->errors = sum.errors;
	c->reconnects = dev->reconnects;
	out->in_flight = sum.started - sum.ended;
}

static void dst_device_describe_lanes(struct dst_device *dev,
				      struct dst_ioc_device *out)
{
	u64 latency = 0;
	unsigned int i;

	out->lanes = dev->nr_lanes;
	for (i = 0; i < dev->nr_lanes; i++) {
		struct dst_lane *lane = dev->lanes[i];
		struct dst_ioc_lane *l = &out->lane[i];

		spin_lock_bh(&lane->lock);
		l->state = lane->state == DST_LANE_LIVE ? DST_IOC_LANE_LIVE :
			   lane->generation ? DST_IOC_LANE_DOWN :
			   DST_IOC_LANE_CONNECTING;
		l->in_flight = lane->open;
		l->resends = lane->resends;
		spin_unlock_bh(&lane->lock);
		l->generation = lane->generation;
		l->reconnects = lane->reconnects;
		l->latency_us = READ_ONCE(lane->latency_us);
		latency = max_t(u64, latency, l->latency_us);
	}
	out->latency_us = latency;
}

static void dst_device_describe(struct dst_unit *unit,
				struct dst_ioc_device *out)
{
	struct dst_device *dev = dst_device_of(unit);

	out->ack = READ_ONCE(dev->ack);
	out->io_timeout_ms = READ_ONCE(dev->io_timeout_ms);
	out->keepalive_ms = READ_ONCE(dev->keepalive_ms);
	out->fail_after_ms = READ_ONCE(dev->fail_after_ms);
	out->mem_limit_bytes = READ_ONCE(dev->mem_limit_bytes);
	memcpy(out->initiator, dev->opts.initiator, sizeof(out->initiator));
	memcpy(out->device, dev->opts.device, sizeof(out->device));
	out->addr = dev->opts.addr;
	memcpy(out->target, dev->opts.target, sizeof(out->target));
	memcpy(out->export, dev->opts.export, sizeof(out->export));
	if (dev->read_only)
		out->device_flags |= DST_IOC_DEVICE_READ_ONLY;
	if (dev->digest)
		out->device_flags |= DST_IOC_DEVICE_DIGEST;

	spin_lock_bh(&dev->lock);
	out->state = dst_device_evaluate(dev);
	out->epoch = dev->epoch;
	out->size_bytes = dev->info.size_bytes;
	if (dev->info.flags & DST_PROTO_EXPORT_VOLATILE)
		out->device_flags |= DST_IOC_DEVICE_VOLATILE;
	export_uuid(out->export_uuid, &dev->info.export_uuid);
	export_uuid(out->boot_id, &dev->info.boot_id);
	out->lost_bytes = dev->lost_bytes;
	memcpy(out->why, dev->why, sizeof(out->why));
	spin_unlock_bh(&dev->lock);

	dst_device_describe_lanes(dev, out);
	dst_device_describe_counters(dev, out);
}

static int dst_device_set(struct dst_unit *unit, struct dst_ioc_device_set *set)
{
	return dst_options_set(dst_device_of(unit), set);
}

static const struct dst_unit_ops dst_device_unit_ops = {
	.release	= dst_device_release,
	.detach		= dst_device_detach,
	.set		= dst_device_set,
	.fail_held	= dst_device_fail_held,
	.describe	= dst_device_describe,
};
