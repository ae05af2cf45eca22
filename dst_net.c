// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections: what both ends of a lane have in common.
 *
 * The receive half runs wherever the bytes arrive: tcp_read_sock() hands them
 * to dst_conn_actor(), which puts a header together, asks the owner where the
 * data behind it belongs, and copies it there once. The socket lock serialises
 * it.
 *
 * The send half gathers headers and pages of several requests and hands them
 * to TCP in one call. Pages go by reference. Headers are built in page
 * fragments that are never written again while a socket may still refer to
 * them, because a page is only taken from its start again when we are its last
 * user.
 */
#include <linux/tcp.h>
#include <net/tcp.h>

#include "dst.h"

/*
 * Connected to nothing. The first socket that may use the reserves and the last
 * one have the kernel's code patched on all CPUs: as long as there are devices
 * or exports, this one keeps that out of the moments when connections come and
 * go.
 */
static struct socket *dst_conn_anchor;
static DEFINE_MUTEX(dst_conn_anchor_mutex);
static unsigned int dst_conn_anchor_users;	/* dst_conn_anchor_mutex */

/**
 * dst_conn_module_init - get what all connections share
 *
 * Return: 0 or a negative errno.
 */
int dst_conn_module_init(void)
{
	return sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
				&dst_conn_anchor);
}

/**
 * dst_conn_hold_reserves - there may be connections from now on
 *
 * Context: process, may sleep. Undone by dst_conn_drop_reserves().
 */
void dst_conn_hold_reserves(void)
{
	mutex_lock(&dst_conn_anchor_mutex);
	if (!dst_conn_anchor_users++)
		sk_set_memalloc(dst_conn_anchor->sk);
	mutex_unlock(&dst_conn_anchor_mutex);
}

/**
 * dst_conn_drop_reserves - undo one dst_conn_hold_reserves()
 *
 * Context: process, may sleep.
 */
void dst_conn_drop_reserves(void)
{
	mutex_lock(&dst_conn_anchor_mutex);
	if (!--dst_conn_anchor_users)
		sk_clear_memalloc(dst_conn_anchor->sk);
	mutex_unlock(&dst_conn_anchor_mutex);
}

/**
 * dst_conn_module_exit - undo dst_conn_module_init()
 */
void dst_conn_module_exit(void)
{
	sock_release(dst_conn_anchor);
}

#ifdef CONFIG_DEBUG_LOCK_ALLOC
static struct lock_class_key dst_conn_slock_key[2];
static struct lock_class_key dst_conn_sk_key[2];

/*
 * Our socket locks are taken under file system locks in reclaim, those of
 * users are not: a class of their own keeps lockdep from mixing them up.
 */
static void dst_conn_set_lock_class(struct sock *sk)
{
	if (sk->sk_family == AF_INET6)
		sock_lock_init_class_and_name(sk, "slock-AF_INET6-DST",
					      &dst_conn_slock_key[1],
					      "sk_lock-AF_INET6-DST",
					      &dst_conn_sk_key[1]);
	else
		sock_lock_init_class_and_name(sk, "slock-AF_INET-DST",
					      &dst_conn_slock_key[0],
					      "sk_lock-AF_INET-DST",
					      &dst_conn_sk_key[0]);
	dst_compat_disown_sock(sk);
}
#else
static void dst_conn_set_lock_class(struct sock *sk)
{
}
#endif

/**
 * dst_conn_init - prepare a connection that has no socket yet
 * @conn: zeroed
 * @ops: the owner's
 * @rx_header_bytes: size of the headers that will be received
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int dst_conn_init(struct dst_conn *conn, const struct dst_conn_ops *ops,
		  unsigned int rx_header_bytes)
{
	mutex_init(&conn->tx_mutex);
	conn->ops = ops;
	conn->rx_header_bytes = rx_header_bytes;
	conn->tx_bvec = kcalloc(DST_CONN_TX_BVECS, sizeof(*conn->tx_bvec),
				GFP_KERNEL);
	if (!conn->tx_bvec)
		return -ENOMEM;
	conn->tx_spare = alloc_page(GFP_KERNEL);
	if (!conn->tx_spare) {
		kfree(conn->tx_bvec);
		return -ENOMEM;
	}
	return 0;
}

/**
 * dst_conn_destroy - undo dst_conn_init()
 * @conn: stopped, its socket released
 */
