// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: named backends, who may use them, and within which limits.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "dst_target.h"

#define DST_EXPORT_WORKERS		8
#define DST_EXPORT_WORKERS_MAX		512
#define DST_EXPORT_CLIENTS		64
#define DST_EXPORT_CLIENTS_MAX		1024
#define DST_EXPORT_MEM_BYTES		(256ULL << 20)
#define DST_EXPORT_MEM_MIN_BYTES	DST_PROTO_MAX_TRANSFER_BYTES
/* Pages and requests that are there even when no memory is. */
#define DST_EXPORT_POOL_PAGES		(DST_PROTO_MAX_TRANSFER_BYTES / PAGE_SIZE)
#define DST_EXPORT_POOL_VECS		4
#define DST_EXPORT_TICK_MS		500
/* How long a removal waits for requests in the backend. */
#define DST_EXPORT_DRAIN_MS		3000

static LIST_HEAD(dst_exports);
/* Protects dst_exports and the portals. Nothing is waited for under it. */
static DEFINE_MUTEX(dst_exports_mutex);
static u32 dst_export_next_number;

/* ---- who may use it ---------------------------------------------------- */

static bool dst_export_addr_matches(const struct dst_ioc_allow *a,
				    const struct dst_ioc_addr *addr)
{
	return a->addr.family == addr->family &&
	       dst_wire_prefix_match(addr->addr, a->addr.addr, a->prefix_len);
}

/**
 * dst_export_allows - does the allow-list let a peer in?
 * @export: export
 * @peer: client
 * @rw: may it write? The most specific entry that matches decides.
 */
bool dst_export_allows(struct dst_export *export, const struct dst_peer *peer,
		       bool *rw)
{
	const struct dst_ioc_allow *best = NULL;
	u32 i;

	spin_lock(&export->lock);
	for (i = 0; i < export->nr_allows; i++) {
		const struct dst_ioc_allow *a = &export->allow[i];

		if (dst_export_addr_matches(a, &peer->addr) &&
		    (!best || a->prefix_len > best->prefix_len))
			best = a;
	}
	*rw = best && best->flags & DST_IOC_ALLOW_RW && !export->read_only;
	spin_unlock(&export->lock);
	return best;
}

static bool dst_export_is_at(const struct dst_export *export,
			     const struct dst_portal *portal)
{
	unsigned int i;

	for (i = 0; i < export->nr_portals; i++)
		if (export->portals[i] == portal)
			return true;
	return false;
}

/**
 * dst_export_anything_for - may a peer use any export of a portal?
 * @portal: where it arrived
 * @peer: client
 *
 * Context: process; takes dst_exports_mutex.
 */
bool dst_export_anything_for(const struct dst_portal *portal,
			     const struct dst_peer *peer)
{
	struct dst_export *export;
	bool found = false, rw;

	mutex_lock(&dst_exports_mutex);
	list_for_each_entry(export, &dst_exports, entry)
		if (dst_export_is_at(export, portal) &&
		    dst_export_allows(export, peer, &rw))
			found = true;
	mutex_unlock(&dst_exports_mutex);
	return found;
}

static struct dst_export *dst_export_lookup(const char *name)
{
	struct dst_export *export;

	lockdep_assert_held(&dst_exports_mutex);
	list_for_each_entry(export, &dst_exports, entry)
		if (!strcmp(export->name, name))
			return export;
	return NULL;
}

/**
 * dst_export_find - find what a client asks for
 * @portal: where it arrived
 * @name: of the export
 *
 * Context: process; takes dst_exports_mutex.
 * Return: the export with a reference, or NULL.
 */
struct dst_export *dst_export_find(const struct dst_portal *portal,
				   const char *name)
{
	struct dst_export *export;

	mutex_lock(&dst_exports_mutex);
	export = dst_export_lookup(name);
	if (export && dst_export_is_at(export, portal))
		kref_get(&export->ref);
	else
		export = NULL;
	mutex_unlock(&dst_exports_mutex);
	return export;
}

