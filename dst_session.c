// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions of the server: who may use an export, and the fence.
 *
 * A lane is let in only when nothing that came over its predecessor can run
 * any more: the old target is marked dead, executes nothing further, and is
 * taken off export->targets when the last request that it had submitted has
 * ended. Only then is the hello answered. So nothing of the old connection can
 * run after what the client sends again over the new one.
 *
 * A writer holds the export until it says bye, or until another initiator
 * fences it out by --preempt: also while it has no connection, since it may
 * have writes to send again; and also over a restart of the server, see
 * dst_owner.c. Sessions that are over are remembered, so that
 * they are told when they come back; those that ended first are forgotten
 * beyond a limit.
 */
#include <linux/random.h>
#include <linux/slab.h>

#include "dst_target.h"

/* How long the answer to a hello may wait for the drain. */
#define DST_SESSION_DRAIN_MS		1000
#define DST_SESSION_MAX_OVER		64
#define DST_SESSION_SLOTS		256
#define DST_SESSION_CREDIT_BYTES	(4U << 20)

static struct dst_session *dst_session_find(struct dst_export *export,
					    const struct dst_proto_hello *hello)
{
	struct dst_session *s;

	list_for_each_entry(s, &export->sessions, entry)
		if (!memcmp(s->initiator, hello->initiator,
			    sizeof(s->initiator)) &&
		    !memcmp(s->device, hello->device, sizeof(s->device)))
			return s;
	return NULL;
}

/* It will never be used again, but late hellos of it may come. */
static bool dst_session_is_over(const struct dst_session *s)
{
	return s->fenced || s->bye;
}

/* The session, other than @self, that has the export for writing. */
static struct dst_session *dst_session_holder(struct dst_export *export,
					      const struct dst_session *self)
{
	struct dst_session *s;

	if (export->shared)
		return NULL;
	list_for_each_entry(s, &export->sessions, entry)
		if (s != self && s->rw && !dst_session_is_over(s))
			return s;
	return NULL;
}

static void dst_session_free(struct dst_session *s)
{
	list_del(&s->entry);
	kfree(s);
}

static void dst_session_forget_over(struct dst_export *export)
{
	struct dst_session *s, *next;
	unsigned int n = 0;

	list_for_each_entry(s, &export->sessions, entry)
		n += dst_session_is_over(s);
	list_for_each_entry_safe(s, next, &export->sessions, entry)
		if (dst_session_is_over(s) && !s->targets &&
		    n > DST_SESSION_MAX_OVER) {
			dst_session_free(s);
			n--;
		}
}

static void dst_session_kill(struct dst_export *export, struct dst_session *s)
{
	struct dst_target *target;

	list_for_each_entry(target, &export->targets, entry)
		if (target->session == s)
			dst_target_set(target, DST_TARGET_DEAD);
}

static void dst_session_fence(struct dst_export *export, struct dst_session *s,
			      const struct dst_target *by)
{
	pr_warn("export %s: %s (%s) is fenced out by %s\n", export->name,
		s->host, s->peer.text, by->peer.text);
	s->fenced = true;
	export->counters.fenced++;
	dst_session_kill(export, s);
	list_move_tail(&s->entry, &export->sessions);
	dst_session_forget_over(export);
}

/*
 * Must @new wait for @old to be gone? For what shares its lane, for what is
 * left of an earlier session of the same device, and, to write, for what is
 * left of any other writer.
 */
static bool dst_session_stands_in_way(const struct dst_target *old,
				      const struct dst_target *new)
{
	if (old == new || !dst_target_is_dead(old))
		return false;
	if (old->session == new->session)
		return old->lane == new->lane || old->epoch != new->epoch;
	return old->rw && new->rw && !new->export->shared;
}

static bool dst_session_is_clear(struct dst_target *target,
				 struct dst_proto_welcome *w)
{
	struct dst_export *export = target->export;
	unsigned int requests = 0, age_ms = 0;
	struct dst_target *old;
	bool clear = true;

