/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mirror: one /dev/dstN that is kept on several exports.
 *
 * Documentation/mirror.md is what all of this has to follow: the states of a
 * leg, the events, and the rules that have names there.
 *
 * Threads
 * =======
 *  submitters	dst_mirror_io.c, dst_mirror_region.c
 *  meta	one thread that writes all metadata, so it is written in order:
 *		records, bits of regions, and a leg's way from stale to in-sync
 *  copy	one thread that settles regions and copies to legs
 *  tick	what has happened to legs, and timeouts. Waits for nothing, so it
 *		can free those that wait for a leg
 *  each leg's	sessions: begin, look at what it holds, end
 *
 * Locking
 * =======
 * In the order in which they nest, outermost first; the locks of dst.h nest
 * inside of these:
 *
 *  dst_mirror.mutex	attach, detach. Sleeps. Never on the I/O path.
 *  dst_mirror.reserve_mutex	who waits for pages of the reserve.
 *  dst_mirror.place_mutex	places of what may overlap, on all legs. Sleeps only
 *			where memory is short; until a leg that is silent is out.
 *  dst_mirror.srcu	who uses a leg's device; it is destroyed after a grace
 *			period.
 *  dst_mirror_bucket.lock	the regions of a bucket.
 *  dst_mirror.lock	states of legs, and I/O that waits. May be taken where a
 *			lane is lost, so under lane and device lock: nothing of
 *			dst.h is called with it held.
 *
 * The spinlocks are taken in softirq too, so always with _bh.
 */
#ifndef DST_MIRROR_H
#define DST_MIRROR_H

#include <linux/kthread.h>
#include <linux/srcu.h>

#include "dst.h"
#include "dst_assembly.h"

/* Regions are counted and locked by so many (a power of 2) buckets. */
#define DST_MIRROR_BUCKETS	1024
/* Pages for when there is no memory: a bio of any size can be copied to them. */
#define DST_MIRROR_RESERVE	272
/* Metadata blocks that are written or read at a time. */
#define DST_MIRROR_BATCH	16
/* Copied at a time, with the region locked. */
#define DST_MIRROR_COPY_BYTES	(64 * 1024)
#define DST_MIRROR_COPY_PAGES	(DST_MIRROR_COPY_BYTES / PAGE_SIZE)

#define DST_MIRROR_FENCED \
	"fenced out: another client took an export over; detach it"

struct dst_mirror;
struct dst_mirror_leg;

/**
 * struct dst_mirror_part - one bio for one leg
 * @mem: its bio: that ends with a flexible array, which ours has no use for
 * @leg: the leg
 * @dev: its session
 * @done: all that is known is in the part; in the context of a completion
 * @owner: for @done
 * @status: how it ended
 * @out: it ended because the leg takes nothing any more
 */
struct dst_mirror_part {
	u8			mem[sizeof(struct bio)] __aligned(__alignof__(struct bio));
	struct dst_mirror_leg	*leg;
	struct dst_device	*dev;
	void			(*done)(struct dst_mirror_part *part);
	void			*owner;
	blk_status_t		status;
	bool			out;
};

static inline struct bio *dst_mirror_part_bio(struct dst_mirror_part *part)
{
	return (struct bio *)part->mem;
}

/**
 * struct dst_mirror_io - a bio of the user
 *
 * It is on one list at most, and belongs to who took it from there.
 */
struct dst_mirror_io {
	struct dst_mirror	*m;
	struct bio		*bio;
	struct list_head	list;
	unsigned long		acct_start;
	u64			first;		/* region */
	u64			last;
	u16			mask;		/* legs that it went to */
	u16			tried;		/* a read: legs that failed */
	u16			bad;		/* legs that refused it; a write: m->lock */
	bool			counted;	/* in the buckets of its regions */
	bool			reserve;	/* has bvecs of m->reserve */
	bool			nowait;		/* REQ_NOWAIT, and has not waited */
	atomic_t		left;		/* parts, and who submits them */
	blk_status_t		status;		/* m->lock: of a leg that refused */
	unsigned int		nr_pages;
	struct bio_vec		*bvec;		/* owned copy of a write */
	struct bio_vec		one;
	struct dst_mirror_part	part[DST_META_LEGS_MAX];
};

