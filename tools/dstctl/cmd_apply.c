// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "conf.h"
#include "dstctl.h"
#include "plan.h"
#include "stop.h"

#define DEFAULT_STOP_MS	30000

static const struct option options[] = {
	{ "check", no_argument, NULL, 'c' },
	{ "stop", no_argument, NULL, 's' },
	{ "wait", required_argument, NULL, 'w' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int read_conf(const char *what, const char *path, struct conf *conf)
{
	unsigned int line = 0;
	const char *bad;
	FILE *file;

	file = fopen(path, "re");
	if (!file)
		return fail(what, "Write it as dstctl(8) says, or name another file",
			    "cannot read %s: %s", path, error_text(errno));
	bad = conf_parse(file, conf, &line);
	fclose(file);
	if (!bad)
		return 0;
	conf_free(conf);
	return fail(what, "Correct the file; nothing was changed", "%s:%u: %s",
		    path, line, bad);
}

static int apply(const char *what, const char *path, const struct conf *conf)
{
	struct plan plan;
	int ret;

	ret = plan_make(what, path, conf, &plan);
	if (!ret)
		ret = plan_run(&plan);
	plan_free(&plan);
	return ret;
}

static int apply_file(const char *what, const char *path, bool check)
{
	struct conf conf;
	int ret;

	ret = read_conf(what, path, &conf);
	if (ret)
		return ret;
	if (!check)
		ret = kernel_open(what);
	if (!ret && !check)
		ret = apply(what, path, &conf);
	conf_free(&conf);
	return ret;
}

static int stop(const char *what, __u32 wait_ms)
{
	if (!kernel_loaded())
		return EXIT_SUCCESS;
	if (kernel_open(what))
		return EXIT_FAILURE;
	signal_catch();
	return stop_all(wait_ms);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	bool stopping = false, check = false;
	__u32 wait_ms = DEFAULT_STOP_MS;
	const char *name, *bad;
	int ret;

	while ((ret = command_option(cmd, argc, argv, &name)) > 0) {
		stopping |= ret == 's';
		check |= ret == 'c';
		if (ret != 'w')
			continue;
		bad = parse_time32(optarg, &wait_ms);
		if (bad)
			return command_usage(cmd, "--wait: '%s' %s", optarg,
					     bad);
	}
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 0, stopping ? 0 : 1);
	if (ret)
		return ret;
	if (stopping)
		return stop(cmd->name, wait_ms);
	return apply_file(cmd->name, optind < argc ? argv[optind] :
			  DSTCTL_CONF, check);
}

const struct command cmd_apply = {
	.name = "apply",
	.args = "[FILE] [--check] | --stop [--wait TIME]",
	.help = "Make the machine match " DSTCTL_CONF ", or take everything down",
	.options = options,
	.run = run,
};
