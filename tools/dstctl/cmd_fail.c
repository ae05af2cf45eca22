// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "device.h"
#include "dstctl.h"

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int run(const struct command *cmd, int argc, char **argv)
{
	struct dst_ioc_device_ref ref = { 0 };
	const char *name;
	char what[256];
	int ret;

	ret = command_option(cmd, argc, argv, &name);
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 1, 1);
	if (!ret)
		ret = device_index(cmd, argv[optind], &ref.index);
	if (ret)
		return ret;

	command_what(what, sizeof(what), cmd, argv[optind]);
	if (kernel_open(what))
		return EXIT_FAILURE;
	ret = kernel_call(DST_IOC_FAIL, &ref, sizeof(ref));
	if (!ret)
		return 0;
	ref.reason[sizeof(ref.reason) - 1] = '\0';
	return fail_errno(what, ret, ref.reason, ret == -EPERM ?
			  "Run dstctl as root" :
			  "'dstctl status' shows the devices and their states");
}

const struct command cmd_fail = {
	.name = "fail",
	.args = "DEV",
	.help = "End the I/O that a device holds with errors, now",
	.options = options,
	.run = run,
};
