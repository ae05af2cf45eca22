/* SPDX-License-Identifier: GPL-2.0-only */
/* What every unit test includes first: cmocka wants all of it. */
#ifndef DST_UNIT_H
#define DST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* as dstctl.h has it */
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

/* dstctl has a fail() of its own. */
#undef fail
#undef fail_msg
#define fail_msg(...) \
	do { \
		print_error(__VA_ARGS__); \
		print_error("\n"); \
		_fail(__FILE__, __LINE__); \
	} while (0)

/* A temporary file; @path ends with any six characters, which are replaced. */
static inline int make_temp(char *path)
{
	memset(path + strlen(path) - 6, 'X', 6);
	return mkstemp(path);
}

#endif /* DST_UNIT_H */
