// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mirrors: attach and detach, what state they are in, and what they say.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "dst_mirror.h"

#define DST_MIRROR_LEG_TIMEOUT_MS	5000
#define DST_MIRROR_LEG_TIMEOUT_MIN_MS	500
#define DST_MIRROR_LEG_TIMEOUT_MAX_MS	(3600 * 1000)
#define DST_MIRROR_KEEPALIVE_MS		5000
#define DST_MIRROR_POLL_MS		20
/* For a leg that nobody takes out: during attach and detach. */
#define DST_MIRROR_AWAIT_MS		10000
/* How long a detach waits until no region is dirty, and for each farewell. */
#define DST_MIRROR_RETIRE_MS		5000
#define DST_MIRROR_BYE_MS		1000
#define DST_MIRROR_FORCED_BYE_MS	100

static const struct dst_unit_ops dst_mirror_unit_ops;

static struct dst_mirror *dst_mirror_of(struct dst_unit *unit)
{
	return container_of(unit, struct dst_mirror, unit);
}

/* ---- states ------------------------------------------------------------- */

/* All legs, or those that have not answered. */
static void dst_mirror_expel(struct dst_mirror *m, bool busy,
			     unsigned int bye_ms)
{
	struct dst_device *dev;
	unsigned int i;
	int idx;

	idx = srcu_read_lock(&m->srcu);
	for (i = 0; i < m->nr_legs; i++) {
		dev = srcu_dereference(m->given[i]->dev, &m->srcu);
		if (dev && (!busy || dst_leg_is_busy(dev)))
			dst_leg_expel(dev, bye_ms);
	}
	srcu_read_unlock(&m->srcu, idx);
}

/* Until when? Return: jiffies left, or not above 0 if it was enough. */
static long dst_mirror_await_some(struct dst_mirror *m,
				  struct completion *done)
{
	unsigned long wait = msecs_to_jiffies(m->opts.wait_ms ?:
					      DST_MIRROR_AWAIT_MS);

	/* only attach may be interrupted: detach is to flush what it can */
	if (!READ_ONCE(m->closing))
		return wait_for_completion_interruptible_timeout(done, wait);
	return wait_for_completion_timeout(done,
					   msecs_to_jiffies(DST_MIRROR_AWAIT_MS));
}

/**
 * dst_mirror_await - wait for what legs have
 * @m: mirror
 * @done: completed when they have ended it
 *
 * While the tick runs it takes out a leg that does not answer. Before, and
 * after, nobody does: then those that have not are expelled in the end. An
 * attach that is interrupted waits no longer.
 *
 * Context: process, sleeps.
 */
void dst_mirror_await(struct dst_mirror *m, struct completion *done)
{
	while (READ_ONCE(m->running) && !READ_ONCE(m->closing))
		if (wait_for_completion_timeout(done, HZ))
			return;
	if (dst_mirror_await_some(m, done) > 0)
		return;
	WRITE_ONCE(m->gave_up, true);
	/* again, for what was on its way to one that was not busy yet */
	do {
		dst_mirror_expel(m, true, DST_MIRROR_FORCED_BYE_MS);
	} while (!wait_for_completion_timeout(done, HZ));
}

/**
 * dst_mirror_doom - from now on a mirror completes nothing any more
 * @m: mirror; dst_mirror_fail() has to follow
 * @why: for the administrator
 *
 * Context: m->lock held.
 */
void dst_mirror_doom(struct dst_mirror *m, const char *why)
{
	lockdep_assert_held(&m->lock);
	if (!m->failed)
		strscpy(m->why, why, sizeof(m->why));
	WRITE_ONCE(m->failed, true);
}

/**
 * dst_mirror_fail - a mirror fails for good, with all its legs
 * @m: mirror
 * @why: for the administrator
 *
 * Context: process; under none of our spinlocks.
 */
void dst_mirror_fail(struct dst_mirror *m, const char *why)
{
	spin_lock_bh(&m->lock);
	dst_mirror_doom(m, why);
	spin_unlock_bh(&m->lock);
	dst_mirror_expel(m, false, 0);
	dst_mirror_end_waiting(m);
	wake_up_all(&m->wait);
	wake_up_all(&m->meta_wait);
	queue_work(dst_event_wq, &m->state_work);
}

