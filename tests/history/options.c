// SPDX-License-Identifier: GPL-2.0-only
/* The command line of "dsthist run". */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsthist.h"
#include "run.h"

enum kind { NUMBER, LONG_NUMBER, STRING, FLAG };

static const struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t min, max;
	const char *help;
} settings[] = {
#define SETTING(name, kind, member, min, max, help) \
	{ name, kind, offsetof(struct run_options, member), min, max, help }
	SETTING("log", STRING, log, 0, 0, "where to; - is standard output"),
	SETTING("seconds", NUMBER, seconds, 1, 1U << 30, "how long (10)"),
	SETTING("ops", LONG_NUMBER, ops, 1, INT64_MAX, "how many operations"),
	SETTING("writers", NUMBER, writers, 0, 2000, "threads that write (4)"),
	SETTING("readers", NUMBER, readers, 0, 2000, "threads that read (4)"),
	SETTING("blocks", NUMBER, blocks, 1, HIST_MAX_BLOCKS,
		"the few blocks that most operations are on (16)"),
	SETTING("wide", NUMBER, wide, 0, HIST_MAX_BLOCKS,
		"blocks after these that the others are on (0)"),
	SETTING("wide-percent", NUMBER, wide_percent, 0, 100,
		"how many are the others (20)"),
	SETTING("block-bytes", NUMBER, block_bytes, 512, 65536,
		"what must be read and written as one (4096)"),
	SETTING("max-blocks-per-io", NUMBER, max_io, 1, 256,
		"an operation is on 1 to so many adjacent blocks (4)"),
	SETTING("flush-every", NUMBER, flush_every, 0, 1U << 30,
		"writes to one flush, on average; 0: none (50)"),
	SETTING("fua", NUMBER, fua, 0, 100, "percent of writes with FUA (5)"),
	SETTING("zeroes", NUMBER, zeroes, 0, 100,
		"percent of writes that write zeroes (0)"),
	SETTING("think", NUMBER, think, 0, 1U << 30,
		"up to so many us between a thread's operations (0)"),
	SETTING("seed", LONG_NUMBER, seed, 0, UINT64_MAX, "of the choices (1)"),
	SETTING("epoch", NUMBER, epoch, 1, HIST_MAX_EPOCH,
		"number of this run in a series (1, or one more)"),
	SETTING("resume", STRING, resume, 0, 0,
		"go on after the run of which this is the log"),
	SETTING("log-every", NUMBER, log_every, 1, 8192,
		"records that may wait in memory (64)"),
	SETTING("log-sync", FLAG, log_sync, 0, 0,
		"the log is on stable storage (O_DSYNC)"),
	SETTING("stop-on-error", FLAG, stop_on_error, 0, 0,
		"end with the first I/O error, exit status 1"),
};

static const struct run_options defaults = {
	.writers = 4, .readers = 4, .blocks = 16, .wide_percent = 20,
	.block_bytes = 4096, .max_io = 4, .flush_every = 50, .fua = 5,
	.seed = 1, .log_every = 64,
};

static int usage(void)
{
	size_t i;

	fprintf(stderr, "usage: dsthist run DEV --log FILE [OPTION...]\n"
		"Overwrites DEV.\n");
	for (i = 0; i < ARRAY_SIZE(settings); i++)
		fprintf(stderr, "  --%-18s %s\n", settings[i].name,
			settings[i].help);
	return -1;
}

static int set(struct run_options *opt, const struct setting *s,
	       const char *text)
{
	void *to = (char *)opt + s->offset;
	unsigned long long number;
	char *end;

	if (s->kind == STRING)
		*(const char **)to = text;
	if (s->kind == FLAG)
		*(bool *)to = true;
	if (s->kind == STRING || s->kind == FLAG)
		return 0;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || number < s->min ||
	    number > s->max) {
		fprintf(stderr, "dsthist: --%s: %s is not from %llu to %llu\n",
			s->name, text, (unsigned long long)s->min,
			(unsigned long long)s->max);
		return -1;
	}
	if (s->kind == NUMBER)
		*(unsigned int *)to = number;
	else
		*(uint64_t *)to = number;
	return 0;
}

static int consistent(struct run_options *opt)
{
	if (!opt->writers && !opt->readers)
		fprintf(stderr, "dsthist: neither writers nor readers\n");
	else if (opt->block_bytes & (opt->block_bytes - 1))
		fprintf(stderr, "dsthist: --block-bytes: not a power of two\n");
	else if ((uint64_t)opt->blocks + opt->wide > HIST_MAX_BLOCKS)
		fprintf(stderr, "dsthist: too many blocks\n");
	else
		return 0;
	return -1;
}

int run_options_parse(struct run_options *opt, int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(settings) + 1] = { 0 };
	size_t i;
	int n;

	*opt = defaults;
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		longs[i].name = settings[i].name;
		longs[i].has_arg = settings[i].kind != FLAG;
		longs[i].val = i;
	}
	optind = 1;
	while ((n = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (n == '?')
			return usage();
		else if (set(opt, settings + n, optarg))
			return -1;
	if (optind != argc - 1 || !opt->log)
		return usage();
	opt->device = argv[optind];
	if (!opt->seconds && !opt->ops)
		opt->seconds = 10;
	return consistent(opt);
}