/* Regions whose number is the same modulo DST_MIRROR_BUCKETS. */
struct dst_mirror_bucket {
	spinlock_t		lock;	/* all of it */
	unsigned int		writes;		/* under way */
	bool			locked;		/* a copy is under way */
	unsigned long		used;		/* jiffies: last write */
} ____cacheline_aligned_in_smp;

/* A block of metadata on its way to or from a leg. */
struct dst_mirror_block {
	struct dst_mirror_part	part;
	struct bio_vec		bvec;
	struct page		*spare;		/* where there is no memory */
};

/* What one thread needs to write metadata. */
struct dst_mirror_batch {
	struct dst_mirror_block	block[DST_MIRROR_BATCH];
	atomic_t		left;
	struct completion	done;
};

struct dst_mirror_leg {
	struct dst_mirror	*m;
	unsigned int		slot;
	struct dst_ioc_attach	opts;		/* for its sessions */
	struct dst_device __rcu	*dev;		/* leg work sets it; m->srcu */
	unsigned long		events;		/* bits: enum dst_leg_event */

	enum dst_ioc_leg_state	state;		/* m->lock; read without */
	char			why[DST_IOC_REASON_LEN];	/* m->lock */
	bool			synced;		/* m->lock: suspect, was in-sync */
	bool			joining;	/* m->lock: in-sync but for the record */
	bool			expel;		/* m->lock: tick is to expel it */
	bool			online;		/* m->lock: has a session that is ours */
	bool			rebuild;	/* m->lock: all of it is to be copied */
	bool			starting;	/* m->lock: copies to it are to begin */
	unsigned long		lost_since;	/* m->lock: jiffies */
	unsigned long		retry_at;	/* leg work */
	unsigned int		backoff_ms;	/* leg work */

	bool			member;		/* of the record; set at attach */
	u32			sessions;	/* m->lock: that it came back with */
	struct dst_meta		meta;		/* meta thread: what it holds */
	struct dst_meta		seen[DST_META_COPIES];	/* leg work */
	u64			size_bytes;	/* meta thread */
	unsigned long		*lacks;		/* bits, atomic: regions to be copied */
	atomic64_t		nr_lacks;	/* how many of them are set */
	u64			copied_bytes;	/* copy thread */
	atomic_t		reading;	/* reads under way */
	sector_t		next_sector;	/* where the last read ended */
	struct dst_mirror_batch	batch;		/* leg work, or attach */
	struct delayed_work	work;
};

struct dst_mirror {
	struct dst_unit		unit;
	struct gendisk		*disk;		/* set once, before I/O */
	struct net		*net;
	struct dst_ioc_mirror_attach opts;	/* as given, defaults filled */
	struct mutex		mutex;
	bool			added;		/* mutex: the disk is there */
	bool			running;	/* tick and threads may work; read without */
	bool			retire;		/* detach: no region is to stay dirty */
	bool			gave_up;	/* legs did not answer in time; only set */
	struct srcu_struct	srcu;

	struct dst_mirror_leg	*legs[DST_META_LEGS_MAX];	/* by slot */
	struct dst_mirror_leg	*given[DST_META_LEGS_MAX];	/* as given */
	unsigned int		nr_legs;

	spinlock_t		lock;	/* what says so below */
	u16			live;		/* lock: legs that writes go to; read without */
	u16			readable;	/* lock: legs to read from; read without */
	bool			pending;	/* lock: a record is to be written; read without */
	bool			closing;	/* lock: no more I/O; read without */
	bool			failed;		/* lock: for good; read without */
	u32			changes;	/* lock: of states that go into a record */
	char			why[DST_IOC_REASON_LEN];	/* lock: failed */
	struct list_head	parked;		/* lock: done but for the record */
	struct list_head	intents;	/* lock: wait for their bits */
	struct list_head	settle;		/* lock: wait for a region */
	struct list_head	again;		/* lock: reads to be tried again */
	struct list_head	unread;		/* lock: reads without a leg */

