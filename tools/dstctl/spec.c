// SPDX-License-Identifier: GPL-2.0-only
#include "spec.h"

#include <stdio.h>
#include <string.h>

void device_spec_init(struct device_spec *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->index = -1;
	spec->ack = DST_IOC_ACK_SERVER;
	spec->wait_ms = DSTCTL_DEFAULT_WAIT_MS;
}

void export_spec_init(struct export_spec *spec)
{
	memset(spec, 0, sizeof(*spec));
}

const struct spec_key *spec_find(const struct spec_key *keys, const char *name,
				 __u32 use)
{
	for (; keys->name; keys++)
		if ((keys->use & use) && !strcmp(keys->name, name))
			return keys;
	return NULL;
}

const char *device_spec_target(void *data, const char *value)
{
	struct device_spec *spec = data;
	const char *bad;
	int len;

	bad = parse_target(value, &spec->host, spec->export);
	if (bad)
		return bad;
	len = snprintf(spec->target, sizeof(spec->target), "%s%s%s:%u/%s",
		       spec->host.ipv6 ? "[" : "", spec->host.host,
		       spec->host.ipv6 ? "]" : "", spec->host.port,
		       spec->export);
	if (len < 0 || (size_t)len >= sizeof(spec->target))
		return "is too long for a target";
	spec->given |= SPEC_TARGET_GIVEN;
	return NULL;
}

static const char *device_spec_name(void *data, const char *value)
{
	struct device_spec *spec = data;
	const char *bad;
	__u32 index;

	bad = parse_device_name(value, &index);
	if (!bad)
		spec->index = index;
	return bad;
}

static const char *device_spec_ack(void *data, const char *value)
{
	struct device_spec *spec = data;

	spec->given |= SPEC_ACK_GIVEN;
	return parse_ack(value, &spec->ack);
}

static const char *device_spec_lanes(void *data, const char *value)
{
	struct device_spec *spec = data;
	const char *bad;
	__u64 number;

	bad = parse_number(value, DST_IOC_LANES, &number);
	if (bad)
		return "is not a number of lanes (1 to 16)";
	spec->lanes = number;
	spec->given |= SPEC_LANES_GIVEN;
	return NULL;
}

static const char *device_spec_mem_limit(void *data, const char *value)
{
	struct device_spec *spec = data;

	spec->given |= SPEC_MEM_LIMIT_GIVEN;
	return parse_size(value, &spec->mem_limit_bytes);
}

static const char *device_spec_io_timeout(void *data, const char *value)
{
	struct device_spec *spec = data;

	spec->given |= SPEC_IO_TIMEOUT_GIVEN;
	return parse_time32(value, &spec->io_timeout_ms);
}

static const char *device_spec_keepalive(void *data, const char *value)
{
	struct device_spec *spec = data;

	spec->given |= SPEC_KEEPALIVE_GIVEN;
	return parse_time32(value, &spec->keepalive_ms);
}

static const char *device_spec_fail_after(void *data, const char *value)
{
	struct device_spec *spec = data;

	spec->given |= SPEC_FAIL_AFTER_GIVEN;
	return parse_time_never(value, &spec->fail_after_ms);
}

static const char *device_spec_wait(void *data, const char *value)
{
	struct device_spec *spec = data;

	return parse_time32(value, &spec->wait_ms);
}

static const char *device_spec_ro(void *data, const char *value)
{
	struct device_spec *spec = data;

	return parse_bool(value, &spec->read_only);
}

static const char *device_spec_preempt(void *data, const char *value)
{
	struct device_spec *spec = data;

	return parse_bool(value, &spec->preempt);
}

static const char *device_spec_digest(void *data, const char *value)
{
	struct device_spec *spec = data;

	return parse_bool(value, &spec->digest);
}

const struct spec_key device_keys[] = {
	{ "target", SPEC_CONF, device_spec_target },
	{ "name", SPEC_OPTION, device_spec_name },
	{ "ack", SPEC_OPTION | SPEC_LIVE | SPEC_CONF, device_spec_ack },
	{ "ro", SPEC_OPTION | SPEC_CONF, device_spec_ro },
	{ "lanes", SPEC_OPTION | SPEC_CONF, device_spec_lanes },
	{ "mem-limit", SPEC_OPTION | SPEC_LIVE | SPEC_CONF,
		device_spec_mem_limit },
	{ "io-timeout", SPEC_OPTION | SPEC_LIVE | SPEC_CONF,
		device_spec_io_timeout },
	{ "keepalive", SPEC_OPTION | SPEC_LIVE | SPEC_CONF,
		device_spec_keepalive },
	{ "fail-after", SPEC_OPTION | SPEC_LIVE | SPEC_CONF,
		device_spec_fail_after },
	{ "preempt", SPEC_OPTION, device_spec_preempt },
	{ "digest", SPEC_OPTION | SPEC_CONF, device_spec_digest },
	{ "wait", SPEC_OPTION | SPEC_CONF, device_spec_wait },
	{ NULL, 0, NULL }
};

