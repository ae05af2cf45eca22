/* SPDX-License-Identifier: GPL-2.0-only */
/* Figures in as few columns as a table has for them. Pure. */
#ifndef DSTCTL_FIGURE_H
#define DSTCTL_FIGURE_H

#include <linux/types.h>
#include <stddef.h>

#define FIGURE_LEN	24
#define FIGURE_BAR_MOST	64

void figure_count(char out[FIGURE_LEN], __u64 count);
void figure_bytes(char out[FIGURE_LEN], __u64 bytes);
void figure_us(char out[FIGURE_LEN], __u64 us);
void figure_seconds(char out[FIGURE_LEN], __u64 seconds);
void figure_bar(char out[FIGURE_BAR_MOST + 1], size_t width, __u64 part,
		__u64 whole, const char *label);

#endif /* DSTCTL_FIGURE_H */
