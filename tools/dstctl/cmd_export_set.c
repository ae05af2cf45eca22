// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <string.h>

#include "dstctl.h"
#include "live.h"
#include "spec.h"

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int run(const struct command *cmd, int argc, char **argv)
{
	struct export_spec spec;
	const char *name, *bad;
	char what[128];
	int ret;

	ret = command_option(cmd, argc, argv, &name);
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 2, INT_MAX);
	if (ret)
		return ret;
	export_spec_init(&spec);
	bad = parse_export_name(argv[optind], spec.name);
	if (bad)
		return command_usage(cmd, "'%s' %s", argv[optind], bad);
	ret = command_assign(cmd, export_keys, &spec, argc - optind - 1,
			     argv + optind + 1);
	if (ret)
		return ret;

	command_what(what, sizeof(what), cmd, spec.name);
	ret = kernel_open(what);
	return ret ? ret : live_export_set(what, &spec);
}

const struct command cmd_export_set = {
	.name = "export",
	.verb = "set",
	.args = "NAME KEY=VALUE...\n\n"
		"  workers=N  mem-limit=SIZE  max-clients=N  allow=CIDR[=rw|ro],...",
	.help = "Change an export while it runs",
	.options = options,
	.run = run,
};
