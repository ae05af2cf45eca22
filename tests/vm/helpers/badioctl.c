// SPDX-License-Identifier: GPL-2.0-only
/*
 * Says nonsense to /dev/dst-control.
 *
 * badioctl check		each call with arguments that must be refused
 * badioctl nobody		as one who may not
 * badioctl fuzz SEED ROUNDS	random arguments
 *
 * One line for each check that failed; exit 1 if there is any. Needs: there
 * are no devices from number 4000, no export "none", no path /no/such.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dst_ioctl.h"

#define NOBODY		65534
#define NO_DEVICE	4000
#define CANARY		0xa5
#define ROOM		16384

static int control, failures;

static void fail(const char *fmt, ...)
{
	va_list args;

	failures++;
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

union arg {
	struct dst_ioc_head head;
	struct dst_ioc_version version;
	struct dst_ioc_attach attach;
	struct dst_ioc_device_ref device_ref;
	struct dst_ioc_device_set device_set;
	struct dst_ioc_device device;
	struct dst_ioc_export_add export_add;
	struct dst_ioc_export_ref export_ref;
	struct dst_ioc_export_set export_set;
	struct dst_ioc_export export;
	struct dst_ioc_client client;
	uint8_t bytes[ROOM];
	uint32_t words[ROOM / 4];
};

/* What each call is given when nothing is wrong with the form, and says then. */
static const struct call {
	const char *name;
	unsigned long cmd;
	size_t size;
	uint32_t flags;
	int err;		/* -1: some error */
} calls[] = {
	{ "VERSION", DST_IOC_VERSION, sizeof(struct dst_ioc_version), 0, 0 },
	{ "ATTACH", DST_IOC_ATTACH, sizeof(struct dst_ioc_attach), 7, -1 },
	{ "DETACH", DST_IOC_DETACH, sizeof(struct dst_ioc_device_ref), 1,
	  ENODEV },
	{ "FAIL", DST_IOC_FAIL, sizeof(struct dst_ioc_device_ref), 0, ENODEV },
	{ "DEVICE_SET", DST_IOC_DEVICE_SET, sizeof(struct dst_ioc_device_set),
	  0, ENODEV },
	{ "DEVICE_GET", DST_IOC_DEVICE_GET, sizeof(struct dst_ioc_device), 1,
	  ENOENT },
	{ "EXPORT_ADD", DST_IOC_EXPORT_ADD, sizeof(struct dst_ioc_export_add),
	  3, ENOENT },
	{ "EXPORT_REMOVE", DST_IOC_EXPORT_REMOVE,
	  sizeof(struct dst_ioc_export_ref), 1, ENOENT },
	{ "EXPORT_SET", DST_IOC_EXPORT_SET, sizeof(struct dst_ioc_export_set),
	  0, ENOENT },
	{ "EXPORT_GET", DST_IOC_EXPORT_GET, sizeof(struct dst_ioc_export), 1,
	  ENOENT },
	{ "CLIENT_GET", DST_IOC_CLIENT_GET, sizeof(struct dst_ioc_client), 1,
	  ENOENT },
};

#define CALLS	(sizeof(calls) / sizeof(*calls))

