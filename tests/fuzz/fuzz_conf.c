// SPDX-License-Identifier: GPL-2.0-only
/*
 * No file makes the reader of dst.conf misbehave; what it takes is complete.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "conf.h"

const char * const fuzz_words[] = {
	"[export a]\n", "[export b]\n", "[device dst0]\n", "[device dst1]\n",
	"[", "]", "\n", "\r\n", " ", "\t", "=", " = ", "#", ";", ",",
	"path = /a\n", "path", "listen = 10.0.0.1\n", "listen = [::1]:99\n",
	"allow = 10.0.0.0/8=ro, ::/0\n", "allow = ", "10.0.0.0/8", "ro = yes\n",
	"shared = no\n", "workers = 3\n", "mem-limit = 1G\n",
	"max-clients = 2\n", "target = h/a\n", "target = [::1]:9/b\n",
	"ack = disk\n", "lanes = 4\n", "io-timeout = 1s\n",
	"keepalive = 200ms\n", "fail-after = never\n", "digest = yes\n",
	"wait = 3s\n", "export", "device", "dst2", "\xff", NULL
};

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_conf(const struct conf *conf)
{
	const struct export_spec *export;
	const struct device_spec *device;
	size_t i;

	for (i = 0; i < conf->nr_exports; i++) {
		export = &conf->exports[i].spec;
		check(export->name[0] && export->path[0] == '/');
		check(export->nr_allows >= 1 &&
		      export->nr_allows <= DST_IOC_ALLOWS);
		check(export->nr_listens <= DST_IOC_LISTENS);
	}
	for (i = 0; i < conf->nr_devices; i++) {
		device = &conf->devices[i].spec;
		check(device->index >= 0 && device->target[0]);
		check(device->lanes <= DST_IOC_LANES);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int line = 0;
	struct conf conf;
	FILE *file;

	if (!size)
		return 0;
	file = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!file)
		return 0;
	if (!conf_parse(file, &conf, &line))
		check_conf(&conf);
	else
		check(line);
	conf_free(&conf);
	fclose(file);
	return 0;
}
