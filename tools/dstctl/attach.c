// SPDX-License-Identifier: GPL-2.0-only
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "device.h"
#include "identity.h"
#include "resolve.h"
#include "text.h"

#define STATE_DIR	"/var/lib/dst"
#define PROBE_MS	1000

/* Twice the same device would be one session that fights with itself. */
static int attach_refuse_twin(const char *what, const struct dst_ioc_attach *arg)
{
	struct dst_ioc_device dev;
	__u32 from;

	for (from = 0; !query_next_device(&dev, from); from = dev.index + 1)
		if (!memcmp(dev.device, arg->device, sizeof(dev.device)) &&
		    dev.state != DST_IOC_DEVICE_DETACHING)
			return fail(what, "Use that, or detach it first",
				    "it is attached already, as /dev/dst%u",
				    dev.index);
	return 0;
}

static int attach_fill(const char *what, const struct device_spec *spec,
		       struct dst_ioc_attach *arg)
{
	memset(arg, 0, sizeof(*arg));
	if (identity_initiator(what, arg->initiator))
		return EXIT_FAILURE;
	identity_device(arg->device, arg->initiator, spec->target);

	arg->index = spec->index;
	arg->ack = spec->ack;
	arg->lanes = spec->lanes;
	arg->io_timeout_ms = spec->io_timeout_ms;
	arg->keepalive_ms = spec->keepalive_ms;
	arg->wait_ms = spec->wait_ms;
	arg->fail_after_ms = spec->fail_after_ms;
	arg->mem_limit_bytes = spec->mem_limit_bytes;
	if (spec->read_only)
		arg->head.flags |= DST_IOC_ATTACH_READ_ONLY;
	if (spec->preempt)
		arg->head.flags |= DST_IOC_ATTACH_PREEMPT;
	if (spec->digest)
		arg->head.flags |= DST_IOC_ATTACH_DIGEST;
	text_copy(arg->target, sizeof(arg->target), spec->target);
	text_copy(arg->export, sizeof(arg->export), spec->export);
	identity_host(arg->host);
	return 0;
}

/* True if another address of the same name may do better. */
static bool attach_try_next(int ret)
{
	switch (-ret) {
	case ETIMEDOUT:
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return !signal_caught();
	default:
		return false;
	}
}

/* What to do about it; @ret is the kernel's answer. */
const char *attach_hint(int ret)
{
	switch (-ret) {
	case EINTR:
		return "Nothing was attached";
	case EPERM:
		return "Run dstctl as root";
	case EACCES:
		return "See that the server has this export and allows this machine";
	case ERANGE:
	case EOPNOTSUPP:
	case EKEYREVOKED:
		return "Nothing was attached";
	case EEXIST:
		return "Choose another --name, or detach that device first";
	case EBUSY:
		return "Detach it from its present holder, or fence that out with --preempt";
	case EROFS:
		return "Attach it with --ro";
	case EUCLEAN:
		return "Start the server of what is missing; --override-stale goes on with data that may be old";
	case ETIMEDOUT:
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "See that the server is up and lets this machine through, or --wait longer";
	default:
		return "The kernel log (dmesg) may say more";
	}
}

static int attach_call(const char *what, struct dst_ioc_attach *arg,
		       const struct dst_ioc_addr *addrs, __u32 nr)
{
	__u32 left_ms = arg->wait_ms, i;
	__s32 index = arg->index;
	int ret = -EINTR;

	for (i = 0; i < nr && !signal_caught(); i++) {
		arg->index = index;
		arg->addr = addrs[i];
		arg->wait_ms = left_ms / (nr - i) ? left_ms / (nr - i) : 1;
		left_ms -= left_ms / (nr - i);
		arg->reason[0] = '\0';
		ret = kernel_call(DST_IOC_ATTACH, arg, sizeof(*arg));
		if (!ret)
			return 0;
		if (!attach_try_next(ret))
			break;
	}
	if (ret == -EINTR)
		return fail(what, attach_hint(ret), "it was interrupted");
	arg->reason[sizeof(arg->reason) - 1] = '\0';
	return fail_errno(what, ret, arg->reason, attach_hint(ret));
}

int attach_undo(const char *what, __u32 index)
{
	struct dst_ioc_device_ref ref = { .index = index };

	ref.head.flags = DST_IOC_DETACH_FORCE;
	kernel_call(DST_IOC_DETACH, &ref, sizeof(ref));
	return fail(what, "See that udev runs or that /dev is a devtmpfs",
		    "/dev/dst%u did not appear, so it was detached again",
		    index);
}

