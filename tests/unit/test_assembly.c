// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a mirror is assembled: every sight that there can be of 2 and 3 legs
 * and of 2 legs with a witness, against a plain statement of the rule; then
 * what else may be wrong with a leg, and what an override does. That the rule
 * keeps P7 is test_assembly_model's business.
 */
#include "unit.h"

#include <linux/types.h>

#include "../../dst_assembly.h"
#include "mirror.h"

#define BYTES		(64ULL << 20)
#define MOST		4
#define BIT(n)		(1U << (n))

static struct dst_meta metas[MOST];
static struct dst_assembly_seen seen[MOST];
static struct dst_assembly got;
static unsigned int nr;

/* All of them are there, and agree: record 3.7. */
static void fresh(unsigned int legs, unsigned int witnesses)
{
	unsigned int i;

	nr = legs + witnesses;
	for (i = 0; i < nr; i++) {
		unsigned int slot = i < legs ? i : DST_META_LEGS_MAX + i - legs;

		metas[i] = mirror_meta(legs, witnesses, slot, BYTES);
		seen[i].meta = &metas[i];
	}
}

static enum dst_assembly_verdict decide(bool override)
{
	dst_assembly_decide(seen, nr, override, &got);
	return got.verdict;
}

/* -- every sight ----------------------------------------------------------- */

struct sight {
	unsigned int events;	/* 0: cannot be seen */
	unsigned int in_sync;
};

static void show(const struct sight *sights, bool quorum)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		struct dst_meta_record *record = &metas[i].record;

		seen[i].meta = sights[i].events ? &metas[i] : NULL;
		record->events = DST_META_NUMBER(1, sights[i].events);
		record->flags = quorum ? DST_META_FLAG_QUORUM : 0;
		for (j = 0; j < DST_META_SLOTS; j++)
			record->members[j].known_events = 0;
		for (j = 0; j < record->legs; j++)
			record->members[j].state = sights[i].in_sync & BIT(j) ?
				DST_META_IN_SYNC : DST_META_STALE;
	}
}

/* The rule once more, from what Documentation/mirror-format.md says. */
static unsigned int expected(const struct sight *sights, unsigned int legs,
			     bool quorum, bool *diverged)
{
	unsigned int i, newest = 0, in_sync = 0, there = 0, hold = 0;

	*diverged = false;
	for (i = 0; i < nr; i++)
		if (sights[i].events > newest)
			newest = sights[i].events;
	for (i = 0; i < nr; i++) {
		if (!sights[i].events)
			continue;
		there |= BIT(i);
		if (sights[i].events < newest)
			continue;
		*diverged |= in_sync && in_sync != sights[i].in_sync;
		in_sync = sights[i].in_sync;
		hold |= BIT(i);
	}
	if (!there || *diverged)
		return 0;
	if (quorum ? 2 * __builtin_popcount(there) <= (int)nr :
		     (in_sync & there) != in_sync)
		return 0;
	return in_sync & hold & (BIT(legs) - 1);
}

static void check_sight(const struct sight *sights, unsigned int legs,
			bool quorum)
{
	bool diverged, leg = false;
	unsigned int use, i;

	show(sights, quorum);
	use = expected(sights, legs, quorum, &diverged);
	decide(false);
	assert_int_equal(!got.verdict, !!use);
	assert_int_equal(got.verdict == DST_ASSEMBLY_DIVERGED, diverged);
	if (use)
		assert_int_equal(got.use, use);
	assert_false(got.fork);
	if (got.verdict == DST_ASSEMBLY_MISSING ||
	    got.verdict == DST_ASSEMBLY_QUORUM)
		assert_true(got.missing && !(got.missing & got.seen));

	for (i = 0; i < legs; i++)
		leg |= sights[i].events;
	decide(true);
	assert_int_equal(!got.verdict, leg && !diverged);
	if (got.verdict)
		return;
	assert_int_equal(got.fork, !use);
	assert_true(got.use && (!use || got.use == use));
	for (i = 0; i < nr; i++)
		if (sights[i].events && i < legs && !(got.use & BIT(i)))
			assert_true(seen[i].fate == DST_ASSEMBLY_RESYNC ||
				    seen[i].fate == DST_ASSEMBLY_REBUILD);
}

static void every_sight(unsigned int legs, unsigned int witnesses)
{
	unsigned int sets = BIT(legs) - 1, each = 1 + 3 * sets;
	unsigned int total = 1, at, rest, i;
	struct sight sights[MOST];

	fresh(legs, witnesses);
	for (i = 0; i < nr; i++)
		total *= each;
	for (at = 0; at < total; at++) {
		for (i = 0, rest = at; i < nr; i++, rest /= each) {
			unsigned int one = rest % each;

			sights[i].events = one ? 1 + (one - 1) / sets : 0;
			sights[i].in_sync = one ? 1 + (one - 1) % sets : 0;
		}
		check_sight(sights, legs, false);
		check_sight(sights, legs, true);
	}
}

