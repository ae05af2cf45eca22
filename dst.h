/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the module share: the connection that both ends are made
 * of, and the client's device, lanes and transactions. The server's own
 * structures are in dst_target.h.
 *
 * Locking
 * =======
 * In the order in which they nest, outermost first:
 *
 *  dst_device.ack_mutex	one change of --ack at a time.
 *  dst_device.mutex	attach, detach, live settings. Sleeps. Never taken on
 *			the I/O path or by the workers.
 *  dst_conn.tx_mutex	the send half of a connection: what is being sent and
 *			how far it got. Submitters only ever try it.
 *  socket lock		the receive half of a connection: header and data being
 *			received. Held by the network stack when it calls
 *			sk_data_ready, in softirq or in the backlog of a sender,
 *			or by the worker that reads the rest.
 *  dst_shard.lock	the transactions of some ranges of sectors.
 *  dst_lane.lock	queue, open requests, credits and state of a lane.
 *  dst_device.lock	device state, held and blocked transactions.
 *
 * The last three are spinlocks taken in softirq too, so always with _bh.
 * bio_endio() is called with none of the spinlocks held. Completions may run
 * with the socket lock and even with tx_mutex held, which is why a submitter
 * must never wait for either.
 *
 * Lifetimes
 * =========
 * dst_unit, with what it is part of: one reference of the table, one of its
 * disk (dropped by ->free_disk after the last close), one of each ioctl that
 * looks at it.
 * dst_lane: lives and dies with its device; its work is stopped before.
 * dst_trans: owned by exactly one list or slot, see struct dst_trans.
 */
#ifndef DST_H
#define DST_H

#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/percpu-refcount.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/uuid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "dst_compat.h"
#include "dst_ioctl.h"
#include "dst_proto.h"
#include "dst_wire.h"

#define DST_MODULE_VERSION	"0.1.0"

/* Ticks, and taking apart what has ended. Never blocks for long. */
extern struct workqueue_struct *dst_wq;
/* Connects and handshakes: each may block for seconds. */
extern struct workqueue_struct *dst_join_wq;
/* The life of a mirror's legs: waits for what the one above does. */
extern struct workqueue_struct *dst_leg_wq;
/* Looks for disks of exports that have gone. Opening one may hang. */
extern struct workqueue_struct *dst_revive_wq;
/* Telling userspace: allocates as it likes, so I/O must not wait for it. */
extern struct workqueue_struct *dst_event_wq;
/* Work that I/O waits for: sends and receives that could not go on. */
extern struct workqueue_struct *dst_io_wq;

/* ------------------------------------------------------------------------
 * dst_unit.c: what has a number and is /dev/dstN
 */

#define DST_DEVICE_MAX		4096

struct dst_unit;

/**
 * struct dst_unit_ops - what can be done with a unit, and in which context
 * @release: free it; its last reference has gone. Sleeps.
 * @detach: take it away, also though it is in use (@force). Fills @reason,
 *	of DST_IOC_REASON_LEN bytes, on failure. Sleeps, without @force until
 *	held I/O is done or a signal comes. 0 or a negative errno; then nothing
 *	has changed.
 * @set: change settings, all or none. Sleeps. 0 or a negative errno.
 * @fail_held: fail all I/O that waits for a connection; how many bios. Sleeps.
 * @describe: fill all but head and index.
 * @session: the name of its session number @i; NULL if it has not so many. Must
 *	not sleep. NULL where its uuid is the only name.
 */
struct dst_unit_ops {
	void (*release)(struct dst_unit *unit);
	int (*detach)(struct dst_unit *unit, bool force, char *reason);
	int (*set)(struct dst_unit *unit, struct dst_ioc_device_set *set);
	unsigned int (*fail_held)(struct dst_unit *unit);
	void (*describe)(struct dst_unit *unit, struct dst_ioc_device *out);
	const u8 *(*session)(struct dst_unit *unit, unsigned int i);
};

