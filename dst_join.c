// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a lane of the client gets its connection: connect, say hello, understand
 * the welcome, and come again later where that did not work out. The kernel
 * does this by itself for as long as the device is attached.
 *
 * Lane 0 opens the session. The others join it, and rejoin it with a higher
 * generation after a loss: the server answers only after nothing of the old
 * connection runs any more, which is what allows to send again.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/random.h>
#include <linux/sched/mm.h>

#include "dst.h"

#define DST_JOIN_BACKOFF_MIN_MS		100
#define DST_JOIN_BACKOFF_MAX_MS		5000
/* To connect; afterwards to get the welcome, for which a drain may be due. */
#define DST_JOIN_CONNECT_MS		3000
#define DST_JOIN_WELCOME_MS		8000

static void dst_join_why(struct dst_lane *lane, const char *fmt, ...)
	__printf(2, 3);

static void dst_join_why(struct dst_lane *lane, const char *fmt, ...)
{
	va_list args;

	spin_lock_bh(&lane->lock);
	va_start(args, fmt);
	vsnprintf(lane->why, sizeof(lane->why), fmt, args);
	va_end(args);
	spin_unlock_bh(&lane->lock);
	dst_device_tell(lane->dev);
}

static const char *dst_join_errno_text(int err)
{
	switch (err) {
	case -ECONNREFUSED:
		return "connection refused: is DST's module loaded and the export added there?";
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		return "no route to the server";
	case -ETIMEDOUT:
	case -EAGAIN:
	case -EINPROGRESS:
		return "the server does not answer";
	case -ECONNRESET:
	case -EPIPE:
		return "the server closed the connection: is this machine on the allow-list?";
	case -EPROTO:
		return "what answers there does not speak DST";
	default:
		return "connecting failed";
	}
}

/* Let dst_lane_stop() find the socket, so that it can end our waits. */
static int dst_join_publish(struct dst_lane *lane, struct socket *sock)
{
	int ret = 0;

	mutex_lock(&lane->sock_mutex);
	if (READ_ONCE(lane->stopping))
		ret = -ESHUTDOWN;
	else
		lane->joining = sock;
	mutex_unlock(&lane->sock_mutex);
	return ret;
}

static void dst_join_unpublish(struct dst_lane *lane)
{
	mutex_lock(&lane->sock_mutex);
	lane->joining = NULL;
	mutex_unlock(&lane->sock_mutex);
}

static int dst_join_connect(struct dst_lane *lane, struct socket *sock)
{
	struct sockaddr_storage addr = lane->dev->addr;
	int len = addr.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					       sizeof(struct sockaddr_in);

	sock->sk->sk_sndtimeo = msecs_to_jiffies(DST_JOIN_CONNECT_MS);
	sock->sk->sk_rcvtimeo = msecs_to_jiffies(DST_JOIN_WELCOME_MS);
	return kernel_connect(sock, (void *)&addr, len, 0);
}

static void dst_join_fill_hello(struct dst_lane *lane,
				struct dst_proto_hello *hello)
{
	struct dst_device *dev = lane->dev;
	u32 flags = 0;

	if (!dev->joined) {
		flags |= DST_PROTO_HELLO_NEW;
		/* each attempt is a session of its own: a late one loses */
		dev->epoch++;
		if (dev->opts.head.flags & DST_IOC_ATTACH_PREEMPT)
			flags |= DST_PROTO_HELLO_PREEMPT;
	}
	if (dev->read_only)
		flags |= DST_PROTO_HELLO_READ_ONLY;

