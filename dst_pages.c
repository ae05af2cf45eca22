// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that data is copied to, that are used again and again. Kernels that
 * clear each page they hand out would have it cleared just to be written over.
 * Each CPU has a small stash; what is too much for it goes to a pool of all,
 * which is emptied when nobody has taken from it for a while.
 *
 * A page is used again only when nobody else refers to it: a socket may send
 * it again long after the request that it belonged to has ended. Until then it
 * is in limbo, in the order of arrival.
 *
 * Large writes are copied to chunks, of several pages in a row, where there are
 * any: there is less to count and to list. Nobody may depend on them. They have
 * lists of their own in the pool, and neither stash nor limbo.
 */
#include <linux/bio.h>
#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sizes.h>

#include "dst.h"

#define DST_PAGES_STASH		128
#define DST_PAGES_LIMBO		128	/* a power of 2 */
/* Moved at a time between a stash and the pool. */
#define DST_PAGES_BATCH		64
/* The pool holds at most this, or 1/48 of all memory. */
#define DST_PAGES_POOL_BYTES	SZ_64M
#define DST_PAGES_IDLE_MS	5000

/* Used with bottom halves off, by its own CPU only. */
struct dst_pages_stash {
	unsigned int	nr;
	unsigned int	limbo_first;	/* both count on, over all rounds */
	unsigned int	limbo_end;
	struct page	*page[DST_PAGES_STASH];
	struct page	*limbo[DST_PAGES_LIMBO];
};

static struct dst_pages_stash __percpu *dst_pages_stashes;

static void dst_pages_drain(struct work_struct *work);

static DEFINE_SPINLOCK(dst_pages_lock);	/* the pool */
static LIST_HEAD(dst_pages_pool);
/* Of the pool too; by order, the first few are not used. */
static struct list_head dst_pages_chunks[DST_CHUNK_MAX_ORDER + 1];
static unsigned int dst_pages_nr;	/* single ones */
static unsigned int dst_pages_in_chunks;
static unsigned int dst_pages_most;	/* of both; constant after init */
static unsigned long dst_pages_taken;	/* jiffies: the last time */
static DECLARE_DELAYED_WORK(dst_pages_drain_work, dst_pages_drain);

/**
 * dst_pages_module_init - set up the stashes
 *
 * Return: 0 or -ENOMEM.
 */
int dst_pages_module_init(void)
{
	unsigned int i;

	dst_pages_most = min_t(unsigned long, DST_PAGES_POOL_BYTES / PAGE_SIZE,
			       totalram_pages() / 48);
	for (i = 0; i < ARRAY_SIZE(dst_pages_chunks); i++)
		INIT_LIST_HEAD(&dst_pages_chunks[i]);
	dst_pages_stashes = alloc_percpu(struct dst_pages_stash);
	return dst_pages_stashes ? 0 : -ENOMEM;
}

static void dst_pages_free_pool(void)
{
	struct page *page, *next;
	LIST_HEAD(pages);
	unsigned int i;

	spin_lock_bh(&dst_pages_lock);
	list_splice_init(&dst_pages_pool, &pages);
	for (i = 0; i < ARRAY_SIZE(dst_pages_chunks); i++)
		list_splice_init(&dst_pages_chunks[i], &pages);
	WRITE_ONCE(dst_pages_nr, 0);
	dst_pages_in_chunks = 0;
	spin_unlock_bh(&dst_pages_lock);
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		put_page(page);
		cond_resched();
	}
}

static bool dst_pages_has_room(unsigned int nr)
{
	return dst_pages_nr + dst_pages_in_chunks + nr <= dst_pages_most;
}

/* The one that has been in limbo for longest. */
static struct page **dst_pages_oldest(struct dst_pages_stash *s)
{
	return &s->limbo[s->limbo_first % DST_PAGES_LIMBO];
}

/**
 * dst_pages_module_exit - free what is stashed
 */
void dst_pages_module_exit(void)
{
	int cpu;

	cancel_delayed_work_sync(&dst_pages_drain_work);
	dst_pages_free_pool();
	for_each_possible_cpu(cpu) {
		struct dst_pages_stash *s = per_cpu_ptr(dst_pages_stashes, cpu);

		while (s->nr)
			__free_page(s->page[--s->nr]);
		for (; s->limbo_first != s->limbo_end; s->limbo_first++)
			put_page(*dst_pages_oldest(s));
	}
	free_percpu(dst_pages_stashes);
}

/* Give the pool back to the kernel when it has not been needed for a while. */
static void dst_pages_drain(struct work_struct *work)
{
	unsigned int idle_ms = jiffies_to_msecs(jiffies -
						READ_ONCE(dst_pages_taken));

	if (idle_ms >= DST_PAGES_IDLE_MS)
		dst_pages_free_pool();
	else
		queue_delayed_work(dst_wq, &dst_pages_drain_work,
				   msecs_to_jiffies(DST_PAGES_IDLE_MS));
}

