// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is exported: a block device, used directly with bios, or a regular
 * file, used with direct I/O. Nothing here goes through the page cache.
 *
 * Reads, writes and flushes of a block device are submitted by the target's
 * thread and end in dst_backend_endio(). Everything that may block is done by
 * the export's workers: also submitting, when the queue of the disk was full a
 * moment ago. The thread has to go on, to answer what is done and to show the
 * client that we are alive.
 */
#include <linux/blkdev.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/namei.h>
#include <linux/sched/mm.h>

#include "dst_target.h"

/* Of a long range: what is done between looks at whether it is wanted. */
#define DST_BACKEND_PIECE_SECTORS	((8 * 1024 * 1024) >> SECTOR_SHIFT)
/* Who submits sleeps only where the queue of the disk is full: for so long. */
#define DST_BACKEND_FULL_TICKS		1
/* For so long after that the workers submit. */
#define DST_BACKEND_FULL_MS		1000

static u8 dst_backend_status(blk_status_t status)
{
	switch (status) {
	case BLK_STS_OK:
		return DST_PROTO_ST_OK;
	case BLK_STS_NOSPC:
		return DST_PROTO_ST_NOSPC;
	case BLK_STS_MEDIUM:
		return DST_PROTO_ST_MEDIUM;
	case BLK_STS_NOTSUPP:
		return DST_PROTO_ST_NOTSUPP;
	case BLK_STS_TIMEOUT:
		return DST_PROTO_ST_TIMEOUT;
	case BLK_STS_TRANSPORT:
	case BLK_STS_OFFLINE:
		return DST_PROTO_ST_OFFLINE;
	case BLK_STS_RESOURCE:
		return DST_PROTO_ST_RESOURCE;
	case BLK_STS_PROTECTION:
		return DST_PROTO_ST_MEDIUM;
	default:
		return DST_PROTO_ST_IOERR;
	}
}

static u8 dst_backend_errno(int err)
{
	if (err == -EDQUOT || err == -EFBIG)
		err = -ENOSPC;
	return err ? dst_backend_status(errno_to_blk_status(err)) :
		     DST_PROTO_ST_OK;
}

/**
 * dst_backend_bdev - the block device behind a backend
 * @b: open
 *
 * Return: NULL for a file.
 */
struct block_device *dst_backend_bdev(const struct dst_backend *b)
{
	return b->is_file ? NULL : b->bdev.bdev;
}

/**
 * dst_backend_size - how big is it now?
 * @b: open
 *
 * Return: bytes, whole blocks.
 */
u64 dst_backend_size(const struct dst_backend *b)
{
	u64 bytes = b->is_file ? i_size_read(file_inode(b->file)) :
				 bdev_nr_bytes(b->bdev.bdev);

	return round_down(bytes, b->logical_block_bytes);
}

/**
 * dst_backend_is_volatile - may a power cut take what was acknowledged?
 * @b: open
 *
 * Whoever turns the cache of a disk on while it is exported is believed.
 */
bool dst_backend_is_volatile(const struct dst_backend *b)
{
	return b->volatile_cache ||
	       (!b->is_file && bdev_write_cache(b->bdev.bdev));
}

/**
 * dst_backend_is_gone - has the disk been taken away?
 * @b: open
 *
 * It does not come back under this handle. Of a file it is never said.
 *
 * Context: any.
 */
bool dst_backend_is_gone(const struct dst_backend *b)
{
	struct gendisk *disk;

	if (b->is_file)
		return false;
	disk = b->bdev.bdev->bd_disk;
	return test_bit(GD_DEAD, &disk->state) || !disk_live(disk);
}

/**
 * dst_backend_identify - what tells this disk from others
 * @b: open
 * @id: filled
 *
 * Context: process.
 */
void dst_backend_identify(const struct dst_backend *b,
			  struct dst_backend_id *id)
{
	static const enum blk_unique_id types[] = {
		BLK_UID_NAA, BLK_UID_EUI64, BLK_UID_T10,
	};
	struct gendisk *disk;
	unsigned int i;
	int len = 0;

	memset(id, 0, sizeof(*id));
	if (b->is_file)
		return;
	disk = b->bdev.bdev->bd_disk;
	id->start_sector = get_start_sect(b->bdev.bdev);
	id->logical_block_bytes = b->logical_block_bytes;
	for (i = 0; disk->fops->get_unique_id && i < ARRAY_SIZE(types); i++) {
		len = disk->fops->get_unique_id(disk, id->unique, types[i]);
		if (len > 0 && len <= sizeof(id->unique))
			break;
		len = 0;
	}
	if (!len)
		memset(id->unique, 0, sizeof(id->unique));
	else
		id->type = types[i];
	id->len = len;
}

