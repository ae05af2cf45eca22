// SPDX-License-Identifier: GPL-2.0-only
#include "fake_kernel.h"

#include <errno.h>
#include <string.h>

#include "device.h"
#include "dstctl.h"
#include "text.h"

#include "../../dst_proto.h"

struct fake fake;

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
}

bool kernel_loaded(void)
{
	return !fake.absent;
}

int kernel_open(const char *what)
{
	if (fake.absent)
		return fail(what, "Load it", "the kernel module is not loaded");
	return 0;
}

bool __wrap_device_wait_node(__u32 index);
bool __wrap_device_wait_node(__u32 index)
{
	return index < FAKE_MOST;
}

static int fake_attach(struct dst_ioc_attach *arg)
{
	struct dst_ioc_device *dev;
	__s32 index = arg->index;

	fake.attach = *arg;
	for (index = index < 0 ? 0 : index; index < FAKE_MOST; index++)
		if (!fake.has_device[index])
			break;
		else if (arg->index >= 0)
			return -EEXIST;
	if (index == FAKE_MOST)
		return -ENOSPC;

	fake.has_device[index] = 1;
	dev = &fake.device[index];
	memset(dev, 0, sizeof(*dev));
	dev->index = index;
	dev->state = DST_IOC_DEVICE_ONLINE;
	dev->ack = arg->ack;
	dev->lanes = arg->lanes ? arg->lanes : 1;
	dev->io_timeout_ms = arg->io_timeout_ms ? arg->io_timeout_ms : 30000;
	dev->keepalive_ms = arg->keepalive_ms ? arg->keepalive_ms : 5000;
	dev->fail_after_ms = arg->fail_after_ms;
	dev->mem_limit_bytes = arg->mem_limit_bytes;
	if (arg->head.flags & DST_IOC_ATTACH_READ_ONLY)
		dev->device_flags |= DST_IOC_DEVICE_READ_ONLY;
	if (arg->head.flags & DST_IOC_ATTACH_DIGEST)
		dev->device_flags |= DST_IOC_DEVICE_DIGEST;
	memcpy(dev->device, arg->device, sizeof(dev->device));
	memcpy(dev->target, arg->target, sizeof(dev->target));
	memcpy(dev->export, arg->export, sizeof(dev->export));
	arg->index = index;
	return 0;
}

static int fake_detach(struct dst_ioc_device_ref *arg)
{
	fake.device_ref = *arg;
	if (arg->index >= FAKE_MOST || !fake.has_device[arg->index])
		return -ENODEV;
	fake.has_device[arg->index] = 0;
	return 0;
}

static int fake_device_set(struct dst_ioc_device_set *arg)
{
	struct dst_ioc_device *dev;

	fake.device_set = *arg;
	if (arg->index >= FAKE_MOST || !fake.has_device[arg->index])
		return -ENODEV;
	dev = &fake.device[arg->index];
	if (arg->mask & DST_IOC_SET_ACK)
		dev->ack = arg->ack;
	if (arg->mask & DST_IOC_SET_IO_TIMEOUT)
		dev->io_timeout_ms = arg->io_timeout_ms;
	if (arg->mask & DST_IOC_SET_KEEPALIVE)
		dev->keepalive_ms = arg->keepalive_ms;
	if (arg->mask & DST_IOC_SET_FAIL_AFTER)
		dev->fail_after_ms = arg->fail_after_ms;
	if (arg->mask & DST_IOC_SET_MEM_LIMIT)
		dev->mem_limit_bytes = arg->mem_limit_bytes;
	return 0;
}

static int fake_device_get(struct dst_ioc_device *arg)
{
	bool next = arg->head.flags & DST_IOC_GET_NEXT;
	__u32 index;

	for (index = arg->index; index < FAKE_MOST; index++) {
		if (fake.has_device[index]) {
			*arg = fake.device[index];
			return 0;
		}
		if (!next)
			break;
	}
	return -ENOENT;
}

static int fake_export_find(const char *name)
{
	int index;

	for (index = 0; index < FAKE_MOST; index++)
		if (fake.has_export[index] &&
		    !strcmp(fake.export[index].name, name))
			return index;
	return -ENOENT;
}

