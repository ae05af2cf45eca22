// SPDX-License-Identifier: GPL-2.0-only
/*
 * dstctl from its command line to the structures that the kernel gets: what
 * is refused changes nothing and says why in one line; what is done is done
 * once. The kernel is fake_kernel.c.
 */
#include "unit.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

#include "fake_kernel.h"
#include "run.h"

static int setup(void **state)
{
	(void)state;
	fake_reset();
	setenv("DST_MACHINE_ID", "0123456789abcdef0123456789abcdef", 1);
	unsetenv("DST_INITIATOR");
	return 0;
}

static void test_usage(void **state)
{
	(void)state;
	assert_int_equal(dstctl("--help"), 0);
	assert_non_null(strstr(out, "transactions"));
	assert_int_equal(dstctl("attach --help"), 0);
	assert_non_null(strstr(out, "--fail-after"));
	refused(2, "no such command", "bogus");
	refused(2, "add, remove or set", "export");
	refused(2, "no 'export list'", "export list");
	refused(2, "say create, attach or examine", "mirror");
	refused(2, "no 'mirror list'", "mirror list");
	refused(2, "nothing was named", "attach");
	refused(2, "too many words", "attach h/a h/b");
	refused(2, "no option '--bogus'", "attach h/a --bogus");
	refused(2, "no option '-x'", "attach h/a -x");
	refused(2, "needs a value", "attach h/a --lanes");
	refused(2, "takes no value", "attach h/a --ro=1");
	refused(2, "number of lanes", "attach h/a --lanes 17");
	refused(2, "number of lanes", "attach h/a --lanes 0");
	refused(2, "not a size", "attach h/a --mem-limit much");
	refused(2, "not a time", "attach h/a --io-timeout 1h");
	refused(2, "not a time", "attach h/a --io-timeout never");
	refused(2, "not ram, server or disk", "attach h/a --ack cache");
	refused(2, "not a device", "attach h/a --name sda");
	refused(2, "no export", "attach host");
	refused(2, "bad port", "attach host:0/a");
	refused(2, "IPv6", "attach fe80::1/a");
	refused(2, "something is missing", "export add a");
	refused(2, "no name for an export", "export add a/b /tmp");
	refused(2, "too long", "export add "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
		"/tmp");
	refused(2, "bits set behind", "export add a /tmp --allow 10.0.0.5/8");
	refused(2, "not KEY=VALUE", "export set a workers");
	refused(2, "no key 'ro'", "export set a ro=yes");
	refused(2, "no key 'lanes'", "set dst0 lanes=3");
	refused(2, "not a device", "set sda ack=disk");
	refused(2, "partition", "detach dst0p1");
	refused(2, "not online", "wait dst0 happy");
	refused(2, "not a time", "wait dst0 online --timeout x");
	refused(2, "not a time", "stats --interval x");
	refused(2, "Use 'dstctl stats --interval 1' instead", "top");
	refused(2, "too many words", "top dst0");
}

static void test_later(void **state)
{
	(void)state;
	refused(1, "no '--key' yet", "attach h/a --key /k");
	refused(1, "no '--tls' yet", "export add a /tmp --tls");
	refused(1, "no 'mirror add' yet", "mirror add dst0 a/b");
	refused(1, "no 'mirror verify' yet", "mirror verify dst0");
	refused(1, "of a mirror yet", "set dst0 quorum=hold");
	refused(1, "of a mirror yet", "set dst0 leg-timeout=5s");
}

static void test_no_module(void **state)
{
	static const char * const lines[] = {
		"export add a /etc/passwd", "export remove a",
		"export set a workers=2", "attach 127.0.0.1/a", "detach dst0",
		"set dst0 ack=disk", "fail dst0", "status", "status --json",
		"wait dst0 online", "stats", "top", "metrics",
		"transactions dst0",
	};
	size_t i;

	(void)state;
	fake.absent = 1;
	for (i = 0; i < ARRAY_SIZE(lines); i++)
		refused(1, "not loaded", lines[i]);
	done("version");
	done("apply --stop");
}

