// SPDX-License-Identifier: GPL-2.0-only
/*
 * dsthist run: threads that write and read the same few blocks of a device.
 *
 * Each thread has one operation under way at a time: there are as many at once
 * as there are threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "block.h"
#include "dsthist.h"
#include "run.h"

#define READ_ALL_BYTES	(256U << 10)
#define ERROR_PAUSE_US	10000		/* a dead device is not asked faster */

static int complain(const char *what, int error)
{
	fprintf(stderr, "dsthist: %s: %s\n", what, strerror(error));
	return -1;
}

/* ---- threads ------------------------------------------------------------ */

static uint64_t draw(struct worker *w, uint64_t below)
{
	w->rng += 0x9e3779b97f4a7c15ULL;
	return hist_mix(w->rng) % below;
}

static void draw_range(struct worker *w, uint32_t *block, uint32_t *count)
{
	struct run_options *opt = &w->run->opt;
	bool wide = opt->wide && draw(w, 100) < opt->wide_percent;
	uint32_t base = wide ? opt->blocks : 0;
	uint32_t blocks = wide ? opt->wide : opt->blocks;
	uint32_t most = opt->max_io < blocks ? opt->max_io : blocks;

	*count = 1 + draw(w, most);
	*block = base + draw(w, blocks - *count + 1);
}

static void modify(struct worker *w)
{
	struct run_options *opt = &w->run->opt;
	uint32_t block, count;

	draw_range(w, &block, &count);
	if (draw(w, 100) >= opt->zeroes ||
	    !op_zeroes(w, block, count, draw(w, 2)))
		op_write(w, block, count, draw(w, 100) < opt->fua);
	if (opt->flush_every && !draw(w, opt->flush_every))
		op_flush(w);
}

static bool go_on(struct run *run)
{
	if (__atomic_load_n(&run->stop, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&run->log.error, __ATOMIC_RELAXED))
		return false;
	return !run->opt.ops ||
		__atomic_sub_fetch(&run->left, 1, __ATOMIC_RELAXED) >= 0;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct run *run = w->run;
	uint32_t block, count;
	uint64_t failed;

	while (go_on(run)) {
		failed = __atomic_load_n(&run->failed, __ATOMIC_RELAXED);
		if (w->writer) {
			modify(w);
		} else {
			draw_range(w, &block, &count);
			op_read(w, block, count);
		}
		if (run->opt.think)
			usleep(draw(w, run->opt.think));
		if (failed != __atomic_load_n(&run->failed, __ATOMIC_RELAXED))
			usleep(ERROR_PAUSE_US);
	}
	op_end(w);
	if (!__atomic_sub_fetch(&run->running, 1, __ATOMIC_RELAXED))
		kill(getpid(), SIGTERM);	/* wakes main */
	return NULL;
}

static int worker_init(struct run *run, unsigned int id)
{
	unsigned int most = READ_ALL_BYTES / run->opt.block_bytes;
	struct worker *w = run->workers + id;

	if (id || most < run->opt.max_io)
		most = run->opt.max_io;
	w->run = run;
	w->id = id;
	w->writer = id <= run->opt.writers;
	w->rng = hist_mix(run->opt.seed + hist_mix(run->head.epoch)) + id;
	w->records = calloc((size_t)most * (1 + BLOCK_PARTS) + 1,
			    sizeof(*w->records));
	if (!w->records ||
	    posix_memalign(&w->buf, 4096, (size_t)most * run->opt.block_bytes))
		return -1;
	return 0;
}

static int start_workers(struct run *run)
{
	unsigned int i;
	int error;

	run->running = run->threads - 1;
	for (i = 1; i < run->threads; i++) {
		error = pthread_create(&run->workers[i].thread, NULL, work,
				       run->workers + i);
		if (error)
			return complain("thread", error);
	}
	return 0;
}

/* ---- the run ------------------------------------------------------------ */

static int device_open(struct run *run)
{
	uint64_t need = ((uint64_t)run->opt.blocks + run->opt.wide) *
		run->opt.block_bytes;
	const char *path = run->opt.device;
	off_t size;

	run->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (run->fd < 0)
		return complain(path, errno);
	size = lseek(run->fd, 0, SEEK_END);
	if (size < 0 || (uint64_t)size < need) {
		fprintf(stderr, "dsthist: %s: smaller than %llu bytes\n", path,
			(unsigned long long)need);
		return -1;
	}
	return 0;
}

