/* SPDX-License-Identifier: GPL-2.0-only */
/* What dst.conf wants. Pure but for reading the file. */
#ifndef DSTCTL_CONF_H
#define DSTCTL_CONF_H

#include <stdio.h>

#include "spec.h"

struct conf_export {
	struct export_spec spec;
	unsigned int line;		/* of its section */
};

struct conf_device {
	struct device_spec spec;
	unsigned int line;
};

struct conf {
	struct conf_export *exports;
	struct conf_device *devices;
	size_t nr_exports;
	size_t nr_devices;
};

const char *conf_parse(FILE *file, struct conf *conf, unsigned int *line);
void conf_free(struct conf *conf);

#endif /* DSTCTL_CONF_H */