	spin_lock(&export->lock);
	list_for_each_entry(old, &export->targets, entry) {
		if (!dst_session_stands_in_way(old, target))
			continue;
		clear = false;
		requests += READ_ONCE(old->open);
		age_ms = max(age_ms, dst_target_oldest_ms(old));
	}
	spin_unlock(&export->lock);
	w->drain_requests = cpu_to_le32(requests);
	w->drain_age_ms = cpu_to_le32(age_ms);
	return clear;
}

static void dst_session_renew(struct dst_export *export, struct dst_session *s,
			      const struct dst_proto_hello *hello)
{
	dst_session_kill(export, s);
	s->epoch = le64_to_cpu(hello->epoch);
	s->fenced = false;
	s->bye = false;
	s->rw = false;
	if (le32_to_cpu(hello->flags) & DST_PROTO_HELLO_NEW)
		s->established = false;
	memset(s->generation, 0, sizeof(s->generation));
}

static bool dst_session_has_room(struct dst_export *export)
{
	struct dst_session *s;
	unsigned int n = 0;

	list_for_each_entry(s, &export->sessions, entry)
		n += !dst_session_is_over(s);
	return n < export->max_clients;
}

static void dst_session_init(struct dst_export *export, struct dst_session *s,
			     const struct dst_target *target,
			     const struct dst_proto_hello *hello)
{
	s->number = export->next_session++;
	memcpy(s->initiator, hello->initiator, sizeof(s->initiator));
	memcpy(s->device, hello->device, sizeof(s->device));
	memcpy(s->host, hello->host, sizeof(s->host));
	s->epoch = le64_to_cpu(hello->epoch);
	s->peer = target->peer;
	list_add_tail(&s->entry, &export->sessions);
}

/*
 * Is this hello from the newest incarnation of its session, or does it begin a
 * newer one (@renew)? Changes nothing.
 */
static int dst_session_check_epoch(const struct dst_session *s,
				   const struct dst_target *target,
				   const struct dst_proto_hello *hello,
				   bool *renew)
{
	bool fresh = le32_to_cpu(hello->flags) & DST_PROTO_HELLO_NEW;
	u64 epoch = le64_to_cpu(hello->epoch);

	*renew = epoch > s->epoch;
	if (*renew)
		return DST_PROTO_JOIN_OK;
	if (fresh)
		return DST_PROTO_JOIN_STALE;
	if (epoch < s->epoch || dst_session_is_over(s))
		return DST_PROTO_JOIN_FENCED;
	/* the lane is ours unless a later attempt has been here */
	if (le64_to_cpu(hello->generation) <= s->generation[target->lane])
		return DST_PROTO_JOIN_STALE;
	return DST_PROTO_JOIN_OK;
}

/* Whoever else has the export for writing has to go, or we have. */
static int dst_session_check_holder(struct dst_export *export,
				    struct dst_session *s,
				    struct dst_target *target,
				    const struct dst_proto_hello *hello,
				    struct dst_proto_welcome *w)
{
	const u32 preempt = DST_PROTO_HELLO_PREEMPT | DST_PROTO_HELLO_NEW;
	struct dst_session *holder;

	if (!target->rw)
		return DST_PROTO_JOIN_OK;
	while ((holder = dst_session_holder(export, s))) {
		if ((le32_to_cpu(hello->flags) & preempt) != preempt) {
			snprintf(w->holder, sizeof(w->holder), "%.36s (%.22s)",
				 holder->host, holder->peer.text);
			return DST_PROTO_JOIN_HELD;
		}
		dst_session_fence(export, holder, target);
	}
	return DST_PROTO_JOIN_OK;
}

