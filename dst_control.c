// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dst-control: what dst_ioctl.h says, checked.
 */
#include <linux/capability.h>
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dst_mirror.h"

/* A string of a caller: it ends, and nothing hides behind its end. */
static bool dst_control_is_text(const char *text, size_t len)
{
	size_t n = strnlen(text, len);

	return n < len && !memchr_inv(text + n, 0, len - n);
}

static bool dst_control_is_name(const char *name)
{
	const char *p;

	/* it becomes a name in /dev/disk/by-dst */
	if (!dst_control_is_text(name, DST_IOC_NAME_LEN) || !name[0] ||
	    !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (p = name; *p; p++)
		if (!isascii(*p) || (!isalnum(*p) && !strchr("._-", *p)))
			return false;
	return true;
}

static bool dst_control_is_addr(const struct dst_ioc_addr *addr)
{
	static const u8 zero[16];

	if (addr->family == DST_IOC_ADDR_INET6)
		return true;
	return addr->family == DST_IOC_ADDR_INET && !addr->scope_id &&
	       !memcmp(addr->addr + 4, zero, sizeof(addr->addr) - 4);
}

static int dst_control_version(void *arg)
{
	struct dst_ioc_version *v = arg;

	v->proto_min = DST_PROTO_VERSION_MIN;
	v->proto_max = DST_PROTO_VERSION_MAX;
	v->features = DST_PROTO_F_ALL;
	strscpy(v->module, DST_MODULE_VERSION, sizeof(v->module));
	return 0;
}

static int dst_control_attach(void *arg)
{
	struct dst_ioc_attach *a = arg;

	memset(a->reason, 0, sizeof(a->reason));
	if (!dst_control_is_name(a->export) || !dst_control_is_addr(&a->addr) ||
	    !dst_control_is_text(a->target, sizeof(a->target)) ||
	    !dst_control_is_text(a->host, sizeof(a->host)))
		return -EINVAL;
	return dst_device_attach(a, current->nsproxy->net_ns);
}

static int dst_control_mirror_attach(void *arg)
{
	struct dst_ioc_mirror_attach *a = arg;
	u32 i;

	memset(a->reason, 0, sizeof(a->reason));
	if (a->nr_legs > DST_IOC_LEGS ||
	    !dst_control_is_text(a->host, sizeof(a->host)) ||
	    memchr_inv(&a->leg[a->nr_legs], 0,
		       (DST_IOC_LEGS - a->nr_legs) * sizeof(a->leg[0])))
		return -EINVAL;
	for (i = 0; i < a->nr_legs; i++)
		if (!dst_control_is_name(a->leg[i].export) ||
		    !dst_control_is_addr(&a->leg[i].addr) ||
		    !dst_control_is_text(a->leg[i].target,
					 sizeof(a->leg[i].target)))
			return -EINVAL;
	return dst_mirror_attach(a, current->nsproxy->net_ns);
}

static int dst_control_leg_get(void *arg)
{
	struct dst_ioc_leg *l = arg;
	struct dst_ioc_head head = l->head;
	u32 index = l->index, leg = l->leg;
	struct dst_unit *unit;
	int ret;

	unit = dst_unit_get(index, false);
	if (!unit)
		return -ENOENT;
	memset(l, 0, sizeof(*l));
	l->head = head;
	l->index = index;
	l->leg = leg;
	ret = dst_mirror_describe_leg(unit, l, head.flags & DST_IOC_GET_NEXT);
	dst_unit_put(unit);
	return ret;
}

static int dst_control_detach(void *arg)
{
	struct dst_ioc_device_ref *r = arg;
	struct dst_unit *unit;
	int ret;

	memset(r->reason, 0, sizeof(r->reason));
	if (r->reserved)
		return -EINVAL;
	unit = dst_unit_get(r->index, false);
	if (!unit)
		return -ENODEV;
	ret = unit->ops->detach(unit, r->head.flags & DST_IOC_DETACH_FORCE,
				r->reason);
	dst_unit_put(unit);
	return ret;
}

static int dst_control_fail(void *arg)
{
	struct dst_ioc_device_ref *r = arg;
	struct dst_unit *unit;

	memset(r->reason, 0, sizeof(r->reason));
	if (r->reserved)
		return -EINVAL;
	unit = dst_unit_get(r->index, false);
	if (!unit)
		return -ENODEV;
	pr_warn("dst%u: %u held requests failed, as told to\n", r->index,
		unit->ops->fail_held(unit));
	dst_unit_put(unit);
	return 0;
}

static int dst_control_device_set(void *arg)
{
	const u32 known = DST_IOC_SET_ACK | DST_IOC_SET_IO_TIMEOUT |
			  DST_IOC_SET_KEEPALIVE | DST_IOC_SET_FAIL_AFTER |
			  DST_IOC_SET_MEM_LIMIT;
	struct dst_ioc_device_set *s = arg;
	struct dst_unit *unit;
	int ret;

	memset(s->reason, 0, sizeof(s->reason));
	if (s->reserved || s->mask & ~known)
		return -EINVAL;
	unit = dst_unit_get(s->index, false);
	if (!unit)
		return -ENODEV;
	ret = unit->ops->set(unit, s);
	dst_unit_put(unit);
	return ret;
}

static int dst_control_device_get(void *arg)
{
	struct dst_ioc_device *d = arg;
	struct dst_ioc_head head = d->head;
	struct dst_unit *unit;

	unit = dst_unit_get(d->index, head.flags & DST_IOC_GET_NEXT);
	if (!unit)
		return -ENOENT;
	memset(d, 0, sizeof(*d));
	d->head = head;
	d->index = unit->index;
	unit->ops->describe(unit, d);
	dst_unit_put(unit);
	return 0;
}

static int dst_control_check_allows(const struct dst_ioc_allow *allow, u32 nr)
{
	u32 i, max;

	if (nr > DST_IOC_ALLOWS)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		max = allow[i].addr.family == DST_IOC_ADDR_INET6 ? 128 : 32;
		if (!dst_control_is_addr(&allow[i].addr) ||
		    allow[i].addr.port || allow[i].prefix_len > max ||
		    allow[i].flags & ~DST_IOC_ALLOW_RW)
			return -EINVAL;
	}
	return 0;
}

