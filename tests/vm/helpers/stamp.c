// SPDX-License-Identifier: GPL-2.0-only
/*
 * stamp write|check FILE MIB: fill a file, through the page cache, with data
 * that says where it belongs, and fsync it; or see that it is as it was filled.
 * For machines where fio does not fit.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK	(256 << 10)
#define WORDS	(BLOCK / 8)

static uint64_t want[WORDS], found[WORDS];

static void fill(uint64_t at)
{
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		want[i] = (at + i * 8) * 0x9e3779b97f4a7c15;
}

static int fail(const char *what, uint64_t at)
{
	fprintf(stderr, "%s at %llu\n", what, (unsigned long long)at);
	return 1;
}

static int check(int fd, uint64_t at)
{
	ssize_t n, have;

	for (have = 0; have < BLOCK; have += n) {
		n = read(fd, (char *)found + have, BLOCK - have);
		if (n <= 0)
			return fail("can't be read", at + have);
	}
	return memcmp(want, found, BLOCK) ? fail("wrong data", at) : 0;
}

int main(int argc, char **argv)
{
	uint64_t at, bytes;
	int writes, fd;

	if (argc != 4)
		return 2;
	writes = !strcmp(argv[1], "write");
	fd = open(argv[2], writes ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY,
		  0600);
	if (fd < 0)
		return fail("can't be opened", 0);
	bytes = (uint64_t)atoi(argv[3]) << 20;
	for (at = 0; at < bytes; at += BLOCK) {
		fill(at);
		if (!writes && check(fd, at))
			return 1;
		if (writes && write(fd, want, BLOCK) != BLOCK)
			return fail("can't be written", at);
	}
	if (writes && fsync(fd))
		return fail("fsync", bytes);
	return 0;
}
