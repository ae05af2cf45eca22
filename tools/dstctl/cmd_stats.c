// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <time.h>

#include "dstctl.h"
#include "parse.h"
#include "select.h"
#include "show.h"
#include "stats.h"

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "interval", required_argument, NULL, 'i' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void take_device(void *data, const struct dst_ioc_device *dev)
{
	stats_device(data, dev);
}

static void take_export(void *data, const struct dst_ioc_export *export)
{
	stats_export(data, export);
}

static int take(const char *what, const char *name, struct stats *stats)
{
	static const struct select_ops ops = {
		.device = take_device,
		.export = take_export,
	};

	stats_begin(stats, clock_us());
	return select_each(what, name, &ops, stats);
}

static int show_totals(const char *what, const char *name, bool json)
{
	struct stats now;
	int ret;

	ret = take(what, name, &now);
	if (!ret && json)
		stats_json(stdout, &now);
	else if (!ret)
		stats_totals(stdout, &now);
	stats_free(&now);
	return ret;
}

/* Until interrupted, or the one that was named is gone. */
static int show_rates(const char *what, const char *name, bool json,
		      __u64 interval_ms)
{
	const struct timespec nap = {
		.tv_sec = interval_ms / 1000,
		.tv_nsec = interval_ms % 1000 * 1000000,
	};
	struct stats before, now;
	int ret;

	ret = take(what, name, &before);
	while (!ret && !fflush(stdout)) {
		nanosleep(&nap, NULL);
		ret = take(what, name, &now);
		if (!ret && json)
			stats_rates_json(stdout, &before, &now);
		else if (!ret)
			stats_rates(stdout, &before, &now);
		stats_free(&before);
		before = now;
	}
	stats_free(&before);
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	__u32 interval_ms = 0;
	const char *name, *bad;
	bool json = false;
	int ret;

	while ((ret = command_option(cmd, argc, argv, &name)) > 0) {
		if (ret == 'j') {
			json = true;
			continue;
		}
		bad = parse_time32(optarg, &interval_ms);
		if (bad)
			return command_usage(cmd, "--interval: '%s' %s", optarg,
					     bad);
	}
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 0, 1);
	if (!ret)
		ret = kernel_open(cmd->name);
	if (ret)
		return ret;

	name = argv[optind];
	if (interval_ms)
		return show_rates(cmd->name, name, json, interval_ms);
	return show_totals(cmd->name, name, json);
}

const struct command cmd_stats = {
	.name = "stats",
	.args = "[DEV|EXPORT] [--json] [--interval TIME]",
	.help = "Show what was read and written, or how fast it is",
	.options = options,
	.run = run,
};
