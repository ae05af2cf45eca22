// SPDX-License-Identifier: GPL-2.0-only
/* Reading logs into memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block.h"
#include "history.h"

#define CHUNK_BYTES	(256U << 10)

int log_error(const char *name, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "dsthist: %s: ", name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return -1;
}

void history_init(struct history *h)
{
	memset(h, 0, sizeof(*h));
	h->crash = -1;
}

void history_free(struct history *h)
{
	unsigned int i;

	for (i = 0; i < h->nlogs; i++)
		free(h->logs[i].threads);
	free(h->logs);
	free(h->records);
	history_init(h);
}

static void *must(void *memory)
{
	if (memory)
		return memory;
	fputs("dsthist: out of memory\n", stderr);
	exit(2);
}

static void reserve(struct history *h, size_t more)
{
	if (h->count + more <= h->room)
		return;
	h->room = h->count + more + h->room / 2;
	h->records = must(realloc(h->records,
				  h->room * sizeof(*h->records)));
}

static int header_fits(struct history *h, const char *name,
		       const struct hist_header *head)
{
	const struct history_log *last;

	if (!head->epoch || head->epoch > HIST_MAX_EPOCH ||
	    head->zeroers >= HIST_MAX_THREADS || !head->block_bytes ||
	    head->block_bytes % HIST_SECTOR || head->block_bytes > 65536 ||
	    !head->blocks || head->blocks > HIST_MAX_BLOCKS)
		return log_error(name, "its header makes no sense");
	if (!h->nlogs)
		return 0;
	last = h->logs + h->nlogs - 1;
	if (head->run != h->run || head->block_bytes != h->block_bytes)
		return log_error(name, "of another run than %s", last->name);
	if (head->epoch != last->epoch + 1)
		return log_error(name, "epoch %u after %u: logs are given in order, none left out",
				 head->epoch, last->epoch);
	return 0;
}

/* A log begins: its records follow. Later logs are later in time. */
struct history_log *history_log_add(struct history *h, const char *name,
				    const struct hist_header *head)
{
	struct history_log *log;

	if (header_fits(h, name, head))
		return NULL;
	h->logs = must(realloc(h->logs, (h->nlogs + 1) * sizeof(*h->logs)));
	log = h->logs + h->nlogs++;
	memset(log, 0, sizeof(*log));
	log->name = name;
	log->epoch = head->epoch;
	log->first = h->count;
	log->end = h->count;
	log->base = h->latest + 1;
	log->offset = log->base - head->started;
	log->blind = HIST_NEVER;
	if (head->flags & HIST_STREAM)
		log->zeroers = head->zeroers;
	log->threads = must(calloc(HIST_MAX_THREADS, sizeof(*log->threads)));
	h->run = head->run;
	h->block_bytes = head->block_bytes;
	if (head->blocks > h->blocks)
		h->blocks = head->blocks;
	return log;
}

/* The first block after those that the operation is on. */
static uint32_t blocks_of(const struct hist_record *r)
{
	return r->op == HIST_PART ? 0 : r->block + r->count;
}

static bool record_sane(const struct history *h, const struct history_log *log,
			const struct hist_record *r)
{
	bool blocks = r->op != HIST_FLUSH && r->op != HIST_END;

	if (!r->op || r->op >= HIST_OPS || r->thread >= HIST_MAX_THREADS ||
	    r->returned < r->invoked)
		return false;
	if (blocks && (!r->count || r->count > h->blocks ||
		       r->block > h->blocks - r->count) && r->op != HIST_PART)
		return false;
	if (r->op != HIST_PART && r->invoked + log->offset < log->base)
		return false;
	if (r->op == HIST_WRITE &&
	    (!hist_is_tag(r->value) || hist_epoch(r->value) != log->epoch ||
	     hist_writer(r->value) != r->thread || !hist_seq(r->value)))
		return false;
	return r->op != HIST_READ || r->returned != HIST_NEVER;
}