static void test_attach(void **state)
{
	const struct dst_ioc_attach *arg = &fake.attach;

	(void)state;
	done("attach 127.0.0.1:99/disk --name dst3 --ack disk --ro --lanes 2 --mem-limit 64M --io-timeout 3s --keepalive 250ms --fail-after 1m --preempt --digest --wait 2s");
	assert_string_equal(out, "/dev/dst3\n");
	assert_int_equal(arg->head.size, sizeof(*arg));
	assert_int_equal(arg->head.flags, DST_IOC_ATTACH_READ_ONLY |
			 DST_IOC_ATTACH_PREEMPT | DST_IOC_ATTACH_DIGEST);
	assert_int_equal(arg->index, 3);
	assert_int_equal(arg->ack, DST_IOC_ACK_DISK);
	assert_int_equal(arg->lanes, 2);
	assert_int_equal(arg->mem_limit_bytes, 64 << 20);
	assert_int_equal(arg->io_timeout_ms, 3000);
	assert_int_equal(arg->keepalive_ms, 250);
	assert_int_equal(arg->fail_after_ms, 60000);
	assert_int_equal(arg->wait_ms, 2000);
	assert_int_equal(arg->addr.family, DST_IOC_ADDR_INET);
	assert_int_equal(arg->addr.port, 99);
	assert_int_equal(arg->addr.addr[0], 127);
	assert_string_equal(arg->target, "127.0.0.1:99/disk");
	assert_string_equal(arg->export, "disk");
}

static void test_attach_defaults(void **state)
{
	const struct dst_ioc_attach *arg = &fake.attach;

	(void)state;
	done("attach [::1]/disk");
	assert_string_equal(out, "/dev/dst0\n");
	assert_int_equal(arg->index, -1);
	assert_int_equal(arg->head.flags, 0);
	assert_int_equal(arg->ack, DST_IOC_ACK_SERVER);
	assert_int_equal(arg->lanes, 0);
	assert_int_equal(arg->wait_ms, 10000);
	assert_int_equal(arg->fail_after_ms, 0);
	assert_int_equal(arg->addr.family, DST_IOC_ADDR_INET6);
	assert_int_equal(arg->addr.port, 4490);
	assert_string_equal(arg->target, "[::1]:4490/disk");
}

/* The same machine and target: the same device, and never two of it. */
static void test_attach_identity(void **state)
{
	__u8 initiator[DST_IOC_UUID_LEN], device[DST_IOC_UUID_LEN];

	(void)state;
	done("attach 127.0.0.1/disk");
	memcpy(initiator, fake.attach.initiator, sizeof(initiator));
	memcpy(device, fake.attach.device, sizeof(device));
	refused(1, "attached already, as /dev/dst0",
		"attach 127.0.0.1:4490/disk");
	done("detach dst0");
	done("attach 127.0.0.1:4490/disk");
	assert_memory_equal(fake.attach.initiator, initiator, 16);
	assert_memory_equal(fake.attach.device, device, 16);
	done("attach 127.0.0.1/other");
	assert_memory_equal(fake.attach.initiator, initiator, 16);
	assert_memory_not_equal(fake.attach.device, device, 16);

	setenv("DST_INITIATOR", "6d0e1f52-934b-4a0d-8e17-5b2cd470aa31", 1);
	done("attach 127.0.0.1/disk");
	assert_int_equal(fake.attach.initiator[0], 0x6d);
	assert_memory_not_equal(fake.attach.device, device, 16);
	setenv("DST_INITIATOR", "nonsense", 1);
	refused(1, "is not a UUID", "attach 127.0.0.1/third");
}

static void test_attach_refused(void **state)
{
	(void)state;
	fake.ret = -EBUSY;
	fake.reason = "the export is held by host alpha";
	refused(1, "held by host alpha. Detach", "attach 127.0.0.1/disk");
	fake.reason = NULL;
	fake.ret = -ETIMEDOUT;
	refused(1, "did not answer in time", "attach 127.0.0.1/disk");
	fake.ret = -EINTR;
	refused(1, "Nothing was attached", "attach 127.0.0.1/disk");
	fake.ret = -EPERM;
	refused(1, "Run dstctl as root", "attach 127.0.0.1/disk");
	done("attach 127.0.0.1/a --name dst0");
	refused(1, "exists already", "attach 127.0.0.1/b --name dst0");
	refused(1, "cannot look up", "attach [fe80::1%no_such_if]/disk");
}

/* No more than the whole time, however many addresses a name has. */
static void test_attach_resolve(void **state)
{
	(void)state;
	done("attach localhost/disk --wait 4s");
	assert_true(fake.attach.wait_ms >= 1 && fake.attach.wait_ms <= 4000);
	assert_string_equal(fake.attach.target, "localhost:4490/disk");
}

