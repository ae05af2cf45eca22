// SPDX-License-Identifier: GPL-2.0-only
#include "figure.h"

#include <stdio.h>
#include <string.h>

/* At most 5 columns: 9999, 12.3k, 123M; what is cut off is not rounded. */
static void figure_scaled(char *out, __u64 value, __u64 base, __u64 plain,
			  const char *units)
{
	__u64 whole = value, rest = 0;
	size_t unit = 0;

	if (value < plain) {
		snprintf(out, FIGURE_LEN, "%llu", value);
		return;
	}
	while (whole >= base) {
		rest = whole % base;
		whole /= base;
		unit++;
	}
	if (whole < 100)
		snprintf(out, FIGURE_LEN, "%llu.%llu%c", whole,
			 rest * 10 / base, units[unit - 1]);
	else
		snprintf(out, FIGURE_LEN, "%llu%c", whole, units[unit - 1]);
}

void figure_count(char out[FIGURE_LEN], __u64 count)
{
	figure_scaled(out, count, 1000, 10000, "kMGTPE");
}

void figure_bytes(char out[FIGURE_LEN], __u64 bytes)
{
	figure_scaled(out, bytes, 1024, 1024, "KMGTPE");
}

/* 0 is a time that nobody has measured yet. */
void figure_us(char out[FIGURE_LEN], __u64 us)
{
	if (!us)
		snprintf(out, FIGURE_LEN, "-");
	else if (us < 1000)
		snprintf(out, FIGURE_LEN, "%lluus", us);
	else if (us < 100000)
		snprintf(out, FIGURE_LEN, "%llu.%llums", us / 1000,
			 us % 1000 / 100);
	else if (us < 1000000)
		snprintf(out, FIGURE_LEN, "%llums", us / 1000);
	else if (us < 100000000)
		snprintf(out, FIGURE_LEN, "%llu.%llus", us / 1000000,
			 us % 1000000 / 100000);
	else
		snprintf(out, FIGURE_LEN, "%llus", us / 1000000);
}

void figure_seconds(char out[FIGURE_LEN], __u64 seconds)
{
	if (seconds < 60)
		snprintf(out, FIGURE_LEN, "%llus", seconds);
	else if (seconds < 3600)
		snprintf(out, FIGURE_LEN, "%llum%02llus", seconds / 60,
			 seconds % 60);
	else if (seconds < 86400)
		snprintf(out, FIGURE_LEN, "%lluh%02llum", seconds / 3600,
			 seconds / 60 % 60);
	else
		snprintf(out, FIGURE_LEN, "%llud%02lluh", seconds / 86400,
			 seconds / 3600 % 24);
}

/* "[||||   12M]" of just @width columns; something is never shown as nothing. */
void figure_bar(char out[FIGURE_BAR_MOST + 1], size_t width, __u64 part,
		__u64 whole, const char *label)
{
	size_t room, full = 0, len = strlen(label);

	if (width > FIGURE_BAR_MOST)
		width = FIGURE_BAR_MOST;
	if (width < 2)
		width = 2;
	room = width - 2;
	if (whole && part < whole)
		full = (double)part / (double)whole * room;
	else if (whole)
		full = room;
	if (whole && part && !full && room)
		full = 1;
	if (len > room)
		len = room;

	memset(out, ' ', width);
	out[0] = '[';
	memset(out + 1, '|', full);
	memcpy(out + 1 + room - len, label, len);
	out[width - 1] = ']';
	out[width] = '\0';
}
