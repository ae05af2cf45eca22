// SPDX-License-Identifier: GPL-2.0-only
/*
 * Histories as text, one operation a line, for cases made by hand and to look
 * at a log. README.md describes it.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

#define MAX_WORDS	10
#define TEXT_BLOCKS	(1U << 20)
#define TEXT_RUN	1

struct text {
	struct history *h;
	struct history_log *log;
	struct hist_header head;
	const char *path;
	unsigned int line;
	bool cut;		/* the log does not end with all that was done */
	char *word[MAX_WORDS];
	int words;
};

/* ---- values ------------------------------------------------------------- */

void text_value(char *buf, size_t size, uint64_t value)
{
	if (value == HIST_ZERO)
		snprintf(buf, size, "zero");
	else if (value & HIST_OTHER)
		snprintf(buf, size, "other:%" PRIx64, value & ~HIST_OTHER);
	else
		snprintf(buf, size, "%u.%" PRIu64 "@%u", hist_writer(value),
			 hist_seq(value), hist_epoch(value));
}

static bool number(const char *s, int base, uint64_t max, uint64_t *to,
		   const char **end)
{
	char *stop;

	if (!isxdigit((unsigned char)*s))
		return false;
	errno = 0;
	*to = strtoull(s, &stop, base);
	*end = stop;
	return !errno && stop != s && *to <= max;
}

/* Which epoch a value is of that does not say. */
static unsigned int usual_epoch(const struct text *t)
{
	if (!t->log)
		return 0;
	return t->log->final ? t->log->epoch - 1 : t->log->epoch;
}

/* zero, other:HEX, WRITER.SEQ or WRITER.SEQ@EPOCH */
static bool parse_value(const struct text *t, const char *s, uint64_t *value)
{
	uint64_t writer, seq, epoch = usual_epoch(t);

	if (!strcmp(s, "zero")) {
		*value = HIST_ZERO;
		return true;
	}
	if (!strncmp(s, "other:", 6)) {
		if (!number(s + 6, 16, ~HIST_OTHER, value, &s) || *s)
			return false;
		*value |= HIST_OTHER;
		return true;
	}
	if (!number(s, 10, HIST_MAX_THREADS - 1, &writer, &s) || *s++ != '.' ||
	    !number(s, 10, HIST_MAX_SEQ, &seq, &s))
		return false;
	if (*s == '@' && !number(s + 1, 10, HIST_MAX_EPOCH, &epoch, &s))
		return false;
	*value = hist_tag(epoch, writer, seq);
	return !*s && epoch && seq;
}

/* N or N-M */
static bool parse_range(const char *s, uint32_t *first, uint32_t *count)
{
	uint64_t a, b;

	if (!number(s, 10, HIST_MAX_BLOCKS, &a, &s))
		return false;
	b = a;
	if (*s == '-' && !number(s + 1, 10, HIST_MAX_BLOCKS, &b, &s))
		return false;
	*first = a;
	*count = b - a + 1;
	return !*s && b >= a;
}

/* ---- lines -------------------------------------------------------------- */

static bool whole_number(const char *s, uint64_t max, uint64_t *to)
{
	const char *end;

	return number(s, 10, max, to, &end) && !*end;
}

/* INVOKED RETURNED, of which the latter may be "-", from word n on */
static bool parse_times(struct text *t, int n, struct hist_record *r)
{
	r->returned = HIST_NEVER;
	return whole_number(t->word[n], HIST_NEVER / 2, &r->invoked) &&
		(!strcmp(t->word[n + 1], "-") ||
		 whole_number(t->word[n + 1], HIST_NEVER / 2, &r->returned));
}

static bool add(struct text *t, const struct hist_record *r)
{
	return t->log && !history_add(t->h, t->log, r);
}

static const struct operation {
	const char *name;
	enum hist_op op;
	uint8_t flags;
	bool blocks, value;
} operations[] = {
	{ "write", HIST_WRITE, 0, true, true },
	{ "fua", HIST_WRITE, HIST_FUA, true, true },
	{ "zeroes", HIST_ZEROES, 0, true, false },
	{ "read", HIST_READ, 0, true, true },
	{ "flush", HIST_FLUSH, 0, false, false },
};

