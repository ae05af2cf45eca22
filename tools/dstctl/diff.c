// SPDX-License-Identifier: GPL-2.0-only
#include "diff.h"

#include <string.h>

#include "../../dst_proto.h"

/* The kernel may say "never" in either way. */
static __u64 never(__u64 ms)
{
	return ms ? ms : DST_IOC_NEVER_MS;
}

const char *diff_device(const struct device_spec *want,
			const struct dst_ioc_device *have, __u32 *live)
{
	bool read_only = have->device_flags & DST_IOC_DEVICE_READ_ONLY;
	bool digest = have->device_flags & DST_IOC_DEVICE_DIGEST;
	__u32 given = want->given;

	*live = 0;
	if (strcmp(want->target, have->target))
		return "target";
	if (want->read_only != read_only)
		return "ro";
	if (want->digest != digest)
		return "digest";
	if ((given & SPEC_LANES_GIVEN) && want->lanes < have->lanes)
		return "lanes";

	if (want->ack != have->ack)
		*live |= SPEC_ACK_GIVEN;
	if (want->mem_limit_bytes != have->mem_limit_bytes)
		*live |= given & SPEC_MEM_LIMIT_GIVEN;
	if (want->io_timeout_ms != have->io_timeout_ms)
		*live |= given & SPEC_IO_TIMEOUT_GIVEN;
	if (want->keepalive_ms != have->keepalive_ms)
		*live |= given & SPEC_KEEPALIVE_GIVEN;
	if (never(want->fail_after_ms) != never(have->fail_after_ms))
		*live |= given & SPEC_FAIL_AFTER_GIVEN;
	return NULL;
}

static bool has_addr(const struct dst_ioc_addr *list, __u32 nr,
		     const struct dst_ioc_addr *addr)
{
	__u32 i;

	for (i = 0; i < nr; i++)
		if (list[i].family == addr->family &&
		    list[i].port == addr->port &&
		    list[i].scope_id == addr->scope_id &&
		    !memcmp(list[i].addr, addr->addr, sizeof(addr->addr)))
			return true;
	return false;
}

/* Every address of either list is in the other. */
static bool same_listens(const struct dst_ioc_addr *want, __u32 nr,
			 const struct dst_ioc_export *have)
{
	__u32 i;

	for (i = 0; i < nr; i++)
		if (!has_addr(have->listen, have->nr_listens, &want[i]))
			return false;
	for (i = 0; i < have->nr_listens; i++)
		if (!has_addr(want, nr, &have->listen[i]))
			return false;
	return true;
}

/* Any address, which is neither 0.0.0.0 nor [::] nor can be asked for. */
static bool default_listens(const struct dst_ioc_export *have)
{
	static const struct dst_ioc_addr any = { .port = DST_PROTO_PORT };

	return have->nr_listens == 1 && has_addr(have->listen, 1, &any);
}

static bool has_allow(const struct dst_ioc_allow *list, __u32 nr,
		      const struct dst_ioc_allow *allow)
{
	__u32 i;

	for (i = 0; i < nr; i++)
		if (has_addr(&list[i].addr, 1, &allow->addr) &&
		    list[i].prefix_len == allow->prefix_len &&
		    list[i].flags == allow->flags)
			return true;
	return false;
}

static bool same_allows(const struct dst_ioc_allow *want, __u32 nr,
			const struct dst_ioc_export *have)
{
	__u32 i;

	if (nr != have->nr_allows)
		return false;
	for (i = 0; i < nr; i++)
		if (!has_allow(have->allow, have->nr_allows, &want[i]) ||
		    !has_allow(want, nr, &have->allow[i]))
			return false;
	return true;
}

const char *diff_export(const struct export_spec *want,
			const struct dst_ioc_addr *listens, __u32 nr_listens,
			const struct dst_ioc_export *have, __u32 *live)
{
	bool read_only = have->export_flags & DST_IOC_EXPORT_READ_ONLY;
	bool shared = have->export_flags & DST_IOC_EXPORT_SHARED;
	__u32 given = want->given;

	*live = 0;
	if (want->read_only != read_only)
		return "ro";
	if (want->shared != shared)
		return "shared";
	if (nr_listens ? !same_listens(listens, nr_listens, have) :
	    !default_listens(have))
		return "listen";

	if (want->workers != have->workers)
		*live |= given & SPEC_WORKERS_GIVEN;
	if (want->max_clients != have->max_clients)
		*live |= given & SPEC_MAX_CLIENTS_GIVEN;
	if (want->mem_limit_bytes != have->mem_limit_bytes)
		*live |= given & SPEC_MEM_LIMIT_GIVEN;
	if (!same_allows(want->allow, want->nr_allows, have))
		*live |= SPEC_ALLOW_GIVEN;
	return NULL;
}
