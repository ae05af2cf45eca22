// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a leg: states x events, as section 3 of Documentation/mirror.md
 * has them.
 *
 * What happens to a leg's session is told by dst_mirror_leg_event(), from
 * anywhere; the tick makes the transition that the table below gives. A leg
 * that is out has its session ended by the leg work, which opens another one,
 * looks at what the leg holds, and leaves it to the meta thread to bring it
 * back.
 */
#include <linux/blkdev.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dst_mirror.h"
#include "dst_trace.h"

#define DST_MIRROR_TICK_MS	100
#define DST_MIRROR_BACKOFF_MIN_MS	500
#define DST_MIRROR_BACKOFF_MAX_MS	5000

/**
 * dst_mirror_state_name - a state for people to read
 * @state: state
 */
const char *dst_mirror_state_name(enum dst_ioc_leg_state state)
{
	static const char * const names[] = {
		[DST_IOC_LEG_GONE]	= "gone",
		[DST_IOC_LEG_STALE]	= "stale",
		[DST_IOC_LEG_RESYNCING]	= "resyncing",
		[DST_IOC_LEG_SUSPECT]	= "suspect",
		[DST_IOC_LEG_IN_SYNC]	= "in-sync",
		[DST_IOC_LEG_FAILED]	= "failed",
	};

	return names[state];
}

/* Which state may follow which. */
static const u8 dst_mirror_may[] = {
	[DST_IOC_LEG_GONE]	= BIT(DST_IOC_LEG_STALE) |
				  BIT(DST_IOC_LEG_FAILED),
	[DST_IOC_LEG_STALE]	= BIT(DST_IOC_LEG_RESYNCING) |
				  BIT(DST_IOC_LEG_GONE) |
				  BIT(DST_IOC_LEG_FAILED),
	[DST_IOC_LEG_RESYNCING]	= BIT(DST_IOC_LEG_IN_SYNC) |
				  BIT(DST_IOC_LEG_SUSPECT) |
				  BIT(DST_IOC_LEG_GONE) |
				  BIT(DST_IOC_LEG_FAILED),
	[DST_IOC_LEG_SUSPECT]	= BIT(DST_IOC_LEG_IN_SYNC) |
				  BIT(DST_IOC_LEG_RESYNCING) |
				  BIT(DST_IOC_LEG_GONE) |
				  BIT(DST_IOC_LEG_FAILED),
	[DST_IOC_LEG_IN_SYNC]	= BIT(DST_IOC_LEG_SUSPECT) |
				  BIT(DST_IOC_LEG_GONE) |
				  BIT(DST_IOC_LEG_FAILED),
	[DST_IOC_LEG_FAILED]	= BIT(DST_IOC_LEG_STALE),
};

/**
 * dst_mirror_leg_is_live - do writes go to it?
 * @leg: leg
 *
 * Context: m->lock held.
 */
bool dst_mirror_leg_is_live(const struct dst_mirror_leg *leg)
{
	return leg->state == DST_IOC_LEG_IN_SYNC ||
	       leg->state == DST_IOC_LEG_RESYNCING ||
	       leg->state == DST_IOC_LEG_SUSPECT;
}

/**
 * dst_mirror_leg_counts - is it in-sync, though maybe silent?
 * @leg: leg
 *
 * Context: m->lock held.
 */
bool dst_mirror_leg_counts(const struct dst_mirror_leg *leg)
{
	return leg->state == DST_IOC_LEG_IN_SYNC ||
	       (leg->state == DST_IOC_LEG_SUSPECT && leg->synced);
}

/**
 * dst_mirror_leg_masks - which legs are written to and read from
 * @m: states have changed
 *
 * Context: m->lock held.
 */