static void dst_session_take_lane(struct dst_export *export,
				  struct dst_session *s,
				  struct dst_target *target,
				  const struct dst_proto_hello *hello)
{
	struct dst_target *old;

	s->generation[target->lane] = le64_to_cpu(hello->generation);
	list_for_each_entry(old, &export->targets, entry)
		if (old->session == s && old->lane == target->lane)
			dst_target_set(old, DST_TARGET_DEAD);
	s->rw |= target->rw;
	s->peer = target->peer;
	s->targets++;
	target->session = s;
	target->epoch = s->epoch;
	list_add_tail(&target->entry, &export->targets);
}

static int dst_session_grant(struct dst_export *export,
			     struct dst_target *target)
{
	u64 left = export->mem_limit_bytes -
		   min(export->mem_limit_bytes, export->mem_granted_bytes);
	u32 grant = min_t(u64, DST_SESSION_CREDIT_BYTES, left / 2);

	grant = max_t(u32, round_down(grant, PAGE_SIZE),
		      DST_PROTO_MAX_TRANSFER_BYTES);
	if (grant > left)
		return DST_PROTO_JOIN_BUSY;
	target->credit_bytes = grant;
	target->credit_slots = DST_SESSION_SLOTS;
	export->mem_granted_bytes += grant;
	return DST_PROTO_JOIN_OK;
}

/*
 * It says that it was here before, and we don't know it. Unless it is the last
 * one that had the export, it had a successor before a restart of ours.
 */
static bool dst_session_was_fenced(const struct dst_target *target,
				   const struct dst_proto_hello *hello)
{
	const struct dst_export *export = target->export;
	const struct dst_owner *owner = &export->owner;

	if (!target->rw || export->shared || !owner->known ||
	    le32_to_cpu(hello->flags) & DST_PROTO_HELLO_NEW)
		return false;
	return !owner->held || le64_to_cpu(hello->epoch) < owner->epoch ||
	       !dst_owner_is(export, hello->initiator, hello->device);
}

/*
 * All of the join that needs the lock at once; @fresh is used or left. Nothing
 * has changed if it fails.
 */
static int dst_session_enter(struct dst_target *target,
			     const struct dst_proto_hello *hello,
			     struct dst_proto_welcome *w,
			     struct dst_session **fresh)
{
	struct dst_export *export = target->export;
	struct dst_session *s;
	bool renew = false;
	int status;

	lockdep_assert_held(&export->lock);
	if (export->removing)
		return DST_PROTO_JOIN_REFUSED;
	if (export->gone)
		return DST_PROTO_JOIN_OFFLINE;
	s = dst_session_find(export, hello);
	if (s) {
		w->epoch = cpu_to_le64(s->epoch);
		status = dst_session_check_epoch(s, target, hello, &renew);
		if (status)
			return status;
	}
	if (!s && dst_session_was_fenced(target, hello))
		return DST_PROTO_JOIN_FENCED;
	if ((!s || dst_session_is_over(s)) && !dst_session_has_room(export))
		return DST_PROTO_JOIN_BUSY;
	status = dst_session_grant(export, target);
	if (status)
		return status;
	status = dst_session_check_holder(export, s, target, hello, w);
	if (status) {
		export->mem_granted_bytes -= target->credit_bytes;
		target->credit_bytes = 0;
		return status;
	}
	if (!s) {
		s = *fresh;
		*fresh = NULL;
		dst_session_init(export, s, target, hello);
	} else if (renew) {
		dst_session_renew(export, s, hello);
	}
	dst_session_take_lane(export, s, target, hello);
	if (target->rw && !export->shared)
		dst_owner_set(export, s);
	return DST_PROTO_JOIN_OK;
}

static void dst_session_fill_welcome(struct dst_target *target,
				     struct dst_proto_welcome *w)
{
	struct dst_export *export = target->export;
	const struct dst_backend *b = &export->backend;
	u32 flags = 0;

