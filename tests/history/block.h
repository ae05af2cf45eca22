/* SPDX-License-Identifier: GPL-2.0-only */
/* What is written into a block, and what a block that was read is. */
#ifndef HIST_BLOCK_H
#define HIST_BLOCK_H

#include "format.h"

#define BLOCK_PARTS	8

/* Sectors of one origin in a block that is no write's. */
struct block_part {
	unsigned int first, count;
	uint64_t value;
	uint32_t found;		/* the block the content was for */
};

struct block_parts {
	unsigned int count;
	struct block_part part[BLOCK_PARTS];
};

void block_fill(void *buf, size_t bytes, uint64_t run, uint32_t block,
		uint64_t value);
uint64_t block_identify(const void *buf, size_t bytes, uint64_t run,
			uint32_t block, struct block_parts *parts);

#endif /* HIST_BLOCK_H */
