// SPDX-License-Identifier: GPL-2.0-only
/* Status for people: a headline each, then aligned lines; why stands first. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "show.h"
#include "text.h"

#define RED	"\033[31m"
#define GREEN	"\033[32m"
#define YELLOW	"\033[33m"
#define PLAIN	"\033[0m"

/* Only on a terminal, and not where the user wants none (no-color.org). */
bool human_colour(void)
{
	const char *none = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(none && *none) &&
	       !(term && !strcmp(term, "dumb"));
}

static void human_head(FILE *out, const char *name, const char *state,
		       const char *paint, bool colour)
{
	fprintf(out, "%s  %s%s%s\n", name, colour ? paint : "", state,
		colour ? PLAIN : "");
}

static void human_why(FILE *out, const char *why, const char *paint,
		      bool colour)
{
	if (*why)
		fprintf(out, "  %-11s%s%s%s\n", "why", colour ? paint : "",
			why, colour ? PLAIN : "");
}

static const char *device_paint(__u32 state)
{
	switch (state) {
	case DST_IOC_DEVICE_ONLINE:
		return GREEN;
	case DST_IOC_DEVICE_FAILED:
		return RED;
	default:
		return YELLOW;
	}
}

static void human_lanes(FILE *out, const struct dst_ioc_device *dev)
{
	__u32 i, live = 0;

	for (i = 0; i < dev->lanes; i++)
		live += dev->lane[i].state == DST_IOC_LANE_LIVE;
	fprintf(out, "  %-11s%u of %u live", "lanes", live, dev->lanes);
	for (i = 0; i < dev->lanes; i++)
		if (dev->lane[i].state != DST_IOC_LANE_LIVE)
			fprintf(out, ", lane %u %s", i,
				text_lane_state(dev->lane[i].state));
	fprintf(out, ", latency %u us\n", dev->latency_us);
}

static void human_counters(FILE *out, const struct dst_ioc_counters *counters)
{
	char in[TEXT_SIZE_LEN], to[TEXT_SIZE_LEN];

	text_size(in, counters->read_bytes);
	text_size(to, counters->write_bytes);
	fprintf(out, "  %-11s%llu reads (%s), %llu writes (%s), %llu flushes, %llu discards\n",
		"I/O", counters->reads, in, counters->writes, to,
		counters->flushes, counters->discards);
}

static void human_limits(FILE *out, const struct dst_ioc_device *dev)
{
	char io[TEXT_TIME_LEN], alive[TEXT_TIME_LEN], after[TEXT_TIME_LEN];

	text_ms(io, dev->io_timeout_ms);
	text_ms(alive, dev->keepalive_ms);
	text_ms(after, dev->fail_after_ms ? dev->fail_after_ms :
		DST_IOC_NEVER_MS);
	fprintf(out, "  %-11sio-timeout %s, keepalive %s, fail-after %s\n",
		"deadlines", io, alive, after);
}

void human_device(FILE *out, const struct dst_ioc_device *dev, bool colour)
{
	char name[32], size[TEXT_SIZE_LEN], used[TEXT_SIZE_LEN];
	char limit[TEXT_SIZE_LEN], retained[TEXT_SIZE_LEN];
	const char *paint = device_paint(dev->state);

	snprintf(name, sizeof(name), "/dev/dst%u", dev->index);
	text_size(size, dev->size_bytes);
	text_size(used, dev->mem_used_bytes);
	text_size(limit, dev->mem_limit_bytes);
	text_size(retained, dev->retained_bytes);

	human_head(out, name, text_device_state(dev->state), paint, colour);
	human_why(out, dev->why, paint, colour);
	fprintf(out, "  %-11s%s\n", "target", dev->target);
	fprintf(out, "  %-11s%s, ack %s%s%s\n", "disk", size,
		text_ack(dev->ack),
		dev->device_flags & DST_IOC_DEVICE_READ_ONLY ?
		", read-only" : "",
		dev->device_flags & DST_IOC_DEVICE_DIGEST ? ", digest" : "");
	if (!(dev->device_flags & DST_IOC_DEVICE_MIRROR))
		human_lanes(out, dev);
	human_limits(out, dev);
	fprintf(out, "  %-11s%llu in flight, %s retained, %s of %s in use\n",
		"memory", dev->in_flight, retained, used, limit);
	human_counters(out, &dev->counters);
	fprintf(out, "  %-11s%llu errors, %llu resends, %llu replays, %llu reconnects\n",
		"trouble", dev->counters.errors, dev->counters.resends,
		dev->counters.replays, dev->counters.reconnects);
}

