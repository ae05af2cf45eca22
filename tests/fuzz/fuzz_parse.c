// SPDX-License-Identifier: GPL-2.0-only
/*
 * No text makes a parser read or write out of bounds, overflow, or hand on a
 * value that the kernel's structures cannot hold.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "text.h"

const char * const fuzz_words[] = {
	"0", "1", "9", "255", "4490", "65535", "65536", "4294967296",
	"18446744073709551615", "18446744073709551616", "K", "M", "G", "T",
	"ms", "s", "m", "never", "yes", "no", "server", "disk", "ram", "dst",
	"p1", "/", ":", "[", "]", "%", "%eth0", ".", ",", "-", "_", "=", "=rw",
	"=ro", "::", "fe80::1", "fd00::", "10.0.0.0", "127.0.0.1", "/8", "/32",
	"/128", "host", "example", " ", "\t", "\n", "sent", "WRITE", "\xff",
	"6d0e1f52-934b-4a0d-8e17-5b2cd470aa31", NULL
};

static void check(bool good)
{
	if (!good)
		abort();
}

static void fuzz_values(const char *text)
{
	__u32 narrow = 0;
	__u64 wide = 0;
	bool yes;

	if (!parse_number(text, 1000, &wide))
		check(wide >= 1 && wide <= 1000);
	if (!parse_size(text, &wide))
		check(wide);
	if (!parse_time(text, &wide))
		check(wide && wide != DST_IOC_NEVER_MS);
	if (!parse_time_never(text, &wide))
		check(wide);
	if (!parse_time32(text, &narrow))
		check(narrow && narrow <= 0x7fffffff);
	if (!parse_device_name(text, &narrow))
		check(narrow <= 0xfffff);
	if (!parse_ack(text, &narrow))
		check(narrow <= DST_IOC_ACK_RAM);
	parse_bool(text, &yes);
}

static void fuzz_names(const char *text)
{
	char export[DST_IOC_NAME_LEN];
	__u8 uuid[DST_IOC_UUID_LEN];
	struct parse_trans trans;
	struct parse_host host;

	if (!parse_export_name(text, export))
		check(memchr(export, '\0', sizeof(export)) && export[0] &&
		      !strchr(export, '/'));
	if (!parse_host(text, &host))
		check(host.host[0] && host.port);
	if (!parse_target(text, &host, export))
		check(host.host[0] && host.port && export[0]);
	parse_uuid(text, uuid);
	parse_trans(text, &trans);
}

/* What a network is shown as means the same network. */
static void fuzz_cidr(const char *text)
{
	struct dst_ioc_allow allow, again;
	char shown[TEXT_ADDR_LEN];

	if (parse_cidr(text, &allow))
		return;
	check(parse_is_prefix(&allow.addr, allow.prefix_len));
	text_cidr(shown, &allow);
	check(!parse_cidr(shown, &again));
	check(!memcmp(&allow, &again, sizeof(allow)));
}

/* Cleaning leaves nothing for a second cleaning. */
static void fuzz_clean(char *text, size_t size)
{
	char *before;
	size_t i;

	text_clean(text, size);
	for (i = 0; text[i]; i++)
		check((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
	before = strdup(text);
	text_clean(text, size);
	check(before && !strcmp(before, text));
	free(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_values(text);
	fuzz_names(text);
	fuzz_cidr(text);
	fuzz_clean(text, size + 1);
	free(text);
	return 0;
}
