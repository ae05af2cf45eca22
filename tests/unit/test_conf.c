// SPDX-License-Identifier: GPL-2.0-only
/* dst.conf is read whole and strictly; an error names its line. */
#include "unit.h"

#include "conf.h"

static const char *parse(const char *text, struct conf *conf,
			 unsigned int *line)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	const char *bad;

	assert_non_null(file);
	bad = conf_parse(file, conf, line);
	fclose(file);
	return bad;
}

static void bad_at(unsigned int want, const char *words, const char *text)
{
	struct conf conf;
	unsigned int line;
	const char *bad;

	bad = parse(text, &conf, &line);
	if (!bad)
		fail_msg("was taken: %s", text);
	if (!strstr(bad, words))
		fail_msg("'%s' does not say '%s'", bad, words);
	assert_int_equal(line, want);
	conf_free(&conf);
}

static void test_good(void **state)
{
	static const char text[] =
		"# a comment\n"
		"; another\r\n"
		"\n"
		"  [export disk]  \n"
		"path = /dev/vdb\n"
		"listen=10.0.0.1\n"
		"listen = [::]:5000\n"
		"allow = 10.0.0.0/8=rw, 192.168.0.0/16=ro\n"
		"allow = fd00::/8\n"
		"ro = no\nshared=yes\nworkers = 4\n"
		"mem-limit = 64M\nmax-clients = 3\n"
		"[ device\tdst2 ]\n"
		"target = Server:5000/disk\n"
		"ack = disk\nro = yes\nlanes = 2\nio-timeout = 10s\n"
		"keepalive = 500ms\nfail-after = never\nmem-limit = 1G\n"
		"digest = yes\nwait = 1m";
	const struct export_spec *export;
	const struct device_spec *device;
	unsigned int line;
	struct conf conf;

	(void)state;
	assert_null(parse(text, &conf, &line));
	assert_int_equal(conf.nr_exports, 1);
	assert_int_equal(conf.nr_devices, 1);
	assert_int_equal(conf.exports[0].line, 4);
	assert_int_equal(conf.devices[0].line, 15);

	export = &conf.exports[0].spec;
	assert_string_equal(export->name, "disk");
	assert_string_equal(export->path, "/dev/vdb");
	assert_int_equal(export->nr_listens, 2);
	assert_int_equal(export->listen[1].port, 5000);
	assert_int_equal(export->nr_allows, 3);
	assert_int_equal(export->allow[1].flags, 0);
	assert_true(export->shared);
	assert_false(export->read_only);
	assert_int_equal(export->workers, 4);
	assert_int_equal(export->max_clients, 3);
	assert_int_equal(export->mem_limit_bytes, 64 << 20);

	device = &conf.devices[0].spec;
	assert_int_equal(device->index, 2);
	assert_string_equal(device->target, "server:5000/disk");
	assert_int_equal(device->ack, DST_IOC_ACK_DISK);
	assert_true(device->read_only);
	assert_true(device->digest);
	assert_int_equal(device->lanes, 2);
	assert_int_equal(device->io_timeout_ms, 10000);
	assert_int_equal(device->keepalive_ms, 500);
	assert_true(device->fail_after_ms == DST_IOC_NEVER_MS);
	assert_int_equal(device->wait_ms, 60000);
	conf_free(&conf);
}

/* Without allows only this machine may attach: not what ran before. */
static void test_default_allow(void **state)
{
	unsigned int line;
	struct conf conf;

	(void)state;
	assert_null(parse("[export a]\npath = /a\n", &conf, &line));
	assert_int_equal(conf.exports[0].spec.nr_allows, 2);
	assert_int_equal(conf.exports[0].spec.allow[0].addr.addr[0], 127);
	assert_int_equal(conf.exports[0].spec.allow[1].addr.addr[15], 1);
	conf_free(&conf);
}

static void test_empty(void **state)
{
	unsigned int line;
	struct conf conf;

	(void)state;
	assert_null(parse("\n#\n", &conf, &line));
	assert_int_equal(conf.nr_exports, 0);
	assert_int_equal(conf.nr_devices, 0);
	conf_free(&conf);
}

static void test_bad(void **state)
{
	(void)state;
	bad_at(1, "[export NAME]", "[mirror a]\n");
	bad_at(1, "[export NAME]", "[]\n");
	bad_at(1, "nothing behind", "[export a] x\n");
	bad_at(1, "nothing behind", "[export a\n");
	bad_at(1, "first section", "path = /a\n");
	bad_at(2, "KEY = VALUE", "[export a]\npath /a\n");
	bad_at(2, "no key", "[export a]\nack = disk\n");
	bad_at(2, "no key", "[export a]\n = disk\n");
	bad_at(2, "no key", "[device dst0]\npreempt = yes\n");
	bad_at(2, "no key", "[device dst0]\nname = dst1\n");
	bad_at(3, "twice", "[export a]\npath = /a\npath = /b\n");
	bad_at(3, "twice", "[export a]\npath = /a\n[export a]\npath = /b\n");
	bad_at(3, "twice", "[device dst0]\ntarget = a/b\n[device dst0]\n");
	bad_at(3, "same target", "[device dst0]\ntarget = a/b\n"
				 "[device dst1]\ntarget = A:4490/b\n");
	bad_at(1, "no path", "[export a]\n");
	bad_at(2, "no path", "\n[export a]\nworkers = 1\n[export b]\npath=/b");
	bad_at(1, "no target", "[device dst0]\nack = disk\n");
	bad_at(1, "not a device", "[device sda]\n");
	bad_at(1, "no name", "[export a/b]\n");
	bad_at(2, "absolute", "[export a]\npath = a\n");
	bad_at(2, "neither yes nor no", "[export a]\nro = 1\n");
	bad_at(2, "workers", "[export a]\nworkers = 0\n");
	bad_at(2, "size", "[device dst0]\nmem-limit = lots\n");
	bad_at(2, "IPv6", "[export a]\nlisten = ::1\n");
}

static void test_long_line(void **state)
{
	char text[5000];

	(void)state;
	memset(text, '#', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	bad_at(1, "too long", text);
	text[4000] = '\n';
	text[4001] = 'x';
	text[4002] = '\0';
	bad_at(2, "KEY = VALUE", text);
}

static void test_too_many(void **state)
{
	char text[4096] = "[export a]\n";
	int i;

	(void)state;
	for (i = 0; i <= DST_IOC_LISTENS; i++)
		strcat(text, "listen = 10.0.0.1\n");
	bad_at(10, "too many", text);

	strcpy(text, "[export a]\nallow = 10.0.0.0/8");
	for (i = 0; i < DST_IOC_ALLOWS; i++)
		strcat(text, ",10.0.0.0/8");
	bad_at(2, "too many", text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_default_allow),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
