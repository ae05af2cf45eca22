// SPDX-License-Identifier: GPL-2.0-only
/*
 * Agent of the test rig: process 1 of a node.  It starts commands for the
 * host, any number at once, and carries their input, output and exit status
 * over a virtio-serial port.
 *
 * A message is three little-endian 32-bit words (job, type, length) and then
 * that many bytes.  The host chooses the job numbers.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_NAME	"dst.agent"
#define CHUNK		32768
#define MSG_MAX		(4U << 20)
#define JOBS_MAX	256

enum {
	/* from the host */
	MSG_START = 1,		/* network namespace or "", NUL, script */
	MSG_STDIN,		/* bytes; none: end of input */
	MSG_KILL,		/* signal number, one byte, to the whole group */
	MSG_SYSRQ,		/* one letter */
	/* to the host */
	MSG_HELLO = 16,		/* release of the running kernel */
	MSG_STDOUT,
	MSG_STDERR,
	MSG_EXIT,		/* wait status, 32 bits */
};

struct msg {
	uint32_t job;
	uint32_t type;
	uint32_t len;
};

struct job {
	uint32_t id;
	pid_t pid;		/* 0: has exited */
	int status;
	int in, out, err;	/* -1: closed */
	int reported;
	int in_eof;
	char *in_buf;
	size_t in_len;
};

static struct job jobs[JOBS_MAX];
static int port = -1;

static void die(const char *what)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		dprintf(fd, "<3>dst-agent: %s: %s\n", what, strerror(errno));
	for (;;)
		pause();
}

static void write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN) {
				struct pollfd pfd = { fd, POLLOUT, 0 };

				poll(&pfd, 1, 1000);
				continue;
			}
			die("write to port");
		}
		p += n;
		len -= n;
	}
}

static void send_msg(uint32_t job, uint32_t type, const void *buf, size_t len)
{
	static char out[sizeof(struct msg) + CHUNK];
	struct msg msg = { job, type, len };

	memcpy(out, &msg, sizeof(msg));
	if (len)
		memcpy(out + sizeof(msg), buf, len);
	write_all(port, out, sizeof(msg) + len);
}

static int open_port(void)
{
	char path[320], name[64];
	struct dirent *de;
	DIR *dir;
	int fd;

	dir = opendir("/sys/class/virtio-ports");
	if (!dir)
		return -1;
	while ((de = readdir(dir))) {
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 de->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		name[0] = 0;
		if (fscanf(f, "%63s", name) != 1)
			name[0] = 0;
		fclose(f);
		if (strcmp(name, PORT_NAME))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", de->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		closedir(dir);
		return fd;
	}
	closedir(dir);
	return -1;
}

static struct job *find_job(uint32_t id)
{
	int i;

	for (i = 0; i < JOBS_MAX; i++)
		if (jobs[i].id == id && !jobs[i].reported)
			return &jobs[i];
	return NULL;
}

static struct job *free_job(void)
{
	int i;

	for (i = 0; i < JOBS_MAX; i++)
		if (!jobs[i].id)
			return &jobs[i];
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void child(const char *netns, const char *script, int in, int out,
		  int err)
{
	char path[128];
	sigset_t none;
	int fd;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "0", 1) != 1)
			_exit(126);
		close(fd);
	}
	if (*netns) {
		snprintf(path, sizeof(path), "/run/netns/%s", netns);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNET)) {
			dprintf(2, "%s: %s\n", path, strerror(errno));
			_exit(125);
		}
	}
	execl("/bin/sh", "sh", "-c", script, NULL);
	_exit(127);
}

static void start_job(uint32_t id, const char *netns, const char *script)
{
	struct job *job = free_job();
	int in[2], out[2], err[2];
	uint32_t status = 126 << 8;
	pid_t pid;

	if (!job || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
	    pipe2(err, O_CLOEXEC)) {
		send_msg(id, MSG_EXIT, &status, sizeof(status));
		return;
	}
	pid = fork();
	if (!pid)
		child(netns, script, in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	if (pid < 0) {
		close(in[1]);
		close(out[0]);
		close(err[0]);
		send_msg(id, MSG_EXIT, &status, sizeof(status));
		return;
	}
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	memset(job, 0, sizeof(*job));
	job->id = id;
	job->pid = pid;
	job->in = in[1];
	job->out = out[0];
	job->err = err[0];
}

static void push_stdin(struct job *job)
{
	ssize_t n;

	while (job->in_len && job->in >= 0) {
		n = write(job->in, job->in_buf, job->in_len);
		if (n < 0) {
			if (errno == EAGAIN)
				return;
			job->in_len = 0;
			close_fd(&job->in);
			break;
		}
		memmove(job->in_buf, job->in_buf + n, job->in_len - n);
		job->in_len -= n;
	}
	if (!job->in_len && job->in_eof)
		close_fd(&job->in);
}

static void handle(struct msg *msg, char *body)
{
	struct job *job;
	char *buf;
	int fd;

	switch (msg->type) {
	case MSG_START:
		if (strlen(body) < msg->len)
			start_job(msg->job, body, body + strlen(body) + 1);
		return;
	case MSG_SYSRQ:
		fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
		if (fd >= 0) {
			if (write(fd, body, 1) != 1)
				errno = 0;
			close(fd);
		}
		return;
	}
	job = find_job(msg->job);
	if (!job)
		return;
	if (msg->type == MSG_KILL && job->pid) {
		kill(-job->pid, body[0]);
	} else if (msg->type == MSG_STDIN && !msg->len) {
		job->in_eof = 1;
		push_stdin(job);
	} else if (msg->type == MSG_STDIN && job->in >= 0) {
		buf = realloc(job->in_buf, job->in_len + msg->len);
		if (!buf)
			return;
		memcpy(buf + job->in_len, body, msg->len);
		job->in_buf = buf;
		job->in_len += msg->len;
		push_stdin(job);
	}
}

/* Reads what there is; keeps the incomplete rest for the next time. */
static void read_port(void)
{
	static char buf[MSG_MAX + sizeof(struct msg) + 1];
	static size_t have;
	struct msg msg;
	ssize_t n;
	char last;

	n = read(port, buf + have, sizeof(buf) - 1 - have);
	if (n <= 0)
		return;
	have += n;
	while (have >= sizeof(msg)) {
		memcpy(&msg, buf, sizeof(msg));
		if (msg.len > MSG_MAX)
			die("message too long");
		if (have < sizeof(msg) + msg.len)
			return;
		last = buf[sizeof(msg) + msg.len];
		buf[sizeof(msg) + msg.len] = 0;
		handle(&msg, buf + sizeof(msg));
		buf[sizeof(msg) + msg.len] = last;
		have -= sizeof(msg) + msg.len;
		memmove(buf, buf + sizeof(msg) + msg.len, have);
	}
}

static void read_output(struct job *job, int *fd, uint32_t type)
{
	static char buf[CHUNK];
	ssize_t n;

	for (;;) {
		n = read(*fd, buf, sizeof(buf));
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close_fd(fd);
			return;
		}
		/* A daemon left behind may go on writing: nobody listens. */
		if (!job->reported)
			send_msg(job->id, type, buf, n);
	}
}

