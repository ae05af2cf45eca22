// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block device: /dev/dstN as the block layer sees it.
 */
#include <linux/blkdev.h>
#include <linux/module.h>

#include "dst.h"

#define DST_DISK_MINORS		16
#define DST_DISK_MAX_SEGMENTS	256
#define DST_DISK_MAX_IO_OPT_BYTES	(16 * 1024 * 1024)
/* The server may really have to write them, within io-timeout. */
#define DST_DISK_MAX_ZEROES_BYTES	(16 * 1024 * 1024)

static int dst_disk_major;

/**
 * dst_disk_status - what the block layer calls a status of the protocol
 * @proto_status: enum dst_proto_status
 */
blk_status_t dst_disk_status(u8 proto_status)
{
	switch (proto_status) {
	case DST_PROTO_ST_OK:
		return BLK_STS_OK;
	case DST_PROTO_ST_NOSPC:
		return BLK_STS_NOSPC;
	case DST_PROTO_ST_MEDIUM:
		return BLK_STS_MEDIUM;
	case DST_PROTO_ST_NOTSUPP:
		return BLK_STS_NOTSUPP;
	case DST_PROTO_ST_DIGEST:
		return BLK_STS_PROTECTION;
	case DST_PROTO_ST_TIMEOUT:
		return BLK_STS_TIMEOUT;
	case DST_PROTO_ST_OFFLINE:
		return BLK_STS_TRANSPORT;
	case DST_PROTO_ST_RESOURCE:
		return BLK_STS_RESOURCE;
	default:
		return BLK_STS_IOERR;
	}
}

/* ---- submitting ------------------------------------------------------- */

/**
 * dst_disk_split_at_shard - cut a bio where its shard ends
 * @bio: within the limits
 *
 * Context: ->submit_bio
 * Return: the part to go on with, or NULL if it was ended.
 */
struct bio *dst_disk_split_at_shard(struct bio *bio)
{
	sector_t size = 1ULL << DST_SHARD_SECTORS_LOG2;
	sector_t left = size - (bio->bi_iter.bi_sector & (size - 1));
	struct bio *part;

	if (likely(bio_sectors(bio) <= left))
		return bio;
	if (bio->bi_opf & REQ_NOWAIT) {
		bio_wouldblock_error(bio);
		return NULL;
	}
	part = bio_split(bio, left, GFP_NOIO, &bio->bi_bdev->bd_disk->bio_split);
	bio_chain(part, bio);
	submit_bio_noacct(bio);
	return part;
}

static void dst_disk_submit_bio(struct bio *bio)
{
	struct dst_device *dev = bio->bi_bdev->bd_disk->private_data;
	struct dst_trans *t;

	bio = bio_split_to_limits(bio);
	if (!bio)
		return;
	bio = dst_disk_split_at_shard(bio);
	if (!bio)
		return;
	t = dst_submit_place(dev, bio);
	if (t)
		dst_submit_send(t);
}

static void dst_disk_free(struct gendisk *disk)
{
	struct dst_device *dev = disk->private_data;

	dst_unit_put(&dev->unit);
}

static const struct block_device_operations dst_disk_fops = {
	.owner		= THIS_MODULE,
	.submit_bio	= dst_disk_submit_bio,
	.free_disk	= dst_disk_free,
};

/* ---- creating --------------------------------------------------------- */

static void dst_disk_limits(const struct dst_export_info *info,
			    struct queue_limits *lim)
{
	lim->logical_block_size = info->logical_block_bytes;
	lim->physical_block_size = info->physical_block_bytes;
	lim->io_min = clamp(info->io_min_bytes, info->physical_block_bytes,
			    info->max_transfer_bytes);
	/* it sets how far is read ahead: not for the server alone to say */
	if (info->io_opt_bytes <= DST_DISK_MAX_IO_OPT_BYTES)
		lim->io_opt = info->io_opt_bytes;
	lim->max_hw_sectors = info->max_transfer_bytes / SECTOR_SIZE;
	lim->max_segments = DST_DISK_MAX_SEGMENTS;
	if (info->flags & DST_PROTO_EXPORT_DISCARD) {
		lim->max_hw_discard_sectors =
			DST_PROTO_MAX_RANGE_BYTES / SECTOR_SIZE;
		lim->discard_granularity = max(info->discard_granularity_bytes,
					       info->logical_block_bytes);
	}
	if (info->flags & DST_PROTO_EXPORT_WRITE_ZEROES)
		lim->max_write_zeroes_sectors =
			DST_DISK_MAX_ZEROES_BYTES / SECTOR_SIZE;
}