void dst_conn_destroy(struct dst_conn *conn)
{
	if (conn->tx_page)
		put_page(conn->tx_page);
	__free_page(conn->tx_spare);
	kfree(conn->tx_bvec);
	mutex_destroy(&conn->tx_mutex);
}

/**
 * dst_conn_setup_socket - make a TCP socket fit for the I/O path
 * @sock: new, connected or not
 *
 * No delay, no recursion into reclaim, access to the reserves: writing a dirty
 * page to us must not wait for the memory that it would free.
 */
void dst_conn_setup_socket(struct socket *sock)
{
	struct sock *sk = sock->sk;

	lock_sock(sk);
	sk->sk_allocation = GFP_NOIO;
	dst_compat_no_task_frag(sk);
	sk_set_memalloc(sk);
	release_sock(sk);
	tcp_sock_set_nodelay(sk);
}

/**
 * dst_conn_create_socket - a TCP socket fit for the I/O path
 * @net: network namespace
 * @family: AF_INET or AF_INET6
 * @sockp: the socket
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int dst_conn_create_socket(struct net *net, int family, struct socket **sockp)
{
	int ret = sock_create_kern(net, family, SOCK_STREAM, IPPROTO_TCP, sockp);

	if (ret)
		return ret;
	dst_conn_set_lock_class((*sockp)->sk);
	dst_conn_setup_socket(*sockp);
	return 0;
}

/**
 * dst_conn_release_socket - close a socket and forget what it had to send
 * @sock: nobody else uses it any more
 *
 * The connection is reset, so that the socket drops its references to pages
 * of requests at once and no timer of it outlives the network namespace.
 */
void dst_conn_release_socket(struct socket *sock)
{
	lock_sock(sock->sk);
	sk_clear_memalloc(sock->sk);
	release_sock(sock->sk);
	sock_no_linger(sock->sk);
	sock_release(sock);
}

/* ---- receive ---------------------------------------------------------- */

static int dst_conn_copy_data(struct dst_conn *conn, struct sk_buff *skb,
			      unsigned int offset, size_t len)
{
	size_t n = min_t(size_t, len, conn->rx_left);
	int ret;

	if (!conn->rx_skip) {
		ret = skb_copy_datagram_iter(skb, offset, &conn->rx_iter, n);
		if (ret)
			return ret;
	}
	conn->rx_left -= n;
	if (!conn->rx_left) {
		ret = conn->ops->data(conn);
		if (ret)
			return ret;
	}
	return n;
}

static int dst_conn_copy_header(struct dst_conn *conn, struct sk_buff *skb,
				unsigned int offset, size_t len)
{
	size_t n = min_t(size_t, len, conn->rx_header_bytes - conn->rx_have);
	int ret;

	ret = skb_copy_bits(skb, offset, conn->rx.raw + conn->rx_have, n);
	if (ret)
		return ret;
	conn->rx_have += n;
	if (conn->rx_have == conn->rx_header_bytes) {
		ret = conn->ops->header(conn);
		if (ret) {
			/* -EAGAIN: the owner wants to see it again later */
			if (ret == -EAGAIN)
				conn->rx_have -= n;
			return ret;
		}
		conn->rx_have = 0;
	}
	return n;
}

