// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a mirror may be put together from what can be seen of it. A leg that
 * might be stale is never used; why that holds, whatever crashes in whatever
 * order, is in Documentation/mirror-format.md. Pure code.
 */
#include <linux/string.h>

#include "dst_assembly.h"

static bool dst_assembly_same_uuid(const __u8 *a, const __u8 *b)
{
	return !memcmp(a, b, DST_META_UUID_LEN);
}

static __u16 dst_assembly_members(const struct dst_meta_record *record)
{
	unsigned int slot;
	__u16 mask = 0;

	for (slot = 0; slot < DST_META_SLOTS; slot++)
		if (record->members[slot].state != DST_META_NONE)
			mask |= 1U << slot;
	return mask;
}

/**
 * dst_assembly_in_sync - slots of the legs that a record calls in-sync
 * @record: any
 */
__u16 dst_assembly_in_sync(const struct dst_meta_record *record)
{
	unsigned int slot;
	__u16 mask = 0;

	for (slot = 0; slot < DST_META_LEGS_MAX; slot++)
		if (record->members[slot].state == DST_META_IN_SYNC)
			mask |= 1U << slot;
	return mask;
}

static unsigned int dst_assembly_nr(__u16 mask)
{
	unsigned int nr = 0;

	for (; mask; mask &= mask - 1)
		nr++;
	return nr;
}

static bool dst_assembly_majority(const struct dst_meta_record *record,
				  __u16 held)
{
	__u16 members = dst_assembly_members(record);

	return dst_assembly_nr(held & members) * 2 > dst_assembly_nr(members);
}

/**
 * dst_assembly_suffices - are these members enough to know what counts?
 * @record: the newest one that can be seen
 * @held: slots of the members that are seen, or that took a claim
 *
 * With quorum that is a majority. Without, a record may be on one leg alone;
 * but before that, one of those that were in-sync was told.
 */
bool dst_assembly_suffices(const struct dst_meta_record *record, __u16 held)
{
	__u16 in_sync = dst_assembly_in_sync(record);

	if (record->flags & DST_META_FLAG_QUORUM)
		return dst_assembly_majority(record, held);
	return !(in_sync & ~held);
}

/* Slots whose members are the same in both. */
static __u16 dst_assembly_common(const struct dst_meta_record *a,
				 const struct dst_meta_record *b)
{
	__u16 mask = dst_assembly_members(a) & dst_assembly_members(b);
	unsigned int slot;

	for (slot = 0; slot < DST_META_SLOTS; slot++)
		if (!dst_assembly_same_uuid(a->members[slot].uuid,
					    b->members[slot].uuid))
			mask &= ~(1U << slot);
	return mask;
}

/**
 * dst_assembly_counts - may a write complete as a record says?
 * @old: the record that counted before
 * @record: the one to come
 * @held: slots of the members on whose stable storage @record is
 *
 * Whoever has seen enough to go by @old has to meet @record then.
 */
bool dst_assembly_counts(const struct dst_meta_record *old,
			 const struct dst_meta_record *record, __u16 held)
{
	__u16 common = held & dst_assembly_common(old, record);

	if (dst_assembly_in_sync(record) & ~held)
		return false;
	if (!dst_assembly_same_uuid(old->branch, record->branch))
		return true;
	if ((record->flags & DST_META_FLAG_QUORUM) &&
	    !dst_assembly_majority(record, held))
		return false;
	if (old->flags & DST_META_FLAG_QUORUM)
		return dst_assembly_majority(old, common);
	return common & dst_assembly_in_sync(old);
}

/**
 * dst_assembly_may_try - may a record be sent to anybody?
 * @old: the record that counts
 * @tried: the last one that was sent to anybody since then; NULL if none was
 * @record: the one to come
 *
 * A leg that may have been told that it is alone must not be left out. That
 * what @record calls in-sync has all data is for the caller to know.
 */
bool dst_assembly_may_try(const struct dst_meta_record *old,
			  const struct dst_meta_record *tried,
			  const struct dst_meta_record *record)
{
	__u16 before = dst_assembly_in_sync(old);
	__u16 in_sync = dst_assembly_in_sync(record);

	if (!in_sync || ((in_sync & ~before) && (before & ~in_sync)))
		return false;
	if (!tried || (old->flags & record->flags & DST_META_FLAG_QUORUM))
		return true;
	return !(in_sync & ~dst_assembly_in_sync(tried));
}