/* Returns 0 or the exit status. */
int attach_device(const char *what, const struct device_spec *spec,
		  __u32 *index)
{
	struct dst_ioc_addr addrs[RESOLVE_MOST];
	struct dst_ioc_attach arg;
	__u32 nr;

	if (attach_fill(what, spec, &arg) ||
	    attach_refuse_twin(what, &arg) ||
	    resolve_host(what, &spec->host, addrs, &nr))
		return EXIT_FAILURE;
	resolve_order(addrs, nr, PROBE_MS);

	signal_catch();
	if (attach_call(what, &arg, addrs, nr))
		return EXIT_FAILURE;
	if (!device_wait_node(arg.index))
		return attach_undo(what, arg.index);
	*index = arg.index;
	return 0;
}

static int export_check_path(const char *what, const struct export_spec *spec,
			     struct stat *st)
{
	if (stat(spec->path, st))
		return fail(what, "Name a block device or a file that exists",
			    "%s: %s", spec->path, error_text(errno));
	if (!S_ISBLK(st->st_mode) && !S_ISREG(st->st_mode))
		return fail(what, "Name a block device or a regular file",
			    "%s is neither a block device nor a regular file",
			    spec->path);
	return 0;
}

static int export_fill_listens(const char *what, const struct export_spec *spec,
			       struct dst_ioc_export_add *arg)
{
	struct dst_ioc_addr addrs[RESOLVE_MOST];
	__u32 i, nr;

	for (i = 0; i < spec->nr_listens; i++) {
		if (resolve_host(what, &spec->listen[i], addrs, &nr))
			return EXIT_FAILURE;
		if (arg->nr_listens + nr > DST_IOC_LISTENS)
			return fail(what, "Listen on fewer, or give addresses instead of names",
				    "these are more than %d addresses to listen on",
				    DST_IOC_LISTENS);
		memcpy(&arg->listen[arg->nr_listens], addrs,
		       nr * sizeof(*addrs));
		arg->nr_listens += nr;
	}
	return 0;
}

/* Where the kernel keeps who had the export last, over a restart. */
static int export_fill_owner(const char *what, const struct export_spec *spec,
			     struct dst_ioc_export_add *arg)
{
	const char *dir = getenv("DST_STATE");
	int len;

	if (!dir)
		dir = STATE_DIR;
	if (!*dir || spec->read_only || spec->shared)
		return 0;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return fail(what, "Set DST_STATE to a directory that lasts, or to '' to do without",
			    "who has the export cannot be kept in %s: %s", dir,
			    error_text(errno));
	len = snprintf(arg->owner_path, sizeof(arg->owner_path), "%s/%s.owner",
		       dir, spec->name);
	if (*dir != '/' || len >= (int)sizeof(arg->owner_path))
		return fail(what, "Set DST_STATE to a short absolute path",
			    "'%s' is no directory to keep the owner in", dir);
	return 0;
}

static int export_fill(const char *what, const struct export_spec *spec,
		       struct dst_ioc_export_add *arg)
{
	struct stat st;

	memset(arg, 0, sizeof(*arg));
	if (export_check_path(what, spec, &st) ||
	    identity_export(what, arg->uuid, spec->name, spec->path, &st) ||
	    export_fill_listens(what, spec, arg) ||
	    export_fill_owner(what, spec, arg))
		return EXIT_FAILURE;

	if (spec->read_only)
		arg->head.flags |= DST_IOC_EXPORT_READ_ONLY;
	if (spec->shared)
		arg->head.flags |= DST_IOC_EXPORT_SHARED;
	arg->workers = spec->workers;
	arg->max_clients = spec->max_clients;
	arg->mem_limit_bytes = spec->mem_limit_bytes;
	arg->nr_allows = spec->nr_allows;
	memcpy(arg->allow, spec->allow, sizeof(arg->allow));
	text_copy(arg->name, sizeof(arg->name), spec->name);
	text_copy(arg->path, sizeof(arg->path), spec->path);
	return 0;
}

static const char *export_hint(int ret)
{
	switch (-ret) {
	case EPERM:
	case EACCES:
		return "Run dstctl as root";
	case EEXIST:
		return "Choose another name, or remove that export first";
	case EBUSY:
		return "Unmount it or stop what uses it ('lsblk' shows), then add it again";
	case EADDRINUSE:
		return "Choose another port with --listen ADDR:PORT";
	case EADDRNOTAVAIL:
		return "Listen on an address that this machine has ('ip address' shows)";
	case EROFS:
		return "Export it with --ro";
	default:
		return "The kernel log (dmesg) may say more";
	}
}

/* Returns 0 or the exit status. */
int attach_export(const char *what, const struct export_spec *spec)
{
	struct dst_ioc_export_add arg;
	int ret;

	if (export_fill(what, spec, &arg))
		return EXIT_FAILURE;
	ret = kernel_call(DST_IOC_EXPORT_ADD, &arg, sizeof(arg));
	arg.reason[sizeof(arg.reason) - 1] = '\0';
	return ret ? fail_errno(what, ret, arg.reason, export_hint(ret)) : 0;
}
