/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The binary log: a header, then records, all of one size, in the byte order
 * of the machine. Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef HIST_FORMAT_H
#define HIST_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HIST_MAGIC	UINT64_C(0x3154534948545344)	/* "DSTHIST1" */
#define HIST_NEVER	UINT64_MAX
#define HIST_SECTOR	512

/*
 * What a block holds, as one number: zeroes, what a write left there (its
 * epoch, writer and sequence number, unique in a run), or anything else (a
 * hash of it).
 */
#define HIST_ZERO		UINT64_C(0)
#define HIST_OTHER		(UINT64_C(1) << 63)
#define HIST_EPOCH_SHIFT	52
#define HIST_WRITER_SHIFT	40
#define HIST_MAX_EPOCH		((1U << 11) - 1)
#define HIST_MAX_THREADS	(1U << 12)
#define HIST_MAX_SEQ		((UINT64_C(1) << HIST_WRITER_SHIFT) - 1)
#define HIST_MAX_BLOCKS		(1U << 28)

static inline uint64_t hist_tag(uint64_t epoch, uint64_t writer, uint64_t seq)
{
	return epoch << HIST_EPOCH_SHIFT | writer << HIST_WRITER_SHIFT | seq;
}

static inline bool hist_is_tag(uint64_t value)
{
	return value && !(value & HIST_OTHER);
}

static inline unsigned int hist_epoch(uint64_t tag)
{
	return tag >> HIST_EPOCH_SHIFT & HIST_MAX_EPOCH;
}

static inline unsigned int hist_writer(uint64_t tag)
{
	return tag >> HIST_WRITER_SHIFT & (HIST_MAX_THREADS - 1);
}

static inline uint64_t hist_seq(uint64_t tag)
{
	return tag & HIST_MAX_SEQ;
}

enum hist_op {
	HIST_WRITE = 1,
	HIST_ZEROES,
	HIST_READ,	/* one record for each run of blocks of one value */
	HIST_FLUSH,
	HIST_PART,	/* after a read: what a block of other content is made of */
	HIST_END,	/* of a thread: it did nothing that is not in the log */
	HIST_OPS
};

#define HIST_FUA	1	/* on stable storage when it returned */
#define HIST_INTENT	2	/* about to be done; the same without it follows */

struct hist_record {
	uint64_t invoked;
	uint64_t returned;	/* HIST_NEVER: not yet when it was logged */
	uint64_t value;		/* WRITE, READ, PART */
	uint32_t block;
	uint32_t count;		/* blocks; PART: sectors */
	uint16_t thread;
	uint8_t op;
	uint8_t flags;
	uint16_t error;		/* errno; 0: it succeeded */
	uint16_t sector;	/* PART: the first */
	uint32_t found;		/* PART: the block that the content was for */
	uint32_t sum;
};

#define HIST_STREAM	1	/* what was written to the log may get lost yet */

struct hist_header {
	uint64_t magic;
	uint64_t run;		/* in every block written; resumed runs share it */
	uint64_t started;	/* no time in the log is before it */
	uint32_t blocks;
	uint32_t block_bytes;
	uint16_t epoch;
	uint16_t zeroers;	/* threads 1 to so many write zeroes */
	uint16_t flags;
	uint16_t reserved[3];
	uint32_t sum;
};

_Static_assert(sizeof(struct hist_record) == 48, "a record");
_Static_assert(sizeof(struct hist_header) == sizeof(struct hist_record),
	       "the header is as large as a record");

static inline uint64_t hist_mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

uint32_t hist_sum(const void *record);

#endif /* HIST_FORMAT_H */
