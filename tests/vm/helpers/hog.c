// SPDX-License-Identifier: GPL-2.0-only
/*
 * hog MIB SWAPPED: use MIB of memory, and then more until SWAPPED MiB were
 * swapped out; see that the first pages, which had to go for the rest, are as
 * they were.
 *
 * How much that takes can't be told beforehand: nobody knows how much the
 * kernel can still free elsewhere.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE	((size_t)4096)
#define MIB	((size_t)1 << 20)

static size_t swapped_bytes(void)
{
	unsigned long pages = 0;
	char line[128];
	FILE *f = fopen("/proc/vmstat", "r");

	if (!f) {
		perror("/proc/vmstat");
		exit(1);
	}
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "pswpout %lu", &pages) == 1)
			break;
	fclose(f);
	return pages * PAGE;
}

static void use(uint64_t *p, size_t from, size_t to)
{
	size_t at;

	for (at = from; at < to; at += PAGE) {
		p[at / 8] = at;
		p[(at + PAGE) / 8 - 1] = ~at;
	}
}

static int check(const uint64_t *p, size_t bytes)
{
	size_t at;

	for (at = 0; at < bytes; at += PAGE)
		if (p[at / 8] != at || p[(at + PAGE) / 8 - 1] != ~at) {
			fprintf(stderr, "page at %zu is wrong\n", at);
			return 1;
		}
	return 0;
}

int main(int argc, char **argv)
{
	size_t used, most, swap, before;
	uint64_t *p;

	if (argc != 3)
		return 2;
	used = (size_t)atoi(argv[1]) * MIB;
	swap = (size_t)atoi(argv[2]) * MIB;
	most = used + 8 * swap;
	p = mmap(NULL, most, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	before = swapped_bytes();
	use(p, 0, used);
	while (swapped_bytes() - before < swap) {
		if (used == most) {
			fprintf(stderr, "%zu MiB used, but too few swapped\n",
				used / MIB);
			return 1;
		}
		use(p, used, used + MIB);
		used += MIB;
	}
	return check(p, swap);
}