void dst_mirror_leg_masks(struct dst_mirror *m)
{
	u16 live = 0, readable = 0;
	unsigned int i;

	lockdep_assert_held(&m->lock);
	for (i = 0; i < m->nr_legs; i++) {
		struct dst_mirror_leg *leg = m->given[i];

		if (!leg->member)
			continue;
		if (dst_mirror_leg_is_live(leg))
			live |= BIT(leg->slot);
		if (leg->state == DST_IOC_LEG_IN_SYNC)
			readable |= BIT(leg->slot);
	}
	/* who sees the new mask sees m->pending, see dst_mirror_write_done() */
	smp_wmb();
	WRITE_ONCE(m->live, live);
	WRITE_ONCE(m->readable, readable);
}

/**
 * dst_mirror_leg_go - a leg is in another state now
 * @leg: leg
 * @state: the state
 *
 * Context: m->lock held.
 */
void dst_mirror_leg_go(struct dst_mirror_leg *leg, enum dst_ioc_leg_state state)
{
	struct dst_mirror *m = leg->m;

	lockdep_assert_held(&m->lock);
	if (WARN_ON_ONCE(!(dst_mirror_may[leg->state] & BIT(state))))
		return;
	if (state == DST_IOC_LEG_SUSPECT) {
		leg->synced = leg->state == DST_IOC_LEG_IN_SYNC;
		leg->lost_since = jiffies;
	}
	if (state == DST_IOC_LEG_IN_SYNC || state == DST_IOC_LEG_RESYNCING)
		leg->why[0] = '\0';
	trace_dst_leg_state(m->unit.index, leg->slot, state, leg->why);
	WRITE_ONCE(leg->state, state);
	dst_mirror_leg_masks(m);
	/* pairs with the one in dst_mirror_launch(): a write that does not go
	 * to this leg has made its regions dirty before we look at them
	 */
	smp_mb();
	queue_work(dst_event_wq, &m->state_work);
}

static bool dst_mirror_leg_is_last(const struct dst_mirror_leg *leg)
{
	struct dst_mirror *m = leg->m;
	unsigned int i;

	lockdep_assert_held(&m->lock);
	for (i = 0; i < m->nr_legs; i++)
		if (m->given[i] != leg && m->given[i]->member &&
		    dst_mirror_leg_counts(m->given[i]))
			return false;
	return true;
}

/**
 * dst_mirror_leg_out - go on without a leg
 * @leg: leg
 * @state: DST_IOC_LEG_GONE or DST_IOC_LEG_FAILED
 * @fmt: why, for the administrator
 *
 * From now on it is not read or written to; what it has fails soon. If the
 * record calls it in-sync, or may do so, nothing completes until there is one
 * that does not.
 *
 * Context: m->lock held.
 * Return: false if it is the last leg that is in-sync: nothing has changed.
 */
bool dst_mirror_leg_out(struct dst_mirror_leg *leg,
			enum dst_ioc_leg_state state, const char *fmt, ...)
{
	struct dst_mirror *m = leg->m;
	va_list args;

	lockdep_assert_held(&m->lock);
	if (leg->state == DST_IOC_LEG_GONE || leg->state == DST_IOC_LEG_FAILED)
		return true;
	if (dst_mirror_leg_counts(leg) && dst_mirror_leg_is_last(leg))
		return false;
	va_start(args, fmt);
	vsnprintf(leg->why, sizeof(leg->why), fmt, args);
	va_end(args);
	if (dst_mirror_leg_counts(leg) || leg->joining) {
		WRITE_ONCE(m->pending, true);
		m->changes++;
	}
	leg->joining = false;
	leg->online = false;
	leg->expel = true;
	dst_mirror_leg_go(leg, state);
	dst_mirror_poke(m);
	dst_mirror_meta_kick(m);
	return true;
}

/* ---- events ------------------------------------------------------------- */

/**
 * dst_mirror_poke - have the tick look at the legs now
 * @m: mirror
 *
 * Context: any but hard interrupt.
 */
void dst_mirror_poke(struct dst_mirror *m)
{
	if (!READ_ONCE(m->closing))
		mod_delayed_work(dst_wq, &m->tick, 0);
}

