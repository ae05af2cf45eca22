// SPDX-License-Identifier: GPL-2.0-only
/*
 * An export whose disk has gone (pulled out, taken away by its bus), and what
 * happens when it is back.
 *
 * No request that failed because of that is answered: the connections are
 * ended, the clients are told to come again, and hold their I/O. Since drivers
 * fail requests for a while before they say that the disk has gone, errors that
 * may be of that kind are kept for a moment, to see.
 *
 * Once nothing refers to the disk it is let go of, so that it can come back
 * under its name. Then it is looked for by its path, and known by the
 * identity that it tells: writing to another one would be worse than waiting.
 * What it had in its cache when it went may be lost: the export gets a new boot
 * id, and the clients write that again.
 */
#include <linux/blkdev.h>
#include <linux/sched/mm.h>

#include "dst_target.h"

/* How long after an error a disk may be seen to have gone. */
#define DST_REVIVE_DOUBT_MS		500
/* A disk that had an error and stayed: for so long, errors are just errors. */
#define DST_REVIVE_SURE_MS		10000
/* Don't open a disk that is another one over and over: others want it. */
#define DST_REVIVE_OTHER_MS		10000

/* ---- requests that failed ------------------------------------------------ */

/**
 * dst_revive_doubts - may a request have failed because the disk goes?
 * @req: failed, its status is set
 *
 * If so it is kept, and dst_target_done() is called for it within about a
 * second. Not again for some time after a disk was found to be there still:
 * a client that gives up earlier would ask, and wait, for ever.
 *
 * Context: any.
 * Return: true if it is kept.
 */
bool dst_revive_doubts(struct dst_request *req)
{
	struct dst_export *export = req->target->export;

	if (export->backend.is_file || dst_target_is_dead(req->target))
		return false;
	if (req->status != DST_PROTO_ST_IOERR &&
	    req->status != DST_PROTO_ST_OFFLINE &&
	    req->status != DST_PROTO_ST_TIMEOUT)
		return false;
	/* pairs with the WRITE_ONCE() in dst_revive_settle() */
	if (time_before(jiffies, READ_ONCE(export->sure_until)))
		return false;
	req->failed = jiffies;
	if (llist_add(&req->done, &export->doubtful))
		mod_delayed_work(dst_wq, &export->tick,
				 msecs_to_jiffies(DST_REVIVE_DOUBT_MS));
	return true;
}

/* Let go of what has been kept for long enough. */
static void dst_revive_settle(struct dst_export *export, bool gone)
{
	unsigned long wait = msecs_to_jiffies(DST_REVIVE_DOUBT_MS);
	struct llist_node *list = llist_del_all(&export->doubtful);
	struct dst_request *req, *next;

	llist_for_each_entry_safe(req, next, list, done) {
		if (!gone && !dst_target_is_dead(req->target) &&
		    time_before(jiffies, req->failed + wait)) {
			llist_add(&req->done, &export->doubtful);
			continue;
		}
		/* before it is done: then it is not answered any more */
		if (gone)
			dst_target_set(req->target, DST_TARGET_DEAD);
		else
			WRITE_ONCE(export->sure_until, jiffies +
				   msecs_to_jiffies(DST_REVIVE_SURE_MS));
		dst_target_done(req);
	}
}

/* ---- the disk -------------------------------------------------------------- */

/* Say why the export is not there, once whenever that changes. */
static void dst_revive_explain(struct dst_export *export, const char *why)
{
	bool news;

	spin_lock(&export->lock);
	news = strcmp(export->gone_why, why);
	strscpy(export->gone_why, why, sizeof(export->gone_why));
	spin_unlock(&export->lock);
	if (news)
		pr_warn("export %s: offline: %s\n", export->name, why);
}

static bool dst_revive_is_same(struct dst_export *export)
{
	u64 size_bytes = dst_backend_size(&export->backend);
	struct dst_backend_id id;
	bool same;

	dst_backend_identify(&export->backend, &id);
	spin_lock(&export->lock);
	same = !memcmp(&id, &export->disk_id, sizeof(id)) &&
	       size_bytes == export->size_bytes;
	spin_unlock(&export->lock);
	return same;
}

/* What is said of a disk that is not there. */
static void dst_revive_format_gone(const struct dst_export *export, char *why,
				   size_t len)
{
	snprintf(why, len, export->disk_id.len ?
		 "%.100s has gone; clients wait until it is back" :
		 "%.100s has gone, and tells nothing to know it by: when it is back, remove the export and add it again",
		 export->path);
}