	memset(hello, 0, sizeof(*hello));
	hello->magic = cpu_to_le32(DST_PROTO_HELLO_MAGIC);
	hello->version_min = cpu_to_le16(DST_PROTO_VERSION_MIN);
	hello->version_max = cpu_to_le16(DST_PROTO_VERSION_MAX);
	hello->features = cpu_to_le64(dev->digest ? DST_PROTO_F_DIGEST : 0);
	memcpy(hello->initiator, dev->opts.initiator, sizeof(hello->initiator));
	memcpy(hello->device, dev->opts.device, sizeof(hello->device));
	hello->epoch = cpu_to_le64(dev->epoch);
	hello->generation = cpu_to_le64(++lane->generation);
	hello->lane = cpu_to_le16(lane->index);
	hello->lanes = cpu_to_le16(dev->nr_lanes);
	hello->flags = cpu_to_le32(flags);
	get_random_bytes(hello->nonce, sizeof(hello->nonce));
	memcpy(hello->export, dev->opts.export, sizeof(hello->export));
	memcpy(hello->host, dev->opts.host, sizeof(hello->host));
	dst_wire_seal(hello, sizeof(*hello));
}

static int dst_join_talk(struct dst_lane *lane, struct socket *sock,
			 struct dst_proto_welcome *w)
{
	struct dst_proto_hello hello;
	int ret;

	dst_join_fill_hello(lane, &hello);
	ret = dst_conn_send_raw(sock, &hello, sizeof(hello));
	if (ret)
		return ret;
	ret = dst_conn_recv_raw(sock, w, sizeof(*w));
	if (ret)
		return ret;
	if (dst_wire_check_welcome(w) ||
	    memcmp(w->client_nonce, hello.nonce, sizeof(hello.nonce)))
		return -EPROTO;
	return 0;
}

static void dst_join_read_info(const struct dst_proto_welcome *w,
			       struct dst_export_info *info)
{
	import_uuid(&info->export_uuid, w->export_uuid);
	import_uuid(&info->boot_id, w->boot_id);
	info->features = le64_to_cpu(w->features);
	info->size_bytes = le64_to_cpu(w->size_bytes);
	info->logical_block_bytes = le32_to_cpu(w->logical_block_bytes);
	info->physical_block_bytes = le32_to_cpu(w->physical_block_bytes);
	info->io_min_bytes = le32_to_cpu(w->io_min_bytes);
	info->io_opt_bytes = le32_to_cpu(w->io_opt_bytes);
	info->max_transfer_bytes = le32_to_cpu(w->max_transfer_bytes);
	info->discard_granularity_bytes =
		le32_to_cpu(w->discard_granularity_bytes);
	info->flags = le32_to_cpu(w->export_flags);
	info->max_lanes = le16_to_cpu(w->max_lanes);
}

/* Is what we joined again what the device was made for? */
static const char *dst_join_misfit(const struct dst_device *dev,
				   const struct dst_export_info *now)
{
	const struct dst_export_info *was = &dev->info;
	u32 lost = was->flags & ~now->flags;

	if (!uuid_equal(&now->export_uuid, &was->export_uuid))
		return "it is another export under the same name";
	if (now->size_bytes < was->size_bytes)
		return "the export has become smaller";
	if (now->logical_block_bytes > was->logical_block_bytes ||
	    now->max_transfer_bytes < was->max_transfer_bytes)
		return "the block or transfer size of the export has changed";
	if (now->flags & ~was->flags & (DST_PROTO_EXPORT_READ_ONLY |
					DST_PROTO_EXPORT_VOLATILE |
					DST_PROTO_EXPORT_SHARED) ||
	    lost & (DST_PROTO_EXPORT_DISCARD | DST_PROTO_EXPORT_WRITE_ZEROES))
		return "the properties of the export have changed";
	if (dev->digest != !!(now->features & DST_PROTO_F_DIGEST))
		return "the server does not do digests any more";
	return NULL;
}