static void test_two(void **state)
{
	(void)state;
	every_sight(2, 0);
}

static void test_three(void **state)
{
	(void)state;
	every_sight(3, 0);
}

static void test_witness(void **state)
{
	(void)state;
	every_sight(2, 1);
}

/* -- what else may be wrong ------------------------------------------------- */

static void refused(enum dst_assembly_verdict want, unsigned int culprit)
{
	assert_int_equal(decide(false), want);
	assert_int_equal(got.culprit, culprit);
}

static void test_strangers(void **state)
{
	(void)state;
	fresh(3, 0);
	metas[2].record.mirror[0]++;
	refused(DST_ASSEMBLY_FOREIGN, 2);
	assert_int_equal(decide(true), DST_ASSEMBLY_FOREIGN);
	fresh(3, 0);
	seen[2].meta = &metas[0];
	refused(DST_ASSEMBLY_TWICE, 2);
	assert_int_equal(decide(true), DST_ASSEMBLY_TWICE);
	memset(seen, 0, sizeof(seen));
	assert_int_equal(decide(true), DST_ASSEMBLY_NOTHING);
	nr = 0;
	assert_int_equal(decide(false), DST_ASSEMBLY_NOTHING);
	fresh(2, 0);
	metas[1].claim = ~0U - 1;
	assert_int_equal(decide(false), DST_ASSEMBLY_WORN);
	metas[1].claim = ~0U;
	assert_int_equal(decide(true), DST_ASSEMBLY_WORN);
}

/* Another leg has its slot now: it neither counts nor is touched. */
static void test_removed(void **state)
{
	unsigned int i;

	(void)state;
	fresh(3, 0);
	for (i = 0; i < 2; i++) {
		metas[i].record.events++;
		metas[i].record.members[2].uuid[0] = 0x77;
		metas[i].record.members[2].state = DST_META_REBUILDING;
		metas[i].record.flags = DST_META_FLAG_QUORUM;
	}
	assert_int_equal(decide(false), DST_ASSEMBLY_OK);
	assert_int_equal(got.use, 3);
	assert_int_equal(seen[2].fate, DST_ASSEMBLY_NO_MEMBER);
	seen[1].meta = NULL;
	assert_int_equal(decide(false), DST_ASSEMBLY_QUORUM);
	assert_int_equal(got.missing, 6);
}

/* A leg that is older than the others know it to be. */
static void test_old(void **state)
{
	(void)state;
	fresh(3, 0);
	metas[1].record.events = DST_META_NUMBER(3, 5);
	refused(DST_ASSEMBLY_OLD, 1);
	assert_int_equal(decide(true), DST_ASSEMBLY_OK);
	assert_int_equal(got.use, 5);
	assert_int_equal(got.restart, 2);
	assert_true(got.fork);
	/* it was about to be told: only dirty regions differ */
	metas[1].record.events = DST_META_NUMBER(3, 6);
	assert_int_equal(decide(false), DST_ASSEMBLY_OK);
	assert_int_equal(seen[1].fate, DST_ASSEMBLY_RESYNC);
	assert_int_equal(got.use, 5);
	/* it was out anyway */
	fresh(3, 0);
	metas[0].record.members[1].state = DST_META_STALE;
	metas[2].record.members[1].state = DST_META_STALE;
	metas[1].record.events = DST_META_NUMBER(3, 5);
	assert_int_equal(decide(false), DST_ASSEMBLY_OK);
	assert_int_equal(seen[1].fate, DST_ASSEMBLY_REBUILD);
	assert_int_equal(got.restart, 2);
}

static void test_sizes(void **state)
{
	struct dst_meta_layout layout = { 0 };

	(void)state;
	/* the others have grown without it */
	fresh(3, 0);
	assert_int_equal(dst_meta_layout(BYTES * 2, 0, &layout), 0);
	metas[0] = mirror_meta(3, 0, 0, BYTES * 2);
	metas[1] = mirror_meta(3, 0, 1, BYTES * 2);
	metas[0].record.members[2].state = DST_META_STALE;
	metas[1].record.members[2].state = DST_META_STALE;
	metas[2].record.events--;
	assert_int_equal(decide(false), DST_ASSEMBLY_OK);
	assert_int_equal(seen[2].fate, DST_ASSEMBLY_UNFIT);
	assert_int_equal(got.use, 3);
	metas[2].super_offset = layout.super_offset;
	assert_int_equal(decide(false), DST_ASSEMBLY_OK);
	assert_int_equal(seen[2].fate, DST_ASSEMBLY_REBUILD);
}

