/* SPDX-License-Identifier: GPL-2.0-only */
/* dstctl as a whole, run within the test, on fake_kernel.c. */
#ifndef DST_UNIT_RUN_H
#define DST_UNIT_RUN_H

/* What the last command printed. */
extern char out[65536];
extern char err[8192];

int dstctl(const char *line);
void refused(int status, const char *words, const char *line);
void done(const char *line);

#endif /* DST_UNIT_RUN_H */
