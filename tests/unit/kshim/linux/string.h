/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DST_KSHIM_STRING_H
#define DST_KSHIM_STRING_H

#include <linux/types.h>
#include <string.h>

/* The first byte that is not @c, NULL if there is none. */
static inline void *memchr_inv(const void *start, int c, size_t len)
{
	const u8 *byte = start;

	for (; len; len--, byte++)
		if (*byte != (u8)c)
			return (void *)byte;
	return NULL;
}

#endif /* DST_KSHIM_STRING_H */
