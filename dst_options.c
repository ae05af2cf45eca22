// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of a device: checked, given their defaults, and changed while it is
 * attached.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "dst.h"

#define DST_OPTIONS_LANES		4
#define DST_OPTIONS_IO_TIMEOUT_MS	30000
#define DST_OPTIONS_KEEPALIVE_MS	5000
#define DST_OPTIONS_TIMEOUT_MIN_MS	100
#define DST_OPTIONS_TIMEOUT_MAX_MS	(24 * 3600 * 1000)
#define DST_OPTIONS_POLL_MS		20

/* An eighth of the memory, at most 1 GiB. */
static u64 dst_options_mem_limit(void)
{
	return min_t(u64, (u64)totalram_pages() * PAGE_SIZE / 8, SZ_1G);
}

/**
 * dst_options_read - take over the options of an attach
 * @dev: new; its opts are set and checked
 */
void dst_options_read(struct dst_device *dev)
{
	const struct dst_ioc_attach *o = &dev->opts;
	struct sockaddr_in6 *in6 = (void *)&dev->addr;
	struct sockaddr_in *in = (void *)&dev->addr;

	if (o->addr.family == DST_IOC_ADDR_INET6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(o->addr.port);
		in6->sin6_scope_id = o->addr.scope_id;
		memcpy(&in6->sin6_addr, o->addr.addr, sizeof(in6->sin6_addr));
	} else {
		in->sin_family = AF_INET;
		in->sin_port = htons(o->addr.port);
		memcpy(&in->sin_addr, o->addr.addr, sizeof(in->sin_addr));
	}
	dev->ack = o->ack;
	dev->io_timeout_ms = o->io_timeout_ms ?: DST_OPTIONS_IO_TIMEOUT_MS;
	dev->keepalive_ms = o->keepalive_ms ?: DST_OPTIONS_KEEPALIVE_MS;
	dev->fail_after_ms = o->fail_after_ms ?: DST_IOC_NEVER_MS;
	dev->mem_limit_bytes = o->mem_limit_bytes ?:
			       dst_options_mem_limit();
	dev->read_only = o->head.flags & DST_IOC_ATTACH_READ_ONLY;
	dev->digest = o->head.flags & DST_IOC_ATTACH_DIGEST;
	dev->nr_lanes = o->lanes ?: min_t(unsigned int, num_online_cpus(),
					  DST_OPTIONS_LANES);
	/*
	 * Above that of any earlier session of ours, unless the clock jumped:
	 * then the server says what it knows.
	 */
	dev->epoch = ktime_get_real_seconds() << 16;
}

/**
 * dst_options_check - do options make sense?
 * @o: options
 * @reason: DST_IOC_REASON_LEN bytes, filled on some failures
 *
 * Return: 0 or a negative errno.
 */
int dst_options_check(const struct dst_ioc_attach *o, char *reason)
{
	if (o->ack > DST_IOC_ACK_RAM || o->lanes > DST_PROTO_MAX_LANES ||
	    o->index < -1 || o->index >= DST_DEVICE_MAX || !o->addr.port ||
	    (o->addr.family != DST_IOC_ADDR_INET &&
	     o->addr.family != DST_IOC_ADDR_INET6))
		return -EINVAL;
	if ((o->io_timeout_ms && o->io_timeout_ms < DST_OPTIONS_TIMEOUT_MIN_MS) ||
	    o->io_timeout_ms > DST_OPTIONS_TIMEOUT_MAX_MS ||
	    (o->keepalive_ms && o->keepalive_ms < DST_OPTIONS_TIMEOUT_MIN_MS) ||
	    o->keepalive_ms > DST_OPTIONS_TIMEOUT_MAX_MS ||
	    (o->fail_after_ms && o->fail_after_ms < DST_OPTIONS_TIMEOUT_MIN_MS) ||
	    o->wait_ms > DST_OPTIONS_TIMEOUT_MAX_MS) {
		strscpy(reason, "a timeout is out of range (100 ms to 24 h)",
			DST_IOC_REASON_LEN);
		return -ERANGE;
	}
	if (!memchr_inv(o->initiator, 0, sizeof(o->initiator)) ||
	    !memchr_inv(o->device, 0, sizeof(o->device)))
		return -EINVAL;
	return 0;
}

/* Keep the disk while it is worked on without the mutex. */
static int dst_options_get_disk(struct dst_device *dev)
{
	int ret = mutex_lock_interruptible(&dev->mutex);

	if (ret)
		return ret;
	if (dev->added && !dev->closing)
		get_device(disk_to_dev(dev->disk));
	else
		ret = -ENODEV;
	mutex_unlock(&dev->mutex);
	return ret;
}

