// SPDX-License-Identifier: GPL-2.0-only
/*
 * The range index: every modification of a device, by the sectors that it
 * covers, from submit until nothing may ever need it again.
 *
 * It keeps overlapping writes in order, whatever lane they take and however
 * often they are sent again: a newcomer counts the earlier modifications that
 * it overlaps and that are not acked yet (its blockers), and waits until each
 * of them has been. Ids are given out under the shard's lock, so "later" is
 * "greater id" there. Reads are in the index only while they wait; nobody waits
 * for them.
 *
 * What has been acked but may be lost with the server's cache stays in the
 * index, with its data: it answers reads, and is what a replay sends again.
 * Then it has blockers of its own, among what is replayed. Those two orders
 * have nothing to do with each other, since nothing else runs during a replay.
 *
 * A durable write leaves the index, so nothing older may be left beneath it:
 * it would answer reads and be replayed. That is why such a write is sent with
 * PREFLUSH where it overlaps anything: its ack commits all that was acked
 * before. What is committed counts for nothing, though it may take a while
 * until it is taken out.
 */
#include <linux/blkdev.h>
#include <linux/interval_tree_generic.h>

#include "dst.h"
#include "dst_trace.h"

/* Bigger reads are left to the server: no lock is held that long. */
#define DST_INDEX_ANSWER_BYTES	(128 * 1024)
/* Take out no more than so many with the lock held. */
#define DST_INDEX_REAP_BATCH	256
/* Where so many wait for each other, the next one is not to end early. */
#define DST_INDEX_CHAIN		16

static sector_t dst_index_first(const struct dst_trans *t)
{
	return t->sector;
}

static sector_t dst_index_last(const struct dst_trans *t)
{
	return t->sector + t->length_bytes / DST_PROTO_SECTOR_BYTES - 1;
}

INTERVAL_TREE_DEFINE(struct dst_trans, rb, sector_t, subtree_last,
		     dst_index_first, dst_index_last, static, dst_range)

static struct dst_trans *dst_index_overlap(struct dst_shard *shard,
					   const struct dst_trans *t)
{
	return dst_range_iter_first(&shard->root, t->sector, dst_index_last(t));
}

static struct dst_trans *dst_index_next(struct dst_trans *o,
					const struct dst_trans *t)
{
	return dst_range_iter_next(o, t->sector, dst_index_last(t));
}

static struct dst_shard *dst_index_shard(const struct dst_trans *t)
{
	return &t->dev->shards[(t->sector >> DST_SHARD_SECTORS_LOG2) %
			       DST_SHARDS];
}

/**
 * dst_index_init - prepare the index of a device
 * @dev: zeroed
 */
void dst_index_init(struct dst_device *dev)
{
	unsigned int i;

	for (i = 0; i < DST_SHARDS; i++) {
		spin_lock_init(&dev->shards[i].lock);
		dev->shards[i].root = RB_ROOT_CACHED;
		INIT_LIST_HEAD(&dev->shards[i].retained);
	}
}

static void dst_index_insert(struct dst_shard *shard, struct dst_trans *t)
{
	lockdep_assert_held(&shard->lock);
	t->indexed = true;
	dst_range_insert(t, &shard->root);
	/* read without the lock by dst_index_pass() */
	WRITE_ONCE(shard->nr, shard->nr + 1);
}

static void dst_index_erase(struct dst_shard *shard, struct dst_trans *t)
{
	lockdep_assert_held(&shard->lock);
	t->indexed = false;
	dst_range_remove(t, &shard->root);
	WRITE_ONCE(shard->nr, shard->nr - 1);
}

/* ---- flushes wait for what ended early --------------------------------- */

static void dst_index_count_early(struct dst_shard *shard, struct dst_trans *t)
{
	lockdep_assert_held(&shard->lock);
	t->parity = shard->parity;
	shard->early[t->parity]++;
}

/* Return: true if it was the last one that a barrier waited for. */
static bool dst_index_uncount_early(struct dst_shard *shard,
				    struct dst_trans *t)
{
	lockdep_assert_held(&shard->lock);
	if (!t->early)
		return false;
	shard->early[t->parity]--;
	return t->parity != shard->parity &&
	       atomic_dec_and_test(&t->dev->barrier_left);
}

