/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a mirror may be put together from what can be seen of it, and when
 * a record counts. The reasons are in Documentation/mirror-format.md.
 */
#ifndef DST_ASSEMBLY_H
#define DST_ASSEMBLY_H

#include "dst_meta.h"

/* What is to be done with a leg or witness that can be seen. */
enum dst_assembly_fate {
	DST_ASSEMBLY_NO_MEMBER,	/* was removed: leave it alone */
	DST_ASSEMBLY_USE,	/* has everything, may be read */
	DST_ASSEMBLY_RESYNC,	/* may be read when dirty regions are copied */
	DST_ASSEMBLY_REBUILD,	/* may be read when all of it is copied */
	DST_ASSEMBLY_UNFIT,	/* the mirror has outgrown it */
	DST_ASSEMBLY_VOTE,	/* a witness */
};

enum dst_assembly_verdict {
	DST_ASSEMBLY_OK,
	DST_ASSEMBLY_NOTHING,	/* no metadata can be seen */
	DST_ASSEMBLY_FOREIGN,	/* @culprit is of another mirror */
	DST_ASSEMBLY_TWICE,	/* @culprit is the same as another one */
	DST_ASSEMBLY_DIVERGED,	/* @culprit was written to without the others */
	DST_ASSEMBLY_MISSING,	/* in-sync legs cannot be seen */
	DST_ASSEMBLY_QUORUM,	/* no majority can be seen */
	DST_ASSEMBLY_OLD,	/* @culprit went back in time */
	DST_ASSEMBLY_UNUSABLE,	/* no leg that can be seen is whole */
	DST_ASSEMBLY_WORN,	/* there are no reigns left */
	DST_ASSEMBLY_VERDICT_NR
};

/**
 * struct dst_assembly_seen - a leg or witness that was looked for
 * @meta: its superblock; NULL if there is none to be seen
 * @fate: for dst_assembly_decide() to fill in
 */
struct dst_assembly_seen {
	const struct dst_meta *meta;
	enum dst_assembly_fate fate;
};

/**
 * struct dst_assembly - what was decided
 * @verdict: whether the mirror may be assembled, and if not, why
 * @culprit: which one is the reason, where one is
 * @newest: whose record counts
 * @missing: slots of those that would have to be seen
 * @seen: slots of the members that are seen
 * @use: slots of the legs that may be read
 * @restart: slots of the legs of which all has to be copied, from the start
 * @claim: the reign to come
 * @fork: this was decided against the rules and needs a branch of its own
 */
struct dst_assembly {
	enum dst_assembly_verdict verdict;
	unsigned int culprit;
	unsigned int newest;
	__u16 missing;
	__u16 seen;
	__u16 use;
	__u16 restart;
	__u32 claim;
	bool fork;
};

__u16 dst_assembly_in_sync(const struct dst_meta_record *record);
bool dst_assembly_suffices(const struct dst_meta_record *record, __u16 held);
bool dst_assembly_counts(const struct dst_meta_record *old,
			 const struct dst_meta_record *record, __u16 held);
bool dst_assembly_may_try(const struct dst_meta_record *old,
			  const struct dst_meta_record *tried,
			  const struct dst_meta_record *record);
void dst_assembly_decide(struct dst_assembly_seen *seen, unsigned int nr,
			 bool override, struct dst_assembly *out);
void dst_assembly_begin(const struct dst_assembly *assembly,
			const struct dst_assembly_seen *seen, unsigned int nr,
			const __u8 *branch, struct dst_meta_record *record);
const char *dst_assembly_verdict_text(enum dst_assembly_verdict verdict);

#endif /* DST_ASSEMBLY_H */