static void dst_pages_refill(struct dst_pages_stash *s)
{
	struct page *page;

	if (!READ_ONCE(dst_pages_nr))
		return;
	spin_lock(&dst_pages_lock);
	while (dst_pages_nr && s->nr < DST_PAGES_BATCH) {
		page = list_first_entry(&dst_pages_pool, struct page, lru);
		list_del(&page->lru);
		WRITE_ONCE(dst_pages_nr, dst_pages_nr - 1);
		s->page[s->nr++] = page;
	}
	WRITE_ONCE(dst_pages_taken, jiffies);
	spin_unlock(&dst_pages_lock);
}

static void dst_pages_spill(struct dst_pages_stash *s)
{
	unsigned int i;

	spin_lock(&dst_pages_lock);
	for (i = 0; i < DST_PAGES_BATCH && dst_pages_has_room(1); i++) {
		list_add(&s->page[--s->nr]->lru, &dst_pages_pool);
		WRITE_ONCE(dst_pages_nr, dst_pages_nr + 1);
	}
	spin_unlock(&dst_pages_lock);
	queue_delayed_work(dst_wq, &dst_pages_drain_work,
			   msecs_to_jiffies(DST_PAGES_IDLE_MS));
}

/* Return: a page that nobody else refers to any more, or NULL. */
static struct page *dst_pages_from_limbo(struct dst_pages_stash *s)
{
	struct page *page;

	if (s->limbo_first == s->limbo_end)
		return NULL;
	page = *dst_pages_oldest(s);
	if (page_ref_count(page) != 1)
		return NULL;
	s->limbo_first++;
	return page;
}

/* Return: what has to leave for it, or NULL. */
static struct page *dst_pages_to_limbo(struct dst_pages_stash *s,
				       struct page *page)
{
	struct page *oldest = NULL;

	if (s->limbo_end - s->limbo_first == DST_PAGES_LIMBO)
		oldest = s->limbo[s->limbo_first++ % DST_PAGES_LIMBO];
	s->limbo[s->limbo_end++ % DST_PAGES_LIMBO] = page;
	return oldest;
}

static bool dst_pages_to_stash(struct dst_pages_stash *s, struct page *page)
{
	if (s->nr == DST_PAGES_STASH)
		dst_pages_spill(s);
	if (s->nr == DST_PAGES_STASH)
		return false;
	s->page[s->nr++] = page;
	return true;
}

/**
 * dst_pages_get - take a page; what it holds is of no meaning
 * @gfp: for where none is left over
 *
 * Context: as @gfp says; any but hard interrupt.
 * Return: a page with one reference, or NULL.
 */
struct page *dst_pages_get(gfp_t gfp)
{
	struct dst_pages_stash *s;
	struct page *page;

	local_bh_disable();
	s = this_cpu_ptr(dst_pages_stashes);
	page = dst_pages_from_limbo(s);
	if (!page && !s->nr)
		dst_pages_refill(s);
	if (!page && s->nr)
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

	local_bh_disable();
	s = this_cpu_ptr(dst_pages_stashes);
	if (page_ref_count(page) != 1)
		page = dst_pages_to_limbo(s, page);
	if (page && page_ref_count(page) == 1 && dst_pages_to_stash(s, page))
		page = NULL;
	local_bh_enable();
	if (page)
		put_page(page);
}

/**
 * dst_pages_chunk_order - what a copy is best made of
 * @bytes: of it; a multiple of PAGE_SIZE
 *
 * Return: the order of chunks that it fills completely, or 0 for single pages.
 */
unsigned int dst_pages_chunk_order(u32 bytes)
{
	unsigned int order = min_t(unsigned int, __ffs(bytes) - PAGE_SHIFT,
				   DST_CHUNK_MAX_ORDER);

	return order < DST_CHUNK_MIN_ORDER ? 0 : order;
}

/**
 * dst_pages_get_chunk - take pages in a row, if that is easy
 * @order: of dst_pages_chunk_order(), not 0
 * @gfp: for where none is left over; not to wait
 *
 * Context: as @gfp says; any but hard interrupt.
 * Return: a compound page with one reference, or NULL, which is no reason to
 * give up.
 */
struct page *dst_pages_get_chunk(unsigned int order, gfp_t gfp)
{
	struct page *page;

	spin_lock_bh(&dst_pages_lock);
	page = list_first_entry_or_null(&dst_pages_chunks[order], struct page,
					lru);
	if (page) {
		list_del(&page->lru);
		dst_pages_in_chunks -= 1U << order;
		WRITE_ONCE(dst_pages_taken, jiffies);
	}
	spin_unlock_bh(&dst_pages_lock);
	if (page)
		return page;
	/* single pages will do: not worth to reclaim any for */
	gfp = (gfp & ~__GFP_RECLAIM) | __GFP_COMP | __GFP_NORETRY |
	      __GFP_NOWARN;
	return alloc_pages(gfp, order);
}