static void dst_index_uncount_retained(struct dst_shard *shard,
				       const struct dst_trans *t)
{
	lockdep_assert_held(&shard->lock);
	shard->nr_retained--;
	shard->retained_bytes -= t->length_bytes;
}

/**
 * dst_index_begin_barrier - what has ended early until now is to be counted off
 * @dev: no other barrier is under way; its barrier_left is above 0
 *
 * Adds to dev->barrier_left how many there are. Whoever counts the last one
 * off calls dst_flush_passed().
 *
 * Context: any but hard interrupt.
 */
void dst_index_begin_barrier(struct dst_device *dev)
{
	struct dst_shard *shard;

	for (shard = dev->shards; shard < dev->shards + DST_SHARDS; shard++) {
		spin_lock_bh(&shard->lock);
		atomic_add(shard->early[shard->parity], &dev->barrier_left);
		shard->parity ^= 1;
		spin_unlock_bh(&shard->lock);
	}
}

/* ---- what comes in ------------------------------------------------------ */

/* What is in the index where a newcomer wants to go. */
struct dst_index_survey {
	unsigned int		unacked;
	unsigned int		all;
	struct dst_trans	*newest;
};

static void dst_index_look(struct dst_shard *shard, const struct dst_trans *t,
			   struct dst_index_survey *s)
{
	struct dst_trans *o;

	lockdep_assert_held(&shard->lock);
	for (o = dst_index_overlap(shard, t); o; o = dst_index_next(o, t)) {
		if (!dst_wire_is_modification(o->op))
			continue;
		s->all++;
		s->unacked += o->phase == DST_PHASE_NEW;
		if (!s->newest || o->id > s->newest->id)
			s->newest = o;
	}
}

static bool dst_index_covers(const struct dst_trans *o,
			     const struct dst_trans *t)
{
	return o->sector <= t->sector && dst_index_last(o) >= dst_index_last(t);
}

static bool dst_index_is_committed(const struct dst_trans *o)
{
	return o->phase == DST_PHASE_RETAINED &&
	       o->gen < atomic64_read(&o->dev->committed);
}

/* Does @o hold what a read of its sectors must return? */
static bool dst_index_is_readable(const struct dst_trans *o)
{
	/* one that failed, or has not ended, may come to nothing */
	if (o->phase == DST_PHASE_NEW && !o->early)
		return false;
	/* a newer one may have been taken out before it */
	if (dst_index_is_committed(o))
		return false;
	return o->nr_pages || o->op == DST_PROTO_OP_WRITE_ZEROES;
}

/* Answer a read from RAM if the newest write beneath it covers it. */
static bool dst_index_answer(const struct dst_trans *o, struct dst_trans *t)
{
	if (!o || t->length_bytes > DST_INDEX_ANSWER_BYTES ||
	    !dst_index_covers(o, t) || !dst_index_is_readable(o))
		return false;
	if (o->nr_pages)
		dst_pages_copy_to_bio(dst_trans_pages(o), o->page_order,
				      (t->sector - o->sector) << SECTOR_SHIFT,
				      t->bio);
	else
		zero_fill_bio(t->bio);
	return true;
}

/*
 * Put the data of a write that ends early into an earlier one of the same
 * range that was never sent: it is blocked, and only we could unblock it.
 */
static bool dst_index_merge(struct dst_trans *o, struct dst_trans *t)
{
	if (!o || !o->early || !t->early || o->phase != DST_PHASE_NEW ||
	    !o->blockers || o->op != t->op || !o->nr_pages ||
	    o->sector != t->sector || o->length_bytes != t->length_bytes)
		return false;
	swap(o->pages, t->pages);
	swap(o->nr_pages, t->nr_pages);
	swap(o->page_order, t->page_order);
	return true;
}

static enum dst_index_verdict dst_index_block(struct dst_trans *t)
{
	struct dst_device *dev = t->dev;
	enum dst_index_verdict verdict = DST_INDEX_WAIT;

	spin_lock(&dev->lock);
	if (dst_device_is_hopeless(dev, t)) {
		verdict = DST_INDEX_REFUSE;
	} else {
		t->state = DST_TRANS_BLOCKED;
		list_add_tail(&t->list, &dev->blocked);
	}
	spin_unlock(&dev->lock);
	return verdict;
}