static void template(const struct call *c, union arg *a)
{
	static const uint8_t loopback[] = { 127, 0, 0, 1 };

	memset(a, 0, sizeof(*a));
	a->head.size = c->size;
	switch (c->cmd) {
	case DST_IOC_ATTACH:
		a->attach.index = -1;
		a->attach.wait_ms = 1;
		a->attach.lanes = 1;
		memset(a->attach.initiator, 1, DST_IOC_UUID_LEN);
		memset(a->attach.device, 2, DST_IOC_UUID_LEN);
		a->attach.addr.family = DST_IOC_ADDR_INET;
		a->attach.addr.port = 1;
		memcpy(a->attach.addr.addr, loopback, 4);
		strcpy(a->attach.target, "127.0.0.1:1/none");
		strcpy(a->attach.export, "none");
		strcpy(a->attach.host, "here");
		break;
	case DST_IOC_DETACH:
	case DST_IOC_FAIL:
		a->device_ref.index = NO_DEVICE;
		break;
	case DST_IOC_DEVICE_SET:
		a->device_set.index = NO_DEVICE;
		break;
	case DST_IOC_DEVICE_GET:
		a->device.index = NO_DEVICE;
		break;
	case DST_IOC_EXPORT_ADD:
		memset(a->export_add.uuid, 3, DST_IOC_UUID_LEN);
		strcpy(a->export_add.name, "none");
		strcpy(a->export_add.path, "/no/such");
		break;
	case DST_IOC_EXPORT_REMOVE:
		strcpy(a->export_ref.name, "none");
		break;
	case DST_IOC_EXPORT_SET:
		strcpy(a->export_set.name, "none");
		break;
	case DST_IOC_EXPORT_GET:
		a->export.index = 1U << 31;
		break;
	case DST_IOC_CLIENT_GET:
		a->client.export = 1U << 31;
		break;
	}
}

static int run(unsigned long cmd, void *arg)
{
	return ioctl(control, cmd, arg) ? errno : 0;
}

static void expect(const struct call *c, const char *what, void *arg, int want)
{
	int got = run(c->cmd, arg);

	if (want < 0 ? !got : got != want)
		fail("%s, %s: errno %d, not %d", c->name, what, got, want);
}

/* ---- what all calls have in common -------------------------------------- */

static void check_sizes(const struct call *c, union arg *a)
{
	static const uint32_t wrong[] = { 0, 1, 4, 7 };
	static const uint32_t huge[] = { 4097, 1U << 20, 1U << 31, ~0U };

	for (size_t i = 0; i < 4; i++) {
		template(c, a);
		a->head.size = wrong[i];
		expect(c, "size below that of the head", a, EINVAL);
		a->head.size = huge[i];
		expect(c, "huge size", a, E2BIG);
	}
	template(c, a);
	expect(c, "as it should be", a, c->err);
	template(c, a);
	a->head.size = c->size + 64;
	expect(c, "newer caller, nothing new used", a, c->err);
	template(c, a);
	a->head.size = c->size + 64;
	a->bytes[c->size + 63] = 1;
	expect(c, "newer caller, something new used", a, E2BIG);

	/* an older caller: nothing is written behind its structure */
	for (uint32_t size = sizeof(a->head); size < c->size; size += 8) {
		template(c, a);
		memset(a->bytes + size, CANARY, ROOM - size);
		a->head.size = size;
		run(c->cmd, a);
		for (size_t i = size; i < ROOM; i++)
			if (a->bytes[i] != CANARY) {
				fail("%s, size %u: byte %zu written", c->name,
				     size, i);
				break;
			}
	}
}

static void check_flags(const struct call *c, union arg *a)
{
	for (uint32_t bit = 1; bit; bit <<= 1) {
		if (bit & c->flags)
			continue;
		template(c, a);
		a->head.flags = bit;
		expect(c, "unknown flag", a, EINVAL);
	}
}

static void check_pointers(const struct call *c, union arg *a, uint8_t *edge)
{
	expect(c, "null pointer", NULL, EFAULT);
	expect(c, "kernel pointer", (void *)0xffffffff81000000, EFAULT);
	expect(c, "last page", (void *)~0xfffUL, EFAULT);
	/* the head can be read, the rest can't */
	template(c, a);
	memcpy(edge - 8, a, 8);
	expect(c, "structure across the edge", edge - 8, EFAULT);
	expect(c, "pointer to nothing", edge, EFAULT);
	memcpy(edge - c->size, a, c->size);
	expect(c, "odd pointer at the edge", edge - c->size, c->err);
}

static void check_commands(const struct call *c, union arg *a)
{
	const unsigned long wrong[] = {
		_IO(0xd5, _IOC_NR(c->cmd)),
		_IOR(0xd5, _IOC_NR(c->cmd), struct dst_ioc_head),
		_IOWR(0xd5, _IOC_NR(c->cmd), uint64_t[7]),
		_IOWR(0xd4, _IOC_NR(c->cmd), struct dst_ioc_head),
		_IOWR(0xd5, _IOC_NR(c->cmd) + 100, struct dst_ioc_head),
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		template(c, a);
		if (run(wrong[i], a) != ENOTTY)
			fail("%s: command %lx is taken", c->name, wrong[i]);
	}
}

