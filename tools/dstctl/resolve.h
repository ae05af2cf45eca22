/* SPDX-License-Identifier: GPL-2.0-only */
/* Host names to addresses; says why on stderr when it fails. */
#ifndef DSTCTL_RESOLVE_H
#define DSTCTL_RESOLVE_H

#include "../../dst_ioctl.h"
#include "parse.h"

#define RESOLVE_MOST	8

int resolve_host(const char *what, const struct parse_host *host,
		 struct dst_ioc_addr *out, __u32 *nr);
void resolve_order(struct dst_ioc_addr *addrs, __u32 nr, int timeout_ms);

#endif /* DSTCTL_RESOLVE_H */