static void dst_export_release(struct kref *ref)
{
	struct dst_export *export = container_of(ref, struct dst_export, ref);

	dst_session_free_all(export);
	if (export->workers)
		destroy_workqueue(export->workers);
	mempool_exit(&export->pages);
	mempool_exit(&export->vecs);
	mempool_exit(&export->requests);
	dst_owner_close(export);
	dst_backend_close(&export->backend);
	dst_conn_drop_reserves();
	kfree(export);
}

/**
 * dst_export_put - drop a reference
 * @export: export; may be gone afterwards
 *
 * Context: process, may sleep.
 */
void dst_export_put(struct dst_export *export)
{
	kref_put(&export->ref, dst_export_release);
}

/* ---- watching the backend ---------------------------------------------- */

static unsigned int dst_export_oldest_ms(struct dst_export *export)
{
	struct dst_target *target;
	unsigned int oldest = 0;

	lockdep_assert_held(&export->lock);
	list_for_each_entry(target, &export->targets, entry)
		oldest = max(oldest, dst_target_oldest_ms(target));
	return oldest;
}

/*
 * The bios of a stuck disk can't be taken back, so the module must not go
 * while they are out: rmmod then says that it is in use, and we say why.
 */
static void dst_export_pin(struct dst_export *export, unsigned int oldest_ms)
{
	if (!export->pinned && oldest_ms >= DST_EXPORT_DRAIN_MS) {
		if (!try_module_get(THIS_MODULE))
			return;
		export->pinned = true;
		pr_warn("export %s: %s has not answered for %u s; rmmod has to wait for it\n",
			export->name, export->path, oldest_ms / 1000);
	} else if (export->pinned && oldest_ms < DST_EXPORT_DRAIN_MS) {
		export->pinned = false;
		module_put(THIS_MODULE);
	}
}

static void dst_export_tick(struct work_struct *work)
{
	struct dst_export *export = container_of(to_delayed_work(work),
						 struct dst_export, tick);
	struct dst_target *target;
	unsigned int oldest_ms;
	u64 size_bytes = 0;

	if (!dst_revive_check(export))
		size_bytes = dst_backend_size(&export->backend);
	spin_lock(&export->lock);
	if (size_bytes && size_bytes != export->size_bytes) {
		pr_info("export %s: size is now %llu bytes\n", export->name,
			size_bytes);
		WRITE_ONCE(export->size_bytes, size_bytes);
		list_for_each_entry(target, &export->targets, entry)
			dst_target_set(target, DST_TARGET_RESIZED);
	}
	oldest_ms = dst_export_oldest_ms(export);
	spin_unlock(&export->lock);
	dst_export_pin(export, oldest_ms);
	queue_delayed_work(dst_wq, &export->tick,
			   msecs_to_jiffies(DST_EXPORT_TICK_MS));
}

/* ---- adding ------------------------------------------------------------ */

static int dst_export_check(const struct dst_ioc_export_add *arg, char *reason)
{
	if (arg->workers > DST_EXPORT_WORKERS_MAX ||
	    arg->max_clients > DST_EXPORT_CLIENTS_MAX) {
		snprintf(reason, DST_IOC_REASON_LEN,
			 "at most %u workers and %u clients",
			 DST_EXPORT_WORKERS_MAX, DST_EXPORT_CLIENTS_MAX);
		return -ERANGE;
	}
	if (arg->mem_limit_bytes &&
	    arg->mem_limit_bytes < DST_EXPORT_MEM_MIN_BYTES) {
		strscpy(reason, "the memory limit is below 1M, too little for one request",
			DST_IOC_REASON_LEN);
		return -ERANGE;
	}
	return 0;
}

static void dst_export_default_allows(struct dst_export *export)
{
	struct dst_ioc_allow *a = export->allow;

	a[0].addr.family = DST_IOC_ADDR_INET;
	a[0].addr.addr[0] = 127;
	a[0].prefix_len = 8;
	a[0].flags = DST_IOC_ALLOW_RW;
	a[1].addr.family = DST_IOC_ADDR_INET6;
	a[1].addr.addr[15] = 1;
	a[1].prefix_len = 128;
	a[1].flags = DST_IOC_ALLOW_RW;
	export->nr_allows = 2;
}