/* Can who wrote @newest have known of @record? */
static bool dst_assembly_agrees(const struct dst_meta_record *newest,
				const struct dst_meta_record *record)
{
	unsigned int i;

	if (!dst_assembly_same_uuid(newest->branch, record->branch)) {
		for (i = 0; i < newest->forks_nr; i++)
			if (dst_assembly_same_uuid(newest->forks[i].branch,
						   record->branch))
				return record->events <=
				       newest->forks[i].events;
		return false;
	}
	if (newest->events != record->events)
		return true;
	/* no two records have one number */
	if (newest->data_bytes != record->data_bytes ||
	    newest->flags != record->flags ||
	    dst_assembly_members(newest) != dst_assembly_members(record) ||
	    dst_assembly_common(newest, record) != dst_assembly_members(newest))
		return false;
	for (i = 0; i < DST_META_SLOTS; i++)
		if (newest->members[i].state != record->members[i].state)
			return false;
	return true;
}

/* The first that is of another mirror, or the same as one before; else @nr. */
static unsigned int
dst_assembly_stranger(const struct dst_assembly_seen *seen, unsigned int nr,
		      enum dst_assembly_verdict *why)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		const struct dst_meta *a = seen[i].meta;

		for (j = 0; a && j < i; j++) {
			const struct dst_meta *b = seen[j].meta;

			if (!b)
				continue;
			*why = DST_ASSEMBLY_FOREIGN;
			if (!dst_assembly_same_uuid(a->record.mirror,
						    b->record.mirror))
				return i;
			*why = DST_ASSEMBLY_TWICE;
			if (dst_assembly_same_uuid(a->member, b->member))
				return i;
		}
	}
	return nr;
}

/* Takes the newest record, and the highest claim. */
static void dst_assembly_rank(const struct dst_assembly_seen *seen,
			      unsigned int nr, struct dst_assembly *out)
{
	__u64 events = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct dst_meta *meta = seen[i].meta;

		if (!meta)
			continue;
		if (meta->record.events > events) {
			events = meta->record.events;
			out->newest = i;
		}
		if (meta->claim > out->claim)
			out->claim = meta->claim;
	}
}

static bool dst_assembly_is_member(const struct dst_meta_record *record,
				   const struct dst_meta *meta)
{
	const struct dst_meta_member *member = &record->members[meta->slot];

	return member->state != DST_META_NONE &&
	       dst_assembly_same_uuid(member->uuid, meta->member);
}

/* Its bitmap is another one now, and it may even be too small. */
static bool dst_assembly_other_sizes(const struct dst_meta_record *a,
				     const struct dst_meta_record *b)
{
	return a->data_bytes != b->data_bytes ||
	       a->region_log2 != b->region_log2;
}

/* What can be done with a leg that is not good enough to be read. */
static enum dst_assembly_fate
dst_assembly_repair(const struct dst_meta_record *newest,
		    const struct dst_meta *meta, __u16 *restart)
{
	const struct dst_meta_member *member = &newest->members[meta->slot];

	if (meta->super_offset < newest->bitmap_bytes ||
	    meta->super_offset - newest->bitmap_bytes < newest->data_bytes)
		return DST_ASSEMBLY_UNFIT;
	/* what it lacks is in the bitmap only if it is what it was then */
	if (meta->record.events < member->known_events ||
	    dst_assembly_other_sizes(newest, &meta->record)) {
		*restart |= 1U << meta->slot;
		return DST_ASSEMBLY_REBUILD;
	}
	return member->state == DST_META_REBUILDING ? DST_ASSEMBLY_REBUILD :
						      DST_ASSEMBLY_RESYNC;
}

/*
 * Gives each its fate by the newest record. A leg may be read if that record
 * calls it in-sync and it holds that record itself. One that is in-sync but
 * holds an older one had the power fail before the record counted: it differs
 * in dirty regions at most. If it is older than it was known to be, it is not
 * what it was: @old.
 */
static void dst_assembly_judge(struct dst_assembly_seen *seen, unsigned int nr,
			       struct dst_assembly *out, unsigned int *old)
{
	const struct dst_meta_record *newest = &seen[out->newest].meta->record;
	__u16 in_sync = dst_assembly_in_sync(newest);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct dst_meta *meta = seen[i].meta;
		__u16 bit = meta ? 1U << meta->slot : 0;

