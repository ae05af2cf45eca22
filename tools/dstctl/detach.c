// SPDX-License-Identifier: GPL-2.0-only
#include "detach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "dstctl.h"
#include "text.h"

#define PROGRESS_S	1

/* Returns 0 or a negative errno. */
int detach_call(struct dst_ioc_device_ref *ref, __u32 index, bool force)
{
	int ret;

	memset(ref, 0, sizeof(*ref));
	ref->index = index;
	if (force)
		ref->head.flags |= DST_IOC_DETACH_FORCE;
	ret = kernel_call(DST_IOC_DETACH, ref, sizeof(*ref));
	ref->reason[sizeof(ref->reason) - 1] = '\0';
	return ret;
}

/* Says what keeps a device. A terminal gets one line, again and again. */
static void detach_progress(__u32 index, bool first)
{
	bool terminal = isatty(STDERR_FILENO);
	struct dst_ioc_device dev;
	char kept[TEXT_SIZE_LEN];

	if ((!terminal && !first) || query_next_device(&dev, index) ||
	    dev.index != index)
		return;
	text_size(kept, dev.mem_used_bytes);
	fprintf(stderr, "%sdst%u: %s: waiting for %llu writes (%s) to be on the server's disk%s",
		terminal ? "\r\033[K" : "", index,
		text_device_state(dev.state), dev.unsaved, kept,
		terminal ? "" : "\n");
}

/* Without @force it takes as long as the server does. */
static int detach_wait(struct dst_ioc_device_ref *ref, __u32 index, bool force)
{
	bool waited = false;
	int ret;

	for (;;) {
		alarm(force ? 0 : PROGRESS_S);
		ret = detach_call(ref, index, force);
		alarm(0);
		if (ret != -EINTR || signal_caught())
			break;
		detach_progress(index, !waited);
		waited = true;
	}
	if (waited && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	return ret;
}

/* Returns 0 or the exit status, and says why. */
int detach_device(const char *what, __u32 index, bool force)
{
	struct dst_ioc_device_ref ref;
	char users[512];
	int ret;

	ret = detach_wait(&ref, index, force);
	switch (-ret) {
	case 0:
		/* what was given up by force */
		if (*ref.reason)
			fprintf(stderr, "dst%u: %s\n", index, ref.reason);
		return 0;
	case EBUSY:
		device_users(index, users, sizeof(users));
		return fail(what, "Stop that, or use --force: its I/O then fails",
			    "%s%s%s", *ref.reason ? ref.reason : "it is in use",
			    *users ? ": " : "", users);
	case EINTR:
		return fail(what, "'dstctl status' shows what it waits for, --force gives that up",
			    "it was interrupted, and is still attached");
	case EPERM:
	case EACCES:
		return fail_errno(what, ret, ref.reason, "Run dstctl as root");
	case ENOENT:
	case ENODEV:
		return fail_errno(what, ret, ref.reason,
				  "'dstctl status' lists the devices");
	default:
		return fail_errno(what, ret, ref.reason,
				  "The kernel log (dmesg) may say more");
	}
}