static void dst_export_read_arg(struct dst_export *export,
				const struct dst_ioc_export_add *arg)
{
	strscpy(export->name, arg->name, sizeof(export->name));
	strscpy(export->path, arg->path, sizeof(export->path));
	import_uuid(&export->uuid, arg->uuid);
	generate_random_uuid(export->boot_id.b);
	export->read_only = arg->head.flags & DST_IOC_EXPORT_READ_ONLY;
	export->shared = arg->head.flags & DST_IOC_EXPORT_SHARED;
	export->nr_workers = arg->workers ?: DST_EXPORT_WORKERS;
	export->max_clients = arg->max_clients ?: DST_EXPORT_CLIENTS;
	export->mem_limit_bytes = arg->mem_limit_bytes ?: DST_EXPORT_MEM_BYTES;
	export->nr_allows = arg->nr_allows;
	memcpy(export->allow, arg->allow, sizeof(export->allow));
	if (!export->nr_allows)
		dst_export_default_allows(export);
}

static void *dst_export_get_page(gfp_t gfp, void *unused)
{
	return dst_pages_get(gfp);
}

static void dst_export_put_page(void *page, void *unused)
{
	dst_pages_put(page);
}

static int dst_export_init_pools(struct dst_export *export)
{
	int ret;

	ret = dst_target_init_pool(&export->requests);
	if (ret)
		return ret;
	ret = mempool_init_kmalloc_pool(&export->vecs, DST_EXPORT_POOL_VECS,
					DST_REQUEST_MAX_VECS *
					sizeof(struct bio_vec));
	if (ret)
		return ret;
	ret = mempool_init(&export->pages, DST_EXPORT_POOL_PAGES,
			   dst_export_get_page, dst_export_put_page, NULL);
	if (ret)
		return ret;
	export->workers = alloc_workqueue("dst-%s",
					  WQ_UNBOUND | WQ_MEM_RECLAIM,
					  export->nr_workers, export->name);
	return export->workers ? 0 : -ENOMEM;
}

static struct dst_export *dst_export_create(struct dst_ioc_export_add *arg,
					    int *err)
{
	struct dst_export *export = kzalloc(sizeof(*export), GFP_KERNEL);

	*err = -ENOMEM;
	if (!export)
		return NULL;
	kref_init(&export->ref);
	spin_lock_init(&export->lock);
	INIT_LIST_HEAD(&export->sessions);
	INIT_LIST_HEAD(&export->targets);
	init_waitqueue_head(&export->drained);
	INIT_DELAYED_WORK(&export->tick, dst_export_tick);
	INIT_WORK(&export->revive, dst_revive_work);
	export->full_until = jiffies;
	export->sure_until = jiffies;
	dst_conn_hold_reserves();
	dst_export_read_arg(export, arg);
	*err = dst_backend_open(&export->backend, export->path,
				export->read_only, arg->reason);
	if (*err) {
		dst_conn_drop_reserves();
		kfree(export);
		return NULL;
	}
	dst_backend_identify(&export->backend, &export->disk_id);
	export->size_bytes = dst_backend_size(&export->backend);
	*err = dst_owner_open(export, arg->owner_path, arg->reason);
	if (!*err)
		*err = dst_session_recall(export);
	if (!*err)
		*err = dst_export_init_pools(export);
	if (*err) {
		dst_export_put(export);
		return NULL;
	}
	return export;
}

static struct dst_portal *dst_export_unlisten_one(struct dst_export *export)
{
	struct dst_portal *portal;

	lockdep_assert_held(&dst_exports_mutex);
	portal = export->portals[--export->nr_portals];
	return dst_portal_put(portal) ? portal : NULL;
}

/* Take @export off the table; what is left to do without the mutex follows. */
static void dst_export_unlisten(struct dst_export *export, bool listed)
{
	struct dst_portal *gone[DST_IOC_LISTENS];
	unsigned int i, n = 0;

	mutex_lock(&dst_exports_mutex);
	while (export->nr_portals) {
		gone[n] = dst_export_unlisten_one(export);
		n += !!gone[n];
	}
	if (listed)
		list_del(&export->entry);
	mutex_unlock(&dst_exports_mutex);
	for (i = 0; i < n; i++)
		dst_portal_destroy(gone[i]);
}

