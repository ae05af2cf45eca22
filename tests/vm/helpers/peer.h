/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hostile and liar have in common: the checksum of headers, and talking
 * over a socket with limited patience.
 */
#ifndef PEER_H
#define PEER_H

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dst_proto.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define KIB		1024U
#define MIB		(1024U * 1024)
#define PATIENCE_MS	20000

static unsigned int failures;

static inline u32 crc32c(u32 crc, const void *p, size_t len)
{
	const u8 *b = p;

	while (len--) {
		crc ^= *b++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

static inline void seal(void *header, size_t len)
{
	u32 crc = ~crc32c(~0U, header, len - 4);

	memcpy((u8 *)header + len - 4, &crc, 4);
}

static inline bool sealed(const void *header, size_t len)
{
	u32 crc = ~crc32c(~0U, header, len - 4);

	return !memcmp((const u8 *)header + len - 4, &crc, 4);
}

static inline void check(const char *name, bool good, const char *fmt, ...)
{
	va_list args;

	printf("%s %s", good ? "ok" : "FAILED", name);
	if (!good) {
		failures++;
		printf(": ");
		va_start(args, fmt);
		vprintf(fmt, args);
		va_end(args);
	}
	putchar('\n');
	fflush(stdout);
}

/* Return: bytes received before the end, or before patience ended. */
static inline size_t take(int fd, void *p, size_t len, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t have = 0;

	while (have < len && poll(&pfd, 1, ms) == 1) {
		ssize_t n = recv(fd, (u8 *)p + have, len - have, 0);

		if (n <= 0)
			break;
		have += n;
	}
	return have;
}

static inline bool give(int fd, const void *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p = (const u8 *)p + n;
		len -= n;
	}
	return true;
}

static inline u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* Does the peer close it? What it still says is thrown away. */
static inline bool is_closed(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	u64 end = now_ms() + ms;
	u8 rest[65536];

	while (now_ms() < end) {
		if (poll(&pfd, 1, end - now_ms()) != 1)
			return false;
		if (recv(fd, rest, sizeof(rest), 0) <= 0)
			return true;
	}
	return false;
}

static inline u32 random_u32(void)
{
	static u64 state = 0x9e3779b97f4a7c15;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 32;
}

#endif /* PEER_H */