static int dst_control_export_add(void *arg)
{
	struct dst_ioc_export_add *a = arg;
	u32 i;

	memset(a->reason, 0, sizeof(a->reason));
	if (!dst_control_is_name(a->name) || a->path[0] != '/' ||
	    !dst_control_is_text(a->path, sizeof(a->path)) ||
	    (a->owner_path[0] && a->owner_path[0] != '/') ||
	    !dst_control_is_text(a->owner_path, sizeof(a->owner_path)) ||
	    a->nr_listens > DST_IOC_LISTENS ||
	    !memchr_inv(a->uuid, 0, sizeof(a->uuid)))
		return -EINVAL;
	for (i = 0; i < a->nr_listens; i++)
		if (!dst_control_is_addr(&a->listen[i]) || !a->listen[i].port)
			return -EINVAL;
	if (dst_control_check_allows(a->allow, a->nr_allows))
		return -EINVAL;
	return dst_export_add(a, current->nsproxy->net_ns);
}

static int dst_control_export_remove(void *arg)
{
	struct dst_ioc_export_ref *r = arg;

	memset(r->reason, 0, sizeof(r->reason));
	if (!dst_control_is_name(r->name))
		return -EINVAL;
	return dst_export_remove(r->name,
				 r->head.flags & DST_IOC_EXPORT_REMOVE_FORCE,
				 r->reason);
}

static int dst_control_export_set(void *arg)
{
	const u32 known = DST_IOC_EXPORT_SET_WORKERS |
			  DST_IOC_EXPORT_SET_MEM_LIMIT |
			  DST_IOC_EXPORT_SET_MAX_CLIENTS |
			  DST_IOC_EXPORT_SET_ALLOW;
	struct dst_ioc_export_set *s = arg;

	memset(s->reason, 0, sizeof(s->reason));
	if (!dst_control_is_name(s->name) || s->mask & ~known ||
	    dst_control_check_allows(s->allow, s->nr_allows))
		return -EINVAL;
	return dst_export_set(s);
}

static int dst_control_export_get(void *arg)
{
	struct dst_ioc_export *e = arg;
	struct dst_ioc_head head = e->head;
	u32 index = e->index;

	memset(e, 0, sizeof(*e));
	e->head = head;
	e->index = index;
	return dst_export_describe(e, head.flags & DST_IOC_GET_NEXT);
}

static int dst_control_client_get(void *arg)
{
	struct dst_ioc_client *c = arg;
	struct dst_ioc_head head = c->head;
	u32 export = c->export, client = c->client;

	memset(c, 0, sizeof(*c));
	c->head = head;
	c->export = export;
	c->client = client;
	return dst_export_describe_client(c, head.flags & DST_IOC_GET_NEXT);
}