static void reap(void)
{
	uint32_t status32;
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < JOBS_MAX; i++) {
			struct job *job = &jobs[i];

			if (!job->id || job->pid != pid)
				continue;
			if (job->out >= 0)
				read_output(job, &job->out, MSG_STDOUT);
			if (job->err >= 0)
				read_output(job, &job->err, MSG_STDERR);
			status32 = status;
			send_msg(job->id, MSG_EXIT, &status32, 4);
			job->pid = 0;
			job->reported = 1;
			close_fd(&job->in);
			free(job->in_buf);
			job->in_buf = NULL;
			job->in_len = 0;
		}
	}
}

static void serve(int sigfd)
{
	static struct pollfd pfds[2 + 3 * JOBS_MAX];
	struct signalfd_siginfo si;
	int i, n;

	for (;;) {
		pfds[0] = (struct pollfd){ port, POLLIN, 0 };
		pfds[1] = (struct pollfd){ sigfd, POLLIN, 0 };
		n = 2;
		for (i = 0; i < JOBS_MAX; i++) {
			struct job *job = &jobs[i];

			if (!job->id)
				continue;
			if (job->reported && job->out < 0 && job->err < 0) {
				job->id = 0;
				continue;
			}
			if (job->out >= 0)
				pfds[n++] = (struct pollfd){ job->out, POLLIN, 0 };
			if (job->err >= 0)
				pfds[n++] = (struct pollfd){ job->err, POLLIN, 0 };
			if (job->in >= 0 && job->in_len)
				pfds[n++] = (struct pollfd){ job->in, POLLOUT, 0 };
		}
		if (poll(pfds, n, -1) < 0 && errno != EINTR)
			die("poll");
		if (pfds[0].revents & POLLIN)
			read_port();
		for (i = 0; i < JOBS_MAX; i++) {
			struct job *job = &jobs[i];

			if (!job->id)
				continue;
			if (job->in >= 0 && job->in_len)
				push_stdin(job);
			if (job->out >= 0)
				read_output(job, &job->out, MSG_STDOUT);
			if (job->err >= 0)
				read_output(job, &job->err, MSG_STDERR);
		}
		if (pfds[1].revents & POLLIN) {
			if (read(sigfd, &si, sizeof(si)) != sizeof(si))
				continue;
			reap();
		}
	}
}

/*
 * The kernel command line holds a seed from the host.  Without it, whoever
 * first reads /dev/urandom waits for seconds: TCG has no fast entropy.
 */
static void seed_random(void)
{
	struct rand_pool_info *pool;
	ssize_t n = -1;
	int fd;

	pool = calloc(1, sizeof(*pool) + 4096);
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (pool && fd >= 0)
		n = read(fd, pool->buf, 4096);
	if (fd >= 0)
		close(fd);
	fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	if (n > 0 && fd >= 0) {
		pool->buf_size = n;
		pool->entropy_count = 256;
		if (ioctl(fd, RNDADDENTROPY, pool))
			errno = 0;
	}
	if (fd >= 0)
		close(fd);
	free(pool);
}

int main(void)
{
	struct utsname uts;
	sigset_t set;
	int sigfd, fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigfd = signalfd(-1, &set, SFD_CLOEXEC);
	port = open_port();
	if (port < 0 || sigfd < 0)
		die("no port " PORT_NAME);
	/* Commands must be answered when the machine is out of memory too. */
	mlockall(MCL_CURRENT);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "-1000", 5) != 5)
			errno = 0;
		close(fd);
	}
	seed_random();
	uname(&uts);
	send_msg(0, MSG_HELLO, uts.release, strlen(uts.release));
	serve(sigfd);
	return 0;
}