static void test_export_add(void **state)
{
	const struct dst_ioc_export_add *arg = &fake.export_add;

	(void)state;
	done("export add disk /etc/passwd --listen 127.0.0.1 --listen [::1]:99 --allow 10.0.0.0/8 --allow ::1=ro --ro --shared --workers 3 --mem-limit 8M --max-clients 5");
	assert_string_equal(out, "");
	assert_int_equal(arg->head.size, sizeof(*arg));
	assert_int_equal(arg->head.flags, DST_IOC_EXPORT_READ_ONLY |
			 DST_IOC_EXPORT_SHARED);
	assert_string_equal(arg->name, "disk");
	assert_string_equal(arg->path, "/etc/passwd");
	assert_int_equal(arg->nr_listens, 2);
	assert_int_equal(arg->listen[0].port, 4490);
	assert_int_equal(arg->listen[1].port, 99);
	assert_int_equal(arg->listen[1].family, DST_IOC_ADDR_INET6);
	assert_int_equal(arg->nr_allows, 2);
	assert_int_equal(arg->allow[0].flags, DST_IOC_ALLOW_RW);
	assert_int_equal(arg->allow[1].flags, 0);
	assert_int_equal(arg->workers, 3);
	assert_int_equal(arg->max_clients, 5);
	assert_int_equal(arg->mem_limit_bytes, 8 << 20);

	refused(1, "exists already", "export add disk /etc/passwd");
	refused(1, "no such", "export add new /no/such/file");
	refused(1, "neither a block device nor", "export add new /etc");
	done("export remove disk");
	refused(1, "no such", "export remove disk");
}

/* The same backing store under the same name keeps its identity. */
static void test_export_identity(void **state)
{
	__u8 uuid[DST_IOC_UUID_LEN];

	(void)state;
	done("export add disk /etc/passwd");
	memcpy(uuid, fake.export_add.uuid, sizeof(uuid));
	done("export remove disk");
	done("export add disk /etc/../etc/passwd");
	assert_memory_equal(fake.export_add.uuid, uuid, sizeof(uuid));
	done("export add disk2 /etc/passwd");
	assert_memory_not_equal(fake.export_add.uuid, uuid, sizeof(uuid));
	done("export remove disk");
	done("export add disk /etc/group");
	assert_memory_not_equal(fake.export_add.uuid, uuid, sizeof(uuid));
	done("export remove disk");
	setenv("DST_MACHINE_ID", "another", 1);
	done("export add disk /etc/passwd");
	assert_memory_not_equal(fake.export_add.uuid, uuid, sizeof(uuid));
}

static void test_set(void **state)
{
	(void)state;
	done("attach 127.0.0.1/disk");
	done("set /dev/dst0 ack=disk io-timeout=7s fail-after=never");
	assert_int_equal(fake.device_set.mask, DST_IOC_SET_ACK |
			 DST_IOC_SET_IO_TIMEOUT | DST_IOC_SET_FAIL_AFTER);
	assert_int_equal(fake.device_set.ack, DST_IOC_ACK_DISK);
	assert_int_equal(fake.device_set.io_timeout_ms, 7000);
	assert_true(fake.device_set.fail_after_ms == DST_IOC_NEVER_MS);
	refused(1, "no such device", "set dst5 ack=disk");

	done("export add disk /etc/passwd");
	done("export set disk workers=9 allow=10.0.0.0/8=ro,::/0=rw");
	assert_int_equal(fake.export_set.mask, DST_IOC_EXPORT_SET_WORKERS |
			 DST_IOC_EXPORT_SET_ALLOW);
	assert_int_equal(fake.export_set.workers, 9);
	assert_int_equal(fake.export_set.nr_allows, 2);
	refused(2, "not a network", "export set disk allow=");
	refused(1, "no such", "export set other workers=1");
}

static void test_detach(void **state)
{
	(void)state;
	done("attach 127.0.0.1/disk");
	fake.ret = -EBUSY;
	refused(1, "in use", "detach dst0");
	done("detach /dev/dst0 --force");
	assert_int_equal(fake.device_ref.head.flags, DST_IOC_DETACH_FORCE);
	refused(1, "no such", "detach dst0");
	refused(1, "is not a DST device", "detach /etc/passwd");
	refused(1, "no such", "detach /dev/disk/by-dst/none");
	done("attach 127.0.0.1/disk");
	done("fail dst0");
	assert_int_equal(fake.last, DST_IOC_FAIL);
}