/**
 * dst_disk_has_cache - may a power cut of all take what was reported written?
 * @dev: joined
 * @ack: in which mode, an enum dst_ioc_ack
 */
bool dst_disk_has_cache(const struct dst_device *dev, u32 ack)
{
	return ack == DST_IOC_ACK_RAM ||
	       (ack == DST_IOC_ACK_SERVER &&
		dev->info.flags & DST_PROTO_EXPORT_VOLATILE);
}

/**
 * dst_disk_set_cache - say whether the device has a volatile cache
 * @dev: its disk is held by the caller
 * @volatile_cache: file systems have to flush
 *
 * Context: process, sleeps until all submitters are out; not under dev->mutex,
 * which is needed to get them out by force.
 */
void dst_disk_set_cache(struct dst_device *dev, bool volatile_cache)
{
	dst_compat_set_write_cache(dev->disk, volatile_cache);
}

/**
 * dst_disk_alloc - a disk with the limits of an export
 * @info: what the export can do
 * @features: of the disk
 *
 * Return: the disk, to be put by put_disk(), or an ERR_PTR().
 */
struct gendisk *dst_disk_alloc(const struct dst_export_info *info,
			       const struct dst_compat_features *features)
{
	struct queue_limits lim = { };

	dst_disk_limits(info, &lim);
	return dst_compat_alloc_disk(&lim, features);
}

/**
 * dst_disk_add - make a disk visible as /dev/dstN
 * @disk: of dst_disk_alloc()
 * @index: N
 * @size_bytes: of it
 * @groups: attributes
 *
 * Context: process, sleeps; reads the partition table.
 * Return: 0 or a negative errno.
 */
int dst_disk_add(struct gendisk *disk, u32 index, u64 size_bytes,
		 const struct attribute_group **groups)
{
	disk->major = dst_disk_major;
	disk->first_minor = index * DST_DISK_MINORS;
	disk->minors = DST_DISK_MINORS;
	snprintf(disk->disk_name, sizeof(disk->disk_name), "dst%u", index);
	set_capacity(disk, size_bytes / SECTOR_SIZE);
	return device_add_disk(NULL, disk, groups);
}

/**
 * dst_disk_create - make the block device visible
 * @dev: joined to its server
 *
 * Reads the partition table, so the device must be able to do I/O, or to fail
 * it in time. The disk holds a reference of @dev from now on.
 *
 * Context: process, sleeps.
 * Return: 0 or a negative errno.
 */
int dst_disk_create(struct dst_device *dev)
{
	struct dst_compat_features features = {
		.write_cache = dst_disk_has_cache(dev, dev->ack),
		.rotational = dev->info.flags & DST_PROTO_EXPORT_ROTATIONAL,
		.stable_writes = dev->digest,
	};
	struct gendisk *disk;
	int ret;

	disk = dst_disk_alloc(&dev->info, &features);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	disk->fops = &dst_disk_fops;
	disk->private_data = dev;
	set_disk_ro(disk, dev->read_only);
	ret = dst_disk_add(disk, dev->unit.index, dev->info.size_bytes,
			   dst_sysfs_disk_groups);
	if (ret) {
		put_disk(disk);
		return ret;
	}
	/* for ->free_disk */
	dst_unit_hold(&dev->unit);
	dev->disk = disk;
	return 0;
}

/**
 * dst_disk_delete - take the block device away
 * @dev: takes no more I/O, or fails it
 *
 * Context: process, sleeps. Afterwards nobody is submitting any more.
 */
void dst_disk_delete(struct dst_device *dev)
{
	if (dev->disk)
		del_gendisk(dev->disk);
}

/**
 * dst_disk_put - let go of the block device
 * @dev: dst_disk_delete() was called; whoever still has the disk open keeps
 *	@dev, through ->free_disk
 */
void dst_disk_put(struct dst_device *dev)
{
	if (dev->disk)
		put_disk(dev->disk);
}

/**
 * dst_disk_module_init - register with the block layer
 *
 * Return: 0 or a negative errno.
 */
int dst_disk_module_init(void)
{
	dst_disk_major = register_blkdev(0, "dst");
	return dst_disk_major < 0 ? dst_disk_major : 0;
}

/**
 * dst_disk_module_exit - undo dst_disk_module_init()
 */
void dst_disk_module_exit(void)
{
	unregister_blkdev(dst_disk_major, "dst");
}
