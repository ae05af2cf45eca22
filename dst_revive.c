// SPDX-License-Identifier: GPL-2.0-only
/*
 * An export whose disk has gone (pulled out, taken away by its bus), and what
 * happens when it is back.
 *
 * No request that failed because of that is answered: the connections are
 * ended, the clients are told to come again, and hold their I/O. Once nothing
 * refers to the disk it is let go of, so that it can come back under its name.
 * Then it is looked for by its path. What it had in its cache when it went may
 * be lost: the export gets a new boot id, and the clients write that again.
 */
#include "dst_target.h"

/* A disk that seems to be another one is not written to. */
static bool dst_revive_is_same(struct dst_export *export)
{
	u64 size_bytes = dst_backend_size(&export->backend);
	bool same;

	spin_lock(&export->lock);
	same = !export->backend.is_file && size_bytes == export->size_bytes;
	if (!same)
		snprintf(export->gone_why, sizeof(export->gone_why),
			 "the disk has gone, and what is there now is another (%llu bytes): if it is the right one, remove the export and add it again",
			 size_bytes);
	spin_unlock(&export->lock);
	return same;
}

/* Return: true if the disk is there again. */
static bool dst_revive_open(struct dst_export *export)
{
	char reason[DST_IOC_REASON_LEN];

	if (dst_backend_open(&export->backend, export->path, export->read_only,
			     reason))
		return false;
	if (!dst_backend_is_gone(&export->backend) &&
	    dst_revive_is_same(export))
		return true;
	dst_backend_close(&export->backend);
	return false;
}

/**
 * dst_revive_work - let go of a disk that has gone, or look for it
 * @work: export->revive; its tick queues it
 *
 * Nobody else looks at the backend: the last target has left, and none is let
 * in.
 */
void dst_revive_work(struct work_struct *work)
{
	struct dst_export *export = container_of(work, struct dst_export,
						 revive);

	/* one of them may still be on its way out of submit_bio() */
	flush_workqueue(export->workers);
	dst_backend_close(&export->backend);
	if (!dst_revive_open(export))
		return;
	spin_lock(&export->lock);
	generate_random_uuid(export->boot_id.b);
	export->gone = false;
	spin_unlock(&export->lock);
	pr_info("export %s: online: %s is back\n", export->name, export->path);
}

/**
 * dst_revive_check - has the disk of an export gone?
 * @export: export
 *
 * Context: its tick.
 * Return: true if so; then the backend must not be looked at.
 */
bool dst_revive_check(struct dst_export *export)
{
	bool was_gone, gone, idle;

	spin_lock(&export->lock);
	was_gone = export->gone;
	if (!was_gone && dst_backend_is_gone(&export->backend)) {
		export->gone = true;
		snprintf(export->gone_why, sizeof(export->gone_why),
			 "%.120s has gone; clients wait until it is back",
			 export->path);
		dst_export_kill_targets(export);
	}
	gone = export->gone;
	idle = list_empty(&export->targets);
	spin_unlock(&export->lock);
	if (gone && !was_gone)
		pr_err("export %s: offline: %s has gone; clients wait until it is back\n",
		       export->name, export->path);
	if (gone && idle)
		queue_work(dst_join_wq, &export->revive);
	return gone;
}
