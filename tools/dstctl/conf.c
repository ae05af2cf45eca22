// SPDX-License-Identifier: GPL-2.0-only
#include "conf.h"

#include <stdlib.h>
#include <string.h>

#include "ini.h"

/* Where the reader is; the words of an error are kept in @bad. */
struct conf_reader {
	struct conf *conf;
	const unsigned int *line;
	const struct spec_key *keys;	/* of the present section, or NULL */
	void *spec;
	__u32 seen;			/* a bit for each of @keys */
	char bad[512];
};

static const char *conf_bad(struct conf_reader *reader, const char *what,
			    const char *bad)
{
	snprintf(reader->bad, sizeof(reader->bad), "'%.200s' %s", what, bad);
	return reader->bad;
}

static const char *conf_export(struct conf_reader *reader, const char *name)
{
	struct conf *conf = reader->conf;
	struct conf_export *more;
	struct export_spec *spec;
	const char *bad;
	size_t i;

	more = realloc(conf->exports, (conf->nr_exports + 1) * sizeof(*more));
	if (!more)
		return "memory is short";
	conf->exports = more;
	spec = &more[conf->nr_exports].spec;
	export_spec_init(spec);
	bad = parse_export_name(name, spec->name);
	if (bad)
		return conf_bad(reader, name, bad);
	for (i = 0; i < conf->nr_exports; i++)
		if (!strcmp(more[i].spec.name, spec->name))
			return conf_bad(reader, name, "is there twice");

	more[conf->nr_exports++].line = *reader->line;
	reader->keys = export_keys;
	reader->spec = spec;
	return NULL;
}

static const char *conf_device(struct conf_reader *reader, const char *name)
{
	struct conf *conf = reader->conf;
	struct conf_device *more;
	struct device_spec *spec;
	const char *bad;
	__u32 index;
	size_t i;

	more = realloc(conf->devices, (conf->nr_devices + 1) * sizeof(*more));
	if (!more)
		return "memory is short";
	conf->devices = more;
	spec = &more[conf->nr_devices].spec;
	device_spec_init(spec);
	bad = parse_device_name(name, &index);
	if (bad)
		return conf_bad(reader, name, bad);
	spec->index = index;
	for (i = 0; i < conf->nr_devices; i++)
		if (more[i].spec.index == spec->index)
			return conf_bad(reader, name, "is there twice");

	more[conf->nr_devices++].line = *reader->line;
	reader->keys = device_keys;
	reader->spec = spec;
	return NULL;
}

static const char *conf_section(void *data, const char *kind, const char *name)
{
	struct conf_reader *reader = data;

	reader->seen = 0;
	if (!strcmp(kind, "export"))
		return conf_export(reader, name);
	if (!strcmp(kind, "device"))
		return conf_device(reader, name);
	return "a section is [export NAME] or [device dstN]";
}

static const char *conf_key(void *data, const char *name, const char *value)
{
	struct conf_reader *reader = data;
	const struct spec_key *key;
	const char *bad;
	__u32 bit;

	if (!reader->keys)
		return "a key stands before the first section";
	key = spec_find(reader->keys, name, SPEC_CONF);
	if (!key)
		return conf_bad(reader, name, "is no key of this section");
	bit = BIT(key - reader->keys);
	if ((reader->seen & bit) && !(key->use & SPEC_MANY))
		return conf_bad(reader, name, "is there twice");
	reader->seen |= bit;
	bad = key->parse(reader->spec, value);
	return bad ? conf_bad(reader, value, bad) : NULL;
}

/* An export without allows is for this machine only: say so in full. */
static void conf_default_allows(struct export_spec *spec)
{
	static const struct dst_ioc_allow loopback[] = {
		{ .addr = { .family = DST_IOC_ADDR_INET, .addr = { 127 } },
		  .prefix_len = 8, .flags = DST_IOC_ALLOW_RW },
		{ .addr = { .family = DST_IOC_ADDR_INET6, .addr[15] = 1 },
		  .prefix_len = 128, .flags = DST_IOC_ALLOW_RW },
	};

	if (spec->nr_allows)
		return;
	memcpy(spec->allow, loopback, sizeof(loopback));
	spec->nr_allows = ARRAY_SIZE(loopback);
}

/* What every section needs, and what no two may share. */
static const char *conf_check(const struct conf *conf, unsigned int *line)
{
	const struct conf_device *dev;
	size_t i, j;

	for (i = 0; i < conf->nr_exports; i++) {
		*line = conf->exports[i].line;
		if (!(conf->exports[i].spec.given & SPEC_PATH_GIVEN))
			return "this export has no path";
		conf_default_allows(&conf->exports[i].spec);
	}
	for (i = 0; i < conf->nr_devices; i++) {
		dev = &conf->devices[i];
		*line = dev->line;
		if (!(dev->spec.given & SPEC_TARGET_GIVEN))
			return "this device has no target";
		for (j = 0; j < i; j++)
			if (!strcmp(dev->spec.target,
				    conf->devices[j].spec.target))
				return "another device has the same target";
	}
	return NULL;
}

/* NULL, or what is wrong in words that follow "FILE:LINE: ". */
const char *conf_parse(FILE *file, struct conf *conf, unsigned int *line)
{
	static const struct ini_ops ops = {
		.section = conf_section,
		.key = conf_key,
	};
	static struct conf_reader reader;
	const char *bad;

	memset(conf, 0, sizeof(*conf));
	memset(&reader, 0, sizeof(reader));
	reader.conf = conf;
	reader.line = line;
	bad = ini_read(file, &ops, &reader, line);
	return bad ? bad : conf_check(conf, line);
}

void conf_free(struct conf *conf)
{
	free(conf->exports);
	free(conf->devices);
	memset(conf, 0, sizeof(*conf));
}
