/* SPDX-License-Identifier: GPL-2.0-only */
/* The terminal, as a screen that shows lines and says what was pressed. */
#ifndef DSTCTL_SCREEN_H
#define DSTCTL_SCREEN_H

#include "line.h"
#include "top.h"

int screen_open(const char *what);
void screen_close(void);
void screen_size(size_t *width, size_t *height);
void screen_draw(const struct lines *page);
int screen_key(enum top_key *key, __s64 wait_ms);

#endif /* DSTCTL_SCREEN_H */
