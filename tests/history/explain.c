// SPDX-License-Identifier: GPL-2.0-only
/* What is wrong with a block, for people. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* The sentence may name the value read (%1) and the one it should be (%2). */
static const struct {
	const char *name, *sentence;
} reasons[REASONS] = {
	[LINEARIZABLE] = { "linearizable", "" },
	[LOST_WRITE] = { "lost-write",
		"%1 was read when %2, which is newer, had been acknowledged; %2 was never seen" },
	[STALE_READ] = { "stale-read",
		"%1 was read when %2, which is newer, had been acknowledged" },
	[RESURRECTED] = { "resurrected",
		"%1 was read again after %2, which took its place, had been seen" },
	[READ_BEFORE_WRITE] = { "read-before-write",
		"%1 was read before it was written" },
	[FROM_NOWHERE] = { "from-nowhere",
		"%1 was read, which nothing wrote there" },
	[TORN] = { "torn",
		"the block read is no write's: it is mixed, or belongs elsewhere" },
	[FLUSHED_LOST] = { "flushed-lost",
		"%2 was on stable storage before the crash, after it there is %1, which is older" },
	[BACK_AFTER_CRASH] = { "back-after-crash",
		"%1 was lost by the crash, as %2 had been read after it, yet it came back" },
	[NO_HISTORY] = { "no-history",
		"%1 was written twice: this is not the log of a run" },
};

const char *reason_name(enum reason reason)
{
	return reasons[reason].name;
}

static void print_sentence(const struct finding *f, FILE *to)
{
	const char *s = reasons[f->reason].sentence;
	char value[TEXT_VALUE];

	for (; *s; s++) {
		if (*s != '%') {
			fputc(*s, to);
			continue;
		}
		s++;
		text_value(value, sizeof(value), *s == '1' ? f->bad : f->good);
		fputs(value, to);
	}
	fputc('\n', to);
}

static void print_time(uint64_t time, const struct history_log *log, FILE *to)
{
	uint64_t t = time - log->base;

	if (log->final)
		fprintf(to, "%18s", "afterwards");
	else if (time == HIST_NEVER)
		fprintf(to, "%18s", "never");
	else
		fprintf(to, "%8" PRIu64 ".%09" PRIu64, t / 1000000000,
			t % 1000000000);
}

static const char *operation_name(const struct hist_record *r,
				  const struct history_log *log)
{
	switch (r->op) {
	case HIST_WRITE:
		return r->flags & HIST_FUA ? "FUA write of " : "write of ";
	case HIST_ZEROES:
		return "write of ";
	case HIST_FLUSH:
		return "flush";
	default:
		return log->final ? "final read of " : "read of ";
	}
}

static void print_parts(const struct history *h, uint32_t record, FILE *to)
{
	const struct hist_record *r = h->records + record + 1;
	const struct hist_record *end = h->records + h->count;
	char value[TEXT_VALUE];

	for (; r < end && r->op == HIST_PART; r++) {
		text_value(value, sizeof(value), r->value);
		fprintf(to, "      sectors %u to %u: %s", r->sector,
			r->sector + r->count - 1, value);
		if (r->found != r->block)
			fprintf(to, " of block %u", r->found);
		fputc('\n', to);
	}
}

static void print_record(const struct history *h, uint32_t record, FILE *to)
{
	const struct hist_record *r = h->records + record;
	const struct history_log *log = history_log_of(h, record);
	char value[TEXT_VALUE] = "";

	if (r->op != HIST_FLUSH)
		text_value(value, sizeof(value),
			   r->op == HIST_ZEROES ? HIST_ZERO : r->value);
	fputs("  ", to);
	print_time(r->invoked, log, to);
	fputs(" to", to);
	print_time(r->returned, log, to);
	fprintf(to, "  epoch %u thread %-3u %s%s", log->epoch, r->thread,
		operation_name(r, log), value);
	if (r->error)
		fprintf(to, ": failed: %s", strerror(r->error));
	fputc('\n', to);
	print_parts(h, record, to);
}

static int by_time(const void *a, const void *b, void *history)
{
	const struct history *h = history;
	const struct hist_record *x = h->records + *(const uint32_t *)a;
	const struct hist_record *y = h->records + *(const uint32_t *)b;

	return x->invoked < y->invoked ? -1 : x->invoked > y->invoked;
}

void explain(const struct history *h, const struct finding *f, FILE *to)
{
	uint32_t evidence[EVIDENCE];
	unsigned int i, count = 0;

	for (i = 0; i < EVIDENCE; i++)
		if (f->evidence[i] != NO_RECORD)
			evidence[count++] = f->evidence[i];
	qsort_r(evidence, count, sizeof(*evidence), by_time, (void *)h);
	fprintf(to, "block %u: %s: ", f->block, reason_name(f->reason));
	print_sentence(f, to);
	for (i = 0; i < count; i++)
		print_record(h, evidence[i], to);
}
