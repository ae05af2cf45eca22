// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "dstctl.h"
#include "screen.h"
#include "select.h"
#include "show.h"
#include "stats.h"
#include "top.h"

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

/* What one walk over devices and exports finds. */
struct sample {
	struct stats stats;
	struct json_object *devices;
	struct json_object *exports;
};

static void take_device(void *data, const struct dst_ioc_device *dev)
{
	struct sample *sample = data;

	stats_device(&sample->stats, dev);
	json_object_array_add(sample->devices, json_device(dev));
}

static void take_export(void *data, const struct dst_ioc_export *export)
{
	struct dst_ioc_client *clients;
	struct sample *sample = data;
	size_t nr;

	clients = select_clients(export, &nr);
	stats_export(&sample->stats, export);
	json_object_array_add(sample->exports,
			      json_export(export, clients, nr));
	free(clients);
}

static const char *wall_clock(char *out, size_t size)
{
	time_t now = time(NULL);
	struct tm local;

	localtime_r(&now, &local);
	strftime(out, size, "%H:%M:%S", &local);
	return out;
}

/*
 * Takes a sample and shows @top what happened since @before, which then is
 * this one. Returns 0 or a negative errno.
 */
static int take(struct top *top, struct stats *before)
{
	static const struct select_ops ops = {
		.device = take_device,
		.export = take_export,
	};
	struct json_object *status = json_object_new_object();
	struct sample sample = {
		.devices = json_object_new_array(),
		.exports = json_object_new_array(),
	};
	char clock[16];
	int ret;

	json_object_object_add(status, "devices", sample.devices);
	json_object_object_add(status, "exports", sample.exports);
	stats_begin(&sample.stats, clock_us());
	ret = select_all(&ops, &sample);
	if (ret) {
		json_object_put(status);
		stats_free(&sample.stats);
		return ret;
	}
	top_update(top, wall_clock(clock, sizeof(clock)), status,
		   before->time_us ? stats_rates_object(before, &sample.stats) :
				     NULL);
	stats_free(before);
	*before = sample.stats;
	return 0;
}

static void show(struct top *top, struct lines *page)
{
	size_t width, height;

	screen_size(&width, &height);
	if (width != top->width || height != top->height)
		top_resize(top, width, height);
	top_page(top, page);
	screen_draw(page);
}

/* How long until the next sample; below 0: none is to come. */
static __s64 left_ms(const struct top *top, const struct stats *last)
{
	__u64 gone_ms = (clock_us() - last->time_us) / 1000;

	if (top->paused)
		return -1;
	return gone_ms < top_interval_ms(top) ?
	       top_interval_ms(top) - gone_ms : 0;
}

/* Until it is quit or interrupted. Returns 0 or a negative errno. */
static int watch(struct top *top, struct lines *page)
{
	enum top_key key = TOP_KEY_NONE;
	struct stats before = { 0 };
	int ret = 0;

	while (!ret && !signal_caught() && top_press(top, key)) {
		if (!left_ms(top, &before))
			ret = take(top, &before);
		if (!ret) {
			show(top, page);
			ret = screen_key(&key, left_ms(top, &before));
		}
	}
	stats_free(&before);
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct lines page = { 0 };
	char host[64] = "";
	const char *name;
	struct top top;
	int ret;

	ret = command_option(cmd, argc, argv, &name);
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 0, 0);
	if (!ret)
		ret = kernel_open(cmd->name);
	if (!ret)
		ret = screen_open(cmd->name);
	if (ret)
		return ret;

	gethostname(host, sizeof(host) - 1);
	top_begin(&top, host);
	ret = watch(&top, &page);
	screen_close();
	lines_free(&page);
	top_end(&top);
	return ret ? select_failed(cmd->name, ret) : EXIT_SUCCESS;
}

const struct command cmd_top = {
	.name = "top",
	.args = "",
	.help = "Watch devices and exports on a screen, with their rates",
	.options = options,
	.run = run,
};
