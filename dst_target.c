// SPDX-License-Identifier: GPL-2.0-only
/*
 * One connection of a client, and the thread that serves it.
 *
 * The thread receives requests, checks them, submits them, collects what has
 * been done and answers. It never waits for a client, and for a disk only once
 * in submit_bio(), where the queue of the disk has become full. When the backend
 * completes a request while it is submitted, the reply goes out without any
 * further wake-up.
 */
#include <linux/crc32c.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/tcp.h>

#include "dst_target.h"

/* To say hello, all of it. */
#define DST_TARGET_HELLO_MS		5000
#define DST_TARGET_HELLO_POLL_MS	200
/* How long a client that was refused may take to read that. */
#define DST_TARGET_REFUSED_MS		1000
/* Requests that an export has even when there is no memory left. */
#define DST_TARGET_POOL_REQUESTS	64
/* Each target keeps so many for its next ones. */
#define DST_TARGET_SPARE_REQUESTS	32
#define DST_TARGET_RX_BUDGET		(1024 * 1024)
/* Look for memory again. */
#define DST_TARGET_RETRY_MS		10
/* A client host that is gone is noticed by TCP after about 25 s. */
#define DST_TARGET_TCP_IDLE_S		10
#define DST_TARGET_TCP_INTERVAL_S	5
#define DST_TARGET_TCP_PROBES		3

static struct kmem_cache *dst_request_cache;
/* Targets that have not been reaped; module exit waits for them. */
static atomic_t dst_target_alive = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(dst_target_gone);

/* No more than so many wait for a connection. */
#define DST_TARGET_IDLE_MOST		16

static DEFINE_SPINLOCK(dst_target_idle_lock);
static LIST_HEAD(dst_target_idle);	/* dst_target_idle_lock */
static unsigned int dst_target_nr_idle;	/* dst_target_idle_lock */
static DECLARE_WAIT_QUEUE_HEAD(dst_target_parked);	/* one more is idle */
/* Wait so long for one before looking for other things to do. */
#define DST_TARGET_MAKE_MS		1000

/**
 * dst_target_set - tell a target something
 * @target: on its export's list, or one's own
 * @flag: what
 *
 * Context: any.
 */
void dst_target_set(struct dst_target *target, enum dst_target_flag flag)
{
	set_bit(flag, &target->flags);
	/* the thread looks at the flags after it has said that it will sleep */
	wake_up_process(target->thread);
}

/**
 * dst_target_module_init - set up the cache of requests
 *
 * Return: 0 or -ENOMEM.
 */
int dst_target_module_init(void)
{
	dst_request_cache = KMEM_CACHE(dst_request, SLAB_HWCACHE_ALIGN);
	return dst_request_cache ? 0 : -ENOMEM;
}

/**
 * dst_target_init_pool - reserve requests for one export
 * @pool: of the export; freed by mempool_exit()
 *
 * Return: 0 or -ENOMEM.
 */
int dst_target_init_pool(mempool_t *pool)
{
	return mempool_init_slab_pool(pool, DST_TARGET_POOL_REQUESTS,
				      dst_request_cache);
}

/* ---- requests ---------------------------------------------------------- */

/* What the network keeps for longer must not use up the reserve. */
static void dst_target_refill_pages(mempool_t *pool)
{
	struct page *page;

	if (likely(READ_ONCE(pool->curr_nr) >= pool->min_nr))
		return;
	page = dst_pages_get(GFP_NOWAIT | __GFP_NOWARN);
	if (page)
		mempool_free(page, pool);
}

static void dst_target_free_pages(struct dst_request *req)
{
	mempool_t *pool = &req->target->export->pages;
	struct bvec_iter_all iter;
	struct bio_vec *bv;

	if (!req->bio.bi_vcnt)
		return;
	bio_for_each_segment_all(bv, &req->bio, iter) {
		/* a page that a socket still refers to can't be given out */
		if (page_ref_count(bv->bv_page) == 1) {
			mempool_free(bv->bv_page, pool);
		} else {
			dst_pages_put(bv->bv_page);
			dst_target_refill_pages(pool);
		}
	}
	req->bio.bi_vcnt = 0;
}

/*
 * Give back the credit. Once, and before the reply goes out: the client counts
 * on it as soon as it sees the header.
 */
static void dst_target_uncount(struct dst_request *req)
{
	struct dst_target *target = req->target;

	if (!req->counted)
		return;
	req->counted = false;
	WRITE_ONCE(target->open, target->open - 1);
	if (dst_wire_has_data(req->op))
		WRITE_ONCE(target->open_bytes,
			   target->open_bytes - req->length_bytes);
}

