// SPDX-License-Identifier: GPL-2.0-only
/* The operations of a run: each is done, timed and logged. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "block.h"
#include "run.h"

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static struct hist_record *record(struct worker *w, unsigned int at,
				  enum hist_op op, uint64_t invoked,
				  uint32_t block, uint32_t count)
{
	struct hist_record *r = w->records + at;

	memset(r, 0, sizeof(*r));
	r->invoked = invoked;
	r->block = block;
	r->count = count;
	r->thread = w->id;
	r->op = op;
	return r;
}

/* How many blocks were done, and what to say of the rest. */
static uint32_t blocks_done(struct worker *w, ssize_t ret, uint32_t count,
			    int *error)
{
	uint32_t done = ret > 0 ? ret / w->run->head.block_bytes : 0;

	*error = ret < 0 ? errno : done < count ? EIO : 0;
	__atomic_fetch_add(&w->run->done, 1, __ATOMIC_RELAXED);
	if (*error) {
		__atomic_fetch_add(&w->run->failed, 1, __ATOMIC_RELAXED);
		if (w->run->opt.stop_on_error)
			__atomic_store_n(&w->run->stop, true, __ATOMIC_RELAXED);
	}
	return done;
}

/* ---- read --------------------------------------------------------------- */

static unsigned int record_parts(struct worker *w, unsigned int at,
				 uint32_t block, struct block_parts *parts)
{
	struct hist_record *r;
	unsigned int i;

	for (i = 0; i < parts->count; i++) {
		r = record(w, at++, HIST_PART, 0, block, parts->part[i].count);
		r->value = parts->part[i].value;
		r->sector = parts->part[i].first;
		r->found = parts->part[i].found;
	}
	return at;
}

/* Records of what the buffer holds; blocks of one value share one. */
static unsigned int record_values(struct worker *w, uint64_t invoked,
				  uint64_t returned, uint32_t block,
				  uint32_t count)
{
	struct hist_header *head = &w->run->head;
	struct block_parts parts = { .count = 0 };
	struct hist_record *last = NULL;
	const char *buf = w->buf;
	unsigned int at = 0;
	uint64_t value;

	for (; count; count--, block++, buf += head->block_bytes) {
		value = block_identify(buf, head->block_bytes, head->run, block,
				       &parts);
		if (last && last->value == value && !parts.count) {
			last->count++;
			continue;
		}
		last = record(w, at++, HIST_READ, invoked, block, 1);
		last->returned = returned;
		last->value = value;
		if (parts.count) {
			at = record_parts(w, at, block, &parts);
			parts.count = 0;
			last = NULL;
		}
	}
	return at;
}

static uint64_t begin_read(struct worker *w)
{
	uint64_t invoked;

	pthread_mutex_lock(&w->run->lock);
	invoked = now();
	w->reading = invoked;
	pthread_mutex_unlock(&w->run->lock);
	return invoked;
}

static void end_read(struct worker *w)
{
	pthread_mutex_lock(&w->run->lock);
	w->reading = 0;
	pthread_mutex_unlock(&w->run->lock);
}

void op_read(struct worker *w, uint32_t block, uint32_t count)
{
	uint32_t bytes = w->run->head.block_bytes, done;
	uint64_t invoked = begin_read(w), returned;
	struct hist_record *r;
	unsigned int records;
	ssize_t ret;
	int error;

	ret = pread(w->run->fd, w->buf, (size_t)count * bytes,
		    (off_t)block * bytes);
	returned = now();
	done = blocks_done(w, ret, count, &error);
	records = record_values(w, invoked, returned, block, done);
	if (error) {
		r = record(w, records++, HIST_READ, invoked, block + done,
			   count - done);
		r->returned = returned;
		r->error = error;
	}
	log_add(&w->run->log, w->records, records, false);
	end_read(w);
}

/* ---- write and zeroes --------------------------------------------------- */

/* A write that was acknowledged: its blocks may be zeroed again. */
static void note_written(struct worker *w, uint64_t invoked, uint64_t returned,
			 uint32_t block, uint32_t count)
{
	struct block_state *b = w->run->blocks + block;

	pthread_mutex_lock(&w->run->lock);
	for (; count; count--, b++)
		if (!b->written && b->zeroed < invoked)
			b->written = returned;
	pthread_mutex_unlock(&w->run->lock);
}

