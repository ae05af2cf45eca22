// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "fake_kernel.h"
#include "run.h"

int dstctl_main(int argc, char **argv);

/* What the last command printed. */
char out[65536];
char err[8192];

static void slurp(int fd, char *to, size_t size)
{
	ssize_t len;

	lseek(fd, 0, SEEK_SET);
	len = read(fd, to, size - 1);
	assert_true(len >= 0);
	to[len] = '\0';
	close(fd);
}

static int redirect(int fd, int *saved)
{
	int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(file >= 0);
	*saved = dup(fd);
	dup2(file, fd);
	return file;
}

/* Runs "dstctl LINE", words separated by one blank. Returns its exit status. */
int dstctl(const char *line)
{
	int status, argc = 1, saved_out, saved_err, file_out, file_err;
	char words[2048];
	char *argv[64] = { "dstctl" };
	char *word, *rest = words;

	snprintf(words, sizeof(words), "%s", line);
	while ((word = strsep(&rest, " ")))
		argv[argc++] = word;

	fflush(stdout);
	fflush(stderr);
	file_out = redirect(STDOUT_FILENO, &saved_out);
	file_err = redirect(STDERR_FILENO, &saved_err);
	optind = 0;
	status = dstctl_main(argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	slurp(file_out, out, sizeof(out));
	slurp(file_err, err, sizeof(err));
	return status;
}

/* One line, "dstctl: WHAT failed: WHY. DO THIS."; nothing was changed. */
void refused(int status, const char *words, const char *line)
{
	unsigned int changes = fake.changes;
	int got = dstctl(line);

	if (got != status)
		fail_msg("dstctl %s: exit %d, not %d (%s)", line, got, status,
			 err);
	if (!strstr(err, words) || strncmp(err, "dstctl: ", 8) ||
	    !strstr(err, " failed: "))
		fail_msg("dstctl %s: '%s' does not say '%s'", line, err, words);
	if (strchr(err, '\n') != err + strlen(err) - 1 ||
	    err[strlen(err) - 2] != '.')
		fail_msg("dstctl %s: not one sentence on one line: '%s'", line,
			 err);
	assert_string_equal(out, "");
	assert_int_equal(fake.changes, changes);
}

void done(const char *line)
{
	int status = dstctl(line);

	if (status)
		fail_msg("dstctl %s: exit %d: %s", line, status, err);
	assert_string_equal(err, "");
}
