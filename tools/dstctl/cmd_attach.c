// SPDX-License-Identifier: GPL-2.0-only
#include "attach.h"
#include "dstctl.h"

static const struct option options[] = {
	{ "name", required_argument, NULL, OPTION_SPEC },
	{ "ack", required_argument, NULL, OPTION_SPEC },
	{ "ro", no_argument, NULL, OPTION_SPEC },
	{ "lanes", required_argument, NULL, OPTION_SPEC },
	{ "mem-limit", required_argument, NULL, OPTION_SPEC },
	{ "io-timeout", required_argument, NULL, OPTION_SPEC },
	{ "keepalive", required_argument, NULL, OPTION_SPEC },
	{ "fail-after", required_argument, NULL, OPTION_SPEC },
	{ "preempt", no_argument, NULL, OPTION_SPEC },
	{ "digest", no_argument, NULL, OPTION_SPEC },
	{ "wait", required_argument, NULL, OPTION_SPEC },
	{ "key", required_argument, NULL, OPTION_LATER },
	{ "tls", no_argument, NULL, OPTION_LATER },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int run(const struct command *cmd, int argc, char **argv)
{
	struct device_spec spec;
	const char *bad;
	char what[256];
	__u32 index;
	int ret;

	device_spec_init(&spec);
	ret = command_spec(cmd, device_keys, &spec, argc, argv);
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 1, 1);
	if (ret)
		return ret;
	bad = device_spec_target(&spec, argv[optind]);
	if (bad)
		return command_usage(cmd, "'%s' %s", argv[optind], bad);

	command_what(what, sizeof(what), cmd, argv[optind]);
	ret = kernel_open(what);
	if (!ret)
		ret = attach_device(what, &spec, &index);
	if (!ret)
		printf("/dev/dst%u\n", index);
	return ret;
}

const struct command cmd_attach = {
	.name = "attach",
	.args = "HOST[:PORT]/EXPORT [--name dstN] [--ack ram|server|disk] [--ro]\n"
		"       [--lanes N] [--mem-limit SIZE] [--io-timeout TIME] [--keepalive TIME]\n"
		"       [--fail-after TIME|never] [--preempt] [--digest] [--wait TIME]",
	.help = "Attach an export of a server as a disk, and print the disk's path",
	.options = options,
	.run = run,
};
