/* SPDX-License-Identifier: GPL-2.0-only */
/* Writing the binary log. */
#ifndef HIST_LOG_H
#define HIST_LOG_H

#include <pthread.h>

#include "format.h"

/*
 * Records are added to one buffer while the other is written. Locks: io_lock,
 * which covers the file and the spare buffer, then lock, which covers the rest.
 */
struct log {
	int fd;
	pthread_mutex_t io_lock, lock;
	struct hist_record *open, *spare;
	size_t used;
	size_t every;		/* records that may wait in memory */
	int error;		/* negative errno of the first write that failed */
};

int log_open(struct log *log, const char *path, size_t every, bool sync,
	     struct hist_header *head);
void log_add(struct log *log, struct hist_record *records, size_t count,
	     bool commit);
void log_commit(struct log *log);
int log_close(struct log *log);

#endif /* HIST_LOG_H */
