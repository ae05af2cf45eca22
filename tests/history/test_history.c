// SPDX-License-Identifier: GPL-2.0-only
/*
 * The self test: test_history DIRECTORY CASE...
 *
 * Histories made by hand and by chance, and runs on a file in DIRECTORY.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block.h"
#include "dsthist.h"
#include "test.h"

#define CORRECT_HISTORIES	600
#define SMALL_HISTORIES		100000
#define SMALL_COMPARED		10000

static unsigned int tests, failures;

static void result(bool good, const char *fmt, ...)
{
	va_list args;

	failures += !good;
	printf("%sok %u - ", good ? "" : "not ", ++tests);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* ---- cases -------------------------------------------------------------- */

static void explain_all(const struct history *h, const struct result *res)
{
	unsigned int i;

	for (i = 0; i < res->bad_blocks && i < MAX_FINDINGS; i++) {
		fputs("# ", stdout);
		explain(h, res->findings + i, stdout);
	}
}

/* Also as it is after a dump. */
static void dump_and_load(struct history *h, const char *scratch)
{
	int crash = h->crash;
	FILE *file = fopen(scratch, "w+");

	if (!file)
		abort();
	text_dump(h, file);
	history_free(h);
	fclose(file);
	if (history_load(h, scratch))
		abort();
	h->crash = crash;
}

static void test_case(const char *path, const char *scratch)
{
	char expect[sizeof(((struct history *)0)->expect)];
	enum reason reason, again;
	struct result res;
	struct history h;
	bool good;

	history_init(&h);
	if (history_load(&h, path)) {
		result(false, "%s", path);
		return;
	}
	memcpy(expect, h.expect, sizeof(expect));
	reason = history_check(&h, h.crash == 1, &res);
	good = !strcmp(reason_name(reason), expect) && !res.unclear;
	if (!good)
		explain_all(&h, &res);
	if (brute_possible(&h, h.crash == 1) && h.used_blocks == 1 &&
	    brute_check(&h, h.crash == 1) == !!reason) {
		puts("# trying all orders says otherwise");
		good = false;
	}
	dump_and_load(&h, scratch);
	again = history_check(&h, h.crash == 1, &res);
	if (again != reason) {
		printf("# after a dump: %s\n", reason_name(again));
		good = false;
	}
	result(good, "%s: %s", path, reason_name(reason));
	history_free(&h);
}

/* ---- histories made by chance ------------------------------------------- */

static bool correct_accepted(uint64_t seed)
{
	struct rng rng = { seed };
	struct sim_options opt = {
		.threads = 2 + draw(&rng, SIM_THREADS - 1),
		.blocks = 1 + draw(&rng, SIM_BLOCKS),
		.epochs = 1 + draw(&rng, 4),
		.steps = 100 + draw(&rng, 900),
		.zeroes = draw(&rng, 2) ? 20 : 0,
		.crash = draw(&rng, 2), .stream = draw(&rng, 2),
		.careless = !draw(&rng, 4),
	};
	struct sim *s = sim_new(seed, &opt);
	struct result res;
	struct history h;
	bool good;

	sim_load(s, &h);
	good = history_check(&h, opt.crash, &res) == LINEARIZABLE;
	if (!good) {
		printf("# seed %llu\n", (unsigned long long)seed);
		explain_all(&h, &res);
	}
	history_free(&h);
	sim_free(s);
	return good;
}

static void test_correct(void)
{
	unsigned int bad = 0;
	uint64_t seed;

	for (seed = 0; seed < CORRECT_HISTORIES; seed++)
		bad += !correct_accepted(seed);
	result(!bad, "%d histories of a correct disk are accepted",
	       CORRECT_HISTORIES);
}

struct comparison {
	unsigned int good, bad, unclear, too_large, differ;
};

