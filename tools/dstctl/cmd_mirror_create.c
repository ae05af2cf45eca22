// SPDX-License-Identifier: GPL-2.0-only
#include "dstctl.h"
#include "mirror.h"

static const struct option options[] = {
	{ "region", required_argument, NULL, MIRROR_REGION },
	{ "force", no_argument, NULL, MIRROR_FORCE },
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
	return mirror_run(cmd, argc, argv, DST_IOC_MIRROR_CREATE);
}

const struct command cmd_mirror_create = {
	.name = "mirror",
	.verb = "create",
	.args = "TARGET TARGET... [--force] [--region SIZE] [--name dstN]\n"
		"       [--ack server|disk] [--lanes N] [--mem-limit SIZE] [--io-timeout TIME]\n"
		"       [--keepalive TIME] [--leg-timeout TIME] [--preempt] [--digest]\n"
		"       [--read-policy latency|round-robin|prefer=LEG] [--wait TIME]",
	.help = "Make one disk of several exports, and print its path",
	.options = options,
	.run = run,
};