static enum dst_ioc_device_state dst_mirror_evaluate(struct dst_mirror *m)
{
	lockdep_assert_held(&m->lock);
	if (m->closing)
		return DST_IOC_DEVICE_DETACHING;
	if (m->failed)
		return DST_IOC_DEVICE_FAILED;
	if (!m->running)
		return DST_IOC_DEVICE_CONNECTING;
	if (!m->readable || m->pending)
		return DST_IOC_DEVICE_HELD;
	return hweight16(m->readable) == m->record.legs ?
	       DST_IOC_DEVICE_ONLINE : DST_IOC_DEVICE_DEGRADED;
}

static void dst_mirror_explain(struct dst_mirror *m, char *why, size_t len)
{
	unsigned int i;

	lockdep_assert_held(&m->lock);
	strscpy(why, m->failed ? m->why : "", len);
	for (i = 0; i < m->nr_legs && !why[0]; i++) {
		const struct dst_mirror_leg *leg = m->given[i];

		if (leg->state != DST_IOC_LEG_IN_SYNC)
			snprintf(why, len, "leg %u (%.64s) is %s%s%.80s",
				 leg->slot, leg->opts.target,
				 dst_mirror_state_name(leg->state),
				 leg->why[0] ? ": " : "", leg->why);
	}
}

static void dst_mirror_announce(struct dst_mirror *m, struct dst_mirror_leg *leg,
				enum dst_ioc_leg_state state, const char *why)
{
	char env_leg[24], env_state[32], env_why[DST_IOC_REASON_LEN + 8];
	char *envp[4] = { env_leg, env_state, env_why };

	if (state == DST_IOC_LEG_IN_SYNC)
		pr_info("dst%u: leg %u is in-sync: %s\n", m->unit.index,
			leg->slot, leg->opts.target);
	else
		pr_warn("dst%u: leg %u is %s: %s%s%s\n", m->unit.index,
			leg->slot, dst_mirror_state_name(state),
			leg->opts.target, why[0] ? ": " : "", why);
	snprintf(env_leg, sizeof(env_leg), "DST_LEG=%u", leg->slot);
	snprintf(env_state, sizeof(env_state), "DST_LEG_STATE=%s",
		 dst_mirror_state_name(state));
	snprintf(env_why, sizeof(env_why), "DST_WHY=%s", why);
	kobject_uevent_env(&disk_to_dev(m->disk)->kobj, KOBJ_CHANGE, envp);
}

static void dst_mirror_state_work(struct work_struct *work)
{
	struct dst_mirror *m = container_of(work, struct dst_mirror,
					    state_work);
	char why[DST_IOC_REASON_LEN];
	enum dst_ioc_leg_state state;
	unsigned int i;

	/* until then uevents are suppressed; it is queued again afterwards */
	if (!READ_ONCE(m->added))
		return;
	for (i = 0; i < m->nr_legs; i++) {
		struct dst_mirror_leg *leg = m->given[i];

		spin_lock_bh(&m->lock);
		state = leg->state;
		strscpy(why, leg->why, sizeof(why));
		spin_unlock_bh(&m->lock);
		if (!leg->member || m->told[i] == state + 1)
			continue;
		m->told[i] = state + 1;
		dst_mirror_announce(m, leg, state, why);
	}
	if (READ_ONCE(m->failed) && !m->told_failed) {
		m->told_failed = true;
		pr_err("dst%u: failed: %s\n", m->unit.index, m->why);
	}
}

/* ---- birth and death ---------------------------------------------------- */

