/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DSTHIST_H
#define DSTHIST_H

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Exit statuses: 2 is for what is neither good nor bad, a wrong call, a log. */
#define EXIT_GOOD	0
#define EXIT_BAD	1
#define EXIT_USAGE	2

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_dump(int argc, char **argv);

#endif /* DSTHIST_H */