static int dst_join_accept(struct dst_lane *lane, struct socket *sock,
			   const struct dst_proto_welcome *w)
{
	struct dst_device *dev = lane->dev;
	struct dst_export_info info;
	const char *misfit;

	dst_join_read_info(w, &info);
	if (!dev->joined) {
		if (dev->digest && !(info.features & DST_PROTO_F_DIGEST)) {
			dst_device_refused(dev, -EOPNOTSUPP,
					   "the server can't do --digest");
			return -EOPNOTSUPP;
		}
		if (dev->ack == DST_IOC_ACK_RAM &&
		    info.flags & DST_PROTO_EXPORT_SHARED) {
			dst_device_refused(dev, -EOPNOTSUPP,
					   "--ack=ram can't be used with an export that is --shared");
			return -EOPNOTSUPP;
		}
		spin_lock_bh(&dev->lock);
		dev->info = info;
		dev->joined = true;
		dev->nr_lanes = min(dev->nr_lanes, info.max_lanes);
		spin_unlock_bh(&dev->lock);
	} else {
		misfit = dst_join_misfit(dev, &info);
		if (misfit) {
			dst_join_why(lane, "%s", misfit);
			return -EMEDIUMTYPE;
		}
		if (!dst_replay_new_boot(lane, &info.boot_id))
			return -EALREADY;
		if (info.size_bytes != dev->info.size_bytes)
			dst_device_resized(dev, info.size_bytes);
	}
	if (READ_ONCE(dev->replaying) && !dst_replay_is_alone(lane))
		return -EALREADY;
	sock->sk->sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
	return dst_lane_go_live(lane, sock, w);
}

/* Not welcome. Return: a negative errno. */
static int dst_join_rejected(struct dst_lane *lane,
			     const struct dst_proto_welcome *w)
{
	struct dst_device *dev = lane->dev;
	const char *what;
	int err;

	switch (w->status) {
	case DST_PROTO_JOIN_DRAINING:
		dst_join_why(lane, "server is still executing %u old requests, the oldest for %u s",
			     le32_to_cpu(w->drain_requests),
			     le32_to_cpu(w->drain_age_ms) / 1000);
		return -EALREADY;
	case DST_PROTO_JOIN_STALE:
		if (!dev->joined)
			dev->epoch = max(dev->epoch, le64_to_cpu(w->epoch));
		dst_join_why(lane, "the server knows a newer attempt");
		return -ESTALE;
	case DST_PROTO_JOIN_FENCED:
		dst_device_fence(dev);
		return -EKEYREVOKED;
	case DST_PROTO_JOIN_BUSY:
		dst_join_why(lane, "a limit of the server is reached (clients or memory)");
		return -EBUSY;
	case DST_PROTO_JOIN_OFFLINE:
		dst_join_why(lane, "the disk of the server has gone");
		return -ENODEV;
	case DST_PROTO_JOIN_HELD:
		dst_join_why(lane, "the export is in use by %s", w->holder);
		dst_device_refused(dev, -EBUSY, "the export is in use by %s",
				   w->holder);
		return -EBUSY;
	case DST_PROTO_JOIN_VERSION:
		what = "the server speaks another version of the protocol";
		err = -EPROTONOSUPPORT;
		break;
	case DST_PROTO_JOIN_REFUSED:
		what = "the server has no such export, or does not allow it to this machine";
		err = -EACCES;
		break;
	default:
		what = "the server did not understand the request";
		err = -EPROTO;
		break;
	}
	dst_join_why(lane, "%s", what);
	dst_device_refused(dev, err, "%s", what);
	return err;
}

static int dst_join_once(struct dst_lane *lane)
{
	struct dst_device *dev = lane->dev;
	struct dst_proto_welcome w;
	struct socket *sock;
	int ret;

	ret = dst_conn_create_socket(dev->net, dev->addr.ss_family, &sock);
	if (ret)
		return ret;
	ret = dst_join_publish(lane, sock);
	if (ret)
		goto out_release;
	ret = dst_join_connect(lane, sock);
	if (!ret)
		ret = dst_join_talk(lane, sock, &w);
	dst_join_unpublish(lane);
	if (ret) {
		dst_join_why(lane, "%s", dst_join_errno_text(ret));
		if (ret == -ECONNREFUSED)
			dst_leg_tell(lane->dev, DST_LEG_NOBODY);
		goto out_release;
	}
	if (w.status != DST_PROTO_JOIN_OK) {
		ret = dst_join_rejected(lane, &w);
		goto out_release;
	}
	ret = dst_join_accept(lane, sock, &w);
	if (!lane->conn.sock)
		goto out_release;
	return ret;

out_release:
	dst_conn_release_socket(sock);
	return ret;
}

