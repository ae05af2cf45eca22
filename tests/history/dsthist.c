// SPDX-License-Identifier: GPL-2.0-only
/* dsthist: record what a block device does, and check that it is a disk. */
#include <stdio.h>
#include <string.h>

#include "dsthist.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} commands[] = {
	{ "run", cmd_run, "DEV --log FILE [OPTION...]   (--help lists them)" },
	{ "check", cmd_check, "LOG... [--crash client|none] [--final DEV]" },
	{ "dump", cmd_dump, "LOG...   as text, which check reads too" },
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stderr, "%s dsthist %s %s\n", i ? "      " : "usage:",
			commands[i].name, commands[i].usage);
	return EXIT_USAGE;
}
