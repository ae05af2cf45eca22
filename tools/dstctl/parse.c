// SPDX-License-Identifier: GPL-2.0-only
#include "parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "../../dst_proto.h"

/* Digits at *@text, which moves behind them; false if none or too many. */
static bool take_digits(const char **text, __u64 *out)
{
	const char *s = *text;
	__u64 value = 0;

	if (!isdigit((unsigned char)*s))
		return false;
	for (; isdigit((unsigned char)*s); s++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *s - '0', &value))
			return false;
	}
	*text = s;
	*out = value;
	return true;
}

const char *parse_number(const char *text, __u64 max, __u64 *out)
{
	__u64 value;

	if (!isdigit((unsigned char)*text))
		return "is not a number";
	if (!take_digits(&text, &value))
		return "is too large";
	if (*text)
		return "is not a number";
	if (value > max)
		return "is too large";
	if (!value)
		return "must be at least 1";
	*out = value;
	return NULL;
}

const char *parse_size(const char *text, __u64 *out)
{
	static const char units[] = "KMGT";
	static const char bad[] =
		"is not a size (digits, then nothing, K, M, G or T)";
	const char *unit;
	__u64 value;

	if (!isdigit((unsigned char)*text))
		return bad;
	if (!take_digits(&text, &value))
		return "is too large";
	if (*text) {
		unit = strchr(units, toupper((unsigned char)*text));
		if (!unit || text[1])
			return bad;
		if (__builtin_mul_overflow(value,
					   1ULL << (10 * (unit - units + 1)),
					   &value))
			return "is too large";
	}
	if (!value)
		return "must be at least 1 byte";
	*out = value;
	return NULL;
}

const char *parse_time(const char *text, __u64 *out)
{
	static const char bad[] =
		"is not a time (digits, then nothing, ms, s or m)";
	__u64 value, unit;

	if (!isdigit((unsigned char)*text))
		return bad;
	if (!take_digits(&text, &value))
		return "is too long a time";

	if (!*text || !strcmp(text, "s"))
		unit = 1000;
	else if (!strcmp(text, "ms"))
		unit = 1;
	else if (!strcmp(text, "m"))
		unit = 60000;
	else
		return bad;

	if (__builtin_mul_overflow(value, unit, &value) ||
	    value == DST_IOC_NEVER_MS)
		return "is too long a time";
	if (!value)
		return "must be at least 1ms";
	*out = value;
	return NULL;
}

const char *parse_time_never(const char *text, __u64 *out)
{
	if (strcmp(text, "never"))
		return parse_time(text, out);
	*out = DST_IOC_NEVER_MS;
	return NULL;
}

/* For what the kernel keeps in 32 bits; its timers reach half as far. */
const char *parse_time32(const char *text, __u32 *out)
{
	const char *bad;
	__u64 value;

	bad = parse_time(text, &value);
	if (bad)
		return bad;
	if (value > 0x7fffffff)
		return "is too long a time";
	*out = value;
	return NULL;
}

const char *parse_bool(const char *text, bool *out)
{
	if (!strcmp(text, "yes") || !strcmp(text, "true"))
		*out = true;
	else if (!strcmp(text, "no") || !strcmp(text, "false"))
		*out = false;
	else
		return "is neither yes nor no";
	return NULL;
}

const char *parse_ack(const char *text, __u32 *out)
{
	if (!strcmp(text, "server"))
		*out = DST_IOC_ACK_SERVER;
	else if (!strcmp(text, "disk"))
		*out = DST_IOC_ACK_DISK;
	else if (!strcmp(text, "ram"))
		*out = DST_IOC_ACK_RAM;
	else
		return "is not ram, server or disk";
	return NULL;
}

/* dstN, the whole disk; not dst01 and not dst0p1. */
const char *parse_device_name(const char *text, __u32 *out)
{
	static const char bad[] = "is not a device (dst0, dst1 and so on)";
	const char *digits;
	__u64 value;

	if (strncmp(text, "dst", 3))
		return bad;
	digits = text + 3;
	text = digits;
	if (!take_digits(&text, &value) || value > 0xfffff)
		return bad;
	if (*text == 'p' && isdigit((unsigned char)text[1]))
		return "is a partition, not a whole device";
	if (*text || (digits[0] == '0' && digits[1]))
		return bad;
	*out = value;
	return NULL;
}