static void compare(struct comparison *sum, uint64_t seed)
{
	struct rng rng = { ~seed };
	struct sim_options opt = {
		.threads = 2 + draw(&rng, 3), .blocks = 1,
		.epochs = 1 + draw(&rng, 3),
		.steps = 8 + draw(&rng, 20),
		.zeroes = draw(&rng, 2) ? 20 + draw(&rng, 60) : 0,
		.crash = draw(&rng, 2), .careless = !draw(&rng, 4),
	};
	struct sim *s = sim_new(seed, &opt);
	struct result res;
	struct history h;
	bool accepted, possible;

	if (draw(&rng, 4))
		sim_mutate(s);
	sim_load(s, &h);
	if (brute_possible(&h, opt.crash)) {
		accepted = history_check(&h, opt.crash, &res) == LINEARIZABLE;
		possible = brute_check(&h, opt.crash);
		sum->good += possible;
		sum->bad += !possible;
		sum->unclear += !!res.unclear;
		if (accepted != possible && !(accepted && res.unclear)) {
			sum->differ++;
			printf("# seed %llu: %s, but %spossible\n",
			       (unsigned long long)seed,
			       accepted ? "accepted" : "rejected",
			       possible ? "" : "not ");
			if (sum->differ == 1)
				text_dump(&h, stdout);
			explain_all(&h, &res);
		}
	} else {
		sum->too_large++;
	}
	history_free(&h);
	sim_free(s);
}

static void test_small(void)
{
	struct comparison sum = { 0 };
	uint64_t seed;

	for (seed = 0; seed < SMALL_HISTORIES; seed++)
		compare(&sum, seed);
	result(!sum.differ && sum.good >= SMALL_COMPARED / 3 &&
	       sum.bad >= SMALL_COMPARED / 3 &&
	       sum.good + sum.bad >= SMALL_COMPARED,
	       "as trying all orders says: %u right, %u wrong (%u unclear, %u too large)",
	       sum.good, sum.bad, sum.unclear, sum.too_large);
}

/* ---- blocks ------------------------------------------------------------- */

static void test_blocks(void)
{
	struct block_parts parts = { .count = 0 };
	uint64_t a = hist_tag(1, 2, 3), b = hist_tag(1, 3, 4), v, *words;
	char one[4096], two[4096], zero[4096] = "";

	block_fill(one, sizeof(one), 7, 5, a);
	block_fill(two, sizeof(two), 7, 5, b);
	result(block_identify(one, 4096, 7, 5, &parts) == a &&
	       block_identify(zero, 4096, 7, 5, &parts) == HIST_ZERO &&
	       !parts.count, "a block is told");
	v = block_identify(one, 4096, 7, 6, &parts);
	result(v & HIST_OTHER && parts.count == 1 && parts.part[0].value == a &&
	       parts.part[0].found == 5, "one of elsewhere is told");
	memcpy(one + 1024, two + 1024, 512);
	v = block_identify(one, 4096, 7, 5, &parts);
	result(v & HIST_OTHER && parts.count == 3 && parts.part[1].value == b &&
	       parts.part[1].first == 2 && parts.part[1].count == 1 &&
	       parts.part[2].count == 5, "a torn block is told");
	words = (uint64_t *)two;
	words[300] ^= 1;
	v = block_identify(two, 4096, 7, 5, &parts);
	result(v & HIST_OTHER && parts.count == 3 &&
	       parts.part[1].value & HIST_OTHER, "a changed bit is told");
	v = block_identify(two, 4096, 8, 5, &parts);
	result(v & HIST_OTHER && !hist_is_tag(v), "another run's is other content");
}

/* ---- whole runs --------------------------------------------------------- */

static char dir[256];

/* In a process of its own that says nothing, or to the file on its output. */
static pid_t start(int (*cmd)(int argc, char **argv), int output,
		   const char *const *args)
{
	int quiet = open("/dev/null", O_WRONLY), argc = 1;
	char *argv[40] = { "dsthist" };
	pid_t pid;

	while (*args && argc < 39)
		argv[argc++] = (char *)*args++;
	fflush(stdout);
	pid = fork();
	if (pid) {
		close(quiet);
		return pid;
	}
	dup2(output < 0 ? quiet : output, STDOUT_FILENO);
	dup2(quiet, STDERR_FILENO);
	argc = cmd(argc, argv);
	fflush(stdout);
	_exit(argc);
}