/* Not while the reserve has to be filled up: others may wait for that. */
static void dst_target_spare_request(struct dst_target *target,
				     struct dst_request *req)
{
	mempool_t *pool = &target->export->requests;

	if (target->nr_spare == DST_TARGET_SPARE_REQUESTS ||
	    READ_ONCE(pool->curr_nr) < pool->min_nr) {
		mempool_free(req, pool);
		return;
	}
	list_add(&req->entry, &target->spare);
	target->nr_spare++;
}

static struct dst_request *dst_target_take_spare(struct dst_target *target)
{
	struct dst_request *req;

	req = list_first_entry_or_null(&target->spare, struct dst_request,
				       entry);
	if (req) {
		list_del(&req->entry);
		target->nr_spare--;
	}
	return req;
}

static void dst_target_free_request(struct dst_request *req)
{
	struct dst_target *target = req->target;

	dst_target_free_pages(req);
	dst_target_uncount(req);
	bio_uninit(&req->bio);
	if (req->vecs)
		mempool_free(req->vecs, &target->export->vecs);
	dst_target_spare_request(target, req);
}

static bool dst_target_add_pages(struct dst_request *req, u32 bytes)
{
	mempool_t *pool = &req->target->export->pages;

	for (; bytes; bytes -= min_t(u32, bytes, PAGE_SIZE)) {
		struct page *page = mempool_alloc(pool, GFP_NOWAIT |
						  __GFP_NOWARN);

		if (!page)
			return false;
		/* can't fail: the bio was made for so many */
		__bio_add_page(&req->bio, page, min_t(u32, bytes, PAGE_SIZE), 0);
	}
	return true;
}

/* How much data goes one way or the other with a request. */
static u32 dst_target_data_bytes(u8 op, u32 length_bytes)
{
	if (dst_wire_has_data(op))
		return length_bytes;
	return op == DST_PROTO_OP_HASH ? DST_PROTO_HASH_LEN : 0;
}

static struct dst_request *dst_target_get_request(struct dst_target *target,
						  unsigned int nr_vecs)
{
	const gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;
	struct dst_export *export = target->export;
	struct dst_request *req = dst_target_take_spare(target) ?:
				  mempool_alloc(&export->requests, gfp);

	if (!req)
		return NULL;
	req->vecs = NULL;
	if (nr_vecs > DST_REQUEST_INLINE_VECS) {
		req->vecs = mempool_alloc(&export->vecs, gfp);
		if (!req->vecs) {
			mempool_free(req, &export->requests);
			return NULL;
		}
	}
	bio_init(&req->bio, dst_backend_bdev(&export->backend),
		 req->vecs ?: req->inline_vecs,
		 max_t(unsigned int, nr_vecs, DST_REQUEST_INLINE_VECS),
		 REQ_OP_READ);
	return req;
}

/*
 * Memory comes without waiting: this thread must go on to answer what is done,
 * which is what gives memory back.
 */
static struct dst_request *
dst_target_alloc_request(struct dst_target *target,
			 const struct dst_proto_request *p, u8 status)
{
	struct dst_export *export = target->export;
	struct dst_request *req;
	u32 bytes = 0;

	if (status == DST_PROTO_ST_OK)
		bytes = dst_target_data_bytes(p->op,
					      le32_to_cpu(p->length_bytes));
	req = dst_target_get_request(target, DIV_ROUND_UP(bytes, PAGE_SIZE));
	if (!req)
		return NULL;
	req->target = target;
	INIT_LIST_HEAD(&req->entry);
	req->id = le64_to_cpu(p->id);
	req->sector = le64_to_cpu(p->sector);
	req->length_bytes = le32_to_cpu(p->length_bytes);
	req->data_crc = le32_to_cpu(p->data_crc);
	req->tag = le16_to_cpu(p->tag);
	req->op = p->op;
	req->flags = p->flags;
	/* a replay of one client could overwrite what another wrote since */
	if (export->shared && dst_wire_is_modification(req->op))
		req->flags |= DST_PROTO_REQ_FUA;
	req->status = status;
	req->started = jiffies;
	req->counted = true;
	WRITE_ONCE(target->open, target->open + 1);
	if (dst_wire_has_data(req->op))
		WRITE_ONCE(target->open_bytes,
			   target->open_bytes + req->length_bytes);
	if (!dst_target_add_pages(req, bytes)) {
		dst_target_free_request(req);
		return NULL;
	}
	return req;
}

/* ---- receiving --------------------------------------------------------- */

