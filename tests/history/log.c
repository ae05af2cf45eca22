// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing the binary log.
 *
 * What the checker needs is not that nothing is lost when the machine dies,
 * but that what is lost can only make it more lenient. That is so because
 * records leave in the order in which they were added, an acknowledged flush
 * leaves at once and takes with it all that was added before, and a write
 * whose record was lost is known by what it left in a block. Only zeroes carry
 * no tag: they are announced before they are written. Where even that may get
 * lost, on its way through a pipe, the checker believes zeroes at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define LOG_ROOM	8192	/* records; a read of 256 torn blocks fits in */

uint32_t hist_sum(const void *record)
{
	const uint8_t *bytes = record;
	uint64_t hash = HIST_MAGIC, word;
	uint32_t half;
	int i;

	for (i = 0; i < 40; i += 8) {
		memcpy(&word, bytes + i, 8);
		hash = hist_mix(hash ^ word) + i;
	}
	memcpy(&half, bytes + 40, 4);
	hash = hist_mix(hash ^ half);
	return hash ^ hash >> 32;
}

/* Negative errno */
static int write_all(int fd, const void *buf, size_t bytes)
{
	const char *p = buf;
	ssize_t n;

	while (bytes) {
		n = write(fd, p, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		bytes -= n;
	}
	return 0;
}

int log_open(struct log *log, const char *path, size_t every, bool sync,
	     struct hist_header *head)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
	struct stat st;

	memset(log, 0, sizeof(*log));
	log->fd = strcmp(path, "-") ?
		open(path, flags | (sync ? O_DSYNC : 0), 0644) : STDOUT_FILENO;
	if (log->fd < 0)
		return -errno;
	log->every = every < LOG_ROOM ? every : LOG_ROOM;
	log->open = malloc(LOG_ROOM * sizeof(*log->open));
	log->spare = malloc(LOG_ROOM * sizeof(*log->spare));
	if (!log->open || !log->spare)
		return -ENOMEM;
	pthread_mutex_init(&log->io_lock, NULL);
	pthread_mutex_init(&log->lock, NULL);
	if (fstat(log->fd, &st) || !S_ISREG(st.st_mode))
		head->flags |= HIST_STREAM;
	head->sum = hist_sum(head);
	return write_all(log->fd, head, sizeof(*head));
}

/* Write out all that was added until now. */
void log_commit(struct log *log)
{
	struct hist_record *full;
	size_t count;
	int error;

	pthread_mutex_lock(&log->io_lock);
	pthread_mutex_lock(&log->lock);
	full = log->open;
	count = log->used;
	log->open = log->spare;
	log->used = 0;
	pthread_mutex_unlock(&log->lock);
	log->spare = full;
	error = write_all(log->fd, full, count * sizeof(*full));
	if (error && !log->error)
		__atomic_store_n(&log->error, error, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&log->io_lock);
}

/* Add records that stay together. */
void log_add(struct log *log, struct hist_record *records, size_t count,
	     bool commit)
{
	size_t i;

	for (i = 0; i < count; i++)
		records[i].sum = hist_sum(records + i);
	pthread_mutex_lock(&log->lock);
	while (log->used + count > LOG_ROOM) {
		pthread_mutex_unlock(&log->lock);
		log_commit(log);
		pthread_mutex_lock(&log->lock);
	}
	memcpy(log->open + log->used, records, count * sizeof(*records));
	log->used += count;
	commit = commit || log->used >= log->every;
	pthread_mutex_unlock(&log->lock);
	if (commit)
		log_commit(log);
}

int log_close(struct log *log)
{
	log_commit(log);
	free(log->open);
	free(log->spare);
	if (close(log->fd) && !log->error)
		log->error = -errno;
	return log->error;
}
