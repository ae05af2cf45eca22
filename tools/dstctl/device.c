// SPDX-License-Identifier: GPL-2.0-only
#include "device.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "parse.h"
#include "text.h"

#define NODE_WAIT_MS	3000
#define NODE_POLL_MS	10

/* dst0, /dev/dst0 or a link to it. Returns 0 or the exit status. */
int device_index(const struct command *cmd, const char *text, __u32 *index)
{
	char path[PATH_MAX];
	const char *bad, *name = text;

	if (strchr(text, '/')) {
		if (strncmp(text, "/dev/dst", 8)) {
			if (!realpath(text, path))
				return fail(cmd->name,
					    "'dstctl status' lists the devices",
					    "'%s': %s", text,
					    error_text(errno));
			name = path;
		}
		if (strncmp(name, "/dev/", 5))
			return fail(cmd->name,
				    "'dstctl status' lists the devices",
				    "'%s' is not a DST device", text);
		name += 5;
	}
	bad = parse_device_name(name, index);
	return bad ? command_usage(cmd, "'%s' %s", text, bad) : 0;
}

/* udev or devtmpfs make the node a little later than the kernel the disk. */
bool device_wait_node(__u32 index)
{
	const struct timespec nap = { .tv_nsec = NODE_POLL_MS * 1000000L };
	struct stat st;
	char path[32];
	int left;

	snprintf(path, sizeof(path), "/dev/dst%u", index);
	for (left = NODE_WAIT_MS; left > 0; left -= NODE_POLL_MS) {
		if (!stat(path, &st) && S_ISBLK(st.st_mode))
			return true;
		nanosleep(&nap, NULL);
	}
	return false;
}

/* Who uses a device, as far as it fits. */
struct users {
	char *text;
	size_t size;
	__u32 index;
};

static __printf(2, 3)
void users_add(struct users *users, const char *fmt, ...)
{
	size_t len = strlen(users->text);
	va_list args;

	if (len) {
		strncat(users->text, ", ", users->size - len - 1);
		len = strlen(users->text);
	}
	va_start(args, fmt);
	vsnprintf(users->text + len, users->size - len, fmt, args);
	va_end(args);
}

/* dst0 and its partitions dst0p1, ... */
static bool users_is_ours(const struct users *users, const char *name)
{
	char disk[16];
	size_t len;

	snprintf(disk, sizeof(disk), "dst%u", users->index);
	len = strlen(disk);
	return !strncmp(name, disk, len) &&
	       (!name[len] ||
		(name[len] == 'p' && isdigit((unsigned char)name[len + 1])));
}

static bool users_is_our_number(const struct users *users, unsigned int major,
				unsigned int minor)
{
	char path[64], link[PATH_MAX];
	const char *base;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
	if (!realpath(path, link))
		return false;
	base = strrchr(link, '/');
	return base && users_is_ours(users, base + 1);
}

/* mountinfo: id parent MAJOR:MINOR root MOUNTPOINT options ... */
static void users_mounts(struct users *users)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], point[1024];
	unsigned int major, minor;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*d %*d %u:%u %*s %1023s", &major, &minor,
			   point) == 3 &&
		    users_is_our_number(users, major, minor))
			users_add(users, "it is mounted on %s", point);
	}
	fclose(file);
}

static void users_swaps(struct users *users)
{
	FILE *file = fopen("/proc/swaps", "re");
	char line[1024];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, " \t\n")] = '\0';
		if (!strncmp(line, "/dev/", 5) &&
		    users_is_ours(users, line + 5))
			users_add(users, "%s is swap", line);
	}
	fclose(file);
}

static void users_holders_of(struct users *users, const char *dir)
{
	const struct dirent *entry;
	char path[PATH_MAX];
	DIR *holders;

	snprintf(path, sizeof(path), "%s/holders", dir);
	holders = opendir(path);
	if (!holders)
		return;
	while ((entry = readdir(holders)))
		if (entry->d_name[0] != '.')
			users_add(users, "%s is built on it", entry->d_name);
	closedir(holders);
}

static void users_holders(struct users *users)
{
	const struct dirent *entry;
	char disk[64], path[PATH_MAX];
	DIR *dir;

	snprintf(disk, sizeof(disk), "/sys/block/dst%u", users->index);
	users_holders_of(users, disk);
	dir = opendir(disk);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (!users_is_ours(users, entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", disk, entry->d_name);
		users_holders_of(users, path);
	}
	closedir(dir);
}

/* True if one of the files that process @pid has open is ours. */
static bool users_has_open(const struct users *users, const char *pid)
{
	const struct dirent *entry;
	char path[PATH_MAX];
	bool found = false;
	struct stat st;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	fds = opendir(path);
	if (!fds)
		return false;
	while (!found && (entry = readdir(fds))) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid,
			 entry->d_name);
		found = !stat(path, &st) && S_ISBLK(st.st_mode) &&
			users_is_our_number(users, major(st.st_rdev),
					    minor(st.st_rdev));
	}
	closedir(fds);
	return found;
}

static void users_processes(struct users *users)
{
	char path[PATH_MAX], name[64];
	const struct dirent *entry;
	FILE *file;
	DIR *proc;

	proc = opendir("/proc");
	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !users_has_open(users, entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file = fopen(path, "re");
		if (!file || !fgets(name, sizeof(name), file))
			text_copy(name, sizeof(name), "?");
		if (file)
			fclose(file);
		name[strcspn(name, "\n")] = '\0';
		users_add(users, "process %s (%s) has it open", entry->d_name,
			  name);
	}
	closedir(proc);
}

/* "it is mounted on /mnt, md0 is built on it"; empty if nobody is found. */
void device_users(__u32 index, char *out, size_t size)
{
	struct users users = { .text = out, .size = size, .index = index };

	out[0] = '\0';
	users_mounts(&users);
	users_swaps(&users);
	users_holders(&users);
	users_processes(&users);
}