/* Single pages make room for a chunk: it is the harder one to get. */
static bool dst_pages_make_room(unsigned int nr, struct list_head *evicted)
{
	lockdep_assert_held(&dst_pages_lock);
	while (!dst_pages_has_room(nr) && dst_pages_nr) {
		list_move(dst_pages_pool.prev, evicted);
		WRITE_ONCE(dst_pages_nr, dst_pages_nr - 1);
	}
	return dst_pages_has_room(nr);
}

/**
 * dst_pages_put_chunk - give a chunk back
 * @page: with one reference of the caller
 * @order: of it
 *
 * Context: any but hard interrupt.
 */
void dst_pages_put_chunk(struct page *page, unsigned int order)
{
	struct page *old, *next;
	LIST_HEAD(evicted);
	bool kept = false;

	spin_lock_bh(&dst_pages_lock);
	if (page_ref_count(page) == 1 &&
	    dst_pages_make_room(1U << order, &evicted)) {
		list_add(&page->lru, &dst_pages_chunks[order]);
		dst_pages_in_chunks += 1U << order;
		kept = true;
	}
	spin_unlock_bh(&dst_pages_lock);
	list_for_each_entry_safe(old, next, &evicted, lru) {
		list_del(&old->lru);
		__free_page(old);
	}
	if (!kept)
		put_page(page);
	else if (!delayed_work_pending(&dst_pages_drain_work))
		queue_delayed_work(dst_wq, &dst_pages_drain_work,
				   msecs_to_jiffies(DST_PAGES_IDLE_MS));
}

static void dst_pages_copy_mem(char *to, const char *from, size_t len)
{
	/* what the machine does best; some want it aligned */
	if (PAGE_ALIGNED(to) && PAGE_ALIGNED(from))
		for (; len >= PAGE_SIZE; len -= PAGE_SIZE) {
			copy_page(to, (void *)from);
			to += PAGE_SIZE;
			from += PAGE_SIZE;
		}
	if (len)
		memcpy(to, from, len);
}

/* One contiguous piece: to or from @pages, from byte @pos on. */
static void dst_pages_copy_piece(struct page **pages, unsigned int order,
				 size_t pos, char *mem, size_t len,
				 bool to_pages)
{
	const unsigned int shift = PAGE_SHIFT + order;
	const size_t mask = (1UL << shift) - 1;
	size_t n;

	for (; len; len -= n, pos += n, mem += n) {
		char *p = (char *)page_address(pages[pos >> shift]) +
			  (pos & mask);

		n = min_t(size_t, len, mask + 1 - (pos & mask));
		if (to_pages)
			dst_pages_copy_mem(p, mem, n);
		else
			dst_pages_copy_mem(mem, p, n);
	}
}

/* One physically contiguous piece of a bio. */
static void dst_pages_copy_bvec(struct page **pages, unsigned int order,
				size_t pos, const struct bio_vec *bv,
				bool to_pages)
{
	struct page *page = bv->bv_page + (bv->bv_offset >> PAGE_SHIFT);
	unsigned int off = offset_in_page(bv->bv_offset);
	unsigned int left = bv->bv_len, n = left;
	char *mem;

	for (; left; left -= n, pos += n, page++, off = 0) {
		/* a mapping has one page */
		if (IS_ENABLED(CONFIG_HIGHMEM))
			n = min_t(unsigned int, left, PAGE_SIZE - off);
		mem = kmap_local_page(page);
		dst_pages_copy_piece(pages, order, pos, mem + off, n, to_pages);
		kunmap_local(mem);
	}
}

static void dst_pages_copy(struct page **pages, unsigned int order, size_t pos,
			   struct bio *bio, bool to_pages)
{
	struct bvec_iter iter;
	struct bio_vec bv;

	bio_for_each_bvec(bv, bio, iter) {
		dst_pages_copy_bvec(pages, order, pos, &bv, to_pages);
		pos += bv.bv_len;
	}
}

/**
 * dst_pages_copy_from_bio - copy all data of a bio
 * @pages: enough of them
 * @order: of each
 * @bio: a write
 */
void dst_pages_copy_from_bio(struct page **pages, unsigned int order,
			     struct bio *bio)
{
	dst_pages_copy(pages, order, 0, bio, true);
}

/**
 * dst_pages_copy_to_bio - fill a bio
 * @pages: hold what is asked for from byte @pos on
 * @order: of each
 * @pos: in bytes
 * @bio: a read
 */
void dst_pages_copy_to_bio(struct page **pages, unsigned int order, size_t pos,
			   struct bio *bio)
{
	dst_pages_copy(pages, order, pos, bio, false);
}
