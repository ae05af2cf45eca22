// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHA-256 of a range of an export, so that two copies can be compared without
 * moving them.
 */
#include <crypto/hash.h>
#include <linux/blkdev.h>

#include "dst_target.h"

#define DST_HASH_CHUNK_BYTES	(64 * 1024)

static struct crypto_shash *dst_hash_tfm;

/**
 * dst_hash_module_init - get the hash from the kernel's crypto
 *
 * Return: 0 or a negative errno.
 */
int dst_hash_module_init(void)
{
	dst_hash_tfm = crypto_alloc_shash("sha256", 0, 0);
	return PTR_ERR_OR_ZERO(dst_hash_tfm);
}

/**
 * dst_hash_module_exit - undo dst_hash_module_init()
 */
void dst_hash_module_exit(void)
{
	crypto_free_shash(dst_hash_tfm);
}

static int dst_hash_read(struct dst_backend *b, u64 pos_bytes, struct page *page,
			 u32 len)
{
	struct block_device *bdev = dst_backend_bdev(b);
	loff_t pos = pos_bytes;
	struct bio_vec bv;
	struct bio bio;
	ssize_t ret;

	bvec_set_page(&bv, page, len, 0);
	if (!bdev) {
		struct iov_iter iter;

		iov_iter_bvec(&iter, ITER_DEST, &bv, 1, len);
		ret = vfs_iter_read(b->file, &iter, &pos, 0);
		return ret < 0 ? ret : ret == len ? 0 : -EIO;
	}
	bio_init(&bio, bdev, &bv, 1, REQ_OP_READ);
	bio.bi_iter.bi_sector = pos_bytes >> SECTOR_SHIFT;
	bio.bi_iter.bi_size = len;
	bio.bi_vcnt = 1;
	ret = submit_bio_wait(&bio);
	bio_uninit(&bio);
	return ret;
}

static int dst_hash_chunks(struct dst_request *req, struct shash_desc *desc,
			   struct page *page)
{
	struct dst_backend *b = &req->target->export->backend;
	u64 pos = req->sector << SECTOR_SHIFT;
	u32 left = req->length_bytes, n;
	int ret;

	for (; left; left -= n, pos += n) {
		if (dst_target_is_dead(req->target))
			return -ENODEV;
		n = min_t(u32, left, DST_HASH_CHUNK_BYTES);
		ret = dst_hash_read(b, pos, page, n);
		if (!ret)
			ret = crypto_shash_update(desc, page_address(page), n);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * dst_hash_range - execute a HASH request
 * @req: its one page receives the digest
 *
 * Context: a worker of the export.
 * Return: 0 or a negative errno.
 */
int dst_hash_range(struct dst_request *req)
{
	SHASH_DESC_ON_STACK(desc, dst_hash_tfm);
	u8 *out = page_address(req->bio.bi_io_vec->bv_page);
	unsigned int order = get_order(DST_HASH_CHUNK_BYTES);
	struct page *page;
	int ret;

	/* compound: a file system may take references of single pages */
	page = alloc_pages(GFP_NOIO | __GFP_NOWARN | __GFP_COMP, order);
	if (!page)
		return -ENOMEM;
	desc->tfm = dst_hash_tfm;
	ret = crypto_shash_init(desc);
	if (!ret)
		ret = dst_hash_chunks(req, desc, page);
	if (!ret)
		ret = crypto_shash_final(desc, out);
	shash_desc_zero(desc);
	__free_pages(page, order);
	return ret;
}
