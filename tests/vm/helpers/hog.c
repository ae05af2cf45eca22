// SPDX-License-Identifier: GPL-2.0-only
/*
 * hog MIB CHECK: use so much memory, then see that the first CHECK MiB of it,
 * which were swapped out for the rest, are as they were.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE	4096

int main(int argc, char **argv)
{
	size_t bytes, check, at;
	uint64_t *p;

	if (argc != 3)
		return 2;
	bytes = (size_t)atoi(argv[1]) << 20;
	check = (size_t)atoi(argv[2]) << 20;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (at = 0; at < bytes; at += PAGE) {
		p[at / 8] = at;
		p[(at + PAGE) / 8 - 1] = ~at;
	}
	for (at = 0; at < check; at += PAGE)
		if (p[at / 8] != at || p[(at + PAGE) / 8 - 1] != ~at) {
			fprintf(stderr, "page at %zu is wrong\n", at);
			return 1;
		}
	return 0;
}
