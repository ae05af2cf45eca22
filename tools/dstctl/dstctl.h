/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of dstctl share. Below cmd_*.c nothing knows a command;
 * only kernel.c talks to the kernel.
 */
#ifndef DSTCTL_H
#define DSTCTL_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../../dst_ioctl.h"

#define DSTCTL_VERSION		"0.1.0"
#define DSTCTL_CONF		"/etc/dst/dst.conf"
#define DSTCTL_DEFAULT_WAIT_MS	10000

#define EXIT_USAGE		2

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define BIT(n)			(1U << (n))
#define __printf(a, b) \
	__attribute__((__format__ \
		       (__printf__, a, b)))

/* main.c, command.c */

/**
 * struct command - one line of the table of subcommands
 * @name: first word
 * @verb: second word, or NULL
 * @args: what follows, as the usage shows it
 * @help: one line that says what it does
 * @options: for getopt_long(); ends with a zeroed entry
 * @run: gets what follows the words; argv[0] is the last word
 */
struct command {
	const char *name;
	const char *verb;
	const char *args;
	const char *help;
	const struct option *options;
	int (*run)(const struct command *cmd, int argc, char **argv);
};

/* What command_option() returns beside the .val of an option. */
#define OPTION_END		(-1)
#define OPTION_USAGE		(-2)
#define OPTION_HELP		(-3)
/* .val of an option that sets a key of spec.h, and of one still to come. */
#define OPTION_SPEC		1000
#define OPTION_LATER		1001

struct spec_key;

int command_option(const struct command *cmd, int argc, char **argv,
		   const char **name);
int command_spec(const struct command *cmd, const struct spec_key *keys,
		 void *spec, int argc, char **argv);
__printf(2, 3)
int command_usage(const struct command *cmd, const char *fmt, ...);
int command_operands(const struct command *cmd, int argc, int min, int max);
int command_exit(int option);
int command_assign(const struct command *cmd, const struct spec_key *keys,
		   void *spec, int argc, char **argv);
const char *command_what(char *out, size_t size, const struct command *cmd,
			 const char *object);

extern const struct command cmd_export_add;
extern const struct command cmd_export_remove;
extern const struct command cmd_export_set;
extern const struct command cmd_attach;
extern const struct command cmd_detach;
extern const struct command cmd_set;
extern const struct command cmd_fail;
extern const struct command cmd_status;
extern const struct command cmd_wait;
extern const struct command cmd_stats;
extern const struct command cmd_top;
extern const struct command cmd_metrics;
extern const struct command cmd_transactions;
extern const struct command cmd_mirror_create;
extern const struct command cmd_mirror_attach;
extern const struct command cmd_mirror_examine;
extern const struct command cmd_apply;
extern const struct command cmd_version;

/* error.c */
__printf(3, 4)
int fail(const char *what, const char *todo, const char *why, ...);
int fail_errno(const char *what, int ret, const char *reason, const char *todo);
const char *error_text(int err);

/* clock.c */
__u64 clock_us(void);

/* kernel.c */
bool kernel_loaded(void);
int kernel_open(const char *what);
int kernel_call(unsigned long nr, void *arg, size_t size);

/* query.c */
int query_device(struct dst_ioc_device *dev, __u32 index);
int query_next_device(struct dst_ioc_device *dev, __u32 from);
int query_next_leg(struct dst_ioc_leg *leg, __u32 index, __u32 from);
__u32 query_legs(const struct dst_ioc_device *dev,
		 struct dst_ioc_leg legs[DST_IOC_LEGS]);
int query_next_export(struct dst_ioc_export *export, __u32 from);
int query_export(struct dst_ioc_export *export, const char *name);
int query_next_client(struct dst_ioc_client *client, __u32 export, __u32 from);

/* signal.c */
void signal_catch(void);
bool signal_caught(void);

#endif /* DSTCTL_H */