static void dst_mirror_release(struct dst_unit *unit)
{
	struct dst_mirror *m = dst_mirror_of(unit);
	unsigned int i;

	/* a forced detach of what was being attached may have come late */
	cancel_work_sync(&m->state_work);
	dst_mirror_region_exit(m);
	dst_mirror_io_exit(m);
	for (i = 0; i < m->nr_legs; i++) {
		dst_mirror_batch_exit(&m->given[i]->batch);
		kfree(m->given[i]);
	}
	percpu_ref_exit(&m->users);
	free_percpu(m->counters);
	cleanup_srcu_struct(&m->srcu);
	put_net(m->net);
	mutex_destroy(&m->mutex);
	for (i = 0; i < DST_SHARDS; i++)
		mutex_destroy(&m->place_mutex[i]);
	mutex_destroy(&m->reserve_mutex);
	kvfree(m);
}

static void dst_mirror_drained(struct percpu_ref *ref)
{
	struct dst_mirror *m = container_of(ref, struct dst_mirror, users);

	complete(&m->drained);
}

/* The tick is gone, so nobody else takes out a leg that does not answer. */
static void dst_mirror_give_up(struct work_struct *work)
{
	dst_mirror_expel(container_of(to_delayed_work(work), struct dst_mirror,
				      give_up), true, DST_MIRROR_FORCED_BYE_MS);
}

static void dst_mirror_init(struct dst_mirror *m)
{
	unsigned int i;

	for (i = 0; i < DST_SHARDS; i++)
		mutex_init(&m->place_mutex[i]);
	mutex_init(&m->mutex);
	mutex_init(&m->reserve_mutex);
	spin_lock_init(&m->lock);
	INIT_LIST_HEAD(&m->parked);
	INIT_LIST_HEAD(&m->intents);
	INIT_LIST_HEAD(&m->settle);
	INIT_LIST_HEAD(&m->again);
	INIT_LIST_HEAD(&m->unread);
	init_completion(&m->copy_done);
	init_completion(&m->drained);
	init_waitqueue_head(&m->wait);
	init_waitqueue_head(&m->meta_wait);
	kthread_init_work(&m->meta_work, dst_mirror_meta_work);
	kthread_init_work(&m->copy_work, dst_mirror_copy_work);
	INIT_DELAYED_WORK(&m->tick, dst_mirror_tick);
	INIT_WORK(&m->retry, dst_mirror_retry_work);
	INIT_DELAYED_WORK(&m->give_up, dst_mirror_give_up);
	INIT_WORK(&m->state_work, dst_mirror_state_work);
	m->cleared = jiffies;
}

/* The options of its sessions. Return: 0 or a negative errno. */
static int dst_mirror_leg_options(struct dst_mirror *m,
				  const struct dst_ioc_mirror_leg *from,
				  struct dst_ioc_attach *o, char *reason)
{
	const struct dst_ioc_mirror_attach *opts = &m->opts;

	o->head.flags = opts->head.flags & DST_IOC_MIRROR_DIGEST;
	o->index = -1;
	o->ack = opts->ack;
	o->lanes = opts->lanes;
	o->io_timeout_ms = opts->io_timeout_ms;
	/* what is silent is lost before it is out: see dst_mirror_leg_time() */
	o->keepalive_ms = min_t(u32, opts->keepalive_ms ?:
				DST_MIRROR_KEEPALIVE_MS,
				opts->leg_timeout_ms * 2 / 5);
	o->mem_limit_bytes = opts->mem_limit_bytes;
	o->wait_ms = opts->wait_ms;
	memcpy(o->initiator, opts->initiator, sizeof(o->initiator));
	memcpy(o->device, from->device, sizeof(o->device));
	o->addr = from->addr;
	memcpy(o->target, from->target, sizeof(o->target));
	memcpy(o->export, from->export, sizeof(o->export));
	memcpy(o->host, opts->host, sizeof(o->host));
	return dst_options_check(o, reason);
}

static int dst_mirror_make_legs(struct dst_mirror *m, char *reason)
{
	unsigned int i;
	int ret;

	for (i = 0; i < m->opts.nr_legs; i++) {
		struct dst_mirror_leg *leg = kzalloc(sizeof(*leg), GFP_KERNEL);

		if (!leg)
			return -ENOMEM;
		leg->m = m;
		m->given[i] = leg;
		m->nr_legs++;
		dst_mirror_leg_init(leg);
		ret = dst_mirror_batch_init(&leg->batch) ?:
		      dst_mirror_leg_options(m, &m->opts.leg[i], &leg->opts,
					     reason);
		if (ret)
			return ret;
	}
	return 0;
}

