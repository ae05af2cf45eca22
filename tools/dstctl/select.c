// SPDX-License-Identifier: GPL-2.0-only
#include "select.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dstctl.h"
#include "parse.h"

static int select_devices(const struct select_ops *ops, void *data)
{
	struct dst_ioc_device dev;
	__u32 from;
	int ret;

	for (from = 0;; from = dev.index + 1) {
		ret = query_next_device(&dev, from);
		if (ret)
			return ret == -ENOENT ? 0 : ret;
		ops->device(data, &dev);
	}
}

static int select_exports(const struct select_ops *ops, void *data)
{
	struct dst_ioc_export export;
	__u32 from;
	int ret;

	for (from = 0;; from = export.index + 1) {
		ret = query_next_export(&export, from);
		if (ret)
			return ret == -ENOENT ? 0 : ret;
		ops->export(data, &export);
	}
}

/* dst0, a path that leads to it, or an export of that name. */
static int select_one(const char *name, const struct select_ops *ops,
		      void *data)
{
	const char *plain = name, *slash;
	struct dst_ioc_export export;
	struct dst_ioc_device dev;
	char path[PATH_MAX];
	__u32 index;
	int ret;

	if (strchr(name, '/') && realpath(name, path))
		plain = path;
	slash = strrchr(plain, '/');
	if (!parse_device_name(slash ? slash + 1 : plain, &index)) {
		ret = query_device(&dev, index);
		if (!ret)
			ops->device(data, &dev);
		if (ret != -ENOENT)
			return ret;
	}
	ret = query_export(&export, name);
	if (!ret)
		ops->export(data, &export);
	return ret;
}

/* All devices, then all exports. Returns 0 or a negative errno. */
int select_all(const struct select_ops *ops, void *data)
{
	int ret;

	ret = select_devices(ops, data);
	return ret ? ret : select_exports(ops, data);
}

/* Says why the kernel did not tell. Returns the exit status. */
int select_failed(const char *what, int ret)
{
	return fail_errno(what, ret, NULL,
			  ret == -EPERM ? "Run dstctl as root" : NULL);
}

/* All if @name is NULL. Returns 0 or the exit status, and says why. */
int select_each(const char *what, const char *name,
		const struct select_ops *ops, void *data)
{
	int ret;

	if (name) {
		ret = select_one(name, ops, data);
		if (ret == -ENOENT)
			return fail(what, "'dstctl status' lists what there is",
				    "there is no device or export '%s'", name);
	} else {
		ret = select_all(ops, data);
	}
	return ret ? select_failed(what, ret) : 0;
}

/* The sessions of @export, to be freed; as many as memory allows. */
struct dst_ioc_client *select_clients(const struct dst_ioc_export *export,
				      size_t *nr)
{
	struct dst_ioc_client *clients = NULL, *more, client;
	__u32 from;

	*nr = 0;
	for (from = 0; !query_next_client(&client, export->index, from);
	     from = client.client + 1) {
		more = realloc(clients, (*nr + 1) * sizeof(*clients));
		if (!more)
			break;
		clients = more;
		clients[(*nr)++] = client;
	}
	return clients;
}
