// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dstctl.h"
#include "select.h"
#include "show.h"

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

/* Where the walk over devices and exports puts what it finds. */
struct status {
	struct json_object *devices;	/* NULL: for people */
	struct json_object *exports;
	bool colour;
	bool any;
};

static void status_gap(struct status *status)
{
	if (status->any)
		putchar('\n');
	status->any = true;
}

static void status_device(void *data, const struct dst_ioc_device *dev)
{
	struct dst_ioc_leg legs[DST_IOC_LEGS];
	struct status *status = data;
	struct json_object *object;
	__u32 nr = query_legs(dev, legs);

	if (status->devices) {
		object = json_device(dev);
		if (nr)
			json_legs(object, dev, legs, nr);
		json_object_array_add(status->devices, object);
		return;
	}
	status_gap(status);
	human_device(stdout, dev, status->colour);
	if (nr)
		human_legs(stdout, dev, legs, nr);
}

static void status_export(void *data, const struct dst_ioc_export *export)
{
	struct dst_ioc_client *clients;
	struct status *status = data;
	size_t nr;

	clients = select_clients(export, &nr);
	if (status->exports) {
		json_object_array_add(status->exports,
				      json_export(export, clients, nr));
	} else {
		status_gap(status);
		human_export(stdout, export, clients, nr, status->colour);
	}
	free(clients);
}

static const struct select_ops status_ops = {
	.device = status_device,
	.export = status_export,
};

static int show_json(const char *what, const char *name)
{
	struct json_object *object = json_object_new_object();
	struct status status = {
		.devices = json_object_new_array(),
		.exports = json_object_new_array(),
	};
	int ret;

	json_object_object_add(object, "devices", status.devices);
	json_object_object_add(object, "exports", status.exports);
	ret = select_each(what, name, &status_ops, &status);
	if (!ret)
		json_print(stdout, object);
	json_object_put(object);
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct status status = { .colour = human_colour() };
	bool json = false;
	const char *name;
	int ret;

	while ((ret = command_option(cmd, argc, argv, &name)) == 'j')
		json = true;
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 0, 1);
	if (!ret)
		ret = kernel_open(cmd->name);
	if (ret)
		return ret;

	name = argv[optind];
	if (json)
		return show_json(cmd->name, name);
	ret = select_each(cmd->name, name, &status_ops, &status);
	if (!ret && !status.any)
		puts("no devices and no exports");
	return ret;
}

const struct command cmd_status = {
	.name = "status",
	.args = "[DEV|EXPORT] [--json]",
	.help = "Show devices and exports, how they are, and why",
	.options = options,
	.run = run,
};