static void test_wait(void **state)
{
	(void)state;
	refused(1, "no such device", "wait dst0 online");
	done("attach 127.0.0.1/disk");
	done("wait dst0 online");
	done("wait dst0 synced");
	done("wait dst0 idle");
	fake.device[0].state = DST_IOC_DEVICE_HELD;
	fake.device[0].in_flight = 3;
	strcpy(fake.device[0].why, "server 127.0.0.1 does not answer");
	refused(1, "held, 3 in flight: server 127.0.0.1 does not answer",
		"wait dst0 online --timeout 50ms");
	refused(1, "held", "wait dst0 idle --timeout 50ms");
	fake.device[0].state = DST_IOC_DEVICE_FAILED;
	done("wait dst0 failed");
}

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("there is no key '%s'", key);
	return value;
}

static void has_keys(struct json_object *object, const char *keys)
{
	char words[512];
	char *word, *rest = words;

	snprintf(words, sizeof(words), "%s", keys);
	while ((word = strsep(&rest, " ")))
		member(object, word);
}

#define COUNTERS "reads writes flushes discards read_bytes write_bytes resends replays reconnects errors hedged read_repairs"

/* Every key that CLI.md promises. */
static void test_status_json(void **state)
{
	struct json_object *all, *device, *leg, *lane, *export, *client;

	(void)state;
	done("attach 127.0.0.1/disk --lanes 2");
	done("export add disk /etc/passwd");
	fake.has_client = 1;
	fake.client.addr.family = DST_IOC_ADDR_INET;
	fake.client.client_flags = DST_IOC_CLIENT_READ_ONLY;
	fake.device[0].counters.reads = ~0ULL;
	strcpy(fake.device[0].why, "\"quoted\" \x1b \xff");
	done("status --json");
	all = json_tokener_parse(out);
	assert_non_null(all);

	device = json_object_array_get_idx(member(all, "devices"), 0);
	has_keys(device, "name path uuid state why size_bytes ack in_flight retained_bytes mem_limit_bytes legs resync counters");
	assert_string_equal(json_object_get_string(member(device, "why")),
			    "\"quoted\" ? ?");
	assert_null(member(device, "resync"));
	has_keys(member(device, "counters"), COUNTERS);
	assert_true(json_object_get_uint64(member(member(device, "counters"),
						  "reads")) == ~0ULL);
	leg = json_object_array_get_idx(member(device, "legs"), 0);
	has_keys(leg, "target index state why boot_id latency_us lanes");
	assert_string_equal(json_object_get_string(member(leg, "state")),
			    "in-sync");
	assert_int_equal(json_object_array_length(member(leg, "lanes")), 2);
	lane = json_object_array_get_idx(member(leg, "lanes"), 1);
	has_keys(lane, "index state in_flight reconnects resends");
	assert_string_equal(json_object_get_string(member(lane, "state")),
			    "connecting");

	export = json_object_array_get_idx(member(all, "exports"), 0);
	has_keys(export, "name path state boot_id size_bytes read_only clients workers mem_used_bytes counters");
	has_keys(member(export, "counters"), COUNTERS " refused fenced malformed");
	client = json_object_array_get_idx(member(export, "clients"), 0);
	has_keys(client, "address initiator device_uuid epoch lanes mode");
	assert_string_equal(json_object_get_string(member(client, "mode")),
			    "ro");
	json_object_put(all);
}

static void test_status(void **state)
{
	(void)state;
	done("status");
	assert_string_equal(out, "no devices and no exports\n");
	done("attach 127.0.0.1/disk");
	done("export add files /etc/passwd");
	fake.device[0].state = DST_IOC_DEVICE_HELD;
	strcpy(fake.device[0].why, "server does not answer");
	done("status");
	assert_non_null(strstr(out, "/dev/dst0  held\n  why        server does not answer\n"));
	assert_non_null(strstr(out, "export files  online\n"));
	assert_null(strchr(out, '\x1b'));
	done("status dst0");
	assert_null(strstr(out, "export files"));
	done("status files");
	assert_null(strstr(out, "/dev/dst0"));
	refused(1, "no device or export 'other'", "status other");
	refused(1, "no device or export 'dst7'", "status dst7");
}