static struct dst_mirror *dst_mirror_alloc(struct dst_ioc_mirror_attach *arg,
					   struct net *net)
{
	struct dst_mirror *m = kvzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return NULL;
	dst_mirror_init(m);
	m->opts = *arg;
	/* else the legs say which one it is */
	if (!(arg->head.flags & DST_IOC_MIRROR_CREATE))
		memset(m->opts.mirror, 0, sizeof(m->opts.mirror));
	if (!m->opts.leg_timeout_ms)
		m->opts.leg_timeout_ms = DST_MIRROR_LEG_TIMEOUT_MS;
	m->counters = alloc_percpu(struct dst_counters);
	if (!m->counters)
		goto err_free;
	if (init_srcu_struct(&m->srcu))
		goto err_free_counters;
	if (percpu_ref_init(&m->users, dst_mirror_drained, 0, GFP_KERNEL))
		goto err_cleanup_srcu;
	m->net = get_net(net);
	dst_unit_init(&m->unit, &dst_mirror_unit_ops, m->opts.leg[0].target,
		      m->opts.mirror);
	return m;

err_cleanup_srcu:
	cleanup_srcu_struct(&m->srcu);
err_free_counters:
	free_percpu(m->counters);
err_free:
	kvfree(m);
	return NULL;
}

static int dst_mirror_make_threads(struct dst_mirror *m)
{
	struct kthread_worker *worker;

	worker = kthread_run_worker(0, "dst-meta%u", m->unit.index);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	m->meta = worker;
	worker = kthread_run_worker(0, "dst-copy%u", m->unit.index);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	m->copy = worker;
	return 0;
}

/*
 * Take it down. Whoever waits for a leg is told by expelling that; a leg that
 * is in order is told farewell.
 */
static void dst_mirror_shutdown(struct dst_mirror *m, bool force)
{
	unsigned int i;

	spin_lock_bh(&m->lock);
	WRITE_ONCE(m->closing, true);
	spin_unlock_bh(&m->lock);
	cancel_delayed_work_sync(&m->tick);
	if (force)
		dst_mirror_expel(m, false, DST_MIRROR_FORCED_BYE_MS);
	for (i = 0; i < m->nr_legs; i++) {
		struct dst_mirror_leg *leg = m->given[i];
		struct dst_device *dev;
		int idx = srcu_read_lock(&m->srcu);

		dev = srcu_dereference(leg->dev, &m->srcu);
		if (dev && !(leg->member && m->live & BIT(leg->slot)))
			dst_leg_expel(dev, DST_MIRROR_FORCED_BYE_MS);
		srcu_read_unlock(&m->srcu, idx);
		cancel_delayed_work_sync(&leg->work);
	}
	wake_up_all(&m->wait);
	wake_up_all(&m->meta_wait);
	dst_mirror_end_waiting(m);
	queue_delayed_work(dst_wq, &m->give_up, force ? 0 :
			   msecs_to_jiffies(DST_MIRROR_RETIRE_MS));
	percpu_ref_kill(&m->users);
	dst_mirror_await(m, &m->drained);
	WRITE_ONCE(m->running, false);
	if (m->copy)
		kthread_flush_worker(m->copy);
	if (m->meta)
		kthread_flush_worker(m->meta);
	/* what the legs retain, and would drop */
	if (!force)
		dst_mirror_meta_flush(m, m->live);
	cancel_delayed_work_sync(&m->give_up);
	for (i = 0; i < m->nr_legs; i++)
		dst_mirror_leg_stop(m->given[i], force ? DST_MIRROR_FORCED_BYE_MS :
							 DST_MIRROR_BYE_MS);
	/* one that was late may have queued them again */
	cancel_delayed_work_sync(&m->tick);
	for (i = 0; i < m->nr_legs; i++)
		cancel_delayed_work_sync(&m->given[i]->work);
	cancel_work_sync(&m->retry);
	flush_work(&m->state_work);
	dst_mirror_disk_delete(m);
	/* only now is nobody left who could kick them */
	if (m->copy)
		kthread_destroy_worker(m->copy);
	if (m->meta)
		kthread_destroy_worker(m->meta);
	/* a forced detach that saw us attach may yet queue it */
	WRITE_ONCE(m->added, false);
	cancel_work_sync(&m->state_work);
	if (m->disk)
		put_disk(m->disk);
}

