// SPDX-License-Identifier: GPL-2.0-only
/* dstctl: attaches, exports and shows DST disks. The table of commands. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dstctl.h"

static const struct command * const commands[] = {
	&cmd_export_add,
	&cmd_export_remove,
	&cmd_export_set,
	&cmd_attach,
	&cmd_detach,
	&cmd_set,
	&cmd_fail,
	&cmd_status,
	&cmd_wait,
	&cmd_stats,
	&cmd_top,
	&cmd_metrics,
	&cmd_transactions,
	&cmd_mirror_create,
	&cmd_mirror_attach,
	&cmd_mirror_examine,
	&cmd_apply,
	&cmd_version,
};

static void show_commands(FILE *out)
{
	const struct command *cmd;
	size_t i;

	fputs("usage: dstctl COMMAND ...\n\n", out);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		cmd = commands[i];
		fprintf(out, "  %-12s %-7s %s\n", cmd->name,
			cmd->verb ? cmd->verb : "", cmd->help);
	}
	fputs("\n'dstctl COMMAND --help' shows the options, dstctl(8) says it all.\n",
	      out);
}

/* For the completion's test: "COMMAND OPTION..." lines. */
static int list_commands(void)
{
	const struct option *option;
	const struct command *cmd;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		cmd = commands[i];
		printf("%s%s%s", cmd->name, cmd->verb ? " " : "",
		       cmd->verb ? cmd->verb : "");
		for (option = cmd->options; option->name; option++)
			if (option->val != OPTION_LATER)
				printf(" --%s", option->name);
		putchar('\n');
	}
	return EXIT_SUCCESS;
}

/* The command that @words begin with; *used tells how many name it. */
static const struct command *find_command(int nr, char **words, int *used)
{
	const struct command *cmd;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		cmd = commands[i];
		if (strcmp(cmd->name, words[0]))
			continue;
		if (cmd->verb && (nr < 2 || strcmp(cmd->verb, words[1])))
			continue;
		*used = cmd->verb ? 2 : 1;
		return cmd;
	}
	return NULL;
}

/* Commands of mirrors that are to come. */
static bool is_later(const char *verb)
{
	static const char * const verbs[] = {
		"add", "remove", "replace", "offline", "online", "resync",
		"verify"
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verb, verbs[i]))
			return true;
	return false;
}

static int no_command(int nr, char **words)
{
	static const char todo[] = "See 'dstctl --help'";

	if (!strcmp(words[0], "mirror") && nr > 1 && is_later(words[1]))
		return fail(words[0], todo,
			    "this version has no 'mirror %s' yet", words[1]);
	if (!strcmp(words[0], "export") && nr < 2)
		fail(words[0], todo, "say add, remove or set");
	else if (!strcmp(words[0], "mirror") && nr < 2)
		fail(words[0], todo, "say create, attach or examine");
	else if (!strcmp(words[0], "export") || !strcmp(words[0], "mirror"))
		fail(words[0], todo, "there is no '%s %s'", words[0], words[1]);
	else
		fail(words[0], todo, "there is no such command");
	return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
	const struct command *cmd;
	int used;

	if (argc < 2) {
		show_commands(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		show_commands(stdout);
		return EXIT_SUCCESS;
	}
	if (!strcmp(argv[1], "--list-commands"))
		return list_commands();

	cmd = find_command(argc - 1, argv + 1, &used);
	if (!cmd)
		return no_command(argc - 1, argv + 1);
	return cmd->run(cmd, argc - used, argv + used);
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	if (fflush(stdout) || ferror(stdout))
		return fail("writing the output", NULL, "%s",
			    error_text(errno));
	return status;
}