static int fake_export_add(struct dst_ioc_export_add *arg)
{
	struct dst_ioc_export *export;
	int index;

	fake.export_add = *arg;
	if (fake_export_find(arg->name) >= 0)
		return -EEXIST;
	for (index = 0; fake.has_export[index]; index++)
		if (index == FAKE_MOST - 1)
			return -ENOSPC;
	fake.has_export[index] = 1;
	export = &fake.export[index];
	memset(export, 0, sizeof(*export));
	export->index = index;
	export->export_flags = arg->head.flags;
	export->workers = arg->workers ? arg->workers : 2;
	export->max_clients = arg->max_clients ? arg->max_clients : 64;
	export->mem_limit_bytes = arg->mem_limit_bytes;
	export->nr_listens = arg->nr_listens ? arg->nr_listens : 1;
	export->nr_allows = arg->nr_allows;
	memcpy(export->uuid, arg->uuid, sizeof(export->uuid));
	memcpy(export->name, arg->name, sizeof(export->name));
	memcpy(export->path, arg->path, sizeof(export->path));
	memcpy(export->listen, arg->listen, sizeof(export->listen));
	/* as dst_export_listen() does: family 0 is any address */
	if (!arg->nr_listens)
		export->listen[0].port = DST_PROTO_PORT;
	memcpy(export->allow, arg->allow, sizeof(export->allow));
	return 0;
}

static int fake_export_set(struct dst_ioc_export_set *arg)
{
	int index = fake_export_find(arg->name);
	struct dst_ioc_export *export;

	fake.export_set = *arg;
	if (index < 0)
		return index;
	export = &fake.export[index];
	if (arg->mask & DST_IOC_EXPORT_SET_WORKERS)
		export->workers = arg->workers;
	if (arg->mask & DST_IOC_EXPORT_SET_MAX_CLIENTS)
		export->max_clients = arg->max_clients;
	if (arg->mask & DST_IOC_EXPORT_SET_MEM_LIMIT)
		export->mem_limit_bytes = arg->mem_limit_bytes;
	if (arg->mask & DST_IOC_EXPORT_SET_ALLOW) {
		export->nr_allows = arg->nr_allows;
		memcpy(export->allow, arg->allow, sizeof(export->allow));
	}
	return 0;
}

static int fake_export_remove(const struct dst_ioc_export_ref *arg)
{
	int index = fake_export_find(arg->name);

	if (index < 0)
		return index;
	fake.has_export[index] = 0;
	return 0;
}

static int fake_export_get(struct dst_ioc_export *arg)
{
	__u32 index;

	for (index = arg->index; index < FAKE_MOST; index++)
		if (fake.has_export[index]) {
			*arg = fake.export[index];
			return 0;
		}
	return -ENOENT;
}

static int fake_client_get(struct dst_ioc_client *arg)
{
	if (!fake.has_client || arg->export || arg->client)
		return -ENOENT;
	*arg = fake.client;
	return 0;
}

static int fake_get(unsigned long nr, void *arg)
{
	switch (nr) {
	case DST_IOC_DEVICE_GET:
		return fake_device_get(arg);
	case DST_IOC_EXPORT_GET:
		return fake_export_get(arg);
	case DST_IOC_CLIENT_GET:
		return fake_client_get(arg);
	case DST_IOC_VERSION:
		return 0;
	default:
		return 1;
	}
}

static int fake_change(unsigned long nr, void *arg)
{
	switch (nr) {
	case DST_IOC_ATTACH:
		return fake_attach(arg);
	case DST_IOC_DETACH:
		return fake_detach(arg);
	case DST_IOC_FAIL:
		fake.device_ref = *(struct dst_ioc_device_ref *)arg;
		return 0;
	case DST_IOC_DEVICE_SET:
		return fake_device_set(arg);
	case DST_IOC_EXPORT_ADD:
		return fake_export_add(arg);
	case DST_IOC_EXPORT_REMOVE:
		return fake_export_remove(arg);
	case DST_IOC_EXPORT_SET:
		return fake_export_set(arg);
	default:
		return -ENOTTY;
	}
}

/* Every structure that changes something ends with its reason. */
static void fake_reason(void *arg, size_t size)
{
	if (fake.reason)
		text_copy((char *)arg + size - DST_IOC_REASON_LEN,
			  DST_IOC_REASON_LEN, fake.reason);
}

int kernel_call(unsigned long nr, void *arg, size_t size)
{
	struct dst_ioc_head *head = arg;
	int ret;

	head->size = size;
	ret = fake_get(nr, arg);
	if (ret <= 0)
		return ret;

	fake.last = nr;
	if (fake.ret) {
		ret = fake.ret;
		fake.ret = 0;
		fake_reason(arg, size);
		return ret;
	}
	ret = fake_change(nr, arg);
	fake.changes += !ret;
	return ret;
}
