// SPDX-License-Identifier: GPL-2.0-only
#include "text.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "dstctl.h"

static const char * const device_states[] = {
	[DST_IOC_DEVICE_CONNECTING]	= "connecting",
	[DST_IOC_DEVICE_ONLINE]		= "online",
	[DST_IOC_DEVICE_DEGRADED]	= "degraded",
	[DST_IOC_DEVICE_HELD]		= "held",
	[DST_IOC_DEVICE_FAILED]		= "failed",
	[DST_IOC_DEVICE_DETACHING]	= "detaching",
};

/* The only leg of a plain device is as good as the device. */
static const char * const leg_states[] = {
	[DST_IOC_DEVICE_CONNECTING]	= "gone",
	[DST_IOC_DEVICE_ONLINE]		= "in-sync",
	[DST_IOC_DEVICE_DEGRADED]	= "in-sync",
	[DST_IOC_DEVICE_HELD]		= "gone",
	[DST_IOC_DEVICE_FAILED]		= "failed",
	[DST_IOC_DEVICE_DETACHING]	= "gone",
};

static const char * const lane_states[] = {
	[DST_IOC_LANE_CONNECTING]	= "connecting",
	[DST_IOC_LANE_LIVE]		= "live",
	[DST_IOC_LANE_DOWN]		= "down",
};

static const char * const export_states[] = {
	[DST_IOC_EXPORT_ONLINE]		= "online",
	[DST_IOC_EXPORT_OFFLINE]	= "offline",
	[DST_IOC_EXPORT_REMOVING]	= "removing",
};

static const char * const acks[] = {
	[DST_IOC_ACK_SERVER]	= "server",
	[DST_IOC_ACK_DISK]	= "disk",
	[DST_IOC_ACK_RAM]	= "ram",
};

static const char *name_of(const char * const *names, size_t nr, __u32 value)
{
	return value < nr ? names[value] : "unknown";
}

const char *text_device_state(__u32 state)
{
	return name_of(device_states, ARRAY_SIZE(device_states), state);
}

const char *text_mirror_leg_state(__u32 state)
{
	static const char * const states[] = {
		[DST_IOC_LEG_GONE] = "gone",
		[DST_IOC_LEG_STALE] = "stale",
		[DST_IOC_LEG_RESYNCING] = "resyncing",
		[DST_IOC_LEG_SUSPECT] = "suspect",
		[DST_IOC_LEG_IN_SYNC] = "in-sync",
		[DST_IOC_LEG_FAILED] = "failed",
	};

	return name_of(states, ARRAY_SIZE(states), state);
}

const char *text_leg_state(__u32 state)
{
	return name_of(leg_states, ARRAY_SIZE(leg_states), state);
}

const char *text_lane_state(__u32 state)
{
	return name_of(lane_states, ARRAY_SIZE(lane_states), state);
}

const char *text_export_state(__u32 state)
{
	return name_of(export_states, ARRAY_SIZE(export_states), state);
}

const char *text_ack(__u32 ack)
{
	return name_of(acks, ARRAY_SIZE(acks), ack);
}

/* Bytes of the well-formed UTF-8 character at @s, 0 if it is not one. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	size_t len, i;

	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		len = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		len = 4;
	else
		return 0;

	if (left < len)
		return 0;
	for (i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, what is above U+10FFFF, C1 controls */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ||
	    (s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	return len;
}

/* The caller has checked that it fits; were it not to, it is cut. */
void text_copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

/*
 * Part of what the kernel tells was said by other machines: let no control
 * character reach a terminal and no broken UTF-8 a JSON reader.
 */
void text_clean(char *text, size_t size)
{
	unsigned char *s = (unsigned char *)text;
	size_t i = 0, len;

	s[size - 1] = '\0';
	while (s[i]) {
		if (s[i] >= 0x20 && s[i] < 0x7f) {
			i++;
			continue;
		}
		len = utf8_length(s + i, size - 1 - i);
		if (!len)
			s[i++] = '?';
		i += len;
	}
}

void text_uuid(char out[TEXT_UUID_LEN], const __u8 uuid[DST_IOC_UUID_LEN])
{
	uuid_unparse_lower(uuid, out);
}

static void text_host(char out[TEXT_ADDR_LEN], const struct dst_ioc_addr *addr)
{
	int family = addr->family == DST_IOC_ADDR_INET ? AF_INET : AF_INET6;
	char name[IF_NAMESIZE];
	size_t len;

	if (!inet_ntop(family, addr->addr, out, INET6_ADDRSTRLEN))
		out[0] = '\0';
	if (!addr->scope_id)
		return;

	len = strlen(out);
	if (if_indextoname(addr->scope_id, name))
		snprintf(out + len, TEXT_ADDR_LEN - len, "%%%s", name);
	else
		snprintf(out + len, TEXT_ADDR_LEN - len, "%%%u", addr->scope_id);
}

void text_addr(char out[TEXT_ADDR_LEN], const struct dst_ioc_addr *addr)
{
	char host[TEXT_ADDR_LEN];

	out[0] = '\0';
	if (!addr->family) {
		/* listened on: any address; without a port: no address */
		if (addr->port)
			snprintf(out, TEXT_ADDR_LEN, "*:%u", addr->port);
		return;
	}

	text_host(host, addr);
	if (addr->family == DST_IOC_ADDR_INET6)
		snprintf(out, TEXT_ADDR_LEN, "[%.80s]:%u", host, addr->port);
	else
		snprintf(out, TEXT_ADDR_LEN, "%.80s:%u", host, addr->port);
}

void text_cidr(char out[TEXT_ADDR_LEN], const struct dst_ioc_allow *allow)
{
	char host[TEXT_ADDR_LEN];

	text_host(host, &allow->addr);
	snprintf(out, TEXT_ADDR_LEN, "%.72s/%u=%s", host, allow->prefix_len,
		 allow->flags & DST_IOC_ALLOW_RW ? "rw" : "ro");
}

void text_size(char out[TEXT_SIZE_LEN], __u64 bytes)
{
	static const char * const units[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"
	};
	__u64 whole = bytes, rest = 0;
	size_t unit = 0;

	while (whole >= 1024) {
		rest = whole % 1024;
		whole /= 1024;
		unit++;
	}
	if (unit && rest)
		snprintf(out, TEXT_SIZE_LEN, "%llu.%llu %s", whole,
			 rest * 10 / 1024, units[unit]);
	else
		snprintf(out, TEXT_SIZE_LEN, "%llu %s", whole, units[unit]);
}

void text_ms(char out[TEXT_TIME_LEN], __u64 ms)
{
	if (ms == DST_IOC_NEVER_MS)
		snprintf(out, TEXT_TIME_LEN, "never");
	else if (ms % 1000)
		snprintf(out, TEXT_TIME_LEN, "%llums", ms);
	else if (ms % 60000 || !ms)
		snprintf(out, TEXT_TIME_LEN, "%llus", ms / 1000);
	else
		snprintf(out, TEXT_TIME_LEN, "%llum", ms / 60000);
}