/* The run goes on: its number and blocks, a later epoch. */
static int resume(struct run *run)
{
	struct hist_header old;
	int fd = open(run->opt.resume, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return complain(run->opt.resume, errno);
	got = read(fd, &old, sizeof(old));
	close(fd);
	if (got != sizeof(old) || old.magic != HIST_MAGIC ||
	    old.sum != hist_sum(&old)) {
		fprintf(stderr, "dsthist: %s: no log\n", run->opt.resume);
		return -1;
	}
	run->head.run = old.run;
	if (!run->opt.epoch)
		run->head.epoch = old.epoch + 1;
	if (old.block_bytes != run->head.block_bytes ||
	    old.blocks != run->head.blocks ||
	    run->head.epoch <= old.epoch ||
	    run->head.epoch > HIST_MAX_EPOCH) {
		fprintf(stderr, "dsthist: %s: has other blocks or a later epoch\n",
			run->opt.resume);
		return -1;
	}
	return 0;
}

static int header_init(struct run *run)
{
	struct run_options *opt = &run->opt;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	run->head = (struct hist_header){
		.magic = HIST_MAGIC,
		.started = ts.tv_sec * 1000000000ULL + ts.tv_nsec,
		.blocks = opt->blocks + opt->wide,
		.block_bytes = opt->block_bytes,
		.epoch = opt->epoch ? opt->epoch : 1,
		.zeroers = opt->zeroes ? opt->writers : 0,
	};
	if (opt->resume)
		return resume(run);
	if (getrandom(&run->head.run, sizeof(run->head.run), 0) < 0)
		return complain("getrandom", errno);
	return 0;
}

static int run_init(struct run *run)
{
	unsigned int i;
	int error;

	run->threads = 1 + run->opt.writers + run->opt.readers;
	run->left = run->opt.ops;
	pthread_mutex_init(&run->lock, NULL);
	if (header_init(run) || device_open(run))
		return -1;
	run->blocks = calloc(run->head.blocks, sizeof(*run->blocks));
	run->workers = calloc(run->threads, sizeof(*run->workers));
	if (!run->blocks || !run->workers)
		return complain("memory", ENOMEM);
	for (i = 0; i < run->threads; i++)
		if (worker_init(run, i))
			return complain("memory", ENOMEM);
	error = log_open(&run->log, run->opt.log, run->opt.log_every,
			 run->opt.log_sync, &run->head);
	if (error)
		return complain(run->opt.log, -error);
	return 0;
}

/* What is there at first: the initial values, or what survived. */
static void read_all(struct run *run)
{
	uint32_t most = READ_ALL_BYTES / run->head.block_bytes, block, n;

	for (block = 0; block < run->head.blocks; block += n) {
		n = run->head.blocks - block;
		if (n > most)
			n = most;
		op_read(run->workers, block, n);
	}
	log_commit(&run->log);
}

static void await_end(struct run *run, const sigset_t *signals)
{
	struct timespec limit = { .tv_sec = run->opt.seconds };

	int ret;

	do {
		ret = sigtimedwait(signals, NULL,
				   run->opt.seconds ? &limit : NULL);
	} while (ret < 0 && errno == EINTR);
	__atomic_store_n(&run->stop, true, __ATOMIC_RELAXED);
}

static int finish(struct run *run)
{
	int error;

	op_flush(run->workers);
	op_end(run->workers);
	error = log_close(&run->log);
	fprintf(stderr, "dsthist: epoch %u: %llu operations, %llu failed\n",
		run->head.epoch, (unsigned long long)run->done,
		(unsigned long long)run->failed);
	if (error) {
		complain(run->opt.log, -error);
		return EXIT_USAGE;
	}
	return run->failed && run->opt.stop_on_error ? EXIT_BAD : EXIT_GOOD;
}

int cmd_run(int argc, char **argv)
{
	static struct run run;
	sigset_t signals;
	unsigned int i;

	if (run_options_parse(&run.opt, argc, argv) || run_init(&run))
		return EXIT_USAGE;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	read_all(&run);
	if (start_workers(&run))
		return EXIT_USAGE;
	await_end(&run, &signals);
	for (i = 1; i < run.threads; i++)
		pthread_join(run.workers[i].thread, NULL);
	return finish(&run);
}