/**
 * dst_mirror_begun - how many bios have users begun so far?
 * @m: mirror
 */
u64 dst_mirror_begun(struct dst_mirror *m)
{
	u64 started = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		started += READ_ONCE(per_cpu_ptr(m->counters, cpu)->started);
	return started;
}

static bool dst_mirror_is_idle(struct dst_mirror *m)
{
	u64 ended = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		ended += READ_ONCE(per_cpu_ptr(m->counters, cpu)->ended);
	/* what is seen as ended is seen as started */
	smp_rmb();
	return dst_mirror_begun(m) == ended;
}

/* Would anything that legs acked be lost with their caches? */
static bool dst_mirror_is_clean(struct dst_mirror *m)
{
	struct dst_device *dev;
	bool clean = true, counts;
	unsigned int i;
	int idx;

	idx = srcu_read_lock(&m->srcu);
	for (i = 0; i < m->nr_legs && !dst_mirror_is_over(m); i++) {
		spin_lock_bh(&m->lock);
		counts = dst_mirror_leg_counts(m->given[i]);
		spin_unlock_bh(&m->lock);
		dev = srcu_dereference(m->given[i]->dev, &m->srcu);
		/* the record says of others that they lack it anyway */
		if (dev && counts)
			clean &= dst_leg_is_clean(dev);
	}
	srcu_read_unlock(&m->srcu, idx);
	return clean;
}

static int dst_mirror_try_detach(struct dst_mirror *m, bool force, char *reason)
{
	lockdep_assert_held(&m->mutex);
	if (!m->added || m->closing)
		return -ENODEV;
	if (!force && disk_openers(m->disk)) {
		strscpy(reason, "the device is in use", DST_IOC_REASON_LEN);
		return -EBUSY;
	}
	if (!force && (!dst_mirror_is_idle(m) || !dst_mirror_is_clean(m)))
		return -EAGAIN;
	dst_mirror_shutdown(m, force);
	dst_unit_unregister(&m->unit);
	return 0;
}

static bool dst_mirror_is_retired(struct dst_mirror *m)
{
	u64 regions = m->layout.regions;

	return find_first_bit(m->dirty, regions) == regions ||
	       hweight16(READ_ONCE(m->readable)) != m->record.legs ||
	       dst_mirror_is_over(m);
}

/* With all legs in order, nothing need be settled by who attaches it next. */
static void dst_mirror_retire(struct dst_mirror *m)
{
	bool may;

	/* disk and threads are there as long as it is not closing */
	mutex_lock(&m->mutex);
	may = m->added && !m->closing && !disk_openers(m->disk);
	if (may) {
		WRITE_ONCE(m->retire, true);
		dst_mirror_meta_kick(m);
	}
	mutex_unlock(&m->mutex);
	if (!may)
		return;
	wait_event_interruptible_timeout(m->wait, dst_mirror_is_retired(m),
					 msecs_to_jiffies(DST_MIRROR_RETIRE_MS));
	WRITE_ONCE(m->retire, false);
}