	/* metadata: meta thread, but for what says otherwise */
	struct dst_meta_record	record;		/* the one that counts */
	struct dst_meta_record	tried;		/* the last one that was sent */
	struct dst_meta_record	next;
	bool			has_tried;
	u32			claim;		/* our reign */
	u64			events;		/* the greatest of ours */
	struct dst_meta_layout	layout;		/* constant after start */
	struct dst_export_info	info;		/* what all legs can do; likewise */
	unsigned long		*dirty;		/* bits, atomic: written on all live legs */
	unsigned long		*bits;		/* what is to be on the legs */
	unsigned long		*stale_blocks;	/* of bits: not yet on the legs */
	unsigned long		*unsettled;	/* bits, atomic */
	atomic64_t		nr_unsettled;
	unsigned long		cleared;	/* jiffies */
	struct dst_mirror_batch	batch;
	struct kthread_worker	*meta;
	struct kthread_work	meta_work;
	wait_queue_head_t	meta_wait;	/* something has changed */

	/* copies: copy thread */
	struct kthread_worker	*copy;
	struct kthread_work	copy_work;
	u64			copy_next;	/* region */
	u64			copy_seen;	/* I/O of users that had been begun */
	struct page		*copy_page[DST_MIRROR_COPY_PAGES];
	struct page		*copy_spare[DST_MIRROR_COPY_PAGES];
	bool			copy_scarce;	/* has pages of copy_spare */
	struct bio_vec		copy_bvec[DST_MIRROR_COPY_PAGES];
	struct dst_mirror_part	copy_part[DST_META_LEGS_MAX];
	atomic_t		copy_left;
	struct completion	copy_done;

	struct dst_mirror_bucket *buckets;
	struct mutex		place_mutex[DST_SHARDS];	/* same order on all legs */
	mempool_t		io_pool;
	struct mutex		reserve_mutex;	/* one takes pages at a time */
	struct page		*reserve[DST_MIRROR_RESERVE];	/* free: one reference */
	struct bio_vec		*reserve_bvec;	/* reserve_busy */
	unsigned long		reserve_busy;	/* bit 0 */
	atomic_t		reading_next;	/* round-robin */
	atomic64_t		read_repairs;

	struct percpu_ref	users;		/* one per I/O */
	struct completion	drained;
	struct dst_counters __percpu *counters;
	wait_queue_head_t	wait;
	struct delayed_work	tick;
	struct work_struct	retry;
	struct delayed_work	give_up;	/* detach: legs get no more time */
	struct work_struct	state_work;	/* tell the world */
	u8			told[DST_META_LEGS_MAX];	/* state_work */
	bool			told_failed;	/* state_work */
};

static inline bool dst_mirror_is_over(const struct dst_mirror *m)
{
	/* pair with the WRITE_ONCE under m->lock: who misses it is expelled */
	return READ_ONCE(m->closing) || READ_ONCE(m->failed);
}

/* dst_mirror.c */
int dst_mirror_attach(struct dst_ioc_mirror_attach *arg, struct net *net);
int dst_mirror_describe_leg(struct dst_unit *unit, struct dst_ioc_leg *out,
			    bool next);
void dst_mirror_await(struct dst_mirror *m, struct completion *done);
void dst_mirror_doom(struct dst_mirror *m, const char *why);
void dst_mirror_fail(struct dst_mirror *m, const char *why);
u64 dst_mirror_begun(struct dst_mirror *m);

/* dst_mirror_disk.c */
void dst_mirror_common(struct dst_mirror *m);
int dst_mirror_disk_create(struct dst_mirror *m);
void dst_mirror_disk_delete(struct dst_mirror *m);

/* dst_mirror_io.c */
void dst_mirror_part_init(struct dst_mirror_part *part, void *owner,
			  void (*done)(struct dst_mirror_part *part),
			  blk_opf_t opf, sector_t sector, struct bio_vec *bvec,
			  unsigned int nr, unsigned int bytes);