static enum dst_index_verdict dst_index_place(struct dst_shard *shard,
					      struct dst_trans *t,
					      struct dst_taken *taken)
{
	enum dst_index_verdict verdict = DST_INDEX_GO;
	bool modifies = dst_wire_is_modification(t->op);
	struct dst_index_survey s = { };

	dst_index_look(shard, t, &s);
	if (t->op == DST_PROTO_OP_READ && dst_index_answer(s.newest, t))
		return DST_INDEX_DONE;
	if (s.unacked >= DST_INDEX_CHAIN)
		t->early = false;
	if (t->early)
		dst_trans_take_bio(t, taken);
	if (t->op == DST_PROTO_OP_WRITE && dst_index_merge(s.newest, t))
		return DST_INDEX_DONE;
	if (s.all && t->op == DST_PROTO_OP_WRITE &&
	    t->flags & DST_PROTO_REQ_FUA)
		t->flags |= DST_PROTO_REQ_PREFLUSH;
	t->blockers = s.unacked;
	trace_dst_submit(t, t->blockers);
	if (unlikely(t->blockers))
		verdict = dst_index_block(t);
	if (verdict == DST_INDEX_WAIT ||
	    (modifies && verdict == DST_INDEX_GO)) {
		dst_index_insert(shard, t);
		if (t->early)
			dst_index_count_early(shard, t);
	}
	return verdict;
}

/**
 * dst_index_pass - let a read pass where there is nothing to look at
 * @t: new
 *
 * A write that is not yet in the tree is concurrent to this read, which may
 * then return either content: no lock is needed to see nr == 0.
 *
 * Context: any.
 * Return: true if @t may be sent: it has its id.
 */
bool dst_index_pass(struct dst_trans *t)
{
	if (t->op != DST_PROTO_OP_READ || READ_ONCE(dst_index_shard(t)->nr))
		return false;
	t->id = atomic64_inc_return(&t->dev->next_id);
	return true;
}

/**
 * dst_index_add - give a transaction its id and its place among others
 * @t: new
 * @taken: gets its bio if that is to end now
 *
 * Context: process or softirq, not under any spinlock.
 * Return: see enum dst_index_verdict. After DST_INDEX_WAIT the caller must not
 * touch @t any more.
 */
enum dst_index_verdict dst_index_add(struct dst_trans *t,
				     struct dst_taken *taken)
{
	struct dst_shard *shard = dst_index_shard(t);
	enum dst_index_verdict verdict;

	if (t->op == DST_PROTO_OP_FLUSH) {
		t->id = atomic64_inc_return(&t->dev->next_id);
		return DST_INDEX_GO;
	}
	spin_lock_bh(&shard->lock);
	t->id = atomic64_inc_return(&t->dev->next_id);
	verdict = dst_index_place(shard, t, taken);
	spin_unlock_bh(&shard->lock);
	return verdict;
}

/* ---- what goes out ------------------------------------------------------ */

/* Who waited for @t alone, and is in the same phase, goes to @ready. */
static void dst_index_unblock(struct dst_shard *shard,
			      const struct dst_trans *t,
			      enum dst_trans_phase phase,
			      struct list_head *ready)
{
	struct dst_trans *o;

	lockdep_assert_held(&shard->lock);
	for (o = dst_index_overlap(shard, t); o; o = dst_index_next(o, t)) {
		if (o->phase != phase || o->id <= t->id || --o->blockers)
			continue;
		spin_lock(&t->dev->lock);
		list_move_tail(&o->list, ready);
		spin_unlock(&t->dev->lock);
	}
}

/**
 * dst_index_remove - a transaction ends without having been acked
 * @t: in the index
 * @ready: gets those that waited for it alone
 *
 * Context: any but hard interrupt; under no spinlock.
 */
void dst_index_remove(struct dst_trans *t, struct list_head *ready)
{
	struct dst_shard *shard = dst_index_shard(t);
	bool passed = false;

	spin_lock_bh(&shard->lock);
	dst_index_erase(shard, t);
	if (t->phase == DST_PHASE_NEW)
		passed = dst_index_uncount_early(shard, t);
	else
		dst_index_uncount_retained(shard, t);
	if (dst_wire_is_modification(t->op) && shard->nr)
		dst_index_unblock(shard, t, t->phase, ready);
	spin_unlock_bh(&shard->lock);
	if (passed)
		dst_flush_passed(t->dev);
}