static int dst_conn_actor(read_descriptor_t *desc, struct sk_buff *skb,
			  unsigned int offset, size_t len)
{
	struct dst_conn *conn = desc->arg.data;
	size_t done = 0;
	int ret;

	/* tcp_read_sock() comes once more after it was given less than all */
	if (unlikely(conn->rx_error))
		return conn->rx_error;

	while (done < len) {
		if (conn->rx_left)
			ret = dst_conn_copy_data(conn, skb, offset + done,
						 len - done);
		else
			ret = dst_conn_copy_header(conn, skb, offset + done,
						   len - done);
		if (ret < 0) {
			conn->rx_error = ret;
			desc->count = 0;
			return done ?: ret;
		}
		done += ret;
	}
	desc->count -= min_t(size_t, desc->count, done);
	return done;
}

/**
 * dst_conn_read_locked - receive what is there
 * @conn: started
 * @budget: stop after about this many bytes
 *
 * Context: with the socket lock held, in softirq or by a process.
 * Return: bytes received, or a negative errno that ends the connection;
 * -EAGAIN if the owner's header() said so.
 */
int dst_conn_read_locked(struct dst_conn *conn, size_t budget)
{
	read_descriptor_t desc = { .arg.data = conn, .count = budget };
	int ret;

	if (unlikely(conn->rx_error && conn->rx_error != -EAGAIN))
		return conn->rx_error;
	conn->rx_error = 0;
	ret = tcp_read_sock(conn->sock->sk, &desc, dst_conn_actor);
	if (ret > 0)	/* pairs with READ_ONCE in dst_lane_check() */
		WRITE_ONCE(conn->rx_jiffies, jiffies);
	return conn->rx_error ?: ret;
}

/**
 * dst_conn_read - like dst_conn_read_locked(), takes the socket lock
 * @conn: started
 * @budget: stop after about this many bytes
 *
 * Context: process, may sleep.
 * Return: as dst_conn_read_locked().
 */
int dst_conn_read(struct dst_conn *conn, size_t budget)
{
	struct sock *sk = conn->sock->sk;
	int ret;

	lock_sock(sk);
	ret = dst_conn_read_locked(conn, budget);
	release_sock(sk);
	return ret;
}

