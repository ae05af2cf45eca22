// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lanes of the client: one TCP connection each, carrying requests one way and
 * replies the other.
 *
 * Whoever submits sends: it queues its transaction and tries tx_mutex; if
 * somebody else is sending, that one finds the transaction when it looks again
 * after unlocking. Replies are handled where they arrive, mostly in softirq,
 * and end the bio there.
 *
 * A lane that fails is taken apart by its worker (dst_join.c), which then
 * connects anew. Modifications that had been sent stay with their lane until
 * the server has said that nothing of the old connection runs any more; all
 * else goes to other lanes at once.
 */
#include <linux/crc32c.h>
#include <linux/list_sort.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dst.h"
#include "dst_trace.h"

/* After so many sends a submitter leaves the rest to the worker. */
#define DST_LANE_SEND_ROUNDS	16
/* Receive at most so much in softirq at a time. */
#define DST_LANE_RX_BUDGET	(512 * 1024)
/* Give up on a request whose data arrives damaged that often. */
#define DST_LANE_DIGEST_TRIES	8
/* Zeroing and the like may take long: have no more than so many at a time. */
#define DST_LANE_MAX_RANGES	8
/* What has ended already is sent when there is so much of it, or a tick later. */
#define DST_LANE_EARLY_BATCH	32
/* Of what the server grants, one request of such takes at most a part. */
#define DST_LANE_SHARE_PART		4
/* Sample the latency of one transaction in so many (a power of 2). */
#define DST_LANE_SAMPLE		16

/* ---- sending ---------------------------------------------------------- */

/* The lane's own requests are part of it and never ended. */
static bool dst_lane_is_own(const struct dst_trans *t)
{
	return t->op == DST_PROTO_OP_PING || t->op == DST_PROTO_OP_BYE;
}

/* May @t go out under the credits that the server gave? */
static bool dst_lane_has_credit(struct dst_lane *lane,
				const struct dst_trans *t)
{
	if (!lane->nr_free)
		return false;
	if (dst_lane_is_own(t))
		return true;
	/* flushes may pass data, but the last slot is for the lane's own */
	if (t->op == DST_PROTO_OP_FLUSH)
		return lane->nr_free > 1;
	/* the last slots are for those that must always pass */
	if (lane->nr_free <= DST_PROTO_RESERVED_SLOTS ||
	    lane->open >= lane->credit_slots)
		return false;
	if (!dst_wire_has_data(t->op))
		return lane->open_ranges < DST_LANE_MAX_RANGES;
	return lane->open_bytes + t->length_bytes <= lane->credit_bytes;
}

static struct dst_trans *dst_lane_next(struct dst_lane *lane)
{
	struct dst_trans *t;

	lockdep_assert_held(&lane->lock);
	if (lane->state == DST_LANE_DOWN)
		return NULL;
	if (!list_empty(&lane->ping.list))
		t = &lane->ping;
	else
		t = list_first_entry_or_null(&lane->queue, struct dst_trans,
					     list);
	if (!t || !dst_lane_has_credit(lane, t))
		return NULL;
	return t;
}

static u32 dst_lane_bio_crc(struct bio *bio)
{
	struct bvec_iter iter;
	struct bio_vec bv;
	u32 crc = ~0U;

	bio_for_each_segment(bv, bio, iter) {
		void *p = bvec_kmap_local(&bv);

		crc = crc32c(crc, p, bv.bv_len);
		kunmap_local(p);
	}
	return ~crc;
}

static u32 dst_lane_pages_crc(const struct dst_trans *t, u32 crc)
{
	struct page **pages = dst_trans_pages(t);
	u32 left = t->length_bytes, n;
	unsigned int i;

	for (i = 0; i < t->nr_pages; i++, left -= n) {
		n = min_t(u32, left, PAGE_SIZE << t->page_order);
		crc = crc32c(crc, page_address(pages[i]), n);
	}
	return crc;
}

/* Of all the data of a request. */
static u32 dst_lane_request_crc(struct dst_trans *t)
{
	struct dst_trans *o;
	u32 crc;

	if (!t->nr_pages)
		return dst_lane_bio_crc(t->bio);
	crc = dst_lane_pages_crc(t, ~0U);
	list_for_each_entry(o, &t->with, list)
		crc = dst_lane_pages_crc(o, crc);
	return ~crc;
}

static void dst_lane_build_header(struct dst_lane *lane, struct dst_trans *t)
{
	struct dst_proto_request *req =
		dst_conn_tx_header(&lane->conn, sizeof(*req));
	bool digest = lane->dev->digest && t->op == DST_PROTO_OP_WRITE;

	memset(req, 0, sizeof(*req));
	req->magic = cpu_to_le32(DST_PROTO_REQUEST_MAGIC);
	req->op = t->op;
	req->flags = t->flags;
	req->tag = cpu_to_le16(t->tag);
	req->id = cpu_to_le64(t->id);
	req->sector = cpu_to_le64(t->sector);
	req->length_bytes = cpu_to_le32(t->sent_bytes);
	req->data_crc = cpu_to_le32(digest ? dst_lane_request_crc(t) : 0);
	dst_wire_seal(req, sizeof(*req));
}

static unsigned int dst_lane_bio_bvecs(struct bio *bio)
{
	struct bvec_iter iter;
	struct bio_vec bv;
	unsigned int n = 0;

	bio_for_each_bvec(bv, bio, iter)
		n++;
	return n;
}

