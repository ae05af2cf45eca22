// SPDX-License-Identifier: GPL-2.0-only
/* The one place that talks to /dev/dst-control. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dstctl.h"

#define CONTROL	"/dev/dst-control"

static int control = -1;

bool kernel_loaded(void)
{
	return !access(CONTROL, F_OK);
}

/* Opens the control device, or says why not. Returns 0 or the exit status. */
int kernel_open(const char *what)
{
	if (control >= 0)
		return 0;

	control = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (control >= 0)
		return 0;

	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return fail(what, "Load it with 'modprobe dst'",
			    "the kernel module is not loaded (no " CONTROL ")");
	case EPERM:
	case EACCES:
		return fail(what, "Run dstctl as root",
			    "you may not open " CONTROL);
	default:
		return fail(what, NULL, "cannot open " CONTROL ": %s",
			    error_text(errno));
	}
}

/* @arg begins with a struct dst_ioc_head. Returns 0 or a negative errno. */
int kernel_call(unsigned long nr, void *arg, size_t size)
{
	struct dst_ioc_head *head = arg;

	head->size = size;
	return ioctl(control, nr, arg) < 0 ? -errno : 0;
}
