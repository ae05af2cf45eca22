// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that data is copied to: single ones, taken from and given back to a
 * small stash of each CPU. Kernels that clear each page they hand out would
 * have it cleared just to be written over.
 *
 * A page goes back to the stash only when nobody else refers to it: a socket
 * may send it again long after the request that it belonged to has ended.
 */
#include <linux/bio.h>
#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/percpu.h>

#include "dst.h"

#define DST_PAGES_STASH		256

/* Used with bottom halves off, by its own CPU only. */
struct dst_pages_stash {
	unsigned int	nr;
	struct page	*page[DST_PAGES_STASH];
};

static struct dst_pages_stash __percpu *dst_pages_stashes;

/**
 * dst_pages_module_init - set up the stashes
 *
 * Return: 0 or -ENOMEM.
 */
int dst_pages_module_init(void)
{
	dst_pages_stashes = alloc_percpu(struct dst_pages_stash);
	return dst_pages_stashes ? 0 : -ENOMEM;
}

/**
 * dst_pages_module_exit - free what the stashes hold
 */
void dst_pages_module_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct dst_pages_stash *s = per_cpu_ptr(dst_pages_stashes, cpu);

		while (s->nr)
			__free_page(s->page[--s->nr]);
	}
	free_percpu(dst_pages_stashes);
}

/**
 * dst_pages_get - take a page; what it holds is of no meaning
 * @gfp: for where the stash is empty
 *
 * Context: as @gfp says; any but hard interrupt.
 * Return: a page with one reference, or NULL.
 */
struct page *dst_pages_get(gfp_t gfp)
{
	struct dst_pages_stash *s;
	struct page *page = NULL;

	local_bh_disable();
	s = this_cpu_ptr(dst_pages_stashes);
	if (s->nr)
		page = s->page[--s->nr];
	local_bh_enable();
	return page ?: alloc_page(gfp);
}

/**
 * dst_pages_put - give a page back
 * @page: with one reference of the caller
 *
 * Context: any but hard interrupt.
 */
void dst_pages_put(struct page *page)
{
	struct dst_pages_stash *s;

	if (page_ref_count(page) == 1) {
		local_bh_disable();
		s = this_cpu_ptr(dst_pages_stashes);
		if (s->nr < DST_PAGES_STASH) {
			s->page[s->nr++] = page;
			page = NULL;
		}
		local_bh_enable();
	}
	if (page)
		put_page(page);
}

/* One contiguous piece: to or from @pages, from byte @pos on. */
static void dst_pages_copy_piece(struct page **pages, size_t pos, char *mem,
				 size_t len, bool to_pages)
{
	size_t n;

	for (; len; len -= n, pos += n, mem += n) {
		char *p = (char *)page_address(pages[pos / PAGE_SIZE]) +
			  pos % PAGE_SIZE;

		n = min_t(size_t, len, PAGE_SIZE - pos % PAGE_SIZE);
		if (to_pages)
			memcpy(p, mem, n);
		else
			memcpy(mem, p, n);
	}
}

static void dst_pages_copy(struct page **pages, size_t pos, struct bio *bio,
			   bool to_pages)
{
	struct bvec_iter iter;
	struct bio_vec bv;

	bio_for_each_segment(bv, bio, iter) {
		char *mem = bvec_kmap_local(&bv);

		dst_pages_copy_piece(pages, pos, mem, bv.bv_len, to_pages);
		kunmap_local(mem);
		pos += bv.bv_len;
	}
}

/**
 * dst_pages_copy_from_bio - copy all data of a bio
 * @pages: enough of them
 * @bio: a write
 */
void dst_pages_copy_from_bio(struct page **pages, struct bio *bio)
{
	dst_pages_copy(pages, 0, bio, true);
}

/**
 * dst_pages_copy_to_bio - fill a bio
 * @pages: hold what is asked for from byte @pos on
 * @pos: in bytes
 * @bio: a read
 */
void dst_pages_copy_to_bio(struct page **pages, size_t pos, struct bio *bio)
{
	dst_pages_copy(pages, pos, bio, false);
}
