// SPDX-License-Identifier: GPL-2.0-only
/*
 * Profiler: a plugin of QEMU's that sees every block of instructions that the
 * guest executes, and follows its calls, stacks and task switches.  Nothing
 * is sampled: the result is a call tree with the exact number of instructions
 * and calls of each node.
 *
 *	-plugin profile_plugin.so,out=FILE,syms=FILE
 *
 * syms is what the guest wrote to a disk: /proc/kallsyms.  It is read when
 * dstmark starts a window; the tree is written when dstmark ends it, a line a
 * node: instructions, calls, and the path TASK;FUNCTION;FUNCTION...
 * Windows after the first are appended after a line "window N".
 *
 * Lines that start with "@" are a piece from the middle of the window as it
 * happened: instructions since the start, depth, task and function, for each
 * call, tail call, interrupt and task switch.
 *
 * One vCPU, QEMU 7.2's plugin interface.  The plugin may not read registers
 * by that interface, so it takes QEMU's own functions for it, declared below.
 *
 * The call stack is followed by the stack pointer at the start of each block:
 * a frame is gone when the stack pointer is above its return address.  A
 * block in another function that was not called is a tail call and takes the
 * place of its frame.  A stack pointer far from the last frame is another
 * stack (that of interrupts): its frames go on top.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From qemu-plugin.h, interface version 1 */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