struct dst_unit {
	struct kref			ref;
	u32				index;	/* N; set by registering */
	const struct dst_unit_ops	*ops;
	const char			*target;
	const u8			*uuid;
};

void dst_unit_init(struct dst_unit *unit, const struct dst_unit_ops *ops,
		   const char *target, const u8 *uuid);
void dst_unit_hold(struct dst_unit *unit);
void dst_unit_put(struct dst_unit *unit);
struct dst_unit *dst_unit_get(u32 index, bool next);
int dst_unit_register(struct dst_unit *unit, int want, char *reason);
int dst_unit_identify(struct dst_unit *unit, u8 *uuid, const u8 *found,
		      char *reason);
void dst_unit_unregister(struct dst_unit *unit);
void dst_unit_module_exit(void);

/* ------------------------------------------------------------------------
 * dst_net.c: connections
 */

/* Bigger than the segments of any one request and its header. */
#define DST_CONN_TX_BVECS	272
/* Stop gathering requests for one send beyond this much data. */
#define DST_CONN_TX_BATCH_BYTES	(256 * 1024)

struct dst_conn;

/**
 * struct dst_conn_ops - what the owner of a connection makes of its events
 * @header: a header is complete in conn->rx; says through conn->rx_left and
 *	conn->rx_iter what data follows. Under the socket lock, must not sleep
 *	on the client. An error stops the receiver.
 * @data: the data that @header announced is there. Same context.
 * @ready: there is something to receive. With the socket lock held, mostly in
 *	softirq.
 * @writable: there is room to send again. Same context.
 * @broken: the peer or the network closed the connection. Same context.
 */
struct dst_conn_ops {
	int (*header)(struct dst_conn *conn);
	int (*data)(struct dst_conn *conn);
	void (*ready)(struct dst_conn *conn);
	void (*writable)(struct dst_conn *conn);
	void (*broken)(struct dst_conn *conn);
};

struct dst_conn {
	struct socket		*sock;
	const struct dst_conn_ops *ops;

	/* receive half: socket lock */
	union {
		u8			 raw[48];
		struct dst_proto_request request;
		struct dst_proto_reply	 reply;
	} rx;
	unsigned int		rx_header_bytes;	/* of this direction */
	unsigned int		rx_have;		/* of the header */
	u32			rx_left;		/* data to come */
	bool			rx_skip;		/* drop that data */
	int			rx_error;
	struct iov_iter		rx_iter;		/* where data goes */
	unsigned long		rx_jiffies;		/* last receipt */

	/* send half: tx_mutex, or the one thread that sends */
	struct mutex		tx_mutex;
	struct page		*tx_page;	/* headers; shared with skbs */
	unsigned int		tx_page_used;
	struct page		*tx_spare;	/* for one copied header */
	struct bio_vec		*tx_bvec;
	unsigned int		tx_nr;
	size_t			tx_bytes;
	bool			tx_copy;	/* something must be copied */
	bool			tx_data;	/* more than headers */
	bool			tx_active;	/* tx_iter has more to send */
	struct iov_iter		tx_iter;
	u32			tx_seq;		/* TCP sequence behind it all */

	/* what the socket had before us: sk_callback_lock */
	void			(*saved_data_ready)(struct sock *sk);
	void			(*saved_write_space)(struct sock *sk);
	void			(*saved_state_change)(struct sock *sk);
};

int dst_conn_module_init(void);
void dst_conn_module_exit(void);
void dst_conn_hold_reserves(void);
void dst_conn_drop_reserves(void);
int dst_conn_init(struct dst_conn *conn, const struct dst_conn_ops *ops,
		  unsigned int rx_header_bytes);