/* What is half copied is no copy, whoever insists. */
static void test_half(void **state)
{
	static const __u8 states[] = {
		DST_META_RESYNCING, DST_META_REBUILDING
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		fresh(2, 1);
		metas[1].record.members[1].state = states[i];
		metas[2].record.members[1].state = states[i];
		seen[0].meta = NULL;
		assert_int_equal(decide(false), DST_ASSEMBLY_MISSING);
		assert_int_equal(got.missing, 1);
		assert_int_equal(decide(true), DST_ASSEMBLY_UNUSABLE);
	}
}

static struct dst_meta_record begun;

static void begin(void)
{
	static const __u8 branch[DST_META_UUID_LEN] = { 0xcc };

	assert_int_equal(decide(got.fork), DST_ASSEMBLY_OK);
	dst_assembly_begin(&got, seen, nr, branch, &begun);
}

static void test_begin(void **state)
{
	unsigned int i;

	(void)state;
	fresh(4, 0);
	for (i = 0; i < 4; i++) {
		metas[i].record.flags = DST_META_FLAG_QUORUM;
		metas[i].record.members[2].state = DST_META_REBUILDING;
		metas[i].record.members[2].resync_bytes = 8192;
	}
	metas[1].claim = 11;
	metas[1].record.events--;
	seen[3].meta = NULL;
	got.fork = false;
	begin();
	assert_int_equal(begun.events, DST_META_NUMBER(12, 1));
	assert_int_equal(begun.members[0].state, DST_META_IN_SYNC);
	assert_int_equal(begun.members[0].known_events, DST_META_NUMBER(3, 7));
	assert_int_equal(begun.members[1].state, DST_META_STALE);
	assert_int_equal(begun.members[1].known_events, DST_META_NUMBER(3, 6));
	assert_int_equal(begun.members[2].state, DST_META_REBUILDING);
	assert_int_equal(begun.members[2].resync_bytes, 8192);
	assert_int_equal(begun.members[3].state, DST_META_STALE);
	assert_int_equal(begun.flags, DST_META_FLAG_QUORUM);
	assert_int_equal(begun.forks_nr, 0);
	assert_int_equal(begun.branch[0], 0xbb);
}

/* Each half went its own way, by order: they are never merged. */
static void test_fork(void **state)
{
	(void)state;
	fresh(2, 0);
	seen[0].meta = NULL;
	assert_int_equal(decide(false), DST_ASSEMBLY_MISSING);
	assert_int_equal(got.missing, 1);
	got.fork = true;
	begin();
	assert_int_equal(begun.branch[0], 0xcc);
	assert_int_equal(begun.forks_nr, 1);
	assert_int_equal(begun.forks[0].branch[0], 0xbb);
	assert_int_equal(begun.forks[0].events, DST_META_NUMBER(3, 7));
	assert_int_equal(begun.members[0].state, DST_META_STALE);

	/* the other one comes back as it was */
	metas[1].record = begun;
	metas[1].claim = got.claim;
	seen[0].meta = &metas[0];
	assert_int_equal(decide(false), DST_ASSEMBLY_OK);
	assert_int_equal(got.use, 2);
	assert_int_equal(seen[0].fate, DST_ASSEMBLY_RESYNC);
	/* or it went on by the rules, or against them */
	metas[0].record.events++;
	refused(DST_ASSEMBLY_DIVERGED, 0);
	assert_int_equal(decide(true), DST_ASSEMBLY_DIVERGED);
	metas[0].record.events += 1ULL << 40;
	refused(DST_ASSEMBLY_DIVERGED, 1);
	metas[0].record = begun;
	metas[0].record.branch[0] = 0xdd;
	assert_int_equal(decide(true), DST_ASSEMBLY_DIVERGED);
	/* who wants one side names only that */
	seen[0].meta = NULL;
	assert_int_equal(decide(false), DST_ASSEMBLY_OK);
}

/* A stale leg, by order: the others differ from it in who knows what. */
static void test_override_stale(void **state)
{
	(void)state;
	fresh(3, 1);
	metas[3].record.events++;
	metas[3].record.members[0].state = DST_META_STALE;
	metas[3].record.members[1].state = DST_META_STALE;
	metas[3].record.flags = DST_META_FLAG_QUORUM;
	seen[2].meta = NULL;
	assert_int_equal(decide(false), DST_ASSEMBLY_MISSING);
	metas[0].record.events--;
	got.fork = true;
	begin();
	assert_int_equal(got.use, 2);
	assert_int_equal(begun.members[0].state, DST_META_REBUILDING);
	assert_int_equal(begun.members[1].state, DST_META_IN_SYNC);
	assert_int_equal(begun.members[2].state, DST_META_REBUILDING);
	assert_int_equal(begun.members[8].state, DST_META_WITNESS);
	assert_int_equal(begun.flags, 0);
}

