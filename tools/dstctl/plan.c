// SPDX-License-Identifier: GPL-2.0-only
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "attach.h"
#include "diff.h"
#include "live.h"
#include "resolve.h"

/* Where a plan is being made: for messages, and to find its room. */
struct planner {
	const char *what;
	const char *file;
	struct plan *plan;
};

static void plan_add(struct planner *planner, const struct plan_step *step)
{
	planner->plan->steps[planner->plan->nr++] = *step;
}

static int plan_refuse(const struct planner *planner, unsigned int line,
		       const char *key, const char *todo)
{
	return fail(planner->what, todo,
		    "%s:%u: '%s' differs from what runs, and cannot change while it does",
		    planner->file, line, key);
}

static bool same_file(const char *a, const char *b)
{
	struct stat sta, stb;

	if (!strcmp(a, b))
		return true;
	if (stat(a, &sta) || stat(b, &stb))
		return false;
	if (S_ISBLK(sta.st_mode) && S_ISBLK(stb.st_mode))
		return sta.st_rdev == stb.st_rdev;
	return sta.st_dev == stb.st_dev && sta.st_ino == stb.st_ino;
}

/* A DST device may be one that this very file brings. */
static int plan_check_path(const struct planner *planner,
			   const struct conf_export *export)
{
	const char *path = export->spec.path;
	struct stat st;

	if (!strncmp(path, "/dev/dst", 8) ||
	    !strncmp(path, "/dev/disk/by-dst/", 17) || !stat(path, &st))
		return 0;
	return fail(planner->what, "Name a block device or a file that exists",
		    "%s:%u: %s: %s", planner->file, export->line, path,
		    error_text(errno));
}

static int plan_listens(const struct planner *planner,
			const struct export_spec *spec,
			struct dst_ioc_addr *listens, __u32 *nr)
{
	__u32 i, more;

	for (*nr = 0, i = 0; i < spec->nr_listens; i++) {
		if (resolve_host(planner->what, &spec->listen[i],
				 listens + *nr, &more))
			return EXIT_FAILURE;
		*nr += more;
	}
	return 0;
}

static int plan_running_export(struct planner *planner,
			       const struct conf_export *export,
			       const struct dst_ioc_export *have)
{
	struct dst_ioc_addr listens[DST_IOC_LISTENS * RESOLVE_MOST];
	struct plan_step step = {
		.action = PLAN_EXPORT_SET,
		.line = export->line,
		.export = &export->spec,
	};
	char todo[160];
	const char *key;
	__u32 nr;

	if (plan_listens(planner, &export->spec, listens, &nr))
		return EXIT_FAILURE;
	key = diff_export(&export->spec, listens, nr, have, &step.live);
	if (!same_file(export->spec.path, have->path))
		key = "path";
	if (key) {
		snprintf(todo, sizeof(todo),
			 "Run 'dstctl export remove %s', then apply again",
			 export->spec.name);
		return plan_refuse(planner, export->line, key, todo);
	}
	if (step.live)
		plan_add(planner, &step);
	return 0;
}

static int plan_export(struct planner *planner,
		       const struct conf_export *export)
{
	struct plan_step step = {
		.action = PLAN_EXPORT_ADD,
		.line = export->line,
		.export = &export->spec,
	};
	struct dst_ioc_export have;
	int ret;

	ret = query_export(&have, export->spec.name);
	if (!ret)
		return plan_running_export(planner, export, &have);
	if (ret != -ENOENT)
		return fail_errno(planner->what, ret, NULL, NULL);
	if (plan_check_path(planner, export))
		return EXIT_FAILURE;
	plan_add(planner, &step);
	return 0;
}

static int plan_running_device(struct planner *planner,
			       const struct conf_device *device,
			       const struct dst_ioc_device *have)
{
	struct plan_step step = {
		.action = PLAN_DEVICE_SET,
		.line = device->line,
		.device = &device->spec,
	};
	char todo[80];
	const char *key;

	key = diff_device(&device->spec, have, &step.live);
	if (key) {
		snprintf(todo, sizeof(todo),
			 "Run 'dstctl detach dst%u', then apply again",
			 have->index);
		return plan_refuse(planner, device->line, key, todo);
	}
	if (step.live)
		plan_add(planner, &step);
	return 0;
}

