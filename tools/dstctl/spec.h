/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is wanted, from options, KEY=VALUE words or the configuration file:
 * the same keys with the same values everywhere. Pure.
 */
#ifndef DSTCTL_SPEC_H
#define DSTCTL_SPEC_H

#include <stdbool.h>

#include "dstctl.h"
#include "parse.h"

#define SPEC_TARGET_GIVEN		BIT(0)
#define SPEC_ACK_GIVEN			BIT(1)
#define SPEC_LANES_GIVEN		BIT(2)
#define SPEC_MEM_LIMIT_GIVEN		BIT(3)
#define SPEC_IO_TIMEOUT_GIVEN		BIT(4)
#define SPEC_KEEPALIVE_GIVEN		BIT(5)
#define SPEC_FAIL_AFTER_GIVEN		BIT(6)
#define SPEC_PATH_GIVEN			BIT(7)
#define SPEC_LISTEN_GIVEN		BIT(8)
#define SPEC_ALLOW_GIVEN		BIT(9)
#define SPEC_WORKERS_GIVEN		BIT(10)
#define SPEC_MAX_CLIENTS_GIVEN		BIT(11)

struct device_spec {
	__s32 index;
	__u32 given;			/* SPEC_*_GIVEN */
	__u32 ack;
	__u32 lanes;
	__u32 io_timeout_ms;
	__u32 keepalive_ms;
	__u32 wait_ms;
	__u64 fail_after_ms;
	__u64 mem_limit_bytes;
	bool read_only;
	bool preempt;
	bool digest;
	struct parse_host host;
	char export[DST_IOC_NAME_LEN];
	char target[DST_IOC_TARGET_LEN];	/* normalised */
};

struct export_spec {
	__u32 given;			/* SPEC_*_GIVEN */
	__u32 workers;
	__u32 max_clients;
	__u64 mem_limit_bytes;
	bool read_only;
	bool shared;
	__u32 nr_listens;
	__u32 nr_allows;
	char name[DST_IOC_NAME_LEN];
	char path[DST_IOC_PATH_LEN];
	struct parse_host listen[DST_IOC_LISTENS];
	struct dst_ioc_allow allow[DST_IOC_ALLOWS];
};

/* Bits of spec_key.use. */
#define SPEC_OPTION	BIT(0)	/* --KEY of attach, export add */
#define SPEC_LIVE	BIT(1)	/* KEY=VALUE of set, export set */
#define SPEC_CONF	BIT(2)	/* KEY = VALUE in dst.conf */
#define SPEC_MANY	BIT(3)	/* may be given more than once */

/* @parse gets a struct device_spec or export_spec; answers as parse.h says. */
struct spec_key {
	const char *name;
	__u32 use;
	const char *(*parse)(void *spec, const char *value);
};

extern const struct spec_key device_keys[];
extern const struct spec_key export_keys[];

void device_spec_init(struct device_spec *spec);
void export_spec_init(struct export_spec *spec);
const struct spec_key *spec_find(const struct spec_key *keys, const char *name,
				 __u32 use);
const char *device_spec_target(void *spec, const char *value);
const char *export_spec_path(void *spec, const char *value);

#endif /* DSTCTL_SPEC_H */