static int await(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

#define ARGS(...)	((const char *const []){ __VA_ARGS__, NULL })
#define check(...)	await(start(cmd_check, -1, ARGS(__VA_ARGS__)))
#define run(ops, output, ...) \
	start(cmd_run, output, ARGS("disk", "--ops", ops, "--blocks", "6", \
		"--wide", "40", "--zeroes", "10", "--writers", "3", \
		"--readers", "3", "--flush-every", "20", __VA_ARGS__))

/* A run is killed when there is something in its log. */
static bool run_killed(const char *log, const char *resume)
{
	unsigned int tries = 2000;
	struct stat st;
	pid_t pid;

	unlink(log);
	pid = run("100000000", -1, "--log", log, "--resume", resume);
	while (tries-- && (stat(log, &st) || st.st_size < 100000))
		usleep(10000);
	kill(pid, SIGKILL);
	return await(pid) == -SIGKILL;
}

/* ... while its log goes through a pipe, the end of which is lost. */
static bool run_streamed(const char *log, const char *resume)
{
	int fds[2], file = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char buf[48 * 100 + 7];
	unsigned int n;
	ssize_t got;
	pid_t pid;

	if (file < 0 || pipe(fds))
		return false;
	pid = run("100000000", fds[1], "--log", "-", "--resume", resume);
	close(fds[1]);
	for (n = 0; n < 100; n++) {
		got = read(fds[0], buf, sizeof(buf));
		if (got <= 0 || write(file, buf, got) != got)
			break;
	}
	kill(pid, SIGKILL);
	close(fds[0]);
	close(file);
	return await(pid) == -SIGKILL && n == 100;
}

static int direct_io(void)
{
	int fd = open("disk", O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);
	int ret;

	if (fd < 0)
		return -1;
	ret = ftruncate(fd, 1 << 20);
	close(fd);
	return ret;
}

static void copy(const char *from, const char *to, char harm)
{
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	static char buf[4 << 20];
	size_t size;

	if (!in || !out)
		abort();
	size = fread(buf, 1, sizeof(buf), in);
	buf[size / 2] ^= harm;
	fwrite(buf, 1, size, out);
	fclose(in);
	fclose(out);
}

#define CHANGES	6

/* A later read is said to have seen what the first one saw. */
static int check_altered(void)
{
	struct history h;
	struct hist_record *r, *first = NULL, *old = NULL;
	enum reason reason;
	struct result res;
	unsigned int n = 0;

	history_init(&h);
	if (history_load(&h, "one"))
		return -1;
	for (r = h.records; r < h.records + h.count && n < CHANGES; r++) {
		if (r->op != HIST_READ || r->block || r->error ||
		    !hist_is_tag(r->value))
			continue;
		if (!first)
			first = r;
		n += old && old->value != r->value;
		old = r;
	}
	if (n == CHANGES) {
		old->value = first->value;
		old->count = 1;
	}
	reason = history_check(&h, false, &res);
	history_free(&h);
	return n == CHANGES && reason != LINEARIZABLE;
}

static void test_runs(void)
{
	if (chdir(dir) || direct_io()) {
		result(true, "runs # SKIP no direct I/O to files in %s", dir);
		return;
	}
	result(!await(run("4000", -1, "--log", "one")) &&
	       !check("one", "--final", "disk"),
	       "a run on a file is linearizable");
	result(check_altered() == 1, "... and is not with one read changed");
	copy("one", "bad", 1);
	result(check("bad") == EXIT_USAGE, "... and a damaged log is refused");
	result(run_killed("two", "one") && run_streamed("three", "two") &&
	       !await(run("4000", -1, "--log", "four", "--resume", "three")) &&
	       !check("one", "two", "three", "four", "--final", "disk"),
	       "runs that are killed and resumed are linearizable");
	result(!check("one", "two", "three", "four", "--final", "disk",
		      "--crash", "client"),
	       "... and more so where a crash may lose something");
	result(check("one", "three") == EXIT_USAGE &&
	       check("two", "one") == EXIT_USAGE,
	       "logs that do not follow each other are refused");
	result(check("two", "--final", "disk") == EXIT_BAD,
	       "what a log that is left out has written is from nowhere");
}

int main(int argc, char **argv)
{
	char scratch[300];
	int i;

	if (argc < 2)
		return EXIT_USAGE;
	snprintf(dir, sizeof(dir), "%s", argv[1]);
	snprintf(scratch, sizeof(scratch), "%s/dumped.hist", dir);
	for (i = 2; i < argc; i++)
		test_case(argv[i], scratch);
	test_blocks();
	test_correct();
	test_small();
	test_runs();
	printf("1..%u\n", tests);
	return failures ? EXIT_BAD : EXIT_GOOD;
}