/* ---- each field ---------------------------------------------------------- */

#define AT(type, field)	offsetof(struct dst_ioc_##type, field), \
			sizeof(((struct dst_ioc_##type *)0)->field)

static const struct field {
	unsigned long cmd;
	size_t offset, len;
	uint64_t value;		/* little-endian; of long fields: each byte */
	int err;
	const char *what;
} fields[] = {
	{ DST_IOC_ATTACH, AT(attach, export), 0, EINVAL, "no export" },
	{ DST_IOC_ATTACH, AT(attach, export), 'a', EINVAL, "export, no end" },
	{ DST_IOC_ATTACH, AT(attach, export[0]), '/', EINVAL, "export /" },
	{ DST_IOC_ATTACH, AT(attach, export[0]), 0x80, EINVAL, "export, 8 bit" },
	{ DST_IOC_ATTACH, AT(attach, export[63]), 'a', EINVAL, "export, tail" },
	{ DST_IOC_ATTACH, AT(attach, target), 'a', EINVAL, "target, no end" },
	{ DST_IOC_ATTACH, AT(attach, target[191]), 'a', EINVAL, "target, tail" },
	{ DST_IOC_ATTACH, AT(attach, host), 'a', EINVAL, "host, no end" },
	{ DST_IOC_ATTACH, AT(attach, index), (uint32_t)-2, EINVAL, "index -2" },
	{ DST_IOC_ATTACH, AT(attach, index), 4096, EINVAL, "index 4096" },
	{ DST_IOC_ATTACH, AT(attach, index), 0x7fffffff, EINVAL, "index 2^31" },
	{ DST_IOC_ATTACH, AT(attach, lanes), 17, EINVAL, "17 lanes" },
	{ DST_IOC_ATTACH, AT(attach, lanes), ~0U, EINVAL, "2^32 lanes" },
	{ DST_IOC_ATTACH, AT(attach, ack), 3, EINVAL, "ack 3" },
	{ DST_IOC_ATTACH, AT(attach, ack), ~0U, EINVAL, "ack ~0" },
	{ DST_IOC_ATTACH, AT(attach, io_timeout_ms), 1, ERANGE, "io_timeout" },
	{ DST_IOC_ATTACH, AT(attach, io_timeout_ms), ~0U, ERANGE, "io_timeout" },
	{ DST_IOC_ATTACH, AT(attach, keepalive_ms), 1, ERANGE, "keepalive" },
	{ DST_IOC_ATTACH, AT(attach, keepalive_ms), ~0U, ERANGE, "keepalive" },
	{ DST_IOC_ATTACH, AT(attach, wait_ms), ~0U, ERANGE, "wait" },
	{ DST_IOC_ATTACH, AT(attach, initiator), 0, EINVAL, "initiator" },
	{ DST_IOC_ATTACH, AT(attach, device), 0, EINVAL, "device" },
	{ DST_IOC_ATTACH, AT(attach, addr.family), 0, EINVAL, "family 0" },
	{ DST_IOC_ATTACH, AT(attach, addr.family), 5, EINVAL, "family 5" },
	{ DST_IOC_ATTACH, AT(attach, addr.family), 0xffff, EINVAL, "family" },
	{ DST_IOC_ATTACH, AT(attach, addr.port), 0, EINVAL, "port 0" },
	{ DST_IOC_ATTACH, AT(attach, addr.addr[15]), 1, EINVAL, "IPv4, tail" },
	{ DST_IOC_ATTACH, AT(attach, addr.scope_id), 1, EINVAL, "IPv4, scope" },

	{ DST_IOC_DETACH, AT(device_ref, reserved), 1, EINVAL, "reserved" },
	{ DST_IOC_DETACH, AT(device_ref, index), ~0U, ENODEV, "index ~0" },
	{ DST_IOC_FAIL, AT(device_ref, reserved), 1U << 31, EINVAL, "reserved" },
	{ DST_IOC_FAIL, AT(device_ref, index), 1U << 31, ENODEV, "index" },
	{ DST_IOC_DEVICE_SET, AT(device_set, reserved), 1, EINVAL, "reserved" },
	{ DST_IOC_DEVICE_SET, AT(device_set, mask), 1U << 31, EINVAL, "mask" },
	{ DST_IOC_DEVICE_SET, AT(device_set, index), ~0U, ENODEV, "index ~0" },
	{ DST_IOC_DEVICE_GET, AT(device, index), ~0U, ENOENT, "index ~0" },
	{ DST_IOC_EXPORT_GET, AT(export, index), ~0U, ENOENT, "index ~0" },
	{ DST_IOC_CLIENT_GET, AT(client, client), ~0U, ENOENT, "client ~0" },

	{ DST_IOC_EXPORT_ADD, AT(export_add, name), 0, EINVAL, "no name" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, name), 'a', EINVAL, "name, no end" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, name[0]), '%', EINVAL, "name %" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, path), '/', EINVAL, "path, no end" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, path[0]), 'a', EINVAL, "relative" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, path[255]), 'a', EINVAL, "tail" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, path[1]), 0, -1, "path /" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, uuid), 0, EINVAL, "uuid" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, nr_listens), 9, EINVAL, "listens" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, nr_listens), ~0U, EINVAL,
	  "2^32 listens" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, nr_listens), 1, EINVAL,
	  "listen, family 0" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, nr_allows), 33, EINVAL, "allows" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, nr_allows), ~0U, EINVAL,
	  "2^32 allows" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, nr_allows), 1, EINVAL,
	  "allow, family 0" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, workers), ~0U, ERANGE, "workers" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, max_clients), ~0U, ERANGE,
	  "clients" },
	{ DST_IOC_EXPORT_ADD, AT(export_add, mem_limit_bytes), 1, ERANGE,
	  "memory" },
	{ DST_IOC_EXPORT_REMOVE, AT(export_ref, name), 'a', EINVAL, "no end" },
	{ DST_IOC_EXPORT_REMOVE, AT(export_ref, name), 0, EINVAL, "no name" },
	{ DST_IOC_EXPORT_SET, AT(export_set, name), 'a', EINVAL, "no end" },
	{ DST_IOC_EXPORT_SET, AT(export_set, mask), 1U << 31, EINVAL, "mask" },
	{ DST_IOC_EXPORT_SET, AT(export_set, nr_allows), 33, EINVAL, "allows" },
	{ DST_IOC_EXPORT_SET, AT(export_set, nr_allows), ~0U, EINVAL,
	  "2^32 allows" },
	{ DST_IOC_EXPORT_SET, AT(export_set, workers), ~0U, ERANGE, "workers" },
};