/* More branches than are remembered: the oldest is not known any more. */
static void test_many_forks(void **state)
{
	__u8 branch[DST_META_UUID_LEN] = { 0 };
	struct dst_meta_record first;
	unsigned int i;

	(void)state;
	fresh(2, 0);
	first = metas[0].record;
	seen[0].meta = NULL;
	for (i = 0; i < DST_META_FORKS + 1; i++) {
		assert_int_equal(decide(true), DST_ASSEMBLY_OK);
		got.fork = true;
		branch[0] = i + 1;
		dst_assembly_begin(&got, seen, nr, branch, &begun);
		metas[1].record = begun;
		metas[1].claim = got.claim;
	}
	assert_int_equal(begun.forks_nr, DST_META_FORKS);
	assert_int_equal(begun.forks[0].branch[0], 1);
	metas[0].record = first;
	seen[0].meta = &metas[0];
	refused(DST_ASSEMBLY_DIVERGED, 0);
}

static void test_counts(void **state)
{
	struct dst_meta_record old, new;

	(void)state;
	fresh(2, 1);
	old = metas[0].record;
	new = old;
	new.events++;
	new.members[1].state = DST_META_STALE;
	assert_true(dst_assembly_counts(&old, &new, 1));
	assert_false(dst_assembly_counts(&old, &new, 2));
	/* the one that stays had nothing to say before */
	old.members[0].state = DST_META_STALE;
	assert_false(dst_assembly_counts(&old, &new, 1));
	assert_true(dst_assembly_counts(&old, &new, 3));
	/* with quorum before, afterwards, or both */
	old = metas[0].record;
	old.flags = DST_META_FLAG_QUORUM;
	assert_false(dst_assembly_counts(&old, &new, 1));
	assert_true(dst_assembly_counts(&old, &new, 1 | BIT(8)));
	new.flags = DST_META_FLAG_QUORUM;
	assert_false(dst_assembly_counts(&old, &new, 1));
	assert_true(dst_assembly_counts(&old, &new, 1 | BIT(8)));
	old.flags = 0;
	assert_false(dst_assembly_counts(&old, &new, 1));
	/* a newcomer is no witness of what was before */
	old.flags = DST_META_FLAG_QUORUM;
	new.members[8].uuid[0]++;
	assert_false(dst_assembly_counts(&old, &new, 1 | BIT(8)));
	assert_true(dst_assembly_counts(&old, &new, 3));
	new.branch[0]++;
	new.flags = 0;
	assert_true(dst_assembly_counts(&old, &new, 1));
}

static bool may_try(unsigned int old, unsigned int tried, unsigned int next,
		    __u32 flags)
{
	const unsigned int sets[] = { old, tried, next };
	struct dst_meta_record records[3];
	unsigned int i, j;

	fresh(3, 0);
	for (i = 0; i < 3; i++) {
		records[i] = metas[0].record;
		records[i].flags = flags;
		for (j = 0; j < 3; j++)
			if (!(sets[i] & BIT(j)))
				records[i].members[j].state = DST_META_STALE;
	}
	return dst_assembly_may_try(&records[0], tried ? &records[1] : NULL,
				    &records[2]);
}

static void test_may_try(void **state)
{
	(void)state;
	/* fewer or more, but not others */
	assert_true(may_try(7, 0, 3, 0));
	assert_true(may_try(3, 0, 7, 0));
	assert_true(may_try(3, 0, 3, 0));
	assert_false(may_try(3, 0, 6, 0));
	assert_false(may_try(3, 0, 4, 0));
	assert_false(may_try(3, 0, 0, 0));
	/* who may have been told that it is alone stays */
	assert_true(may_try(3, 1, 1, 0));
	assert_false(may_try(3, 1, 2, 0));
	assert_false(may_try(3, 1, 3, 0));
	assert_true(may_try(1, 3, 1, 0));
	assert_false(may_try(1, 3, 2, 0));
	/* it cannot, where a majority is asked for */
	assert_true(may_try(3, 1, 2, DST_META_FLAG_QUORUM));
}

static void test_texts(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < DST_ASSEMBLY_VERDICT_NR; i++)
		assert_true(strlen(dst_assembly_verdict_text(i)) > 8);
	assert_string_equal(dst_assembly_verdict_text(DST_ASSEMBLY_VERDICT_NR),
			    "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_three),
		cmocka_unit_test(test_witness),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_half),
		cmocka_unit_test(test_begin),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_override_stale),
		cmocka_unit_test(test_many_forks),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_may_try),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests_name("assembly", tests, NULL, NULL);
}
