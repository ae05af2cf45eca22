/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is who. The same machine has the same initiator UUID, the same target
 * on it the same device UUID, the same backing store under the same name the
 * same export UUID, over reboots.
 *
 * identity_of() is pure; the rest looks at the machine, and says why on
 * stderr when it fails.
 */
#ifndef DSTCTL_IDENTITY_H
#define DSTCTL_IDENTITY_H

#include <sys/stat.h>

#include "../../dst_ioctl.h"

void identity_of(__u8 out[DST_IOC_UUID_LEN], const char *kind,
		 const char *owner, const char *name, const char *detail);
int identity_initiator(const char *what, __u8 out[DST_IOC_UUID_LEN]);
void identity_device(__u8 out[DST_IOC_UUID_LEN],
		     const __u8 initiator[DST_IOC_UUID_LEN],
		     const char *target);
void identity_host(char out[DST_IOC_HOST_LEN]);
int identity_export(const char *what, __u8 out[DST_IOC_UUID_LEN],
		    const char *name, const char *path, const struct stat *st);

#endif /* DSTCTL_IDENTITY_H */