static bool dst_revive_is_absent(int ret)
{
	return ret == -ENOENT || ret == -ENXIO || ret == -ENODEV ||
	       ret == -ENOMEDIUM;
}

/*
 * Open what is at the path now. The path is looked up from the root that init
 * has, as a worker has no other that all kernels agree on.
 * Return: 0 if it is a disk that may be ours.
 */
static int dst_revive_try(struct dst_export *export)
{
	char reason[DST_IOC_REASON_LEN] = "", why[DST_IOC_REASON_LEN];
	int ret = -ENOENT;

	scoped_with_init_fs()
		ret = dst_backend_open(&export->backend, export->path,
				       export->read_only, reason);
	if (!ret && dst_backend_is_gone(&export->backend)) {
		dst_backend_close(&export->backend);
		ret = -ENODEV;
	}
	if (!ret)
		return 0;
	if (dst_revive_is_absent(ret))
		dst_revive_format_gone(export, why, sizeof(why));
	else if (reason[0])
		snprintf(why, sizeof(why),
			 "%.80s is back, but can't be used: %.70s",
			 export->path, reason);
	else
		snprintf(why, sizeof(why),
			 "%.80s is back, but can't be used: error %d",
			 export->path, ret);
	dst_revive_explain(export, why);
	return ret;
}

/* Return: true if the disk is there again. */
static bool dst_revive_open(struct dst_export *export)
{
	if (!export->disk_id.len ||
	    time_before(jiffies, export->revive_after) ||
	    dst_revive_try(export))
		return false;
	if (dst_revive_is_same(export))
		return true;
	export->revive_after = jiffies + msecs_to_jiffies(DST_REVIVE_OTHER_MS);
	dst_backend_close(&export->backend);
	dst_revive_explain(export,
			   "the disk has gone, and what is there now is another: if it is the right one, remove the export and add it again");
	return false;
}

/*
 * Return: true if the disk is to be looked for. The module and the export stay
 * until that is done: opening may hang with the disk.
 */
static bool dst_revive_enter(struct dst_export *export)
{
	bool wanted;

	if (!try_module_get(THIS_MODULE))
		return false;
	spin_lock(&export->lock);
	/* it may have been queued once more while it ran */
	wanted = export->gone && !export->removing &&
		 list_empty(&export->targets);
	export->reviving = wanted;
	spin_unlock(&export->lock);
	if (!wanted)
		module_put(THIS_MODULE);
	return wanted;
}

static void dst_revive_leave(struct dst_export *export, bool found)
{
	spin_lock(&export->lock);
	if (found) {
		generate_random_uuid(export->boot_id.b);
		export->gone = false;
	}
	export->reviving = false;
	spin_unlock(&export->lock);
	wake_up_all(&export->drained);
	if (found)
		pr_info("export %s: online: %s is back\n", export->name,
			export->path);
	module_put(THIS_MODULE);
}

/**
 * dst_revive_work - let go of a disk that has gone, or look for it
 * @work: export->revive; its tick queues it
 *
 * Nobody else looks at the backend: the last target has left, and none is let
 * in until this says so.
 */
void dst_revive_work(struct work_struct *work)
{
	struct dst_export *export = container_of(work, struct dst_export,
						 revive);
	unsigned int noio;
	bool found;

	if (!dst_revive_enter(export))
		return;
	/* memory may be waiting for what only this disk can store */
	noio = memalloc_noio_save();
	/* one of them may still be on its way out of submit_bio() */
	flush_workqueue(export->workers);
	dst_backend_close(&export->backend);
	found = dst_revive_open(export);
	memalloc_noio_restore(noio);
	dst_revive_leave(export, found);
}

static void dst_revive_begin(struct dst_export *export)
{
	lockdep_assert_held(&export->lock);
	export->gone = true;
	export->revive_after = jiffies;
	dst_revive_format_gone(export, export->gone_why,
			       sizeof(export->gone_why));
	dst_export_kill_targets(export);
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
	if (!was_gone && dst_backend_is_gone(&export->backend))
		dst_revive_begin(export);
	gone = export->gone;
	idle = list_empty(&export->targets);
	spin_unlock(&export->lock);
	dst_revive_settle(export, gone);
	if (gone && !was_gone)
		pr_err("export %s: offline: %s has gone\n", export->name,
		       export->path);
	if (gone && idle)
		queue_work(dst_revive_wq, &export->revive);
	return gone;
}