static int dst_export_listen(struct dst_export *export,
			     const struct dst_ioc_export_add *arg,
			     struct net *net)
{
	static const struct dst_ioc_addr any = { .port = DST_PROTO_PORT };
	const struct dst_ioc_addr *addrs = arg->nr_listens ? arg->listen : &any;
	unsigned int i, n = arg->nr_listens ?: 1;
	int err = 0;

	lockdep_assert_held(&dst_exports_mutex);
	for (i = 0; i < n; i++) {
		struct dst_portal *portal = dst_portal_get(net, &addrs[i], &err);

		if (!portal)
			return err;
		export->portals[export->nr_portals++] = portal;
	}
	return 0;
}

/**
 * dst_export_add - offer a device or file to clients
 * @arg: checked for form only; reason is filled on failure
 * @net: network namespace of the caller
 *
 * Context: process, sleeps; opens the path with the rights of the caller.
 * Return: 0 or a negative errno; then nothing is left behind.
 */
int dst_export_add(struct dst_ioc_export_add *arg, struct net *net)
{
	struct dst_export *export;
	bool listed = false;
	int ret;

	ret = dst_export_check(arg, arg->reason);
	if (ret)
		return ret;
	export = dst_export_create(arg, &ret);
	if (!export)
		return ret;

	mutex_lock(&dst_exports_mutex);
	if (dst_export_lookup(export->name)) {
		strscpy(arg->reason, "there is an export of that name already",
			sizeof(arg->reason));
		ret = -EEXIST;
	} else {
		ret = dst_export_listen(export, arg, net);
		if (ret == -EADDRINUSE || ret == -EADDRNOTAVAIL)
			strscpy(arg->reason,
				"can't listen there: the address is taken or not of this machine",
				sizeof(arg->reason));
	}
	if (!ret) {
		export->number = dst_export_next_number++;
		list_add_tail(&export->entry, &dst_exports);
		listed = true;
		/* before anybody can remove it again */
		queue_delayed_work(dst_wq, &export->tick, 0);
		pr_info("export %s: online: %s, %llu bytes%s\n", export->name,
			export->path, export->size_bytes,
			export->read_only ? ", read-only" : "");
	}
	mutex_unlock(&dst_exports_mutex);
	if (!listed) {
		dst_export_unlisten(export, false);
		dst_export_put(export);
	}
	return ret;
}

/* ---- removing ---------------------------------------------------------- */

/**
 * dst_export_kill_targets - end all connections of an export
 * @export: export
 *
 * Context: export->lock held.
 */
void dst_export_kill_targets(struct dst_export *export)
{
	struct dst_target *target;

	lockdep_assert_held(&export->lock);
	list_for_each_entry(target, &export->targets, entry)
		dst_target_set(target, DST_TARGET_DEAD);
}

static bool dst_export_is_drained(struct dst_export *export)
{
	bool drained;

	spin_lock(&export->lock);
	drained = list_empty(&export->targets) && !export->reviving;
	spin_unlock(&export->lock);
	return drained;
}

static int dst_export_begin_removal(struct dst_export *export, bool force,
				    char *reason)
{
	unsigned int clients = dst_session_count(export);
	int ret = 0;

	spin_lock(&export->lock);
	if (export->removing) {
		ret = -EALREADY;
	} else if (clients && !force) {
		snprintf(reason, DST_IOC_REASON_LEN, "%u clients are using it",
			 clients);
		ret = -EBUSY;
	} else {
		export->removing = true;
		dst_export_kill_targets(export);
	}
	spin_unlock(&export->lock);
	return ret;
}

static void dst_export_destroy(struct dst_export *export)
{
	dst_export_unlisten(export, true);
	cancel_delayed_work_sync(&export->tick);
	cancel_work_sync(&export->revive);
	dst_export_pin(export, 0);
	/*
	 * Targets that have left are about to let go. The caller has one
	 * reference and the table's is the other: with the last one the
	 * backend is closed before the caller returns to userspace.
	 */
	dst_target_wait_export(export, 2);
	pr_info("export %s: removed\n", export->name);
	dst_export_put(export);
}

