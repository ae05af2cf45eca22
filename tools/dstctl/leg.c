// SPDX-License-Identifier: GPL-2.0-only
#include "leg.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dstctl.h"

/* @buffer has room for a bitmap, and is where O_DIRECT wants it. */
struct leg_file {
	const char *what;
	int fd;
	__u8 *buffer;
};

static const char other_path[] = "Name the disk or file behind an export";

static int leg_no_open(const char *what)
{
	int err = errno;

	fail(what, err == EACCES || err == EPERM ? "Run dstctl as root" :
	     other_path, "cannot open it: %s", error_text(err));
	return -1;
}

/*
 * The page cache may still have what a block device held before the kernel
 * module wrote there: it is read past the cache. A file's cache is coherent.
 */
static int leg_open_disk(const char *what, const char *path, __u64 *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);

	if (fd < 0)
		return leg_no_open(what);
	if (ioctl(fd, BLKGETSIZE64, bytes)) {
		fail(what, NULL, "cannot get its size: %s", error_text(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* What else there is, a pipe or a watchdog, may not like to be opened. */
static int leg_open(const char *what, const char *path, __u64 *bytes)
{
	struct stat st;
	int fd;

	if (stat(path, &st))
		return leg_no_open(what);
	if (S_ISBLK(st.st_mode))
		return leg_open_disk(what, path, bytes);
	if (!S_ISREG(st.st_mode)) {
		fail(what, other_path,
		     "it is neither a block device nor a regular file");
		return -1;
	}
	*bytes = st.st_size;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? leg_no_open(what) : fd;
}

static int leg_fill(const struct leg_file *file, __u64 offset, size_t bytes)
{
	size_t done = 0;
	ssize_t ret;

	while (done < bytes) {
		ret = pread(file->fd, file->buffer + done, bytes - done,
			    offset + done);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return fail(file->what,
				    "See what the kernel log says of it",
				    "cannot read at byte %llu: %s",
				    offset + done, ret ? error_text(errno) :
				    "it ends there");
		done += ret;
	}
	return 0;
}

static void leg_count(struct leg *leg, const __u8 *bitmap)
{
	const struct dst_meta_layout *layout = &leg->layout;
	__u64 region_bytes = 1ULL << layout->region_log2, bit;

	for (bit = 0; bit < layout->bitmap_bytes * 8ULL; bit++) {
		if (!(bitmap[bit / 8] & 1 << bit % 8))
			continue;
		if (bit >= layout->regions) {
			leg->stray = true;
			return;
		}
		leg->dirty_regions++;
		leg->dirty_bytes += bit < layout->regions - 1 ? region_bytes :
				    layout->data_bytes - bit * region_bytes;
	}
}

static int leg_read_bitmap(const struct leg_file *file, struct leg *leg)
{
	const struct dst_meta *meta = &leg->copies[leg->copy];

	if (!meta->bitmap_offset)
		return 0;
	dst_meta_geometry(meta->record.data_bytes, meta->record.region_log2,
			  &leg->layout);
	dst_meta_place(leg->device_bytes, &leg->layout);
	if (leg_fill(file, leg->layout.bitmap_offset,
		     leg->layout.bitmap_bytes))
		return EXIT_FAILURE;
	leg->bitmap = true;
	leg_count(leg, file->buffer);
	return 0;
}

static int leg_read_supers(const struct leg_file *file, struct leg *leg)
{
	const struct dst_meta_block *block = (const void *)file->buffer;
	unsigned int i;

	if (dst_meta_super_offset(leg->device_bytes, &leg->super_offset))
		return fail(file->what, other_path,
			    "it has %llu bytes, which is no size for a leg or witness",
			    leg->device_bytes);
	if (leg_fill(file, leg->super_offset,
		     DST_META_COPIES * DST_META_BLOCK_BYTES))
		return EXIT_FAILURE;
	for (i = 0; i < DST_META_COPIES; i++)
		leg->verdicts[i] = dst_meta_decode(&block[i], i,
						   leg->device_bytes,
						   &leg->copies[i]);
	leg->verdict = dst_meta_choose(leg->copies, leg->verdicts, &leg->copy);
	return 0;
}

/*
 * Returns 0 if all could be read, whatever it is; else says what could not,
 * and returns the exit status.
 */
int leg_read(const char *what, const char *path, struct leg *leg)
{
	struct leg_file file = { .what = what };
	int ret;

	memset(leg, 0, sizeof(*leg));
	file.fd = leg_open(what, path, &leg->device_bytes);
	if (file.fd < 0)
		return EXIT_FAILURE;
	file.buffer = aligned_alloc(DST_META_BLOCK_BYTES,
				    DST_META_BITMAP_MAX_BYTES);
	ret = file.buffer ? leg_read_supers(&file, leg) :
			    fail(what, NULL, "%s", error_text(ENOMEM));
	if (!ret && !leg->verdict)
		ret = leg_read_bitmap(&file, leg);
	free(file.buffer);
	close(file.fd);
	return ret;
}

/* What is wrong with it; NULL if nothing is. */
const char *leg_why(const struct leg *leg)
{
	if (leg->verdict)
		return dst_meta_verdict_text(leg->verdict);
	if (leg->stray)
		return "the bitmap has bits set behind the end of the data";
	return NULL;
}

/* What to do about it. */
const char *leg_todo(const struct leg *leg)
{
	switch (leg->verdict) {
	case DST_META_OK:
		return "Have it rebuilt from another leg";
	case DST_META_BLANK:
		return "If this is the right disk, have it made a leg again";
	case DST_META_FOREIGN:
		return "See with wipefs(8) what is there before it is made a leg";
	case DST_META_NEWER:
		return "Use the DST that wrote it, and let nothing older write to it";
	case DST_META_PLACE:
		return "If it was resized, give it its old size back; else have it rebuilt";
	case DST_META_MIXED:
		return "A 'mirror create' was interrupted here: do it again with --force";
	default:
		return "Keep it until the mirror runs on other legs, then have it rebuilt";
	}
}