static bool dst_target_exceeds_credit(const struct dst_target *target,
				      const struct dst_proto_request *p)
{
	if (target->open >= target->credit_slots + DST_PROTO_RESERVED_SLOTS)
		return true;
	return dst_wire_has_data(p->op) &&
	       target->open_bytes + le32_to_cpu(p->length_bytes) >
	       target->credit_bytes;
}

static void dst_target_limits(const struct dst_target *target,
			      struct dst_wire_limits *lim)
{
	const struct dst_export *export = target->export;

	lim->size_bytes = READ_ONCE(export->size_bytes);
	lim->block_bytes = export->backend.logical_block_bytes;
	lim->max_transfer_bytes = DST_PROTO_MAX_TRANSFER_BYTES;
	lim->read_only = !target->rw;
	lim->discard = export->backend.discard;
	lim->write_zeroes = export->backend.write_zeroes;
}

static void dst_target_expect_data(struct dst_target *target,
				   struct dst_request *req)
{
	struct dst_conn *conn = &target->conn;

	target->rx_req = req;
	conn->rx_left = req->length_bytes;
	conn->rx_skip = req->status != DST_PROTO_ST_OK;
	iov_iter_bvec(&conn->rx_iter, ITER_DEST, req->bio.bi_io_vec,
		      req->bio.bi_vcnt, req->length_bytes);
}

static int dst_target_header(struct dst_conn *conn)
{
	struct dst_target *target = container_of(conn, struct dst_target, conn);
	const struct dst_proto_request *p = &conn->rx.request;
	struct dst_wire_limits lim;
	struct dst_request *req;

	if (dst_wire_check_request(p) || dst_target_exceeds_credit(target, p)) {
		target->counters.malformed++;
		return -EPROTO;
	}
	dst_target_limits(target, &lim);
	req = dst_target_alloc_request(target, p,
				       dst_wire_check_bounds(p, &lim));
	if (!req)
		return -EAGAIN;
	if (req->op == DST_PROTO_OP_WRITE && req->length_bytes)
		dst_target_expect_data(target, req);
	else
		list_add_tail(&req->entry, &target->ready);
	return 0;
}

static u32 dst_target_crc(struct bio *bio)
{
	struct bvec_iter_all iter;
	u32 crc = ~0U;
	struct bio_vec *bv;

	bio_for_each_segment_all(bv, bio, iter)
		crc = crc32c(crc, bvec_virt(bv), bv->bv_len);
	return ~crc;
}

static int dst_target_data(struct dst_conn *conn)
{
	struct dst_target *target = container_of(conn, struct dst_target, conn);
	struct dst_request *req = target->rx_req;

	target->rx_req = NULL;
	conn->rx_skip = false;
	if (target->digest && req->status == DST_PROTO_ST_OK &&
	    dst_target_crc(&req->bio) != req->data_crc)
		req->status = DST_PROTO_ST_DIGEST;
	list_add_tail(&req->entry, &target->ready);
	return 0;
}

static void dst_target_ready(struct dst_conn *conn)
{
	dst_target_set(container_of(conn, struct dst_target, conn),
		       DST_TARGET_READABLE);
}

static void dst_target_writable(struct dst_conn *conn)
{
	dst_target_set(container_of(conn, struct dst_target, conn),
		       DST_TARGET_WRITABLE);
}

static void dst_target_broken(struct dst_conn *conn)
{
	dst_target_set(container_of(conn, struct dst_target, conn),
		       DST_TARGET_BROKEN);
}

static const struct dst_conn_ops dst_target_conn_ops = {
	.header		= dst_target_header,
	.data		= dst_target_data,
	.ready		= dst_target_ready,
	.writable	= dst_target_writable,
	.broken		= dst_target_broken,
};

/* Return: true if there was something. */
static bool dst_target_receive(struct dst_target *target)
{
	int ret;

	if (!test_and_clear_bit(DST_TARGET_READABLE, &target->flags) &&
	    !target->rx_stalled)
		return false;
	target->rx_stalled = false;
	ret = dst_conn_read(&target->conn, DST_TARGET_RX_BUDGET);
	if (ret == -EAGAIN) {
		target->rx_stalled = true;
		return !list_empty(&target->ready);
	}
	if (ret < 0)
		set_bit(DST_TARGET_BROKEN, &target->flags);
	else if (ret >= DST_TARGET_RX_BUDGET)
		set_bit(DST_TARGET_READABLE, &target->flags);
	return ret != 0;
}

/* ---- executing --------------------------------------------------------- */

/**
 * dst_target_done - a request has been executed
 * @req: its status is set; not to be touched any more
 *
 * Context: any.
 */
