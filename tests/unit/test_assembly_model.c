// SPDX-License-Identifier: GPL-2.0-only
/*
 * P7 for the rules of Documentation/mirror-format.md and the kernel's own
 * dst_assembly.c: every history, up to a few reigns and records, of clients
 * that come, see some of the members, write superblocks of which some arrive,
 * complete writes, resync, and crash at any moment. What really has all
 * completed writes is kept beside it: no leg without them may ever be used.
 *
 * Each rule is then left out in turn, and has to be missed.
 */
#include "unit.h"

#include <stdio.h>

#include "../../dst_assembly.h"

#define MEMBERS		4
#define LEGS		3
#define BIT(n)		(1U << (n))

/* A rule that is left out. */
enum rule {
	RULE_NONE,
	RULE_ASSEMBLY,		/* any leg that calls itself in-sync will do */
	RULE_CLAIM,		/* a reign begins without being claimed */
	RULE_COUNTS,		/* a write completes before the record counts */
	RULE_MAJORITY,		/* with quorum, yet goes on in a minority */
	RULE_FEWER,		/* a leg that was told it is alone is left out */
	RULE_ORDER,		/* others are told before the in-sync legs */
	RULE_NR
};

/* A record; events as reign * 16 + count. */
struct record {
	__u8 events;
	__u8 in_sync;
	__u8 known[MEMBERS];
};

/* All that there is: the members' superblocks, the truth, one client. */
struct world {
	struct record disk[MEMBERS];
	__u8 claim[MEMBERS];
	__u8 full;		/* legs that have all completed writes */
	__u8 alive;		/* there is a client */
	__u8 serving;		/* a record of its own counted */
	__u8 linked;		/* members that it has found */
	__u8 reign;
	__u8 next;		/* count of its next record */
	__u8 tried;		/* in-sync legs of later records, together */
	__u8 last;		/* those of the last of them */
	__u8 known[MEMBERS];
	struct record counts;	/* the last record that counted */
};

struct setup {
	const char *name;
	unsigned int legs;
	unsigned int witnesses;
	bool quorum;
	unsigned int reigns;
	unsigned int records;
	enum rule without;
};

static struct setup setup;
static bool broken;
static const char *how;

/* -- the worlds that were seen, and those that are still to be looked at -- */

static struct world *worlds;
static size_t nr_worlds, room;
static __u32 *table;
static size_t table_size;

static size_t hash(const struct world *w)
{
	const __u8 *byte = (const __u8 *)w;
	__u64 h = 0xcbf29ce484222325ULL;
	size_t i;

	for (i = 0; i < sizeof(*w); i++)
		h = (h ^ byte[i]) * 0x100000001b3ULL;
	return h ^ h >> 29;
}

static void table_put(size_t nr)
{
	size_t at = hash(&worlds[nr]) % table_size;

	while (table[at])
		at = (at + 1) % table_size;
	table[at] = nr + 1;
}

static void grow(void)
{
	size_t i;

	room = room ? room * 2 : 1024;
	worlds = realloc(worlds, room * sizeof(*worlds));
	free(table);
	table_size = room * 2 + 1;
	table = calloc(table_size, sizeof(*table));
	assert_non_null(worlds);
	assert_non_null(table);
	for (i = 0; i < nr_worlds; i++)
		table_put(i);
}

static void visit(const struct world *w)
{
	size_t at;

	if (nr_worlds == room)
		grow();
	for (at = hash(w) % table_size; table[at]; at = (at + 1) % table_size)
		if (!memcmp(&worlds[table[at] - 1], w, sizeof(*w)))
			return;
	worlds[nr_worlds] = *w;
	table[at] = ++nr_worlds;
}

static void forget(void)
{
	free(worlds);
	free(table);
	worlds = NULL;
	table = NULL;
	nr_worlds = 0;
	room = 0;
}

/* -- to and from what dst_assembly.c knows -------------------------------- */

static unsigned int members(void)
{
	return setup.legs + setup.witnesses;
}

static unsigned int slot_of(unsigned int member)
{
	return member < setup.legs ? member :
	       DST_META_LEGS_MAX + member - setup.legs;
}

static __u16 slots_of(unsigned int mask)
{
	__u16 slots = 0;
	unsigned int i;

	for (i = 0; i < members(); i++)
		if (mask & BIT(i))
			slots |= BIT(slot_of(i));
	return slots;
}

static __u64 events_of(__u8 events)
{
	return DST_META_NUMBER(events / 16, events % 16);
}

static void expand(const struct record *from, struct dst_meta_record *to)
{
	unsigned int i;

	memset(to, 0, sizeof(*to));
	to->mirror[0] = 1;
	to->branch[0] = 1;
	to->events = events_of(from->events);
	to->data_bytes = 1 << 20;
	to->region_log2 = DST_META_REGION_MIN_LOG2;
	to->bitmap_bytes = DST_META_BLOCK_BYTES;
	to->flags = setup.quorum ? DST_META_FLAG_QUORUM : 0;
	to->legs = setup.legs;
	to->witnesses = setup.witnesses;
	for (i = 0; i < members(); i++) {
		struct dst_meta_member *member = &to->members[slot_of(i)];

		member->uuid[0] = i + 1;
		member->export_uuid[0] = i + 1;
		member->known_events = events_of(from->known[i]);
		member->state = i >= setup.legs ? DST_META_WITNESS :
				from->in_sync & BIT(i) ? DST_META_IN_SYNC :
				DST_META_STALE;
	}
}