/* The target may be attached, but under another name. */
static int plan_check_target(const struct planner *planner,
			     const struct conf_device *device)
{
	struct dst_ioc_device dev;
	__u32 from;

	for (from = 0; !query_next_device(&dev, from); from = dev.index + 1)
		if (!strcmp(dev.target, device->spec.target))
			return fail(planner->what,
				    "Detach that, or call it so in the file",
				    "%s:%u: the target is attached already, as dst%u",
				    planner->file, device->line, dev.index);
	return 0;
}

static int plan_device(struct planner *planner,
		       const struct conf_device *device)
{
	struct plan_step step = {
		.action = PLAN_DEVICE_ATTACH,
		.line = device->line,
		.device = &device->spec,
	};
	struct dst_ioc_device have;
	int ret;

	ret = query_device(&have, device->spec.index);
	if (!ret)
		return plan_running_device(planner, device, &have);
	if (ret != -ENOENT)
		return fail_errno(planner->what, ret, NULL, NULL);
	if (plan_check_target(planner, device))
		return EXIT_FAILURE;
	plan_add(planner, &step);
	return 0;
}

static int plan_compare(const void *a, const void *b)
{
	const struct plan_step *one = a, *two = b;

	return one->line < two->line ? -1 : one->line > two->line;
}

/* Changes nothing. Returns 0 or the exit status, and says why. */
int plan_make(const char *what, const char *file, const struct conf *conf,
	      struct plan *plan)
{
	struct planner planner = { .what = what, .file = file, .plan = plan };
	size_t i;
	int ret = 0;

	plan->nr = 0;
	plan->steps = calloc(conf->nr_exports + conf->nr_devices + 1,
			     sizeof(*plan->steps));
	if (!plan->steps)
		return fail_errno(what, -ENOMEM, NULL, NULL);

	for (i = 0; !ret && i < conf->nr_exports; i++)
		ret = plan_export(&planner, &conf->exports[i]);
	for (i = 0; !ret && i < conf->nr_devices; i++)
		ret = plan_device(&planner, &conf->devices[i]);
	qsort(plan->steps, plan->nr, sizeof(*plan->steps), plan_compare);
	return ret;
}

static int plan_set_export(const char *what, const struct plan_step *step)
{
	struct export_spec spec = *step->export;

	spec.given = step->live;
	return live_export_set(what, &spec);
}

static int plan_set_device(const char *what, const struct plan_step *step)
{
	struct device_spec spec = *step->device;

	spec.given = step->live;
	return live_device_set(what, &spec, spec.index);
}

static int plan_take(const struct plan_step *step)
{
	char what[128];
	__u32 index;

	switch (step->action) {
	case PLAN_EXPORT_ADD:
		snprintf(what, sizeof(what), "export %s", step->export->name);
		return attach_export(what, step->export);
	case PLAN_EXPORT_SET:
		snprintf(what, sizeof(what), "export %s", step->export->name);
		return plan_set_export(what, step);
	case PLAN_DEVICE_ATTACH:
		snprintf(what, sizeof(what), "device dst%d",
			 step->device->index);
		return attach_device(what, step->device, &index);
	case PLAN_DEVICE_SET:
	default:
		snprintf(what, sizeof(what), "device dst%d",
			 step->device->index);
		return plan_set_device(what, step);
	}
}

static void plan_say(const struct plan_step *step)
{
	static const char * const done[] = {
		[PLAN_EXPORT_ADD]	= "added",
		[PLAN_EXPORT_SET]	= "changed",
		[PLAN_DEVICE_ATTACH]	= "attached",
		[PLAN_DEVICE_SET]	= "changed",
	};

	if (step->export)
		printf("export %s %s\n", step->export->name,
		       done[step->action]);
	else
		printf("device dst%d %s\n", step->device->index,
		       done[step->action]);
}

/* One step that fails does not keep the others from being taken. */
int plan_run(const struct plan *plan)
{
	int ret = EXIT_SUCCESS;
	size_t i;

	for (i = 0; i < plan->nr && !signal_caught(); i++) {
		if (plan_take(&plan->steps[i]))
			ret = EXIT_FAILURE;
		else
			plan_say(&plan->steps[i]);
	}
	return ret;
}

void plan_free(struct plan *plan)
{
	free(plan->steps);
	plan->steps = NULL;
}
