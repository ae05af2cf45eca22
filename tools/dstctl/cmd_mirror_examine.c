// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dstctl.h"
#include "leg.h"
#include "parse.h"
#include "show.h"
#include "text.h"

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

/* HOST/EXPORT, unless there is such a path. */
static bool is_target(const char *name)
{
	char export[DST_IOC_NAME_LEN];
	struct parse_host host;

	return *name != '/' && *name != '.' && access(name, F_OK) &&
	       !parse_target(name, &host, export);
}

static int examine(const char *what, const char *path, bool json)
{
	struct json_object *object;
	char shown[4096];
	struct leg leg;
	int ret;

	ret = leg_read(what, path, &leg);
	if (ret)
		return ret;
	text_copy(shown, sizeof(shown), path);
	text_clean(shown, sizeof(shown));
	if (json) {
		object = leg_json(shown, &leg);
		json_print(stdout, object);
		json_object_put(object);
	} else {
		leg_human(stdout, shown, &leg);
	}
	if (!leg_why(&leg))
		return EXIT_SUCCESS;
	return fail(what, leg_todo(&leg), "%s", leg_why(&leg));
}

static int run(const struct command *cmd, int argc, char **argv)
{
	const char *name;
	bool json = false;
	char what[512];
	int ret;

	while ((ret = command_option(cmd, argc, argv, &name)) > 0)
		json |= ret == 'j';
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 1, 1);
	if (ret)
		return ret;

	command_what(what, sizeof(what), cmd, argv[optind]);
	if (is_target(argv[optind]))
		return fail(what, "On the server, examine the path that 'dstctl status' shows",
			    "this version examines only a disk or file of this machine");
	return examine(what, argv[optind], json);
}

const struct command cmd_mirror_examine = {
	.name = "mirror",
	.verb = "examine",
	.args = "PATH [--json]",
	.help = "Show what the metadata at the end of a mirror leg says",
	.options = options,
	.run = run,
};