#define CB_RW_REGS 2
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
	void (*cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
	void (*cb)(unsigned int cpu, void *data), int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
	void (*cb)(unsigned int cpu, void *data), int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(
	const struct qemu_plugin_tb *tb, size_t idx);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

/* Inside of QEMU and GLib */
struct byte_array {
	uint8_t *data;
	unsigned int len;
};
void *qemu_get_cpu(int index);
int cpu_memory_rw_debug(void *cpu, uint64_t addr, void *buf, size_t len,
			bool is_write);
int x86_cpu_gdb_read_register(void *cpu, struct byte_array *buf, int reg);
struct byte_array *g_byte_array_new(void);
struct byte_array *g_byte_array_set_size(struct byte_array *array,
					 unsigned int len);

enum { REG_RSI = 4, REG_RDI = 5, REG_RSP = 7 };

#define STACK_SIZE	16384
#define TASK_BYTES	16384	/* how much of a task_struct is searched */
#define FRAMES		256
#define TRACE_FROM	20000000	/* instructions after the start */
#define TRACE_LENGTH	250000
#define NEVER_POPPED	UINT64_MAX

struct symbol {
	uint64_t addr;
	char *name;
	bool entry;		/* of an interrupt or exception */
};

struct node {
	struct node *parent, *child, *sibling;
	const char *name;
	uint64_t self, calls;
};

struct frame {
	uint64_t sp;		/* where its return address is */
	struct node *node;
};

struct task {
	struct task *next;
	uint64_t addr;
	char comm[16];
	struct node *root;
	int depth;
	struct frame frames[FRAMES];
};

struct block {
	struct block *next;
	uint64_t addr;
	uint32_t insns;
	bool kernel, call, task_switch;
	uint64_t target;	/* of a direct call */
	uint64_t ret;		/* address after the call */
	struct symbol *symbol;
};

#define BLOCK_HASH (1 << 18)
static struct block *blocks[BLOCK_HASH];
static struct symbol *symbols, unknown = { .name = "[unknown]" };
static size_t n_symbols;
static struct task *tasks, *task;
static struct block *last;
static const char *out_path, *sym_path;
static struct byte_array *reg_buf;
static long comm_offset = -1;
static int windows;
static bool active;
static uint64_t executed;	/* in this window */
static FILE *trace;

static void *zalloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

static uint64_t reg(int n)
{
	uint64_t value = 0;

	g_byte_array_set_size(reg_buf, 0);
	if (x86_cpu_gdb_read_register(qemu_get_cpu(0), reg_buf, n) == 8)
		memcpy(&value, reg_buf->data, 8);
	return value;
}

/* Symbols */

static int by_addr(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void read_symbols(void)
{
	char line[512], name[256], module[128];
	FILE *f = fopen(sym_path, "r");
	size_t room = 0;
	uint64_t addr;
	char type;

	if (!f)
		return;
	n_symbols = 0;
	while (fgets(line, sizeof(line), f) && line[0]) {
		int n = sscanf(line, "%" SCNx64 " %c %255s %127s", &addr,
			       &type, name, module);
		char *cold;
		size_t len;

		if (n < 3 || !strchr("tTwW", type))
			continue;
		cold = strstr(name, ".cold");
		if (cold)
			*cold = 0;
		if (n_symbols == room) {
			room = room ? room * 2 : 65536;
			symbols = realloc(symbols, room * sizeof(*symbols));
			if (!symbols)
				abort();
		}
		len = strlen(name) + (n == 4 ? strlen(module) + 1 : 0) + 1;
		symbols[n_symbols].addr = addr;
		symbols[n_symbols].entry = !strncmp(name, "asm_", 4);
		symbols[n_symbols].name = zalloc(len);
		snprintf(symbols[n_symbols++].name, len, n == 4 ? "%s %s" :
			 "%s", name, module);
	}
	fclose(f);
	/* stable for aliases: the first in the file wins below */
	qsort(symbols, n_symbols, sizeof(*symbols), by_addr);
}

static struct symbol *find_symbol(uint64_t addr)
{
	size_t lo = 0, hi = n_symbols;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (symbols[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return &unknown;
	while (lo > 1 && symbols[lo - 2].addr == symbols[lo - 1].addr)
		lo--;
	return &symbols[lo - 1];
}

/* The tree */

static struct node *child_of(struct node *parent, const char *name)
{
	struct node **link = &parent->child, *node;

	for (; (node = *link); link = &node->sibling)
		if (node->name == name || !strcmp(node->name, name))
			break;
	if (node) {
		*link = node->sibling;
	} else {
		node = zalloc(sizeof(*node));
		node->name = name;
		node->parent = parent;
	}
	/* the last used one is found first */
	node->sibling = parent->child;
	parent->child = node;
	return node;
}

static struct task *find_task(uint64_t addr)
{
	struct task *t;

	for (t = tasks; t; t = t->next)
		if (t->addr == addr)
			return t;
	t = zalloc(sizeof(*t));
	t->addr = addr;
	t->root = zalloc(sizeof(*t->root));
	t->next = tasks;
	tasks = t;
	return t;
}

static void trace_entry(const char *mark, const char *name)
{
	if (executed - TRACE_FROM < TRACE_LENGTH && trace)
		fprintf(trace, "@%" PRIu64 " %d %s;%s%s\n",
			executed - TRACE_FROM, task->depth,
			task->comm[0] ? task->comm : "?", mark, name);
}

static void push(uint64_t sp, const char *name, bool count)
{
	struct node *parent = task->root;

	if (task->depth)
		parent = task->frames[task->depth - 1].node;
	if (task->depth == FRAMES)
		task->depth--;
	task->frames[task->depth].sp = sp;
	task->frames[task->depth].node = child_of(parent, name);
	trace_entry("", name);
	task->frames[task->depth++].node->calls += count;
}

static bool same_stack(uint64_t a, uint64_t b)
{
	return (a > b ? a - b : b - a) < STACK_SIZE;
}

static void pop_to(uint64_t sp)
{
	struct frame *f = task->frames;
	int i;

	for (i = task->depth - 1; i >= 0; i--)
		if (f[i].sp != NEVER_POPPED && same_stack(f[i].sp, sp))
			break;
	if (i < 0)
		return;		/* on a stack not seen so far */
	task->depth = i + 1;
	while (task->depth && f[task->depth - 1].sp < sp)
		task->depth--;
}

static void follow(struct block *b)
{
	struct frame *top;
	uint64_t sp;

	if (!b->kernel) {
		if (!last || last->kernel || !task->depth) {
			task->depth = 0;
			push(NEVER_POPPED, "[user]", true);
		}
		return;
	}
	if (!b->symbol)
		b->symbol = find_symbol(b->addr);
	if (!last || !last->kernel)
		task->depth = 0;
	sp = reg(REG_RSP);
	if (!task->depth) {
		push(NEVER_POPPED, b->symbol->name, true);
		return;
	}
	pop_to(sp);
	if (b->symbol->entry && b->addr == b->symbol->addr) {
		push(sp, b->symbol->name, true);
		return;
	}
	/* a call of the next or a near instruction only fills the processor's
	 * return stack
	 */
	if (last && last->call && (!last->target || last->target == b->addr) &&
	    (b->addr == b->symbol->addr || b->symbol != last->symbol)) {
		push(sp, b->symbol->name, true);
		return;
	}
	if (!task->depth) {
		push(NEVER_POPPED, b->symbol->name, false);
		return;
	}
	top = &task->frames[task->depth - 1];
	if (strcmp(top->node->name, b->symbol->name)) {
		/* a jump into the middle is a return that was not seen as one */
		top->node = child_of(top->node->parent, b->symbol->name);
		if (b->addr != b->symbol->addr)
			return;
		task->depth--;
		trace_entry("", b->symbol->name);
		task->depth++;
		top->node->calls++;
	}
}

/* Task names: where they are is found in that of dstmark. */

static void read_comm(struct task *t)
{
	static const char want[] = "dstmark";
	static char bytes[TASK_BYTES];
	size_t i;

	if (comm_offset >= 0) {
		cpu_memory_rw_debug(qemu_get_cpu(0), t->addr + comm_offset,
				    t->comm, sizeof(t->comm) - 1, false);
		return;
	}
	memset(bytes, 0, sizeof(bytes));
	for (i = 0; i < sizeof(bytes); i += 512)
		cpu_memory_rw_debug(qemu_get_cpu(0), t->addr + i, bytes + i,
				    512, false);
	for (i = 0; i + sizeof(want) < sizeof(bytes); i += 8)
		if (!memcmp(bytes + i, want, sizeof(want)))
			comm_offset = i;
}

/* In the kernel, whose memory the page tables of user space do not show */
static void switch_task(void)
{
	if (active && task)
		read_comm(task);
	task = find_task(reg(REG_RSI));
	if (active)
		read_comm(task);
}

static void on_block(unsigned int cpu, void *data)
{
	struct block *b = data;

	(void)cpu;
	if (!active) {
		if (b->task_switch)
			switch_task();
		return;
	}
	if (b != last || b->call)
		follow(b);
	task->frames[task->depth - 1].node->self += b->insns;
	executed += b->insns;
	last = b;
	if (b->task_switch)
		switch_task();
}

/* Windows */

static void write_node(FILE *f, struct node *node, char *path, size_t len)
{
	struct node *child;
	int n = 0;

	if (node->name)
		n = snprintf(path + len, 65536 - len, ";%s", node->name);
	len += n;
	if (node->self || node->calls)
		fprintf(f, "%" PRIu64 " %" PRIu64 " %s\n", node->self,
			node->calls, path);
	for (child = node->child; child; child = child->sibling)
		write_node(f, child, path, len);
	path[len - n] = 0;
}

static void clear_node(struct node *node)
{
	struct node *child;

	node->self = 0;
	node->calls = 0;
	for (child = node->child; child; child = child->sibling)
		clear_node(child);
}

static void write_window(void)
{
	FILE *f = trace;
	static char path[65536];
	struct task *t;

	if (!f)
		return;
	trace = NULL;
	for (t = tasks; t; t = t->next) {
		snprintf(path, sizeof(path), "%s", t->comm[0] ? t->comm : "?");
		write_node(f, t->root, path, strlen(path));
	}
	fclose(f);
}

static void on_start(unsigned int cpu, void *data)
{
	struct task *t;
	size_t i;

	(void)cpu;
	(void)data;
	if (!task)
		return;
	read_symbols();
	for (i = 0; i < BLOCK_HASH; i++)
		for (struct block *b = blocks[i]; b; b = b->next)
			b->symbol = NULL;
	for (t = tasks; t; t = t->next) {
		clear_node(t->root);
		t->depth = 0;
	}
	last = NULL;
	executed = 0;
	trace = fopen(out_path, windows ? "a" : "w");
	if (trace)
		fprintf(trace, "window %d\n", windows++);
	push(NEVER_POPPED, "[user]", true);
	active = true;
}

static void on_end(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	if (active)
		write_window();
	active = false;
}

/* Translation */

static void classify(struct block *b, const uint8_t *code, size_t size,
		     uint64_t addr)
{
	size_t i = 0;
	int32_t rel;

	while (i < size && (code[i] == 0x2e || code[i] == 0x66 ||
			    code[i] == 0x3e || code[i] == 0xf2 ||
			    code[i] == 0xf3 || (code[i] & 0xf0) == 0x40))
		i++;
	b->ret = addr + size;
	if (i + 5 == size && code[i] == 0xe8) {
		memcpy(&rel, code + i + 1, 4);
		b->call = true;
		b->target = addr + size + rel;
	} else if (i + 1 < size && code[i] == 0xff &&
		   (code[i + 1] & 0x38) == 0x10) {
		b->call = true;
	}
}

/* mov %rsp, x(%rdi); mov x(%rsi), %rsp: the heart of __switch_to_asm */
static bool is_switch(const uint8_t *a, size_t a_size, const uint8_t *b,
		      size_t b_size)
{
	return a_size == 7 && b_size == 7 && !memcmp(a, "\x48\x89\xa7", 3) &&
	       !memcmp(b, "\x48\x8b\xa6", 3) && !memcmp(a + 3, b + 3, 4);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	size_t n = qemu_plugin_tb_n_insns(tb), i, prev_size = 0;
	const uint8_t *prev = NULL;
	struct block **slot, *b;

	(void)id;
	slot = &blocks[((addr >> 1) ^ (addr >> 19) ^ n) % BLOCK_HASH];
	/* Code of user space is not the same at one address: a new block. */
	b = zalloc(sizeof(*b));
	b->addr = addr;
	b->insns = n;
	b->kernel = addr >> 63;
	b->next = *slot;
	*slot = b;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *code = qemu_plugin_insn_data(insn);
		size_t size = qemu_plugin_insn_size(insn);

		if (!b->kernel && size == 7 &&
		    !memcmp(code, "\x0f\x1f\x80", 3) &&
		    !memcmp(code + 4, "tsd", 3))
			qemu_plugin_register_vcpu_insn_exec_cb(insn,
				code[3] == 1 ? on_start : on_end, CB_RW_REGS,
				NULL);
		if (prev && is_switch(prev, prev_size, code, size))
			b->task_switch = true;
		if (i == n - 1)
			classify(b, code, size, qemu_plugin_insn_vaddr(insn));
		prev = code;
		prev_size = size;
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, CB_RW_REGS, b);
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info,
			int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out_path = strdup(argv[i] + 4);
		else if (!strncmp(argv[i], "syms=", 5))
			sym_path = strdup(argv[i] + 5);
	}
	if (!out_path || !sym_path) {
		fprintf(stderr, "profile_plugin: out= and syms= are needed\n");
		return -1;
	}
	reg_buf = g_byte_array_new();
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	return 0;
}