#define OPERATIONS	(sizeof(operations) / sizeof(*operations))

/* OP THREAD [BLOCKS] INVOKED RETURNED [VALUE] [errno=N] */
static bool parse_operation(struct text *t, const struct operation *o)
{
	struct hist_record r = { .op = o->op, .flags = o->flags };
	int n = 2 + o->blocks, words = n + 2 + o->value;
	uint64_t thread, error = 0;

	if (t->words > n + 2 && !strncmp(t->word[t->words - 1], "errno=", 6)) {
		if (!whole_number(t->word[--t->words] + 6, 4095, &error))
			return false;
		if (o->op == HIST_READ)
			words--;	/* it has no value */
	}
	if (t->words != words ||
	    !whole_number(t->word[1], HIST_MAX_THREADS - 1, &thread) ||
	    (o->blocks && !parse_range(t->word[2], &r.block, &r.count)) ||
	    !parse_times(t, n, &r) ||
	    (words > n + 2 && !parse_value(t, t->word[n + 2], &r.value)))
		return false;
	r.thread = thread;
	r.error = error;
	return add(t, &r);
}

/* part BLOCK SECTORS VALUE FOUND, after the read */
static bool parse_part(struct text *t)
{
	struct hist_record r = { .op = HIST_PART };
	uint64_t block, found;
	uint32_t first;

	if (t->words != 5 ||
	    !whole_number(t->word[1], HIST_MAX_BLOCKS, &block) ||
	    !parse_range(t->word[2], &first, &r.count) ||
	    !parse_value(t, t->word[3], &r.value) ||
	    !whole_number(t->word[4], HIST_MAX_BLOCKS, &found))
		return false;
	r.block = block;
	r.sector = first;
	r.found = found;
	return add(t, &r);
}

/* Unless the text says that the log was cut off, each thread came to its end. */
static void end_log(struct text *t)
{
	unsigned int i;

	for (i = 0; t->log && !t->cut && i < HIST_MAX_THREADS; i++)
		t->log->threads[i].ended = true;
	if (t->log)
		history_log_end(t->log);
}

static bool begin_log(struct text *t, uint64_t epoch)
{
	end_log(t);
	t->head.epoch = epoch;
	t->log = history_log_add(t->h, t->path, &t->head);
	return t->log;
}

/* epoch N [cut [ZEROERS]] */
static bool parse_epoch(struct text *t)
{
	uint64_t epoch, zeroers = 0;

	if (t->words < 2 || !whole_number(t->word[1], HIST_MAX_EPOCH, &epoch) ||
	    !begin_log(t, epoch))
		return false;
	t->cut = t->words > 2 && !strcmp(t->word[2], "cut");
	if (t->words > 3 && !whole_number(t->word[3], HIST_MAX_THREADS - 1,
					  &zeroers))
		return false;
	t->log->zeroers = zeroers;
	return t->words == 2 || (t->cut && t->words < 5);
}

static bool parse_final(struct text *t)
{
	if (t->words != 1 || !t->log || !begin_log(t, t->log->epoch + 1))
		return false;
	t->cut = false;
	t->log->final = true;
	return true;
}

/* run HEX BLOCKS BYTES */
static bool parse_run(struct text *t)
{
	uint64_t blocks, bytes;
	const char *end;

	if (t->words != 4 ||
	    !number(t->word[1], 16, UINT64_MAX, &t->head.run, &end) || *end ||
	    !whole_number(t->word[2], HIST_MAX_BLOCKS, &blocks) ||
	    !whole_number(t->word[3], 65536, &bytes))
		return false;
	t->head.blocks = blocks;
	t->head.block_bytes = bytes;
	return true;
}

/* What a case expects, and how it is to be checked. */
static bool parse_setting(struct text *t)
{
	if (t->words != 2)
		return false;
	if (!strcmp(t->word[0], "crash")) {
		t->h->crash = !strcmp(t->word[1], "client");
		return t->h->crash || !strcmp(t->word[1], "none");
	}
	return (size_t)snprintf(t->h->expect, sizeof(t->h->expect), "%s",
				t->word[1]) < sizeof(t->h->expect);
}

