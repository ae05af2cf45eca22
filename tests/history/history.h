/* SPDX-License-Identifier: GPL-2.0-only */
/* Histories in memory: the records of one run's logs, in the order of epochs. */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdio.h>

#include "format.h"

/* What is known of a thread of a log, to tell what may be missing there. */
struct history_thread {
	uint64_t last_seq;	/* of the writes that are logged */
	uint64_t last_time;	/* when its last operation returned */
	uint32_t intent;	/* record of zeroes announced, not yet done */
	bool announced;
	bool ended;		/* nothing is missing */
};

struct history_log {
	const char *name;
	unsigned int epoch;
	size_t first, end;	/* records */
	uint64_t base;		/* no time is before it; later logs are later */
	uint64_t offset;	/* added to the times in the log */
	uint64_t blind;		/* zeroes may be missing that were written later */
	unsigned int zeroers;	/* by threads 1 to this */
	bool final;		/* not a log: what is on the device afterwards */
	struct history_thread *threads;
};

struct history {
	struct hist_record *records;
	size_t count, room;
	struct history_log *logs;
	unsigned int nlogs;
	uint64_t run, latest;
	uint32_t blocks, block_bytes;
	uint32_t used_blocks;	/* any operation is on a lower one */
	/* said by a text */
	char expect[32];
	int crash;		/* -1: nothing said */
};

void history_init(struct history *h);
void history_free(struct history *h);
struct history_log *history_log_add(struct history *h, const char *name,
				    const struct hist_header *head);
int history_add(struct history *h, struct history_log *log,
		const struct hist_record *r);
void history_log_end(struct history_log *log);
int history_load(struct history *h, const char *path);
int history_final(struct history *h, const char *device);
const struct history_log *history_log_of(const struct history *h,
					 uint32_t record);
const struct history_log *history_log_find(const struct history *h,
					   unsigned int epoch);

/* A write whose record may be missing: since when may it have been under way? */
bool history_unlogged(const struct history *h, uint64_t tag, uint64_t *since);

int text_load(struct history *h, const char *path, FILE *file);
void text_dump(const struct history *h, FILE *to);
void text_value(char *buf, size_t size, uint64_t value);
#define TEXT_VALUE	40

/* Says what is wrong with a log and where; always -1. */
int log_error(const char *name, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* HISTORY_H */