/**
 * dst_export_remove - offer it no more
 * @name: of the export
 * @force: though clients use it
 * @reason: DST_IOC_REASON_LEN bytes, filled on failure
 *
 * Context: process, sleeps for a few seconds at most.
 * Return: 0 or a negative errno; then the export goes on. -EBUSY also where
 * the backend does not give back requests that it has.
 */
int dst_export_remove(const char *name, bool force, char *reason)
{
	struct dst_export *export;
	int ret;

	mutex_lock(&dst_exports_mutex);
	export = dst_export_lookup(name);
	if (export)
		kref_get(&export->ref);
	mutex_unlock(&dst_exports_mutex);
	if (!export)
		return -ENOENT;
	ret = dst_export_begin_removal(export, force, reason);
	if (ret)
		goto out;
	if (wait_event_timeout(export->drained, dst_export_is_drained(export),
			       msecs_to_jiffies(DST_EXPORT_DRAIN_MS))) {
		dst_export_destroy(export);
		goto out;
	}
	spin_lock(&export->lock);
	export->removing = false;
	spin_unlock(&export->lock);
	snprintf(reason, DST_IOC_REASON_LEN,
		 "%.120s still holds requests and does not answer", export->path);
	ret = -EBUSY;
out:
	dst_export_put(export);
	return ret;
}

/* ---- settings and status ----------------------------------------------- */

/**
 * dst_export_set - change limits of an export, live
 * @arg: checked for form only
 *
 * Context: process, sleeps.
 * Return: 0 or a negative errno; then nothing has changed.
 */
int dst_export_set(struct dst_ioc_export_set *arg)
{
	const struct dst_ioc_export_add limits = {
		.workers = arg->workers,
		.max_clients = arg->max_clients,
		.mem_limit_bytes = arg->mem_limit_bytes,
	};
	struct dst_export *export;
	int ret = dst_export_check(&limits, arg->reason);

	if (ret)
		return ret;
	mutex_lock(&dst_exports_mutex);
	export = dst_export_lookup(arg->name);
	if (!export) {
		mutex_unlock(&dst_exports_mutex);
		return -ENOENT;
	}
	spin_lock(&export->lock);
	if (arg->mask & DST_IOC_EXPORT_SET_WORKERS)
		export->nr_workers = arg->workers ?: DST_EXPORT_WORKERS;
	if (arg->mask & DST_IOC_EXPORT_SET_MAX_CLIENTS)
		export->max_clients = arg->max_clients ?: DST_EXPORT_CLIENTS;
	if (arg->mask & DST_IOC_EXPORT_SET_MEM_LIMIT)
		export->mem_limit_bytes = arg->mem_limit_bytes ?:
					  DST_EXPORT_MEM_BYTES;
	if (arg->mask & DST_IOC_EXPORT_SET_ALLOW) {
		export->nr_allows = arg->nr_allows;
		memcpy(export->allow, arg->allow, sizeof(export->allow));
		/* who is not welcome any more finds out when it comes back */
		dst_export_kill_targets(export);
	}
	spin_unlock(&export->lock);
	if (arg->mask & DST_IOC_EXPORT_SET_WORKERS)
		workqueue_set_max_active(export->workers, export->nr_workers);
	mutex_unlock(&dst_exports_mutex);
	return 0;
}

/**
 * dst_export_add_counters - add the counters of a target to others
 * @sum: to add to
 * @c: of a target; may be changing
 */
void dst_export_add_counters(struct dst_ioc_counters *sum,
			     const struct dst_ioc_counters *c)
{
	sum->reads += c->reads;
	sum->writes += c->writes;
	sum->flushes += c->flushes;
	sum->discards += c->discards;
	sum->read_bytes += c->read_bytes;
	sum->write_bytes += c->write_bytes;
	sum->errors += c->errors;
	sum->refused += c->refused;
	sum->fenced += c->fenced;
	sum->malformed += c->malformed;
}

static void dst_export_fill(struct dst_export *export,
			    struct dst_ioc_export *out)
{
	struct dst_target *target;
	unsigned int i;

