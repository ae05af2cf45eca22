/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server's structures: exports, the portals where clients arrive, their
 * sessions, and the connections (targets) that these are made of.
 *
 * Locking
 * =======
 *  dst_exports_mutex	the lists of exports and portals. Nothing is waited for
 *			under it.
 *  dst_export.lock	sessions, targets and limits of an export. Spinlock,
 *			process context.
 *
 * A target belongs to its thread: it alone receives, submits, collects what is
 * done and sends. Others only set flags and wake it.
 *
 * Lifetimes
 * =========
 * dst_export: one reference of the table, one of each target that joined it.
 * dst_portal: one reference of each export that listens there, under
 * dst_exports_mutex; one of each target until it has joined.
 * dst_target: serves one connection after the other; on export->targets from
 * join until nothing of that connection runs any more, then on a list of those
 * that are idle. Where there are enough, it is freed by its reap work after its
 * thread has exited and an RCU grace period, since completions wake the thread
 * under rcu_read_lock().
 * dst_request: on target->running from its header until it is answered.
 */
#ifndef DST_TARGET_H
#define DST_TARGET_H

#include <linux/llist.h>
#include <linux/sched.h>

#include "dst.h"

struct dst_export;
struct dst_target;

#define DST_REQUEST_INLINE_VECS	4
#define DST_REQUEST_MAX_VECS	(DST_PROTO_MAX_TRANSFER_BYTES / PAGE_SIZE)

/*
 * One request of a client. Its bio carries the pages, also where the backend
 * is a file.
 */
struct dst_request {
	struct dst_target	*target;
	struct list_head	entry;	/* ready, running or replies */
	struct llist_node	done;	/* target->done, or export->doubtful */
	unsigned long		failed;	/* jiffies; if doubtful */
	struct work_struct	work;
	u64			id;
	u64			sector;
	u32			length_bytes;
	u32			data_crc;
	u16			tag;
	u8			op;
	u8			flags;
	u8			status;	/* enum dst_proto_status */
	bool			counted;	/* against the credits */
	unsigned long		started;	/* jiffies */
	struct bio_vec		*vecs;	/* from export->vecs; NULL: inline */
	struct bio_vec		inline_vecs[DST_REQUEST_INLINE_VECS];
	struct bio		bio;
};

/* ---- dst_backend.c: what is exported ---------------------------------- */

struct dst_backend {
	bool			is_file;
	struct dst_compat_bdev	bdev;
	struct file		*file;
	u32			logical_block_bytes;
	u32			physical_block_bytes;
	u32			io_min_bytes;
	u32			io_opt_bytes;
	u32			discard_granularity_bytes;
	bool			volatile_cache;
	bool			discard;
	bool			write_zeroes;
	bool			rotational;
};

/* What tells a disk from others, but for its size. */
struct dst_backend_id {
	u64	start_sector;	/* of a partition */
	u32	logical_block_bytes;
	u32	type;		/* enum blk_unique_id */
	u32	len;		/* of unique; 0: nothing tells it */
	u8	unique[16];
};

int dst_backend_open(struct dst_backend *b, const char *path, bool read_only,
		     char *reason);
bool dst_backend_is_gone(const struct dst_backend *b);
void dst_backend_identify(const struct dst_backend *b,
			  struct dst_backend_id *id);
void dst_backend_close(struct dst_backend *b);
u64 dst_backend_size(const struct dst_backend *b);
bool dst_backend_is_volatile(const struct dst_backend *b);
struct block_device *dst_backend_bdev(const struct dst_backend *b);
void dst_backend_execute(struct dst_request *req);

/* ---- dst_portal.c: where clients arrive ------------------------------- */

struct dst_portal {
	refcount_t		users;	/* dst_exports_mutex */
	struct list_head	entry;	/* dst_exports_mutex */
	struct net		*net;
	struct dst_ioc_addr	addr;	/* family 0: any address */
	struct socket		*sock;
	struct task_struct	*thread;
	bool			closing;	/* targets that join: give up */
	atomic_t		joining;	/* targets without an export */
	wait_queue_head_t	wait;		/* for joining to become 0 */
};

