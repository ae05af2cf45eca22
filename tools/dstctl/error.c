// SPDX-License-Identifier: GPL-2.0-only
/* Every message of failure: `dstctl: WHAT failed: WHY. DO THIS.` */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dstctl.h"

static const struct {
	int err;
	const char *text;
} error_words[] = {
	{ EPERM, "permission is denied" },
	{ EACCES, "permission is denied" },
	{ ENOENT, "there is no such thing" },
	{ EINTR, "it was interrupted" },
	{ EIO, "an I/O error happened" },
	{ EAGAIN, "it cannot be done just now" },
	{ ENOMEM, "memory is short" },
	{ EBUSY, "it is in use" },
	{ EEXIST, "it exists already" },
	{ ENODEV, "there is no such device" },
	{ EINVAL, "the kernel module does not accept it" },
	{ ENOSPC, "there is no room left" },
	{ EROFS, "it is read-only" },
	{ ENOTTY, "the loaded kernel module does not know this call" },
	{ EOPNOTSUPP, "the kernel module does not support it" },
	{ E2BIG, "the kernel module is older than this dstctl" },
	{ ETIMEDOUT, "the server did not answer in time" },
	{ ECONNREFUSED, "the server refused the connection" },
	{ ECONNRESET, "the server closed the connection" },
	{ EHOSTUNREACH, "the server cannot be reached" },
	{ ENETUNREACH, "there is no route to the server" },
	{ EADDRINUSE, "the address is in use" },
	{ EADDRNOTAVAIL, "this machine does not have that address" },
};

const char *error_text(int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(error_words); i++)
		if (error_words[i].err == err)
			return error_words[i].text;
	return strerror(err);
}

static bool ends_sentence(const char *text)
{
	size_t len = strlen(text);

	return len && strchr(".!?", text[len - 1]);
}

/* Says why @what failed and what to do now. Returns the exit status. */
int fail(const char *what, const char *todo, const char *why, ...)
{
	char text[1024];
	va_list args;

	va_start(args, why);
	vsnprintf(text, sizeof(text), why, args);
	va_end(args);

	fflush(stdout);
	fprintf(stderr, "dstctl: %s failed: %s%s", what, text,
		ends_sentence(text) ? "" : ".");
	if (todo)
		fprintf(stderr, " %s%s", todo, ends_sentence(todo) ? "" : ".");
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

/* The same for an answer of the kernel, whose own words come first. */
int fail_errno(const char *what, int ret, const char *reason, const char *todo)
{
	if (!reason || !*reason)
		reason = error_text(-ret);
	return fail(what, todo, "%s", reason);
}
