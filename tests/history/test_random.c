// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk made by chance: threads whose operations take effect at some moment
 * between call and return, failed writes that take effect late or never,
 * crashes that leave any value since the last flushed, logs that were cut off.
 * What it records is right, until something in it is changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

enum phase { IDLE, INVOKED, DONE };

struct thread {
	enum phase phase;
	struct hist_record r;
	uint64_t values[SIM_BLOCKS];	/* what it read */
	uint64_t seq;
	bool fails, late;
};

/* Writes to a block in the order in which they took effect. */
struct order {
	uint64_t *value;
	unsigned int count;
};

struct sim_block {
	uint64_t value;
	uint64_t zeroed, written;	/* as in struct block_state */
	struct order order;
};

struct sim_epoch {
	size_t first, end;
	bool cut, final;
};

struct sim {
	struct rng rng;
	struct sim_options opt;
	uint64_t now;
	struct thread threads[SIM_THREADS];
	struct sim_block blocks[SIM_BLOCKS];
	struct hist_record *records;
	size_t count, room;
	size_t committed;		/* records before are not lost */
	struct hist_record late[16];	/* writes that may yet happen */
	unsigned int nlate;
	struct sim_epoch epochs[BRUTE_ERAS + 8];
	unsigned int nepochs;
};

static void push(struct sim *s, const struct hist_record *r)
{
	if (s->count == s->room) {
		s->room = s->room * 2 + 64;
		s->records = realloc(s->records,
				     s->room * sizeof(*s->records));
		if (!s->records)
			abort();
	}
	s->records[s->count++] = *r;
}

static void order_add(struct order *o, uint64_t value)
{
	if (!(o->count & (o->count - 1))) {
		o->value = realloc(o->value,
				   2 * (o->count + 1) * sizeof(*o->value));
		if (!o->value)
			abort();
	}
	o->value[o->count++] = value;
}

static void apply(struct sim *s, const struct hist_record *r)
{
	uint32_t n;

	for (n = r->block; n < r->block + r->count; n++) {
		s->blocks[n].value = r->op == HIST_ZEROES ? HIST_ZERO :
			r->value;
		order_add(&s->blocks[n].order, s->blocks[n].value);
	}
}

/* ---- an operation: it begins, takes effect, returns --------------------- */

static bool may_zero(const struct sim *s, const struct hist_record *r)
{
	uint32_t n;
	unsigned int t;

	if (s->opt.careless)
		return true;
	for (n = r->block; n < r->block + r->count; n++) {
		if (!s->blocks[n].written)
			return false;
		for (t = 0; t < s->opt.threads; t++)
			if (s->threads[t].phase != IDLE &&
			    s->threads[t].r.op == HIST_READ &&
			    s->threads[t].r.invoked <= s->blocks[n].written)
				return false;
	}
	return true;
}

static void begin_zeroes(struct sim *s, struct hist_record *r)
{
	uint32_t n;

	r->op = HIST_ZEROES;
	r->value = 0;
	for (n = r->block; n < r->block + r->count; n++) {
		s->blocks[n].zeroed = HIST_NEVER;
		s->blocks[n].written = 0;
	}
	s->committed = s->count;
}

static void begin(struct sim *s, struct thread *t)
{
	struct hist_record *r = &t->r;
	unsigned int id = t - s->threads + 1;

	memset(r, 0, sizeof(*r));
	r->invoked = s->now;
	r->thread = id;
	r->count = 1 + draw(&s->rng, s->opt.blocks > 3 ? 3 : s->opt.blocks);
	r->block = draw(&s->rng, s->opt.blocks - r->count + 1);
	t->phase = INVOKED;
	t->fails = chance(&s->rng, 8);
	t->late = t->fails && chance(&s->rng, 50);
	if (chance(&s->rng, 12)) {
		r->op = HIST_FLUSH;
		r->block = 0;
		r->count = 0;
	} else if (chance(&s->rng, 50)) {
		r->op = HIST_READ;
	} else if (chance(&s->rng, s->opt.zeroes) && may_zero(s, r)) {
		begin_zeroes(s, r);
	} else {
		r->op = HIST_WRITE;
		r->value = hist_tag(s->nepochs + 1, id, ++t->seq);
		r->flags = chance(&s->rng, 10) ? HIST_FUA : 0;
	}
}

static void take_effect(struct sim *s, struct thread *t)
{
	uint32_t n;

	t->phase = DONE;
	if (t->r.op == HIST_READ)
		for (n = 0; n < t->r.count; n++)
			t->values[n] = s->blocks[t->r.block + n].value;
	else if (t->r.op != HIST_FLUSH && !(t->fails && t->late))
		apply(s, &t->r);
}

static void push_read(struct sim *s, struct thread *t)
{
	struct hist_record r = t->r;
	uint32_t n;

	r.count = 1;
	for (n = 0; n < t->r.count; n++) {
		r.block = t->r.block + n;
		r.value = t->values[n];
		push(s, &r);
	}
}