void op_write(struct worker *w, uint32_t block, uint32_t count, bool fua)
{
	struct hist_header *head = &w->run->head;
	uint64_t tag = hist_tag(head->epoch, w->id, ++w->seq);
	uint64_t invoked, returned;
	unsigned int records = 0;
	struct hist_record *r;
	struct iovec iov;
	uint32_t done, i;
	ssize_t ret;
	int error;

	for (i = 0; i < count; i++)
		block_fill((char *)w->buf + (size_t)i * head->block_bytes,
			   head->block_bytes, head->run, block + i, tag);
	iov.iov_base = w->buf;
	iov.iov_len = (size_t)count * head->block_bytes;
	invoked = now();
	ret = pwritev2(w->run->fd, &iov, 1, (off_t)block * head->block_bytes,
		       fua ? RWF_DSYNC : 0);
	returned = now();
	done = blocks_done(w, ret, count, &error);
	if (done)
		record(w, records++, HIST_WRITE, invoked, block, done);
	if (error) {
		r = record(w, records++, HIST_WRITE, invoked, block + done,
			   count - done);
		r->error = error;
	}
	for (i = 0; i < records; i++) {
		w->records[i].value = tag;
		w->records[i].returned = returned;
		w->records[i].flags = fua ? HIST_FUA : 0;
	}
	log_add(&w->run->log, w->records, records, fua && !error);
	note_written(w, invoked, returned, block, done);
}

/*
 * A block may be zeroed if a write was acknowledged since the last zeroing, and
 * no read is under way that began before: see zeroes_prepare() of the checker.
 */
static bool may_zero(struct run *run, uint32_t block, uint32_t count)
{
	uint64_t newest = 0;
	unsigned int i;
	uint32_t n;

	for (n = block; n < block + count; n++) {
		if (!run->blocks[n].written)
			return false;
		if (run->blocks[n].written > newest)
			newest = run->blocks[n].written;
	}
	for (i = 0; i < run->threads; i++)
		if (run->workers[i].reading &&
		    run->workers[i].reading <= newest)
			return false;
	return true;
}

static bool claim_zero(struct run *run, uint32_t block, uint32_t count)
{
	bool may;
	uint32_t n;

	pthread_mutex_lock(&run->lock);
	may = may_zero(run, block, count);
	for (n = block; may && n < block + count; n++) {
		run->blocks[n].zeroed = HIST_NEVER;
		run->blocks[n].written = 0;
	}
	pthread_mutex_unlock(&run->lock);
	return may;
}

/* False if it may not be done now. One that failed is the block's last. */
bool op_zeroes(struct worker *w, uint32_t block, uint32_t count, bool unmap)
{
	struct run *run = w->run;
	int mode = FALLOC_FL_KEEP_SIZE |
		(unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
	uint32_t bytes = run->head.block_bytes, n;
	uint64_t invoked;
	struct hist_record *r;
	int ret, error;

	if (!claim_zero(run, block, count))
		return false;
	r = record(w, 0, HIST_ZEROES, now(), block, count);
	r->returned = HIST_NEVER;
	r->flags = HIST_INTENT;
	log_add(&run->log, r, 1, true);

	invoked = now();
	ret = fallocate(run->fd, mode, (off_t)block * bytes,
			(off_t)count * bytes);
	blocks_done(w, ret ? -1 : (ssize_t)count * bytes, count, &error);
	r = record(w, 0, HIST_ZEROES, invoked, block, count);
	r->returned = now();
	r->error = error;
	log_add(&run->log, r, 1, false);
	if (error)
		return true;
	pthread_mutex_lock(&run->lock);
	for (n = block; n < block + count; n++)
		run->blocks[n].zeroed = r->returned;
	pthread_mutex_unlock(&run->lock);
	return true;
}

/* ---- flush, end --------------------------------------------------------- */

void op_flush(struct worker *w)
{
	uint64_t invoked = now();
	struct hist_record *r;
	int ret, error;

	ret = fdatasync(w->run->fd);
	r = record(w, 0, HIST_FLUSH, invoked, 0, 0);
	r->returned = now();
	blocks_done(w, ret, 0, &error);
	r->error = error;
	log_add(&w->run->log, r, 1, !error);
}

void op_end(struct worker *w)
{
	struct hist_record *r = record(w, 0, HIST_END, now(), 0, 0);

	r->returned = r->invoked;
	log_add(&w->run->log, r, 1, false);
}
