// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a fuzzer on inputs made of its words and of random bytes, where there
 * is no libFuzzer: driver RUNS SEED.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_LEN	6000
#define LONGEST_WORD	64

static uint64_t random_state;

/* xorshift64: the same everywhere for the same seed */
static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static size_t count_words(void)
{
	size_t nr = 0;

	while (fuzz_words[nr])
		nr++;
	return nr;
}

static size_t make_input(uint8_t *data, size_t nr_words)
{
	size_t pieces = random_next() % 24, size = 0, len;
	const char *word;

	/* now and then a long one */
	if (random_next() % 64 == 0)
		pieces *= 40;
	while (pieces-- && size < INPUT_LEN - LONGEST_WORD) {
		if (random_next() % 4 == 0) {
			data[size++] = random_next();
			continue;
		}
		word = fuzz_words[random_next() % nr_words];
		len = strnlen(word, LONGEST_WORD);
		memcpy(data + size, word, len);
		size += len;
	}
	return size;
}

int main(int argc, char **argv)
{
	unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	size_t nr_words = count_words(), size;
	uint8_t data[INPUT_LEN];
	unsigned long i;

	random_state = seed * 0x9e3779b97f4a7c15ULL + 1;
	for (i = 0; i < runs; i++) {
		size = make_input(data, nr_words);
		LLVMFuzzerTestOneInput(data, size);
	}
	printf("%s: %lu inputs, seed %lu\n", argv[0], runs, seed);
	return 0;
}
