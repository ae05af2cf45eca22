// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "dstctl.h"
#include "parse.h"
#include "show.h"

#define DEBUGFS	"/sys/kernel/debug"

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static struct json_object *trans_json(const struct parse_trans *trans)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "id", json_object_new_uint64(trans->id));
	json_object_object_add(object, "op", json_object_new_string(trans->op));
	json_object_object_add(object, "sector",
			       json_object_new_uint64(trans->sector));
	json_object_object_add(object, "sectors",
			       json_object_new_uint64(trans->sectors));
	json_object_object_add(object, "state",
			       json_object_new_string(trans->state));
	json_object_object_add(object, "age_ms",
			       json_object_new_uint64(trans->age_ms));
	json_object_object_add(object, "resends",
			       json_object_new_uint64(trans->resends));
	json_object_object_add(object, "leg", json_object_new_int(0));
	json_object_object_add(object, "lane", trans->no_lane ? NULL :
			       json_object_new_int(trans->lane));
	return object;
}

static void trans_line(const struct parse_trans *trans)
{
	printf("%20llu %-12s %14llu %9llu %-9s %9llu %7llu ", trans->id,
	       trans->op, trans->sector, trans->sectors, trans->state,
	       trans->age_ms, trans->resends);
	if (trans->no_lane)
		printf("%4s\n", "-");
	else
		printf("%4u\n", trans->lane);
}

/* Shows each line of @file; adds it to @list instead if that is not NULL. */
static int trans_show(const char *what, FILE *file, struct json_object *list)
{
	struct parse_trans trans;
	char line[512];
	bool head = true;

	if (!list)
		printf("%20s %-12s %14s %9s %-9s %9s %7s %4s\n", "id", "op",
		       "sector", "sectors", "state", "age_ms", "resends",
		       "lane");
	for (; fgets(line, sizeof(line), file); head = false) {
		if (!parse_trans(line, &trans)) {
			if (list)
				json_object_array_add(list, trans_json(&trans));
			else
				trans_line(&trans);
		} else if (!head) {
			line[strcspn(line, "\n")] = '\0';
			return fail(what, "Use dstctl and module of one version",
				    "the kernel said '%s'", line);
		}
	}
	if (ferror(file))
		return fail(what, NULL, "cannot read from the kernel: %s",
			    error_text(errno));
	return 0;
}

static FILE *trans_open(const char *what, __u32 index)
{
	struct dst_ioc_device dev;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), DEBUGFS "/dst_blk/dst%u/transactions",
		 index);
	file = fopen(path, "re");
	if (file)
		return file;

	if (query_device(&dev, index) == -ENOENT)
		fail(what, "'dstctl status' lists the devices",
		     "there is no such device");
	else if (access(DEBUGFS "/dst_blk", F_OK))
		fail(what, "Mount it: mount -t debugfs none " DEBUGFS,
		     "debugfs is not mounted");
	else
		fail(what, NULL, "%s: %s", path, error_text(errno));
	return NULL;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct json_object *list = NULL;
	bool json = false;
	const char *name;
	char what[256];
	__u32 index;
	FILE *file;
	int ret;

	while ((ret = command_option(cmd, argc, argv, &name)) == 'j')
		json = true;
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 1, 1);
	if (!ret)
		ret = device_index(cmd, argv[optind], &index);
	if (ret)
		return ret;

	command_what(what, sizeof(what), cmd, argv[optind]);
	if (kernel_open(what))
		return EXIT_FAILURE;
	file = trans_open(what, index);
	if (!file)
		return EXIT_FAILURE;
	if (json)
		list = json_object_new_array();
	ret = trans_show(what, file, list);
	if (!ret && list)
		json_print(stdout, list);
	json_object_put(list);
	fclose(file);
	return ret;
}

const struct command cmd_transactions = {
	.name = "transactions",
	.args = "DEV [--json]",
	.help = "Show what a device has sent and not had answered",
	.options = options,
	.run = run,
};
