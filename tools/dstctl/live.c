// SPDX-License-Identifier: GPL-2.0-only
#include "live.h"

#include <errno.h>
#include <string.h>

#include "dstctl.h"
#include "text.h"

static const char *live_hint(int ret)
{
	switch (-ret) {
	case EPERM:
	case EACCES:
		return "Run dstctl as root";
	case ENOENT:
	case ENODEV:
		return "'dstctl status' lists what there is";
	default:
		return "Nothing was changed";
	}
}

/* Sets the live keys that are given in @spec, all or none. */
int live_device_set(const char *what, const struct device_spec *spec,
		    __u32 index)
{
	static const struct {
		__u32 given;
		__u32 mask;
	} masks[] = {
		{ SPEC_ACK_GIVEN, DST_IOC_SET_ACK },
		{ SPEC_IO_TIMEOUT_GIVEN, DST_IOC_SET_IO_TIMEOUT },
		{ SPEC_KEEPALIVE_GIVEN, DST_IOC_SET_KEEPALIVE },
		{ SPEC_FAIL_AFTER_GIVEN, DST_IOC_SET_FAIL_AFTER },
		{ SPEC_MEM_LIMIT_GIVEN, DST_IOC_SET_MEM_LIMIT },
	};
	struct dst_ioc_device_set arg = { .index = index };
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(masks); i++)
		if (spec->given & masks[i].given)
			arg.mask |= masks[i].mask;
	if (spec->given & SPEC_ACK_GIVEN)
		arg.ack = spec->ack;
	arg.io_timeout_ms = spec->io_timeout_ms;
	arg.keepalive_ms = spec->keepalive_ms;
	arg.fail_after_ms = spec->fail_after_ms;
	arg.mem_limit_bytes = spec->mem_limit_bytes;

	ret = kernel_call(DST_IOC_DEVICE_SET, &arg, sizeof(arg));
	arg.reason[sizeof(arg.reason) - 1] = '\0';
	return ret ? fail_errno(what, ret, arg.reason, live_hint(ret)) : 0;
}

int live_export_set(const char *what, const struct export_spec *spec)
{
	static const struct {
		__u32 given;
		__u32 mask;
	} masks[] = {
		{ SPEC_WORKERS_GIVEN, DST_IOC_EXPORT_SET_WORKERS },
		{ SPEC_MEM_LIMIT_GIVEN, DST_IOC_EXPORT_SET_MEM_LIMIT },
		{ SPEC_MAX_CLIENTS_GIVEN, DST_IOC_EXPORT_SET_MAX_CLIENTS },
		{ SPEC_ALLOW_GIVEN, DST_IOC_EXPORT_SET_ALLOW },
	};
	struct dst_ioc_export_set arg = { 0 };
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(masks); i++)
		if (spec->given & masks[i].given)
			arg.mask |= masks[i].mask;
	arg.workers = spec->workers;
	arg.max_clients = spec->max_clients;
	arg.mem_limit_bytes = spec->mem_limit_bytes;
	arg.nr_allows = spec->nr_allows;
	memcpy(arg.allow, spec->allow, sizeof(arg.allow));
	text_copy(arg.name, sizeof(arg.name), spec->name);

	ret = kernel_call(DST_IOC_EXPORT_SET, &arg, sizeof(arg));
	arg.reason[sizeof(arg.reason) - 1] = '\0';
	return ret ? fail_errno(what, ret, arg.reason, live_hint(ret)) : 0;
}