static void dst_index_forget(struct dst_shard *shard, struct dst_trans *o,
			     struct list_head *dead)
{
	dst_index_erase(shard, o);
	dst_index_uncount_retained(shard, o);
	list_move_tail(&o->list, dead);
}

/*
 * @t has been executed: older ones that it covers need not be sent again.
 * Return: true if there are others that it overlaps. @newer: are there any that
 * may wait for it?
 */
static bool dst_index_supersede(struct dst_shard *shard,
				const struct dst_trans *t,
				struct list_head *dead, bool *newer)
{
	struct dst_trans *o, *next;
	unsigned int n = 0;
	bool others = false;

	/* if it is alone in the tree, there are none either */
	*newer = shard->nr > 1;
	if (!shard->nr_retained)
		return false;
	*newer = false;
	for (o = dst_index_overlap(shard, t); o; o = next) {
		next = dst_index_next(o, t);
		*newer |= o->id > t->id;
		if (o->phase != DST_PHASE_RETAINED || o->id > t->id ||
		    dst_index_is_committed(o))
			continue;
		if (dst_index_covers(t, o) && n++ < DST_INDEX_REAP_BATCH)
			dst_index_forget(shard, o, dead);
		else
			others = true;
	}
	return others;
}

static void dst_index_keep(struct dst_shard *shard, struct dst_trans *t,
			   u32 boot_seq)
{
	if (t->phase == DST_PHASE_NEW) {
		shard->nr_retained++;
		shard->retained_bytes += t->length_bytes;
	}
	t->phase = DST_PHASE_RETAINED;
	t->alone = false;
	/* sent again, it does not commit what is sent again with it */
	t->flags &= ~DST_PROTO_REQ_PREFLUSH;
	t->boot_seq = boot_seq;
	/* pairs with dst_flush_cover(): a flush sent later covers it */
	t->gen = atomic64_read(&t->dev->gen);
	list_add_tail(&t->list, &shard->retained);
}

/**
 * dst_index_acked - a modification has been executed
 * @t: in the index; owned by the caller, without a bio if it may be retained
 * @boot_seq: of the server that executed it
 * @durable: it is on stable storage
 * @ready: gets those that waited for it alone
 * @dead: gets those that are not needed any more, to be ended
 *
 * Context: any but hard interrupt; under no spinlock.
 * Return: see enum dst_index_fate.
 */
enum dst_index_fate dst_index_acked(struct dst_trans *t, u32 boot_seq,
				    bool durable, struct list_head *ready,
				    struct list_head *dead)
{
	struct dst_shard *shard = dst_index_shard(t);
	bool may_keep = dst_retain_may_keep(t);
	enum dst_trans_phase phase = t->phase;
	struct dst_device *dev = t->dev;
	bool keep, newer, passed = false;

	if (!durable && !may_keep)
		return DST_INDEX_AGAIN;
	spin_lock_bh(&shard->lock);
	keep = dst_index_supersede(shard, t, dead, &newer) || !durable;
	if (keep && !may_keep) {
		spin_unlock_bh(&shard->lock);
		return DST_INDEX_AGAIN;
	}
	if (phase == DST_PHASE_NEW)
		passed = dst_index_uncount_early(shard, t);
	if (newer)
		dst_index_unblock(shard, t, phase, ready);
	if (keep) {
		dst_index_keep(shard, t, boot_seq);
	} else {
		dst_index_erase(shard, t);
		if (phase != DST_PHASE_NEW)
			dst_index_uncount_retained(shard, t);
	}
	spin_unlock_bh(&shard->lock);
	if (passed)
		dst_flush_passed(dev);
	return keep ? DST_INDEX_KEPT : DST_INDEX_GONE;
}

/* ---- what is retained --------------------------------------------------- */

/**
 * dst_index_reap - take out what a flush has committed
 * @dev: device
 * @committed: all of a lower generation
 * @dead: gets some of them, to be ended
 *
 * Context: any but hard interrupt; under no spinlock.
 * Return: true if there may be more.
 */
bool dst_index_reap(struct dst_device *dev, u64 committed,
		    struct list_head *dead)
{
	struct dst_trans *t, *next;
	struct dst_shard *shard;
	unsigned int n;
	bool more = false;

