// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wire and the ioctls keep their layouts: a field that moves breaks every
 * other version of DST, whatever the sizes say.
 */
#include "unit.h"

#include "../../dst_ioctl.h"
#include "../../dst_proto.h"

#define AT(type, member, offset) \
	assert_int_equal(offsetof(struct type, member), offset)

static void test_hello(void **state)
{
	(void)state;
	AT(dst_proto_hello, magic, 0);
	AT(dst_proto_hello, version_min, 4);
	AT(dst_proto_hello, version_max, 6);
	AT(dst_proto_hello, features, 8);
	AT(dst_proto_hello, initiator, 16);
	AT(dst_proto_hello, device, 32);
	AT(dst_proto_hello, epoch, 48);
	AT(dst_proto_hello, generation, 56);
	AT(dst_proto_hello, lane, 64);
	AT(dst_proto_hello, lanes, 66);
	AT(dst_proto_hello, flags, 68);
	AT(dst_proto_hello, nonce, 72);
	AT(dst_proto_hello, export, 88);
	AT(dst_proto_hello, host, 152);
	AT(dst_proto_hello, reserved, 216);
	AT(dst_proto_hello, header_crc, 252);
	assert_int_equal(sizeof(struct dst_proto_hello), 256);
}

static void test_welcome(void **state)
{
	(void)state;
	AT(dst_proto_welcome, magic, 0);
	AT(dst_proto_welcome, version, 4);
	AT(dst_proto_welcome, status, 6);
	AT(dst_proto_welcome, features, 8);
	AT(dst_proto_welcome, export_uuid, 16);
	AT(dst_proto_welcome, boot_id, 32);
	AT(dst_proto_welcome, client_nonce, 48);
	AT(dst_proto_welcome, server_nonce, 64);
	AT(dst_proto_welcome, epoch, 80);
	AT(dst_proto_welcome, size_bytes, 88);
	AT(dst_proto_welcome, logical_block_bytes, 96);
	AT(dst_proto_welcome, physical_block_bytes, 100);
	AT(dst_proto_welcome, io_min_bytes, 104);
	AT(dst_proto_welcome, io_opt_bytes, 108);
	AT(dst_proto_welcome, max_transfer_bytes, 112);
	AT(dst_proto_welcome, discard_granularity_bytes, 116);
	AT(dst_proto_welcome, export_flags, 120);
	AT(dst_proto_welcome, credit_bytes, 124);
	AT(dst_proto_welcome, credit_slots, 128);
	AT(dst_proto_welcome, max_lanes, 130);
	AT(dst_proto_welcome, drain_requests, 132);
	AT(dst_proto_welcome, drain_age_ms, 136);
	AT(dst_proto_welcome, holder, 140);
	AT(dst_proto_welcome, reserved, 204);
	AT(dst_proto_welcome, header_crc, 220);
	assert_int_equal(sizeof(struct dst_proto_welcome), 224);
}

static void test_request(void **state)
{
	(void)state;
	AT(dst_proto_request, magic, 0);
	AT(dst_proto_request, op, 4);
	AT(dst_proto_request, flags, 5);
	AT(dst_proto_request, tag, 6);
	AT(dst_proto_request, id, 8);
	AT(dst_proto_request, sector, 16);
	AT(dst_proto_request, length_bytes, 24);
	AT(dst_proto_request, data_crc, 28);
	AT(dst_proto_request, header_crc, 44);
	assert_int_equal(sizeof(struct dst_proto_request), 48);
}

static void test_reply(void **state)
{
	(void)state;
	AT(dst_proto_reply, magic, 0);
	AT(dst_proto_reply, op, 4);
	AT(dst_proto_reply, status, 5);
	AT(dst_proto_reply, tag, 6);
	AT(dst_proto_reply, id, 8);
	AT(dst_proto_reply, length_bytes, 16);
	AT(dst_proto_reply, data_crc, 20);
	AT(dst_proto_reply, credit_bytes, 24);
	AT(dst_proto_reply, credit_slots, 28);
	AT(dst_proto_reply, flags, 30);
	AT(dst_proto_reply, header_crc, 36);
	assert_int_equal(sizeof(struct dst_proto_reply), 40);
}

/* The numbers that go over the wire never change their meaning. */
static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(DST_PROTO_PORT, 4490);
	assert_memory_equal(&(__u32){ DST_PROTO_HELLO_MAGIC }, "DSTH", 4);
	assert_memory_equal(&(__u32){ DST_PROTO_WELCOME_MAGIC }, "DSTW", 4);
	assert_memory_equal(&(__u32){ DST_PROTO_REQUEST_MAGIC }, "DSTQ", 4);
	assert_memory_equal(&(__u32){ DST_PROTO_REPLY_MAGIC }, "DSTR", 4);
	assert_int_equal(DST_PROTO_OP_READ, 1);
	assert_int_equal(DST_PROTO_OP_WRITE, 2);
	assert_int_equal(DST_PROTO_OP_FLUSH, 3);
	assert_int_equal(DST_PROTO_OP_DISCARD, 4);
	assert_int_equal(DST_PROTO_OP_WRITE_ZEROES, 5);
	assert_int_equal(DST_PROTO_OP_HASH, 6);
	assert_int_equal(DST_PROTO_OP_PING, 7);
	assert_int_equal(DST_PROTO_OP_BYE, 8);
	assert_int_equal(DST_PROTO_OP_RESIZED, 64);
	assert_int_equal(DST_PROTO_ST_OK, 0);
	assert_int_equal(DST_PROTO_ST_INVALID, 6);
	assert_int_equal(DST_PROTO_ST_RESOURCE, 10);
	assert_int_equal(DST_PROTO_JOIN_OK, 0);
	assert_int_equal(DST_PROTO_JOIN_REFUSED, 1);
}

/* No padding that a compiler for 32 bits would leave out. */
static void test_ioctl(void **state)
{
	(void)state;
	AT(dst_ioc_attach, index, 8);
	AT(dst_ioc_attach, fail_after_ms, 32);
	AT(dst_ioc_attach, initiator, 48);
	AT(dst_ioc_attach, addr, 80);
	AT(dst_ioc_attach, target, 104);
	AT(dst_ioc_attach, reason, 424);
	AT(dst_ioc_device_set, fail_after_ms, 32);
	AT(dst_ioc_device, fail_after_ms, 32);
	AT(dst_ioc_device, initiator, 96);
	AT(dst_ioc_device, counters, 632);
	AT(dst_ioc_device, lane, 760);
	AT(dst_ioc_export_add, uuid, 32);
	AT(dst_ioc_export_add, listen, 368);
	AT(dst_ioc_export, size_bytes, 40);
	AT(dst_ioc_client, epoch, 24);
	assert_int_equal(sizeof(struct dst_ioc_addr), 24);
	assert_int_equal(sizeof(struct dst_ioc_allow), 32);
	assert_int_equal(sizeof(struct dst_ioc_lane), 56);
	assert_int_equal(sizeof(struct dst_ioc_counters), 128);
	assert_int_equal(sizeof(struct dst_ioc_device) % 8, 0);
	assert_int_equal(sizeof(struct dst_ioc_export) % 8, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_welcome),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_ioctl),
	};

	return cmocka_run_group_tests_name("proto", tests, NULL, NULL);
}