/* ---- executing --------------------------------------------------------- */

/* Context: any. */
static void dst_backend_done(struct dst_request *req, u8 status)
{
	req->status = status;
	if (likely(status == DST_PROTO_ST_OK) || !dst_revive_doubts(req))
		dst_target_done(req);
}

static void dst_backend_endio(struct bio *bio)
{
	dst_backend_done(container_of(bio, struct dst_request, bio),
			 dst_backend_status(bio->bi_status));
}

static bool dst_backend_is_bio(const struct dst_request *req)
{
	return !req->target->export->backend.is_file &&
	       (dst_wire_has_data(req->op) || req->op == DST_PROTO_OP_FLUSH);
}

static void dst_backend_submit(struct dst_request *req)
{
	struct dst_export *export = req->target->export;
	unsigned long begun = jiffies, sleeps = current->nvcsw;
	struct bio *bio = &req->bio;

	switch (req->op) {
	case DST_PROTO_OP_READ:
		bio->bi_opf = REQ_OP_READ;
		break;
	case DST_PROTO_OP_WRITE:
		bio->bi_opf = REQ_OP_WRITE | REQ_SYNC | REQ_IDLE;
		break;
	default:
		bio->bi_opf = REQ_OP_WRITE | REQ_SYNC | REQ_PREFLUSH;
	}
	if (req->flags & DST_PROTO_REQ_FUA)
		bio->bi_opf |= REQ_FUA;
	if (req->flags & DST_PROTO_REQ_PREFLUSH)
		bio->bi_opf |= REQ_PREFLUSH;
	bio->bi_iter.bi_sector = req->sector;
	bio->bi_end_io = dst_backend_endio;
	submit_bio(bio);
	/* one that was only preempted has not slept */
	if (unlikely(current->nvcsw != sleeps &&
		     jiffies - begun > DST_BACKEND_FULL_TICKS))
		WRITE_ONCE(export->full_until,
			   jiffies + msecs_to_jiffies(DST_BACKEND_FULL_MS));
}

static int dst_backend_file_rw(struct dst_request *req)
{
	struct file *file = req->target->export->backend.file;
	bool write = req->op == DST_PROTO_OP_WRITE;
	loff_t pos = req->sector << SECTOR_SHIFT;
	struct iov_iter iter;
	ssize_t ret;

	if (req->flags & DST_PROTO_REQ_PREFLUSH) {
		ret = vfs_fsync(file, 1);
		if (ret)
			return ret;
	}
	iov_iter_bvec(&iter, write ? ITER_SOURCE : ITER_DEST,
		      req->bio.bi_io_vec, req->bio.bi_vcnt, req->length_bytes);
	while (iov_iter_count(&iter)) {
		if (write)
			ret = dst_compat_file_write(file, &iter, &pos,
						    req->flags & DST_PROTO_REQ_FUA ?
						    RWF_DSYNC : 0);
		else
			ret = vfs_iter_read(file, &iter, &pos, 0);
		if (ret < 0)
			return ret;
		if (!ret)
			return -EIO;
	}
	return 0;
}

static int dst_backend_file_zero(struct file *file, struct dst_request *req)
{
	loff_t pos = req->sector << SECTOR_SHIFT;
	int ret = -EOPNOTSUPP;

	if (!(req->flags & DST_PROTO_REQ_NOUNMAP))
		ret = vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE |
				    FALLOC_FL_KEEP_SIZE, pos, req->length_bytes);
	if (ret == -EOPNOTSUPP)
		ret = vfs_fallocate(file, FALLOC_FL_ZERO_RANGE |
				    FALLOC_FL_KEEP_SIZE, pos, req->length_bytes);
	return ret;
}

static int dst_backend_file(struct dst_request *req)
{
	struct file *file = req->target->export->backend.file;
	int ret;

	switch (req->op) {
	case DST_PROTO_OP_READ:
	case DST_PROTO_OP_WRITE:
		return dst_backend_file_rw(req);
	case DST_PROTO_OP_FLUSH:
		return vfs_fsync(file, 1);
	case DST_PROTO_OP_DISCARD:
		ret = vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE |
				    FALLOC_FL_KEEP_SIZE,
				    req->sector << SECTOR_SHIFT,
				    req->length_bytes);
		break;
	case DST_PROTO_OP_WRITE_ZEROES:
		ret = dst_backend_file_zero(file, req);
		break;
	default:
		return dst_hash_range(req);
	}
	if (!ret && req->flags & DST_PROTO_REQ_FUA)
		ret = vfs_fsync(file, 1);
	return ret;
}

