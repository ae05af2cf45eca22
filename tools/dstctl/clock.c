// SPDX-License-Identifier: GPL-2.0-only
#include <time.h>

#include "dstctl.h"

/* Never goes back, whatever is done to the time of day. */
__u64 clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}
