// SPDX-License-Identifier: GPL-2.0-only
#include "dstctl.h"
#include "mirror.h"

static const struct option options[] = {
	{ "override-stale", no_argument, NULL, MIRROR_OVERRIDE },
	{ "name", required_argument, NULL, OPTION_SPEC },
	{ "ack", required_argument, NULL, OPTION_SPEC },
	{ "lanes", required_argument, NULL, OPTION_SPEC },
	{ "mem-limit", required_argument, NULL, OPTION_SPEC },
	{ "io-timeout", required_argument, NULL, OPTION_SPEC },
	{ "keepalive", required_argument, NULL, OPTION_SPEC },
	{ "preempt", no_argument, NULL, OPTION_SPEC },
	{ "digest", no_argument, NULL, OPTION_SPEC },
	{ "wait", required_argument, NULL, OPTION_SPEC },
	{ "leg-timeout", required_argument, NULL, MIRROR_LEG_TIMEOUT },
	{ "read-policy", required_argument, NULL, MIRROR_READ_POLICY },
	{ "witness", required_argument, NULL, OPTION_LATER },
	{ "hedge", no_argument, NULL, OPTION_LATER },
	{ "quorum", required_argument, NULL, OPTION_LATER },
	{ "fail-after", required_argument, NULL, OPTION_LATER },
	{ "ro", no_argument, NULL, OPTION_LATER },
	{ "key", required_argument, NULL, OPTION_LATER },
	{ "tls", no_argument, NULL, OPTION_LATER },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int run(const struct command *cmd, int argc, char **argv)
{
	return mirror_run(cmd, argc, argv, 0);
}

const struct command cmd_mirror_attach = {
	.name = "mirror",
	.verb = "attach",
	.args = "TARGET TARGET... [--override-stale] [--name dstN]\n"
		"       [--ack server|disk] [--lanes N] [--mem-limit SIZE] [--io-timeout TIME]\n"
		"       [--keepalive TIME] [--leg-timeout TIME] [--preempt] [--digest]\n"
		"       [--read-policy latency|round-robin|prefer=LEG] [--wait TIME]",
	.help = "Attach a mirror that was made before, and print its disk's path",
	.options = options,
	.run = run,
};