struct dst_portal *dst_portal_get(struct net *net,
				  const struct dst_ioc_addr *addr, int *err);
bool dst_portal_put(struct dst_portal *portal);
void dst_portal_destroy(struct dst_portal *portal);

/* ---- dst_export.c: exports -------------------------------------------- */

/* Who had the export for writing last; see dst_owner.c. */
struct dst_owner {
	struct mutex		mutex;	/* stored, and writing to the file */
	struct file		*file;	/* NULL: not remembered over a restart */
	u64			stored;
	/* under the export's lock */
	u64			number;	/* counts changes */
	bool			known;
	bool			held;
	u64			epoch;
	u8			initiator[DST_PROTO_UUID_LEN];
	u8			device[DST_PROTO_UUID_LEN];
	char			host[DST_PROTO_TEXT_LEN];
};

struct dst_export {
	struct kref		ref;
	struct list_head	entry;		/* dst_exports_mutex */
	u32			number;
	char			name[DST_IOC_NAME_LEN];
	char			path[DST_IOC_PATH_LEN];
	uuid_t			uuid;
	uuid_t			boot_id;
	bool			read_only;
	bool			shared;
	struct dst_backend	backend;
	struct dst_portal	*portals[DST_IOC_LISTENS];
	unsigned int		nr_portals;
	struct workqueue_struct	*workers;
	unsigned long		full_until;	/* jiffies: the queue of the disk */
	atomic_t		submitting;	/* bios that workers submit */
	mempool_t		requests;	/* struct dst_request */
	mempool_t		vecs;		/* of large requests */
	mempool_t		pages;
	struct delayed_work	tick;
	struct work_struct	revive;
	struct dst_backend_id	disk_id;	/* constant */
	struct llist_head	doubtful;	/* requests; see dst_revive.c */
	unsigned long		sure_until;	/* jiffies; likewise */
	struct dst_owner	owner;

	spinlock_t		lock;	/* what says so below */
	bool			removing;	/* lock */
	bool			pinned;		/* lock: module kept, disk stuck */
	bool			gone;		/* lock: the disk; see dst_revive.c */
	bool			reviving;	/* lock: its disk is looked for */
	char			gone_why[DST_IOC_REASON_LEN];	/* lock */
	unsigned long		revive_after;	/* jiffies; tick, revive */
	u64			size_bytes;	/* lock; read without */
	u32			nr_workers;	/* lock */
	u32			max_clients;	/* lock */
	u64			mem_limit_bytes;	/* lock */
	u64			mem_granted_bytes;	/* lock: to targets */
	struct dst_ioc_allow	allow[DST_IOC_ALLOWS];	/* lock */
	u32			nr_allows;	/* lock */
	struct list_head	sessions;	/* lock; newest last */
	u32			next_session;	/* lock */
	struct list_head	targets;	/* lock */
	struct dst_ioc_counters	counters;	/* lock: of targets gone */
	wait_queue_head_t	drained;	/* a target or reference has gone */
};

struct dst_peer {
	struct dst_ioc_addr	addr;	/* v4-mapped addresses as IPv4 */
	char			text[56];
};

struct dst_export *dst_export_find(const struct dst_portal *portal,
				   const char *name);
void dst_export_put(struct dst_export *export);
bool dst_export_allows(struct dst_export *export, const struct dst_peer *peer,
		       bool *rw);
bool dst_export_anything_for(const struct dst_portal *portal,
			     const struct dst_peer *peer);
void dst_export_kill_targets(struct dst_export *export);
void dst_export_add_counters(struct dst_ioc_counters *sum,
			     const struct dst_ioc_counters *c);

/* ---- dst_revive.c: a disk that goes and comes back -------------------- */

bool dst_revive_doubts(struct dst_request *req);
bool dst_revive_check(struct dst_export *export);
void dst_revive_work(struct work_struct *work);

/* ---- dst_session.c: who may use an export, and fencing ----------------- */

