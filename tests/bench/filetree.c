// SPDX-License-Identifier: GPL-2.0-only
/*
 * The metadata load: what a mail or build server does to a file system, the
 * same operations in the same order each time.
 *
 *	filetree DIRECTORY FILES
 *
 * For each file: create, write 1 to 8 KiB, fsync each eighth, close; then
 * rename each into another directory, look at each, append to every second,
 * remove every third; sync; remove the rest, sync.  Prints the number of
 * operations, the seconds, and how many of them were fsync or sync.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DIRS 32
#define NAME 48

static long ops, syncs;

static void done(int ret, const char *what)
{
	if (ret < 0) {
		perror(what);
		exit(1);
	}
	ops++;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Where file i is, before or after it was renamed; without i, its directory. */
static void path(char *name, int dir, const char *kind, int i)
{
	if (kind)
		snprintf(name, NAME, "tree%d/%s%d", dir % DIRS, kind, i);
	else
		snprintf(name, NAME, "tree%d", dir % DIRS);
}

static void old_name(char *name, int i)
{
	path(name, i, "old", i);
}

static void new_name(char *name, int i)
{
	path(name, i % DIRS * 7 + 3, "new", i);
}

static void put(const char *name, int flags, size_t len, int sync)
{
	static char data[8192];
	int fd;

	memset(data, 'x', sizeof(data));
	fd = open(name, O_WRONLY | flags, 0644);
	done(fd, name);
	done(write(fd, data, len) == (ssize_t)len ? 0 : -1, "write");
	if (sync) {
		done(fsync(fd), "fsync");
		syncs++;
	}
	close(fd);
}

static void sync_all(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	done(syncfs(fd), "syncfs");
	close(fd);
	syncs++;
}

static void make(int files)
{
	char name[NAME];
	int i;

	for (i = 0; i < DIRS; i++) {
		path(name, i, NULL, 0);
		done(mkdir(name, 0755), "mkdir");
	}
	for (i = 0; i < files; i++) {
		old_name(name, i);
		put(name, O_CREAT | O_EXCL, 1024 * (1 + i % 8), i % 8 == 0);
	}
}

static void change(int files)
{
	char from[NAME], to[NAME];
	struct stat st;
	int i;

	for (i = 0; i < files; i++) {
		old_name(from, i);
		new_name(to, i);
		done(rename(from, to), "rename");
	}
	for (i = 0; i < files; i++) {
		new_name(to, i);
		done(stat(to, &st), "stat");
		if (i % 2)
			put(to, O_APPEND, 512, 0);
		if (i % 3 == 0)
			done(unlink(to), "unlink");
	}
	sync_all();
}

static void clear(int files)
{
	char name[NAME];
	int i;

	for (i = 0; i < files; i++) {
		new_name(name, i);
		if (i % 3)
			done(unlink(name), "unlink");
	}
	for (i = 0; i < DIRS; i++) {
		path(name, i, NULL, 0);
		done(rmdir(name), "rmdir");
	}
	sync_all();
}

int main(int argc, char **argv)
{
	double start;
	int files;

	if (argc != 3) {
		fprintf(stderr, "usage: filetree DIRECTORY FILES\n");
		return 2;
	}
	done(chdir(argv[1]), argv[1]);
	files = atoi(argv[2]);
	ops = 0;
	start = now();
	make(files);
	change(files);
	clear(files);
	printf("%ld %.6f %ld\n", ops, now() - start, syncs);
	return 0;
}
