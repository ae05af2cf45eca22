// SPDX-License-Identifier: GPL-2.0-only
/*
 * Portals: where clients arrive. One listening socket and one thread for each
 * address, shared by the exports that listen there.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>

#include "dst_target.h"

#define DST_PORTAL_BACKLOG	128
/* Connections that have not said yet what they want. */
#define DST_PORTAL_MAX_JOINING	128
#define DST_PORTAL_RETRY_MS	100

/* Protected by dst_exports_mutex, like all of this but the thread. */
static LIST_HEAD(dst_portals);

static void dst_portal_peer(struct socket *sock, struct dst_peer *peer)
{
	struct sockaddr_storage ss = { };
	struct sockaddr_in6 *in6 = (void *)&ss;
	struct sockaddr_in *in = (void *)&ss;

	memset(peer, 0, sizeof(*peer));
	if (kernel_getpeername(sock, (void *)&ss) < 0)
		return;
	if (ss.ss_family == AF_INET6 && !ipv6_addr_v4mapped(&in6->sin6_addr)) {
		peer->addr.family = DST_IOC_ADDR_INET6;
		peer->addr.port = ntohs(in6->sin6_port);
		peer->addr.scope_id = in6->sin6_scope_id;
		memcpy(peer->addr.addr, &in6->sin6_addr, 16);
		snprintf(peer->text, sizeof(peer->text), "[%pI6c]:%u",
			 &in6->sin6_addr, peer->addr.port);
		return;
	}
	peer->addr.family = DST_IOC_ADDR_INET;
	if (ss.ss_family == AF_INET6) {
		peer->addr.port = ntohs(in6->sin6_port);
		memcpy(peer->addr.addr, &in6->sin6_addr.s6_addr[12], 4);
	} else {
		peer->addr.port = ntohs(in->sin_port);
		memcpy(peer->addr.addr, &in->sin_addr, 4);
	}
	snprintf(peer->text, sizeof(peer->text), "%pI4:%u", peer->addr.addr,
		 peer->addr.port);
}

/* Return: true if @target took the connection. */
static bool dst_portal_welcome(struct dst_portal *portal, struct socket *sock,
			       struct dst_target *target)
{
	struct dst_peer peer;

	dst_portal_peer(sock, &peer);
	/* who may use nothing here learns nothing and costs nothing */
	if (!dst_export_anything_for(portal, &peer) ||
	    atomic_read(&portal->joining) >= DST_PORTAL_MAX_JOINING) {
		sock_no_linger(sock->sk);
		sock_release(sock);
		return false;
	}
	dst_target_run(target, portal, sock, &peer);
	return true;
}

/* From the reserves: see above the spare target. */
static int dst_portal_accept(struct dst_portal *portal, struct socket **sock)
{
	unsigned int noreclaim = memalloc_noreclaim_save();
	int ret = kernel_accept(portal->sock, sock, 0);

	memalloc_noreclaim_restore(noreclaim);
	return ret;
}

static int dst_portal_main(void *data)
{
	struct dst_portal *portal = data;
	struct dst_target *spare = NULL;
	struct socket *sock;
	int ret;

	while (!kthread_should_stop()) {
		/* before it is needed: that is not the time to make one */
		if (!spare)
			spare = dst_target_get();
		ret = spare ? dst_portal_accept(portal, &sock) : -ENOMEM;
		if (!ret && dst_portal_welcome(portal, sock, spare))
			spare = NULL;
		else if (ret && !kthread_should_stop())
			/* out of memory or shut down: don't spin */
			schedule_timeout_idle(msecs_to_jiffies(DST_PORTAL_RETRY_MS));
	}
	if (spare)
		dst_target_put(spare);
	return 0;
}

