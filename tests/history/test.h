/* SPDX-License-Identifier: GPL-2.0-only */
/* The self test: histories made by chance, and a checker that tries all. */
#ifndef HIST_TEST_H
#define HIST_TEST_H

#include "check.h"

struct rng {
	uint64_t state;
};

static inline uint64_t draw(struct rng *rng, uint64_t below)
{
	rng->state += UINT64_C(0x9e3779b97f4a7c15);
	return hist_mix(rng->state) % below;
}

static inline bool chance(struct rng *rng, unsigned int percent)
{
	return draw(rng, 100) < percent;
}

#define SIM_THREADS	8
#define SIM_BLOCKS	8

struct sim_options {
	unsigned int threads, blocks, epochs;
	unsigned int steps;		/* of an epoch; an operation takes three */
	unsigned int zeroes;		/* percent of modifications */
	bool crash;
	bool stream;		/* the end of a log may lack zeroes as well */
	bool careless;		/* zeroes are written without a thought */
};

struct sim;

struct sim *sim_new(uint64_t seed, const struct sim_options *opt);
void sim_mutate(struct sim *s);
void sim_free(struct sim *s);
void sim_load(const struct sim *s, struct history *h);

/* Block 0 only, at most BRUTE_OPS operations an era. */
#define BRUTE_OPS	12
#define BRUTE_ERAS	4
bool brute_possible(const struct history *h, bool crash);
bool brute_check(const struct history *h, bool crash);

#endif /* HIST_TEST_H */