void dst_target_done(struct dst_request *req)
{
	struct dst_target *target = req->target;

	/* the thread may take it and go, but its memory stays for so long */
	rcu_read_lock();
	/* an interrupt may have come while the thread was about to sleep */
	if (llist_add(&req->done, &target->done) &&
	    !(in_task() && current == target->thread))
		wake_up_process(target->thread);
	rcu_read_unlock();
}

static void dst_target_count(struct dst_target *target,
			     const struct dst_request *req)
{
	struct dst_ioc_counters *c = &target->counters;

	switch (req->op) {
	case DST_PROTO_OP_READ:
		c->reads++;
		c->read_bytes += req->length_bytes;
		break;
	case DST_PROTO_OP_WRITE:
		c->writes++;
		c->write_bytes += req->length_bytes;
		break;
	case DST_PROTO_OP_FLUSH:
		c->flushes++;
		break;
	case DST_PROTO_OP_DISCARD:
	case DST_PROTO_OP_WRITE_ZEROES:
		c->discards++;
		break;
	}
}

/* For others to see how long the backend has been busy. */
static void dst_target_publish_oldest(struct dst_target *target)
{
	const struct dst_request *req;

	req = list_first_entry_or_null(&target->running, struct dst_request,
				       entry);
	WRITE_ONCE(target->oldest, req ? req->started | 1 : 0);
}

static bool dst_target_execute_all(struct dst_target *target)
{
	struct dst_request *req, *next;
	struct blk_plug plug;

	if (list_empty(&target->ready))
		return false;
	/* a client that never sent a request has nothing to send again */
	if (unlikely(!READ_ONCE(target->session->established)))
		WRITE_ONCE(target->session->established, true);
	blk_start_plug(&plug);
	list_for_each_entry_safe(req, next, &target->ready, entry) {
		dst_target_count(target, req);
		if (req->status != DST_PROTO_ST_OK ||
		    req->op == DST_PROTO_OP_PING ||
		    req->op == DST_PROTO_OP_BYE) {
			list_move_tail(&req->entry, &target->replies);
			continue;
		}
		list_move_tail(&req->entry, &target->running);
		if (!target->oldest)
			dst_target_publish_oldest(target);
		dst_backend_execute(req);
	}
	blk_finish_plug(&plug);
	return true;
}

/**
 * dst_target_oldest_ms - how long has the backend had a request of a target?
 * @target: on its export's list
 *
 * Return: ms, 0 if it has none.
 */
unsigned int dst_target_oldest_ms(const struct dst_target *target)
{
	unsigned long oldest = READ_ONCE(target->oldest);

	return oldest ? jiffies_to_msecs(jiffies - oldest + 1) : 0;
}

static bool dst_target_collect(struct dst_target *target)
{
	struct llist_node *done = llist_del_all(&target->done);
	struct dst_request *req, *next;

	if (!done)
		return false;
	llist_for_each_entry_safe(req, next, llist_reverse_order(done), done) {
		if (req->op == DST_PROTO_OP_WRITE)
			dst_target_free_pages(req);
		list_move_tail(&req->entry, &target->replies);
	}
	return true;
}

/* ---- answering --------------------------------------------------------- */

static bool dst_target_is_durable(const struct dst_target *target,
				  const struct dst_request *req)
{
	return req->op == DST_PROTO_OP_FLUSH ||
	       (dst_wire_is_modification(req->op) &&
		(req->flags & DST_PROTO_REQ_FUA ||
		 !dst_backend_is_volatile(&target->export->backend)));
}

static u32 dst_target_reply_bytes(const struct dst_request *req)
{
	if (req->status != DST_PROTO_ST_OK || req->op == DST_PROTO_OP_WRITE)
		return 0;
	return dst_target_data_bytes(req->op, req->length_bytes);
}

static struct dst_proto_reply *dst_target_new_reply(struct dst_target *target,
						    u8 op)
{
	struct dst_proto_reply *r = dst_conn_tx_header(&target->conn, sizeof(*r));

	memset(r, 0, sizeof(*r));
	r->magic = cpu_to_le32(DST_PROTO_REPLY_MAGIC);
	r->op = op;
	r->credit_bytes = cpu_to_le32(target->credit_bytes);
	r->credit_slots = cpu_to_le16(target->credit_slots);
	return r;
}

static void dst_target_put_reply(struct dst_target *target,
				 struct dst_request *req)
{
	struct dst_proto_reply *r = dst_target_new_reply(target, req->op);
	u32 bytes = dst_target_reply_bytes(req);
	unsigned int i;