void dst_conn_destroy(struct dst_conn *conn);
int dst_conn_create_socket(struct net *net, int family, struct socket **sockp);
void dst_conn_setup_socket(struct socket *sock);
void dst_conn_start(struct dst_conn *conn, struct socket *sock);
void dst_conn_shut(struct dst_conn *conn);
void dst_conn_close(struct dst_conn *conn);
void dst_conn_release_socket(struct socket *sock);
int dst_conn_read(struct dst_conn *conn, size_t budget);
int dst_conn_read_locked(struct dst_conn *conn, size_t budget);
void *dst_conn_tx_header(struct dst_conn *conn, unsigned int len);
unsigned int dst_conn_tx_prepare(struct dst_conn *conn, unsigned int len);
void dst_conn_tx_bvec(struct dst_conn *conn, const struct bio_vec *bv);
int dst_conn_tx_push(struct dst_conn *conn);
bool dst_conn_tx_acked(struct dst_conn *conn, u32 seq);
int dst_conn_send_raw(struct socket *sock, void *buf, size_t len);
int dst_conn_recv_raw(struct socket *sock, void *buf, size_t len);

static inline unsigned int dst_conn_tx_room(const struct dst_conn *conn)
{
	return DST_CONN_TX_BVECS - conn->tx_nr;
}

/* ------------------------------------------------------------------------
 * dst_pages.c: pages to copy data to
 */

/* Chunks are pages in a row, 32 to 128 KiB of them. */
#define DST_CHUNK_MIN_ORDER	3
#define DST_CHUNK_MAX_ORDER	5

int dst_pages_module_init(void);
void dst_pages_module_exit(void);
struct page *dst_pages_get(gfp_t gfp);
void dst_pages_put(struct page *page);
unsigned int dst_pages_chunk_order(u32 bytes);
struct page *dst_pages_get_chunk(unsigned int order, gfp_t gfp);
void dst_pages_put_chunk(struct page *page, unsigned int order);
void dst_pages_copy_from_bio(struct page **pages, unsigned int order,
			     struct bio *bio);
void dst_pages_copy_to_bio(struct page **pages, unsigned int order, size_t pos,
			   struct bio *bio);

/* ------------------------------------------------------------------------
 * dst_trans.c: transactions
 */

struct dst_device;
struct dst_lane;

/* Transactions of one shard are found under one lock. */
#define DST_SHARDS		16
/* A bio is split at this boundary, so that it lies in one shard. */
#define DST_SHARD_SECTORS_LOG2	19

/* Where an un-acked one is. */
enum dst_trans_state {
	DST_TRANS_BLOCKED,	/* waits for an earlier one, or at the barrier */
	DST_TRANS_HELD,		/* waits for a lane */
	DST_TRANS_QUEUED,	/* waits for its turn on a lane */
	DST_TRANS_SENT,		/* handed to the network, not yet acked */
	DST_TRANS_FENCING,	/* its lane is lost, may still run there */
};

/* What has become of it so far. */
enum dst_trans_phase {
	DST_PHASE_NEW,		/* not acked yet */
	DST_PHASE_RETAINED,	/* acked, but a power cut may undo it */
	DST_PHASE_REPLAY,	/* retained, to be written again */
};

/**
 * struct dst_trans - one bio, from submit until nothing may need it any more
 *
 * Whoever removes a transaction from the list or slot that it is in, under the
 * lock of that list or slot, owns it and ends it or puts it elsewhere: that is
 * how exactly one of reply, timeout and detach gets it. Failing a transaction
 * that the server may still execute takes away only its bio; what is left
 * keeps its range in the index until the lane is fenced, so that no later
 * write can be overtaken by it.
 *
 * Its pages are written to only before it is first sent; sockets may refer to
 * them for longer than it lives.
 */
