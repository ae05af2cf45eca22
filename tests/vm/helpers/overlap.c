// SPDX-License-Identifier: GPL-2.0-only
/*
 * overlap DEVICE ROUNDS: writers and readers at one place, at the same time.
 *
 * In each round all writers write the same blocks at once, each its own value.
 * When all are acknowledged, every block must hold one value of this round, and
 * the same one throughout: overlapping writes are executed one after the other.
 * Meanwhile readers must never see a sector that is older than the last round
 * that was complete when they began to read.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITERS		3
#define READERS		2
#define BYTES		(64 * 1024)
#define SECTOR		512

static pthread_barrier_t barrier;
static uint64_t complete;
static int rounds, fd, done, failed;

static void fail(const char *what, uint64_t want, uint64_t got, int at)
{
	fprintf(stderr, "%s: round %llu, found %llu.%llu at byte %d\n", what,
		(unsigned long long)want, (unsigned long long)got >> 8,
		(unsigned long long)got & 255, at);
	__atomic_store_n(&failed, 1, __ATOMIC_SEQ_CST);
}

static void *buffer(void)
{
	void *buf = NULL;

	if (posix_memalign(&buf, 4096, BYTES))
		abort();
	return buf;
}

static void check_round(uint64_t *buf, uint64_t round)
{
	int i;

	if (pread(fd, buf, BYTES, 0) != BYTES) {
		fail("read failed", round, 0, 0);
		return;
	}
	if (buf[0] >> 8 != round)
		fail("stale after all writes", round, buf[0], 0);
	for (i = 1; i < BYTES / 8; i++)
		if (buf[i] != buf[0]) {
			fail("two writes mixed", round, buf[i], i * 8);
			return;
		}
}

static void *writer(void *arg)
{
	uint64_t me = (uintptr_t)arg, round, *buf = buffer();
	int i;

	for (round = 1; round <= (uint64_t)rounds; round++) {
		for (i = 0; i < BYTES / 8; i++)
			buf[i] = round << 8 | me;
		pthread_barrier_wait(&barrier);
		if (pwrite(fd, buf, BYTES, 0) != BYTES)
			fail("write failed", round, 0, 0);
		pthread_barrier_wait(&barrier);
		if (!me) {
			__atomic_store_n(&complete, round, __ATOMIC_SEQ_CST);
			check_round(buf, round);
		}
	}
	return NULL;
}

static void *reader(void *arg)
{
	uint64_t *buf = buffer(), before;
	int at;

	(void)arg;
	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST)) {
		before = __atomic_load_n(&complete, __ATOMIC_SEQ_CST);
		if (pread(fd, buf, 16384, 16384) != 16384)
			fail("read failed", before, 0, 0);
		for (at = 0; at < 16384; at += SECTOR)
			if (buf[at / 8] >> 8 < before)
				fail("stale read", before, buf[at / 8], at);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[WRITERS + READERS];
	uintptr_t i;

	if (argc != 3)
		return 2;
	rounds = atoi(argv[2]);
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	pthread_barrier_init(&barrier, NULL, WRITERS);
	for (i = 0; i < WRITERS + READERS; i++)
		if (pthread_create(&threads[i], NULL,
				   i < WRITERS ? writer : reader, (void *)i))
			return 1;
	for (i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&done, 1, __ATOMIC_SEQ_CST);
	for (; i < WRITERS + READERS; i++)
		pthread_join(threads[i], NULL);
	return failed;
}