static bool dst_join_wanted(struct dst_lane *lane)
{
	struct dst_device *dev = lane->dev;
	bool wanted;

	spin_lock_bh(&lane->lock);
	spin_lock(&dev->lock);
	wanted = !lane->stopping && !dev->closing && !dev->fenced &&
		 !dev->join_error &&
		 lane->index < dev->nr_lanes &&
		 ((dev->joined && !dev->replaying) || lane->index == 0);
	if (!wanted && dev->replaying)
		strscpy(lane->why, "waits until what the server lost is written again",
			sizeof(lane->why));
	spin_unlock(&dev->lock);
	spin_unlock_bh(&lane->lock);
	return wanted;
}

/* When to try again, after an attempt that took @took_ms. */
static unsigned int dst_join_backoff(struct dst_lane *lane, int err,
				     unsigned int took_ms)
{
	unsigned int ms;

	/* the answer told us what to do better, or that it is a matter of ms */
	if (err == -ESTALE || err == -EALREADY)
		return DST_JOIN_BACKOFF_MIN_MS;
	ms = clamp(lane->backoff_ms * 2, DST_JOIN_BACKOFF_MIN_MS,
		   DST_JOIN_BACKOFF_MAX_MS);
	lane->backoff_ms = ms;
	ms -= get_random_u32() % (ms / 4);
	/* it was a wait as well */
	return max_t(int, ms - took_ms, DST_JOIN_BACKOFF_MIN_MS);
}

static void dst_join_teardown(struct dst_lane *lane)
{
	dst_lane_teardown(lane);
	/*
	 * Such a device sends nothing again: there is no order to keep. One
	 * that is detached by force has other lanes until all are stopped.
	 */
	if (READ_ONCE(lane->dev->fenced) ||
	    (lane->dev->leg_ops && READ_ONCE(lane->dev->closing)))
		dst_lane_end_fencing(lane, BLK_STS_TRANSPORT);
}

/**
 * dst_join_work - worker of a lane: tear down what failed, connect anew
 * @work: lane->connect
 */
void dst_join_work(struct work_struct *work)
{
	struct dst_lane *lane = container_of(to_delayed_work(work),
					     struct dst_lane, connect);
	unsigned int noio = memalloc_noio_save();
	/* memory may be short for the want of just this connection */
	unsigned int noreclaim = memalloc_noreclaim_save();
	unsigned long started = jiffies;
	unsigned int ms;
	int ret;

	/* a second kick of a lane that is up already */
	if (READ_ONCE(lane->state) != DST_LANE_DOWN)
		goto out;
	dst_join_teardown(lane);
	if (!dst_join_wanted(lane))
		goto out;
	ret = dst_join_once(lane);
	if (!ret) {
		lane->backoff_ms = 0;
		if (lane->generation > 1)
			lane->reconnects++;
		goto out;
	}
	dst_join_teardown(lane);
	ms = dst_join_backoff(lane, ret, jiffies_to_msecs(jiffies - started));
	spin_lock_bh(&lane->lock);
	if (!lane->stopping)
		queue_delayed_work(dst_join_wq, &lane->connect,
				   msecs_to_jiffies(ms));
	spin_unlock_bh(&lane->lock);
out:
	memalloc_noreclaim_restore(noreclaim);
	memalloc_noio_restore(noio);
}