const char *parse_export_name(const char *text, char out[DST_IOC_NAME_LEN])
{
	size_t len = strlen(text), i;

	if (!len)
		return "is empty where the name of an export belongs";
	if (len >= DST_IOC_NAME_LEN)
		return "is too long for an export (63 characters at most)";
	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
			return "is no name for an export (letters, digits, '.', '_' and '-')";
	if (!strcmp(text, ".") || !strcmp(text, ".."))
		return "is no name for an export";
	memset(out, 0, DST_IOC_NAME_LEN);
	memcpy(out, text, len);
	return NULL;
}

static const char *check_name(const char *host)
{
	size_t len = strlen(host), i;
	struct in_addr addr;

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)host[i]) && !strchr(".-_", host[i]))
			return "has a character that no host name has";
	if (host[0] == '-' || host[0] == '.')
		return "does not begin like a host name";
	if (strspn(host, "0123456789.") == len &&
	    inet_pton(AF_INET, host, &addr) != 1)
		return "is not an IPv4 address";
	return NULL;
}

static const char *check_ipv6(const char *host)
{
	const char *scope = strchr(host, '%');
	char plain[INET6_ADDRSTRLEN];
	size_t len = scope ? (size_t)(scope - host) : strlen(host);
	struct in6_addr addr;
	size_t i;

	if (len >= sizeof(plain))
		return "is not an IPv6 address";
	memcpy(plain, host, len);
	plain[len] = '\0';
	if (inet_pton(AF_INET6, plain, &addr) != 1)
		return "is not an IPv6 address";
	if (!scope)
		return NULL;
	if (!scope[1])
		return "has an empty interface behind '%'";
	for (i = 1; scope[i]; i++)
		if (!isgraph((unsigned char)scope[i]) || scope[i] == '/')
			return "has a bad interface behind '%'";
	return NULL;
}

static const char *parse_port(const char *text, __u16 *out)
{
	__u64 port;

	if (parse_number(text, 65535, &port))
		return "has a bad port (1 to 65535)";
	*out = port;
	return NULL;
}

/* Splits [HOST]:PORT or HOST:PORT; *port is NULL if there is none. */
static const char *split_host(const char *text, const char **host, size_t *len,
			      const char **port)
{
	const char *end;

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end)
			return "has '[' without ']'";
		if (end[1] && end[1] != ':')
			return "has something other than ':PORT' behind ']'";
		*host = text + 1;
		*len = end - text - 1;
		*port = end[1] ? end + 2 : NULL;
		return NULL;
	}

	end = strchr(text, ':');
	if (end && strchr(end + 1, ':'))
		return "has more than one ':' (write IPv6 addresses as [ADDRESS])";
	*host = text;
	*len = end ? (size_t)(end - text) : strlen(text);
	*port = end ? end + 1 : NULL;
	return NULL;
}

const char *parse_host(const char *text, struct parse_host *out)
{
	struct parse_host value = { .port = DST_PROTO_PORT };
	const char *bad, *host, *port;
	size_t len, i;

	bad = split_host(text, &host, &len, &port);
	if (bad)
		return bad;
	if (!len)
		return "has no host";
	if (len >= sizeof(value.host))
		return "has too long a host name";

	value.ipv6 = *text == '[';
	memcpy(value.host, host, len);
	bad = value.ipv6 ? check_ipv6(value.host) : check_name(value.host);
	if (!bad && port)
		bad = parse_port(port, &value.port);
	if (bad)
		return bad;

	for (i = 0; i < len && value.host[i] != '%'; i++)
		value.host[i] = tolower((unsigned char)value.host[i]);
	*out = value;
	return NULL;
}

const char *parse_target(const char *text, struct parse_host *host,
			 char export[DST_IOC_NAME_LEN])
{
	const char *slash = strrchr(text, '/');
	char addr[PARSE_HOST_LEN + 16] = "";
	char name[DST_IOC_NAME_LEN];
	const char *bad;

	if (!slash)
		return "has no export (write HOST[:PORT]/EXPORT)";
	if ((size_t)(slash - text) >= sizeof(addr))
		return "has too long a host name";
	memcpy(addr, text, slash - text);

	bad = parse_export_name(slash + 1, name);
	if (bad)
		return "has no good name of an export behind '/'";
	bad = parse_host(addr, host);
	if (bad)
		return bad;
	memcpy(export, name, sizeof(name));
	return NULL;
}