static void dst_conn_data_ready(struct sock *sk)
{
	struct dst_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = sk->sk_user_data;
	if (likely(conn))
		conn->ops->ready(conn);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void dst_conn_write_space(struct sock *sk)
{
	struct dst_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = sk->sk_user_data;
	if (likely(conn && sk_stream_is_writeable(sk))) {
		clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		conn->ops->writable(conn);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

static void dst_conn_state_change(struct sock *sk)
{
	struct dst_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = sk->sk_user_data;
	if (likely(conn) && sk->sk_state != TCP_ESTABLISHED)
		conn->ops->broken(conn);
	read_unlock_bh(&sk->sk_callback_lock);
}

/**
 * dst_conn_start - begin to receive from a connected socket
 * @conn: has no socket
 * @sock: connected; the connection owns it from now on
 *
 * Whatever arrived before is still in the socket: the owner must read once.
 *
 * Context: process, may sleep; nobody else uses @conn.
 */
void dst_conn_start(struct dst_conn *conn, struct socket *sock)
{
	struct sock *sk = sock->sk;

	conn->sock = sock;
	conn->rx_have = 0;
	conn->rx_left = 0;
	conn->rx_skip = false;
	conn->rx_error = 0;
	conn->rx_jiffies = jiffies;
	conn->tx_nr = 0;
	conn->tx_bytes = 0;
	conn->tx_copy = false;
	conn->tx_data = false;
	conn->tx_active = false;

	lock_sock(sk);
	conn->tx_seq = tcp_sk(sk)->write_seq;
	write_lock_bh(&sk->sk_callback_lock);
	conn->saved_data_ready = sk->sk_data_ready;
	conn->saved_write_space = sk->sk_write_space;
	conn->saved_state_change = sk->sk_state_change;
	sk->sk_user_data = conn;
	sk->sk_data_ready = dst_conn_data_ready;
	sk->sk_write_space = dst_conn_write_space;
	sk->sk_state_change = dst_conn_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
}

/**
 * dst_conn_shut - end a connection
 * @conn: started
 *
 * Afterwards no callback runs or will run. The owner then cancels its work
 * and calls dst_conn_close().
 *
 * Context: process, may sleep; takes the socket lock.
 */
void dst_conn_shut(struct dst_conn *conn)
{
	struct sock *sk = conn->sock->sk;

	kernel_sock_shutdown(conn->sock, SHUT_RDWR);
	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	sk->sk_data_ready = conn->saved_data_ready;
	sk->sk_write_space = conn->saved_write_space;
	sk->sk_state_change = conn->saved_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
}

/**
 * dst_conn_close - close the socket of a connection
 * @conn: shut; nobody receives any more
 *
 * Afterwards no sender is inside, and the socket refers to no page any more.
 *
 * Context: process, may sleep; takes tx_mutex.
 */
void dst_conn_close(struct dst_conn *conn)
{
	mutex_lock(&conn->tx_mutex);
	dst_conn_release_socket(conn->sock);
	conn->sock = NULL;
	WRITE_ONCE(conn->tx_active, false);
	conn->tx_nr = 0;
	mutex_unlock(&conn->tx_mutex);
}

/* ---- send ------------------------------------------------------------- */

/**
 * dst_conn_tx_prepare - make room for headers
 * @conn: nothing of an earlier batch is left unsent
 * @len: size of a header in bytes
 *
 * Context: process; tx_mutex held; may allocate with GFP_NOIO.
 * Return: how many headers may now be added with dst_conn_tx_header(). At
 * least 1: where there is no memory, the spare page takes one, to be copied.
 */
unsigned int dst_conn_tx_prepare(struct dst_conn *conn, unsigned int len)
{
	conn->tx_nr = 0;
	conn->tx_bytes = 0;
	conn->tx_copy = false;
	conn->tx_data = false;
	if (conn->tx_page && page_ref_count(conn->tx_page) == 1)
		conn->tx_page_used = 0;
	if (conn->tx_page && PAGE_SIZE - conn->tx_page_used < len) {
		put_page(conn->tx_page);
		conn->tx_page = NULL;
	}
	if (!conn->tx_page) {
		conn->tx_page = alloc_page(GFP_NOIO | __GFP_NOWARN |
					   __GFP_NORETRY);
		conn->tx_page_used = 0;
	}
	if (!conn->tx_page)
		return 1;
	return (PAGE_SIZE - conn->tx_page_used) / len;
}

static void dst_conn_tx_add(struct dst_conn *conn, struct page *page,
			    unsigned int offset, unsigned int len)
{
	struct bio_vec *last = &conn->tx_bvec[conn->tx_nr - 1];

	conn->tx_bytes += len;
	conn->tx_seq += len;
	if (conn->tx_nr && last->bv_page == page &&
	    last->bv_offset + last->bv_len == offset) {
		last->bv_len += len;
		return;
	}
	bvec_set_page(&conn->tx_bvec[conn->tx_nr++], page, len, offset);
}

/**
 * dst_conn_tx_header - add a header to the batch
 * @conn: prepared, with room
 * @len: as prepared
 *
 * Context: tx_mutex held, does not sleep.
 * Return: where to build the header.
 */
void *dst_conn_tx_header(struct dst_conn *conn, unsigned int len)
{
	struct page *page = conn->tx_page;
	unsigned int offset = conn->tx_page_used;

	if (unlikely(!page)) {
		page = conn->tx_spare;
		offset = 0;
		conn->tx_copy = true;
	} else {
		conn->tx_page_used += len;
	}
	dst_conn_tx_add(conn, page, offset, len);
	return page_address(page) + offset;
}

/**
 * dst_conn_tx_bvec - add data to the batch
 * @conn: prepared, with room
 * @bv: pages that stay as they are until the peer acked them
 *
 * Context: tx_mutex held, does not sleep.
 */
void dst_conn_tx_bvec(struct dst_conn *conn, const struct bio_vec *bv)
{
	unsigned int off = bv->bv_offset & PAGE_MASK;
	unsigned int end = bv->bv_offset + bv->bv_len;

	for (; off < end && !conn->tx_copy; off += PAGE_SIZE)
		if (!sendpage_ok(bv->bv_page + (off >> PAGE_SHIFT)))
			conn->tx_copy = true;
	conn->tx_data = true;
	dst_conn_tx_add(conn, bv->bv_page, bv->bv_offset, bv->bv_len);
}

/*
 * Straight to TCP: what a security module thinks of the process that happens to
 * submit I/O does not matter here.
 */
static int dst_conn_tx_once(struct dst_conn *conn, struct msghdr *msg)
{
	struct sock *sk = conn->sock->sk;

	sock_rps_record_flow(sk);
	if (conn->tx_data && !conn->tx_copy)
		return dst_compat_send_pages(sk, msg);
	return tcp_sendmsg(sk, msg, msg_data_left(msg));
}

/**
 * dst_conn_tx_push - send the batch, or go on with it
 * @conn: started
 *
 * Context: process; tx_mutex held; does not wait for the network.
 * Return: 0 when all is sent, -EAGAIN when writable() will tell to go on, any
 * other negative errno when the connection is broken.
 */
int dst_conn_tx_push(struct dst_conn *conn)
{
	int ret = 0;

	if (!conn->tx_active) {
		if (!conn->tx_nr)
			return 0;
		iov_iter_bvec(&conn->tx_iter, ITER_SOURCE, conn->tx_bvec,
			      conn->tx_nr, conn->tx_bytes);
		/* read without the mutex by dst_lane_wants_to_send() */
		WRITE_ONCE(conn->tx_active, true);
	}
	while (iov_iter_count(&conn->tx_iter)) {
		struct msghdr msg = {
			.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL,
			.msg_iter = conn->tx_iter,
		};

		ret = dst_conn_tx_once(conn, &msg);
		if (ret <= 0)
			break;
		conn->tx_iter = msg.msg_iter;
		ret = 0;
	}
	if (!iov_iter_count(&conn->tx_iter)) {
		WRITE_ONCE(conn->tx_active, false);
		conn->tx_nr = 0;
		return 0;
	}
	return ret ?: -EPIPE;
}

/**
 * dst_conn_tx_acked - did the peer's TCP acknowledge all up to here?
 * @conn: started
 * @seq: TCP sequence number, from conn->tx_seq
 *
 * Until then the socket may still refer to the pages and send them again.
 *
 * Context: socket lock held.
 */
bool dst_conn_tx_acked(struct dst_conn *conn, u32 seq)
{
	return !before(tcp_sk(conn->sock->sk)->snd_una, seq);
}

/**
 * dst_conn_send_raw - send a few bytes on a socket that is not started
 * @sock: connected; its sndtimeo bounds the wait
 * @buf: bytes
 * @len: how many
 *
 * Context: process, sleeps.
 * Return: 0 or a negative errno.
 */
int dst_conn_send_raw(struct socket *sock, void *buf, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	struct kvec iov = { .iov_base = buf, .iov_len = len };
	int ret = kernel_sendmsg(sock, &msg, &iov, 1, len);

	if (ret == len)
		return 0;
	return ret < 0 ? ret : -EPIPE;
}

/**
 * dst_conn_recv_raw - receive exactly so many bytes likewise
 * @sock: connected; its rcvtimeo bounds the wait
 * @buf: where to
 * @len: how many
 *
 * Context: process, sleeps.
 * Return: 0, -ETIMEDOUT, -ECONNRESET at the end of the stream, or another
 * negative errno.
 */
int dst_conn_recv_raw(struct socket *sock, void *buf, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_WAITALL };
	struct kvec iov = { .iov_base = buf, .iov_len = len };
	int ret = kernel_recvmsg(sock, &msg, &iov, 1, len, MSG_WAITALL);

	if (ret == len)
		return 0;
	if (ret == -EAGAIN || ret > 0)
		return -ETIMEDOUT;
	return ret ?: -ECONNRESET;
}
