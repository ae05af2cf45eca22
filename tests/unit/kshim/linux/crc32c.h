/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DST_KSHIM_CRC32C_H
#define DST_KSHIM_CRC32C_H

#include <linux/types.h>

/* As in the kernel: nothing is inverted, neither before nor after. */
static inline u32 crc32c(u32 crc, const void *data, unsigned int len)
{
	const u8 *byte = data;
	int bit;

	for (; len; len--, byte++)
		for (crc ^= *byte, bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	return crc;
}

#endif /* DST_KSHIM_CRC32C_H */