struct dst_trans {
	struct dst_device	*dev;
	struct bio		*bio;	/* NULL: ended, or a ping */
	u64			id;
	sector_t		sector;
	u32			length_bytes;
	u8			op;	/* enum dst_proto_op */
	u8			flags;	/* DST_PROTO_REQ_* */
	u8			state;	/* enum dst_trans_state; its list's lock */
	u8			phase;	/* enum dst_trans_phase; shard lock */
	bool			indexed;
	bool			early;	/* its bio ended before any ack */
	bool			reserve;	/* taken from the reserve of the pool */
	bool			alone;	/* not to share a request with others */
	u8			parity;	/* shard lock: of the barrier */
	u16			tag;	/* slot on its lane */
	u16			resends;
	u16			nr_pages;	/* that it owns: pages or chunks */
	u8			page_order;	/* of each of them */
	u32			charged_bytes;	/* to dev->mem_used */
	u32			blockers;	/* shard lock */
	u32			end_seq;	/* TCP sequence behind its data */
	u32			boot_seq;	/* of the server that acked it */
	u32			sent_bytes;	/* length of its request */
	struct list_head	list;
	struct list_head	with;	/* sent: others in its request, as it is */
	struct rb_node		rb;		/* shard lock */
	sector_t		subtree_last;
	union {
		struct page	*page;	/* if it is only one */
		struct page	**pages;
	};
	u64			gen;	/* retained: of its ack; a flush: covered */
	unsigned long		submitted;	/* jiffies */
	unsigned long		sent;		/* jiffies, by the last send */
	unsigned long		since;		/* jiffies: first sent, or submitted */
	u64			sent_ns;	/* 0: latency not sampled */
	unsigned long		acct_start;
};

/* A bio taken away from its transaction, see dst_trans_take_bio(). */
struct dst_taken {
	struct bio		*bio;
	unsigned long		acct_start;
};

int dst_trans_module_init(void);
void dst_trans_module_exit(void);
int dst_trans_pool_init(mempool_t *pool);
struct dst_trans *dst_trans_alloc(struct dst_device *dev, struct bio *bio,
				  gfp_t gfp);
bool dst_trans_place(struct dst_trans *t);
void dst_trans_dispatch(struct dst_trans *t);
void dst_trans_ack(struct dst_trans *t, u8 proto_status, bool durable,
		   u32 boot_seq);
void dst_trans_end(struct dst_trans *t, blk_status_t status);
void dst_trans_end_list(struct list_head *list, blk_status_t status);
bool dst_trans_take_bio(struct dst_trans *t, struct dst_taken *taken);
void dst_trans_end_taken(struct dst_device *dev, const struct dst_taken *taken,
			 blk_status_t status);
const char *dst_trans_op_name(u8 op);

static inline struct page **dst_trans_pages(const struct dst_trans *t)
{
	return t->nr_pages > 1 ? t->pages : (struct page **)&t->page;
}

/* ------------------------------------------------------------------------
 * dst_submit.c: from bio to transaction
 */

struct dst_trans *dst_submit_place(struct dst_device *dev, struct bio *bio);
void dst_submit_send(struct dst_trans *t);

/* ------------------------------------------------------------------------
 * dst_index.c: transactions by range
 */

struct dst_shard {
	spinlock_t		lock;	/* all of it */
	struct rb_root_cached	root;	/* by range */
	struct list_head	retained;	/* phase RETAINED, oldest ack first */
	unsigned int		nr;	/* in root; read without the lock */
	unsigned int		nr_retained;	/* and those that are replayed */
	u64			retained_bytes;
	unsigned int		early[2];	/* un-acked, by parity */
	u8			parity;		/* of those that come now */
} ____cacheline_aligned_in_smp;

enum dst_index_verdict {
	DST_INDEX_GO,		/* it may be sent at once */
	DST_INDEX_WAIT,		/* it waits on dev->blocked for earlier ones */
	DST_INDEX_DONE,		/* RAM has answered it, or taken its data over */
	DST_INDEX_REFUSE,	/* it would wait for what does not come back */
};

enum dst_index_fate {
	DST_INDEX_GONE,		/* not in the index any more */
	DST_INDEX_KEPT,		/* retained: not the caller's any more */
	DST_INDEX_AGAIN,	/* the ack will not do: it stays as it is */
};

struct dst_index_sum {
	u64			all;
	u64			early;		/* un-acked, ended */
	u64			retained;
	u64			retained_bytes;
	unsigned int		oldest_ms;	/* of the retained */
};

void dst_index_init(struct dst_device *dev);
bool dst_index_pass(struct dst_trans *t);
enum dst_index_verdict dst_index_add(struct dst_trans *t,
				     struct dst_taken *taken);
