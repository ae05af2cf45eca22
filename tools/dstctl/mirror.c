// SPDX-License-Identifier: GPL-2.0-only
#include "mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "attach.h"
#include "device.h"
#include "identity.h"
#include "parse.h"
#include "resolve.h"
#include "text.h"

#define PROBE_MS	1000

static const char *mirror_policy(struct dst_ioc_mirror_attach *arg,
				 const char *value)
{
	static const char bad[] = "is not latency, round-robin or prefer=LEG";
	__u64 leg = 0;

	if (!strcmp(value, "latency")) {
		arg->read_policy = DST_IOC_READ_LATENCY;
	} else if (!strcmp(value, "round-robin")) {
		arg->read_policy = DST_IOC_READ_ROUND_ROBIN;
	} else if (!strncmp(value, "prefer=", 7)) {
		if (strcmp(value + 7, "0") &&
		    parse_number(value + 7, DST_IOC_LEGS - 1, &leg))
			return bad;
		arg->read_policy = DST_IOC_READ_PREFER;
		arg->prefer = leg;
	} else {
		return bad;
	}
	return NULL;
}

static const char *mirror_region(struct dst_ioc_mirror_attach *arg,
				 const char *value)
{
	const char *bad;
	__u64 bytes;

	bad = parse_size(value, &bytes);
	if (bad)
		return bad;
	if (bytes < 65536 || bytes & (bytes - 1))
		return "is not a power of two of at least 64K";
	while (bytes >>= 1)
		arg->region_log2++;
	return NULL;
}

static const char *mirror_option(int option, struct dst_ioc_mirror_attach *arg)
{
	switch (option) {
	case MIRROR_LEG_TIMEOUT:
		return parse_time32(optarg, &arg->leg_timeout_ms);
	case MIRROR_READ_POLICY:
		return mirror_policy(arg, optarg);
	case MIRROR_REGION:
		return mirror_region(arg, optarg);
	case MIRROR_FORCE:
		arg->head.flags |= DST_IOC_MIRROR_FORCE;
		return NULL;
	default:
		arg->head.flags |= DST_IOC_MIRROR_OVERRIDE;
		return NULL;
	}
}

/* OPTION_END, or what command_option() said instead. */
static int mirror_options(const struct command *cmd, int argc, char **argv,
			  struct device_spec *spec,
			  struct dst_ioc_mirror_attach *arg)
{
	const char *bad;
	int ret;

	for (;;) {
		ret = command_spec(cmd, device_keys, spec, argc, argv);
		if (ret < MIRROR_LEG_TIMEOUT || ret > MIRROR_OVERRIDE)
			return ret;
		bad = mirror_option(ret, arg);
		if (!bad)
			continue;
		command_usage(cmd, "'%s' %s", optarg, bad);
		return OPTION_USAGE;
	}
}

static int mirror_fill(const char *what, const struct device_spec *spec,
		       struct dst_ioc_mirror_attach *arg)
{
	if (identity_initiator(what, arg->initiator))
		return EXIT_FAILURE;
	arg->index = spec->index;
	arg->ack = spec->ack;
	arg->lanes = spec->lanes;
	arg->io_timeout_ms = spec->io_timeout_ms;
	arg->keepalive_ms = spec->keepalive_ms;
	arg->wait_ms = spec->wait_ms;
	arg->mem_limit_bytes = spec->mem_limit_bytes;
	if (spec->preempt)
		arg->head.flags |= DST_IOC_MIRROR_PREEMPT;
	if (spec->digest)
		arg->head.flags |= DST_IOC_MIRROR_DIGEST;
	identity_host(arg->host);
	if (arg->head.flags & DST_IOC_MIRROR_CREATE &&
	    getrandom(arg->mirror, sizeof(arg->mirror), 0) !=
	    sizeof(arg->mirror))
		return fail(what, NULL, "there is no random number: %s",
			    error_text(errno));
	return 0;
}

