// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same question as history_check() answers, answered by trying every order
 * of a small history of block 0. It shares nothing with it but the records.
 */
#include <string.h>

#include "test.h"

#define MAX_VALUES	30
#define UNKNOWN		(UINT64_MAX - 1)	/* of the device, never read */

struct op {
	bool write, optional, durable;
	unsigned int value;
	uint64_t invoked, returned;
};

struct brute {
	const struct history *h;
	bool crash;
	unsigned int neras;
	struct {
		struct op op[BRUTE_OPS];
		unsigned int count;
	} era[BRUTE_ERAS];
	uint64_t values[MAX_VALUES];
	unsigned int nvalues;
	bool impossible;	/* a value that nothing can have written */
	bool too_large;
};

static unsigned int value_id(struct brute *b, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < b->nvalues; i++)
		if (b->values[i] == value)
			return i;
	if (b->nvalues == MAX_VALUES) {
		b->too_large = true;
		return 0;
	}
	b->values[b->nvalues] = value;
	return b->nvalues++;
}

static unsigned int era_of(const struct brute *b, unsigned int log)
{
	return b->crash ? log : 0;
}

static struct op *op_add(struct brute *b, unsigned int era)
{
	if (b->era[era].count == BRUTE_OPS) {
		b->too_large = true;
		return b->era[era].op;
	}
	return b->era[era].op + b->era[era].count++;
}

static bool on_block(const struct hist_record *r)
{
	return (r->op == HIST_WRITE || r->op == HIST_ZEROES ||
		r->op == HIST_READ) &&
		!r->block && !(r->flags & HIST_INTENT) &&
		!(r->op == HIST_READ && r->error);
}

/* Is there a flush in the era that began after this was acknowledged? */
static bool is_flushed(const struct brute *b, unsigned int era,
		       const struct hist_record *w)
{
	const struct hist_record *r;
	unsigned int log;

	for (log = 0; log < b->h->nlogs; log++)
		for (r = b->h->records + b->h->logs[log].first;
		     r < b->h->records + b->h->logs[log].end; r++)
			if (era_of(b, log) == era && r->op == HIST_FLUSH &&
			    !r->error && r->returned != HIST_NEVER &&
			    r->invoked > w->returned)
				return true;
	return false;
}

static void add_record(struct brute *b, unsigned int log,
		       const struct hist_record *r)
{
	unsigned int era = era_of(b, log);
	struct op *op = op_add(b, era);

	op->write = r->op != HIST_READ;
	op->optional = op->write && (r->error || r->returned == HIST_NEVER);
	op->invoked = r->invoked;
	op->returned = op->optional ? HIST_NEVER : r->returned;
	op->durable = op->write && !op->optional &&
		(r->flags & HIST_FUA || is_flushed(b, era, r));
	op->value = value_id(b, r->op == HIST_ZEROES ? HIST_ZERO : r->value);
}

/* ---- writes that the log does not have ---------------------------------- */

static bool is_logged(const struct brute *b, uint64_t tag)
{
	size_t i;

	for (i = 0; i < b->h->count; i++)
		if (b->h->records[i].op == HIST_WRITE &&
		    !b->h->records[i].block && b->h->records[i].value == tag)
			return true;
	return false;
}

static void add_unlogged(struct brute *b, uint64_t tag)
{
	const struct history *h = b->h;
	unsigned int log = hist_epoch(tag) - h->logs[0].epoch;
	uint64_t since, time;
	struct op *op;
	size_t i;

	if (log >= h->nlogs || h->logs[log].final) {
		b->impossible = true;
		return;
	}
	since = h->logs[log].base;
	b->impossible |= h->logs[log].threads[hist_writer(tag)].ended;
	for (i = h->logs[log].first; i < h->logs[log].end; i++) {
		const struct hist_record *r = h->records + i;

		if (r->thread != hist_writer(tag))
			continue;
		b->impossible |= r->op == HIST_WRITE && r->value >= tag;
		time = r->returned == HIST_NEVER ? r->invoked : r->returned;
		if (time > since)
			since = time;
	}
	op = op_add(b, era_of(b, log));
	*op = (struct op){ .write = true, .optional = true, .invoked = since,
			   .returned = HIST_NEVER, .value = value_id(b, tag) };
}