void dst_index_remove(struct dst_trans *t, struct list_head *ready);
enum dst_index_fate dst_index_acked(struct dst_trans *t, u32 boot_seq,
				    bool durable, struct list_head *ready,
				    struct list_head *dead);
void dst_index_begin_barrier(struct dst_device *dev);
bool dst_index_reap(struct dst_device *dev, u64 committed,
		    struct list_head *dead);
void dst_index_collect(struct dst_device *dev, u64 committed,
		       struct list_head *set);
bool dst_index_order(struct dst_trans *t);
void dst_index_return(struct dst_trans *t);
void dst_index_sum(struct dst_device *dev, struct dst_index_sum *sum);
void dst_index_show(struct dst_device *dev,
		    void (*show)(const struct dst_trans *t, void *arg),
		    void *arg);

/* ------------------------------------------------------------------------
 * dst_retain.c: data that transactions own
 */

void dst_retain_prepare(struct dst_trans *t);
bool dst_retain_may_keep(const struct dst_trans *t);
void dst_retain_free(struct dst_trans *t);
void dst_retain_lost(struct dst_trans *t, blk_status_t status);
void dst_retain_reap_work(struct work_struct *work);
void dst_retain_drop(struct dst_device *dev);

/* ------------------------------------------------------------------------
 * dst_flush.c: barriers, and what flushes commit
 */

void dst_flush_init(struct dst_device *dev);
bool dst_flush_enter(struct dst_trans *t);
void dst_flush_passed(struct dst_device *dev);
unsigned int dst_flush_fail(struct dst_device *dev, u64 older_than_ms,
			    blk_status_t status);
bool dst_flush_is(const struct dst_trans *t);
void dst_flush_cover(struct dst_trans *t);
void dst_flush_acked(struct dst_trans *t);
blk_status_t dst_flush_status(struct dst_device *dev, blk_status_t status);
void dst_flush_commit(struct dst_device *dev);
void dst_flush_commit_work(struct work_struct *work);
void dst_flush_commit_done(struct dst_device *dev, blk_status_t status);
int dst_flush_inherited(struct dst_device *dev, unsigned int wait_ms,
			char *reason);
void dst_flush_tick(struct dst_device *dev);

/* ------------------------------------------------------------------------
 * dst_replay.c: after a restart of the server
 */

void dst_replay_init(struct dst_device *dev);
bool dst_replay_new_boot(struct dst_lane *lane, const uuid_t *boot_id);
bool dst_replay_is_alone(struct dst_lane *lane);
void dst_replay_run(struct dst_lane *lane);
void dst_replay_dispatch(struct dst_trans *t);
void dst_replay_acked(struct dst_device *dev, u32 length_bytes);
void dst_replay_abandon(struct dst_device *dev);

/* ------------------------------------------------------------------------
 * dst_lane.c, dst_join.c: lanes of the client
 */

enum dst_lane_state {
	DST_LANE_DOWN,		/* no connection, or one that is torn down */
	DST_LANE_REPLAYING,	/* carries a replay and nothing else */
	DST_LANE_LIVE,
};

struct dst_lane {
	struct dst_device	*dev;
	unsigned int		index;
	struct dst_conn		conn;

	spinlock_t		lock;	/* what says so below */
	enum dst_lane_state	state;		/* lock; read without */
	bool			stopping;	/* lock: never connect again */
	bool			torn;		/* lock: nothing of it is left */
	u32			boot_seq;	/* of its connection; set before LIVE */
	struct list_head	queue;		/* lock: to be sent */
	struct list_head	fencing;	/* lock: sent, lane lost since */
	struct list_head	dead;		/* lock: likewise, bio failed */
	struct dst_trans	**slots;	/* lock: sent, by tag */
	u16			*free_tags;	/* lock: stack of free slots */
	unsigned int		nr_free;	/* lock */
	unsigned int		nr_slots;
	unsigned int		nr_early;	/* lock: queued that have ended; read without */
	unsigned int		open;		/* lock: requests sent */
	unsigned int		open_ranges;	/* lock: without data, but slow */
	u32			open_bytes;	/* lock */
	u32			credit_bytes;	/* lock: granted now */
	u32			credit_slots;	/* lock: granted now */
	u32			max_credit_bytes;
	u32			max_credit_slots;
	char			why[DST_IOC_REASON_LEN];	/* lock */
	u32			latency_us;	/* smoothed; receiver writes */
	u32			reconnects;
	u64			resends;	/* lock */

