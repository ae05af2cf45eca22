// SPDX-License-Identifier: GPL-2.0-only
/*
 * churn TIMES ADDR EXPORT: attach and detach, again and again, without the
 * cost of a process for each.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "dst_ioctl.h"

int main(int argc, char **argv)
{
	struct dst_ioc_attach a;
	struct dst_ioc_device_ref d;
	int control = open("/dev/dst-control", O_RDWR);

	if (argc != 4 || control < 0)
		return 2;
	for (int i = atoi(argv[1]); i; i--) {
		memset(&a, 0, sizeof(a));
		a.head.size = sizeof(a);
		a.index = -1;
		memset(a.initiator, 0x44, sizeof(a.initiator));
		memset(a.device, 0x55, sizeof(a.device));
		a.addr.family = DST_IOC_ADDR_INET;
		a.addr.port = 4490;
		inet_pton(AF_INET, argv[2], a.addr.addr);
		snprintf(a.target, sizeof(a.target), "%s/%s", argv[2], argv[3]);
		snprintf(a.export, sizeof(a.export), "%s", argv[3]);
		if (ioctl(control, DST_IOC_ATTACH, &a)) {
			printf("attach: %m: %s\n", a.reason);
			return 1;
		}
		memset(&d, 0, sizeof(d));
		d.head.size = sizeof(d);
		d.index = a.index;
		if (ioctl(control, DST_IOC_DETACH, &d)) {
			printf("detach: %m: %s\n", d.reason);
			return 1;
		}
	}
	return 0;
}
