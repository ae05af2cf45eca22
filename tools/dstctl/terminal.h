/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DSTCTL_TERMINAL_H
#define DSTCTL_TERMINAL_H

int terminal_check(const char *what);

#endif /* DSTCTL_TERMINAL_H */