/* What of a mirror stands below what every device has. */
void human_legs(FILE *out, const struct dst_ioc_device *dev,
		const struct dst_ioc_leg *legs, __u32 nr)
{
	char dirty[TEXT_SIZE_LEN], lacks[TEXT_SIZE_LEN];
	__u32 i;

	text_size(dirty, dev->dirty_bytes);
	fprintf(out, "  %-11s%s\n", "dirty", dirty);
	for (i = 0; i < nr; i++) {
		text_size(lacks, legs[i].lacks_bytes);
		fprintf(out, "  leg %-7u%s  %s", legs[i].leg,
			text_mirror_leg_state(legs[i].state), legs[i].target);
		if (legs[i].lacks_bytes)
			fprintf(out, ", %s to be copied", lacks);
		if (*legs[i].why)
			fprintf(out, ": %s", legs[i].why);
		fputc('\n', out);
	}
}

static void human_client(FILE *out, const struct dst_ioc_client *client)
{
	char addr[TEXT_ADDR_LEN];

	text_addr(addr, &client->addr);
	fprintf(out, "  %-11s%s at %s, %s, %u lane%s\n", "client",
		*client->host ? client->host : "?", *addr ? addr : "(gone)",
		client->client_flags & DST_IOC_CLIENT_READ_ONLY ? "ro" : "rw",
		client->lanes, client->lanes == 1 ? "" : "s");
}

static void human_access(FILE *out, const struct dst_ioc_export *export)
{
	char text[TEXT_ADDR_LEN];
	__u32 i;

	fprintf(out, "  %-11s", "listen");
	for (i = 0; i < export->nr_listens; i++) {
		text_addr(text, &export->listen[i]);
		fprintf(out, "%s%s", i ? ", " : "", text);
	}
	fprintf(out, "\n  %-11s", "allow");
	for (i = 0; i < export->nr_allows; i++) {
		text_cidr(text, &export->allow[i]);
		fprintf(out, "%s%s", i ? ", " : "", text);
	}
	fputc('\n', out);
}

void human_export(FILE *out, const struct dst_ioc_export *export,
		  const struct dst_ioc_client *clients, size_t nr_clients,
		  bool colour)
{
	bool good = export->state == DST_IOC_EXPORT_ONLINE;
	const char *paint = good ? GREEN : RED;
	char size[TEXT_SIZE_LEN], used[TEXT_SIZE_LEN], limit[TEXT_SIZE_LEN];
	char name[DST_IOC_NAME_LEN + 8];
	size_t i;

	snprintf(name, sizeof(name), "export %s", export->name);
	text_size(size, export->size_bytes);
	text_size(used, export->mem_used_bytes);
	text_size(limit, export->mem_limit_bytes);

	human_head(out, name, text_export_state(export->state), paint, colour);
	human_why(out, export->why, paint, colour);
	fprintf(out, "  %-11s%s, %s%s%s\n", "path", export->path, size,
		export->export_flags & DST_IOC_EXPORT_READ_ONLY ?
		", read-only" : "",
		export->export_flags & DST_IOC_EXPORT_SHARED ? ", shared" : "");
	human_access(out, export);
	for (i = 0; i < nr_clients; i++)
		human_client(out, &clients[i]);
	fprintf(out, "  %-11s%u workers, %s of %s memory, %zu of %u clients\n",
		"limits", export->workers, used, limit, nr_clients,
		export->max_clients);
	human_counters(out, &export->counters);
	fprintf(out, "  %-11s%llu errors, %llu refused, %llu fenced, %llu malformed\n",
		"trouble", export->counters.errors, export->counters.refused,
		export->counters.fenced, export->counters.malformed);
}
