// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is each block's history that of a disk?
 *
 * A block is a register, and every write has a value of its own, so that it is
 * known which write each read saw (Gibbons and Korach, "Testing Shared
 * Memories", 1997). A *cluster* is a write with the reads that saw it. Of its
 * operations, let FINISH be the first time at which one returned and START the
 * last at which one was invoked. If FINISH < START the block must have held
 * the value from FINISH to START: a *forward* zone. Otherwise all of the
 * cluster can be put at one point of time between START and FINISH: a
 * *backward* zone. There is a linearization exactly if
 *
 *   - no read returned before its write was invoked,
 *   - no two forward zones overlap,
 *   - no backward zone lies within a forward zone.
 *
 * A write that failed, or of which it is not known how it ended, has no end:
 * it returned never. If nobody saw it, it constrains nothing.
 *
 * An *era* is what lies between two crashes of the client; each is a history of
 * its own whose initial value is what survived. Without crashes there is one.
 * Eras are checked from the last to the first, since what a later one began
 * with has to be found in the earlier.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define NONE	UINT32_MAX

struct cluster {
	uint64_t value;
	uint64_t invoked, acked;	/* the write; HIST_NEVER if it was not */
	uint64_t finish, start;
	uint64_t seen;			/* the first read of it returned */
	uint32_t write, finish_op, start_op, seen_op, reads;
	bool durable;			/* flushed before the crash */
};

struct keyed {
	uint64_t key, second;
	uint32_t cluster;
};

struct era {
	size_t first, end;		/* records */
	unsigned int first_epoch, last_epoch;
	uint64_t flushed;		/* what returned before is: 0 nothing */
	uint32_t flush_op;
	uint64_t blind;			/* zeroes may be missing from then on */
};

/* What a later era began with, and who saw it there. */
struct need {
	bool known;
	uint64_t value;
	uint32_t seen_op;
};

struct checker {
	const struct history *h;
	struct result *res;
	struct era *eras;
	unsigned int neras;
	/* records of each block: index[start[block]] to index[start[block + 1]] */
	size_t *start;
	uint32_t *index;

	/* of one block in one era */
	uint32_t block;
	const struct era *era;
	const uint32_t *ops;
	size_t nops;
	struct cluster *clusters;
	uint32_t nclusters;
	uint32_t *table, mask;		/* value to cluster, open addressing */
	struct keyed *forward, *zeroes, *writes;
	uint32_t nforward, nzeroes, nwrites;
	uint32_t initial;		/* cluster of what it began with, or NONE */
	struct finding *found;
};

/* ---- findings ----------------------------------------------------------- */

static bool finding(struct checker *c, enum reason reason, uint64_t bad,
		    uint64_t good)
{
	unsigned int i;

	c->found->reason = reason;
	c->found->block = c->block;
	c->found->bad = bad;
	c->found->good = good;
	for (i = 0; i < EVIDENCE; i++)
		c->found->evidence[i] = NO_RECORD;
	return false;
}

static void evidence(struct checker *c, uint32_t record)
{
	unsigned int i;

	for (i = 0; i < EVIDENCE && record != NONE; i++) {
		if (c->found->evidence[i] == record)
			return;
		if (c->found->evidence[i] == NO_RECORD) {
			c->found->evidence[i] = record;
			return;
		}
	}
}

/* ---- clusters ----------------------------------------------------------- */

static const struct hist_record *record(const struct checker *c, uint32_t op)
{
	return c->h->records + op;
}

/* Where the value is in the table, or is to be put. */
static uint32_t *slot(struct checker *c, uint64_t value)
{
	uint32_t at = hist_mix(value) & c->mask;

	while (c->table[at] != NONE &&
	       c->clusters[c->table[at]].value != value)
		at = (at + 1) & c->mask;
	return c->table + at;
}

static uint32_t cluster_new(struct checker *c, uint64_t value, uint32_t write,
			    uint64_t invoked, uint64_t acked)
{
	struct cluster *k = c->clusters + c->nclusters;

	*k = (struct cluster){
		.value = value, .write = write,
		.invoked = invoked, .acked = acked,
		.start = invoked, .start_op = write,
		.finish = acked, .finish_op = write,
		.seen = HIST_NEVER, .seen_op = NONE,
	};
	return c->nclusters++;
}

static void initial_new(struct checker *c, uint64_t value)
{
	c->initial = cluster_new(c, value, NONE, 0, 0);
}

static void cluster_read(struct checker *c, uint32_t cluster, uint32_t op)
{
	struct cluster *k = c->clusters + cluster;
	const struct hist_record *r = record(c, op);

	k->reads++;
	if (r->returned < k->finish) {
		k->finish = r->returned;
		k->finish_op = op;
	}
	if (r->invoked > k->start) {
		k->start = r->invoked;
		k->start_op = op;
	}
	if (r->returned < k->seen) {
		k->seen = r->returned;
		k->seen_op = op;
	}
}

static void keyed_add(struct keyed *list, uint32_t *count, uint64_t key,
		      uint64_t second, uint32_t cluster)
{
	list[(*count)++] = (struct keyed){ key, second, cluster };
}

static int keyed_compare(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return 0;
}

static void keyed_sort(struct keyed *list, uint32_t count)
{
	if (count)
		qsort(list, count, sizeof(*list), keyed_compare);
}

/* The last of the list with a lower key; NONE: there is none. */
static uint32_t keyed_before(const struct keyed *list, uint32_t count,
			     uint64_t key)
{
	uint32_t low = 0, high = count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (list[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : NONE;
}

static bool add_write(struct checker *c, uint32_t op)
{
	const struct hist_record *r = record(c, op);
	uint64_t acked = r->error ? HIST_NEVER : r->returned;
	uint32_t *at, k;

	k = cluster_new(c, r->op == HIST_WRITE ? r->value : HIST_ZERO, op,
			r->invoked, acked);
	c->clusters[k].durable = acked < c->era->flushed ||
		(r->flags & HIST_FUA && acked != HIST_NEVER);
	if (r->op == HIST_ZEROES) {
		keyed_add(c->zeroes, &c->nzeroes, r->invoked, acked, k);
		return true;
	}
	at = slot(c, r->value);
	if (*at != NONE) {
		finding(c, NO_HISTORY, r->value, r->value);
		evidence(c, c->clusters[*at].write);
		evidence(c, op);
		return false;
	}
	*at = k;
	if (acked != HIST_NEVER)
		keyed_add(c->writes, &c->nwrites, r->invoked, acked, k);
	return true;
}

/*
 * Zeroes carry no tag. A read that saw some saw those of the last zeroing that
 * was invoked before it returned, if between that and all earlier ones a write
 * was acknowledged (invoked after they returned) and the read began after that.
 * dsthist run sees to it, unless one failed. Any other read is left out, which
 * can make nothing wrong that is right. Let second be the time after which a
 * read has to begin, so that it cannot have seen an earlier zeroing.
 */
static void zeroes_prepare(struct checker *c)
{
	uint64_t returned = 0, acked = HIST_NEVER, last;
	uint32_t i, at;

	if (!c->nzeroes)
		return;
	keyed_sort(c->zeroes, c->nzeroes);
	keyed_sort(c->writes, c->nwrites);
	/* second of a write: the first that any from this on was acknowledged */
	for (i = c->nwrites; i--; c->writes[i].second = acked)
		if (c->writes[i].second < acked)
			acked = c->writes[i].second;
	for (i = 0; i < c->nzeroes; i++) {
		last = c->zeroes[i].second;
		at = returned == HIST_NEVER ? c->nwrites :
			keyed_before(c->writes, c->nwrites, returned + 1) + 1;
		c->zeroes[i].second = at < c->nwrites ? c->writes[at].second :
			HIST_NEVER;
		if (last > returned)
			returned = last;
	}
}

/* The zeroing that it saw; NONE: the initial zeroes. False if it is not clear. */
static bool zeroes_seen(const struct checker *c, const struct hist_record *r,
			uint32_t *cluster)
{
	uint32_t at = keyed_before(c->zeroes, c->nzeroes, r->returned + 1);

	*cluster = at == NONE ? NONE : c->zeroes[at].cluster;
	if (r->returned >= c->era->blind)
		return false;
	return at == NONE || r->invoked > c->zeroes[at].second;
}

/* ---- values that no write of the era is known to have written ----------- */

static bool has_parts(const struct checker *c, uint32_t op)
{
	return op + 1 < c->h->count && record(c, op + 1)->op == HIST_PART;
}

static bool from_nowhere(struct checker *c, uint64_t value, uint32_t op)
{
	finding(c, has_parts(c, op) ? TORN : FROM_NOWHERE, value, value);
	evidence(c, op);
	return false;
}

/* May it be from before this era? */
static bool value_older(const struct checker *c, uint64_t value)
{
	return !hist_is_tag(value) || hist_epoch(value) < c->era->first_epoch;
}

/* A read in the first era saw it, so it may have been there at first. */
static bool known_at_first(const struct checker *c, uint64_t value)
{
	const uint32_t *op = c->index + c->start[c->block];
	const uint32_t *end = c->index + c->start[c->block + 1];

	for (; op < end && *op < c->eras[0].end; op++)
		if (record(c, *op)->op == HIST_READ &&
		    !record(c, *op)->error && record(c, *op)->value == value)
			return true;
	return false;
}

static bool add_initial_read(struct checker *c, uint64_t value, uint32_t op)
{
	const struct cluster *k = c->clusters + c->initial;
	bool later = c->era != c->eras;

	if (value & HIST_OTHER && later && !known_at_first(c, value))
		return from_nowhere(c, value, op);
	if (c->initial == NONE) {
		initial_new(c, value);
	} else if (k->value != value) {
		if (!later || value & HIST_OTHER)
			return from_nowhere(c, value, op);
		finding(c, BACK_AFTER_CRASH, value, k->value);
		evidence(c, k->seen_op);
		evidence(c, op);
		return false;
	}
	cluster_read(c, c->initial, op);
	return true;
}

static bool add_unlogged(struct checker *c, uint64_t value, uint32_t op,
			 uint32_t *cluster)
{
	unsigned int epoch = hist_epoch(value);
	uint64_t since;

	if (epoch > c->era->last_epoch || !history_unlogged(c->h, value, &since))
		return from_nowhere(c, value, op);
	*cluster = cluster_new(c, value, NONE, since, HIST_NEVER);
	*slot(c, value) = *cluster;
	return true;
}

static bool add_read(struct checker *c, uint32_t op)
{
	uint64_t value = record(c, op)->value;
	uint32_t cluster;

	if (value == HIST_ZERO) {
		if (!zeroes_seen(c, record(c, op), &cluster)) {
			c->res->unclear++;
			return true;
		}
	} else {
		cluster = value_older(c, value) ? NONE : *slot(c, value);
	}
	if (cluster == NONE && value_older(c, value))
		return add_initial_read(c, value, op);
	if (cluster == NONE && !add_unlogged(c, value, op, &cluster))
		return false;
	if (record(c, op)->returned < c->clusters[cluster].invoked) {
		finding(c, READ_BEFORE_WRITE, value, value);
		evidence(c, op);
		evidence(c, c->clusters[cluster].write);
		return false;
	}
	cluster_read(c, cluster, op);
	return true;
}

static size_t table_size(size_t ops)
{
	size_t size = 16;

	while (size < 2 * ops)
		size *= 2;
	return size;
}

static bool build(struct checker *c)
{
	const struct hist_record *r;
	size_t i, size;

	size = table_size(c->nops);
	c->mask = size - 1;
	memset(c->table, 0xff, size * sizeof(*c->table));
	c->nclusters = 0;
	c->nforward = 0;
	c->nzeroes = 0;
	c->nwrites = 0;
	c->initial = NONE;
	for (i = 0; i < c->nops; i++) {
		r = record(c, c->ops[i]);
		if (r->op != HIST_READ && !add_write(c, c->ops[i]))
			return false;
	}
	zeroes_prepare(c);
	for (i = 0; i < c->nops; i++) {
		r = record(c, c->ops[i]);
		if (r->op != HIST_READ || r->error)
			continue;
		c->res->reads++;
		if (!add_read(c, c->ops[i]))
			return false;
	}
	return true;
}

/* ---- zones -------------------------------------------------------------- */

static bool started_by_read(const struct checker *c, const struct cluster *k)
{
	return k->start_op != NONE && record(c, k->start_op)->op == HIST_READ;
}

/*
 * Two clusters each of which has to come before the other. The last to begin is
 * a read in at least one of them: if that is the one written first, its value
 * is the one that should have been gone.
 */
static bool conflict(struct checker *c, uint32_t a, uint32_t b)
{
	struct cluster *old = c->clusters + a, *new = c->clusters + b, *swap;
	enum reason reason = STALE_READ;

	if (new->invoked < old->invoked) {
		swap = old;
		old = new;
		new = swap;
	}
	if (!started_by_read(c, old)) {
		swap = old;
		old = new;
		new = swap;
	}
	if (new->seen < old->start)
		reason = RESURRECTED;
	else if (!new->reads)
		reason = LOST_WRITE;
	finding(c, reason, old->value, new->value);
	evidence(c, old->finish_op);
	evidence(c, new->start_op);
	evidence(c, reason == RESURRECTED ? new->seen_op : new->finish_op);
	evidence(c, old->start_op);
	evidence(c, new->write);
	return false;
}

static bool zones_agree(struct checker *c)
{
	const struct cluster *k = c->clusters;
	struct keyed *f = c->forward;
	uint32_t i, at;

	for (i = 0; i < c->nclusters; i++)
		if (k[i].finish < k[i].start)
			keyed_add(f, &c->nforward, k[i].finish, k[i].start, i);
	keyed_sort(f, c->nforward);
	for (i = 1; i < c->nforward; i++)
		if (f[i].key < f[i - 1].second)
			return conflict(c, f[i - 1].cluster, f[i].cluster);
	for (i = 0; i < c->nclusters; i++) {
		if (k[i].finish < k[i].start)
			continue;
		at = keyed_before(f, c->nforward, k[i].start);
		if (at != NONE && k[i].finish < f[at].second)
			return conflict(c, f[at].cluster, i);
	}
	return true;
}

/* ---- crashes ------------------------------------------------------------ */

/*
 * Has a durable write to come after this cluster, so that the crash left an
 * older value than it could? It has if it comes after in time, or if a forward
 * zone lies between them: those are disjoint, the first to end after FINISH is
 * the one to look at.
 */
static uint32_t durable_after(const struct checker *c, uint32_t cluster)
{
	const struct cluster *k = c->clusters;
	uint32_t i, last = NONE;

	for (i = 0; i < c->nclusters; i++)
		if (k[i].durable && i != cluster &&
		    (last == NONE || k[i].start > k[last].start))
			last = i;
	if (last == NONE || k[cluster].finish < k[last].start)
		return last;
	for (i = 0; i < c->nforward; i++)
		if (c->forward[i].second > k[cluster].finish)
			break;
	return i < c->nforward && c->forward[i].key < k[last].start ?
		last : NONE;
}

static bool flushed_lost(struct checker *c, uint32_t cluster, uint32_t last,
			 const struct need *need)
{
	const struct cluster *k = c->clusters + last;

	finding(c, FLUSHED_LOST, c->clusters[cluster].value, k->value);
	evidence(c, c->clusters[cluster].write);
	evidence(c, k->write);
	if (!(record(c, k->write)->flags & HIST_FUA))
		evidence(c, c->era->flush_op);
	evidence(c, need->seen_op);
	return false;
}

/* Any of the zeroings may have survived, or the initial zeroes. */
static uint32_t surviving_zeroes(const struct checker *c)
{
	uint32_t i, best = NONE;

	for (i = c->nzeroes; i--;) {
		best = c->zeroes[i].cluster;
		if (durable_after(c, best) == NONE)
			return best;
	}
	if (c->initial != NONE && c->clusters[c->initial].value == HIST_ZERO)
		return c->initial;
	return best;
}

static bool came_back(struct checker *c, const struct need *need)
{
	const struct cluster *k = c->clusters + c->initial;

	if (need->value & HIST_OTHER && c->era == c->eras)
		return from_nowhere(c, need->value, need->seen_op);
	finding(c, BACK_AFTER_CRASH, need->value, k->value);
	evidence(c, k->seen_op);
	evidence(c, need->seen_op);
	return false;
}

/* The cluster whose value the next era began with; NONE: as this one began. */
static bool survivor(struct checker *c, const struct need *need,
		     uint32_t *cluster)
{
	uint64_t since;

	*cluster = NONE;
	if (need->value == HIST_ZERO)
		*cluster = surviving_zeroes(c);
	else if (!value_older(c, need->value))
		*cluster = *slot(c, need->value);
	if (*cluster != NONE)
		return true;
	if (need->value != HIST_ZERO && !value_older(c, need->value)) {
		if (!history_unlogged(c->h, need->value, &since))
			return from_nowhere(c, need->value, need->seen_op);
		*cluster = cluster_new(c, need->value, NONE, since, HIST_NEVER);
		return true;
	}
	if (c->initial == NONE)
		initial_new(c, need->value);
	else if (c->clusters[c->initial].value != need->value)
		return came_back(c, need);
	*cluster = c->initial;
	return true;
}

/* Was what the next era began with left by a crash after this one? */
static bool survived(struct checker *c, const struct need *need)
{
	uint32_t cluster, last;

	if (!need->known ||
	    (need->value == HIST_ZERO && c->era->blind != HIST_NEVER))
		return true;
	if (!survivor(c, need, &cluster))
		return false;
	last = durable_after(c, cluster);
	return last == NONE || flushed_lost(c, cluster, last, need);
}

/* What this era began with, if anybody knows. */
static void next_need(struct checker *c, struct need *need)
{
	const struct cluster *k = c->clusters + c->initial;

	if (c->initial == NONE) {
		need->known = false;
		return;
	}
	if (k->seen_op != NONE)
		need->seen_op = k->seen_op;
	need->value = k->value;
	need->known = true;
}

/* ---- blocks ------------------------------------------------------------- */

/* The first era in which something is wrong is the one to tell of. */
static void check_block(struct checker *c, uint32_t block)
{
	struct finding found = { .reason = LINEARIZABLE };
	size_t first = c->start[block], end = c->start[block + 1];
	struct need need = { .known = false };
	unsigned int n;

	c->block = block;
	c->found = &found;
	c->res->blocks += first < end;
	for (n = c->neras; n--;) {
		c->era = c->eras + n;
		c->ops = c->index + end;
		for (c->nops = 0; end > first &&
		     c->index[end - 1] >= c->era->first; end--, c->nops++)
			c->ops--;
		if (build(c) && zones_agree(c) && survived(c, &need))
			next_need(c, &need);
		else
			need.known = false;
	}
	if (found.reason == LINEARIZABLE)
		return;
	if (c->res->reason == LINEARIZABLE || c->res->reason == NO_HISTORY)
		c->res->reason = found.reason;
	if (c->res->bad_blocks < MAX_FINDINGS)
		c->res->findings[c->res->bad_blocks] = found;
	c->res->bad_blocks++;
}

/* ---- setting up --------------------------------------------------------- */

static void *grab(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	if (memory)
		return memory;
	fputs("dsthist: out of memory\n", stderr);
	exit(2);
}

static void era_flushes(const struct history *h, struct era *e)
{
	const struct hist_record *r;
	size_t i;

	e->flush_op = NONE;
	for (i = e->first; i < e->end; i++) {
		r = h->records + i;
		if (r->op != HIST_FLUSH || r->error ||
		    r->returned == HIST_NEVER || r->invoked < e->flushed)
			continue;
		e->flushed = r->invoked;
		e->flush_op = i;
	}
}

static void make_eras(struct checker *c, bool crash)
{
	const struct history *h = c->h;
	struct era *e = NULL;
	unsigned int i;

	c->eras = grab(h->nlogs, sizeof(*c->eras));
	for (i = 0; i < h->nlogs; i++) {
		if (!e || crash) {
			e = c->eras + c->neras++;
			e->first = h->logs[i].first;
			e->first_epoch = h->logs[i].epoch;
			e->blind = HIST_NEVER;
		}
		if (h->logs[i].blind < e->blind)
			e->blind = h->logs[i].blind;
		e->end = h->logs[i].end;
		e->last_epoch = h->logs[i].epoch;
	}
	for (i = 0; i < c->neras; i++)
		era_flushes(h, c->eras + i);
}

static bool on_blocks(const struct hist_record *r)
{
	return !(r->flags & HIST_INTENT) &&
		(r->op == HIST_WRITE || r->op == HIST_ZEROES ||
		 r->op == HIST_READ);
}

/* Is it an operation, or more of the one before? */
static bool counts(const struct hist_record *r, const struct hist_record *last)
{
	if (r->op == HIST_PART || r->op == HIST_END || r->flags & HIST_INTENT)
		return false;
	return !last || last->thread != r->thread || last->op != r->op ||
		last->invoked != r->invoked;
}

/* Record numbers by block; a read's or write's is there for each of its blocks. */
static void make_index(struct checker *c)
{
	const struct history *h = c->h;
	const struct hist_record *r, *last = NULL;
	size_t i, *start;
	uint32_t n;

	start = grab((size_t)h->used_blocks + 2, sizeof(*start));
	for (i = 0; i < h->count; i++) {
		r = h->records + i;
		if (counts(r, last))
			c->res->operations++;
		if (r->op != HIST_PART)
			last = r;
		for (n = 0; on_blocks(r) && n < r->count; n++)
			start[r->block + n + 2]++;
	}
	for (i = 2; i < (size_t)h->used_blocks + 2; i++)
		start[i] += start[i - 1];
	/* now start[block + 1] is where the block's begin, to be moved to its end */
	c->index = grab(start[h->used_blocks + 1], sizeof(*c->index));
	for (i = 0; i < h->count; i++) {
		r = h->records + i;
		for (n = 0; on_blocks(r) && n < r->count; n++)
			c->index[start[r->block + n + 1]++] = i;
	}
	c->start = start;
}

/* Room for the block with the most operations; what is not used costs nothing. */
static void make_room(struct checker *c)
{
	const struct history *h = c->h;
	size_t most = 0;
	uint32_t i;

	for (i = 0; i < h->used_blocks; i++)
		if (c->start[i + 1] - c->start[i] > most)
			most = c->start[i + 1] - c->start[i];
	c->table = grab(table_size(most), sizeof(*c->table));
	most += 2;		/* the initial one, a survivor */
	c->clusters = grab(most, sizeof(*c->clusters));
	c->forward = grab(most, sizeof(*c->forward));
	c->zeroes = grab(most, sizeof(*c->zeroes));
	c->writes = grab(most, sizeof(*c->writes));
}

enum reason history_check(const struct history *h, bool crash,
			  struct result *res)
{
	struct checker c = { .h = h, .res = res };
	uint32_t block;

	memset(res, 0, sizeof(*res));
	make_eras(&c, crash);
	make_index(&c);
	make_room(&c);
	for (block = 0; block < h->used_blocks; block++)
		check_block(&c, block);
	free(c.eras);
	free(c.start);
	free(c.index);
	free(c.table);
	free(c.clusters);
	free(c.forward);
	free(c.zeroes);
	free(c.writes);
	return res->reason;
}
