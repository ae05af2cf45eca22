// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device shows of itself: attributes in /sys/block/dstN/dst/, and its
 * live transactions in debugfs.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/sysfs.h>

#include "dst.h"

static struct dentry *dst_sysfs_debug_root;

static struct dst_device *dst_sysfs_device(struct device *d)
{
	return dev_to_disk(d)->private_data;
}

#define DST_SYSFS_ATTR(_name, _fmt, ...)				\
static ssize_t _name##_show(struct device *d,				\
			    struct device_attribute *attr, char *buf)	\
{									\
	struct dst_device *dev = dst_sysfs_device(d);			\
									\
	return sysfs_emit(buf, _fmt "\n", __VA_ARGS__);			\
}									\
static DEVICE_ATTR_RO(_name)

static const char *dst_sysfs_ack_name(u32 ack)
{
	return ack == DST_IOC_ACK_DISK ? "disk" :
	       ack == DST_IOC_ACK_RAM ? "ram" : "server";
}

DST_SYSFS_ATTR(target, "%s", dev->opts.target);
DST_SYSFS_ATTR(export, "%s", dev->opts.export);
DST_SYSFS_ATTR(device_uuid, "%pUb", dev->opts.device);
DST_SYSFS_ATTR(export_uuid, "%pUb", &dev->info.export_uuid);
DST_SYSFS_ATTR(boot_id, "%pUb", &dev->info.boot_id);
DST_SYSFS_ATTR(state, "%s", dst_device_state_name(READ_ONCE(dev->state)));
DST_SYSFS_ATTR(ack, "%s", dst_sysfs_ack_name(READ_ONCE(dev->ack)));
DST_SYSFS_ATTR(lanes, "%u", dev->nr_lanes);
DST_SYSFS_ATTR(io_timeout_ms, "%u", READ_ONCE(dev->io_timeout_ms));
DST_SYSFS_ATTR(keepalive_ms, "%u", READ_ONCE(dev->keepalive_ms));

static ssize_t why_show(struct device *d, struct device_attribute *attr,
			char *buf)
{
	struct dst_device *dev = dst_sysfs_device(d);
	ssize_t ret;

	spin_lock_bh(&dev->lock);
	ret = sysfs_emit(buf, "%s\n", dev->why);
	spin_unlock_bh(&dev->lock);
	return ret;
}
static DEVICE_ATTR_RO(why);

static ssize_t fail_after_ms_show(struct device *d,
				  struct device_attribute *attr, char *buf)
{
	u64 ms = READ_ONCE(dst_sysfs_device(d)->fail_after_ms);

	if (ms == DST_IOC_NEVER_MS)
		return sysfs_emit(buf, "never\n");
	return sysfs_emit(buf, "%llu\n", ms);
}
static DEVICE_ATTR_RO(fail_after_ms);

static struct attribute *dst_sysfs_disk_attrs[] = {
	&dev_attr_target.attr,
	&dev_attr_export.attr,
	&dev_attr_device_uuid.attr,
	&dev_attr_export_uuid.attr,
	&dev_attr_boot_id.attr,
	&dev_attr_state.attr,
	&dev_attr_why.attr,
	&dev_attr_ack.attr,
	&dev_attr_lanes.attr,
	&dev_attr_io_timeout_ms.attr,
	&dev_attr_keepalive_ms.attr,
	&dev_attr_fail_after_ms.attr,
	NULL
};

static const struct attribute_group dst_sysfs_disk_group = {
	.name	= "dst",
	.attrs	= dst_sysfs_disk_attrs,
};

const struct attribute_group *dst_sysfs_disk_groups[] = {
	&dst_sysfs_disk_group,
	NULL
};

/* ---- live transactions ------------------------------------------------ */