/* What @t takes of a batch: its header, and the data of a write. */
static unsigned int dst_lane_tx_bvecs(const struct dst_trans *t)
{
	if (t->op != DST_PROTO_OP_WRITE)
		return 1;
	return 1 + (t->nr_pages ?: dst_lane_bio_bvecs(t->bio));
}

static void dst_lane_put_data(struct dst_lane *lane, struct dst_trans *t)
{
	struct page **pages = dst_trans_pages(t);
	u32 left = t->length_bytes;
	struct bvec_iter iter;
	struct bio_vec bv;
	unsigned int i;

	if (!t->nr_pages) {
		bio_for_each_bvec(bv, t->bio, iter)
			dst_conn_tx_bvec(&lane->conn, &bv);
		return;
	}
	for (i = 0; i < t->nr_pages; i++) {
		bvec_set_page(&bv, pages[i],
			      min_t(u32, left, PAGE_SIZE << t->page_order), 0);
		dst_conn_tx_bvec(&lane->conn, &bv);
		left -= bv.bv_len;
	}
}

/*
 * May @t go in the request that @first begins? Only writes that have ended
 * already: nobody waits for any of them, so one answer for all costs nothing.
 */
static bool dst_lane_may_share(const struct dst_lane *lane,
			       const struct dst_trans *first,
			       const struct dst_trans *t)
{
	u32 bytes = first->sent_bytes + t->length_bytes;

	return t->early && !t->alone && t->op == first->op &&
	       t->flags == first->flags && t->phase == first->phase &&
	       t->sector == first->sector + (first->sent_bytes >> SECTOR_SHIFT) &&
	       bytes <= min(lane->dev->info.max_transfer_bytes,
			    lane->credit_bytes / DST_LANE_SHARE_PART) &&
	       lane->open_bytes + bytes <= lane->credit_bytes;
}

static void dst_lane_mark_sent(struct dst_lane *lane, struct dst_trans *t)
{
	t->state = DST_TRANS_SENT;
	t->sent = jiffies;
	if (!t->resends)
		t->since = t->sent;
	t->sent_ns = t->id & (DST_LANE_SAMPLE - 1) ? 0 : ktime_get_ns();
	trace_dst_send(t, lane->index);
}

/* Let those that are next and go on where @first ends share its request. */
static void dst_lane_gather(struct dst_lane *lane, struct dst_trans *first)
{
	struct dst_trans *t, *next;
	unsigned int room;

	lockdep_assert_held(&lane->lock);
	if (first->op != DST_PROTO_OP_WRITE || !first->early || first->alone)
		return;
	room = dst_conn_tx_room(&lane->conn) - dst_lane_tx_bvecs(first);
	list_for_each_entry_safe(t, next, &lane->queue, list) {
		if (!dst_lane_may_share(lane, first, t) || t->nr_pages > room)
			break;
		room -= t->nr_pages;
		first->sent_bytes += t->length_bytes;
		list_move_tail(&t->list, &first->with);
		dst_lane_mark_sent(lane, t);
	}
}

static void dst_lane_put_request(struct dst_lane *lane, struct dst_trans *t)
{
	struct dst_trans *o;

	dst_lane_build_header(lane, t);
	if (t->op == DST_PROTO_OP_WRITE)
		dst_lane_put_data(lane, t);
	list_for_each_entry(o, &t->with, list)
		dst_lane_put_data(lane, o);
	t->end_seq = lane->conn.tx_seq;
}

/* Give @t a slot and put it into the batch. */
static void dst_lane_put(struct dst_lane *lane, struct dst_trans *t)
{
	lockdep_assert_held(&lane->lock);
	list_del_init(&t->list);
	INIT_LIST_HEAD(&t->with);
	t->sent_bytes = t->length_bytes;
	t->tag = lane->free_tags[--lane->nr_free];
	dst_lane_mark_sent(lane, t);
	dst_lane_gather(lane, t);
	lane->slots[t->tag] = t;
	lane->open++;
	if (dst_wire_has_data(t->op))
		lane->open_bytes += t->sent_bytes;
	else if (t->length_bytes)
		lane->open_ranges++;
	dst_lane_put_request(lane, t);
}

/*
 * Gather what can go out in one send. Return: false if there is nothing.
 * @more: does anything that could go have to wait for the next one?
 */
static bool dst_lane_fill(struct dst_lane *lane, bool *more)
{
	struct dst_conn *conn = &lane->conn;
	unsigned int headers;
	struct dst_trans *t;

	headers = dst_conn_tx_prepare(conn, sizeof(struct dst_proto_request));
	spin_lock_bh(&lane->lock);
	WRITE_ONCE(lane->nr_early, 0);
	while ((t = dst_lane_next(lane)) && headers &&
	       conn->tx_bytes < DST_CONN_TX_BATCH_BYTES &&
	       dst_lane_tx_bvecs(t) <= dst_conn_tx_room(conn)) {
		dst_lane_put(lane, t);
		headers--;
	}
	*more = t;
	spin_unlock_bh(&lane->lock);
	return conn->tx_nr;
}

static void dst_lane_send(struct dst_lane *lane)
{
	struct dst_conn *conn = &lane->conn;
	unsigned int rounds = 0;
	unsigned int noreclaim;
	bool more = true;
	int ret = 0;

	lockdep_assert_held(&conn->tx_mutex);
	if (!conn->sock)
		return;
	noreclaim = memalloc_noreclaim_save();
	/* what is queued meanwhile is found after unlocking */
	while (more && rounds++ < DST_LANE_SEND_ROUNDS) {
		if (!conn->tx_active && !dst_lane_fill(lane, &more))
			break;
		ret = dst_conn_tx_push(conn);
		if (ret)
			break;
	}
	memalloc_noreclaim_restore(noreclaim);
	if (ret && ret != -EAGAIN)
		dst_lane_fail(lane, "sending failed (error %d)", ret);
	else if (more && rounds > DST_LANE_SEND_ROUNDS)
		queue_work(dst_io_wq, &lane->tx_work);
}

