// SPDX-License-Identifier: GPL-2.0-only
#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dstctl.h"

static bool from_sockaddr(struct dst_ioc_addr *out, const struct sockaddr *sa)
{
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *sin = (const struct sockaddr_in *)sa;

	memset(out, 0, sizeof(*out));
	if (sa->sa_family == AF_INET) {
		out->family = DST_IOC_ADDR_INET;
		out->port = ntohs(sin->sin_port);
		memcpy(out->addr, &sin->sin_addr, sizeof(sin->sin_addr));
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		out->family = DST_IOC_ADDR_INET6;
		out->port = ntohs(sin6->sin6_port);
		out->scope_id = sin6->sin6_scope_id;
		memcpy(out->addr, &sin6->sin6_addr, sizeof(sin6->sin6_addr));
		return true;
	}
	return false;
}

static socklen_t to_sockaddr(struct sockaddr_storage *ss,
			     const struct dst_ioc_addr *addr)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (addr->family == DST_IOC_ADDR_INET) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(addr->port);
		memcpy(&sin->sin_addr, addr->addr, sizeof(sin->sin_addr));
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(addr->port);
	sin6->sin6_scope_id = addr->scope_id;
	memcpy(&sin6->sin6_addr, addr->addr, sizeof(sin6->sin6_addr));
	return sizeof(*sin6);
}

/* At most RESOLVE_MOST addresses of @host; *nr is 1 or more on success. */
int resolve_host(const char *what, const struct parse_host *host,
		 struct dst_ioc_addr *out, __u32 *nr)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *info;
	char port[8];
	int ret;

	if (host->ipv6)
		hints.ai_flags = AI_NUMERICHOST;
	snprintf(port, sizeof(port), "%u", host->port);
	ret = getaddrinfo(host->host, port, &hints, &list);
	if (ret)
		return fail(what, host->ipv6 ?
			    "Check the address and the interface behind '%'" :
			    "Check the name, or give the address itself",
			    "cannot look up '%s' (%s)", host->host,
			    ret == EAI_SYSTEM ? strerror(errno) :
			    gai_strerror(ret));

	*nr = 0;
	for (info = list; info && *nr < RESOLVE_MOST; info = info->ai_next)
		if (from_sockaddr(&out[*nr], info->ai_addr))
			(*nr)++;
	freeaddrinfo(list);
	if (!*nr)
		return fail(what, "Give an IPv4 or IPv6 address",
			    "'%s' has no address", host->host);
	return 0;
}

/* A socket on its way to @addr, or -1. */
static int start_connect(const struct dst_ioc_addr *addr)
{
	struct sockaddr_storage ss;
	socklen_t len = to_sockaddr(&ss, addr);
	int fd;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&ss, len) && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool connected(int fd)
{
	socklen_t len = sizeof(int);
	int err;

	return !getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) && !err;
}

/* The first of @fds that gets through, waiting for @timeout_ms, or -1. */
static int first_connected(struct pollfd *fds, __u32 nr, int timeout_ms)
{
	__u32 i, open;

	for (;;) {
		for (open = 0, i = 0; i < nr; i++)
			open += fds[i].fd >= 0;
		if (!open || poll(fds, nr, timeout_ms) <= 0)
			return -1;
		for (i = 0; i < nr; i++) {
			if (fds[i].fd < 0 || !fds[i].revents)
				continue;
			if (connected(fds[i].fd))
				return i;
			close(fds[i].fd);
			fds[i].fd = -1;
		}
	}
}

/*
 * Where a name has several addresses the kernel is given the one that answers
 * first: it would hold on to a dead one for all the time there is.
 */
void resolve_order(struct dst_ioc_addr *addrs, __u32 nr, int timeout_ms)
{
	struct pollfd fds[RESOLVE_MOST];
	struct dst_ioc_addr addr;
	int first;
	__u32 i;

	if (nr < 2)
		return;
	for (i = 0; i < nr; i++) {
		fds[i].fd = start_connect(&addrs[i]);
		fds[i].events = POLLOUT;
	}
	first = first_connected(fds, nr, timeout_ms);
	for (i = 0; i < nr; i++)
		if (fds[i].fd >= 0)
			close(fds[i].fd);
	if (first > 0) {
		addr = addrs[first];
		memmove(addrs + 1, addrs, first * sizeof(*addrs));
		addrs[0] = addr;
	}
}
