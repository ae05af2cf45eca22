/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text to values. Pure: nothing here looks at the machine.
 *
 * Each function returns NULL when @text is good, else what is wrong with it,
 * in words that fit behind "'TEXT' "; *out is then left as it was.
 */
#ifndef DSTCTL_PARSE_H
#define DSTCTL_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "../../dst_ioctl.h"

#define PARSE_HOST_LEN	256

/* HOST[:PORT], not yet looked up; @host without brackets. */
struct parse_host {
	char host[PARSE_HOST_LEN];
	__u16 port;
	bool ipv6;
};

/* One line of the kernel's list of transactions. */
struct parse_trans {
	__u64 id;
	__u64 sector;
	__u64 sectors;
	__u64 age_ms;
	__u64 resends;
	__u32 lane;
	bool no_lane;
	char op[32];
	char state[32];
};

const char *parse_number(const char *text, __u64 max, __u64 *out);
const char *parse_size(const char *text, __u64 *out);
const char *parse_time(const char *text, __u64 *out);
const char *parse_time_never(const char *text, __u64 *out);
const char *parse_time32(const char *text, __u32 *out);
const char *parse_bool(const char *text, bool *out);
const char *parse_ack(const char *text, __u32 *out);
const char *parse_device_name(const char *text, __u32 *out);
const char *parse_export_name(const char *text, char out[DST_IOC_NAME_LEN]);
const char *parse_host(const char *text, struct parse_host *out);
const char *parse_target(const char *text, struct parse_host *host,
			 char export[DST_IOC_NAME_LEN]);
const char *parse_cidr(const char *text, struct dst_ioc_allow *out);
const char *parse_uuid(const char *text, __u8 out[DST_IOC_UUID_LEN]);
const char *parse_trans(const char *text, struct parse_trans *out);
bool parse_is_prefix(const struct dst_ioc_addr *addr, __u32 prefix_len);

#endif /* DSTCTL_PARSE_H */