/*
 * A write that has completed is not there any more. At once: the tick could
 * come after a read. If it is the last one that is in-sync, what it has counts,
 * and the next flush fails.
 */
static void dst_mirror_leg_damaged(struct dst_mirror_leg *leg)
{
	struct dst_mirror *m = leg->m;
	unsigned int i;

	spin_lock_bh(&m->lock);
	/* who detaches by force drops what was to be written again, too */
	if (leg->online && !dst_mirror_is_over(m) &&
	    !dst_mirror_leg_out(leg, DST_IOC_LEG_FAILED,
				"it could not write again what its server had lost"))
		for (i = 0; i < m->nr_legs; i++)
			if (m->given[i] != leg &&
			    dst_mirror_leg_is_live(m->given[i]))
				dst_mirror_leg_out(m->given[i], DST_IOC_LEG_GONE,
						   "the only leg that is in-sync has lost a write");
	spin_unlock_bh(&m->lock);
}

static void dst_mirror_leg_event(struct dst_device *dev,
				 enum dst_leg_event event)
{
	struct dst_mirror_leg *leg = dev->leg_owner;

	if (event == DST_LEG_DAMAGED) {
		dst_mirror_leg_damaged(leg);
		return;
	}
	set_bit(event, &leg->events);
	dst_mirror_poke(leg->m);
}

static const struct dst_leg_ops dst_mirror_leg_ops = {
	.event	= dst_mirror_leg_event,
};

static void dst_mirror_leg_lost(struct dst_mirror_leg *leg)
{
	lockdep_assert_held(&leg->m->lock);
	switch (leg->state) {
	case DST_IOC_LEG_IN_SYNC:
	case DST_IOC_LEG_RESYNCING:
		strscpy(leg->why, "no connection; waits for leg-timeout",
			sizeof(leg->why));
		dst_mirror_leg_go(leg, DST_IOC_LEG_SUSPECT);
		break;
	case DST_IOC_LEG_STALE:
		dst_mirror_leg_out(leg, DST_IOC_LEG_GONE, "no connection");
		break;
	default:
		break;
	}
}

static void dst_mirror_leg_live(struct dst_mirror_leg *leg)
{
	lockdep_assert_held(&leg->m->lock);
	if (leg->state == DST_IOC_LEG_SUSPECT)
		dst_mirror_leg_go(leg, leg->synced ? DST_IOC_LEG_IN_SYNC :
						     DST_IOC_LEG_RESYNCING);
}

/* Of the session that it has: is a lane live? */
static bool dst_mirror_leg_has_lane(struct dst_mirror_leg *leg)
{
	struct dst_device *dev = srcu_dereference(leg->dev, &leg->m->srcu);

	return dev && READ_ONCE(dev->nr_live);
}

/*
 * Most of leg-timeout has passed before a silent leg is lost: see
 * dst_mirror_leg_options().
 */
static void dst_mirror_leg_time(struct dst_mirror_leg *leg, bool nobody)
{
	struct dst_mirror *m = leg->m;
	u64 ms = m->opts.leg_timeout_ms * 3 / 10;

	lockdep_assert_held(&m->lock);
	if (leg->state != DST_IOC_LEG_SUSPECT)
		return;
	if (nobody)
		dst_mirror_leg_out(leg, DST_IOC_LEG_GONE,
				   "connection refused: is the export there?");
	else if (dst_device_older(leg->lost_since, ms))
		dst_mirror_leg_out(leg, DST_IOC_LEG_GONE,
				   "silent for longer than leg-timeout");
}

/* What was sent to it has had its time, and that for a silent leg as well. */
static bool dst_mirror_leg_is_stuck(struct dst_mirror_leg *leg)
{
	struct dst_device *dev = srcu_dereference(leg->dev, &leg->m->srcu);

	return dev && dst_leg_is_stuck(dev, (u64)dev->io_timeout_ms +
				       leg->m->opts.leg_timeout_ms);
}