/* What was announced is done: that record takes its place. */
static void note_zeroes(struct history *h, struct history_thread *t,
			const struct hist_record *r)
{
	bool announcement = r->flags & HIST_INTENT;

	if (t->announced && !announcement)
		h->records[t->intent].flags |= HIST_INTENT;
	t->announced = announcement;
	t->intent = h->count;
}

static void note_thread(struct history_thread *t, const struct hist_record *r)
{
	uint64_t time = r->returned == HIST_NEVER ? r->invoked : r->returned;

	if (r->op == HIST_WRITE && hist_seq(r->value) > t->last_seq)
		t->last_seq = hist_seq(r->value);
	if (r->op != HIST_PART && time > t->last_time)
		t->last_time = time;
	if (r->op == HIST_END)
		t->ended = true;
}

/* In memory HIST_INTENT means: leave it out, the thing itself is there too. */
int history_add(struct history *h, struct history_log *log,
		const struct hist_record *record)
{
	struct hist_record r = *record;
	struct history_thread *t;

	if (!record_sane(h, log, &r) || h->count == UINT32_MAX)
		return -1;
	t = log->threads + r.thread;
	if (r.op != HIST_PART)
		r.invoked += log->offset;
	if (r.returned != HIST_NEVER)
		r.returned += log->offset;
	if (r.op == HIST_ZEROES)
		note_zeroes(h, t, &r);
	r.flags &= ~HIST_INTENT;
	note_thread(t, &r);
	if (t->last_time > h->latest)
		h->latest = t->last_time;
	if (blocks_of(&r) > h->used_blocks)
		h->used_blocks = blocks_of(&r);
	reserve(h, 1);
	h->records[h->count++] = r;
	log->end = h->count;
	return 0;
}

/* All of a log is there; also what may be missing is known now. */
void history_log_end(struct history_log *log)
{
	const struct history_thread *t;
	unsigned int i;

	for (i = 1; i <= log->zeroers; i++) {
		t = log->threads + i;
		if (t->ended)
			continue;
		if (!t->last_time)
			log->blind = log->base;
		else if (t->last_time < log->blind)
			log->blind = t->last_time;
	}
}

/* ---- binary logs -------------------------------------------------------- */

static ssize_t read_full(int fd, void *buf, size_t bytes)
{
	size_t got = 0;
	ssize_t n;

	while (got < bytes) {
		n = read(fd, (char *)buf + got, bytes - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		got += n;
	}
	return got;
}

/* A log that ends anywhere was cut off there; nothing sound follows. */
static int add_records(struct history *h, struct history_log *log,
		       const struct hist_record *r, size_t count, bool *cut)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (r[i].sum != hist_sum(r + i)) {
			*cut = true;
			continue;
		}
		if (*cut || history_add(h, log, r + i))
			return log_error(log->name, "damaged at record %zu",
					 log->end - log->first);
	}
	return 0;
}

static int load_binary(struct history *h, const char *path, int fd,
		       const struct hist_header *head)
{
	struct history_log *log;
	struct hist_record *chunk;
	bool cut = false;
	struct stat st;
	int ret = 0;
	ssize_t got;

	if (head->sum != hist_sum(head))
		return log_error(path, "its header is damaged");
	log = history_log_add(h, path, head);
	if (!log)
		return -1;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		reserve(h, st.st_size / sizeof(*chunk));
	chunk = must(malloc(CHUNK_BYTES / sizeof(*chunk) * sizeof(*chunk)));
	do {
		got = read_full(fd, chunk,
				CHUNK_BYTES / sizeof(*chunk) * sizeof(*chunk));
		if (got < 0)
			ret = log_error(path, "%s", strerror(errno));
		else
			ret = add_records(h, log, chunk, got / sizeof(*chunk),
					  &cut);
	} while (!ret && got > 0);
	history_log_end(log);
	free(chunk);
	return ret;
}

