/* SPDX-License-Identifier: GPL-2.0-only */
/* Is each block's history that of a disk? */
#ifndef HIST_CHECK_H
#define HIST_CHECK_H

#include "history.h"

enum reason {
	LINEARIZABLE = 0,
	LOST_WRITE,		/* an older value is read, the newer never was */
	STALE_READ,		/* ... the newer only later */
	RESURRECTED,		/* ... after the newer */
	READ_BEFORE_WRITE,
	FROM_NOWHERE,
	TORN,
	FLUSHED_LOST,		/* by a crash */
	BACK_AFTER_CRASH,	/* lost by a crash, as an older value was read */
	NO_HISTORY,		/* two writes of one tag: no verdict */
	REASONS
};

#define NO_RECORD	UINT32_MAX
#define EVIDENCE	5

/* What is wrong with a block, and the records that show it. */
struct finding {
	enum reason reason;
	uint32_t block;
	uint64_t bad, good;		/* the value read, and the one expected */
	uint32_t evidence[EVIDENCE];	/* NO_RECORD: none */
};

#define MAX_FINDINGS	10

struct result {
	enum reason reason;		/* what the first bad block has */
	uint64_t operations, blocks, reads;
	uint64_t unclear;		/* reads of zeroes, of several writes perhaps */
	unsigned int bad_blocks;
	struct finding findings[MAX_FINDINGS];
};

enum reason history_check(const struct history *h, bool crash,
			  struct result *res);

const char *reason_name(enum reason reason);
void explain(const struct history *h, const struct finding *f, FILE *to);

#endif /* HIST_CHECK_H */
