/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads [KIND NAME] sections of KEY = VALUE lines; '#' and ';' begin comment
 * lines. Strict: whatever is not one of these is an error. Pure. (Debian's
 * inih tells no line numbers, cuts lines at 200 bytes, and does not show
 * sections that are empty or come twice.)
 */
#ifndef DSTCTL_INI_H
#define DSTCTL_INI_H

#include <stdio.h>

#define INI_LINE_LEN	4096

/* Both answer NULL, or what is wrong in words that follow "FILE:LINE: ". */
struct ini_ops {
	const char *(*section)(void *data, const char *kind, const char *name);
	const char *(*key)(void *data, const char *key, const char *value);
};

const char *ini_read(FILE *file, const struct ini_ops *ops, void *data,
		     unsigned int *line);

#endif /* DSTCTL_INI_H */
