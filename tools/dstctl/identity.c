// SPDX-License-Identifier: GPL-2.0-only
#include "identity.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "dstctl.h"
#include "parse.h"
#include "text.h"

#define MACHINE_ID	"/etc/machine-id"
#define INITIATOR	"/etc/dst/initiator"

/* The name space of all DST identities; must never change. */
static const uuid_t space = {
	0x6d, 0x0e, 0x1f, 0x52, 0x93, 0x4b, 0x4a, 0x0d,
	0x8e, 0x17, 0x5b, 0x2c, 0xd4, 0x70, 0xaa, 0x31
};

/* The UUID (version 5) of four words. */
void identity_of(__u8 out[DST_IOC_UUID_LEN], const char *kind,
		 const char *owner, const char *name, const char *detail)
{
	const char * const words[] = { owner, name, detail };
	uuid_t outer;
	size_t i;

	uuid_generate_sha1(out, space, kind, strlen(kind));
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		uuid_copy(outer, out);
		uuid_generate_sha1(out, outer, words[i], strlen(words[i]));
	}
}

/* First line of @path. Returns false if there is none or it is empty. */
static bool read_line(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "re");
	bool good;

	if (!file)
		return false;
	good = fgets(out, size, file);
	fclose(file);
	if (!good)
		return false;
	out[strcspn(out, "\r\n")] = '\0';
	return *out;
}

static int machine_id(const char *what, char *out, size_t size)
{
	const char *env = getenv("DST_MACHINE_ID");

	if (env && *env) {
		if (strlen(env) < size) {
			text_copy(out, size, env);
			return 0;
		}
		return fail(what, "Set it to what " MACHINE_ID " would hold",
			    "$DST_MACHINE_ID is too long");
	}
	if (read_line(MACHINE_ID, out, size) && strcmp(out, "uninitialized"))
		return 0;
	return fail(what, "Run systemd-machine-id-setup",
		    "this machine has no identity (" MACHINE_ID " is missing or empty)");
}

int identity_initiator(const char *what, __u8 out[DST_IOC_UUID_LEN])
{
	const char *env = getenv("DST_INITIATOR");
	char text[128];
	const char *bad;

	if (env && *env) {
		bad = parse_uuid(env, out);
		return bad ? fail(what, "Set it to a UUID, or unset it",
				  "$DST_INITIATOR '%s' %s", env, bad) : 0;
	}
	if (read_line(INITIATOR, text, sizeof(text))) {
		bad = parse_uuid(text, out);
		return bad ? fail(what, "Write a UUID there, or remove the file",
				  INITIATOR ": '%s' %s", text, bad) : 0;
	}
	if (machine_id(what, text, sizeof(text)))
		return EXIT_FAILURE;
	identity_of(out, "initiator", text, "", "");
	return 0;
}

void identity_device(__u8 out[DST_IOC_UUID_LEN],
		     const __u8 initiator[DST_IOC_UUID_LEN],
		     const char *target)
{
	char owner[TEXT_UUID_LEN];

	text_uuid(owner, initiator);
	identity_of(out, "device", owner, target, "");
}

/* What the maker of a block device calls it, if sysfs tells. */
static bool block_serial(unsigned int major, unsigned int minor, char *out,
			 size_t size)
{
	static const char * const files[] = {
		"wwid", "device/wwid", "device/serial", "serial", "dm/uuid",
		"md/uuid", "dst/export_uuid"
	};
	char path[PATH_MAX], part[16] = "", serial[256];
	const char *up = "";
	size_t i;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition",
		 major, minor);
	if (read_line(path, part, sizeof(part)))
		up = "../";

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s%s",
			 major, minor, up, files[i]);
		if (!read_line(path, serial, sizeof(serial)))
			continue;
		snprintf(out, size, "%s%s%s", serial, *part ? "-part" : "",
			 part);
		return true;
	}
	return false;
}

/* The name of this machine. */
void identity_host(char out[DST_IOC_HOST_LEN])
{
	if (gethostname(out, DST_IOC_HOST_LEN))
		text_copy(out, DST_IOC_HOST_LEN, "?");
	out[DST_IOC_HOST_LEN - 1] = '\0';
}

/* @path exists; @st is its stat(). */
int identity_export(const char *what, __u8 out[DST_IOC_UUID_LEN],
		    const char *name, const char *path, const struct stat *st)
{
	char owner[128], backing[PATH_MAX];

	if (machine_id(what, owner, sizeof(owner)))
		return EXIT_FAILURE;
	if (!S_ISBLK(st->st_mode) ||
	    !block_serial(major(st->st_rdev), minor(st->st_rdev), backing,
			  sizeof(backing))) {
		if (!realpath(path, backing))
			return fail(what, NULL, "%s: %s", path,
				    error_text(errno));
	}
	identity_of(out, "export", owner, name, backing);
	return 0;
}
