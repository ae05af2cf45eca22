// SPDX-License-Identifier: GPL-2.0-only
/* Ctrl-C while the kernel waits for a server: the call ends, we say so. */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "dstctl.h"

static atomic_int caught;

static void signal_note(int sig)
{
	caught = sig;
}

/* From now on SIGINT, SIGTERM and SIGALRM end a waiting call with EINTR. */
void signal_catch(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = signal_note;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
}

bool signal_caught(void)
{
	int sig = caught;

	return sig && sig != SIGALRM;
}