static bool dst_lane_wants_to_send(struct dst_lane *lane)
{
	bool wants;

	spin_lock_bh(&lane->lock);
	wants = !READ_ONCE(lane->conn.tx_active) && dst_lane_next(lane);
	spin_unlock_bh(&lane->lock);
	return wants;
}

static void dst_lane_send_all(struct dst_lane *lane)
{
	do {
		mutex_lock(&lane->conn.tx_mutex);
		dst_lane_send(lane);
		mutex_unlock(&lane->conn.tx_mutex);
		cond_resched();
	} while (dst_lane_wants_to_send(lane));
}

static void dst_lane_tx_work(struct work_struct *work)
{
	dst_lane_send_all(container_of(work, struct dst_lane, tx_work));
}

static void dst_lane_tx_later(struct work_struct *work)
{
	dst_lane_send_all(container_of(to_delayed_work(work), struct dst_lane,
				       tx_later));
}

/**
 * dst_lane_kick_early - like dst_lane_kick(), for what nobody waits for
 * @lane: lane
 *
 * Context: any but hard interrupt; under none of our spinlocks.
 */
void dst_lane_kick_early(struct dst_lane *lane)
{
	/* pairs with the WRITE_ONCE under lane->lock; a stale one does no harm */
	if (READ_ONCE(lane->nr_early) >= DST_LANE_EARLY_BATCH)
		queue_work(dst_io_wq, &lane->tx_work);
	else
		queue_delayed_work(dst_io_wq, &lane->tx_later, 1);
}

/**
 * dst_lane_kick - see that what is queued on a lane gets sent
 * @lane: lane
 *
 * Sends at once where the context allows it and nobody else is sending.
 *
 * Context: any but hard interrupt; under none of our spinlocks.
 */
void dst_lane_kick(struct dst_lane *lane)
{
	if (in_softirq()) {
		queue_work(dst_io_wq, &lane->tx_work);
		return;
	}
	/*
	 * If somebody else is sending, it looks at the queue again after it
	 * has unlocked: under lane->lock, as we did when we queued. Either it
	 * sees what we queued, or we see the mutex free.
	 */
	do {
		if (!mutex_trylock(&lane->conn.tx_mutex))
			return;
		dst_lane_send(lane);
		mutex_unlock(&lane->conn.tx_mutex);
	} while (dst_lane_wants_to_send(lane));
}

/**
 * dst_lane_queue - let a lane carry a transaction
 * @lane: lane
 * @t: owned by the caller
 *
 * Context: any but hard interrupt. The caller kicks the lane afterwards.
 * Return: false if the lane does not take it; the caller keeps @t.
 */
bool dst_lane_queue(struct dst_lane *lane, struct dst_trans *t)
{
	bool live;

	spin_lock_bh(&lane->lock);
	live = lane->state == (likely(t->phase == DST_PHASE_NEW) ?
			       DST_LANE_LIVE : DST_LANE_REPLAYING);
	if (live) {
		t->state = DST_TRANS_QUEUED;
		WRITE_ONCE(lane->nr_early, lane->nr_early + t->early);
		if (dst_flush_is(t))
			dst_flush_cover(t);
		/* a flush covers what was acked: nothing queued is ahead */
		if (t->op == DST_PROTO_OP_FLUSH)
			list_add(&t->list, &lane->queue);
		else
			list_add_tail(&t->list, &lane->queue);
	}
	spin_unlock_bh(&lane->lock);
	return live;
}

/* ---- receiving -------------------------------------------------------- */

static void dst_lane_sample_latency(struct dst_lane *lane, u64 sent_ns)
{
	u32 us = min_t(u64, div_u64(ktime_get_ns() - sent_ns, NSEC_PER_USEC),
		       U32_MAX / 8);
	u32 old = lane->latency_us;

	WRITE_ONCE(lane->latency_us, old ? (old * 7 + us) / 8 : us);
}

static void dst_lane_again(struct dst_lane *lane, struct dst_trans *t)
{
	t->resends++;
	this_cpu_inc(lane->dev->counters->resends);
	dst_trans_dispatch(t);
}

static void dst_lane_finish(struct dst_lane *lane, struct dst_trans *t,
			    u8 status)
{
	const struct dst_proto_reply *reply = &lane->conn.rx.reply;

	trace_dst_ack(t, status);
	if (t->sent_ns)
		dst_lane_sample_latency(lane, t->sent_ns);
	if (unlikely(status == DST_PROTO_ST_DIGEST &&
		     t->resends < DST_LANE_DIGEST_TRIES)) {
		dst_lane_again(lane, t);
		return;
	}
	dst_trans_ack(t, status,
		      le16_to_cpu(reply->flags) & DST_PROTO_REPLY_DURABLE,
		      lane->boot_seq);
}

/* A request has been answered: for all that shared it. */
static void dst_lane_finish_all(struct dst_lane *lane, struct dst_trans *t,
				u8 status)
{
	struct dst_trans *next;
	LIST_HEAD(all);

	if (likely(list_empty(&t->with))) {
		dst_lane_finish(lane, t, status);
		return;
	}
	list_splice_init(&t->with, &all);
	list_add(&t->list, &all);
	list_for_each_entry_safe(t, next, &all, list) {
		list_del_init(&t->list);
		if (likely(status == DST_PROTO_ST_OK)) {
			dst_lane_finish(lane, t, status);
		} else {
			/* only some of them may be bad: ask for each */
			t->alone = true;
			dst_lane_again(lane, t);
		}
	}
}