static int dst_mirror_detach(struct dst_unit *unit, bool force, char *reason)
{
	struct dst_mirror *m = dst_mirror_of(unit);
	int ret;

	/* what failed to attach is closing as well: dst_mirror_try_detach() */
	if (!READ_ONCE(m->added) && !READ_ONCE(m->closing)) {
		/* the partition scan may wait for legs, and heeds no signal */
		if (force)
			dst_mirror_fail(m, "detached by force while it was being attached");
		strscpy(reason, "it is still being attached: interrupt that",
			DST_IOC_REASON_LEN);
		return -EBUSY;
	}
	if (!force)
		dst_mirror_retire(m);
	for (;;) {
		ret = mutex_lock_interruptible(&m->mutex);
		if (ret)
			return ret;
		ret = dst_mirror_try_detach(m, force, reason);
		mutex_unlock(&m->mutex);
		if (ret != -EAGAIN)
			return ret;
		if (msleep_interruptible(DST_MIRROR_POLL_MS)) {
			strscpy(reason, "I/O is still held, and waiting for it was interrupted",
				DST_IOC_REASON_LEN);
			return -EINTR;
		}
	}
}

/* ---- attach ------------------------------------------------------------- */

static int dst_mirror_check(const struct dst_ioc_mirror_attach *arg,
			    char *reason)
{
	if (arg->nr_legs < DST_META_LEGS_MIN || arg->nr_legs > DST_META_LEGS_MAX ||
	    arg->read_policy > DST_IOC_READ_PREFER ||
	    arg->prefer >= DST_META_LEGS_MAX || arg->reserved ||
	    arg->index < -1 || arg->index >= DST_DEVICE_MAX ||
	    (arg->region_log2 && (arg->region_log2 < DST_META_REGION_MIN_LOG2 ||
				  arg->region_log2 > DST_META_REGION_MAX_LOG2)))
		return -EINVAL;
	if (arg->head.flags & DST_IOC_MIRROR_CREATE &&
	    !memchr_inv(arg->mirror, 0, sizeof(arg->mirror)))
		return -EINVAL;
	if (arg->ack == DST_IOC_ACK_RAM) {
		strscpy(reason, "--ack=ram is not for mirrors",
			DST_IOC_REASON_LEN);
		return -EOPNOTSUPP;
	}
	if (arg->leg_timeout_ms &&
	    (arg->leg_timeout_ms < DST_MIRROR_LEG_TIMEOUT_MIN_MS ||
	     arg->leg_timeout_ms > DST_MIRROR_LEG_TIMEOUT_MAX_MS)) {
		strscpy(reason, "leg-timeout is out of range (500 ms to 1 h)",
			DST_IOC_REASON_LEN);
		return -ERANGE;
	}
	return 0;
}

static int dst_mirror_run(struct dst_mirror *m, char *reason)
{
	int ret;

	dst_mirror_common(m);
	/* pairs with dst_mirror_describe() */
	smp_store_release(&m->running, true);
	queue_delayed_work(dst_wq, &m->tick, 0);
	dst_mirror_copy_kick(m);
	ret = dst_mirror_disk_create(m);
	if (ret) {
		snprintf(reason, DST_IOC_REASON_LEN,
			 "the kernel could not make the disk (error %d)", ret);
		return ret;
	}
	if (READ_ONCE(m->failed))
		return -EIO;
	WRITE_ONCE(m->added, true);
	queue_work(dst_event_wq, &m->state_work);
	flush_work(&m->state_work);
	return 0;
}

static int dst_mirror_begin(struct dst_mirror *m,
			    struct dst_ioc_mirror_attach *arg, bool *registered)
{
	unsigned int i;
	int ret;

	ret = dst_mirror_io_init(m) ?: dst_mirror_make_legs(m, arg->reason) ?:
	      dst_unit_register(&m->unit, arg->index, arg->reason);
	if (ret)
		return ret;
	/* only now may a session begin: it fences out one of the same name */
	*registered = true;
	for (i = 0; i < m->nr_legs; i++) {
		ret = dst_mirror_leg_open(m->given[i], arg->head.flags &
					  DST_IOC_MIRROR_PREEMPT);
		if (ret)
			return ret;
	}
	ret = dst_mirror_start(m, arg->reason);
	if (ret)
		return ret;
	return dst_mirror_make_threads(m) ?: dst_mirror_run(m, arg->reason);
}

