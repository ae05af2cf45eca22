/* SPDX-License-Identifier: GPL-2.0-only */
/* Values as text. Pure: nothing here looks at the machine. */
#ifndef DSTCTL_TEXT_H
#define DSTCTL_TEXT_H

#include <stddef.h>

#include "../../dst_ioctl.h"

#define TEXT_UUID_LEN	37
#define TEXT_ADDR_LEN	96
#define TEXT_SIZE_LEN	32
#define TEXT_TIME_LEN	32

void text_copy(char *out, size_t size, const char *text);
void text_clean(char *text, size_t size);
void text_uuid(char out[TEXT_UUID_LEN], const __u8 uuid[DST_IOC_UUID_LEN]);
void text_addr(char out[TEXT_ADDR_LEN], const struct dst_ioc_addr *addr);
void text_cidr(char out[TEXT_ADDR_LEN], const struct dst_ioc_allow *allow);
void text_size(char out[TEXT_SIZE_LEN], __u64 bytes);
void text_ms(char out[TEXT_TIME_LEN], __u64 ms);
const char *text_device_state(__u32 state);
const char *text_mirror_leg_state(__u32 state);
const char *text_leg_state(__u32 state);
const char *text_lane_state(__u32 state);
const char *text_export_state(__u32 state);
const char *text_ack(__u32 ack);

#endif /* DSTCTL_TEXT_H */