const char *export_spec_path(void *data, const char *value)
{
	struct export_spec *spec = data;
	size_t len = strlen(value);

	if (value[0] != '/')
		return "is not an absolute path";
	if (len >= sizeof(spec->path))
		return "is too long a path (255 bytes at most)";
	memcpy(spec->path, value, len + 1);
	spec->given |= SPEC_PATH_GIVEN;
	return NULL;
}

static const char *export_spec_listen(void *data, const char *value)
{
	struct export_spec *spec = data;
	const char *bad;

	if (spec->nr_listens == DST_IOC_LISTENS)
		return "is one address too many (8 at most)";
	bad = parse_host(value, &spec->listen[spec->nr_listens]);
	if (bad)
		return bad;
	spec->nr_listens++;
	spec->given |= SPEC_LISTEN_GIVEN;
	return NULL;
}

static const char *export_spec_allow_one(struct export_spec *spec,
					 const char *value)
{
	const char *bad;

	if (spec->nr_allows == DST_IOC_ALLOWS)
		return "is one network too many (32 at most)";
	bad = parse_cidr(value, &spec->allow[spec->nr_allows]);
	if (bad)
		return bad;
	spec->nr_allows++;
	spec->given |= SPEC_ALLOW_GIVEN;
	return NULL;
}

/* CIDR[=rw|ro],... */
static const char *export_spec_allow(void *data, const char *value)
{
	const char *bad;
	char word[80];
	size_t len;

	for (;;) {
		len = strcspn(value, ",");
		if (len >= sizeof(word))
			return "is not a network (ADDRESS/BITS)";
		memcpy(word, value, len);
		word[len] = '\0';
		bad = export_spec_allow_one(data, word);
		if (bad || !value[len])
			return bad;
		value += len + 1;
		value += strspn(value, " ");
	}
}

static const char *export_spec_workers(void *data, const char *value)
{
	struct export_spec *spec = data;
	const char *bad;
	__u64 number;

	bad = parse_number(value, 1024, &number);
	if (bad)
		return "is not a number of workers (1 to 1024)";
	spec->workers = number;
	spec->given |= SPEC_WORKERS_GIVEN;
	return NULL;
}

static const char *export_spec_max_clients(void *data, const char *value)
{
	struct export_spec *spec = data;
	const char *bad;
	__u64 number;

	bad = parse_number(value, 65536, &number);
	if (bad)
		return "is not a number of clients (1 to 65536)";
	spec->max_clients = number;
	spec->given |= SPEC_MAX_CLIENTS_GIVEN;
	return NULL;
}

static const char *export_spec_mem_limit(void *data, const char *value)
{
	struct export_spec *spec = data;

	spec->given |= SPEC_MEM_LIMIT_GIVEN;
	return parse_size(value, &spec->mem_limit_bytes);
}

static const char *export_spec_ro(void *data, const char *value)
{
	struct export_spec *spec = data;

	return parse_bool(value, &spec->read_only);
}

static const char *export_spec_shared(void *data, const char *value)
{
	struct export_spec *spec = data;

	return parse_bool(value, &spec->shared);
}

const struct spec_key export_keys[] = {
	{ "path", SPEC_CONF, export_spec_path },
	{ "listen", SPEC_OPTION | SPEC_CONF | SPEC_MANY, export_spec_listen },
	{ "allow", SPEC_OPTION | SPEC_LIVE | SPEC_CONF | SPEC_MANY,
		export_spec_allow },
	{ "ro", SPEC_OPTION | SPEC_CONF, export_spec_ro },
	{ "shared", SPEC_OPTION | SPEC_CONF, export_spec_shared },
	{ "workers", SPEC_OPTION | SPEC_LIVE | SPEC_CONF,
		export_spec_workers },
	{ "mem-limit", SPEC_OPTION | SPEC_LIVE | SPEC_CONF,
		export_spec_mem_limit },
	{ "max-clients", SPEC_OPTION | SPEC_LIVE | SPEC_CONF,
		export_spec_max_clients },
	{ NULL, 0, NULL }
};