/* Why it failed, where that is not what was seen first. */
static int dst_mirror_excuse(struct dst_mirror *m, int error, char *reason)
{
	if (READ_ONCE(m->failed)) {
		spin_lock_bh(&m->lock);
		strscpy(reason, m->why, DST_IOC_REASON_LEN);
		spin_unlock_bh(&m->lock);
		return -EIO;
	}
	if (!READ_ONCE(m->gave_up))
		return error;
	if (signal_pending(current)) {
		strscpy(reason, "interrupted", DST_IOC_REASON_LEN);
		return -EINTR;
	}
	strscpy(reason, "a leg did not flush, or write its metadata, in time: try a longer --wait",
		DST_IOC_REASON_LEN);
	return -ETIMEDOUT;
}

/**
 * dst_mirror_attach - make or assemble a mirror, and its disk
 * @arg: checked for form only; index, mirror and reason are filled
 * @net: network namespace of the caller
 *
 * Context: process, sleeps; interruptible while it waits for the legs.
 * Return: 0 or a negative errno; then no device is left behind.
 */
int dst_mirror_attach(struct dst_ioc_mirror_attach *arg, struct net *net)
{
	bool registered = false;
	struct dst_mirror *m;
	int ret;

	ret = dst_mirror_check(arg, arg->reason);
	if (ret)
		return ret;
	m = dst_mirror_alloc(arg, net);
	if (!m)
		return -ENOMEM;
	mutex_lock(&m->mutex);
	ret = dst_mirror_begin(m, arg, &registered);
	if (ret) {
		ret = dst_mirror_excuse(m, ret, arg->reason);
		dst_mirror_shutdown(m, true);
		if (registered)
			dst_unit_unregister(&m->unit);
	} else {
		arg->index = m->unit.index;
		memcpy(arg->mirror, m->opts.mirror, sizeof(arg->mirror));
	}
	mutex_unlock(&m->mutex);
	dst_unit_put(&m->unit);
	return ret;
}

/* ---- status ------------------------------------------------------------- */

static void dst_mirror_describe_counters(struct dst_mirror *m,
					 struct dst_ioc_device *out)
{
	struct dst_ioc_counters *c = &out->counters;
	int cpu;

	c->read_repairs = atomic64_read(&m->read_repairs);
	for_each_possible_cpu(cpu) {
		const struct dst_counters *o = per_cpu_ptr(m->counters, cpu);

		c->reads += o->reads;
		c->writes += o->writes;
		c->flushes += o->flushes;
		c->discards += o->discards;
		c->read_bytes += o->read_bytes;
		c->write_bytes += o->write_bytes;
		c->errors += o->errors;
		out->in_flight += READ_ONCE(o->started) - READ_ONCE(o->ended);
	}
}

static void dst_mirror_describe_regions(struct dst_mirror *m,
					struct dst_ioc_device *out)
{
	u64 region = 1ULL << m->layout.region_log2;

	out->size_bytes = m->layout.data_bytes;
	out->dirty_bytes = region * bitmap_weight(m->dirty, m->layout.regions);
	out->unsettled_bytes = region * atomic64_read(&m->nr_unsettled);
	out->nr_legs = m->record.legs;
}

static void dst_mirror_describe(struct dst_unit *unit,
				struct dst_ioc_device *out)
{
	struct dst_mirror *m = dst_mirror_of(unit);

	out->ack = m->opts.ack;
	out->io_timeout_ms = m->given[0]->opts.io_timeout_ms;
	out->keepalive_ms = m->given[0]->opts.keepalive_ms;
	out->fail_after_ms = DST_IOC_NEVER_MS;
	out->mem_limit_bytes = m->opts.mem_limit_bytes;
	memcpy(out->initiator, m->opts.initiator, sizeof(out->initiator));
	memcpy(out->device, m->opts.mirror, sizeof(out->device));
	out->device_flags = DST_IOC_DEVICE_MIRROR;
	if (m->opts.head.flags & DST_IOC_MIRROR_DIGEST)
		out->device_flags |= DST_IOC_DEVICE_DIGEST;
	out->leg_timeout_ms = m->opts.leg_timeout_ms;
	out->read_policy = m->opts.read_policy;
	out->prefer = m->opts.prefer;
	snprintf(out->target, sizeof(out->target), "mirror of %u legs",
		 m->opts.nr_legs);
	/* pairs with dst_mirror_run(): before, there is no more to tell */
	if (smp_load_acquire(&m->running))
		dst_mirror_describe_regions(m, out);
	spin_lock_bh(&m->lock);
	out->state = dst_mirror_evaluate(m);
	dst_mirror_explain(m, out->why, sizeof(out->why));
	spin_unlock_bh(&m->lock);
	dst_mirror_describe_counters(m, out);
}