static bool parse_line(struct text *t)
{
	const char *what = t->word[0];
	size_t i;

	for (i = 0; i < OPERATIONS; i++)
		if (!strcmp(what, operations[i].name))
			return parse_operation(t, operations + i);
	if (!strcmp(what, "part"))
		return parse_part(t);
	if (!strcmp(what, "epoch"))
		return parse_epoch(t);
	if (!strcmp(what, "final"))
		return parse_final(t);
	if (!strcmp(what, "run"))
		return parse_run(t);
	if (!strcmp(what, "crash") || !strcmp(what, "expect"))
		return parse_setting(t);
	return false;
}

static void split(struct text *t, char *line)
{
	char *save = NULL, *word;

	line[strcspn(line, "#\n")] = '\0';
	t->words = 0;
	for (word = strtok_r(line, " \t\r", &save); word && t->words < MAX_WORDS;
	     word = strtok_r(NULL, " \t\r", &save))
		t->word[t->words++] = word;
}

int text_load(struct history *h, const char *path, FILE *file)
{
	struct text t = {
		.h = h, .path = path,
		.head = { .run = TEXT_RUN, .blocks = TEXT_BLOCKS,
			  .block_bytes = 4096 },
	};
	char line[256];

	if (h->nlogs) {
		t.head.run = h->run;
		t.head.block_bytes = h->block_bytes;
	}
	while (fgets(line, sizeof(line), file)) {
		t.line++;
		split(&t, line);
		if (t.words && !parse_line(&t))
			return log_error(path, "line %u is not understood",
					 t.line);
	}
	if (!t.log)
		return log_error(path, "neither a log nor a history");
	end_log(&t);
	return 0;
}

/* ---- dump --------------------------------------------------------------- */

static void dump_range(FILE *to, uint32_t first, uint32_t count)
{
	fprintf(to, count > 1 ? " %u-%u" : " %u", first, first + count - 1);
}

static void dump_operation(const struct hist_record *r, uint64_t offset,
			   FILE *to)
{
	const struct operation *o = operations;
	char value[TEXT_VALUE];

	while (o->op != r->op || o->flags != (r->flags & HIST_FUA))
		if (++o == operations + OPERATIONS)
			return;
	fprintf(to, "%s %u", o->name, r->thread);
	if (o->blocks)
		dump_range(to, r->block, r->count);
	fprintf(to, " %" PRIu64, r->invoked - offset);
	if (r->returned == HIST_NEVER)
		fputs(" -", to);
	else
		fprintf(to, " %" PRIu64, r->returned - offset);
	if (o->value && !(r->op == HIST_READ && r->error)) {
		text_value(value, sizeof(value), r->value);
		fprintf(to, " %s", value);
	}
	if (r->error)
		fprintf(to, " errno=%u", r->error);
	fputc('\n', to);
}

static void dump_record(const struct hist_record *r, uint64_t offset, FILE *to)
{
	char value[TEXT_VALUE];

	if (r->flags & HIST_INTENT)
		return;
	if (r->op != HIST_PART) {
		dump_operation(r, offset, to);
		return;
	}
	text_value(value, sizeof(value), r->value);
	fprintf(to, "part %u", r->block);
	dump_range(to, r->sector, r->count);
	fprintf(to, " %s %u\n", value, r->found);
}

static bool log_cut(const struct history_log *log)
{
	unsigned int i;

	for (i = 0; i < HIST_MAX_THREADS; i++)
		if (log->threads[i].last_time && !log->threads[i].ended)
			return true;
	return false;
}

/* Times are those since the log began. */
void text_dump(const struct history *h, FILE *to)
{
	const struct history_log *log;
	size_t i;

	fprintf(to, "run %" PRIx64 " %u %u\n", h->run, h->blocks,
		h->block_bytes);
	for (log = h->logs; log < h->logs + h->nlogs; log++) {
		if (log->final)
			fputs("final\n", to);
		else if (log_cut(log))
			fprintf(to, "epoch %u cut %u\n", log->epoch,
				log->zeroers);
		else
			fprintf(to, "epoch %u\n", log->epoch);
		for (i = log->first; i < log->end; i++)
			dump_record(h->records + i, log->base, to);
	}
}
