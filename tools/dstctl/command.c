// SPDX-License-Identifier: GPL-2.0-only
/* Options, operands and usage, the same way for every command. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dstctl.h"
#include "spec.h"

static void command_name(char *out, size_t size, const struct command *cmd)
{
	snprintf(out, size, "%s%s%s", cmd->name, cmd->verb ? " " : "",
		 cmd->verb ? cmd->verb : "");
}

/* "attach 10.0.0.1/disk": what fail() says did not work. */
const char *command_what(char *out, size_t size, const struct command *cmd,
			 const char *object)
{
	char name[32];

	command_name(name, sizeof(name), cmd);
	snprintf(out, size, "%s %s", name, object);
	return out;
}

/* Says what is wrong with the words given. Returns the exit status. */
int command_usage(const struct command *cmd, const char *fmt, ...)
{
	char why[512], todo[64], name[32];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);

	command_name(name, sizeof(name), cmd);
	snprintf(todo, sizeof(todo), "See 'dstctl %s --help'", name);
	fail(name, todo, "%s", why);
	return EXIT_USAGE;
}

static void command_help(const struct command *cmd)
{
	char name[32];

	command_name(name, sizeof(name), cmd);
	printf("usage: dstctl %s%s%s\n\n%s.\nMore is said in dstctl(8).\n", name,
	       *cmd->args ? " " : "", cmd->args, cmd->help);
}

static int command_later(const struct command *cmd, const char *name)
{
	char what[32], todo[64];

	command_name(what, sizeof(what), cmd);
	snprintf(todo, sizeof(todo), "Leave out '--%s'", name);
	fail(what, todo, "this version has no '--%s' yet", name);
	return OPTION_LATER;
}

/*
 * The next option's .val, and its name in *name; or OPTION_END, _USAGE (said
 * what is wrong), _HELP (gave it) or _LATER (said that there is none yet).
 */
int command_option(const struct command *cmd, int argc, char **argv,
		   const char **name)
{
	int val, index = -1;

	opterr = 0;
	val = getopt_long(argc, argv, ":h", cmd->options, &index);
	*name = index >= 0 ? cmd->options[index].name : NULL;
	switch (val) {
	case -1:
		return OPTION_END;
	case 'h':
		command_help(cmd);
		return OPTION_HELP;
	case ':':
		command_usage(cmd, "option '%s' needs a value",
			      argv[optind - 1]);
		return OPTION_USAGE;
	case '?':
		if (optopt && optopt < 256)
			command_usage(cmd, "there is no option '-%c'", optopt);
		else if (optopt)
			command_usage(cmd, "option '%s' takes no value",
				      argv[optind - 1]);
		else
			command_usage(cmd, "there is no option '%s'",
				      argv[optind - 1]);
		return OPTION_USAGE;
	case OPTION_LATER:
		return command_later(cmd, *name);
	default:
		return val;
	}
}

/* The exit status for what command_option() said when it was no option. */
int command_exit(int option)
{
	switch (option) {
	case OPTION_HELP:
		return EXIT_SUCCESS;
	case OPTION_LATER:
		return EXIT_FAILURE;
	default:
		return EXIT_USAGE;
	}
}

/*
 * Reads options that set keys of @spec, up to one that does not, which is
 * returned like from command_option().
 */
int command_spec(const struct command *cmd, const struct spec_key *keys,
		 void *spec, int argc, char **argv)
{
	const char *name, *value, *bad;
	int val;

	for (;;) {
		val = command_option(cmd, argc, argv, &name);
		if (val != OPTION_SPEC)
			return val;
		value = optarg ? optarg : "yes";
		bad = spec_find(keys, name, SPEC_OPTION)->parse(spec, value);
		if (bad) {
			command_usage(cmd, "--%s: '%s' %s", name, value, bad);
			return OPTION_USAGE;
		}
	}
}

/* 0, or the exit status if there are not @min to @max operands. */
int command_operands(const struct command *cmd, int argc, int min, int max)
{
	int nr = argc - optind;

	if (nr < min)
		return command_usage(cmd, "%s", nr ? "something is missing" :
				     "nothing was named");
	if (nr > max)
		return command_usage(cmd, "there are too many words");
	return 0;
}

/* Reads KEY=VALUE words into @spec. Returns 0 or the exit status. */
int command_assign(const struct command *cmd, const struct spec_key *keys,
		   void *spec, int argc, char **argv)
{
	static const char * const later[] = {
		"leg-timeout", "read-policy", "hedge", "quorum"
	};
	const struct spec_key *key;
	const char *value, *bad;
	char name[32];
	size_t len, j;
	int i;

	for (i = 0; i < argc; i++) {
		len = strcspn(argv[i], "=");
		value = argv[i] + len + 1;
		if (!argv[i][len] || !len || len >= sizeof(name))
			return command_usage(cmd, "'%s' is not KEY=VALUE",
					     argv[i]);
		memcpy(name, argv[i], len);
		name[len] = '\0';
		for (j = 0; keys == device_keys && j < ARRAY_SIZE(later); j++)
			if (!strcmp(name, later[j]))
				return fail("set", "Leave it out",
					    "this version can't change '%s' of a mirror yet",
					    name);
		key = spec_find(keys, name, SPEC_LIVE);
		if (!key)
			return command_usage(cmd, "there is no key '%s'", name);
		bad = key->parse(spec, value);
		if (bad)
			return command_usage(cmd, "%s: '%s' %s", name, value,
					     bad);
	}
	return 0;
}