	if (!target->rw)
		flags |= DST_PROTO_EXPORT_READ_ONLY;
	if (b->write_zeroes)
		flags |= DST_PROTO_EXPORT_WRITE_ZEROES;
	if (dst_backend_is_volatile(b) && !export->shared)
		flags |= DST_PROTO_EXPORT_VOLATILE;
	if (b->discard)
		flags |= DST_PROTO_EXPORT_DISCARD;
	if (b->rotational)
		flags |= DST_PROTO_EXPORT_ROTATIONAL;
	if (export->shared)
		flags |= DST_PROTO_EXPORT_SHARED;
	w->features = cpu_to_le64(target->digest ? DST_PROTO_F_DIGEST : 0);
	export_uuid(w->export_uuid, &export->uuid);
	export_uuid(w->boot_id, &export->boot_id);
	get_random_bytes(w->server_nonce, sizeof(w->server_nonce));
	w->epoch = cpu_to_le64(target->epoch);
	w->size_bytes = cpu_to_le64(READ_ONCE(export->size_bytes));
	w->logical_block_bytes = cpu_to_le32(b->logical_block_bytes);
	w->physical_block_bytes = cpu_to_le32(b->physical_block_bytes);
	w->io_min_bytes = cpu_to_le32(b->io_min_bytes);
	w->io_opt_bytes = cpu_to_le32(b->io_opt_bytes);
	w->max_transfer_bytes = cpu_to_le32(DST_PROTO_MAX_TRANSFER_BYTES);
	w->discard_granularity_bytes = cpu_to_le32(b->discard_granularity_bytes);
	w->export_flags = cpu_to_le32(flags);
	w->credit_bytes = cpu_to_le32(target->credit_bytes);
	w->credit_slots = cpu_to_le16(target->credit_slots);
	w->max_lanes = cpu_to_le16(DST_PROTO_MAX_LANES);
}

/**
 * dst_session_join - let a connection into its session, after the fence
 * @target: its export, lane, rw and digest are set
 * @hello: checked
 * @w: zeroed; filled with what the client may know
 *
 * On success the target is on export->targets and leaves by
 * dst_session_leave(). The caller of a failed join must leave as well if
 * target->session is set.
 *
 * Context: the target's thread; waits for the drain for about a second.
 * Return: enum dst_proto_join.
 */
int dst_session_join(struct dst_target *target,
		     const struct dst_proto_hello *hello,
		     struct dst_proto_welcome *w)
{
	struct dst_export *export = target->export;
	struct dst_session *fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
	int status;

	if (!fresh)
		return DST_PROTO_JOIN_BUSY;
	spin_lock(&export->lock);
	status = dst_session_enter(target, hello, w, &fresh);
	spin_unlock(&export->lock);
	kfree(fresh);
	if (status)
		return status;

	status = wait_event_timeout(export->drained,
				    dst_session_is_clear(target, w) ||
				    dst_target_is_dead(target),
				    msecs_to_jiffies(DST_SESSION_DRAIN_MS));
	/* overtaken while we waited */
	if (dst_target_is_dead(target))
		return DST_PROTO_JOIN_STALE;
	if (!status)
		return DST_PROTO_JOIN_DRAINING;
	/* before it may write */
	if (target->rw)
		dst_owner_store(export);
	dst_session_fill_welcome(target, w);
	return DST_PROTO_JOIN_OK;
}

/* A session without connections: what of it has to be remembered? */
static bool dst_session_is_needed(const struct dst_export *export,
				  const struct dst_session *s)
{
	return dst_session_is_over(s) ||
	       (s->rw && READ_ONCE(s->established) && !export->shared);
}

/**
 * dst_session_leave - a target has gone: nothing of it runs any more
 * @target: joined
 *
 * Context: the target's thread.
 */
void dst_session_leave(struct dst_target *target)
{
	struct dst_export *export = target->export;
	struct dst_session *s = target->session;

	spin_lock(&export->lock);
	list_del(&target->entry);
	export->mem_granted_bytes -= target->credit_bytes;
	dst_export_add_counters(&export->counters, &target->counters);
	if (!--s->targets && !dst_session_is_needed(export, s))
		dst_session_free(s);
	spin_unlock(&export->lock);
	wake_up_all(&export->drained);
}

