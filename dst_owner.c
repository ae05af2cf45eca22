// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who writes to an export, remembered over a restart of the server.
 *
 * A client that was fenced out may come back with writes to send again after
 * the server has forgotten all sessions. So the last owner is kept in a file
 * that userspace names when it adds the export. It is on stable storage before
 * the owner is told that it may write. Two copies take turns, so that one that
 * is torn leaves the other; the newer one with a good checksum counts.
 */
#include <linux/crc32c.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/sched/mm.h>

#include "dst_target.h"

#define DST_OWNER_MAGIC		0x4f545344	/* "DSTO" */
#define DST_OWNER_VERSION	1
#define DST_OWNER_COPIES	2

struct dst_owner_record {
	__le32	magic;
	__le32	version;
	__le64	number;		/* of the change; the greater one is newer */
	__u8	export_uuid[DST_PROTO_UUID_LEN];
	__u8	initiator[DST_PROTO_UUID_LEN];
	__u8	device[DST_PROTO_UUID_LEN];
	__le64	epoch;
	__le32	held;		/* 1 until it says bye */
	__le32	reserved;
	char	host[DST_PROTO_TEXT_LEN];
	__u8	reserved1[360];
	__le32	zero;
	__le32	crc;		/* crc32c of all before */
};

static_assert(sizeof(struct dst_owner_record) == 512);

static u32 dst_owner_crc(const struct dst_owner_record *r)
{
	return ~crc32c(~0U, r, offsetof(struct dst_owner_record, crc));
}

static bool dst_owner_is_good(const struct dst_export *export,
			      const struct dst_owner_record *r)
{
	return le32_to_cpu(r->magic) == DST_OWNER_MAGIC &&
	       le32_to_cpu(r->version) == DST_OWNER_VERSION &&
	       le32_to_cpu(r->crc) == dst_owner_crc(r) &&
	       !memcmp(r->export_uuid, &export->uuid, sizeof(r->export_uuid));
}

static void dst_owner_take(struct dst_owner *owner,
			   const struct dst_owner_record *r)
{
	owner->known = true;
	owner->held = le32_to_cpu(r->held);
	owner->number = le64_to_cpu(r->number);
	owner->stored = owner->number;
	owner->epoch = le64_to_cpu(r->epoch);
	memcpy(owner->initiator, r->initiator, sizeof(owner->initiator));
	memcpy(owner->device, r->device, sizeof(owner->device));
	strscpy(owner->host, r->host, sizeof(owner->host));
}

static int dst_owner_load(struct dst_export *export)
{
	struct dst_owner *owner = &export->owner;
	struct dst_owner_record r;
	unsigned int i;
	ssize_t ret;

	for (i = 0; i < DST_OWNER_COPIES; i++) {
		loff_t pos = i * sizeof(r);

		ret = kernel_read(owner->file, &r, sizeof(r), &pos);
		if (ret < 0)
			return ret;
		if (ret == sizeof(r) && dst_owner_is_good(export, &r) &&
		    le64_to_cpu(r.number) >= owner->number)
			dst_owner_take(owner, &r);
	}
	return 0;
}

/**
 * dst_owner_open - find out who had an export last
 * @export: new, with its uuid
 * @path: of the file, made if there is none; empty: nothing is remembered
 * @reason: DST_IOC_REASON_LEN bytes, filled on failure
 *
 * Context: process, with the rights of the caller.
 * Return: 0 or a negative errno.
 */
int dst_owner_open(struct dst_export *export, const char *path, char *reason)
{
	struct dst_owner *owner = &export->owner;
	int ret;

	mutex_init(&owner->mutex);
	if (!path[0])
		return 0;
	owner->file = filp_open(path, O_RDWR | O_CREAT | O_LARGEFILE, 0600);
	if (IS_ERR(owner->file)) {
		ret = PTR_ERR(owner->file);
		owner->file = NULL;
	} else {
		ret = dst_owner_load(export);
	}
	if (ret && ret != -ENOMEM)
		snprintf(reason, DST_IOC_REASON_LEN,
			 "the owner can't be kept in %.120s", path);
	return ret;
}

/**
 * dst_owner_close - undo dst_owner_open()
 * @export: has no targets any more
 */
