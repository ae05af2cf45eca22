// SPDX-License-Identifier: GPL-2.0-only
/*
 * Units: what has a number and is /dev/dstN. The table of them.
 *
 * What a unit is made of is for its owner to know, who gives it its operations.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "dst.h"

static DEFINE_XARRAY_ALLOC(dst_units);
/* Those that have not been freed; some live until their last close. */
static atomic_t dst_unit_count = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(dst_unit_gone);
/* Protects dst_units. Nothing is waited for under it. */
static DEFINE_MUTEX(dst_units_mutex);

/**
 * dst_unit_init - begin the life of a unit, without a number
 * @unit: gets a reference, of the caller
 * @ops: what to do with it
 * @target: what it is made from, for people; as long as the unit
 * @uuid: no two units of the table have the same, unless it is zero; as long as
 *	the unit
 */
void dst_unit_init(struct dst_unit *unit, const struct dst_unit_ops *ops,
		   const char *target, const u8 *uuid)
{
	kref_init(&unit->ref);
	unit->ops = ops;
	unit->target = target;
	unit->uuid = uuid;
	atomic_inc(&dst_unit_count);
}

static void dst_unit_release(struct kref *ref)
{
	struct dst_unit *unit = container_of(ref, struct dst_unit, ref);

	unit->ops->release(unit);
	if (atomic_dec_and_test(&dst_unit_count))
		wake_up_all(&dst_unit_gone);
}

/**
 * dst_unit_hold - take one more reference
 * @unit: held by the caller
 */
void dst_unit_hold(struct dst_unit *unit)
{
	kref_get(&unit->ref);
}

/**
 * dst_unit_put - drop a reference
 * @unit: may be gone afterwards
 */
void dst_unit_put(struct dst_unit *unit)
{
	kref_put(&unit->ref, dst_unit_release);
}

/**
 * dst_unit_get - find a unit
 * @index: its number
 * @next: or the first one after it
 *
 * Return: the unit with a reference, or NULL.
 */
struct dst_unit *dst_unit_get(u32 index, bool next)
{
	unsigned long id = index;
	struct dst_unit *unit;

	mutex_lock(&dst_units_mutex);
	unit = next ? xa_find(&dst_units, &id, ULONG_MAX, XA_PRESENT) :
		      xa_load(&dst_units, id);
	if (unit)
		kref_get(&unit->ref);
	mutex_unlock(&dst_units_mutex);
	return unit;
}

/* Is it, or one of its sessions, called so? */
static bool dst_unit_is_called(struct dst_unit *unit, const u8 *uuid)
{
	const u8 *name = unit->uuid;
	unsigned int i = 0;

	do {
		if (!memcmp(name, uuid, DST_IOC_UUID_LEN))
			return true;
		name = unit->ops->session ? unit->ops->session(unit, i++) : NULL;
	} while (name);
	return false;
}

/* Who would be fenced out by the sessions of @unit, or is the same. */
static struct dst_unit *dst_unit_rival(struct dst_unit *unit)
{
	const u8 *name = unit->uuid;
	unsigned int n = 0;
	struct dst_unit *o;
	unsigned long i;

	lockdep_assert_held(&dst_units_mutex);
	do {
		/* one that does not know its own yet has none */
		if (memchr_inv(name, 0, DST_IOC_UUID_LEN))
			xa_for_each(&dst_units, i, o)
				if (o != unit && dst_unit_is_called(o, name))
					return o;
		name = unit->ops->session ? unit->ops->session(unit, n++) : NULL;
	} while (name);
	return NULL;
}

static int dst_unit_refuse(const struct dst_unit *rival, char *reason)
{
	snprintf(reason, DST_IOC_REASON_LEN, "%.150s is attached already, as dst%u",
		 rival->target, rival->index);
	return -EEXIST;
}

/**
 * dst_unit_register - give a unit its number; the table gets a reference
 * @unit: not in the table; has no session yet
 * @want: the number, or -1 for any
 * @reason: DST_IOC_REASON_LEN bytes, filled on some failures
 *
 * From now on its sessions are its own: nobody else is registered with the
 * name of one.
 *
 * Return: 0 or a negative errno.
 */
int dst_unit_register(struct dst_unit *unit, int want, char *reason)
{
	struct xa_limit limit = XA_LIMIT(want < 0 ? 0 : want,
					 want < 0 ? DST_DEVICE_MAX - 1 : want);
	struct dst_unit *o;
	int ret;

	mutex_lock(&dst_units_mutex);
	o = dst_unit_rival(unit);
	if (o) {
		ret = dst_unit_refuse(o, reason);
		mutex_unlock(&dst_units_mutex);
		return ret;
	}
	ret = xa_alloc(&dst_units, &unit->index, unit, limit, GFP_KERNEL);
	if (!ret)
		kref_get(&unit->ref);
	mutex_unlock(&dst_units_mutex);
	if (ret == -EBUSY) {
		snprintf(reason, DST_IOC_REASON_LEN, want < 0 ?
			 "there are too many devices" : "dst%d is taken", want);
		return want < 0 ? -ENOSPC : -EEXIST;
	}
	return ret;
}

/**
 * dst_unit_identify - a unit has found out which one it is
 * @unit: registered
 * @uuid: what its uuid points to; zero so far
 * @found: the answer
 * @reason: DST_IOC_REASON_LEN bytes, filled on failure
 *
 * Return: 0, or -EEXIST if that is attached already; then nothing has changed.
 */
int dst_unit_identify(struct dst_unit *unit, u8 *uuid, const u8 *found,
		      char *reason)
{
	struct dst_unit *o;
	int ret = 0;

	mutex_lock(&dst_units_mutex);
	memcpy(uuid, found, DST_IOC_UUID_LEN);
	o = dst_unit_rival(unit);
	if (o) {
		memset(uuid, 0, DST_IOC_UUID_LEN);
		ret = dst_unit_refuse(o, reason);
	}
	mutex_unlock(&dst_units_mutex);
	return ret;
}

/**
 * dst_unit_unregister - take a unit out of the table
 * @unit: registered; the reference of the table goes
 */
void dst_unit_unregister(struct dst_unit *unit)
{
	mutex_lock(&dst_units_mutex);
	xa_erase(&dst_units, unit->index);
	mutex_unlock(&dst_units_mutex);
	dst_unit_put(unit);
}

/**
 * dst_unit_module_exit - detach all units, and wait until they are freed
 *
 * Nobody has one open, and no ioctl runs.
 */
void dst_unit_module_exit(void)
{
	char reason[DST_IOC_REASON_LEN];
	struct dst_unit *unit;

	while ((unit = dst_unit_get(0, true))) {
		reason[0] = '\0';
		unit->ops->detach(unit, true, reason);
		dst_unit_put(unit);
	}
	wait_event(dst_unit_gone, !atomic_read(&dst_unit_count));
}
