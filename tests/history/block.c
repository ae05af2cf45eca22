// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every word of a block is determined by the run, the block's number and the
 * tag of the write, sector by sector: a read compares all of it, so a block
 * mixed from two writes, or one that belongs elsewhere, is told from a good
 * one, and the mix can be named.
 */
#include <string.h>

#include "block.h"

#define SECTOR_MAGIC	0x72746365734b4c42ULL	/* "BLKsectr" */
#define STRIDE		0x9e3779b97f4a7c15ULL

struct sector {
	uint64_t magic;
	uint64_t run;
	uint64_t value;
	uint32_t block;
	uint32_t number;
	uint64_t filler[(HIST_SECTOR - 32) / 8];
};

_Static_assert(sizeof(struct sector) == HIST_SECTOR, "a sector");

#define FILLERS		((HIST_SECTOR - 32) / 8)

static uint64_t filler_seed(const struct sector *s)
{
	return hist_mix(s->run ^ hist_mix(s->value ^
		hist_mix((uint64_t)s->block << 32 | s->number)));
}

static bool sector_sound(const struct sector *s, uint64_t run)
{
	uint64_t word;
	int i;

	if (s->magic != SECTOR_MAGIC || s->run != run || !hist_is_tag(s->value))
		return false;
	word = filler_seed(s);
	for (i = 0; i < FILLERS; i++, word += STRIDE)
		if (s->filler[i] != word)
			return false;
	return true;
}

static bool all_zero(const void *buf, size_t bytes)
{
	const uint64_t *words = buf;

	return !words[0] && !memcmp(words, words + 1, bytes - 8);
}

static uint64_t other_content(const void *buf, size_t bytes)
{
	const uint64_t *words = buf;
	uint64_t hash = bytes;
	size_t i;

	for (i = 0; i < bytes / 8; i++)
		hash = hist_mix(hash ^ words[i]) + STRIDE;
	return hash | HIST_OTHER;
}

void block_fill(void *buf, size_t bytes, uint64_t run, uint32_t block,
		uint64_t value)
{
	struct sector *s = buf;
	uint64_t word;
	uint32_t n;
	int i;

	for (n = 0; n < bytes / HIST_SECTOR; n++, s++) {
		s->magic = SECTOR_MAGIC;
		s->run = run;
		s->value = value;
		s->block = block;
		s->number = n;
		word = filler_seed(s);
		for (i = 0; i < FILLERS; i++, word += STRIDE)
			s->filler[i] = word;
	}
}

static void add_part(struct block_parts *parts, unsigned int sector,
		     uint64_t value, uint32_t found)
{
	struct block_part *last = parts->part + parts->count - 1;

	if (parts->count && last->value == value && last->found == found) {
		last->count++;
		return;
	}
	if (parts->count == BLOCK_PARTS)
		return;
	last = parts->part + parts->count++;
	last->first = sector;
	last->count = 1;
	last->value = value;
	last->found = found;
}

/* Only what this run wrote is told apart; without any of it there are none. */
static void find_parts(const struct sector *s, unsigned int sectors,
		       uint64_t run, uint32_t block, struct block_parts *parts)
{
	bool ours = false;
	unsigned int n;

	parts->count = 0;
	for (n = 0; n < sectors; n++, s++) {
		if (sector_sound(s, run) && s->number == n) {
			add_part(parts, n, s->value, s->block);
			ours = true;
		} else if (all_zero(s, HIST_SECTOR)) {
			add_part(parts, n, HIST_ZERO, block);
		} else {
			add_part(parts, n, other_content(s, HIST_SECTOR), block);
		}
	}
	if (!ours)
		parts->count = 0;
}

/* The block's value; parts is set only if that is other content. */
uint64_t block_identify(const void *buf, size_t bytes, uint64_t run,
			uint32_t block, struct block_parts *parts)
{
	const struct sector *s = buf;
	unsigned int sectors = bytes / HIST_SECTOR, n;

	if (all_zero(buf, bytes))
		return HIST_ZERO;
	for (n = 0; n < sectors; n++)
		if (!sector_sound(s + n, run) || s[n].value != s->value ||
		    s[n].block != block || s[n].number != n)
			break;
	if (n == sectors)
		return s->value;
	find_parts(s, sectors, run, block, parts);
	return other_content(buf, bytes);
}