void dst_owner_close(struct dst_export *export)
{
	if (export->owner.file)
		filp_close(export->owner.file, NULL);
	mutex_destroy(&export->owner.mutex);
}

static void dst_owner_fill(struct dst_export *export,
			   struct dst_owner_record *r)
{
	const struct dst_owner *owner = &export->owner;

	lockdep_assert_held(&export->lock);
	memset(r, 0, sizeof(*r));
	r->magic = cpu_to_le32(DST_OWNER_MAGIC);
	r->version = cpu_to_le32(DST_OWNER_VERSION);
	r->number = cpu_to_le64(owner->number);
	export_uuid(r->export_uuid, &export->uuid);
	memcpy(r->initiator, owner->initiator, sizeof(r->initiator));
	memcpy(r->device, owner->device, sizeof(r->device));
	r->epoch = cpu_to_le64(owner->epoch);
	r->held = cpu_to_le32(owner->held);
	memcpy(r->host, owner->host, sizeof(r->host));
	r->crc = cpu_to_le32(dst_owner_crc(r));
}

static int dst_owner_write(struct file *file, const struct dst_owner_record *r)
{
	loff_t pos = le64_to_cpu(r->number) % DST_OWNER_COPIES * sizeof(*r);
	ssize_t ret = kernel_write(file, r, sizeof(*r), &pos);

	if (ret >= 0 && ret != sizeof(*r))
		ret = -EIO;
	return ret < 0 ? ret : vfs_fsync(file, 0);
}

/**
 * dst_owner_store - put on stable storage who has the export
 * @export: export
 *
 * If that fails, the export goes on: what is lost is only that a client which
 * was fenced out is known after a restart.
 *
 * Context: process, sleeps; under no spinlock.
 */
void dst_owner_store(struct dst_export *export)
{
	struct dst_owner *owner = &export->owner;
	struct dst_owner_record r;
	int ret;

	if (!owner->file)
		return;
	mutex_lock(&owner->mutex);
	spin_lock(&export->lock);
	dst_owner_fill(export, &r);
	spin_unlock(&export->lock);
	if (le64_to_cpu(r.number) != owner->stored) {
		ret = dst_owner_write(owner->file, &r);
		if (ret)
			pr_warn_ratelimited("export %s: its owner could not be written (error %d): a client that is fenced out now may come back after a restart of this server\n",
					    export->name, ret);
		else
			owner->stored = le64_to_cpu(r.number);
	}
	mutex_unlock(&owner->mutex);
}

/**
 * dst_owner_set - a session has the export for writing from now on
 * @export: its lock is held
 * @s: session
 */
void dst_owner_set(struct dst_export *export, const struct dst_session *s)
{
	struct dst_owner *owner = &export->owner;

	lockdep_assert_held(&export->lock);
	if (owner->known && owner->held && owner->epoch == s->epoch &&
	    dst_owner_is(export, s->initiator, s->device))
		return;
	owner->known = true;
	owner->held = true;
	owner->number++;
	owner->epoch = s->epoch;
	memcpy(owner->initiator, s->initiator, sizeof(owner->initiator));
	memcpy(owner->device, s->device, sizeof(owner->device));
	memcpy(owner->host, s->host, sizeof(owner->host));
}

/**
 * dst_owner_clear - a session has ended: others may have the export
 * @export: its lock is held
 * @s: session
 */
void dst_owner_clear(struct dst_export *export, const struct dst_session *s)
{
	struct dst_owner *owner = &export->owner;

	lockdep_assert_held(&export->lock);
	if (!owner->held || owner->epoch != s->epoch ||
	    !dst_owner_is(export, s->initiator, s->device))
		return;
	owner->held = false;
	owner->number++;
}

/**
 * dst_owner_is - was this the last one that had the export for writing?
 * @export: its lock is held
 * @initiator: UUID of the client
 * @device: UUID of its device
 */
bool dst_owner_is(const struct dst_export *export, const u8 *initiator,
		  const u8 *device)
{
	const struct dst_owner *owner = &export->owner;

	return !memcmp(owner->initiator, initiator, sizeof(owner->initiator)) &&
	       !memcmp(owner->device, device, sizeof(owner->device));
}