static u32 dst_lane_reply_data(const struct dst_trans *t,
			       const struct dst_proto_reply *reply)
{
	return t->op == DST_PROTO_OP_READ &&
	       reply->status == DST_PROTO_ST_OK ? t->length_bytes : 0;
}

/*
 * Take the transaction that a reply answers out of its slot. It must be one
 * that was really sent, all of it, and the data must be what was asked for:
 * anything else is a lie. The check of the sequence also says that the socket
 * does not refer to the pages of the bio any more.
 */
static struct dst_trans *dst_lane_claim(struct dst_lane *lane,
					const struct dst_proto_reply *reply)
{
	u16 tag = le16_to_cpu(reply->tag);
	struct dst_trans *t;

	lockdep_assert_held(&lane->lock);
	t = tag < lane->nr_slots ? lane->slots[tag] : NULL;
	if (!t || t->id != le64_to_cpu(reply->id) || t->op != reply->op ||
	    le32_to_cpu(reply->length_bytes) != dst_lane_reply_data(t, reply) ||
	    !dst_conn_tx_acked(&lane->conn, t->end_seq))
		return NULL;
	lane->slots[tag] = NULL;
	lane->free_tags[lane->nr_free++] = tag;
	lane->open--;
	if (dst_wire_has_data(t->op))
		lane->open_bytes -= t->sent_bytes;
	else if (t->length_bytes)
		lane->open_ranges--;
	return t;
}

static void dst_lane_update_credits(struct dst_lane *lane,
				    const struct dst_proto_reply *reply)
{
	lane->credit_bytes = min(le32_to_cpu(reply->credit_bytes),
				 lane->max_credit_bytes);
	lane->credit_slots = clamp_t(u32, le16_to_cpu(reply->credit_slots), 1,
				     lane->max_credit_slots);
	/* one request must always be possible */
	lane->credit_bytes = max_t(u32, lane->credit_bytes,
				   lane->dev->info.max_transfer_bytes);
}

static void dst_lane_expect_data(struct dst_lane *lane, struct dst_trans *t)
{
	const struct bio_vec *first =
		__bvec_iter_bvec(t->bio->bi_io_vec, t->bio->bi_iter);
	struct dst_conn *conn = &lane->conn;

	iov_iter_bvec(&conn->rx_iter, ITER_DEST, first,
		      dst_lane_bio_bvecs(t->bio), t->length_bytes);
	conn->rx_iter.iov_offset =
		mp_bvec_iter_offset(t->bio->bi_io_vec, t->bio->bi_iter) -
		first->bv_offset;
	conn->rx_left = t->length_bytes;
	lane->rx_trans = t;
}

static int dst_lane_header(struct dst_conn *conn)
{
	struct dst_lane *lane = container_of(conn, struct dst_lane, conn);
	const struct dst_proto_reply *reply = &conn->rx.reply;
	struct dst_trans *t;
	bool more;

	if (dst_wire_check_reply(reply))
		return -EPROTO;
	if (reply->op == DST_PROTO_OP_RESIZED) {
		if (reply->length_bytes || reply->status || reply->tag ||
		    reply->flags)
			return -EPROTO;
		dst_device_resized(lane->dev, le64_to_cpu(reply->id));
		return 0;
	}

	spin_lock_bh(&lane->lock);
	dst_lane_update_credits(lane, reply);
	t = dst_lane_claim(lane, reply);
	if (t && dst_lane_is_own(t)) {
		if (t == &lane->ping)
			lane->ping_open = false;
		else
			lane->bye_open = false;
		spin_unlock_bh(&lane->lock);
		wake_up_all(&lane->dev->wait);
		return 0;
	}
	more = !list_empty(&lane->queue);
	spin_unlock_bh(&lane->lock);
	if (!t)
		return -EPROTO;
	if (more)
		queue_work(dst_io_wq, &lane->tx_work);
	if (reply->length_bytes)
		dst_lane_expect_data(lane, t);
	else
		dst_lane_finish_all(lane, t, reply->status);
	return 0;
}

static int dst_lane_data(struct dst_conn *conn)
{
	struct dst_lane *lane = container_of(conn, struct dst_lane, conn);
	struct dst_trans *t = lane->rx_trans;
	u8 status = DST_PROTO_ST_OK;

	lane->rx_trans = NULL;
	if (lane->dev->digest &&
	    dst_lane_bio_crc(t->bio) != le32_to_cpu(conn->rx.reply.data_crc))
		status = DST_PROTO_ST_DIGEST;
	dst_lane_finish(lane, t, status);
	return 0;
}

static void dst_lane_received(struct dst_lane *lane, int ret)
{
	if (ret < 0)
		dst_lane_fail(lane, ret == -EPROTO ?
			      "the server broke the protocol (error %d)" :
			      "receiving failed (error %d)", ret);
	else if (ret >= DST_LANE_RX_BUDGET)
		queue_work(dst_io_wq, &lane->rx_work);
}

/*
 * The socket is locked, by the network stack in softirq or by a sender of ours
 * that now works off its backlog: in both cases nobody else is receiving.
 */
static void dst_lane_ready(struct dst_conn *conn)
{
	struct dst_lane *lane = container_of(conn, struct dst_lane, conn);

	dst_lane_received(lane, dst_conn_read_locked(conn, DST_LANE_RX_BUDGET));
}