static void check_fields(const struct call *c, union arg *a)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const struct field *f = &fields[i];

		if (f->cmd != c->cmd)
			continue;
		template(c, a);
		if (f->len <= sizeof(f->value))
			memcpy(a->bytes + f->offset, &f->value, f->len);
		else
			memset(a->bytes + f->offset, f->value, f->len);
		expect(c, f->what, a, f->err);
	}
}

/* Every allow and listen is looked at, with the limits of its family. */
static void check_lists(union arg *a)
{
	static const struct {
		uint16_t family, port;
		uint32_t prefix_len, flags;
		int err;
	} tries[] = {
		{ DST_IOC_ADDR_INET, 0, 32, 1, ENOENT },
		{ DST_IOC_ADDR_INET, 0, 33, 1, EINVAL },
		{ DST_IOC_ADDR_INET, 0, ~0U, 1, EINVAL },
		{ DST_IOC_ADDR_INET6, 0, 128, 1, ENOENT },
		{ DST_IOC_ADDR_INET6, 0, 129, 1, EINVAL },
		{ DST_IOC_ADDR_INET, 1, 8, 1, EINVAL },
		{ DST_IOC_ADDR_INET, 0, 8, 2, EINVAL },
		{ 7, 0, 8, 1, EINVAL },
	};
	const struct call *add = &calls[6];

	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		struct dst_ioc_allow *allow;

		template(add, a);
		a->export_add.nr_allows = DST_IOC_ALLOWS;
		allow = a->export_add.allow;
		for (int n = 0; n < DST_IOC_ALLOWS; n++)
			allow[n].addr.family = DST_IOC_ADDR_INET;
		allow[DST_IOC_ALLOWS - 1] = (struct dst_ioc_allow) {
			.addr = { .family = tries[i].family,
				  .port = tries[i].port },
			.prefix_len = tries[i].prefix_len,
			.flags = tries[i].flags,
		};
		expect(add, "last of the allows", a, tries[i].err);
	}
}