/* True if no bit of @addr is set behind the first @prefix_len. */
bool parse_is_prefix(const struct dst_ioc_addr *addr, __u32 prefix_len)
{
	__u32 bits = addr->family == DST_IOC_ADDR_INET ? 32 : 128;
	__u32 bit;

	for (bit = prefix_len; bit < bits; bit++)
		if (addr->addr[bit / 8] & (0x80 >> (bit % 8)))
			return false;
	return true;
}

static const char *parse_network(const char *text, struct dst_ioc_allow *out)
{
	char addr[INET6_ADDRSTRLEN] = "";
	size_t len = strcspn(text, "/");
	__u64 prefix, most;

	if (len >= sizeof(addr))
		return "is not an address";
	memcpy(addr, text, len);
	if (inet_pton(AF_INET, addr, out->addr.addr) == 1)
		out->addr.family = DST_IOC_ADDR_INET;
	else if (inet_pton(AF_INET6, addr, out->addr.addr) == 1)
		out->addr.family = DST_IOC_ADDR_INET6;
	else
		return "is not a network (ADDRESS/BITS)";

	most = out->addr.family == DST_IOC_ADDR_INET ? 32 : 128;
	prefix = most;
	if (text[len] && !strcmp(text + len, "/0"))
		prefix = 0;
	else if (text[len] && parse_number(text + len + 1, most, &prefix))
		return "has a bad number of bits behind '/'";
	out->prefix_len = prefix;
	if (!parse_is_prefix(&out->addr, prefix))
		return "has bits set behind its prefix";
	return NULL;
}

const char *parse_cidr(const char *text, struct dst_ioc_allow *out)
{
	struct dst_ioc_allow value = { .flags = DST_IOC_ALLOW_RW };
	const char *mode = strchr(text, '=');
	char network[64] = "";
	size_t len = mode ? (size_t)(mode - text) : strlen(text);
	const char *bad;

	if (len >= sizeof(network))
		return "is not a network (ADDRESS/BITS)";
	memcpy(network, text, len);
	if (mode && !strcmp(mode, "=ro"))
		value.flags = 0;
	else if (mode && strcmp(mode, "=rw"))
		return "has neither rw nor ro behind '='";

	bad = parse_network(network, &value);
	if (bad)
		return bad;
	*out = value;
	return NULL;
}

const char *parse_uuid(const char *text, __u8 out[DST_IOC_UUID_LEN])
{
	uuid_t value;

	if (uuid_parse(text, value))
		return "is not a UUID";
	if (uuid_is_null(value))
		return "is the null UUID";
	memcpy(out, value, sizeof(value));
	return NULL;
}

/* The next word of *@text, which moves behind it; false if none fits. */
static bool take_word(const char **text, char *out, size_t size)
{
	const char *s = *text + strspn(*text, " \t");
	size_t len = strcspn(s, " \t\n");

	if (!len || len >= size)
		return false;
	memcpy(out, s, len);
	out[len] = '\0';
	*text = s + len;
	return true;
}

static bool take_u64(const char **text, __u64 *out)
{
	*text += strspn(*text, " \t");
	return take_digits(text, out) && strchr(" \t\n", **text);
}

/* id op sector sectors state age_ms resends lane ("-": on no lane) */
const char *parse_trans(const char *text, struct parse_trans *out)
{
	struct parse_trans value = { 0 };
	char lane[16];
	const char *s = lane;
	__u64 number = 0;

	if (!take_u64(&text, &value.id) ||
	    !take_word(&text, value.op, sizeof(value.op)) ||
	    !take_u64(&text, &value.sector) ||
	    !take_u64(&text, &value.sectors) ||
	    !take_word(&text, value.state, sizeof(value.state)) ||
	    !take_u64(&text, &value.age_ms) ||
	    !take_u64(&text, &value.resends) ||
	    !take_word(&text, lane, sizeof(lane)))
		return "is not a transaction";

	value.no_lane = !strcmp(lane, "-") || !strcmp(lane, "-1");
	if (!value.no_lane && (!take_digits(&s, &number) || *s))
		return "is not a transaction";
	value.lane = number;
	*out = value;
	return NULL;
}