	dst_target_uncount(req);
	r->status = req->status;
	r->tag = cpu_to_le16(req->tag);
	r->id = cpu_to_le64(req->id);
	r->length_bytes = cpu_to_le32(bytes);
	if (req->status == DST_PROTO_ST_OK &&
	    dst_target_is_durable(target, req))
		r->flags = cpu_to_le16(DST_PROTO_REPLY_DURABLE);
	if (bytes && target->digest)
		r->data_crc = cpu_to_le32(dst_target_crc(&req->bio));
	dst_wire_seal(r, sizeof(*r));
	for (i = 0; bytes && i < req->bio.bi_vcnt; i++)
		dst_conn_tx_bvec(&target->conn, &req->bio.bi_io_vec[i]);
	if (req->status != DST_PROTO_ST_OK)
		target->counters.errors++;
	if (req->op == DST_PROTO_OP_BYE)
		target->said_bye = true;
}

static void dst_target_put_resized(struct dst_target *target)
{
	struct dst_proto_reply *r = dst_target_new_reply(target,
							 DST_PROTO_OP_RESIZED);

	r->id = cpu_to_le64(READ_ONCE(target->export->size_bytes));
	dst_wire_seal(r, sizeof(*r));
}

static bool dst_target_fill(struct dst_target *target)
{
	struct dst_conn *conn = &target->conn;
	struct dst_request *req, *next;
	unsigned int headers;

	headers = dst_conn_tx_prepare(conn, sizeof(struct dst_proto_reply));
	if (test_and_clear_bit(DST_TARGET_RESIZED, &target->flags)) {
		dst_target_put_resized(target);
		headers--;
	}
	list_for_each_entry_safe(req, next, &target->replies, entry) {
		if (!headers-- || conn->tx_bytes >= DST_CONN_TX_BATCH_BYTES ||
		    req->bio.bi_vcnt + 1 > dst_conn_tx_room(conn))
			break;
		dst_target_put_reply(target, req);
		list_move_tail(&req->entry, &target->sending);
	}
	return conn->tx_nr;
}

static void dst_target_free_list(struct list_head *list)
{
	struct dst_request *req, *next;

	list_for_each_entry_safe(req, next, list, entry) {
		list_del(&req->entry);
		dst_target_free_request(req);
	}
}

/* Return: true if something was sent completely. */
static bool dst_target_send(struct dst_target *target)
{
	struct dst_conn *conn = &target->conn;
	int ret;

	/* what has ended badly because of that is not to be answered */
	if (unlikely(dst_target_is_dead(target)))
		return false;
	if (conn->tx_active) {
		if (!test_and_clear_bit(DST_TARGET_WRITABLE, &target->flags))
			return false;
	} else if (list_empty(&target->replies) &&
		   !test_bit(DST_TARGET_RESIZED, &target->flags)) {
		return false;
	} else if (!dst_target_fill(target)) {
		return false;
	}
	ret = dst_conn_tx_push(conn);
	if (ret == -EAGAIN)
		return false;
	if (ret)
		set_bit(DST_TARGET_BROKEN, &target->flags);
	/* what TCP has still to send it holds by reference */
	dst_target_free_list(&target->sending);
	if (target->said_bye)
		dst_session_bye(target);
	return true;
}

/* ---- the thread -------------------------------------------------------- */

static bool dst_target_has_work(const struct dst_target *target)
{
	unsigned long flags = READ_ONCE(target->flags);

	/* what can't be acted on now must not keep us awake */
	flags &= ~(target->conn.tx_active ? BIT(DST_TARGET_RESIZED) :
					    BIT(DST_TARGET_WRITABLE));
	return flags || !llist_empty(&target->done);
}

static void dst_target_sleep(struct dst_target *target, long timeout)
{
	/* pairs with the wake-up after a flag is set or a request is done */
	set_current_state(TASK_IDLE);
	if (!dst_target_has_work(target))
		schedule_timeout(timeout);
	__set_current_state(TASK_RUNNING);
}

static void dst_target_serve(struct dst_target *target)
{
	bool busy;

	set_bit(DST_TARGET_READABLE, &target->flags);
	for (;;) {
		if (target->flags & (BIT(DST_TARGET_DEAD) |
				     BIT(DST_TARGET_BROKEN)))
			return;
		busy = dst_target_receive(target);
		busy |= dst_target_execute_all(target);
		busy |= dst_target_collect(target);
		dst_target_publish_oldest(target);
		busy |= dst_target_send(target);
		cond_resched();
		if (!busy)
			dst_target_sleep(target, target->rx_stalled ?
					 msecs_to_jiffies(DST_TARGET_RETRY_MS) :
					 MAX_SCHEDULE_TIMEOUT);
	}
}

