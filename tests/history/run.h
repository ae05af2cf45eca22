/* SPDX-License-Identifier: GPL-2.0-only */
/* A run: what it was asked to do, and what its threads share. */
#ifndef HIST_RUN_H
#define HIST_RUN_H

#include <pthread.h>

#include "log.h"

struct run_options {
	const char *device, *log, *resume;
	unsigned int seconds, writers, readers, blocks, wide, wide_percent;
	unsigned int block_bytes, max_io, flush_every, fua, zeroes, think;
	unsigned int log_every, epoch;
	uint64_t ops, seed;
	bool log_sync, stop_on_error;
};

/*
 * When a block may be zeroed: zeroes carry no tag, so the checker has to know
 * from the times alone which zeroing a read saw.
 */
struct block_state {
	uint64_t zeroed;	/* last zeroing returned; HIST_NEVER: not yet */
	uint64_t written;	/* a write invoked after that returned; 0: none */
};

struct run;

struct worker {
	struct run *run;
	pthread_t thread;
	unsigned int id;
	bool writer;
	uint64_t rng, seq;
	void *buf;
	struct hist_record *records;	/* of one operation */
	uint64_t reading;		/* invoked when; 0: no. Under run->lock */
};

struct run {
	struct run_options opt;
	struct hist_header head;
	struct log log;
	int fd;
	bool stop;			/* atomic */
	int64_t left;			/* operations; atomic */
	uint64_t done, failed;		/* atomic */
	unsigned int running;		/* workers; atomic */
	pthread_mutex_t lock;		/* blocks[], worker.reading */
	struct block_state *blocks;
	struct worker *workers;		/* [0] is the main thread's */
	unsigned int threads;
};

int run_options_parse(struct run_options *opt, int argc, char **argv);

void op_read(struct worker *w, uint32_t block, uint32_t count);
void op_write(struct worker *w, uint32_t block, uint32_t count, bool fua);
bool op_zeroes(struct worker *w, uint32_t block, uint32_t count, bool unmap);
void op_flush(struct worker *w);
void op_end(struct worker *w);

#endif /* HIST_RUN_H */