	for (shard = dev->shards; shard < dev->shards + DST_SHARDS; shard++) {
		n = 0;
		spin_lock_bh(&shard->lock);
		list_for_each_entry_safe(t, next, &shard->retained, list) {
			if (t->gen >= committed)
				break;
			if (n++ == DST_INDEX_REAP_BATCH) {
				more = true;
				break;
			}
			dst_index_forget(shard, t, dead);
		}
		spin_unlock_bh(&shard->lock);
	}
	return more;
}

/**
 * dst_index_collect - take out what a new server may have lost
 * @dev: device; no lane is up
 * @committed: what is of a lower generation need not be sent again
 * @set: gets the others, but for what the new server has executed already
 *
 * They stay in the index, in phase REPLAY.
 *
 * Context: process.
 */
void dst_index_collect(struct dst_device *dev, u64 committed,
		       struct list_head *set)
{
	struct dst_trans *t, *next;
	struct dst_shard *shard;

	for (shard = dev->shards; shard < dev->shards + DST_SHARDS; shard++) {
		spin_lock_bh(&shard->lock);
		list_for_each_entry_safe(t, next, &shard->retained, list) {
			if (t->gen < committed || t->boot_seq == dev->boot_seq)
				continue;
			t->phase = DST_PHASE_REPLAY;
			list_move_tail(&t->list, set);
		}
		spin_unlock_bh(&shard->lock);
	}
}

/**
 * dst_index_order - find out what a replayed transaction has to wait for
 * @t: collected; owned by the caller
 *
 * Context: process; under no spinlock.
 * Return: true if it waits now; the caller must not touch it any more.
 */
bool dst_index_order(struct dst_trans *t)
{
	struct dst_shard *shard = dst_index_shard(t);
	bool waits = false;
	struct dst_trans *o;

	spin_lock_bh(&shard->lock);
	t->blockers = 0;
	for (o = dst_index_overlap(shard, t); o; o = dst_index_next(o, t))
		t->blockers += o->phase == DST_PHASE_REPLAY && o->id < t->id;
	if (t->blockers) {
		spin_lock(&t->dev->lock);
		t->state = DST_TRANS_BLOCKED;
		list_add_tail(&t->list, &t->dev->blocked);
		spin_unlock(&t->dev->lock);
		waits = true;
	}
	spin_unlock_bh(&shard->lock);
	return waits;
}

/**
 * dst_index_return - a replayed transaction was not acked: keep it for later
 * @t: in phase REPLAY; the caller must not touch it any more
 *
 * Context: any but hard interrupt; under no spinlock.
 */
void dst_index_return(struct dst_trans *t)
{
	struct dst_shard *shard = dst_index_shard(t);

	spin_lock_bh(&shard->lock);
	t->phase = DST_PHASE_RETAINED;
	list_add(&t->list, &shard->retained);
	spin_unlock_bh(&shard->lock);
}

/**
 * dst_index_sum - how much is only in RAM?
 * @dev: device
 * @sum: filled; not of one moment
 *
 * Context: any but hard interrupt; under no spinlock.
 */
void dst_index_sum(struct dst_device *dev, struct dst_index_sum *sum)
{
	struct dst_shard *shard;
	struct dst_trans *t;

	memset(sum, 0, sizeof(*sum));
	for (shard = dev->shards; shard < dev->shards + DST_SHARDS; shard++) {
		spin_lock_bh(&shard->lock);
		sum->all += shard->nr;
		sum->early += shard->early[0] + shard->early[1];
		sum->retained += shard->nr_retained;
		sum->retained_bytes += shard->retained_bytes;
		t = list_first_entry_or_null(&shard->retained,
					     struct dst_trans, list);
		if (t)
			sum->oldest_ms = max(sum->oldest_ms,
					     jiffies_to_msecs(jiffies - t->since));
		spin_unlock_bh(&shard->lock);
	}
}

/**
 * dst_index_show - call something for each retained transaction
 * @dev: device
 * @show: under a spinlock
 * @arg: for it
 *
 * Context: process; under no spinlock.
 */
void dst_index_show(struct dst_device *dev,
		    void (*show)(const struct dst_trans *t, void *arg),
		    void *arg)
{
	struct dst_shard *shard;
	struct dst_trans *t;

	for (shard = dev->shards; shard < dev->shards + DST_SHARDS; shard++) {
		spin_lock_bh(&shard->lock);
		list_for_each_entry(t, &shard->retained, list)
			show(t, arg);
		spin_unlock_bh(&shard->lock);
	}
}