/* In pieces, so that a fence does not have to wait for all of it. */
static int dst_backend_block_range(struct block_device *bdev,
				   struct dst_request *req)
{
	unsigned int flags = req->flags & DST_PROTO_REQ_NOUNMAP ?
			     BLKDEV_ZERO_NOUNMAP : 0;
	sector_t left = req->length_bytes >> SECTOR_SHIFT, n;
	sector_t pos = req->sector;
	int ret = 0;

	for (; left && !ret; left -= n, pos += n) {
		if (dst_target_is_dead(req->target))
			return -ENODEV;
		n = min_t(sector_t, left, DST_BACKEND_PIECE_SECTORS);
		if (req->op == DST_PROTO_OP_DISCARD)
			ret = blkdev_issue_discard(bdev, pos, n, GFP_NOIO);
		else
			ret = blkdev_issue_zeroout(bdev, pos, n, GFP_NOIO,
						   flags);
	}
	return ret;
}

static int dst_backend_block(struct dst_request *req)
{
	struct block_device *bdev = req->target->export->backend.bdev.bdev;
	int ret;

	if (req->op == DST_PROTO_OP_HASH)
		return dst_hash_range(req);
	ret = dst_backend_block_range(bdev, req);
	if (!ret && req->flags & DST_PROTO_REQ_FUA)
		ret = blkdev_issue_flush(bdev);
	return ret;
}

static void dst_backend_run(struct dst_request *req)
{
	int ret = req->target->export->backend.is_file ?
		  dst_backend_file(req) : dst_backend_block(req);

	dst_backend_done(req, dst_backend_errno(ret));
}

/* A worker: for a connection that is no more nothing needs to be done. */
static void dst_backend_do(struct dst_request *req)
{
	struct dst_export *export = req->target->export;
	bool is_bio = dst_backend_is_bio(req);

	if (dst_target_is_dead(req->target))
		dst_backend_done(req, dst_backend_errno(-ENODEV));
	else if (is_bio)
		dst_backend_submit(req);
	else
		dst_backend_run(req);
	/* the export stays until its workers are idle, unlike the request */
	if (is_bio)
		atomic_dec(&export->submitting);
}

/* What a worker of an export does. */
static void dst_backend_work(struct work_struct *work)
{
	struct dst_request *req = container_of(work, struct dst_request, work);
	unsigned int noio = memalloc_noio_save();
	unsigned int throttle = current->flags & PF_LOCAL_THROTTLE;

	/*
	 * The client may be on this machine, waiting for us to clean its dirty
	 * pages: we must not be throttled for those.
	 */
	current->flags |= PF_LOCAL_THROTTLE;
	dst_backend_do(req);
	current->flags = (current->flags & ~PF_LOCAL_THROTTLE) | throttle;
	memalloc_noio_restore(noio);
}

/**
 * dst_backend_execute - do what a request asks for
 * @req: passed all checks; dst_target_done() is called for it
 *
 * Context: the target's thread.
 */
void dst_backend_execute(struct dst_request *req)
{
	struct dst_export *export = req->target->export;

	if (dst_backend_is_bio(req)) {
		/* behind workers that wait for room we would wait for long */
		if (!atomic_read(&export->submitting) &&
		    time_after_eq(jiffies, READ_ONCE(export->full_until))) {
			dst_backend_submit(req);
			return;
		}
		atomic_inc(&export->submitting);
	}
	INIT_WORK(&req->work, dst_backend_work);
	queue_work(export->workers, &req->work);
}

/* ---- opening ----------------------------------------------------------- */

static int dst_backend_open_block(struct dst_backend *b, const char *path,
				  bool read_only, char *reason)
{
	struct block_device *bdev;
	int ret;

	ret = dst_compat_bdev_open(&b->bdev, path, !read_only, b);
	if (ret == -EBUSY)
		strscpy(reason, "it is in use (mounted, or part of something else)",
			DST_IOC_REASON_LEN);
	else if (ret == -EACCES || ret == -EROFS || ret == -EPERM)
		strscpy(reason, "it is read-only; export it with --ro",
			DST_IOC_REASON_LEN);
	if (ret)
		return ret;
	bdev = b->bdev.bdev;
	b->logical_block_bytes = bdev_logical_block_size(bdev);
	b->physical_block_bytes = bdev_physical_block_size(bdev);
	b->io_min_bytes = bdev_io_min(bdev);
	b->io_opt_bytes = bdev_io_opt(bdev);
	b->volatile_cache = bdev_write_cache(bdev);
	b->rotational = dst_compat_rotational(bdev);
	b->discard = bdev_max_discard_sectors(bdev);
	b->write_zeroes = true;
	if (b->discard)
		b->discard_granularity_bytes = max(bdev_discard_granularity(bdev),
						   b->logical_block_bytes);
	return 0;
}