struct dst_trans *dst_mirror_part_place(struct dst_mirror_part *part,
					struct dst_mirror_leg *leg);
void dst_mirror_part_refuse(struct dst_mirror_part *part,
			    struct dst_mirror_leg *leg);
void dst_mirror_submit(struct dst_mirror *m, struct bio *bio);
void dst_mirror_launch(struct dst_mirror_io *io);
void dst_mirror_resume(struct dst_mirror_io *io);
void dst_mirror_queue(struct dst_mirror_io *io, struct list_head *list);
void dst_mirror_unpark(struct dst_mirror *m);
void dst_mirror_unread(struct dst_mirror *m);
void dst_mirror_end_waiting(struct dst_mirror *m);
void dst_mirror_retry_work(struct work_struct *work);
int dst_mirror_io_init(struct dst_mirror *m);
void dst_mirror_io_exit(struct dst_mirror *m);
struct page *dst_mirror_get_page(struct page *spare);
void dst_mirror_put_page(struct page *page, struct page *spare);

/* dst_mirror_region.c */
int dst_mirror_region_init(struct dst_mirror *m);
void dst_mirror_region_exit(struct dst_mirror *m);
bool dst_mirror_region_enter(struct dst_mirror_io *io);
void dst_mirror_region_leave(struct dst_mirror_io *io);
bool dst_mirror_region_settled(struct dst_mirror_io *io);
bool dst_mirror_region_lock(struct dst_mirror *m, u64 region);
void dst_mirror_region_unlock(struct dst_mirror *m, u64 region);
bool dst_mirror_region_is_idle(struct dst_mirror *m, unsigned long before);
bool dst_mirror_region_retire(struct dst_mirror *m, u64 region,
			      unsigned long before);

/* dst_mirror_leg.c */
const char *dst_mirror_state_name(enum dst_ioc_leg_state state);
bool dst_mirror_leg_is_live(const struct dst_mirror_leg *leg);
bool dst_mirror_leg_counts(const struct dst_mirror_leg *leg);
void dst_mirror_leg_init(struct dst_mirror_leg *leg);
bool dst_mirror_leg_out(struct dst_mirror_leg *leg,
			enum dst_ioc_leg_state state, const char *fmt, ...)
	__printf(3, 4);
void dst_mirror_leg_go(struct dst_mirror_leg *leg,
		       enum dst_ioc_leg_state state);
void dst_mirror_leg_masks(struct dst_mirror *m);
void dst_mirror_leg_stop(struct dst_mirror_leg *leg, unsigned int bye_ms);
int dst_mirror_leg_open(struct dst_mirror_leg *leg, bool preempt);
void dst_mirror_tick(struct work_struct *work);
void dst_mirror_poke(struct dst_mirror *m);

/* dst_mirror_meta.c */
int dst_mirror_batch_init(struct dst_mirror_batch *batch);
void dst_mirror_batch_exit(struct dst_mirror_batch *batch);
int dst_mirror_meta_read(struct dst_mirror_leg *leg, struct dst_meta *meta,
			 enum dst_meta_verdict *verdict);
u16 dst_mirror_meta_put(struct dst_mirror *m, u16 mask, u32 claim,
			const struct dst_meta_record *record);
int dst_mirror_meta_read_bits(struct dst_mirror_leg *leg, unsigned long *into);
bool dst_mirror_meta_write_bits(struct dst_mirror *m, u16 mask, bool all);
bool dst_mirror_meta_flush(struct dst_mirror *m, u16 mask);
bool dst_mirror_meta_is_blank(struct dst_mirror_leg *leg);
void dst_mirror_meta_work(struct kthread_work *work);
void dst_mirror_meta_kick(struct dst_mirror *m);

/* dst_mirror_start.c */
int dst_mirror_start(struct dst_mirror *m, char *reason);

/* dst_mirror_copy.c */
void dst_mirror_copy_work(struct kthread_work *work);
void dst_mirror_copy_kick(struct dst_mirror *m);
void dst_mirror_copy_repair(struct dst_mirror_leg *leg, u64 first, u64 last);

#endif /* DST_MIRROR_H */
