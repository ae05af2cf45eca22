/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel version differences, and nothing else. The .c files are written
 * against the newest API; what is here makes older kernels look like it.
 */
#ifndef DST_COMPAT_H
#define DST_COMPAT_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/crc32c.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/kthread.h>
#include <linux/net.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <net/sock.h>
#include <net/tcp.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "DST needs Linux 6.1 or newer"
#endif

/* 6.9 "net: introduce include/net/rps.h": it was in net/sock.h. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#include <net/rps.h>
#endif

/* 6.17 "workqueue: add WQ_PERCPU": per-CPU was what no flag meant before. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define WQ_PERCPU 0
#endif

/* 6.14 "kthread: modify kernel-doc and rename": it woke the thread before too. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define kthread_run_worker kthread_create_worker
#endif

/* Seen in 7.3: kernel threads have an empty root. Before, they had init's. */
#ifndef scoped_with_init_fs
#define scoped_with_init_fs()
#endif

/*
 * 6.14 "x86/crc32: expose CRC32 functions through lib": before, crc32c() is a
 * request to the crypto API, which costs more than the sum of a header.
 */
static inline u32 dst_compat_crc32c(u32 crc, const void *p, size_t len)
{
#if defined(CONFIG_X86_64) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	if (static_cpu_has(X86_FEATURE_XMM4_2)) {
		for (; len >= sizeof(u64); len -= sizeof(u64), p += sizeof(u64))
			asm("crc32q %1, %q0" : "+r" (crc) : "m" (*(const u64 *)p));
		for (; len; len--, p++)
			asm("crc32b %1, %0" : "+r" (crc) : "m" (*(const u8 *)p));
		return crc;
	}
#endif
	return crc32c(crc, p, len);
}

/* 6.2 "net: introduce sk_use_task_frag": before, GFP_NOIO alone decided. */
static inline void dst_compat_no_task_frag(struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	sk->sk_use_task_frag = false;
#endif
}

/*
 * 6.15 "net: Fix null-ptr-deref by sock_lock_init_class_and_name() and rmmod":
 * with lockdep a socket with a lock class of a module holds that module, until
 * it is freed. Ours are aborted before the module goes: rmmod need not wait.
 */
static inline void dst_compat_disown_sock(struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	sk_owner_put(sk);
	sk_owner_clear(sk);
#endif
}

/*
 * 6.5 "tcp: Support MSG_SPLICE_PAGES": before, pages went one by one. Like
 * tcp_sendmsg() it advances the iterator over what it sent.
 */
static inline int dst_compat_send_pages(struct sock *sk, struct msghdr *msg)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	msg->msg_flags |= MSG_SPLICE_PAGES;
	return tcp_sendmsg(sk, msg, msg_data_left(msg));
#else
	struct bio_vec bv = mp_bvec_iter_bvec(msg->msg_iter.bvec,
		((struct bvec_iter){ .bi_size = msg->msg_iter.count,
				     .bi_bvec_done = msg->msg_iter.iov_offset }));
	unsigned int skip = bv.bv_offset >> PAGE_SHIFT;
	unsigned int off = offset_in_page(bv.bv_offset);
	size_t len = min_t(size_t, bv.bv_len, PAGE_SIZE - off);
	int more = msg->msg_iter.count > len ?
		   MSG_MORE | MSG_SENDPAGE_NOTLAST : 0;
	int ret = tcp_sendpage(sk, bv.bv_page + skip, off, len,
			       msg->msg_flags | more);

	if (ret > 0)
		iov_iter_advance(&msg->msg_iter, ret);
	return ret;
#endif
}

/* 6.9 "block: pass a queue_limits argument to blk_alloc_disk". */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
static inline void dst_compat_apply_limits(struct request_queue *q,
					   const struct queue_limits *lim)
{
	blk_queue_logical_block_size(q, lim->logical_block_size);
	blk_queue_physical_block_size(q, lim->physical_block_size);
	blk_queue_io_min(q, lim->io_min);
	blk_queue_io_opt(q, lim->io_opt);
	blk_queue_max_hw_sectors(q, lim->max_hw_sectors);
	blk_queue_max_segments(q, lim->max_segments);
	blk_queue_max_discard_sectors(q, lim->max_hw_discard_sectors);
	q->limits.discard_granularity = lim->discard_granularity;
	blk_queue_max_write_zeroes_sectors(q, lim->max_write_zeroes_sectors);
}
#endif

