// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "dstctl.h"

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPTION_SPEC },
	{ "allow", required_argument, NULL, OPTION_SPEC },
	{ "ro", no_argument, NULL, OPTION_SPEC },
	{ "shared", no_argument, NULL, OPTION_SPEC },
	{ "workers", required_argument, NULL, OPTION_SPEC },
	{ "mem-limit", required_argument, NULL, OPTION_SPEC },
	{ "max-clients", required_argument, NULL, OPTION_SPEC },
	{ "key", required_argument, NULL, OPTION_LATER },
	{ "tls", no_argument, NULL, OPTION_LATER },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

/* The kernel shows the path later on: make it mean the same everywhere. */
static int set_path(const struct command *cmd, struct export_spec *spec,
		    const char *path)
{
	char absolute[2 * PATH_MAX], dir[PATH_MAX];
	const char *bad;

	if (*path == '/' || !*path) {
		bad = export_spec_path(spec, path);
	} else {
		if (!getcwd(dir, sizeof(dir)))
			return fail("export add", "Give an absolute path",
				    "the current directory is gone");
		snprintf(absolute, sizeof(absolute), "%s/%s", dir, path);
		bad = export_spec_path(spec, absolute);
	}
	return bad ? command_usage(cmd, "'%s' %s", path, bad) : 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct export_spec spec;
	char what[128];
	const char *bad;
	int ret;

	export_spec_init(&spec);
	ret = command_spec(cmd, export_keys, &spec, argc, argv);
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 2, 2);
	if (ret)
		return ret;
	bad = parse_export_name(argv[optind], spec.name);
	if (bad)
		return command_usage(cmd, "'%s' %s", argv[optind], bad);
	ret = set_path(cmd, &spec, argv[optind + 1]);
	if (ret)
		return ret;

	command_what(what, sizeof(what), cmd, spec.name);
	ret = kernel_open(what);
	return ret ? ret : attach_export(what, &spec);
}

const struct command cmd_export_add = {
	.name = "export",
	.verb = "add",
	.args = "NAME PATH [--listen ADDR]... [--allow CIDR[=rw|ro]]... [--ro]\n"
		"       [--shared] [--workers N] [--mem-limit SIZE] [--max-clients N]",
	.help = "Offer a block device or a file to other machines",
	.options = options,
	.run = run,
};
