// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: what comes up in which order, and goes down in the reverse one.
 */
#include <linux/module.h>

#include "dst.h"

#define CREATE_TRACE_POINTS
#include "dst_trace.h"

struct workqueue_struct *dst_wq;
struct workqueue_struct *dst_join_wq;
struct workqueue_struct *dst_leg_wq;
struct workqueue_struct *dst_revive_wq;
struct workqueue_struct *dst_event_wq;
struct workqueue_struct *dst_io_wq;

static void dst_core_destroy_queues(void)
{
	struct workqueue_struct *queues[] = {
		dst_io_wq, dst_event_wq, dst_revive_wq, dst_leg_wq, dst_join_wq,
		dst_wq,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(queues); i++)
		if (queues[i])
			destroy_workqueue(queues[i]);
}

static int __init dst_core_init_queues(void)
{
	dst_wq = alloc_workqueue("dst", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	dst_join_wq = alloc_workqueue("dst_join", WQ_UNBOUND | WQ_MEM_RECLAIM,
				      WQ_MAX_ACTIVE);
	dst_leg_wq = alloc_workqueue("dst_leg", WQ_UNBOUND | WQ_MEM_RECLAIM,
				     WQ_MAX_ACTIVE);
	dst_revive_wq = alloc_workqueue("dst_revive",
					WQ_UNBOUND | WQ_MEM_RECLAIM,
					WQ_MAX_ACTIVE);
	dst_event_wq = alloc_workqueue("dst_event", WQ_UNBOUND, 0);
	dst_io_wq = alloc_workqueue("dst_io",
				    WQ_HIGHPRI | WQ_MEM_RECLAIM | WQ_PERCPU, 0);
	if (dst_wq && dst_join_wq && dst_leg_wq && dst_revive_wq &&
	    dst_event_wq && dst_io_wq)
		return 0;
	dst_core_destroy_queues();
	return -ENOMEM;
}

static int __init dst_core_init(void)
{
	int ret = dst_core_init_queues();

	if (ret)
		return ret;
	ret = dst_pages_module_init();
	if (ret)
		goto err_destroy_queues;
	ret = dst_conn_module_init();
	if (ret)
		goto err_exit_pages;
	ret = dst_trans_module_init();
	if (ret)
		goto err_exit_conn;
	ret = dst_disk_module_init();
	if (ret)
		goto err_exit_trans;
	ret = dst_export_module_init();
	if (ret)
		goto err_exit_disk;
	dst_sysfs_module_init();
	ret = dst_control_module_init();
	if (ret)
		goto err_exit_sysfs;
	return 0;

err_exit_sysfs:
	dst_sysfs_module_exit();
	dst_export_module_exit();
err_exit_disk:
	dst_disk_module_exit();
err_exit_trans:
	dst_trans_module_exit();
err_exit_conn:
	dst_conn_module_exit();
err_exit_pages:
	dst_pages_module_exit();
err_destroy_queues:
	dst_core_destroy_queues();
	return ret;
}

static void __exit dst_core_exit(void)
{
	dst_control_module_exit();
	/* devices first: an export of this kernel may serve one of them */
	dst_unit_module_exit();
	dst_export_module_exit();
	dst_sysfs_module_exit();
	dst_disk_module_exit();
	dst_trans_module_exit();
	dst_conn_module_exit();
	dst_pages_module_exit();
	dst_core_destroy_queues();
}

module_init(dst_core_init);
module_exit(dst_core_exit);

MODULE_DESCRIPTION("DST: distributed storage over TCP, client and export target");
MODULE_LICENSE("GPL");
MODULE_VERSION(DST_MODULE_VERSION);
MODULE_SOFTDEP("pre: crc32c");