	struct dst_trans	*rx_trans;	/* socket lock */
	struct dst_trans	ping;		/* never ended */
	bool			ping_open;	/* lock */
	struct dst_trans	bye;		/* never ended */
	bool			bye_open;	/* lock */

	/* the connecting worker alone */
	struct mutex		sock_mutex;	/* guards joining */
	struct socket		*joining;	/* so that it can be cancelled */
	u64			generation;
	unsigned int		backoff_ms;
	struct delayed_work	connect;
	struct work_struct	tx_work;
	struct delayed_work	tx_later;
	struct work_struct	rx_work;
};

struct dst_lane *dst_lane_create(struct dst_device *dev, unsigned int index);
void dst_lane_destroy(struct dst_lane *lane);
void dst_lane_stop(struct dst_lane *lane);
void dst_lane_drop(struct dst_lane *lane, blk_status_t status);
void dst_lane_end_fencing(struct dst_lane *lane, blk_status_t status);
void dst_lane_connect_now(struct dst_lane *lane);
bool dst_lane_queue(struct dst_lane *lane, struct dst_trans *t);
void dst_lane_kick(struct dst_lane *lane);
void dst_lane_kick_early(struct dst_lane *lane);
void dst_lane_fail(struct dst_lane *lane, const char *fmt, ...) __printf(2, 3);
void dst_lane_check(struct dst_lane *lane, u64 fail_after_ms);
unsigned int dst_lane_fail_fencing(struct dst_lane *lane, u64 older_than_ms,
				   blk_status_t status);
void dst_lane_teardown(struct dst_lane *lane);
int dst_lane_go_live(struct dst_lane *lane, struct socket *sock,
		     const struct dst_proto_welcome *w);

bool dst_lane_replayed(struct dst_lane *lane);

bool dst_lane_say_bye(struct dst_lane *lane);
bool dst_lane_said_bye(struct dst_lane *lane);

/* dst_join.c */
void dst_join_work(struct work_struct *work);

/* ------------------------------------------------------------------------
 * dst_device.c: devices of the client
 */

struct dst_counters {
	u64	reads;
	u64	writes;
	u64	flushes;
	u64	discards;
	u64	read_bytes;
	u64	write_bytes;
	u64	resends;
	u64	replays;
	u64	errors;
	u64	started;
	u64	ended;
};

/* What the server said of its export; constant while the disk is there. */
struct dst_export_info {
	uuid_t	export_uuid;
	uuid_t	boot_id;
	u64	features;
	u64	size_bytes;
	u32	logical_block_bytes;
	u32	physical_block_bytes;
	u32	io_min_bytes;
	u32	io_opt_bytes;
	u32	max_transfer_bytes;
	u32	discard_granularity_bytes;
	u32	flags;			/* DST_PROTO_EXPORT_* */
	u32	max_lanes;
};

struct dst_device {
	struct dst_unit		unit;
	struct gendisk		*disk;		/* set once, before I/O */
	struct net		*net;
	struct sockaddr_storage	addr;
	struct dst_ioc_attach	opts;		/* as given, defaults filled */