/* What has happened to a leg. Return: true if its reads are to fail now. */
static bool dst_mirror_leg_look(struct dst_mirror_leg *leg, bool stuck)
{
	bool nobody = test_and_clear_bit(DST_LEG_NOBODY, &leg->events);
	bool lost = test_and_clear_bit(DST_LEG_LOST, &leg->events);
	bool lane;

	lockdep_assert_held(&leg->m->lock);
	nobody |= test_and_clear_bit(DST_LEG_REFUSED, &leg->events);
	clear_bit(DST_LEG_LIVE, &leg->events);
	if (!leg->member || !leg->online)
		return false;
	/* events only say that something is to be seen */
	lane = dst_mirror_leg_has_lane(leg);
	if (lane)
		dst_mirror_leg_live(leg);
	else
		dst_mirror_leg_lost(leg);
	dst_mirror_leg_time(leg, nobody && !lane);
	if (stuck)
		dst_mirror_leg_out(leg, DST_IOC_LEG_GONE,
				   "it does not end what it was sent: is its disk stuck?");
	return lost || !lane;
}

static void dst_mirror_leg_expel(struct dst_mirror_leg *leg)
{
	struct dst_mirror *m = leg->m;
	struct dst_device *dev;
	bool expel;

	spin_lock_bh(&m->lock);
	expel = leg->expel;
	leg->expel = false;
	spin_unlock_bh(&m->lock);
	if (!expel)
		return;
	dev = srcu_dereference(leg->dev, &m->srcu);
	if (dev)
		dst_leg_expel(dev, 0);
	mod_delayed_work(dst_leg_wq, &leg->work, 0);
}

/**
 * dst_mirror_tick - look at the legs
 * @work: m->tick
 */
void dst_mirror_tick(struct work_struct *work)
{
	struct dst_mirror *m = container_of(to_delayed_work(work),
					    struct dst_mirror, tick);
	bool unread, fail_reads, stuck;
	struct dst_device *dev;
	unsigned int i;
	int idx;

	wake_up_all(&m->wait);
	if (!READ_ONCE(m->running))
		return;
	idx = srcu_read_lock(&m->srcu);
	for (i = 0; i < m->nr_legs; i++) {
		struct dst_mirror_leg *leg = m->given[i];

		dev = srcu_dereference(leg->dev, &m->srcu);
		if (test_and_clear_bit(DST_LEG_FENCED, &leg->events))
			dst_mirror_fail(m, DST_MIRROR_FENCED);
		stuck = dst_mirror_leg_is_stuck(leg);
		spin_lock_bh(&m->lock);
		fail_reads = dst_mirror_leg_look(leg, stuck);
		spin_unlock_bh(&m->lock);
		if (fail_reads && dev)
			dst_leg_fail_reads(dev);
		dst_mirror_leg_expel(leg);
		if (READ_ONCE(leg->state) == DST_IOC_LEG_GONE && leg->member)
			queue_delayed_work(dst_leg_wq, &leg->work, 0);
	}
	srcu_read_unlock(&m->srcu, idx);
	spin_lock_bh(&m->lock);
	unread = m->readable && !list_empty(&m->unread);
	spin_unlock_bh(&m->lock);
	if (unread)
		dst_mirror_unread(m);
	wake_up_all(&m->meta_wait);
	dst_mirror_meta_kick(m);
	if (!READ_ONCE(m->closing))
		queue_delayed_work(dst_wq, &m->tick,
				   msecs_to_jiffies(DST_MIRROR_TICK_MS));
}

/* ---- sessions ----------------------------------------------------------- */

/**
 * dst_mirror_leg_open - begin a new session
 * @leg: has none
 * @preempt: fence out who has the export
 *
 * Context: attach, or the leg work.
 * Return: 0 or -ENOMEM.
 */
