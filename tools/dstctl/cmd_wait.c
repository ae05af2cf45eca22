// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"
#include "dstctl.h"
#include "parse.h"
#include "text.h"

#define POLL_MS	20

static const struct option options[] = {
	{ "timeout", required_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static bool is_online(const struct dst_ioc_device *dev)
{
	return dev->state == DST_IOC_DEVICE_ONLINE;
}

static bool is_degraded(const struct dst_ioc_device *dev)
{
	return dev->state == DST_IOC_DEVICE_DEGRADED;
}

/* The one leg of a device is in sync while there is a lane to it. */
static bool is_synced(const struct dst_ioc_device *dev)
{
	return is_online(dev) || is_degraded(dev);
}

static bool is_idle(const struct dst_ioc_device *dev)
{
	return !dev->in_flight && !dev->unsaved;
}

static bool is_failed(const struct dst_ioc_device *dev)
{
	return dev->state == DST_IOC_DEVICE_FAILED;
}

static const struct {
	const char *name;
	bool (*is)(const struct dst_ioc_device *dev);
} states[] = {
	{ "online", is_online },
	{ "degraded", is_degraded },
	{ "synced", is_synced },
	{ "idle", is_idle },
	{ "failed", is_failed },
};

static int timed_out(const char *what, const struct dst_ioc_device *dev)
{
	return fail(what, "'dstctl status' tells more",
		    "the time is over and it is %s, %llu in flight%s%s",
		    text_device_state(dev->state), dev->in_flight,
		    *dev->why ? ": " : "", dev->why);
}

static int wait_for(const char *what, __u32 index, size_t state,
		    __u64 timeout_ms)
{
	const struct timespec nap = { .tv_nsec = POLL_MS * 1000000L };
	struct dst_ioc_device dev;
	__u64 start = clock_us();
	int ret;

	for (;;) {
		ret = query_device(&dev, index);
		if (ret)
			return fail_errno(what, ret, ret == -ENOENT ?
					  "there is no such device" : NULL,
					  "'dstctl status' lists the devices");
		if (states[state].is(&dev))
			return EXIT_SUCCESS;
		if ((clock_us() - start) / 1000 >= timeout_ms)
			return timed_out(what, &dev);
		nanosleep(&nap, NULL);
	}
}

static int find_state(const char *name, size_t *state)
{
	for (*state = 0; *state < ARRAY_SIZE(states); (*state)++)
		if (!strcmp(name, states[*state].name))
			return 0;
	return -EINVAL;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	__u64 timeout_ms = DST_IOC_NEVER_MS;
	const char *name, *bad;
	char what[256];
	size_t state;
	__u32 index;
	int ret;

	while ((ret = command_option(cmd, argc, argv, &name)) == 't') {
		bad = parse_time_never(optarg, &timeout_ms);
		if (bad)
			return command_usage(cmd, "--timeout: '%s' %s", optarg,
					     bad);
	}
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = command_operands(cmd, argc, 2, 2);
	if (ret)
		return ret;
	if (find_state(argv[optind + 1], &state))
		return command_usage(cmd, "'%s' is not online, degraded, synced, idle or failed",
				     argv[optind + 1]);
	ret = device_index(cmd, argv[optind], &index);
	if (ret)
		return ret;

	snprintf(what, sizeof(what), "wait %s %s", argv[optind],
		 argv[optind + 1]);
	ret = kernel_open(what);
	return ret ? ret : wait_for(what, index, state, timeout_ms);
}

const struct command cmd_wait = {
	.name = "wait",
	.args = "DEV online|degraded|synced|idle|failed [--timeout TIME]",
	.help = "Wait until a device is in a state",
	.options = options,
	.run = run,
};