static void dst_lane_rx_work(struct work_struct *work)
{
	struct dst_lane *lane = container_of(work, struct dst_lane, rx_work);
	struct sock *sk = lane->conn.sock->sk;
	int ret;

	lock_sock(sk);
	/*
	 * As in softirq: what ends here may dispatch others, which must not be
	 * sent while we hold the lock of the socket.
	 */
	local_bh_disable();
	ret = dst_conn_read_locked(&lane->conn, DST_LANE_RX_BUDGET);
	local_bh_enable();
	release_sock(sk);
	dst_lane_received(lane, ret);
}

static void dst_lane_writable(struct dst_conn *conn)
{
	struct dst_lane *lane = container_of(conn, struct dst_lane, conn);

	queue_work(dst_io_wq, &lane->tx_work);
}

static void dst_lane_broken(struct dst_conn *conn)
{
	struct dst_lane *lane = container_of(conn, struct dst_lane, conn);

	dst_lane_fail(lane, "the server closed the connection");
}

static const struct dst_conn_ops dst_lane_conn_ops = {
	.header		= dst_lane_header,
	.data		= dst_lane_data,
	.ready		= dst_lane_ready,
	.writable	= dst_lane_writable,
	.broken		= dst_lane_broken,
};

/* ---- states ----------------------------------------------------------- */

/* A lane that is up goes down. Its worker has to be told. */
static void dst_lane_set_down(struct dst_lane *lane)
{
	struct dst_device *dev = lane->dev;

	lockdep_assert_held(&lane->lock);
	/* both at once, so that whoever holds either lock can rely on it */
	spin_lock(&dev->lock);
	if (lane->state == DST_LANE_LIVE) {
		WRITE_ONCE(dev->nr_live, dev->nr_live - 1);
		if (!dev->nr_live) {
			dev->down_since = jiffies;
			dst_leg_tell(dev, DST_LEG_LOST);
		}
	}
	WRITE_ONCE(lane->state, DST_LANE_DOWN);
	spin_unlock(&dev->lock);
	trace_dst_lane_state(lane, DST_LANE_DOWN, lane->why);
}

/**
 * dst_lane_fail - a lane can't go on
 * @lane: lane
 * @fmt: why, for the administrator
 *
 * Its worker takes it apart and connects anew. Does nothing if the lane is
 * down already.
 *
 * Context: any but hard interrupt; not under lane->lock or device lock.
 */
void dst_lane_fail(struct dst_lane *lane, const char *fmt, ...)
{
	va_list args;

	spin_lock_bh(&lane->lock);
	if (lane->state == DST_LANE_DOWN) {
		spin_unlock_bh(&lane->lock);
		return;
	}
	va_start(args, fmt);
	vsnprintf(lane->why, sizeof(lane->why), fmt, args);
	va_end(args);
	dst_lane_set_down(lane);
	/* under the lock: dst_lane_stop() relies on what it sees */
	if (!lane->stopping)
		mod_delayed_work(dst_join_wq, &lane->connect, 0);
	spin_unlock_bh(&lane->lock);
	dst_device_tell(lane->dev);
}

static int dst_lane_id_cmp(void *priv, const struct list_head *a,
			   const struct list_head *b)
{
	const struct dst_trans *ta = list_entry(a, struct dst_trans, list);
	const struct dst_trans *tb = list_entry(b, struct dst_trans, list);

	return ta->id < tb->id ? -1 : ta->id > tb->id;
}

/*
 * A transaction that was sent on a lane that is no more. What modifies may
 * still be executed by the server: it waits for the fence. The rest may go
 * another way at once.
 */
static void dst_lane_reclaim_one(struct dst_lane *lane, struct dst_trans *t,
				 struct list_head *again)
{
	t->resends++;
	lane->resends++;
	this_cpu_inc(lane->dev->counters->resends);
	trace_dst_resend(t, lane->index);
	if (dst_wire_is_modification(t->op) && t->phase == DST_PHASE_NEW) {
		t->state = DST_TRANS_FENCING;
		list_add_tail(&t->list, &lane->fencing);
	} else {
		list_add_tail(&t->list, again);
	}
}

static void dst_lane_reclaim(struct dst_lane *lane, struct dst_trans *t,
			     struct list_head *again)
{
	struct dst_trans *o, *next;
	LIST_HEAD(with);

	if (dst_lane_is_own(t))
		return;
	list_splice_init(&t->with, &with);
	dst_lane_reclaim_one(lane, t, again);
	list_for_each_entry_safe(o, next, &with, list) {
		list_del_init(&o->list);
		dst_lane_reclaim_one(lane, o, again);
	}
}

static void dst_lane_reclaim_all(struct dst_lane *lane, struct list_head *again)
{
	struct dst_trans *t;
	unsigned int i;

	spin_lock_bh(&lane->lock);
	list_del_init(&lane->ping.list);
	list_del_init(&lane->bye.list);
	lane->ping_open = false;
	lane->bye_open = false;
	/* what was never sent has not been waiting for an answer */
	list_for_each_entry(t, &lane->queue, list)
		if (!t->resends)
			t->since = jiffies;
	list_splice_tail_init(&lane->queue, again);
	for (i = 0; i < lane->nr_slots; i++) {
		if (lane->slots[i])
			dst_lane_reclaim(lane, lane->slots[i], again);
		lane->slots[i] = NULL;
	}
	if (lane->rx_trans)
		dst_lane_reclaim(lane, lane->rx_trans, again);
	lane->rx_trans = NULL;
	lane->open = 0;
	list_sort(NULL, &lane->fencing, dst_lane_id_cmp);
	lane->torn = true;
	spin_unlock_bh(&lane->lock);
}