static void expand_member(const struct world *w, unsigned int i,
			  struct dst_meta *meta)
{
	memset(meta, 0, sizeof(*meta));
	meta->super_offset = 4 << 20;
	meta->member[0] = i + 1;
	meta->slot = slot_of(i);
	meta->claim = w->claim[i];
	expand(&w->disk[i], &meta->record);
}

/* -- what is expected ------------------------------------------------------ */

static void violated(const char *what)
{
	broken = true;
	how = what;
}

/* The promise, and that a mirror is never refused without need. */
static bool decide(const struct world *w, unsigned int seen, __u8 *use,
		   unsigned int *newest)
{
	static struct dst_meta meta[MEMBERS];
	struct dst_assembly_seen sight[MEMBERS] = { };
	struct dst_assembly out;
	unsigned int i;

	for (i = 0; i < members(); i++) {
		if (!(seen & BIT(i)))
			continue;
		expand_member(w, i, &meta[i]);
		sight[i].meta = &meta[i];
	}
	dst_assembly_decide(sight, members(), false, &out);
	if (setup.without == RULE_ASSEMBLY && out.newest < members()) {
		out.verdict = DST_ASSEMBLY_OK;
		out.use = slots_of(w->disk[out.newest].in_sync & seen);
	}
	if (out.verdict == DST_ASSEMBLY_OLD ||
	    out.verdict == DST_ASSEMBLY_DIVERGED)
		violated("a false alarm");
	if (out.verdict && seen == BIT(members()) - 1)
		violated("refused though everything is there");
	if (out.verdict || !out.use)
		return false;
	*newest = out.newest;
	*use = out.use;
	if (*use & ~w->full)
		violated("a stale leg is used");
	for (i = 0; i < members(); i++)
		if (sight[i].fate == DST_ASSEMBLY_REBUILD)
			violated("a copy of all without need");
	return true;
}

/* -- the moves -------------------------------------------------------------- */

static void crash(struct world w)
{
	w.alive = 0;
	w.serving = 0;
	w.linked = 0;
	w.reign = 0;
	w.next = 0;
	w.tried = 0;
	w.last = 0;
	memset(w.known, 0, sizeof(w.known));
	memset(&w.counts, 0, sizeof(w.counts));
	visit(&w);
}

static bool counts(const struct world *w, const struct record *record,
		   unsigned int acked)
{
	struct dst_meta_record old, new;

	expand(&w->counts, &old);
	expand(record, &new);
	if (setup.without == RULE_MAJORITY) {
		old.flags = 0;
		new.flags = 0;
	}
	return dst_assembly_counts(&old, &new, slots_of(acked));
}

/* The record arrived at @landed, and @acked of these could say so. */
static void told(struct world w, const struct record *record,
		 unsigned int landed, unsigned int acked)
{
	unsigned int i;

	for (i = 0; i < members(); i++) {
		if (landed & BIT(i)) {
			w.disk[i] = *record;
			w.claim[i] = w.reign;
		}
		if (acked & BIT(i))
			w.known[i] = record->events;
	}
	if (counts(&w, record, acked)) {
		w.counts = *record;
		w.serving = 1;
		w.tried = 0;
		w.last = 0;
	} else {
		w.tried |= record->in_sync;
		w.last = record->in_sync;
	}
	visit(&w);
}

/* Legs that were in-sync are told first, then those that come to be, then all. */
static bool in_order(const struct world *w, unsigned int in_sync,
		     unsigned int landed)
{
	unsigned int first = in_sync & w->counts.in_sync;

	if (setup.without == RULE_ORDER)
		return true;
	if (first & ~landed)
		return !(landed & ~first);
	return !(in_sync & ~landed) || !(landed & ~in_sync);
}

static void tell(const struct world *w, unsigned int in_sync)
{
	unsigned int landed, acked, all = w->linked;
	struct record record = {
		.events = w->reign * 16 + w->next,
		.in_sync = in_sync,
	};
	struct world after = *w;

	memcpy(record.known, w->known, sizeof(record.known));
	after.next++;
	for (landed = 0; landed <= all; landed++) {
		if ((landed & ~all) || !in_order(w, in_sync, landed))
			continue;
		for (acked = 0; acked <= landed; acked++)
			if (!(acked & ~landed))
				told(after, &record, landed, acked);
	}
}

/*
 * Legs that may be called in-sync next: fewer than counted, or more, which
 * then have everything. Until one counts they only become fewer: who may have
 * been told that it is alone stays.
 */
static bool may_tell(const struct world *w, unsigned int in_sync)
{
	struct record record = { .in_sync = in_sync };
	struct record last = { .in_sync = w->last };
	struct dst_meta_record old, tried, new;

	if ((in_sync & ~w->linked) || (in_sync & ~w->full))
		return false;
	expand(&w->counts, &old);
	expand(&last, &tried);
	expand(&record, &new);
	return dst_assembly_may_try(&old, w->last &&
				    setup.without != RULE_FEWER ? &tried : NULL,
				    &new);
}