static int dst_portal_bind(struct dst_portal *portal, int family)
{
	const struct dst_ioc_addr *a = &portal->addr;
	struct sockaddr_storage ss = { };
	struct sockaddr_in6 *in6 = (void *)&ss;
	struct sockaddr_in *in = (void *)&ss;
	struct socket *sock;
	int len, ret;

	if (family == AF_INET6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		in6->sin6_scope_id = a->scope_id;
		memcpy(&in6->sin6_addr, a->addr, 16);
		len = sizeof(*in6);
	} else {
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->addr, 4);
		len = sizeof(*in);
	}
	ret = sock_create_kern(portal->net, family, SOCK_STREAM, IPPROTO_TCP,
			       &sock);
	if (ret)
		return ret;
	sock_set_reuseaddr(sock->sk);
	/* "any address" takes IPv4 as well, an IPv6 address is just that */
	sock->sk->sk_ipv6only = family == AF_INET6 && a->family;
	ret = kernel_bind(sock, (void *)&ss, len);
	if (!ret)
		ret = kernel_listen(sock, DST_PORTAL_BACKLOG);
	if (ret) {
		sock_release(sock);
		return ret;
	}
	portal->sock = sock;
	return 0;
}

static int dst_portal_listen(struct dst_portal *portal)
{
	int ret;

	if (portal->addr.family == DST_IOC_ADDR_INET)
		return dst_portal_bind(portal, AF_INET);
	ret = dst_portal_bind(portal, AF_INET6);
	/* a machine without IPv6 */
	if (ret == -EAFNOSUPPORT && !portal->addr.family)
		ret = dst_portal_bind(portal, AF_INET);
	return ret;
}

static struct dst_portal *dst_portal_create(struct net *net,
					    const struct dst_ioc_addr *addr,
					    int *err)
{
	struct dst_portal *portal = kzalloc(sizeof(*portal), GFP_KERNEL);

	*err = -ENOMEM;
	if (!portal)
		return NULL;
	refcount_set(&portal->users, 1);
	portal->net = get_net(net);
	portal->addr = *addr;
	init_waitqueue_head(&portal->wait);
	*err = dst_portal_listen(portal);
	if (*err)
		goto err_free;
	portal->thread = kthread_create(dst_portal_main, portal, "dst-portal");
	if (IS_ERR(portal->thread)) {
		*err = PTR_ERR(portal->thread);
		goto err_release;
	}
	get_task_struct(portal->thread);
	list_add_tail(&portal->entry, &dst_portals);
	wake_up_process(portal->thread);
	return portal;

err_release:
	sock_release(portal->sock);
err_free:
	put_net(portal->net);
	kfree(portal);
	return NULL;
}

/**
 * dst_portal_get - listen at an address
 * @net: network namespace
 * @addr: where; family 0 for any address of this machine
 * @err: negative errno on failure
 *
 * Context: dst_exports_mutex held.
 * Return: the portal, shared with others, or NULL.
 */
struct dst_portal *dst_portal_get(struct net *net,
				  const struct dst_ioc_addr *addr, int *err)
{
	struct dst_portal *portal;

	list_for_each_entry(portal, &dst_portals, entry) {
		if (!net_eq(portal->net, net) ||
		    memcmp(&portal->addr, addr, sizeof(*addr)))
			continue;
		refcount_inc(&portal->users);
		return portal;
	}
	return dst_portal_create(net, addr, err);
}

/**
 * dst_portal_put - an export listens here no more
 * @portal: portal
 *
 * Context: dst_exports_mutex held.
 * Return: true for the last one: dst_portal_destroy() it without the mutex.
 */
bool dst_portal_put(struct dst_portal *portal)
{
	if (!refcount_dec_and_test(&portal->users))
		return false;
	list_del(&portal->entry);
	return true;
}

/**
 * dst_portal_destroy - stop to listen
 * @portal: the last dst_portal_put() was called
 *
 * Connections that have not joined yet see that and give up.
 *
 * Context: process, sleeps; not under dst_exports_mutex, which the thread
 * may want.
 */
void dst_portal_destroy(struct dst_portal *portal)
{
	WRITE_ONCE(portal->closing, true);
	kernel_sock_shutdown(portal->sock, SHUT_RDWR);
	kthread_stop(portal->thread);
	put_task_struct(portal->thread);
	wait_event(portal->wait, !atomic_read(&portal->joining));
	/* the last one holds this lock until it has let go of the portal */
	spin_lock(&portal->wait.lock);
	spin_unlock(&portal->wait.lock);
	sock_release(portal->sock);
	put_net(portal->net);
	kfree(portal);
}