/**
 * dst_lane_teardown - close the connection of a lane that failed
 * @lane: lane; may have no connection
 *
 * Context: the lane's worker, or nobody else any more. Sleeps.
 */
void dst_lane_teardown(struct dst_lane *lane)
{
	u64 fail_after_ms = dst_device_fail_after(lane->dev);
	struct dst_trans *t, *next;
	LIST_HEAD(again);

	if (!lane->conn.sock)
		return;
	dst_conn_shut(&lane->conn);
	cancel_work_sync(&lane->rx_work);
	cancel_delayed_work_sync(&lane->tx_later);
	cancel_work_sync(&lane->tx_work);
	dst_conn_close(&lane->conn);
	dst_lane_reclaim_all(lane, &again);

	wake_up_all(&lane->dev->wait);
	list_for_each_entry_safe(t, next, &again, list) {
		list_del_init(&t->list);
		if (t->bio && dst_device_older(t->since, fail_after_ms))
			dst_trans_end(t, BLK_STS_TIMEOUT);
		else
			dst_trans_dispatch(t);
	}
	dst_lane_fail_fencing(lane, fail_after_ms, BLK_STS_TIMEOUT);
}

static void dst_lane_reset_slots(struct dst_lane *lane,
				 const struct dst_proto_welcome *w)
{
	unsigned int i;

	lane->max_credit_slots = le16_to_cpu(w->credit_slots);
	lane->max_credit_bytes = le32_to_cpu(w->credit_bytes);
	lane->credit_slots = lane->max_credit_slots;
	lane->credit_bytes = lane->max_credit_bytes;
	lane->nr_slots = lane->max_credit_slots + DST_PROTO_RESERVED_SLOTS;
	lane->nr_free = lane->nr_slots;
	lane->open = 0;
	lane->open_ranges = 0;
	lane->open_bytes = 0;
	for (i = 0; i < lane->nr_slots; i++)
		lane->free_tags[i] = lane->nr_slots - 1 - i;
}

/* What waited for the fence goes out again, and covers what it covers now. */
static void dst_lane_requeue(struct dst_lane *lane)
{
	struct dst_trans *t;

	lockdep_assert_held(&lane->lock);
	list_for_each_entry(t, &lane->fencing, list)
		if (dst_flush_is(t))
			dst_flush_cover(t);
	list_splice_init(&lane->fencing, &lane->queue);
}

/* Return: false if the lane must not come up. */
static bool dst_lane_set_up(struct dst_lane *lane,
			    const struct dst_proto_welcome *w)
{
	struct dst_device *dev = lane->dev;
	bool up;

	lockdep_assert_held(&lane->lock);
	spin_lock(&dev->lock);
	up = !dev->closing && !lane->stopping &&
	     !memcmp(&dev->info.boot_id, w->boot_id, sizeof(w->boot_id)) &&
	     (!dev->replaying || !lane->index);
	if (up) {
		lane->boot_seq = dev->boot_seq;
		lane->torn = false;
		if (dev->replaying)
			/* until dst_replay_run() knows how many there are */
			atomic64_set(&dev->replay_left, 1);
		else
			WRITE_ONCE(dev->nr_live, dev->nr_live + 1);
		WRITE_ONCE(lane->state, dev->replaying ? DST_LANE_REPLAYING :
							 DST_LANE_LIVE);
	}
	spin_unlock(&dev->lock);
	return up;
}

/**
 * dst_lane_replayed - all has been written again: lane 0 goes live
 * @lane: lane 0
 *
 * Context: process. The caller kicks the lane afterwards.
 * Return: false if it is not so any more.
 */
bool dst_lane_replayed(struct dst_lane *lane)
{
	struct dst_device *dev = lane->dev;
	LIST_HEAD(dead);
	bool live;

	spin_lock_bh(&lane->lock);
	spin_lock(&dev->lock);
	live = lane->state == DST_LANE_REPLAYING &&
	       lane->boot_seq == dev->boot_seq &&
	       !atomic64_read(&dev->replay_left);
	if (live) {
		dev->replaying = false;
		WRITE_ONCE(lane->state, DST_LANE_LIVE);
		WRITE_ONCE(dev->nr_live, dev->nr_live + 1);
	}
	spin_unlock(&dev->lock);
	if (live) {
		dst_lane_requeue(lane);
		/* failed during the replay, fenced before it */
		list_splice_init(&lane->dead, &dead);
	}
	spin_unlock_bh(&lane->lock);
	dst_trans_end_list(&dead, BLK_STS_OK);
	return live;
}

/**
 * dst_lane_go_live - use a connection that the server has welcomed
 * @lane: down, without connection
 * @sock: connected; owned by the lane from now on, also on failure
 * @w: the welcome: nothing of the lane's old connection runs any more
 *
 * Sends again, in their order, what waited for the fence; or, on lane 0 of a
 * server that has been restarted, first what that may have lost.
 *
 * Context: the lane's worker. Sleeps.
 * Return: 0, or -EALREADY if the lane must not come up now.
 */