static int dst_backend_open_file(struct dst_backend *b, const char *path,
				 bool read_only, char *reason)
{
	struct block_device *s_bdev;

	b->is_file = true;
	b->file = filp_open(path, O_LARGEFILE | O_DIRECT |
			    (read_only ? O_RDONLY : O_RDWR), 0);
	if (IS_ERR(b->file)) {
		if (PTR_ERR(b->file) == -EINVAL)
			strscpy(reason, "its file system does not do direct I/O",
				DST_IOC_REASON_LEN);
		return PTR_ERR(b->file);
	}
	if (!S_ISREG(file_inode(b->file)->i_mode) ||
	    IS_SWAPFILE(file_inode(b->file))) {
		strscpy(reason, "it is in use as swap, or is no regular file",
			DST_IOC_REASON_LEN);
		filp_close(b->file, NULL);
		return -ETXTBSY;
	}
	s_bdev = file_inode(b->file)->i_sb->s_bdev;
	b->logical_block_bytes = s_bdev ? bdev_logical_block_size(s_bdev) :
					  DST_PROTO_MAX_BLOCK_BYTES;
	b->physical_block_bytes = max_t(u32, b->logical_block_bytes,
					i_blocksize(file_inode(b->file)));
	b->volatile_cache = true;
	b->discard = b->file->f_op->fallocate;
	b->write_zeroes = b->discard;
	if (b->discard)
		b->discard_granularity_bytes = b->physical_block_bytes;
	return 0;
}

/* What clients of every version can work with. */
static int dst_backend_check(struct dst_backend *b, char *reason)
{
	if (b->logical_block_bytes > DST_PROTO_MAX_BLOCK_BYTES) {
		strscpy(reason, "its logical blocks are larger than 4096 bytes",
			DST_IOC_REASON_LEN);
		return -EOPNOTSUPP;
	}
	if (!dst_backend_size(b)) {
		strscpy(reason, "it is empty: give it a size first",
			DST_IOC_REASON_LEN);
		return -ENODATA;
	}
	b->physical_block_bytes = clamp_t(u32, b->physical_block_bytes,
					  b->logical_block_bytes,
					  DST_PROTO_MAX_TRANSFER_BYTES);
	b->io_min_bytes = round_down(b->io_min_bytes, b->logical_block_bytes);
	b->io_opt_bytes = round_down(b->io_opt_bytes, b->logical_block_bytes);
	b->discard_granularity_bytes = round_down(b->discard_granularity_bytes,
						  b->logical_block_bytes);
	return 0;
}

/**
 * dst_backend_open - open what is to be exported
 * @b: zeroed
 * @path: of a block device, opened exclusively, or of a regular file
 * @read_only: only read it
 * @reason: DST_IOC_REASON_LEN bytes; filled on some failures
 *
 * Context: process, with the rights of the caller.
 * Return: 0 or a negative errno.
 */
int dst_backend_open(struct dst_backend *b, const char *path, bool read_only,
		     char *reason)
{
	struct path p;
	umode_t mode;
	int ret;

	ret = kern_path(path, LOOKUP_FOLLOW, &p);
	if (ret)
		return ret;
	mode = d_inode(p.dentry)->i_mode;
	path_put(&p);
	if (S_ISBLK(mode)) {
		ret = dst_backend_open_block(b, path, read_only, reason);
	} else if (S_ISREG(mode)) {
		ret = dst_backend_open_file(b, path, read_only, reason);
	} else {
		strscpy(reason, "it is neither a block device nor a regular file",
			DST_IOC_REASON_LEN);
		return -EINVAL;
	}
	if (ret) {
		memset(b, 0, sizeof(*b));
		return ret;
	}
	ret = dst_backend_check(b, reason);
	if (ret)
		dst_backend_close(b);
	return ret;
}

/**
 * dst_backend_close - close it again
 * @b: no request runs; nothing happens if it is not open
 */
void dst_backend_close(struct dst_backend *b)
{
	if (b->is_file)
		filp_close(b->file, NULL);
	else if (b->bdev.bdev)
		dst_compat_bdev_close(&b->bdev, b);
	memset(b, 0, sizeof(*b));
}
