// SPDX-License-Identifier: GPL-2.0-only
#include "detach.h"

#include <errno.h>
#include <string.h>

#include "device.h"
#include "dstctl.h"

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

/* Returns 0 or the exit status, and says why. */
int detach_device(const char *what, __u32 index, bool force)
{
	struct dst_ioc_device_ref ref;
	char users[512];
	int ret;

	ret = detach_call(&ref, index, force);
	switch (-ret) {
	case 0:
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
