/* SPDX-License-Identifier: GPL-2.0-only */
/* What 'mirror create' and 'mirror attach' share; says why when it fails. */
#ifndef DSTCTL_MIRROR_H
#define DSTCTL_MIRROR_H

#include "spec.h"

/* .val of the options that attach does not have. */
#define MIRROR_LEG_TIMEOUT	1100
#define MIRROR_READ_POLICY	1101
#define MIRROR_REGION		1102
#define MIRROR_FORCE		1103
#define MIRROR_OVERRIDE		1104

int mirror_run(const struct command *cmd, int argc, char **argv, __u32 flags);

#endif /* DSTCTL_MIRROR_H */