/* A new client takes what it sees, from whoever had it. */
static void come(const struct world *w, unsigned int seen)
{
	unsigned int i, claimed, newest;
	struct world after;
	__u8 use, reign = 0;

	if (!decide(w, seen, &use, &newest))
		return;
	for (i = 0; i < members(); i++)
		if ((seen & BIT(i)) && w->claim[i] > reign)
			reign = w->claim[i];
	if (++reign > setup.reigns)
		return;
	for (claimed = 0; claimed <= seen; claimed++) {
		if (claimed & ~seen)
			continue;
		after = *w;
		for (i = 0; setup.without != RULE_CLAIM && i < members(); i++)
			if (claimed & BIT(i))
				after.claim[i] = reign;
		if (claimed != seen) {
			crash(after);
			continue;
		}
		after.alive = 1;
		after.linked = seen;
		after.reign = reign;
		after.next = 1;
		after.counts = w->disk[newest];
		memcpy(after.known, after.counts.known, sizeof(after.known));
		for (i = 0; i < members(); i++)
			if (seen & BIT(i))
				after.known[i] = w->disk[i].events;
		tell(&after, use);
	}
}

/* A write completes: on all legs that any record since then calls in-sync. */
static void complete(struct world w)
{
	unsigned int legs = w.counts.in_sync | w.tried;

	if (setup.without == RULE_COUNTS && w.last)
		legs = w.last;
	if (!legs || (legs & ~w.linked))
		return;
	w.full &= legs;
	visit(&w);
}

static void serve(const struct world *w)
{
	unsigned int in_sync, i;
	struct world after;

	crash(*w);
	if (w->next <= setup.records)
		for (in_sync = 1; in_sync < BIT(setup.legs); in_sync++)
			if (may_tell(w, in_sync))
				tell(w, in_sync);
	if (!w->serving)
		return;
	for (i = 0; i < members(); i++) {
		after = *w;
		after.linked |= BIT(i);
		visit(&after);
	}
	complete(*w);
	for (i = 0; i < setup.legs; i++) {
		if (!(w->linked & BIT(i)) ||
		    !(w->linked & w->counts.in_sync & w->full))
			continue;
		after = *w;
		after.full |= BIT(i);
		visit(&after);
	}
}

static void explore(void)
{
	struct world w = { .full = BIT(setup.legs) - 1 };
	unsigned int i, seen;
	size_t at;

	broken = false;
	for (i = 0; i < members(); i++) {
		w.claim[i] = 1;
		w.disk[i].events = 16 + 1;
		w.disk[i].in_sync = w.full;
		memset(w.disk[i].known, 16 + 1, members());
	}
	visit(&w);
	for (at = 0; at < nr_worlds && !broken; at++) {
		w = worlds[at];
		if (w.alive) {
			serve(&w);
			continue;
		}
		for (seen = 1; seen < BIT(members()); seen++)
			come(&w, seen);
	}
}

static void holds(const struct setup *from)
{
	setup = *from;
	explore();
	print_message("%s: %zu worlds\n", setup.name, nr_worlds);
	forget();
	if (broken)
		fail_msg("%s: %s", setup.name, how);
}

static void needs(const struct setup *from, enum rule rule)
{
	setup = *from;
	setup.without = rule;
	explore();
	print_message("%s without rule %d: %s after %zu worlds\n", setup.name,
		      rule, broken ? how : "nothing", nr_worlds);
	forget();
	if (!broken)
		fail_msg("%s: rule %d is not missed", setup.name, rule);
}

static const struct setup two = { "2 legs", 2, 0, false, 4, 2, RULE_NONE };
static const struct setup three = { "3 legs", 3, 0, false, 3, 2, RULE_NONE };
static const struct setup witness = { "2 legs and a witness, quorum", 2, 1,
				      true, 3, 2, RULE_NONE };
static const struct setup majority = { "3 legs, quorum", 3, 0, true, 3, 2,
				       RULE_NONE };

static void test_two(void **state)
{
	(void)state;
	holds(&two);
}

static void test_three(void **state)
{
	(void)state;
	holds(&three);
}

static void test_witness(void **state)
{
	(void)state;
	holds(&witness);
}

static void test_majority(void **state)
{
	(void)state;
	holds(&majority);
}

static void test_rules(void **state)
{
	(void)state;
	needs(&two, RULE_ASSEMBLY);
	needs(&two, RULE_COUNTS);
	needs(&two, RULE_FEWER);
	needs(&witness, RULE_ASSEMBLY);
	needs(&witness, RULE_CLAIM);
	needs(&witness, RULE_COUNTS);
	needs(&witness, RULE_MAJORITY);
	needs(&majority, RULE_CLAIM);
	needs(&three, RULE_ORDER);
	needs(&witness, RULE_ORDER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_three),
		cmocka_unit_test(test_witness),
		cmocka_unit_test(test_majority),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests_name("assembly model", tests, NULL, NULL);
}