	/* live settings: WRITE_ONCE under mutex, READ_ONCE anywhere */
	struct mutex		mutex;
	struct mutex		ack_mutex;	/* changes of ack; outside of mutex */
	u32			ack;
	u32			io_timeout_ms;
	u32			keepalive_ms;
	u64			fail_after_ms;
	u64			mem_limit_bytes;
	bool			read_only;	/* set before the disk */
	bool			digest;		/* set before the disk */
	bool			added;		/* mutex: the disk is there */
	const struct dst_leg_ops *leg_ops;	/* a leg: set before it connects */
	void			*leg_owner;	/* likewise */
	bool			scan_failed;	/* attach is going to fail; only set */

	struct dst_lane		*lanes[DST_PROTO_MAX_LANES];
	unsigned int		nr_lanes;	/* set before the disk */

	spinlock_t		lock;	/* what says so below */
	enum dst_ioc_device_state state;	/* lock; read without */
	char			why[DST_IOC_REASON_LEN];	/* lock */
	unsigned int		nr_live;	/* lock: lanes; read without */
	unsigned long		down_since;	/* lock: jiffies, nr_live == 0 */
	bool			joined;		/* lock: a session ran once */
	bool			fenced;		/* lock: failed for good */
	bool			closing;	/* lock: no more I/O is taken */
	bool			expired;	/* lock: fail_after ran out */
	int			join_error;	/* lock: final answer on attach */
	u64			epoch;		/* lane 0 before joined, const after */
	struct list_head	held;		/* lock: no lane for them */
	struct list_head	blocked;	/* lock: overlap an earlier one */
	struct list_head	dead;		/* lock: likewise, bio failed */
	struct dst_export_info	info;		/* lock */
	u32			boot_seq;	/* lock: counts its boot ids */
	bool			replaying;	/* lock: until all is written again */
	bool			barrier_on;	/* lock */
	struct list_head	barrier_now;	/* lock: flushes that wait */
	struct list_head	barrier_next;	/* lock: for the one after it */
	blk_status_t		lost_status;	/* lock: for the next flush */
	u64			lost_bytes;	/* lock: reported written, but not */
	u64			new_size_bytes;	/* lock: to be set by work */
	u64			reconnects;	/* lock */
	enum dst_ioc_device_state told_state;	/* state_work alone */

	struct dst_shard	shards[DST_SHARDS];
	atomic64_t		next_id;
	atomic64_t		mem_used;	/* bytes that transactions own */
	atomic64_t		gen;		/* flushes sent */
	atomic64_t		committed;	/* lock to write: what is of lower gen */
	atomic_t		barrier_left;
	bool			early_used;	/* only set */
	struct dst_trans	commit;		/* a flush of our own; never freed */
	unsigned long		commit_open;	/* bit 0: it is under way */
	blk_status_t		commit_status;	/* of the last; commit_open */
	unsigned long		commit_retry;	/* jiffies: not before */
	struct work_struct	commit_work;
	struct work_struct	reap_work;
	atomic64_t		replay_left;
	atomic64_t		replay_done_bytes;
	u64			replay_bytes;
	struct work_struct	replay_work;
	mempool_t		trans_pool;
	struct percpu_ref	users;		/* one per transaction */
	struct completion	drained;
	struct dst_counters __percpu *counters;

	wait_queue_head_t	wait;		/* state changes */
	struct delayed_work	tick;
	struct work_struct	state_work;	/* tell the world */
	struct dentry		*debugfs;
};

int dst_device_attach(struct dst_ioc_attach *arg, struct net *net);

bool dst_device_older(unsigned long since, u64 ms);
u64 dst_device_fail_after(struct dst_device *dev);
bool dst_device_is_hopeless(const struct dst_device *dev,
			    const struct dst_trans *t);
struct dst_lane *dst_device_pick_lane(struct dst_device *dev);
int dst_device_hold(struct dst_device *dev, struct dst_trans *t);
void dst_device_lane_live(struct dst_lane *lane);
void dst_device_tell(struct dst_device *dev);
void dst_device_resized(struct dst_device *dev, u64 size_bytes);
void dst_device_fence(struct dst_device *dev);
void dst_device_refused(struct dst_device *dev, int error, const char *fmt, ...)
	__printf(3, 4);
const char *dst_device_state_name(enum dst_ioc_device_state state);

