// SPDX-License-Identifier: GPL-2.0-only
#include "detach.h"
#include "device.h"
#include "dstctl.h"

static const struct option options[] = {
	{ "force", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int run(const struct command *cmd, int argc, char **argv)
{
	bool force = false;
	const char *name;
	char what[256];
	__u32 index;
	int ret;

	while ((ret = command_option(cmd, argc, argv, &name)) == 'f')
		force = true;
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 1, 1);
	if (!ret)
		ret = device_index(cmd, argv[optind], &index);
	if (ret)
		return ret;

	command_what(what, sizeof(what), cmd, argv[optind]);
	ret = kernel_open(what);
	if (ret)
		return ret;
	signal_catch();
	return detach_device(what, index, force);
}

const struct command cmd_detach = {
	.name = "detach",
	.args = "DEV [--force]",
	.help = "Take a device away; with --force also if its server is dead",
	.options = options,
	.run = run,
};
