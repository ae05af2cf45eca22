// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <unistd.h>

#include "dstctl.h"
#include "text.h"

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int run(const struct command *cmd, int argc, char **argv)
{
	struct dst_ioc_version version = { 0 };
	const char *name;
	int ret;

	ret = command_option(cmd, argc, argv, &name);
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 0, 0);
	if (ret)
		return ret;

	puts("dstctl " DSTCTL_VERSION);
	if (!kernel_loaded()) {
		puts("module not loaded");
		return EXIT_SUCCESS;
	}
	if (kernel_open(cmd->name))
		return EXIT_FAILURE;
	ret = kernel_call(DST_IOC_VERSION, &version, sizeof(version));
	if (ret)
		return fail_errno(cmd->name, ret, NULL,
				  "Use dstctl and module of one version");
	text_clean(version.module, sizeof(version.module));
	printf("module %s\nprotocol %u to %u\n", version.module,
	       version.proto_min, version.proto_max);
	return EXIT_SUCCESS;
}

const struct command cmd_version = {
	.name = "version",
	.args = "",
	.help = "Show the versions of dstctl, the kernel module and the protocol",
	.options = options,
	.run = run,
};