int dst_lane_go_live(struct dst_lane *lane, struct socket *sock,
		     const struct dst_proto_welcome *w)
{
	bool live = false, up;
	LIST_HEAD(dead);

	dst_conn_start(&lane->conn, sock);
	spin_lock_bh(&lane->lock);
	dst_lane_reset_slots(lane, w);
	list_splice_init(&lane->dead, &dead);
	up = dst_lane_set_up(lane, w);
	if (up) {
		live = lane->state == DST_LANE_LIVE;
		if (live)
			dst_lane_requeue(lane);
		lane->why[0] = '\0';
	}
	spin_unlock_bh(&lane->lock);
	/* nothing of these runs any more, and their bios have failed */
	dst_trans_end_list(&dead, BLK_STS_OK);
	if (!up)
		return -EALREADY;

	trace_dst_lane_state(lane, lane->state, "");
	/* it may have ended before our callbacks were there to hear of it */
	if (READ_ONCE(sock->sk->sk_state) != TCP_ESTABLISHED)
		dst_lane_broken(&lane->conn);
	queue_work(dst_io_wq, &lane->rx_work);
	dst_lane_kick(lane);
	if (live)
		dst_device_lane_live(lane);
	else
		dst_replay_run(lane);
	return 0;
}

/* ---- timeouts --------------------------------------------------------- */

static void dst_lane_queue_own(struct dst_lane *lane, struct dst_trans *t,
			       u8 op)
{
	lockdep_assert_held(&lane->lock);
	t->dev = lane->dev;
	t->op = op;
	t->state = DST_TRANS_QUEUED;
	t->id = atomic64_inc_return(&lane->dev->next_id);
	t->sent = jiffies;
	list_add(&t->list, &lane->queue);
}

/**
 * dst_lane_say_bye - tell the server that the session ends
 * @lane: lane; all its I/O has ended
 *
 * Context: process.
 * Return: true if that was sent; dst_lane_said_bye() tells when it is done.
 */
bool dst_lane_say_bye(struct dst_lane *lane)
{
	spin_lock_bh(&lane->lock);
	if (lane->state != DST_LANE_DOWN && !lane->bye_open) {
		lane->bye_open = true;
		dst_lane_queue_own(lane, &lane->bye, DST_PROTO_OP_BYE);
	}
	spin_unlock_bh(&lane->lock);
	dst_lane_kick(lane);
	return !dst_lane_said_bye(lane);
}

/**
 * dst_lane_said_bye - has the server answered, or is there none to wait for?
 * @lane: lane
 */
bool dst_lane_said_bye(struct dst_lane *lane)
{
	bool done;

	spin_lock_bh(&lane->lock);
	done = !lane->bye_open || lane->state == DST_LANE_DOWN;
	spin_unlock_bh(&lane->lock);
	return done;
}

/* Age of the oldest request without an answer, in ms; 0 if there is none. */
static unsigned int dst_lane_oldest_ms(struct dst_lane *lane)
{
	unsigned long oldest = jiffies;
	unsigned int i;

	lockdep_assert_held(&lane->lock);
	if (!lane->open)
		return 0;
	for (i = 0; i < lane->nr_slots; i++)
		if (lane->slots[i] && !dst_lane_is_own(lane->slots[i]) &&
		    time_before(lane->slots[i]->sent, oldest))
			oldest = lane->slots[i]->sent;
	return jiffies_to_msecs(jiffies - oldest);
}

/**
 * dst_lane_check - look for silence
 * @lane: lane
 * @fail_after_ms: the device's
 *
 * Fails a lane on which a request or a ping has been waiting for too long, and
 * pings one that has been idle.
 *
 * Context: the device's tick.
 */
void dst_lane_check(struct dst_lane *lane, u64 fail_after_ms)
{
	u32 io_timeout_ms = READ_ONCE(lane->dev->io_timeout_ms);
	u32 keepalive_ms = READ_ONCE(lane->dev->keepalive_ms);
	unsigned int oldest_ms, idle_ms, ping_ms = 0;
	bool kick = false;

	spin_lock_bh(&lane->lock);
	if (lane->state == DST_LANE_DOWN) {
		spin_unlock_bh(&lane->lock);
		return;
	}
	oldest_ms = dst_lane_oldest_ms(lane);
	/* pairs with the WRITE_ONCE in dst_conn_read_locked() */
	idle_ms = jiffies_to_msecs(jiffies - READ_ONCE(lane->conn.rx_jiffies));
	if (lane->ping_open)
		ping_ms = jiffies_to_msecs(jiffies - lane->ping.sent);
	else if (idle_ms >= keepalive_ms / 2)
		kick = true;
	if (kick) {
		lane->ping_open = true;
		dst_lane_queue_own(lane, &lane->ping, DST_PROTO_OP_PING);
	}
	spin_unlock_bh(&lane->lock);

	if (oldest_ms >= min_t(u64, io_timeout_ms, fail_after_ms))
		dst_lane_fail(lane, "no answer for %u ms", oldest_ms);
	else if (ping_ms >= keepalive_ms && idle_ms >= keepalive_ms)
		dst_lane_fail(lane, "no sign of life for %u ms", idle_ms);
	else if (kick)
		dst_lane_kick(lane);
}

static bool dst_lane_take_old(struct dst_lane *lane, u64 older_than_ms,
			      struct dst_taken *taken)
{
	struct dst_trans *t;
	bool found = false;

	spin_lock_bh(&lane->lock);
	list_for_each_entry(t, &lane->fencing, list) {
		/* what has ended already can't fail */
		if (!t->bio || !dst_device_older(t->since, older_than_ms))
			continue;
		list_move_tail(&t->list, &lane->dead);
		found = dst_trans_take_bio(t, taken);
		break;
	}
	spin_unlock_bh(&lane->lock);
	return found;
}