static void note_returned(struct sim *s, const struct hist_record *r)
{
	struct sim_block *b;
	uint32_t n;

	for (n = r->block; n < r->block + r->count; n++) {
		b = s->blocks + n;
		if (r->op == HIST_ZEROES && !r->error)
			b->zeroed = r->returned;
		if (r->op == HIST_WRITE && !r->error && !b->written &&
		    b->zeroed < r->invoked)
			b->written = r->returned;
	}
}

static void add_late(struct sim *s, const struct hist_record *r)
{
	if (s->nlate < sizeof(s->late) / sizeof(*s->late))
		s->late[s->nlate++] = *r;
}

static void finish(struct sim *s, struct thread *t)
{
	t->phase = IDLE;
	t->r.returned = s->now;
	t->r.error = t->fails ? EIO : 0;
	if (t->r.op == HIST_READ && !t->fails)
		push_read(s, t);
	else
		push(s, &t->r);
	if (t->r.op == HIST_WRITE || t->r.op == HIST_ZEROES) {
		note_returned(s, &t->r);
		if (t->late)
			add_late(s, &t->r);
	}
}

static void step(struct sim *s)
{
	struct thread *t = s->threads + draw(&s->rng, s->opt.threads);
	unsigned int i;

	s->now += draw(&s->rng, 3);	/* some things happen at once */
	if (s->nlate && chance(&s->rng, 5)) {
		i = draw(&s->rng, s->nlate);
		apply(s, s->late + i);
		s->late[i] = s->late[--s->nlate];
	}
	if (t->phase == IDLE)
		begin(s, t);
	else if (t->phase == INVOKED)
		take_effect(s, t);
	else
		finish(s, t);
}

/* ---- epochs ------------------------------------------------------------- */

static void drain(struct sim *s)
{
	unsigned int i;

	for (i = 0; i < s->opt.threads; i++) {
		if (s->threads[i].phase == INVOKED)
			take_effect(s, s->threads + i);
		if (s->threads[i].phase == DONE)
			finish(s, s->threads + i);
	}
}

/* What is under way is not known to return, or not known at all. */
static void abandon(struct sim *s)
{
	struct thread *t;

	for (t = s->threads; t < s->threads + s->opt.threads; t++) {
		if (t->phase == INVOKED && t->r.op != HIST_READ &&
		    t->r.op != HIST_FLUSH)
			add_late(s, &t->r);
		t->r.returned = HIST_NEVER;
		if (t->phase != IDLE &&
		    (t->r.op == HIST_ZEROES ||
		     (t->r.op == HIST_WRITE && chance(&s->rng, 50))))
			push(s, &t->r);
		t->phase = IDLE;
	}
}

/*
 * The last records of some threads were not written. Zeroes are announced, but
 * in a stream that may be lost as well.
 */
static void lose_records(struct sim *s)
{
	size_t from = s->opt.stream ? s->epochs[s->nepochs].first :
		s->committed, i, to;
	unsigned int lost;

	from += draw(&s->rng, s->count - from + 1);
	lost = draw(&s->rng, 1U << s->opt.threads);
	for (i = to = from; i < s->count; i++) {
		struct hist_record *r = s->records + i;

		if (lost & 1U << (r->thread - 1)) {
			if (r->op != HIST_ZEROES || s->opt.stream)
				continue;
			r->returned = HIST_NEVER;
			r->error = 0;
		}
		s->records[to++] = *r;
	}
	s->count = to;
}

static bool was_flushed(const struct sim *s, const struct hist_record *w)
{
	size_t i;

	if (w->error || w->returned == HIST_NEVER)
		return false;
	if (w->flags & HIST_FUA)
		return true;
	for (i = s->epochs[s->nepochs].first; i < s->count; i++)
		if (s->records[i].op == HIST_FLUSH && !s->records[i].error &&
		    s->records[i].invoked > w->returned)
			return true;
	return false;
}

static bool is_durable(const struct sim *s, uint32_t block, uint64_t value)
{
	const struct hist_record *r;
	size_t i;

	for (i = s->epochs[s->nepochs].first; i < s->count; i++) {
		r = s->records + i;
		if (r->op == HIST_WRITE && r->value == value &&
		    r->block <= block && block < r->block + r->count)
			return was_flushed(s, r);
	}
	return false;
}

/* Zeroes have no value of their own: as if all were flushed. */
static void crash_block(struct sim *s, uint32_t n)
{
	struct order *o = &s->blocks[n].order;
	unsigned int oldest = o->count - 1;

	while (oldest && o->value[oldest] != HIST_ZERO &&
	       !is_durable(s, n, o->value[oldest]))
		oldest--;
	s->blocks[n].value =
		o->value[oldest + draw(&s->rng, o->count - oldest)];
}

static void begin_epoch(struct sim *s)
{
	uint32_t n;

	s->committed = s->count;
	s->epochs[s->nepochs].first = s->count;
	for (n = 0; n < s->opt.blocks; n++) {
		s->blocks[n].order.count = 0;
		order_add(&s->blocks[n].order, s->blocks[n].value);
		s->blocks[n].zeroed = 0;
		s->blocks[n].written = 0;
	}
	for (n = 0; n < s->opt.threads; n++)
		s->threads[n].seq = 0;
}

