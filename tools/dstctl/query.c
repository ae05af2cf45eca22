// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel knows, one structure at a time, fit to be shown. */
#include <errno.h>
#include <string.h>

#include "dstctl.h"
#include "text.h"

static int query_get_device(struct dst_ioc_device *dev, __u32 index,
			    __u32 flags)
{
	int ret;

	memset(dev, 0, sizeof(*dev));
	dev->head.flags = flags;
	dev->index = index;
	ret = kernel_call(DST_IOC_DEVICE_GET, dev, sizeof(*dev));
	text_clean(dev->target, sizeof(dev->target));
	text_clean(dev->export, sizeof(dev->export));
	text_clean(dev->why, sizeof(dev->why));
	if (dev->lanes > DST_IOC_LANES)
		dev->lanes = DST_IOC_LANES;
	return ret;
}

int query_device(struct dst_ioc_device *dev, __u32 index)
{
	return query_get_device(dev, index, 0);
}

int query_next_device(struct dst_ioc_device *dev, __u32 from)
{
	return query_get_device(dev, from, DST_IOC_GET_NEXT);
}

int query_next_leg(struct dst_ioc_leg *leg, __u32 index, __u32 from)
{
	int ret;

	memset(leg, 0, sizeof(*leg));
	leg->head.flags = DST_IOC_GET_NEXT;
	leg->index = index;
	leg->leg = from;
	ret = kernel_call(DST_IOC_LEG_GET, leg, sizeof(*leg));
	text_clean(leg->target, sizeof(leg->target));
	text_clean(leg->export, sizeof(leg->export));
	text_clean(leg->why, sizeof(leg->why));
	if (leg->lanes > DST_IOC_LANES)
		leg->lanes = DST_IOC_LANES;
	return ret;
}

/* Those of a mirror; how many there are. */
__u32 query_legs(const struct dst_ioc_device *dev,
		 struct dst_ioc_leg legs[DST_IOC_LEGS])
{
	__u32 from = 0, nr;

	for (nr = 0; nr < DST_IOC_LEGS; nr++) {
		if (!(dev->device_flags & DST_IOC_DEVICE_MIRROR) ||
		    query_next_leg(&legs[nr], dev->index, from))
			break;
		from = legs[nr].leg + 1;
	}
	return nr;
}

int query_next_export(struct dst_ioc_export *export, __u32 from)
{
	int ret;

	memset(export, 0, sizeof(*export));
	export->head.flags = DST_IOC_GET_NEXT;
	export->index = from;
	ret = kernel_call(DST_IOC_EXPORT_GET, export, sizeof(*export));
	text_clean(export->name, sizeof(export->name));
	text_clean(export->path, sizeof(export->path));
	text_clean(export->why, sizeof(export->why));
	if (export->nr_listens > DST_IOC_LISTENS)
		export->nr_listens = DST_IOC_LISTENS;
	if (export->nr_allows > DST_IOC_ALLOWS)
		export->nr_allows = DST_IOC_ALLOWS;
	return ret;
}

int query_export(struct dst_ioc_export *export, const char *name)
{
	__u32 from;
	int ret;

	for (from = 0;; from = export->index + 1) {
		ret = query_next_export(export, from);
		if (ret || !strcmp(export->name, name))
			return ret;
	}
}

int query_next_client(struct dst_ioc_client *client, __u32 export, __u32 from)
{
	int ret;

	memset(client, 0, sizeof(*client));
	client->head.flags = DST_IOC_GET_NEXT;
	client->export = export;
	client->client = from;
	ret = kernel_call(DST_IOC_CLIENT_GET, client, sizeof(*client));
	text_clean(client->host, sizeof(client->host));
	return ret;
}