/* What the queue features of 6.11 say; before that they were queue flags. */
struct dst_compat_features {
	bool	write_cache;
	bool	rotational;
	bool	stable_writes;
};

static inline struct gendisk *
dst_compat_alloc_disk(struct queue_limits *lim,
		      const struct dst_compat_features *f)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	lim->features = BLK_FEAT_NOWAIT | BLK_FEAT_IO_STAT;
	if (f->write_cache)
		lim->features |= BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA;
	if (f->rotational)
		lim->features |= BLK_FEAT_ROTATIONAL;
	if (f->stable_writes)
		lim->features |= BLK_FEAT_STABLE_WRITES;
	return blk_alloc_disk(lim, NUMA_NO_NODE);
#else
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct gendisk *disk = blk_alloc_disk(lim, NUMA_NO_NODE);

	if (IS_ERR(disk))
		return disk;
#else
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);

	if (!disk)
		return ERR_PTR(-ENOMEM);
	dst_compat_apply_limits(disk->queue, lim);
#endif
	blk_queue_flag_set(QUEUE_FLAG_NOWAIT, disk->queue);
	blk_queue_flag_set(QUEUE_FLAG_IO_STAT, disk->queue);
	blk_queue_write_cache(disk->queue, f->write_cache, f->write_cache);
	if (!f->rotational)
		blk_queue_flag_set(QUEUE_FLAG_NONROT, disk->queue);
	if (f->stable_writes)
		blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, disk->queue);
	return disk;
#endif
}

/*
 * 6.11 "block: move cache control settings out of queue->flags", 6.14 "block:
 * add a queue_limits_commit_update_frozen helper".
 */
static inline void dst_compat_set_write_cache(struct gendisk *disk, bool on)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	const blk_features_t cache = BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA;
	struct queue_limits lim = queue_limits_start_update(disk->queue);

	lim.features = on ? lim.features | cache : lim.features & ~cache;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	queue_limits_commit_update_frozen(disk->queue, &lim);
#else
	queue_limits_commit_update(disk->queue, &lim);
#endif
#else
	blk_queue_write_cache(disk->queue, on, on);
#endif
}

/*
 * 6.9 "bdev: open block device as files", 6.5 "block: replace fmode_t with
 * blk_mode_t": one handle for all, opened exclusively.
 */
struct dst_compat_bdev {
	struct block_device	*bdev;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct file		*file;
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	fmode_t			mode;
#endif
};

static inline int dst_compat_bdev_open(struct dst_compat_bdev *b,
				       const char *path, bool write, void *holder)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	b->file = bdev_file_open_by_path(path, BLK_OPEN_READ |
					 (write ? BLK_OPEN_WRITE : 0), holder, NULL);
	if (IS_ERR(b->file))
		return PTR_ERR(b->file);
	b->bdev = file_bdev(b->file);
	return 0;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	b->bdev = blkdev_get_by_path(path, BLK_OPEN_READ |
				     (write ? BLK_OPEN_WRITE : 0), holder, NULL);
	return PTR_ERR_OR_ZERO(b->bdev);
#else
	b->mode = FMODE_READ | FMODE_EXCL | (write ? FMODE_WRITE : 0);
	b->bdev = blkdev_get_by_path(path, b->mode, holder);
	return PTR_ERR_OR_ZERO(b->bdev);
#endif
}

static inline void dst_compat_bdev_close(struct dst_compat_bdev *b, void *holder)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	bdev_fput(b->file);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	blkdev_put(b->bdev, holder);
#else
	blkdev_put(b->bdev, b->mode);
#endif
}

/* 6.8 "fs: move file_start_write() into vfs_iter_write()". */
static inline ssize_t dst_compat_file_write(struct file *file,
					    struct iov_iter *iter, loff_t *pos,
					    rwf_t flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return vfs_iter_write(file, iter, pos, flags);
#else
	ssize_t ret;

	file_start_write(file);
	ret = vfs_iter_write(file, iter, pos, flags);
	file_end_write(file);
	return ret;
#endif
}

/* 7.0 "block: invert bdev_nonrot". */
static inline bool dst_compat_rotational(struct block_device *bdev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	return bdev_rot(bdev);
#else
	return !bdev_nonrot(bdev);
#endif
}

#endif /* DST_COMPAT_H */