static const struct dst_control_call {
	unsigned int	cmd;
	size_t		size;
	u32		flags;		/* that are known */
	int		(*run)(void *arg);
} dst_control_calls[] = {
	{ DST_IOC_VERSION, sizeof(struct dst_ioc_version), 0,
	  dst_control_version },
	{ DST_IOC_ATTACH, sizeof(struct dst_ioc_attach),
	  DST_IOC_ATTACH_READ_ONLY | DST_IOC_ATTACH_PREEMPT |
	  DST_IOC_ATTACH_DIGEST, dst_control_attach },
	{ DST_IOC_DETACH, sizeof(struct dst_ioc_device_ref),
	  DST_IOC_DETACH_FORCE, dst_control_detach },
	{ DST_IOC_FAIL, sizeof(struct dst_ioc_device_ref), 0,
	  dst_control_fail },
	{ DST_IOC_DEVICE_SET, sizeof(struct dst_ioc_device_set), 0,
	  dst_control_device_set },
	{ DST_IOC_DEVICE_GET, sizeof(struct dst_ioc_device), DST_IOC_GET_NEXT,
	  dst_control_device_get },
	{ DST_IOC_MIRROR_ATTACH, sizeof(struct dst_ioc_mirror_attach),
	  DST_IOC_MIRROR_PREEMPT | DST_IOC_MIRROR_DIGEST |
	  DST_IOC_MIRROR_CREATE | DST_IOC_MIRROR_FORCE |
	  DST_IOC_MIRROR_OVERRIDE, dst_control_mirror_attach },
	{ DST_IOC_LEG_GET, sizeof(struct dst_ioc_leg), DST_IOC_GET_NEXT,
	  dst_control_leg_get },
	{ DST_IOC_EXPORT_ADD, sizeof(struct dst_ioc_export_add),
	  DST_IOC_EXPORT_READ_ONLY | DST_IOC_EXPORT_SHARED,
	  dst_control_export_add },
	{ DST_IOC_EXPORT_REMOVE, sizeof(struct dst_ioc_export_ref),
	  DST_IOC_EXPORT_REMOVE_FORCE, dst_control_export_remove },
	{ DST_IOC_EXPORT_SET, sizeof(struct dst_ioc_export_set), 0,
	  dst_control_export_set },
	{ DST_IOC_EXPORT_GET, sizeof(struct dst_ioc_export), DST_IOC_GET_NEXT,
	  dst_control_export_get },
	{ DST_IOC_CLIENT_GET, sizeof(struct dst_ioc_client), DST_IOC_GET_NEXT,
	  dst_control_client_get },
};

static int dst_control_run(const struct dst_control_call *call,
			   void __user *uarg)
{
	struct dst_ioc_head head;
	int ret, err;
	void *arg;

	if (copy_from_user(&head, uarg, sizeof(head)))
		return -EFAULT;
	if (head.size < sizeof(head) || head.flags & ~call->flags)
		return -EINVAL;
	if (head.size > PAGE_SIZE)
		return -E2BIG;
	arg = kzalloc(call->size, GFP_KERNEL);
	if (!arg)
		return -ENOMEM;
	ret = copy_struct_from_user(arg, call->size, uarg, head.size);
	if (ret)
		goto out;
	/* it may have changed since: what was checked counts */
	memcpy(arg, &head, sizeof(head));
	ret = call->run(arg);
	err = copy_to_user(uarg, arg, min_t(size_t, head.size, call->size));
	if (err && !ret)
		ret = -EFAULT;
out:
	kfree(arg);
	return ret;
}

static long dst_control_ioctl(struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	unsigned int i;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	for (i = 0; i < ARRAY_SIZE(dst_control_calls); i++)
		if (dst_control_calls[i].cmd == cmd)
			return dst_control_run(&dst_control_calls[i],
					       (void __user *)arg);
	return -ENOTTY;
}

static const struct file_operations dst_control_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= dst_control_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice dst_control_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "dst-control",
	.fops	= &dst_control_fops,
	.mode	= 0600,
};

/**
 * dst_control_module_init - make /dev/dst-control
 *
 * Return: 0 or a negative errno.
 */
int dst_control_module_init(void)
{
	return misc_register(&dst_control_misc);
}

/**
 * dst_control_module_exit - undo dst_control_module_init()
 */
void dst_control_module_exit(void)
{
	misc_deregister(&dst_control_misc);
}
