// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes everything down for a shutdown. Devices go before the exports that
 * they may stand on; an export of a DST device goes before that device: so
 * devices, exports, and devices again. What is in use stays.
 */
#include "stop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detach.h"
#include "dstctl.h"

static __u32 stop_devices(__u32 *indexes, __u32 most)
{
	struct dst_ioc_device dev;
	__u32 nr = 0, from;

	for (from = 0; nr < most && !query_next_device(&dev, from);
	     from = dev.index + 1)
		indexes[nr++] = dev.index;
	return nr;
}

/* Waits for held I/O for @wait_ms; then it has to go. */
static int stop_device(__u32 index, __u32 wait_ms)
{
	struct dst_ioc_device_ref ref;
	int ret;

	alarm((wait_ms + 999) / 1000);
	ret = detach_call(&ref, index, false);
	alarm(0);
	if (ret == -EINTR && !signal_caught())
		ret = detach_call(&ref, index, true);
	return ret == -ENODEV ? 0 : ret;
}

/* The newest first, as it may stand on an older one. */
static bool stop_pass(__u32 wait_ms)
{
	__u32 indexes[1024], nr;
	bool all = true;

	nr = stop_devices(indexes, ARRAY_SIZE(indexes));
	while (nr--)
		if (stop_device(indexes[nr], wait_ms))
			all = false;
	return all;
}

/* A device that stayed may be attached to this very machine. */
static bool stop_has_own_client(const struct dst_ioc_export *export)
{
	struct dst_ioc_client client;
	struct dst_ioc_device dev;
	__u32 from, next;

	for (from = 0; !query_next_client(&client, export->index, from);
	     from = client.client + 1)
		for (next = 0; !query_next_device(&dev, next);
		     next = dev.index + 1)
			if (!memcmp(dev.device, client.device,
				    sizeof(dev.device)))
				return true;
	return false;
}

static int stop_exports(void)
{
	struct dst_ioc_export_ref ref;
	struct dst_ioc_export export;
	int ret, status = EXIT_SUCCESS;
	char what[128];
	__u32 from;

	for (from = 0; !query_next_export(&export, from);
	     from = export.index + 1) {
		snprintf(what, sizeof(what), "stopping export %s", export.name);
		if (stop_has_own_client(&export)) {
			status = fail(what, "Stop what uses the device first",
				      "a device of this machine is attached to it");
			continue;
		}
		memset(&ref, 0, sizeof(ref));
		memcpy(ref.name, export.name, sizeof(ref.name));
		ref.head.flags = DST_IOC_EXPORT_REMOVE_FORCE;
		ret = kernel_call(DST_IOC_EXPORT_REMOVE, &ref, sizeof(ref));
		ref.reason[sizeof(ref.reason) - 1] = '\0';
		if (ret && ret != -ENOENT)
			status = fail_errno(what, ret, ref.reason, NULL);
	}
	return status;
}

/* Says what stays, and why. Returns the exit status. */
static int stop_rest(void)
{
	__u32 indexes[1024], nr;
	int status = EXIT_SUCCESS;
	char what[64];

	nr = stop_devices(indexes, ARRAY_SIZE(indexes));
	while (nr--) {
		snprintf(what, sizeof(what), "stopping device dst%u",
			 indexes[nr]);
		if (detach_device(what, indexes[nr], false))
			status = EXIT_FAILURE;
	}
	return status;
}

int stop_all(__u32 wait_ms)
{
	bool devices;
	int status;

	devices = stop_pass(wait_ms);
	status = stop_exports();
	if (!devices && !signal_caught() && stop_rest())
		status = EXIT_FAILURE;
	return status;
}