int history_load(struct history *h, const char *path)
{
	struct hist_header head;
	int fd, ret;
	FILE *file;
	ssize_t got;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return log_error(path, "%s", strerror(errno));
	got = read_full(fd, &head, sizeof(head));
	if (got == sizeof(head) && head.magic == HIST_MAGIC) {
		ret = load_binary(h, path, fd, &head);
		close(fd);
		return ret;
	}
	close(fd);
	file = fopen(path, "re");
	if (!file)
		return log_error(path, "%s", strerror(errno));
	ret = text_load(h, path, file);
	fclose(file);
	return ret;
}

/* ---- the device afterwards ---------------------------------------------- */

static void add_found(struct history *h, struct history_log *log,
		      const char *buf, uint32_t block)
{
	struct block_parts parts = { .count = 0 };
	struct hist_record r = { .block = block, .count = 1, .op = HIST_READ };
	unsigned int i;

	r.value = block_identify(buf, h->block_bytes, h->run, block, &parts);
	history_add(h, log, &r);
	for (i = 0; i < parts.count; i++) {
		struct hist_record part = {
			.block = block, .op = HIST_PART,
			.value = parts.part[i].value,
			.sector = parts.part[i].first,
			.count = parts.part[i].count,
			.found = parts.part[i].found,
		};

		history_add(h, log, &part);
	}
}

static int read_device(struct history *h, struct history_log *log, int fd)
{
	uint32_t most = CHUNK_BYTES / h->block_bytes, block = 0, i, n;
	void *buf;

	if (posix_memalign(&buf, 4096, CHUNK_BYTES))
		must(NULL);
	for (; block < h->blocks; block += n) {
		n = h->blocks - block < most ? h->blocks - block : most;
		if (pread(fd, buf, (size_t)n * h->block_bytes,
			  (off_t)block * h->block_bytes) !=
		    (ssize_t)((size_t)n * h->block_bytes)) {
			log_error(log->name, "cannot read blocks %u to %u: %s",
				  block, block + n - 1,
				  errno ? strerror(errno) : "too small");
			break;
		}
		for (i = 0; i < n; i++)
			add_found(h, log, (char *)buf +
				  (size_t)i * h->block_bytes, block + i);
	}
	free(buf);
	return block < h->blocks ? -1 : 0;
}

/* Read all blocks now, as if in a log of its own after the others. */
int history_final(struct history *h, const char *device)
{
	struct hist_header head = { .run = h->run, .blocks = h->blocks,
				    .block_bytes = h->block_bytes };
	struct history_log *log;
	int fd, ret;

	fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return log_error(device, "%s", strerror(errno));
	head.epoch = h->logs[h->nlogs - 1].epoch + 1;
	log = history_log_add(h, device, &head);
	if (!log) {
		close(fd);
		return -1;
	}
	log->final = true;
	errno = 0;
	ret = read_device(h, log, fd);
	close(fd);
	return ret;
}

/* ---- questions ---------------------------------------------------------- */

const struct history_log *history_log_of(const struct history *h,
					 uint32_t record)
{
	unsigned int i;

	for (i = 0; i < h->nlogs; i++)
		if (record < h->logs[i].end)
			return h->logs + i;
	return NULL;
}

const struct history_log *history_log_find(const struct history *h,
					   unsigned int epoch)
{
	unsigned int first = h->logs->epoch;

	if (epoch < first || epoch - first >= h->nlogs)
		return NULL;
	return h->logs + (epoch - first);
}

bool history_unlogged(const struct history *h, uint64_t tag, uint64_t *since)
{
	const struct history_log *log = history_log_find(h, hist_epoch(tag));
	const struct history_thread *t;

	if (!log || log->final)
		return false;
	t = log->threads + hist_writer(tag);
	if (t->ended || hist_seq(tag) <= t->last_seq)
		return false;
	*since = t->last_time ? t->last_time : log->base;
	return true;
}