/*
 * Nothing more is executed. Wait until what runs has ended: the backend may
 * take its time, and others want to know how much.
 */
static void dst_target_drain(struct dst_target *target)
{
	struct dst_request *req;

	/* what waits for a worker needn't be done any more */
	set_bit(DST_TARGET_DEAD, &target->flags);
	if (target->rx_req)
		dst_target_free_request(target->rx_req);
	target->rx_req = NULL;
	dst_target_free_list(&target->ready);
	for (;;) {
		dst_target_collect(target);
		dst_target_publish_oldest(target);
		dst_target_free_list(&target->replies);
		dst_target_free_list(&target->sending);
		if (list_empty(&target->running))
			break;
		/* pairs with the wake-up in dst_target_done() */
		set_current_state(TASK_IDLE);
		if (llist_empty(&target->done))
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	while ((req = dst_target_take_spare(target)))
		mempool_free(req, &target->export->requests);
}

static int dst_target_recv_hello(struct dst_target *target,
				 struct socket *sock,
				 struct dst_proto_hello *hello)
{
	unsigned long end = jiffies + msecs_to_jiffies(DST_TARGET_HELLO_MS);
	size_t have = 0;

	sock->sk->sk_rcvtimeo = msecs_to_jiffies(DST_TARGET_HELLO_POLL_MS);
	sock->sk->sk_sndtimeo = msecs_to_jiffies(DST_TARGET_REFUSED_MS);
	while (have < sizeof(*hello)) {
		struct msghdr msg = { };
		struct kvec iov = {
			.iov_base = (u8 *)hello + have,
			.iov_len = sizeof(*hello) - have,
		};
		int ret = kernel_recvmsg(sock, &msg, &iov, 1, iov.iov_len, 0);

		if (ret > 0)
			have += ret;
		else if (ret != -EAGAIN)
			return ret ?: -ECONNRESET;
		if (time_after(jiffies, end) ||
		    READ_ONCE(target->portal->closing))
			return -ETIMEDOUT;
	}
	return dst_wire_check_hello(hello);
}

static int dst_target_join(struct dst_target *target,
			   const struct dst_proto_hello *hello,
			   struct dst_proto_welcome *w)
{
	bool rw;

	if (le16_to_cpu(hello->version_min) > DST_PROTO_VERSION_MAX ||
	    le16_to_cpu(hello->version_max) < DST_PROTO_VERSION_MIN)
		return DST_PROTO_JOIN_VERSION;
	target->export = dst_export_find(target->portal, hello->export);
	if (!target->export)
		return DST_PROTO_JOIN_REFUSED;
	if (!dst_export_allows(target->export, &target->peer, &rw)) {
		spin_lock(&target->export->lock);
		target->export->counters.refused++;
		spin_unlock(&target->export->lock);
		return DST_PROTO_JOIN_REFUSED;
	}
	target->rw = rw && !(le32_to_cpu(hello->flags) &
			     DST_PROTO_HELLO_READ_ONLY);
	target->digest = le64_to_cpu(hello->features) & DST_PROTO_F_DIGEST;
	target->lane = le16_to_cpu(hello->lane);
	return dst_session_join(target, hello, w);
}

static void dst_target_leave_portal(struct dst_target *target)
{
	struct dst_portal *portal = target->portal;

	target->portal = NULL;
	/* the portal may be freed as soon as we have left it */
	if (atomic_dec_and_lock(&portal->joining, &portal->wait.lock)) {
		wake_up_locked(&portal->wait);
		spin_unlock(&portal->wait.lock);
	}
}

/* Let a client that was refused read why before the connection is reset. */
static void dst_target_linger(struct socket *sock)
{
	u8 rest;

	kernel_sock_shutdown(sock, SHUT_WR);
	sock->sk->sk_rcvtimeo = msecs_to_jiffies(DST_TARGET_REFUSED_MS);
	dst_conn_recv_raw(sock, &rest, sizeof(rest));
}

/* Return: true if the client has joined. */
static bool dst_target_handshake(struct dst_target *target, struct socket *sock)
{
	struct dst_proto_welcome w = { };
	struct dst_proto_hello hello;
	int status, ret;

	ret = dst_target_recv_hello(target, sock, &hello);
	if (ret && ret != -EINVAL)
		return false;
	status = ret ? DST_PROTO_JOIN_INVALID :
		       dst_target_join(target, &hello, &w);
	w.magic = cpu_to_le32(DST_PROTO_WELCOME_MAGIC);
	w.version = cpu_to_le16(min_t(u16, DST_PROTO_VERSION_MAX,
				      le16_to_cpu(hello.version_max)));
	w.status = status;
	memcpy(w.client_nonce, hello.nonce, sizeof(w.client_nonce));
	dst_wire_seal(&w, sizeof(w));
	if (dst_conn_send_raw(sock, &w, sizeof(w)))
		return false;
	if (status != DST_PROTO_JOIN_OK)
		dst_target_linger(sock);
	return status == DST_PROTO_JOIN_OK;
}

static void dst_target_setup_socket(struct socket *sock)
{
	struct sock *sk = sock->sk;

	dst_conn_setup_socket(sock);
	tcp_sock_set_keepidle(sk, DST_TARGET_TCP_IDLE_S);
	tcp_sock_set_keepintvl(sk, DST_TARGET_TCP_INTERVAL_S);
	tcp_sock_set_keepcnt(sk, DST_TARGET_TCP_PROBES);
	sock_set_keepalive(sk);
}

/* Return: false if there will be no connection. */
static bool dst_target_await_socket(struct dst_target *target)
{
	struct socket *sock;

	for (;;) {
		set_current_state(TASK_IDLE);
		/* pairs with smp_store_release() in dst_target_run() */
		sock = smp_load_acquire(&target->conn.sock);
		if (sock || kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return sock;
}

/* One connection, from hello until nothing of it runs any more. */
static void dst_target_connection(struct dst_target *target)
{
	struct socket *sock = target->conn.sock;
	unsigned int noreclaim;
	bool joined;

	/* memory may be short for the want of just this connection */
	noreclaim = memalloc_noreclaim_save();
	dst_target_setup_socket(sock);
	joined = dst_target_handshake(target, sock);
	memalloc_noreclaim_restore(noreclaim);
	if (joined) {
		dst_target_leave_portal(target);
		dst_conn_start(&target->conn, sock);
		if (READ_ONCE(sock->sk->sk_state) == TCP_ESTABLISHED)
			dst_target_serve(target);
		dst_conn_shut(&target->conn);
		dst_conn_close(&target->conn);
		dst_target_drain(target);
	} else {
		dst_conn_release_socket(sock);
		target->conn.sock = NULL;
		dst_target_leave_portal(target);
	}
	if (target->session)
		dst_session_leave(target);
}

static void dst_target_reset(struct dst_target *target)
{
	target->flags = 0;
	target->session = NULL;
	target->export = NULL;
	target->epoch = 0;
	target->lane = 0;
	target->rw = false;
	target->digest = false;
	target->credit_bytes = 0;
	target->credit_slots = 0;
	target->rx_stalled = false;
	target->open = 0;
	target->open_bytes = 0;
	target->oldest = 0;
	target->said_bye = false;
	memset(&target->counters, 0, sizeof(target->counters));
}

/* Return: true if the target waits for its next connection now. */
static bool dst_target_park(struct dst_target *target)
{
	bool park;

	spin_lock(&dst_target_idle_lock);
	park = dst_target_nr_idle < DST_TARGET_IDLE_MOST;
	if (park) {
		list_add(&target->idle, &dst_target_idle);
		dst_target_nr_idle++;
	}
	spin_unlock(&dst_target_idle_lock);
	if (park)
		wake_up_all(&dst_target_parked);
	return park;
}

static int dst_target_main(void *data)
{
	struct dst_target *target = data;
	struct dst_export *export;

	memalloc_noio_save();
	current->flags |= PF_LOCAL_THROTTLE;
	while (dst_target_await_socket(target)) {
		dst_target_connection(target);
		export = target->export;
		dst_target_reset(target);
		if (export)
			dst_export_put(export);
		if (!dst_target_park(target)) {
			queue_work(dst_wq, &target->reap);
			break;
		}
		atomic_dec(&dst_target_alive);
		wake_up_all(&dst_target_gone);
	}
	return 0;
}

static void dst_target_free(struct rcu_head *rcu)
{
	struct dst_target *target = container_of(rcu, struct dst_target, rcu);

	put_task_struct(target->thread);
	dst_conn_destroy(&target->conn);
	kfree(target);
}

static void dst_target_discard(struct dst_target *target)
{
	kthread_stop(target->thread);
	dst_target_free(&target->rcu);
}

static void dst_target_reap(struct work_struct *work)
{
	struct dst_target *target = container_of(work, struct dst_target, reap);

	/* waits until the thread has left the module's code */
	kthread_stop(target->thread);
	call_rcu(&target->rcu, dst_target_free);
	atomic_dec(&dst_target_alive);
	wake_up_all(&dst_target_gone);
}

/**
 * dst_target_wait_export - wait until targets have let go of an export
 * @export: off the table, with no target joined
 * @refs: references that are not of targets
 *
 * Context: process, sleeps.
 */
void dst_target_wait_export(struct dst_export *export, unsigned int refs)
{
	wait_event(dst_target_gone, kref_read(&export->ref) == refs);
}

/**
 * dst_target_wait_all_gone - wait until the last target has been reaped
 *
 * Context: module exit: no portal is left that could make new ones.
 */
void dst_target_wait_all_gone(void)
{
	wait_event(dst_target_gone, !atomic_read(&dst_target_alive));
}

/* Making one may wait for memory, and so for a client on this machine. */
static struct dst_target *dst_target_create(void)
{
	struct dst_target *target = kzalloc(sizeof(*target), GFP_KERNEL);

	if (!target)
		return NULL;
	if (dst_conn_init(&target->conn, &dst_target_conn_ops,
			  sizeof(struct dst_proto_request)))
		goto err_free;
	init_llist_head(&target->done);
	INIT_LIST_HEAD(&target->ready);
	INIT_LIST_HEAD(&target->running);
	INIT_LIST_HEAD(&target->replies);
	INIT_LIST_HEAD(&target->sending);
	INIT_LIST_HEAD(&target->spare);
	INIT_WORK(&target->reap, dst_target_reap);
	target->thread = kthread_create(dst_target_main, target, "dst-target");
	if (IS_ERR(target->thread))
		goto err_destroy;
	get_task_struct(target->thread);
	wake_up_process(target->thread);
	return target;

err_destroy:
	dst_conn_destroy(&target->conn);
err_free:
	kfree(target);
	return NULL;
}

static void dst_target_make(struct work_struct *work)
{
	struct dst_target *target = dst_target_create();

	if (target)
		dst_target_put(target);
}

static DECLARE_WORK(dst_target_make_work, dst_target_make);

static struct dst_target *dst_target_take_idle(void)
{
	struct dst_target *target;

	spin_lock(&dst_target_idle_lock);
	target = list_first_entry_or_null(&dst_target_idle, struct dst_target,
					  idle);
	if (target) {
		list_del(&target->idle);
		dst_target_nr_idle--;
	}
	spin_unlock(&dst_target_idle_lock);
	return target;
}

/**
 * dst_target_get - get ready to serve a connection
 *
 * One that has served before is taken first. If there is none, one is being
 * made; one that ends its service meanwhile may be there sooner, and must not
 * be missed: the memory for a new one may be waiting for this connection.
 *
 * Context: a portal's thread; sleeps, but not for memory.
 * Return: a target for dst_target_run() or dst_target_put(), or NULL if none
 * has come within a second.
 */
struct dst_target *dst_target_get(void)
{
	struct dst_target *target = dst_target_take_idle();

	if (target)
		return target;
	queue_work(dst_event_wq, &dst_target_make_work);
	wait_event_idle_timeout(dst_target_parked,
				(target = dst_target_take_idle()) ||
				kthread_should_stop(),
				msecs_to_jiffies(DST_TARGET_MAKE_MS));
	return target;
}

/**
 * dst_target_put - there was no connection to serve
 * @target: from dst_target_get(); not the caller's any more
 *
 * Context: process, sleeps.
 */
void dst_target_put(struct dst_target *target)
{
	if (!dst_target_park(target))
		dst_target_discard(target);
}

/**
 * dst_target_run - serve a connection that has been accepted
 * @target: from dst_target_get(); not the caller's any more
 * @portal: where
 * @sock: the connection; not the caller's any more
 * @peer: who
 *
 * Context: process; allocates nothing.
 */
void dst_target_run(struct dst_target *target, struct dst_portal *portal,
		    struct socket *sock, const struct dst_peer *peer)
{
	struct task_struct *thread = target->thread;

	target->peer = *peer;
	target->portal = portal;
	atomic_inc(&portal->joining);
	atomic_inc(&dst_target_alive);
	get_task_struct(thread);
	/* pairs with dst_target_await_socket(): it may be gone afterwards */
	smp_store_release(&target->conn.sock, sock);
	wake_up_process(thread);
	put_task_struct(thread);
}

/**
 * dst_target_module_exit - undo dst_target_module_init()
 *
 * Context: no portal and no connection is left. Sleeps.
 */
void dst_target_module_exit(void)
{
	struct dst_target *target, *next;

	cancel_work_sync(&dst_target_make_work);
	/* nobody is left who would take one from the list, or put one there */
	list_for_each_entry_safe(target, next, &dst_target_idle, idle)
		dst_target_discard(target);
	kmem_cache_destroy(dst_request_cache);
}