static void dst_mirror_describe_session(struct dst_mirror_leg *leg,
					struct dst_ioc_leg *out)
{
	struct dst_ioc_device *d = kzalloc(sizeof(*d), GFP_KERNEL);
	struct dst_device *dev;
	int idx;

	idx = srcu_read_lock(&leg->m->srcu);
	dev = srcu_dereference(leg->dev, &leg->m->srcu);
	if (dev && d) {
		dev->unit.ops->describe(&dev->unit, d);
		out->lanes = d->lanes;
		out->latency_us = d->latency_us;
		out->retained_bytes = d->retained_bytes;
		out->size_bytes = d->size_bytes;
		out->reads = d->counters.reads;
		out->writes = d->counters.writes;
		memcpy(out->export_uuid, d->export_uuid,
		       sizeof(out->export_uuid));
		memcpy(out->boot_id, d->boot_id, sizeof(out->boot_id));
		memcpy(out->lane, d->lane, sizeof(out->lane));
		strscpy(out->why, d->why, sizeof(out->why));
	}
	srcu_read_unlock(&leg->m->srcu, idx);
	kfree(d);
}

/**
 * dst_mirror_describe_leg - all there is to know about a leg
 * @unit: of a mirror, or of something else
 * @out: its leg is the slot that is asked for; filled but for its head
 * @next: or the first one after it
 *
 * Return: 0, or -ENOENT if there is none.
 */
int dst_mirror_describe_leg(struct dst_unit *unit, struct dst_ioc_leg *out,
			    bool next)
{
	struct dst_mirror_leg *leg = NULL;
	struct dst_mirror *m;
	u32 slot = out->leg;

	if (unit->ops != &dst_mirror_unit_ops)
		return -ENOENT;
	m = dst_mirror_of(unit);
	for (; slot < DST_META_LEGS_MAX && !leg; slot++) {
		leg = m->legs[slot];
		if (!next)
			break;
	}
	if (!leg)
		return -ENOENT;
	dst_mirror_describe_session(leg, out);
	out->leg = leg->slot;
	out->addr = leg->opts.addr;
	memcpy(out->target, leg->opts.target, sizeof(out->target));
	memcpy(out->export, leg->opts.export, sizeof(out->export));
	out->lacks_bytes = atomic64_read(&leg->nr_lacks) <<
			   m->layout.region_log2;
	out->copied_bytes = READ_ONCE(leg->copied_bytes);
	spin_lock_bh(&m->lock);
	out->state = leg->state;
	if (leg->why[0])
		memcpy(out->why, leg->why, sizeof(out->why));
	spin_unlock_bh(&m->lock);
	return 0;
}

static int dst_mirror_set(struct dst_unit *unit, struct dst_ioc_device_set *set)
{
	strscpy(set->reason, "the settings of a mirror can't be changed yet",
		sizeof(set->reason));
	return -EOPNOTSUPP;
}

static const u8 *dst_mirror_session(struct dst_unit *unit, unsigned int i)
{
	const struct dst_mirror *m = dst_mirror_of(unit);

	return i < m->opts.nr_legs ? m->opts.leg[i].device : NULL;
}

/* It holds what it has until a leg is back; there is no deadline yet. */
static unsigned int dst_mirror_fail_held(struct dst_unit *unit)
{
	return 0;
}

static const struct dst_unit_ops dst_mirror_unit_ops = {
	.release	= dst_mirror_release,
	.detach		= dst_mirror_detach,
	.set		= dst_mirror_set,
	.fail_held	= dst_mirror_fail_held,
	.describe	= dst_mirror_describe,
	.session	= dst_mirror_session,
};