static void check_all(union arg *a)
{
	uint8_t *edge = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	edge += 7 * 4096;
	munmap(edge, 4096);
	for (size_t i = 0; i < CALLS; i++) {
		check_sizes(&calls[i], a);
		check_flags(&calls[i], a);
		check_pointers(&calls[i], a, edge);
		check_commands(&calls[i], a);
		check_fields(&calls[i], a);
	}
	check_lists(a);
}

static void check_nobody(union arg *a)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		fail("cannot become nobody");
	for (size_t i = 0; i < CALLS; i++) {
		template(&calls[i], a);
		expect(&calls[i], "as nobody", a, EPERM);
	}
	if (open("/dev/dst-control", O_RDWR) >= 0)
		fail("nobody may open /dev/dst-control");
}

/* ---- random -------------------------------------------------------------- */

static uint64_t state;

static uint32_t random_u32(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 32;
}

static uint32_t random_value(void)
{
	static const uint32_t odd[] = { 0, 1, 2, 8, 32, 64, 255, 256, 4095, 4096,
					1U << 31, ~0U };

	return random_u32() & 1 ? odd[random_u32() % 12] : random_u32();
}

static void fuzz(union arg *a, unsigned int rounds)
{
	unsigned int done = 0;

	while (rounds--) {
		const struct call *c = &calls[random_u32() % CALLS];
		unsigned int n = random_u32() % 6;

		template(c, a);
		/* what there is may be looked at, not changed */
		if (c->cmd == DST_IOC_DEVICE_GET || c->cmd == DST_IOC_EXPORT_GET ||
		    c->cmd == DST_IOC_CLIENT_GET) {
			a->words[2] = random_u32() % 3;
			a->words[3] = 0;
			a->head.flags = random_u32() & 1;
		}
		if (!(random_u32() & 7))
			a->head.size = random_value();
		if (!(random_u32() & 7))
			a->head.flags = random_value();
		/* the index stays, so that nothing there is hit */
		for (; n; n--)
			a->words[3 + random_u32() % (c->size / 4 - 3)] =
				random_value();
		if (c->cmd == DST_IOC_ATTACH) {
			a->attach.wait_ms = 1 + random_u32() % 20;
			memset(a->attach.addr.addr, 0, 16);
			a->attach.addr.addr[0] = 127;
			a->attach.addr.port |= 1;
		}
		if (c->cmd == DST_IOC_EXPORT_ADD)
			memcpy(a->export_add.path, "/no/such/", 9);
		done += !run(c->cmd, a);
	}
	printf("%u succeeded\n", done);
}

int main(int argc, char **argv)
{
	static union arg a;

	control = open("/dev/dst-control", O_RDWR);
	if (control < 0) {
		perror("/dev/dst-control");
		return 1;
	}
	if (argc == 2 && !strcmp(argv[1], "check")) {
		check_all(&a);
	} else if (argc == 2 && !strcmp(argv[1], "nobody")) {
		check_nobody(&a);
	} else if (argc == 4 && !strcmp(argv[1], "fuzz")) {
		state = strtoul(argv[2], NULL, 0);
		fuzz(&a, strtoul(argv[3], NULL, 0));
	} else {
		return 2;
	}
	return failures ? 1 : 0;
}