struct dst_session {
	struct list_head	entry;
	u32			number;
	u8			initiator[DST_PROTO_UUID_LEN];
	u8			device[DST_PROTO_UUID_LEN];
	u64			epoch;
	u64			generation[DST_PROTO_MAX_LANES];
	unsigned int		targets;	/* on export->targets */
	bool			rw;		/* of any lane of this epoch */
	bool			fenced;
	bool			bye;		/* ended by the client */
	bool			established;	/* has executed something */
	char			host[DST_PROTO_TEXT_LEN];
	struct dst_peer		peer;
};

int dst_session_join(struct dst_target *target,
		     const struct dst_proto_hello *hello,
		     struct dst_proto_welcome *w);
void dst_session_leave(struct dst_target *target);
void dst_session_bye(struct dst_target *target);
int dst_session_recall(struct dst_export *export);
void dst_session_free_all(struct dst_export *export);
unsigned int dst_session_count(struct dst_export *export);
int dst_session_describe(struct dst_export *export, struct dst_ioc_client *out,
			 bool next);

/* ---- dst_owner.c: the owner of an export, over a restart ---------------- */

int dst_owner_open(struct dst_export *export, const char *path, char *reason);
void dst_owner_close(struct dst_export *export);
void dst_owner_store(struct dst_export *export);
void dst_owner_set(struct dst_export *export, const struct dst_session *s);
void dst_owner_clear(struct dst_export *export, const struct dst_session *s);
bool dst_owner_is(const struct dst_export *export, const u8 *initiator,
		  const u8 *device);

/* ---- dst_target.c: one connection of a client -------------------------- */

enum dst_target_flag {
	DST_TARGET_READABLE,	/* sk_data_ready was called */
	DST_TARGET_WRITABLE,	/* sk_write_space was called */
	DST_TARGET_BROKEN,	/* the peer closed the connection */
	DST_TARGET_DEAD,	/* fenced: execute nothing more */
	DST_TARGET_RESIZED,	/* tell the client */
};

struct dst_target {
	struct dst_conn		conn;
	struct task_struct	*thread;
	unsigned long		flags;	/* enum dst_target_flag, atomic */
	struct llist_head	done;	/* filled by completions */
	struct rcu_head		rcu;
	struct work_struct	reap;
	struct list_head	idle;	/* between connections */
	struct dst_portal	*portal;	/* until joined */
	struct dst_peer		peer;

	/* set by join, under export->lock */
	struct dst_export	*export;
	struct dst_session	*session;
	struct list_head	entry;	/* export->targets */
	u64			epoch;
	u16			lane;
	bool			rw;
	bool			digest;
	u32			credit_bytes;
	u32			credit_slots;

	/* the thread's own; others may read with READ_ONCE */
	struct list_head	ready;		/* received, to be executed */
	struct list_head	running;	/* being executed */
	struct list_head	replies;	/* to be answered */
	struct dst_request	*rx_req;	/* its data is being received */
	bool			rx_stalled;	/* no memory for the next one */
	unsigned int		open;
	u32			open_bytes;
	unsigned long		oldest;		/* jiffies, of running; 0: none */
	bool			said_bye;	/* answered, to be carried out */
	struct list_head	sending;	/* in the batch that is sent */
	struct list_head	spare;		/* requests to be used again */
	unsigned int		nr_spare;
	struct dst_ioc_counters	counters;
};

static inline bool dst_target_is_dead(const struct dst_target *target)
{
	return test_bit(DST_TARGET_DEAD, &target->flags);
}

struct dst_target *dst_target_get(void);
void dst_target_put(struct dst_target *target);
void dst_target_run(struct dst_target *target, struct dst_portal *portal,
		    struct socket *sock, const struct dst_peer *peer);
void dst_target_set(struct dst_target *target, enum dst_target_flag flag);
void dst_target_done(struct dst_request *req);
void dst_target_wait_all_gone(void);
void dst_target_wait_export(struct dst_export *export, unsigned int refs);
int dst_target_module_init(void);
void dst_target_module_exit(void);
int dst_target_init_pool(mempool_t *pool);
unsigned int dst_target_oldest_ms(const struct dst_target *target);

/* ---- dst_hash.c -------------------------------------------------------- */

int dst_hash_module_init(void);
void dst_hash_module_exit(void);
int dst_hash_range(struct dst_request *req);

#endif /* DST_TARGET_H */
