/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What dst_wire.c, dst_meta.c and dst_assembly.c take from the kernel. The
 * names that are missing here are the same in the system's <linux/...>.
 */
#ifndef DST_KSHIM_TYPES_H
#define DST_KSHIM_TYPES_H

#include_next <linux/types.h>

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>

typedef __u8	u8;
typedef __u16	u16;
typedef __u32	u32;
typedef __u64	u64;

#define S64_MAX		((__s64)(~0ULL >> 1))

#define cpu_to_le16(x)	htole16(x)
#define cpu_to_le32(x)	htole32(x)
#define cpu_to_le64(x)	htole64(x)
#define le16_to_cpu(x)	le16toh(x)
#define le32_to_cpu(x)	le32toh(x)
#define le64_to_cpu(x)	le64toh(x)

#endif /* DST_KSHIM_TYPES_H */