/* A leg that is a device already, or in a mirror, would be fenced out. */
static int mirror_refuse_twin(const char *what,
			      const struct dst_ioc_mirror_leg *leg)
{
	struct dst_ioc_leg legs[DST_IOC_LEGS];
	struct dst_ioc_device dev;
	__u32 from, nr;
	bool twin;

	for (from = 0; !query_next_device(&dev, from); from = dev.index + 1) {
		nr = query_legs(&dev, legs);
		twin = !memcmp(dev.device, leg->device, sizeof(dev.device));
		while (nr--)
			twin |= !strcmp(legs[nr].target, leg->target);
		if (twin && dev.state != DST_IOC_DEVICE_DETACHING)
			return fail(what, "Use that, or detach it first",
				    "%s is attached already, as /dev/dst%u",
				    leg->target, dev.index);
	}
	return 0;
}

static int mirror_leg(const char *what, const char *target,
		      struct dst_ioc_mirror_attach *arg)
{
	struct dst_ioc_mirror_leg *leg = &arg->leg[arg->nr_legs];
	struct dst_ioc_addr addrs[RESOLVE_MOST];
	struct device_spec spec;
	__u32 i, nr;

	device_spec_init(&spec);
	device_spec_target(&spec, target);
	identity_device(leg->device, arg->initiator, spec.target);
	text_copy(leg->target, sizeof(leg->target), spec.target);
	text_copy(leg->export, sizeof(leg->export), spec.export);
	for (i = 0; i < arg->nr_legs; i++)
		if (!strcmp(arg->leg[i].target, leg->target))
			return fail(what, "Name each leg once",
				    "%s was named twice", leg->target);
	if (mirror_refuse_twin(what, leg) ||
	    resolve_host(what, &spec.host, addrs, &nr))
		return EXIT_FAILURE;
	resolve_order(addrs, nr, PROBE_MS);
	leg->addr = addrs[0];
	arg->nr_legs++;
	return 0;
}

static int mirror_call(const char *what, struct dst_ioc_mirror_attach *arg)
{
	int ret;

	signal_catch();
	ret = kernel_call(DST_IOC_MIRROR_ATTACH, arg, sizeof(*arg));
	arg->reason[sizeof(arg->reason) - 1] = '\0';
	if (ret == -EINTR)
		return fail(what, attach_hint(ret), "it was interrupted");
	if (ret)
		return fail_errno(what, ret, arg->reason, attach_hint(ret));
	if (!device_wait_node(arg->index))
		return attach_undo(what, arg->index);
	printf("/dev/dst%u\n", arg->index);
	return 0;
}

static int mirror_check_targets(const struct command *cmd, int argc,
				char **argv)
{
	struct device_spec spec;
	const char *bad;
	int i, ret;

	ret = command_operands(cmd, argc, 2, DST_IOC_LEGS);
	for (i = optind; !ret && i < argc; i++) {
		device_spec_init(&spec);
		bad = device_spec_target(&spec, argv[i]);
		if (bad)
			ret = command_usage(cmd, "'%s' %s", argv[i], bad);
	}
	return ret;
}

int mirror_run(const struct command *cmd, int argc, char **argv, __u32 flags)
{
	struct dst_ioc_mirror_attach arg = { .head.flags = flags };
	struct device_spec spec;
	char what[256];
	int ret, i;

	device_spec_init(&spec);
	ret = mirror_options(cmd, argc, argv, &spec, &arg);
	if (ret != OPTION_END)
		return command_exit(ret);
	ret = mirror_check_targets(cmd, argc, argv);
	if (ret)
		return ret;

	command_what(what, sizeof(what), cmd, argv[optind]);
	ret = kernel_open(what);
	if (!ret)
		ret = mirror_fill(what, &spec, &arg);
	for (i = optind; !ret && i < argc; i++)
		ret = mirror_leg(what, argv[i], &arg);
	return ret ? ret : mirror_call(what, &arg);
}