static void end_epoch(struct sim *s)
{
	struct sim_epoch *e = s->epochs + s->nepochs;
	uint32_t n;

	e->cut = chance(&s->rng, 50);
	if (e->cut)
		abandon(s);
	else
		drain(s);
	if (s->opt.crash) {
		for (n = 0; n < s->opt.blocks; n++)
			crash_block(s, n);
		s->nlate = 0;
	}
	if (e->cut && chance(&s->rng, 50))
		lose_records(s);
	e->end = s->count;
	s->nepochs++;
	s->now = 0;
}

static void add_final(struct sim *s)
{
	struct sim_epoch *e = s->epochs + s->nepochs++;
	struct hist_record r = { .op = HIST_READ, .count = 1 };

	e->first = s->count;
	e->final = true;
	for (r.block = 0; r.block < s->opt.blocks; r.block++) {
		r.value = s->blocks[r.block].value;
		push(s, &r);
	}
	e->end = s->count;
}

struct sim *sim_new(uint64_t seed, const struct sim_options *opt)
{
	struct sim *s = calloc(1, sizeof(*s));
	unsigned int i, n;

	if (!s)
		abort();
	s->rng.state = hist_mix(seed + 1);
	s->opt = *opt;
	for (n = 0; n < opt->blocks; n++)
		s->blocks[n].value = chance(&s->rng, 50) ? HIST_ZERO :
			HIST_OTHER | n;
	for (n = 0; n < opt->epochs; n++) {
		begin_epoch(s);
		for (i = 0; i < opt->steps; i++)
			step(s);
		end_epoch(s);
	}
	if (chance(&s->rng, 50))
		add_final(s);
	return s;
}

void sim_free(struct sim *s)
{
	unsigned int n;

	for (n = 0; n < SIM_BLOCKS; n++)
		free(s->blocks[n].order.value);
	free(s->records);
	free(s);
}

void sim_load(const struct sim *s, struct history *h)
{
	struct hist_header head = { .run = 1, .blocks = SIM_BLOCKS,
				    .block_bytes = 4096 };
	struct history_log *log;
	unsigned int n, t;
	size_t i;

	history_init(h);
	for (n = 0; n < s->nepochs; n++) {
		head.epoch = n + 1;
		log = history_log_add(h, "simulated", &head);
		log->final = s->epochs[n].final;
		if (s->opt.stream && !log->final)
			log->zeroers = s->opt.threads;
		for (i = s->epochs[n].first; i < s->epochs[n].end; i++)
			if (history_add(h, log, s->records + i))
				abort();
		for (t = 0; !s->epochs[n].cut && t < s->opt.threads; t++) {
			struct hist_record end = {
				.op = HIST_END, .thread = t + 1,
				.invoked = h->latest - log->offset,
			};

			end.returned = end.invoked;
			history_add(h, log, &end);
		}
		history_log_end(log);
	}
}

/* ---- something wrong ---------------------------------------------------- */

static struct hist_record *any(struct sim *s, enum hist_op op)
{
	unsigned int tries;
	struct hist_record *r;

	for (tries = 0; s->count && tries < 20; tries++) {
		r = s->records + draw(&s->rng, s->count);
		if (r->op == op)
			return r;
	}
	return NULL;
}

static uint64_t any_value(struct sim *s)
{
	struct hist_record *w = any(s, HIST_WRITE);

	if (chance(&s->rng, 5))
		return HIST_OTHER | draw(&s->rng, 3);
	if (chance(&s->rng, 5))
		return hist_tag(1 + draw(&s->rng, s->nepochs),
				1 + draw(&s->rng, s->opt.threads),
				1 + draw(&s->rng, 5));
	return !w || chance(&s->rng, s->opt.zeroes) ? HIST_ZERO : w->value;
}

static void move(struct sim *s, struct hist_record *r)
{
	uint64_t length = r->returned - r->invoked;

	if (r->returned == HIST_NEVER)
		return;
	r->invoked = draw(&s->rng, s->opt.steps);
	r->returned = r->invoked + draw(&s->rng, 2 * length + 3);
}

static void change(struct sim *s, struct hist_record *read,
		   struct hist_record *write, struct hist_record *flush)
{
	switch (draw(&s->rng, 7)) {
	case 0:
	case 1:
		if (read)
			read->value = any_value(s);
		break;
	case 2:
		if (read)
			move(s, read);
		break;
	case 3:
		if (write)
			move(s, write);
		break;
	case 4:
		if (write && write->returned != HIST_NEVER)
			write->error = write->error ? 0 : EIO;
		break;
	case 5:
		if (write)
			write->flags ^= HIST_FUA;
		break;
	case 6:
		if (flush)
			move(s, flush);
		break;
	}
}

void sim_mutate(struct sim *s)
{
	unsigned int n = 1 + draw(&s->rng, 3);

	while (n--)
		change(s, any(s, HIST_READ), any(s, HIST_WRITE),
		       any(s, HIST_FLUSH));
}
