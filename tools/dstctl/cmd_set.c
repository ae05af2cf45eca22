// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>

#include "device.h"
#include "dstctl.h"
#include "live.h"
#include "spec.h"

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int run(const struct command *cmd, int argc, char **argv)
{
	struct device_spec spec;
	const char *name;
	char what[128];
	__u32 index;
	int ret;

	ret = command_option(cmd, argc, argv, &name);
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 2, INT_MAX);
	if (ret)
		return ret;
	device_spec_init(&spec);
	ret = command_assign(cmd, device_keys, &spec, argc - optind - 1,
			     argv + optind + 1);
	if (!ret)
		ret = device_index(cmd, argv[optind], &index);
	if (ret)
		return ret;

	command_what(what, sizeof(what), cmd, argv[optind]);
	ret = kernel_open(what);
	return ret ? ret : live_device_set(what, &spec, index);
}

const struct command cmd_set = {
	.name = "set",
	.args = "DEV KEY=VALUE...\n\n"
		"  ack=ram|server|disk  mem-limit=SIZE  io-timeout=TIME  keepalive=TIME\n"
		"  fail-after=TIME|never",
	.help = "Change a device while it runs",
	.options = options,
	.run = run,
};