		seen[i].fate = DST_ASSEMBLY_NO_MEMBER;
		if (!meta || !dst_assembly_is_member(newest, meta))
			continue;
		if (!dst_assembly_agrees(newest, &meta->record)) {
			out->verdict = DST_ASSEMBLY_DIVERGED;
			out->culprit = i;
		}
		out->seen |= bit;
		if (meta->slot >= DST_META_LEGS_MAX) {
			seen[i].fate = DST_ASSEMBLY_VOTE;
		} else if ((in_sync & bit) &&
			   meta->record.events == newest->events) {
			seen[i].fate = DST_ASSEMBLY_USE;
			out->use |= bit;
		} else {
			seen[i].fate = dst_assembly_repair(newest, meta,
							   &out->restart);
			if (in_sync & bit & out->restart)
				*old = i;
		}
	}
}

/* By the rules: is what can be seen enough? */
static enum dst_assembly_verdict
dst_assembly_enough(const struct dst_meta_record *newest, unsigned int old,
		    unsigned int nr, struct dst_assembly *out)
{
	__u16 in_sync = dst_assembly_in_sync(newest);

	if (!dst_assembly_suffices(newest, out->seen)) {
		if (newest->flags & DST_META_FLAG_QUORUM) {
			out->missing = dst_assembly_members(newest) &
				       ~out->seen;
			return DST_ASSEMBLY_QUORUM;
		}
		out->missing = in_sync & ~out->seen;
		return DST_ASSEMBLY_MISSING;
	}
	if (!(in_sync & out->seen)) {
		out->missing = in_sync;
		return DST_ASSEMBLY_MISSING;
	}
	if (old < nr) {
		out->culprit = old;
		return DST_ASSEMBLY_OLD;
	}
	return DST_ASSEMBLY_OK;
}

static bool dst_assembly_is_whole(const struct dst_meta_record *record,
				  unsigned int slot)
{
	__u8 state = record->members[slot].state;

	return state == DST_META_IN_SYNC || state == DST_META_STALE;
}

/*
 * Against the rules: no leg has the newest record, so the least old one that
 * is whole has to do. How the others differ from it nobody knows.
 */
static enum dst_assembly_verdict
dst_assembly_make_do(struct dst_assembly_seen *seen, unsigned int nr,
		     struct dst_assembly *out)
{
	const struct dst_meta_record *newest = &seen[out->newest].meta->record;
	unsigned int i, best = nr;

	for (i = 0; i < nr; i++) {
		const struct dst_meta *meta = seen[i].meta;

		if (seen[i].fate != DST_ASSEMBLY_RESYNC &&
		    seen[i].fate != DST_ASSEMBLY_REBUILD)
			continue;
		seen[i].fate = DST_ASSEMBLY_REBUILD;
		if (dst_assembly_is_whole(newest, meta->slot) &&
		    dst_assembly_is_whole(&meta->record, meta->slot) &&
		    !dst_assembly_other_sizes(newest, &meta->record) &&
		    (best == nr ||
		     meta->record.events > seen[best].meta->record.events))
			best = i;
	}
	if (best == nr)
		return DST_ASSEMBLY_UNUSABLE;
	seen[best].fate = DST_ASSEMBLY_USE;
	out->use = 1U << seen[best].meta->slot;
	out->restart = ~out->use;
	return DST_ASSEMBLY_OK;
}

/**
 * dst_assembly_decide - may a mirror be assembled from what can be seen?
 * @seen: each leg and witness that was named, with what dst_meta_decode() took
 *	from it while nobody else could write to it; gets the fates
 * @nr: how many
 * @override: go on with legs that may be stale, where nothing else forbids it
 * @out: the decision
 *
 * If the verdict is OK: before anything else @claim goes to the members that
 * are seen, and if those that took it do not suffice, it was not OK. Then the
 * record of dst_assembly_begin() has to count. Fates mean something only if
 * the verdict is OK.
 */