/**
 * dst_session_bye - the client ended its session
 * @target: whose lane said so
 *
 * Context: the target's thread.
 */
void dst_session_bye(struct dst_target *target)
{
	struct dst_export *export = target->export;

	spin_lock(&export->lock);
	/* a late bye of an earlier incarnation ends nothing */
	if (target->session->epoch == target->epoch) {
		target->session->bye = true;
		dst_owner_clear(export, target->session);
		dst_session_kill(export, target->session);
		list_move_tail(&target->session->entry, &export->sessions);
		dst_session_forget_over(export);
	}
	spin_unlock(&export->lock);
	dst_owner_store(export);
}

static int dst_session_add_owner(struct dst_export *export)
{
	struct dst_session *s = kzalloc(sizeof(*s), GFP_KERNEL);
	const struct dst_owner *owner = &export->owner;

	if (!s)
		return -ENOMEM;
	s->number = export->next_session++;
	s->epoch = owner->epoch;
	s->rw = true;
	s->established = true;
	memcpy(s->initiator, owner->initiator, sizeof(s->initiator));
	memcpy(s->device, owner->device, sizeof(s->device));
	memcpy(s->host, owner->host, sizeof(s->host));
	strscpy(s->peer.text, "before a restart", sizeof(s->peer.text));
	list_add_tail(&s->entry, &export->sessions);
	return 0;
}

/**
 * dst_session_recall - have the export held for who had it before a restart
 * @export: new, not listed
 *
 * Context: process, sleeps.
 * Return: 0 or -ENOMEM.
 */
int dst_session_recall(struct dst_export *export)
{
	const struct dst_owner *owner = &export->owner;

	if (!owner->known || !owner->held || export->shared ||
	    export->read_only)
		return 0;
	return dst_session_add_owner(export);
}

/**
 * dst_session_count - how many clients does an export have?
 * @export: export
 *
 * Return: sessions that have a connection, or hold it without one.
 */
unsigned int dst_session_count(struct dst_export *export)
{
	struct dst_session *s;
	unsigned int n = 0;

	spin_lock(&export->lock);
	list_for_each_entry(s, &export->sessions, entry)
		n += !dst_session_is_over(s) &&
		     (s->targets || dst_session_is_needed(export, s));
	spin_unlock(&export->lock);
	return n;
}

/**
 * dst_session_describe - all there is to know about a session
 * @export: export
 * @out: client says which; filled but for its head
 * @next: or the first one after it
 *
 * Return: 0 or -ENOENT.
 */
int dst_session_describe(struct dst_export *export, struct dst_ioc_client *out,
			 bool next)
{
	struct dst_session *s;
	int ret = -ENOENT;

	spin_lock(&export->lock);
	list_for_each_entry(s, &export->sessions, entry) {
		if (dst_session_is_over(s) ||
		    (s->number != out->client &&
		     !(next && s->number > out->client)))
			continue;
		out->client = s->number;
		out->client_flags = s->rw ? 0 : DST_IOC_CLIENT_READ_ONLY;
		out->lanes = s->targets;
		out->epoch = s->epoch;
		memcpy(out->initiator, s->initiator, sizeof(out->initiator));
		memcpy(out->device, s->device, sizeof(out->device));
		memcpy(out->host, s->host, sizeof(out->host));
		out->addr = s->peer.addr;
		ret = 0;
		break;
	}
	spin_unlock(&export->lock);
	return ret;
}

/**
 * dst_session_free_all - forget all sessions
 * @export: has no targets and gets none any more
 */
void dst_session_free_all(struct dst_export *export)
{
	struct dst_session *s, *next;

	list_for_each_entry_safe(s, next, &export->sessions, entry)
		dst_session_free(s);
}
