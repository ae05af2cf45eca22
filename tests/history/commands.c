// SPDX-License-Identifier: GPL-2.0-only
/* dsthist check, dsthist dump */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "dsthist.h"

struct check_options {
	const char *final;
	int crash;		/* -1: as the history says */
};

static int usage(void)
{
	fputs("usage: dsthist check LOG... [--crash client|none] [--final DEV]\n",
	      stderr);
	return -1;
}

static int parse(struct check_options *opt, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "crash", required_argument, NULL, 'c' },
		{ "final", required_argument, NULL, 'f' },
		{ 0 }
	};
	int n;

	optind = 1;
	while ((n = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (n == 'f')
			opt->final = optarg;
		else if (n == 'c' && !strcmp(optarg, "client"))
			opt->crash = 1;
		else if (n == 'c' && !strcmp(optarg, "none"))
			opt->crash = 0;
		else
			return usage();
	}
	return optind < argc ? 0 : usage();
}

static int load(struct history *h, int argc, char **argv)
{
	for (; optind < argc; optind++)
		if (history_load(h, argv[optind]))
			return -1;
	return 0;
}

static int report(const struct history *h, enum reason reason,
		  const struct result *res)
{
	unsigned int i;

	for (i = 0; i < res->bad_blocks && i < MAX_FINDINGS; i++)
		explain(h, res->findings + i, stdout);
	if (res->bad_blocks > MAX_FINDINGS)
		printf("... and %u more blocks\n",
		       res->bad_blocks - MAX_FINDINGS);
	printf("%llu operations, %llu blocks, %llu reads checked: ",
	       (unsigned long long)res->operations,
	       (unsigned long long)res->blocks,
	       (unsigned long long)(res->reads - res->unclear));
	fputs(reason == LINEARIZABLE ? "linearizable" :
	      reason == NO_HISTORY ? "no verdict" : "NOT linearizable", stdout);
	if (res->unclear)
		printf(" (but for %llu reads of zeroes that may be of several writes)",
		       (unsigned long long)res->unclear);
	putchar('\n');
	if (reason == LINEARIZABLE)
		return EXIT_GOOD;
	return reason == NO_HISTORY ? EXIT_USAGE : EXIT_BAD;
}

int cmd_check(int argc, char **argv)
{
	struct check_options opt = { .crash = -1 };
	enum reason reason;
	struct history h;
	struct result res;
	int ret = EXIT_USAGE;

	if (parse(&opt, argc, argv))
		return EXIT_USAGE;
	history_init(&h);
	if (!load(&h, argc, argv) &&
	    (!opt.final || !history_final(&h, opt.final))) {
		reason = history_check(&h, opt.crash < 0 ? h.crash == 1 :
				       opt.crash, &res);
		ret = report(&h, reason, &res);
	}
	history_free(&h);
	return ret;
}

int cmd_dump(int argc, char **argv)
{
	int ret = EXIT_USAGE;
	struct history h;

	optind = 1;
	history_init(&h);
	if (argc > 1 && !load(&h, argc, argv)) {
		text_dump(&h, stdout);
		ret = EXIT_GOOD;
	}
	history_free(&h);
	return ret;
}