/* Wait until nothing is left that only the old way would do for. */
static int dst_options_drain(struct dst_device *dev)
{
	struct dst_index_sum sum;

	/* who had read the old value has put its write into the index */
	synchronize_rcu();
	for (;;) {
		dst_index_sum(dev, &sum);
		if (!sum.early && !sum.retained)
			return 0;
		if (READ_ONCE(dev->closing))
			return -ENODEV;
		dst_flush_commit(dev);
		if (msleep_interruptible(DST_OPTIONS_POLL_MS))
			return -EINTR;
	}
}

static int dst_options_change_ack(struct dst_device *dev, u32 ack, char *reason)
{
	u32 before = READ_ONCE(dev->ack);
	int ret;

	lockdep_assert_held(&dev->ack_mutex);
	if (ack == DST_IOC_ACK_RAM &&
	    dev->info.flags & DST_PROTO_EXPORT_SHARED) {
		strscpy(reason,
			"the export is shared: others would not see what is only in our memory",
			DST_IOC_REASON_LEN);
		return -EOPNOTSUPP;
	}
	/* the promise has to be the weaker one of both while it changes */
	if (dst_disk_has_cache(dev, ack)) {
		dst_disk_set_cache(dev, true);
		smp_wmb();	/* pairs with the end of a bio that saw the new ack */
		WRITE_ONCE(dev->ack, ack);
		return 0;
	}
	WRITE_ONCE(dev->ack, ack);
	ret = dst_options_drain(dev);
	if (!ret) {
		dst_disk_set_cache(dev, false);
		return 0;
	}
	WRITE_ONCE(dev->ack, before);
	strscpy(reason, "waiting until all is on the server's disk was interrupted",
		DST_IOC_REASON_LEN);
	return ret;
}

static int dst_options_set_ack(struct dst_device *dev, u32 ack, char *reason)
{
	int ret = mutex_lock_interruptible(&dev->ack_mutex);

	if (ret)
		return ret;
	/* not under dev->mutex: a forced detach must not wait for us */
	ret = dst_options_get_disk(dev);
	if (!ret) {
		ret = dst_options_change_ack(dev, ack, reason);
		put_disk(dev->disk);
	}
	mutex_unlock(&dev->ack_mutex);
	return ret;
}

/**
 * dst_options_set - change settings of a device that is attached
 * @dev: device
 * @set: all that is in its mask, or nothing
 *
 * Context: process, sleeps.
 * Return: 0 or a negative errno.
 */
int dst_options_set(struct dst_device *dev, struct dst_ioc_device_set *set)
{
	struct dst_ioc_attach o = dev->opts;
	int ret;

	if (set->mask & DST_IOC_SET_ACK)
		o.ack = set->ack;
	if (set->mask & DST_IOC_SET_IO_TIMEOUT)
		o.io_timeout_ms = set->io_timeout_ms ?: 1;
	if (set->mask & DST_IOC_SET_KEEPALIVE)
		o.keepalive_ms = set->keepalive_ms ?: 1;
	if (set->mask & DST_IOC_SET_FAIL_AFTER)
		o.fail_after_ms = set->fail_after_ms;
	ret = dst_options_check(&o, set->reason);
	if (ret)
		return ret;

	if (set->mask & DST_IOC_SET_ACK) {
		ret = dst_options_set_ack(dev, set->ack, set->reason);
		if (ret)
			return ret;
	}
	ret = mutex_lock_interruptible(&dev->mutex);
	if (ret)
		return ret;
	if (!dev->added || dev->closing) {
		mutex_unlock(&dev->mutex);
		return -ENODEV;
	}
	if (set->mask & DST_IOC_SET_IO_TIMEOUT)
		WRITE_ONCE(dev->io_timeout_ms, set->io_timeout_ms);
	if (set->mask & DST_IOC_SET_KEEPALIVE)
		WRITE_ONCE(dev->keepalive_ms, set->keepalive_ms);
	if (set->mask & DST_IOC_SET_FAIL_AFTER)
		WRITE_ONCE(dev->fail_after_ms,
			   set->fail_after_ms ?: DST_IOC_NEVER_MS);
	if (set->mask & DST_IOC_SET_MEM_LIMIT)
		WRITE_ONCE(dev->mem_limit_bytes, set->mem_limit_bytes ?:
			   dst_options_mem_limit());
	mod_delayed_work(dst_wq, &dev->tick, 0);
	mutex_unlock(&dev->mutex);
	return 0;
}

