// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dstctl.h"
#include "parse.h"

static const struct option options[] = {
	{ "force", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static const char *hint(int ret)
{
	switch (-ret) {
	case EPERM:
	case EACCES:
		return "Run dstctl as root";
	case ENOENT:
		return "'dstctl status' lists the exports";
	case EBUSY:
		return "Detach it on its clients, or use --force: they then hold their I/O";
	default:
		return "The kernel log (dmesg) may say more";
	}
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct dst_ioc_export_ref ref = { 0 };
	const char *name, *bad;
	char what[128];
	int ret;

	while ((ret = command_option(cmd, argc, argv, &name)) == 'f')
		ref.head.flags |= DST_IOC_EXPORT_REMOVE_FORCE;
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 1, 1);
	if (ret)
		return ret;
	bad = parse_export_name(argv[optind], ref.name);
	if (bad)
		return command_usage(cmd, "'%s' %s", argv[optind], bad);

	command_what(what, sizeof(what), cmd, ref.name);
	if (kernel_open(what))
		return EXIT_FAILURE;
	signal_catch();
	ret = kernel_call(DST_IOC_EXPORT_REMOVE, &ref, sizeof(ref));
	ref.reason[sizeof(ref.reason) - 1] = '\0';
	return ret ? fail_errno(what, ret, ref.reason, hint(ret)) : 0;
}

const struct command cmd_export_remove = {
	.name = "export",
	.verb = "remove",
	.args = "NAME [--force]",
	.help = "Stop offering an export",
	.options = options,
	.run = run,
};