static const char *dst_sysfs_trans_state(const struct dst_trans *t)
{
	static const char * const names[] = {
		[DST_TRANS_BLOCKED]	= "blocked",
		[DST_TRANS_HELD]	= "held",
		[DST_TRANS_QUEUED]	= "queued",
		[DST_TRANS_SENT]	= "sent",
		[DST_TRANS_FENCING]	= "fencing",
	};

	return t->phase == DST_PHASE_RETAINED ? "retained" : names[t->state];
}

static void dst_sysfs_show_trans(struct seq_file *m, const struct dst_trans *t,
				 int lane)
{
	seq_printf(m, "%llu %s %llu %u %s %u %u %d\n", t->id,
		   dst_trans_op_name(t->op), (u64)t->sector,
		   t->length_bytes / DST_PROTO_SECTOR_BYTES,
		   dst_sysfs_trans_state(t),
		   jiffies_to_msecs(jiffies - t->submitted), t->resends, lane);
}

/* Not just what is left of one that failed. */
static bool dst_sysfs_is_live(const struct dst_trans *t)
{
	return t->bio || t->early || t->phase != DST_PHASE_NEW;
}

static void dst_sysfs_show_list(struct seq_file *m, struct list_head *list,
				int lane)
{
	struct dst_trans *t;

	list_for_each_entry(t, list, list)
		if (dst_sysfs_is_live(t))
			dst_sysfs_show_trans(m, t, lane);
}

static void dst_sysfs_show_retained(const struct dst_trans *t, void *m)
{
	dst_sysfs_show_trans(m, t, -1);
}

static void dst_sysfs_show_lane(struct seq_file *m, struct dst_lane *lane)
{
	unsigned int i;

	spin_lock_bh(&lane->lock);
	dst_sysfs_show_list(m, &lane->queue, lane->index);
	dst_sysfs_show_list(m, &lane->fencing, lane->index);
	for (i = 0; i < lane->nr_slots; i++) {
		if (!lane->slots[i])
			continue;
		if (dst_sysfs_is_live(lane->slots[i]))
			dst_sysfs_show_trans(m, lane->slots[i], lane->index);
		dst_sysfs_show_list(m, &lane->slots[i]->with, lane->index);
	}
	spin_unlock_bh(&lane->lock);
}

static int transactions_show(struct seq_file *m, void *unused)
{
	struct dst_device *dev = m->private;
	unsigned int i;

	seq_puts(m, "id op sector sectors state age_ms resends lane\n");
	spin_lock_bh(&dev->lock);
	dst_sysfs_show_list(m, &dev->held, -1);
	dst_sysfs_show_list(m, &dev->blocked, -1);
	spin_unlock_bh(&dev->lock);
	for (i = 0; i < dev->nr_lanes; i++)
		dst_sysfs_show_lane(m, dev->lanes[i]);
	dst_index_show(dev, dst_sysfs_show_retained, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(transactions);

/**
 * dst_sysfs_add - show a device in debugfs
 * @dev: device; dst_sysfs_remove() before it goes
 */
void dst_sysfs_add(struct dst_device *dev)
{
	char name[16];

	snprintf(name, sizeof(name), "dst%u", dev->unit.index);
	dev->debugfs = debugfs_create_dir(name, dst_sysfs_debug_root);
	debugfs_create_file("transactions", 0400, dev->debugfs, dev,
			    &transactions_fops);
}

/**
 * dst_sysfs_remove - undo dst_sysfs_add(); waits for readers
 * @dev: device
 */
void dst_sysfs_remove(struct dst_device *dev)
{
	debugfs_remove_recursive(dev->debugfs);
	dev->debugfs = NULL;
}

/**
 * dst_sysfs_module_init - make the directory of all devices in debugfs
 */
void dst_sysfs_module_init(void)
{
	dst_sysfs_debug_root = debugfs_create_dir("dst_blk", NULL);
}

/**
 * dst_sysfs_module_exit - undo dst_sysfs_module_init()
 */
void dst_sysfs_module_exit(void)
{
	debugfs_remove_recursive(dst_sysfs_debug_root);
}