int dst_mirror_leg_open(struct dst_mirror_leg *leg, bool preempt)
{
	struct dst_mirror *m = leg->m;
	struct dst_device *dev;

	leg->opts.head.flags &= ~DST_IOC_ATTACH_PREEMPT;
	if (preempt)
		leg->opts.head.flags |= DST_IOC_ATTACH_PREEMPT;
	dev = dst_leg_create(&leg->opts, m->net, &dst_mirror_leg_ops, leg,
			     m->unit.index);
	if (!dev)
		return -ENOMEM;
	/* of the session before; that it was fenced out is still to be seen */
	clear_bit(DST_LEG_LIVE, &leg->events);
	clear_bit(DST_LEG_LOST, &leg->events);
	clear_bit(DST_LEG_NOBODY, &leg->events);
	clear_bit(DST_LEG_REFUSED, &leg->events);
	rcu_assign_pointer(leg->dev, dev);
	dst_leg_connect(dev);
	return 0;
}

/**
 * dst_mirror_leg_stop - end the session of a leg, if it has one
 * @leg: leg
 * @bye_ms: how long to wait for the farewell
 *
 * Context: the leg work, or when that is stopped. Sleeps.
 */
void dst_mirror_leg_stop(struct dst_mirror_leg *leg, unsigned int bye_ms)
{
	struct dst_device *dev = rcu_dereference_protected(leg->dev, true);

	if (!dev)
		return;
	rcu_assign_pointer(leg->dev, NULL);
	synchronize_srcu(&leg->m->srcu);
	dst_leg_destroy(dev, bye_ms);
}

static void dst_mirror_leg_why(struct dst_mirror_leg *leg, const char *why)
{
	spin_lock_bh(&leg->m->lock);
	strscpy(leg->why, why, sizeof(leg->why));
	spin_unlock_bh(&leg->m->lock);
}

/* It knows more than we do, or something else: nothing is written to it. */
static void dst_mirror_leg_reject(struct dst_mirror_leg *leg, const char *why)
{
	struct dst_mirror *m = leg->m;

	spin_lock_bh(&m->lock);
	strscpy(leg->why, why, sizeof(leg->why));
	leg->expel = true;
	dst_mirror_leg_go(leg, DST_IOC_LEG_FAILED);
	spin_unlock_bh(&m->lock);
	dst_mirror_poke(m);
}

/* Can it do what the disk promises? Return: why not, or NULL. */
static const char *dst_mirror_leg_unfit(struct dst_mirror_leg *leg)
{
	struct dst_device *dev = rcu_dereference_protected(leg->dev, true);
	const struct dst_export_info *all = &leg->m->info, *info = &dev->info;

	if (info->flags & (DST_PROTO_EXPORT_READ_ONLY |
			   DST_PROTO_EXPORT_SHARED))
		return "it is read-only or shared: it can't be a leg";
	if (info->logical_block_bytes > all->logical_block_bytes ||
	    info->max_transfer_bytes < all->max_transfer_bytes ||
	    all->flags & ~info->flags & DST_PROTO_EXPORT_WRITE_ZEROES)
		return "it can't do what the disk promises: attach the mirror again";
	return NULL;
}

/* Is what came back what we lost? Return: why not, or NULL. */
static const char *dst_mirror_leg_misfit(struct dst_mirror_leg *leg,
					 const struct dst_meta *meta)
{
	const struct dst_meta_member *member;
	struct dst_mirror *m = leg->m;

	member = &m->record.members[leg->slot];
	if (memcmp(meta->record.mirror, m->record.mirror, DST_META_UUID_LEN) ||
	    meta->slot != leg->slot ||
	    memcmp(meta->member, member->uuid, DST_META_UUID_LEN))
		return "it is not this leg of this mirror any more";
	if (meta->record.data_bytes != m->record.data_bytes ||
	    meta->record.region_log2 != m->record.region_log2)
		return "its metadata is of another size than the mirror's";
	if (meta->claim > m->claim ||
	    meta->record.events > READ_ONCE(m->events) ||
	    memcmp(meta->record.branch, m->record.branch, DST_META_UUID_LEN))
		return "it knows more than this device: another client had it";
	return NULL;
}