/**
 * dst_lane_fail_fencing - fail what waits for a fence
 * @lane: lane
 * @older_than_ms: only what has been waiting for that long
 * @status: to fail it with
 *
 * The transactions stay until the fence, so that no later write can be
 * overtaken by what the server may still execute.
 *
 * Context: process; under none of our spinlocks.
 * Return: how many bios were failed.
 */
unsigned int dst_lane_fail_fencing(struct dst_lane *lane, u64 older_than_ms,
				   blk_status_t status)
{
	struct dst_taken taken;
	unsigned int n = 0;

	/* one at a time: the lane may come up whenever the lock is let go */
	while (dst_lane_take_old(lane, older_than_ms, &taken)) {
		dst_trans_end_taken(lane->dev, &taken, status);
		n++;
	}
	return n;
}

/* ---- birth and death -------------------------------------------------- */

/**
 * dst_lane_connect_now - connect at once instead of after the back-off
 * @lane: lane; nothing happens if it is live or stopped
 */
void dst_lane_connect_now(struct dst_lane *lane)
{
	spin_lock_bh(&lane->lock);
	if (lane->state == DST_LANE_DOWN && !lane->stopping)
		mod_delayed_work(dst_join_wq, &lane->connect, 0);
	spin_unlock_bh(&lane->lock);
}

/**
 * dst_lane_create - a lane that is down
 * @dev: its device
 * @index: its number in the session
 *
 * Return: the lane or NULL.
 */
struct dst_lane *dst_lane_create(struct dst_device *dev, unsigned int index)
{
	unsigned int nr = DST_PROTO_MAX_SLOTS + DST_PROTO_RESERVED_SLOTS;
	struct dst_lane *lane = kzalloc(sizeof(*lane), GFP_KERNEL);

	if (!lane)
		return NULL;
	lane->slots = kvcalloc(nr, sizeof(*lane->slots), GFP_KERNEL);
	lane->free_tags = kvcalloc(nr, sizeof(*lane->free_tags), GFP_KERNEL);
	if (!lane->slots || !lane->free_tags ||
	    dst_conn_init(&lane->conn, &dst_lane_conn_ops,
			  sizeof(struct dst_proto_reply))) {
		kvfree(lane->free_tags);
		kvfree(lane->slots);
		kfree(lane);
		return NULL;
	}
	lane->dev = dev;
	lane->index = index;
	lane->torn = true;
	spin_lock_init(&lane->lock);
	mutex_init(&lane->sock_mutex);
	INIT_LIST_HEAD(&lane->queue);
	INIT_LIST_HEAD(&lane->fencing);
	INIT_LIST_HEAD(&lane->dead);
	INIT_LIST_HEAD(&lane->ping.list);
	INIT_LIST_HEAD(&lane->bye.list);
	INIT_DELAYED_WORK(&lane->connect, dst_join_work);
	INIT_WORK(&lane->tx_work, dst_lane_tx_work);
	INIT_DELAYED_WORK(&lane->tx_later, dst_lane_tx_later);
	INIT_WORK(&lane->rx_work, dst_lane_rx_work);
	return lane;
}

/**
 * dst_lane_stop - begin to disconnect for good
 * @lane: lane
 *
 * Cancels a connect or handshake that is under way and has the worker tear
 * down the connection. dst_lane_drop() waits for it.
 *
 * Context: process, sleeps, but for no network.
 */
void dst_lane_stop(struct dst_lane *lane)
{
	spin_lock_bh(&lane->lock);
	lane->stopping = true;
	if (lane->state != DST_LANE_DOWN)
		dst_lane_set_down(lane);
	spin_unlock_bh(&lane->lock);

	mutex_lock(&lane->sock_mutex);
	if (lane->joining)
		kernel_sock_shutdown(lane->joining, SHUT_RDWR);
	mutex_unlock(&lane->sock_mutex);
	mod_delayed_work(dst_join_wq, &lane->connect, 0);
}

/**
 * dst_lane_drop - wait until a lane is stopped and fail what it had
 * @lane: dst_lane_stop() was called
 * @status: to fail bios with
 *
 * Context: process, sleeps, but for no network.
 */
void dst_lane_drop(struct dst_lane *lane, blk_status_t status)
{
	flush_delayed_work(&lane->connect);
	cancel_delayed_work_sync(&lane->connect);
	dst_lane_end_fencing(lane, status);
}

/**
 * dst_lane_end_fencing - end what waits for a fence that will not come
 * @lane: torn down; nothing will be sent to its server again
 * @status: to end bios with
 *
 * Context: process; under none of our spinlocks.
 */
void dst_lane_end_fencing(struct dst_lane *lane, blk_status_t status)
{
	LIST_HEAD(rest);

	spin_lock_bh(&lane->lock);
	list_splice_init(&lane->fencing, &rest);
	list_splice_init(&lane->dead, &rest);
	spin_unlock_bh(&lane->lock);
	dst_trans_end_list(&rest, status);
}

/**
 * dst_lane_destroy - free a lane
 * @lane: stopped, or never connected; without transactions
 */
void dst_lane_destroy(struct dst_lane *lane)
{
	WARN_ON_ONCE(!list_empty(&lane->queue) || !list_empty(&lane->fencing) ||
		     !list_empty(&lane->dead));
	/* a late unplug may have queued it */
	cancel_delayed_work_sync(&lane->tx_later);
	cancel_work_sync(&lane->tx_work);
	dst_conn_destroy(&lane->conn);
	mutex_destroy(&lane->sock_mutex);
	kvfree(lane->free_tags);
	kvfree(lane->slots);
	kfree(lane);
}