/* What a leg tells its mirror. */
enum dst_leg_event {
	DST_LEG_LIVE,		/* a lane is live */
	DST_LEG_LOST,		/* the last lane that was live is lost */
	DST_LEG_NOBODY,		/* the server refuses connections */
	DST_LEG_REFUSED,	/* join_error is set; it tries no more */
	DST_LEG_FENCED,		/* another client took the export over */
	DST_LEG_RESIZED,	/* new_size_bytes is set */
	DST_LEG_DAMAGED,	/* it lacks a write that it had acked; no lock held */
};

/**
 * struct dst_leg_ops - how a device that is a leg tells its mirror of events
 * @event: any context but hard interrupt, maybe with lane and device lock held
 *
 * A device with these has no disk, no number in the table and no deadline of
 * its own. The bios that it gets have no block device; the data of a write is
 * the mirror's own copy, a page of dst_pages_get() to each segment, filled from
 * its start, never written to again and kept by references. Reads are not held
 * while no lane is live: they fail, since others may have the data too.
 */
struct dst_leg_ops {
	void (*event)(struct dst_device *dev, enum dst_leg_event event);
};

static inline void dst_leg_tell(struct dst_device *dev,
				enum dst_leg_event event)
{
	if (dev->leg_ops)
		dev->leg_ops->event(dev, event);
}

struct dst_device *dst_leg_create(const struct dst_ioc_attach *opts,
				  struct net *net,
				  const struct dst_leg_ops *ops, void *owner,
				  u32 index);
void dst_leg_connect(struct dst_device *dev);
void dst_leg_fail_reads(struct dst_device *dev);
bool dst_leg_is_busy(struct dst_device *dev);
bool dst_leg_is_stuck(struct dst_device *dev, u64 ms);
bool dst_leg_is_clean(struct dst_device *dev);
void dst_leg_expel(struct dst_device *dev, unsigned int bye_ms);
void dst_leg_destroy(struct dst_device *dev, unsigned int bye_ms);

/* ------------------------------------------------------------------------
 * dst_options.c: what may be chosen
 */

void dst_options_read(struct dst_device *dev);
int dst_options_check(const struct dst_ioc_attach *o, char *reason);
int dst_options_set(struct dst_device *dev, struct dst_ioc_device_set *set);

/* ------------------------------------------------------------------------
 * dst_disk.c, dst_sysfs.c
 */

int dst_disk_module_init(void);
void dst_disk_module_exit(void);
struct bio *dst_disk_split_at_shard(struct bio *bio);
struct gendisk *dst_disk_alloc(const struct dst_export_info *info,
			       const struct dst_compat_features *features);
int dst_disk_add(struct gendisk *disk, u32 index, u64 size_bytes,
		 const struct attribute_group **groups);
int dst_disk_create(struct dst_device *dev);
void dst_disk_delete(struct dst_device *dev);
void dst_disk_put(struct dst_device *dev);
bool dst_disk_has_cache(const struct dst_device *dev, u32 ack);
void dst_disk_set_cache(struct dst_device *dev, bool volatile_cache);
blk_status_t dst_disk_status(u8 proto_status);

extern const struct attribute_group *dst_sysfs_disk_groups[];
void dst_sysfs_module_init(void);
void dst_sysfs_module_exit(void);
void dst_sysfs_add(struct dst_device *dev);
void dst_sysfs_remove(struct dst_device *dev);

/* ------------------------------------------------------------------------
 * dst_control.c, and the server's side of it
 */

int dst_control_module_init(void);
void dst_control_module_exit(void);

int dst_export_module_init(void);
void dst_export_module_exit(void);
int dst_export_add(struct dst_ioc_export_add *arg, struct net *net);
int dst_export_remove(const char *name, bool force, char *reason);
int dst_export_set(struct dst_ioc_export_set *arg);
int dst_export_describe(struct dst_ioc_export *out, bool next);
int dst_export_describe_client(struct dst_ioc_client *out, bool next);

#endif /* DST_H */
