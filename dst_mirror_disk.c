// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block device of a mirror: /dev/dstN as the block layer sees it.
 */
#include <linux/blkdev.h>
#include <linux/module.h>

#include "dst_mirror.h"

static void dst_mirror_submit_bio(struct bio *bio)
{
	struct dst_mirror *m = bio->bi_bdev->bd_disk->private_data;

	bio = bio_split_to_limits(bio);
	if (!bio)
		return;
	bio = dst_disk_split_at_shard(bio);
	if (bio)
		dst_mirror_submit(m, bio);
}

static void dst_mirror_free_disk(struct gendisk *disk)
{
	struct dst_mirror *m = disk->private_data;

	dst_unit_put(&m->unit);
}

static const struct block_device_operations dst_mirror_fops = {
	.owner		= THIS_MODULE,
	.submit_bio	= dst_mirror_submit_bio,
	.free_disk	= dst_mirror_free_disk,
};

/**
 * dst_mirror_common - what all legs can do: one that comes later has to as well
 * @m: assembled; its tick does not run yet, which ends sessions
 */
void dst_mirror_common(struct dst_mirror *m)
{
	struct dst_export_info *info = &m->info;
	unsigned int i;
	bool first = true;
	int idx;

	/* one that is damaged may be taken out at any time */
	idx = srcu_read_lock(&m->srcu);
	for (i = 0; i < m->nr_legs; i++) {
		struct dst_device *dev =
			srcu_dereference(m->given[i]->dev, &m->srcu);
		const struct dst_export_info *o;

		if (!dev || !READ_ONCE(m->given[i]->online))
			continue;
		o = &dev->info;
		if (first)
			*info = *o;
		first = false;
		info->logical_block_bytes = max(info->logical_block_bytes,
						o->logical_block_bytes);
		info->physical_block_bytes = max(info->physical_block_bytes,
						 o->physical_block_bytes);
		info->io_min_bytes = max(info->io_min_bytes, o->io_min_bytes);
		info->max_transfer_bytes = min(info->max_transfer_bytes,
					       o->max_transfer_bytes);
		if (!(o->flags & DST_PROTO_EXPORT_WRITE_ZEROES))
			info->flags &= ~DST_PROTO_EXPORT_WRITE_ZEROES;
		info->flags |= o->flags & DST_PROTO_EXPORT_ROTATIONAL;
	}
	srcu_read_unlock(&m->srcu, idx);
	/* what it leaves need not be the same on all legs */
	info->flags &= ~DST_PROTO_EXPORT_DISCARD;
}

/**
 * dst_mirror_disk_create - make the block device visible
 * @m: assembled and running
 *
 * Reads the partition table. The disk holds a reference of @m from now on.
 *
 * Context: process, sleeps.
 * Return: 0 or a negative errno.
 */
int dst_mirror_disk_create(struct dst_mirror *m)
{
	/* a leg that comes back may have a cache, though none has now */
	struct dst_compat_features features = {
		.write_cache = m->opts.ack != DST_IOC_ACK_DISK,
	};
	struct dst_export_info info = m->info;
	struct gendisk *disk;
	int ret;

	features.rotational = info.flags & DST_PROTO_EXPORT_ROTATIONAL;
	info.size_bytes = m->layout.data_bytes;
	disk = dst_disk_alloc(&info, &features);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	disk->fops = &dst_mirror_fops;
	disk->private_data = m;
	m->disk = disk;
	ret = dst_disk_add(disk, m->unit.index, info.size_bytes, NULL);
	/* for ->free_disk, which is not called for one that was never added */
	if (!ret)
		dst_unit_hold(&m->unit);
	return ret;
}

/**
 * dst_mirror_disk_delete - take the block device away
 * @m: takes no more I/O, or fails it
 *
 * Context: process, sleeps. Afterwards nobody is submitting any more.
 */
void dst_mirror_disk_delete(struct dst_mirror *m)
{
	if (m->disk && disk_live(m->disk))
		del_gendisk(m->disk);
}