static void test_stats(void **state)
{
	struct json_object *all;

	(void)state;
	done("attach 127.0.0.1/disk");
	done("export add files /etc/passwd");
	done("stats");
	assert_non_null(strstr(out, "dst0 "));
	done("stats files --json");
	all = json_tokener_parse(out);
	assert_int_equal(json_object_array_length(member(all, "devices")), 0);
	assert_int_equal(json_object_array_length(member(all, "exports")), 1);
	json_object_put(all);
	done("metrics");
	assert_non_null(strstr(out, "\ndst_device_state{device=\"dst0\",state=\"online\"} 1\n"));
	assert_non_null(strstr(out, "\ndst_export_malformed_total{export=\"files\"} 0\n"));
}

static char conf_path[] = "/tmp/dst-unit-......";

static void write_conf(const char *text)
{
	FILE *file = fopen(conf_path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup_conf(void **state)
{
	close(make_temp(conf_path));
	return setup(state);
}

static int teardown_conf(void **state)
{
	(void)state;
	return unlink(conf_path);
}

static const char *apply_line(void)
{
	static char line[64];

	snprintf(line, sizeof(line), "apply %s", conf_path);
	return line;
}

#define CONF_EXPORT	"[export files]\npath = /etc/passwd\nworkers = 3\n"
#define CONF_DEVICE	"[device dst2]\ntarget = 127.0.0.1/disk\nack = disk\n"

static void test_apply(void **state)
{
	unsigned int changes;

	(void)state;
	write_conf(CONF_EXPORT CONF_DEVICE);
	done(apply_line());
	assert_string_equal(out, "export files added\ndevice dst2 attached\n");
	assert_int_equal(fake.device[2].ack, DST_IOC_ACK_DISK);

	changes = fake.changes;
	done(apply_line());
	assert_string_equal(out, "");
	assert_int_equal(fake.changes, changes);

	write_conf("[export files]\npath = /etc/passwd\nworkers = 4\n"
		   "allow = 10.0.0.0/8\n"
		   "[device dst2]\ntarget = 127.0.0.1/disk\nio-timeout = 9s\n");
	done(apply_line());
	assert_string_equal(out, "export files changed\ndevice dst2 changed\n");
	assert_int_equal(fake.export_set.mask, DST_IOC_EXPORT_SET_WORKERS |
			 DST_IOC_EXPORT_SET_ALLOW);
	assert_int_equal(fake.device_set.mask, DST_IOC_SET_ACK |
			 DST_IOC_SET_IO_TIMEOUT);
	assert_int_equal(fake.device[2].ack, DST_IOC_ACK_SERVER);
	changes = fake.changes;
	done(apply_line());
	assert_int_equal(fake.changes, changes);
}

/* Without "listen": any address, however often; all else is a change. */
static void test_apply_listen(void **state)
{
	static const char * const others[] = {
		"0.0.0.0", "[::]", "127.0.0.1", "0.0.0.0:4491",
	};
	struct json_object *all, *listens;
	char line[128];
	size_t i;

	(void)state;
	write_conf(CONF_EXPORT);
	done(apply_line());
	done("status files");
	assert_non_null(strstr(out, "  listen     *:4490\n"));
	done("status --json files");
	all = json_tokener_parse(out);
	listens = member(json_object_array_get_idx(member(all, "exports"), 0),
			 "listen");
	assert_int_equal(json_object_array_length(listens), 1);
	assert_string_equal(json_object_get_string(
				json_object_array_get_idx(listens, 0)),
			    "*:4490");
	json_object_put(all);
	done(apply_line());
	assert_string_equal(out, "");
	assert_int_equal(fake.changes, 1);

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		snprintf(line, sizeof(line), "%slisten = %s\n", CONF_EXPORT,
			 others[i]);
		write_conf(line);
		refused(1, ":1: 'listen' differs", apply_line());
		done("export remove files");
		done(apply_line());
		done(apply_line());
		assert_string_equal(out, "");
		write_conf(CONF_EXPORT);
		refused(1, ":1: 'listen' differs", apply_line());
		done("export remove files");
		done(apply_line());
	}
}

/* Nothing at all is changed where one thing cannot be. */
static void test_apply_refused(void **state)
{
	(void)state;
	write_conf(CONF_EXPORT CONF_DEVICE);
	done(apply_line());

	write_conf("[export files]\npath = /etc/group\n"
		   "[export new]\npath = /etc/passwd\n");
	refused(1, ":1: 'path' differs", apply_line());
	write_conf("[export files]\npath = /etc/passwd\nro = yes\n");
	refused(1, ":1: 'ro' differs", apply_line());
	write_conf("[export files]\npath = /etc/passwd\nlisten = [::1]:99\n");
	refused(1, ":1: 'listen' differs", apply_line());
	write_conf("[export new]\npath = /etc/passwd\n"
		   "[device dst2]\ntarget = 127.0.0.1/other\n");
	refused(1, ":3: 'target' differs", apply_line());
	write_conf("[device dst2]\ntarget = 127.0.0.1/disk\ndigest = yes\n");
	refused(1, ":1: 'digest' differs", apply_line());
	write_conf("[device dst3]\ntarget = 127.0.0.1/disk\n");
	refused(1, "attached already, as dst2", apply_line());
	write_conf("[export new]\npath = /etc/passwd\n"
		   "[export bad]\npath = /no/such/file\n");
	refused(1, ":3: /no/such/file", apply_line());
	write_conf("[export new]\npath = /etc/passwd\nbogus = 1\n");
	refused(1, ":3: 'bogus' is no key", apply_line());
	refused(1, "cannot read /no/such/conf", "apply /no/such/conf");
}

/* What is not in the file stays. */
static void test_apply_leaves(void **state)
{
	(void)state;
	done("attach 127.0.0.1/hand");
	done("export add hand /etc/group");
	write_conf(CONF_EXPORT);
	done(apply_line());
	assert_string_equal(out, "export files added\n");
	assert_true(fake.has_device[0]);
	assert_true(fake.has_export[0]);
}

/* One that fails does not hold up the others, and the status tells. */
static void test_apply_goes_on(void **state)
{
	(void)state;
	write_conf(CONF_EXPORT CONF_DEVICE);
	fake.ret = -EADDRINUSE;
	assert_int_equal(dstctl(apply_line()), 1);
	assert_non_null(strstr(err, "address is in use"));
	assert_string_equal(out, "device dst2 attached\n");
}

static void test_stop(void **state)
{
	(void)state;
	done("attach 127.0.0.1/a");
	done("attach 127.0.0.1/b");
	done("export add hand /etc/group");
	done("apply --stop");
	assert_false(fake.has_device[0]);
	assert_false(fake.has_device[1]);
	assert_false(fake.has_export[0]);
	assert_int_equal(fake.last, DST_IOC_EXPORT_REMOVE);
	done("apply --stop");
	refused(2, "too many words", "apply --stop file");
}

/* An export that a device of this machine still needs is not pulled away. */
static void test_stop_own_client(void **state)
{
	(void)state;
	done("export add disk /etc/group");
	done("attach 127.0.0.1/disk");
	fake.has_client = 1;
	memcpy(fake.client.device, fake.device[0].device, 16);
	fake.ret = -EBUSY;
	assert_int_equal(dstctl("apply --stop"), 1);
	assert_true(fake.has_export[0]);
	assert_non_null(strstr(err, "a device of this machine is attached"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_usage, setup),
		cmocka_unit_test_setup(test_later, setup),
		cmocka_unit_test_setup(test_no_module, setup),
		cmocka_unit_test_setup(test_attach, setup),
		cmocka_unit_test_setup(test_attach_defaults, setup),
		cmocka_unit_test_setup(test_attach_identity, setup),
		cmocka_unit_test_setup(test_attach_refused, setup),
		cmocka_unit_test_setup(test_attach_resolve, setup),
		cmocka_unit_test_setup(test_export_add, setup),
		cmocka_unit_test_setup(test_export_identity, setup),
		cmocka_unit_test_setup(test_set, setup),
		cmocka_unit_test_setup(test_detach, setup),
		cmocka_unit_test_setup(test_wait, setup),
		cmocka_unit_test_setup(test_status_json, setup),
		cmocka_unit_test_setup(test_status, setup),
		cmocka_unit_test_setup(test_stats, setup),
		cmocka_unit_test_setup_teardown(test_apply, setup_conf,
						teardown_conf),
		cmocka_unit_test_setup_teardown(test_apply_listen, setup_conf,
						teardown_conf),
		cmocka_unit_test_setup_teardown(test_apply_refused, setup_conf,
						teardown_conf),
		cmocka_unit_test_setup_teardown(test_apply_leaves, setup_conf,
						teardown_conf),
		cmocka_unit_test_setup_teardown(test_apply_goes_on, setup_conf,
						teardown_conf),
		cmocka_unit_test_setup(test_stop, setup),
		cmocka_unit_test_setup(test_stop_own_client, setup),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