void dst_assembly_decide(struct dst_assembly_seen *seen, unsigned int nr,
			 bool override, struct dst_assembly *out)
{
	const struct dst_meta_record *newest;
	unsigned int old = nr;

	memset(out, 0, sizeof(*out));
	out->culprit = dst_assembly_stranger(seen, nr, &out->verdict);
	if (out->culprit < nr)
		return;
	out->verdict = DST_ASSEMBLY_NOTHING;
	out->newest = nr;
	dst_assembly_rank(seen, nr, out);
	if (out->newest == nr)
		return;
	out->verdict = DST_ASSEMBLY_WORN;
	if (out->claim >= ~0U - 1)
		return;
	out->claim++;

	out->verdict = DST_ASSEMBLY_OK;
	newest = &seen[out->newest].meta->record;
	dst_assembly_judge(seen, nr, out, &old);
	if (out->verdict)
		return;
	out->verdict = dst_assembly_enough(newest, old, nr, out);
	if (!out->verdict && !out->use) {
		/* it is told to legs first, so one of them has lost it */
		out->verdict = DST_ASSEMBLY_OLD;
		out->culprit = out->newest;
	}
	if (!out->verdict || !override)
		return;
	out->fork = true;
	out->verdict = out->use ? DST_ASSEMBLY_OK :
				  dst_assembly_make_do(seen, nr, out);
}

static void dst_assembly_fork(struct dst_meta_record *record,
			      const __u8 *branch)
{
	struct dst_meta_fork *forks = record->forks;

	if (record->forks_nr == DST_META_FORKS) {
		memmove(forks, forks + 1,
			(DST_META_FORKS - 1) * sizeof(*forks));
		record->forks_nr--;
	}
	forks += record->forks_nr++;
	memcpy(forks->branch, record->branch, DST_META_UUID_LEN);
	forks->events = record->events;
	memcpy(record->branch, branch, DST_META_UUID_LEN);
	/* there is no majority to wait for */
	record->flags &= ~DST_META_FLAG_QUORUM;
}

/**
 * dst_assembly_begin - the first record of a new reign
 * @assembly: decided, and OK
 * @seen: as decided
 * @nr: how many
 * @branch: a new UUID, used if @assembly is a fork
 * @record: the answer, to be written to all members that are seen
 */
void dst_assembly_begin(const struct dst_assembly *assembly,
			const struct dst_assembly_seen *seen, unsigned int nr,
			const __u8 *branch, struct dst_meta_record *record)
{
	unsigned int i;

	*record = seen[assembly->newest].meta->record;
	for (i = 0; i < nr; i++)
		if (seen[i].meta && seen[i].fate != DST_ASSEMBLY_NO_MEMBER)
			record->members[seen[i].meta->slot].known_events =
				seen[i].meta->record.events;
	for (i = 0; i < DST_META_LEGS_MAX; i++) {
		struct dst_meta_member *member = &record->members[i];

		if (member->state == DST_META_NONE)
			continue;
		if (assembly->use & 1U << i) {
			member->state = DST_META_IN_SYNC;
			member->resync_bytes = 0;
		} else if (assembly->restart & 1U << i) {
			member->state = DST_META_REBUILDING;
			member->resync_bytes = 0;
		} else if (member->state == DST_META_IN_SYNC) {
			member->state = DST_META_STALE;
		}
	}
	if (assembly->fork)
		dst_assembly_fork(record, branch);
	record->events = DST_META_NUMBER(assembly->claim, 1);
}

/**
 * dst_assembly_verdict_text - why a mirror was not assembled, in words
 * @verdict: of dst_assembly_decide()
 */
const char *dst_assembly_verdict_text(enum dst_assembly_verdict verdict)
{
	static const char * const text[] = {
		[DST_ASSEMBLY_OK] = "it can be assembled",
		[DST_ASSEMBLY_NOTHING] = "no leg has metadata of a mirror",
		[DST_ASSEMBLY_FOREIGN] = "a leg belongs to another mirror",
		[DST_ASSEMBLY_TWICE] = "the same leg was given twice",
		[DST_ASSEMBLY_DIVERGED] = "a leg was written to without the others",
		[DST_ASSEMBLY_MISSING] = "legs that were in-sync are missing",
		[DST_ASSEMBLY_QUORUM] = "no majority of legs and witnesses is there",
		[DST_ASSEMBLY_OLD] = "a leg is older than it was when the others last saw it",
		[DST_ASSEMBLY_UNUSABLE] = "no leg that is there is a whole copy",
		[DST_ASSEMBLY_WORN] = "the mirror was assembled too often",
	};

	return verdict < DST_ASSEMBLY_VERDICT_NR ? text[verdict] : "unknown";
}