static void add_all_unlogged(struct brute *b)
{
	unsigned int i, values = b->nvalues;
	uint64_t v;

	for (i = 0; i < values; i++) {
		v = b->values[i];
		if (v != UNKNOWN && hist_is_tag(v) &&
		    hist_epoch(v) >= b->h->logs[0].epoch && !is_logged(b, v))
			add_unlogged(b, v);
	}
}

/* ---- every order -------------------------------------------------------- */

static bool is_next(const struct brute *b, unsigned int era,
		    unsigned int done, unsigned int i)
{
	const struct op *op = b->era[era].op;
	unsigned int n;

	for (n = 0; n < b->era[era].count; n++)
		if (!(done & 1U << n) && op[n].returned < op[i].invoked)
			return false;
	return true;
}

/* Which values can be left by a crash after it, over all orders? */
static unsigned int outcomes(const struct brute *b, unsigned int era,
			     unsigned int done, unsigned int value,
			     unsigned int left)
{
	const struct op *op = b->era[era].op;
	unsigned int i, all = 0;
	bool complete = true;

	for (i = 0; i < b->era[era].count; i++) {
		if (done & 1U << i)
			continue;
		complete &= op[i].optional;
		if (!is_next(b, era, done, i))
			continue;
		if (!op[i].write && op[i].value == value)
			all |= outcomes(b, era, done | 1U << i, value, left);
		else if (op[i].write)
			all |= outcomes(b, era, done | 1U << i, op[i].value,
					(op[i].durable ? 0 : left) |
					1U << op[i].value);
	}
	return complete ? all | left : all;
}

static bool eras_possible(const struct brute *b, unsigned int era,
			  unsigned int value)
{
	unsigned int left = outcomes(b, era, 0, value, 1U << value), i;

	if (era + 1 == b->neras)
		return left;
	for (i = 0; i < b->nvalues; i++)
		if (left & 1U << i && eras_possible(b, era + 1, i))
			return true;
	return false;
}

/* What may have been there before the first log? */
static bool may_be_first(const struct brute *b, uint64_t value)
{
	unsigned int i;

	if (value == UNKNOWN || value == HIST_ZERO)
		return true;
	if (hist_is_tag(value))
		return hist_epoch(value) < b->h->logs[0].epoch;
	for (i = 0; i < b->era[0].count; i++)
		if (b->values[b->era[0].op[i].value] == value)
			return true;
	return false;
}

static void collect(struct brute *b, const struct history *h, bool crash)
{
	unsigned int log;
	size_t i;

	memset(b, 0, sizeof(*b));
	b->h = h;
	b->crash = crash;
	b->neras = crash ? h->nlogs : 1;
	value_id(b, UNKNOWN);
	value_id(b, HIST_ZERO);
	for (log = 0; log < h->nlogs; log++)
		for (i = h->logs[log].first; i < h->logs[log].end; i++)
			if (on_block(h->records + i))
				add_record(b, log, h->records + i);
	add_all_unlogged(b);
}

bool brute_possible(const struct history *h, bool crash)
{
	struct brute b;

	if (crash && h->nlogs > BRUTE_ERAS)
		return false;
	collect(&b, h, crash);
	return !b.too_large;
}

bool brute_check(const struct history *h, bool crash)
{
	struct brute b;
	unsigned int i;

	collect(&b, h, crash);
	for (i = 0; i < b.nvalues && !b.impossible; i++)
		if (may_be_first(&b, b.values[i]) && eras_possible(&b, 0, i))
			return true;
	return false;
}