	out->index = export->number;
	out->export_flags = (export->read_only ? DST_IOC_EXPORT_READ_ONLY : 0) |
			    (export->shared ? DST_IOC_EXPORT_SHARED : 0);
	export_uuid(out->uuid, &export->uuid);
	memcpy(out->name, export->name, sizeof(out->name));
	memcpy(out->path, export->path, sizeof(out->path));
	out->nr_listens = export->nr_portals;
	for (i = 0; i < export->nr_portals; i++)
		out->listen[i] = export->portals[i]->addr;
	out->nr_clients = dst_session_count(export);

	spin_lock(&export->lock);
	export_uuid(out->boot_id, &export->boot_id);
	out->state = export->removing ? DST_IOC_EXPORT_REMOVING :
		     export->gone ? DST_IOC_EXPORT_OFFLINE :
				    DST_IOC_EXPORT_ONLINE;
	out->workers = export->nr_workers;
	out->max_clients = export->max_clients;
	out->size_bytes = export->size_bytes;
	out->mem_limit_bytes = export->mem_limit_bytes;
	out->nr_allows = export->nr_allows;
	memcpy(out->allow, export->allow, sizeof(out->allow));
	out->counters = export->counters;
	list_for_each_entry(target, &export->targets, entry) {
		dst_export_add_counters(&out->counters, &target->counters);
		out->mem_used_bytes += READ_ONCE(target->open_bytes);
	}
	if (export->gone)
		strscpy(out->why, export->gone_why, sizeof(out->why));
	else if (export->pinned)
		snprintf(out->why, sizeof(out->why),
			 "%.120s does not answer", export->path);
	spin_unlock(&export->lock);
}

static struct dst_export *dst_export_by_number(u32 number, bool next)
{
	struct dst_export *export;

	lockdep_assert_held(&dst_exports_mutex);
	list_for_each_entry(export, &dst_exports, entry)
		if (export->number == number ||
		    (next && export->number > number))
			return export;
	return NULL;
}

/**
 * dst_export_describe - all there is to know about an export
 * @out: index says which; filled but for its head
 * @next: or the first one after it
 *
 * Return: 0 or -ENOENT.
 */
int dst_export_describe(struct dst_ioc_export *out, bool next)
{
	struct dst_export *export;

	mutex_lock(&dst_exports_mutex);
	export = dst_export_by_number(out->index, next);
	if (export)
		dst_export_fill(export, out);
	mutex_unlock(&dst_exports_mutex);
	return export ? 0 : -ENOENT;
}

/**
 * dst_export_describe_client - all there is to know about a session
 * @out: export and client say which; filled but for its head
 * @next: or the first one after it
 *
 * Return: 0 or -ENOENT.
 */
int dst_export_describe_client(struct dst_ioc_client *out, bool next)
{
	struct dst_export *export;
	int ret = -ENOENT;

	mutex_lock(&dst_exports_mutex);
	export = dst_export_by_number(out->export, false);
	if (export)
		ret = dst_session_describe(export, out, next);
	mutex_unlock(&dst_exports_mutex);
	return ret;
}

/* ---- module ------------------------------------------------------------ */

/**
 * dst_export_module_init - set up what exports need
 *
 * Return: 0 or a negative errno.
 */
int dst_export_module_init(void)
{
	int ret = dst_hash_module_init();

	if (ret)
		return ret;
	ret = dst_target_module_init();
	if (ret)
		dst_hash_module_exit();
	return ret;
}

/**
 * dst_export_module_exit - remove all exports
 *
 * Context: module exit; no ioctl runs. A backend that holds requests had the
 * module pinned, so none does for long.
 */
void dst_export_module_exit(void)
{
	char reason[DST_IOC_REASON_LEN], name[DST_IOC_NAME_LEN];
	struct dst_export *export;

	for (;;) {
		mutex_lock(&dst_exports_mutex);
		export = list_first_entry_or_null(&dst_exports,
						  struct dst_export, entry);
		if (export)
			strscpy(name, export->name, sizeof(name));
		mutex_unlock(&dst_exports_mutex);
		if (!export)
			break;
		dst_export_remove(name, true, reason);
	}
	dst_target_wait_all_gone();
	flush_workqueue(dst_wq);
	rcu_barrier();
	dst_target_module_exit();
	dst_hash_module_exit();
}
