// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor: two processes and one TCP connection over loopback.  The client
 * sends a request of so many bytes and waits for the reply of so many.
 *
 *	pingpong REQUEST REPLY COUNT
 *
 * prints round trips a second.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void read_all(int fd, char *buf, size_t len)
{
	while (len) {
		ssize_t n = read(fd, buf, len);

		if (n <= 0)
			die("read");
		buf += n;
		len -= n;
	}
}

static void write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n <= 0)
			die("write");
		buf += n;
		len -= n;
	}
}

static void no_delay(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		die("TCP_NODELAY");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	size_t request, reply;
	int listener, fd;
	long count, i;
	double start;
	char *buf;

	if (argc != 4) {
		fprintf(stderr, "usage: pingpong REQUEST REPLY COUNT\n");
		return 2;
	}
	request = strtoul(argv[1], NULL, 0);
	reply = strtoul(argv[2], NULL, 0);
	count = strtol(argv[3], NULL, 0);
	buf = calloc(1, request > reply ? request : reply);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (!buf || listener < 0 ||
	    bind(listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len))
		die("listen");

	switch (fork()) {
	case -1:
		die("fork");
		break;
	case 0:
		fd = accept(listener, NULL, NULL);
		no_delay(fd);
		for (i = 0; i <= count; i++) {
			read_all(fd, buf, request);
			write_all(fd, buf, reply);
		}
		return 0;
	}

	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("connect");
	no_delay(fd);
	write_all(fd, buf, request);	/* both ends are up */
	read_all(fd, buf, reply);
	start = now();
	for (i = 0; i < count; i++) {
		write_all(fd, buf, request);
		read_all(fd, buf, reply);
	}
	printf("%.1f\n", count / (now() - start));
	wait(NULL);
	return 0;
}
