// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "dstctl.h"
#include "metrics.h"
#include "select.h"

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void take_device(void *data, const struct dst_ioc_device *dev)
{
	struct metrics *metrics = data;
	struct dst_ioc_device *more;

	more = realloc(metrics->devices,
		       (metrics->nr_devices + 1) * sizeof(*more));
	if (!more)
		return;
	metrics->devices = more;
	more[metrics->nr_devices++] = *dev;
}

static void take_export(void *data, const struct dst_ioc_export *export)
{
	struct metrics *metrics = data;
	struct dst_ioc_export *more;

	more = realloc(metrics->exports,
		       (metrics->nr_exports + 1) * sizeof(*more));
	if (!more)
		return;
	metrics->exports = more;
	more[metrics->nr_exports++] = *export;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	static const struct select_ops ops = {
		.device = take_device,
		.export = take_export,
	};
	struct metrics metrics = { 0 };
	const char *name;
	int ret;

	ret = command_option(cmd, argc, argv, &name);
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 0, 0);
	if (!ret)
		ret = kernel_open(cmd->name);
	if (ret)
		return ret;

	ret = select_each(cmd->name, NULL, &ops, &metrics);
	if (!ret)
		metrics_print(stdout, &metrics);
	free(metrics.devices);
	free(metrics.exports);
	return ret;
}

const struct command cmd_metrics = {
	.name = "metrics",
	.args = "",
	.help = "Print everything that can be counted, for Prometheus",
	.options = options,
	.run = run,
};