/* A new session is there: the fence has passed. What does the leg hold? */
static void dst_mirror_leg_look_at(struct dst_mirror_leg *leg)
{
	enum dst_meta_verdict verdict;
	struct dst_mirror *m = leg->m;
	const char *why;
	int ret;

	ret = dst_mirror_meta_read(leg, &leg->meta, &verdict);
	/* the tick has us look again when it is back, or get another session */
	if (ret == -EAGAIN)
		return;
	if (ret || verdict) {
		why = ret ? "its metadata can't be read" :
			    dst_meta_verdict_text(verdict);
		dst_mirror_leg_reject(leg, why);
		return;
	}
	why = dst_mirror_leg_unfit(leg) ?:
	      dst_mirror_leg_misfit(leg, &leg->meta);
	if (why) {
		dst_mirror_leg_reject(leg, why);
		return;
	}
	spin_lock_bh(&m->lock);
	leg->online = true;
	leg->sessions++;
	/* older than it was known to be: its bits tell nothing */
	if (leg->meta.record.events <
	    m->record.members[leg->slot].known_events)
		leg->rebuild = true;
	leg->why[0] = '\0';
	dst_mirror_leg_go(leg, DST_IOC_LEG_STALE);
	spin_unlock_bh(&m->lock);
	leg->backoff_ms = 0;
	dst_mirror_meta_kick(m);
}

static void dst_mirror_leg_later(struct dst_mirror_leg *leg)
{
	leg->backoff_ms = clamp(leg->backoff_ms * 2,
				DST_MIRROR_BACKOFF_MIN_MS,
				DST_MIRROR_BACKOFF_MAX_MS);
	leg->retry_at = jiffies + msecs_to_jiffies(leg->backoff_ms);
}

/* It is gone: get it a session, and look at it when that is there. */
static void dst_mirror_leg_seek(struct dst_mirror_leg *leg,
				struct dst_device *dev)
{
	if (!dev && time_after_eq(jiffies, leg->retry_at)) {
		if (dst_mirror_leg_open(leg, false))
			dst_mirror_leg_later(leg);
	} else if (dev && READ_ONCE(dev->nr_live)) {
		dst_mirror_leg_look_at(leg);
	}
}

static void dst_mirror_leg_work(struct work_struct *work)
{
	struct dst_mirror_leg *leg = container_of(to_delayed_work(work),
						  struct dst_mirror_leg, work);
	struct dst_device *dev = rcu_dereference_protected(leg->dev, true);
	char why[DST_IOC_REASON_LEN];
	unsigned int noio;

	if (dst_mirror_is_over(leg->m))
		return;
	/* whoever frees memory may be writing to the mirror */
	noio = memalloc_noio_save();
	if (dev && (READ_ONCE(dev->closing) || READ_ONCE(dev->join_error))) {
		if (READ_ONCE(dev->join_error)) {
			spin_lock_bh(&dev->lock);
			strscpy(why, dev->why, sizeof(why));
			spin_unlock_bh(&dev->lock);
			dst_mirror_leg_why(leg, why);
		}
		dst_mirror_leg_stop(leg, 0);
		dst_mirror_leg_later(leg);
	} else if (READ_ONCE(leg->state) == DST_IOC_LEG_GONE) {
		dst_mirror_leg_seek(leg, dev);
	}
	memalloc_noio_restore(noio);
}

/**
 * dst_mirror_leg_init - begin the life of a leg; gone
 * @leg: zeroed, but for its mirror
 */
void dst_mirror_leg_init(struct dst_mirror_leg *leg)
{
	leg->state = DST_IOC_LEG_GONE;
	leg->retry_at = jiffies;
	INIT_DELAYED_WORK(&leg->work, dst_mirror_leg_work);
}
