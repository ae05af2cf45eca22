#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Where the instructions of an I/O go: every one of them, not a sample.

    profile.py TARGETS LOADS DEPTHS [BLOCK]

Lists are separated by commas.  The report goes to standard output and,
with the call tree in the folded form that flame graph tools read, to the
results directory.
"""

import collections
import os
import re
import sys

import loads
import node

TOP_SYMBOLS = int(os.environ.get("TOP", "60"))
# What measuring costs, not the I/O.
OURS = ("sh", "dstmark", "cat")
FORK = re.compile(r"(kernel_clone|do_wait4?|kernel_wait4|do_exit|load_elf)")

AREAS = [
    ("copy and clear", r"(__)?(memcpy|memset|memmove)|copy_(page|mc|user|from|"
     r"to)|_copy_|__copy|rep_(movs|stos)|clear_page|memcpy_|.*_copy_(to|from)_"
     r"|copyin|copyout|skb_copy_datagram|clear_user"),
    ("checksum", r"csum|do_csum|crc32|ip_fast_csum"),
    ("tcp", r"_*tcp_|bictcp|cubictcp|_?inet|__inet|sk_stream|reno|"
     r"bpf_skops|minmax"),
    ("ip and loopback", r"_*ip_|ip6|nf_|netif|_*netif|loopback|dev_hard|"
     r"__dev_queue|dev_queue|napi|net_rx|__napi|eth_|process_backlog|"
     r"__netif|enqueue_to_backlog|ipv4|dst_(release|hold)|validate_xmit|"
     r"harmonize|sch_|qdisc|dev_|net_tx|skb_network|fib_|ktime_get_with"),
    ("socket and skb", r"_*sock|_*sk_|_*skb|_*alloc_skb|_*kfree_skb|"
     r"consume_skb|napi_build|__build|kmalloc_reserve|release_sock|lock_sock|"
     r"__release_sock|simple_copy|pskb|security_sock|__lock_sock|splice|"
     r"page_frag|aa_sk|apparmor_sock|aa_inet|zerocopy"),
    ("scheduler", r"_*schedule|sched|.*_fair$|_*pick_|pick_next|"
     r"update_(curr|load|rq|cfs|min)|(en|de)queue_(task|entit|pelt)|"
     r"_*update_(load|curr|entity)|try_to_wake|ttwu|select_(task|idle)|"
     r"check_preempt|wakeup_|resched|finish_task|_*switch_|prepare_task|"
     r"set_next|put_prev|avg_vruntime|place_entity|reweight|cpuacct|"
     r"psi_|_*wake_up|autoremove|default_wake|woken|prepare_to|finish_wait|"
     r"add_wait|remove_wait|activate_task|deactivate|yield|task_tick|"
     r"entity_|native_sched|sched_clock|native_load|load_new_mm|"
     r"preempt_|cgroup_|vtime|perf_event_task|"
     r"_*calc_delta|save_fpregs|rseq_|put_prev|dequeue|enqueue|"
     r"_*(en|de)queue_entity|vruntime|update_deadline|_*rseq|dl_server|"
     r"mm_cid|__set_next|hrtick|arch_scale|record_times|"
     r"account_entity|can_migrate|raw_spin_rq|available_idle"),
    ("workqueue and kthread", r".*work|worker_|wq_|kthread|pwq_|"
     r"move_linked|insert_|is_chained|.*_pool"),
    ("interrupts and softirq", r"asm_|_*sysvec|irq|_*irq|.*softirq|"
     r"_*local_bh|tick_|hrtimer|_*hrtimer|timer|_*timer|_*mod_timer|"
     r"ktime|lapic|apic|clockevents|tasklet|run_timer|update_process|"
     r"timekeep|rcu_sched_clock|handle_|error_|paranoid|generic_smp|"
     r"call_timer|expire|lock_timer|get_nohz|enqueue_timer|detach"),
    ("block layer", r"_*blk_|_*bio|bdev|_*blkdev|_*submit_bio|block_|disk_|"
     r"part_|elv_|dd_|sbitmap|_*sbitmap|get_request|rq_|_*rq|wbt_|"
     r"req_|__get_request|bvec|bdi|blkcg|should_fail|ioprio|deadline|"
     r"update_io_ticks|bdev_start|iov_iter_extract|iov_iter_"),
    ("security hooks", r"apparmor|aa_|tomoyo|security_|hook_|bpf_lsm|lsm_|"
     r"common_perm"),
    ("io_uring", r"_*io_|iou_|__do_sys_io_uring"),
    ("memory", r"kmem|_*kmalloc|kfree|_*slab|slab_|.*_slab|_*alloc|"
     r"_*free|get_page|put_page|_*folio|mempool|page_|_*page|rmqueue|"
     r"get_obj|obj_|memcg|mod_|lruvec|try_charge|vm_|_*mod_|"
     r"post_alloc|prep_|gup|unpin|pin_|follow_|get_pfn|"
     r"get_user_pages|kasan|refill|radix|_*radix|xas_|xa_|idr_|"
     r"check_heap|_*check_object|usercopy|handle_mm|do_.*fault|"
     r"_*virt_addr_valid|_*pte_|sgl?_|is_vm|policy_node|cond_accept|"
     r"want_pages|try_g(rab|et)_folio|check_stack|"
     r"mas_|lock_vma|find_vma|zap|tlb|flush|charge|uncharge|cache_from"),
    ("locks and rcu", r"_*raw_|_*mutex|_*rcu|rcu_|rwsem|down_|up_|"
     r"_*percpu|refcount|__srcu|srcu|osq|queued_spin|native_queued|"
     r"call_rcu|complete$|wait_for_comp|llist|lockref|_*cond_resched|"
     r"dynamic_cond|note_gp|list_|_*list_"),
    ("system call entry", r"entry_|do_syscall|syscall|_*x64_sys|x64_sys|"
     r"fget|fput|fd|_*fd|ret_from|exit_to|common_interrupt|"
     r"arch_exit|fpregs|irqentry|swapgs|restore_regs|sync_regs|cr3"),
    ("thunks (retpoline)", r"__x86_|.*thunk|srso|retbleed|"
     r"__ret|zen_|clear_bhb"),
]


class Tree:
    """One window: nodes (instructions, calls, path)."""

    def __init__(self):
        self.nodes = []
        self.trace = []
        self.ours = 0
        self.total = 0

    def add(self, insns, calls, path):
        if path[0] in OURS or any(FORK.match(f) for f in path):
            self.ours += insns
            return
        self.total += insns
        self.nodes.append((insns, calls, path))


def read_trees(path):
    """All windows of a file."""
    trees = []
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            if line.startswith("window "):
                trees.append(Tree())
                continue
            if line.startswith("@"):
                trees[-1].trace.append(line[1:].rstrip("\n").split(" ", 2))
                continue
            insns, calls, names = line.rstrip("\n").split(" ", 2)
            trees[-1].add(int(insns), int(calls), names.split(";"))
    return trees


def area_of(symbol):
    if symbol == "[user]":
        return "user space"
    hit = re.search(r" \[(\w+)\]$", symbol)
    if hit:
        return "module " + hit.group(1)
    for name, pattern in AREAS:
        if re.match(pattern, symbol):
            return name
    return "other"


def owner_of(path):
    """The module nearest above: on whose behalf it was done."""
    for name in reversed(path[1:]):
        hit = re.search(r" \[(\w+)\]$", name)
        if hit:
            return hit.group(1)
    return path[0] if path[1:2] != ["[user]"] else path[0] + " (user)"


def context_of(path):
    """The task, or the work it did, and whether a soft interrupt had
    borrowed it."""
    name = path[0]
    if name.startswith("kworker"):
        name = "kworker, idle or choosing work"
        if "process_one_work" in path[:-1]:
            work = path[path.index("process_one_work") + 1]
            if "work" in work or work.endswith("]"):
                name = work
    if any(f.endswith("handle_softirqs") or f == "__do_softirq"
           for f in path):
        return "softirq in " + name
    return name


class Report:
    """Sums over one window, and their text."""

    def __init__(self, tree, ios):
        self.tree, self.ios = tree, ios
        self.self_of = collections.Counter()
        self.calls_of = collections.Counter()
        self.below = collections.Counter()
        self.callers = collections.defaultdict(collections.Counter)
        self.areas = collections.Counter()
        self.contexts = collections.Counter()
        self.owners = collections.Counter()
        for insns, calls, path in tree.nodes:
            symbol = path[-1]
            self.self_of[symbol] += insns
            self.calls_of[symbol] += calls
            self.callers[symbol][path[-2] if len(path) > 2 else "-"] += insns
            for name in set(path[1:]):
                self.below[name] += insns
            self.areas[area_of(symbol)] += insns
            self.contexts[context_of(path)] += insns
            self.owners[owner_of(path)] += insns

    def share(self, title, counter, limit=20):
        lines = ["", "%-44s %8s %7s" % (title, "per I/O", "%")]
        for name, n in counter.most_common(limit):
            if n / self.tree.total < 0.001:
                break
            lines.append("%-44s %8.0f %6.1f%%" % (
                name[:44], n / self.ios, 100 * n / self.tree.total))
        return lines

    def symbols(self):
        lines = ["", "%8s %6s %6s %7s %8s  %-40s %s" % (
            "per I/O", "%", "sum %", "calls", "a call", "symbol",
            "called by (share)")]
        so_far = 0
        for name, n in self.self_of.most_common(TOP_SYMBOLS):
            so_far += n
            calls = self.calls_of[name]
            by = ", ".join("%s %.0f%%" % (c.split(" [")[0], 100 * k / n)
                           for c, k in self.callers[name].most_common(3)
                           if n and k / n >= 0.1)
            lines.append("%8.0f %5.1f%% %5.1f%% %7.2f %8.0f  %-40s %s" % (
                n / self.ios, 100 * n / self.tree.total,
                100 * so_far / self.tree.total, calls / self.ios,
                n / calls if calls else 0, name, by))
        return lines

    def inclusive(self):
        """What each function costs with all it calls."""
        lines = ["", "%8s %6s %7s  %s" % (
            "per I/O", "%", "calls", "function with all that it calls")]
        for name, n in self.below.most_common(TOP_SYMBOLS * 2):
            if n / self.tree.total < 0.004:
                break
            lines.append("%8.0f %5.1f%% %7.2f  %s" % (
                n / self.ios, 100 * n / self.tree.total,
                self.calls_of[name] / self.ios, name))
        return lines

    def text(self, title):
        lines = [title, "=" * len(title), "",
                 "%d I/Os, %.0f instructions each (and %.1f million of the "
                 "measuring itself, left out)" % (
                     self.ios, self.tree.total / self.ios,
                     self.tree.ours / 1e6)]
        lines += self.share("where (task)", self.contexts)
        lines += self.share("for whom (nearest module above)", self.owners)
        lines += self.share("what (area of the symbol itself)", self.areas, 30)
        lines += self.symbols() + self.inclusive()
        return "\n".join(lines) + "\n"


def write_folded(path, tree):
    with open(path, "w", encoding="utf-8") as f:
        for insns, _, names in tree.nodes:
            if insns:
                f.write("%s %d\n" % (";".join(names), insns))


def write_trace(path, tree):
    """A few I/Os as they happened: instruction, then the calls, indented."""
    task = None
    with open(path, "w", encoding="utf-8") as f:
        for when, depth, names in tree.trace:
            comm, name = names.split(";", 1)
            if comm != task:
                f.write("%7s ---- %s\n" % ("", comm))
                task = comm
            f.write("%7s %s%s\n" % (when, "  " * int(depth), name))


def compare(reports):
    """Where two or more targets differ under one load."""
    names = list(reports)
    head = "%-46s" + " %9s" * len(names)
    lines = [head % (("",) + tuple(n[:9] for n in names))]
    for title, key in (("where", "contexts"), ("what", "areas"),
                       ("symbols that differ most", "self_of"),
                       ("calls that differ most", "calls_of")):
        table = collections.defaultdict(dict)
        for name, r in reports.items():
            for what, n in getattr(r, key).items():
                table[what][name] = n / r.ios
        rows = [(what, [row.get(n, 0) for n in names])
                for what, row in table.items()]
        rows.sort(key=lambda row: max(row[1]) - min(row[1]), reverse=True)
        lines += ["", title + ", per I/O"]
        form = " %9.2f" if key == "calls_of" else " %9.0f"
        for what, row in rows[:40]:
            lines.append("%-46s" % what[:46] + "".join(
                form % n for n in row))
    return "\n".join(lines) + "\n"


def build_plugin():
    return loads.tool("profile_plugin.so", node.HERE + "/profile_plugin.c",
                      node.work_dir(), ["-fPIC", "-shared",
                                        "-fvisibility=hidden"])


def collect(targets, wanted, out):
    """Boot, and profile each target under each load, in files of `out`:
    ({load: {target: (text, report)}}, what went wrong)."""
    kernel = node.find_kernel()
    wants_dst = any(t.startswith("dst") for t in targets)
    dst = node.build_dst(kernel) if wants_dst else None
    if wants_dst and not dst:
        raise node.Failed("dst: no module source in this tree yet")
    mark = loads.tool("dstmark", node.HERE + "/dstmark.c", node.work_dir(),
                      ["-static", "-nostdlib"])
    lines = ["NULL_MB=%d" % node.NULL_MB,
             "DST_ATTACH='%s'" % os.environ.get("DST_ATTACH", "")]
    lines += ["target_" + t for t in targets] + ["symbols", "keep"]
    pairs = [(t, load) for t in targets for load in wanted]
    for target, load in pairs:
        lines += ["measure %s %s %s" % (target, load.name,
                                        load.options(loads.PROFILED)), "keep"]
    problems = node.boot(kernel, "\n".join(lines) + "\n", out, dst=dst,
                         profiler=build_plugin(), programs=[mark])
    trees = read_trees(out + "/tree") if os.path.exists(out + "/tree") else []
    if len(trees) != len(pairs):
        problems.append("%d profiles of %d" % (len(trees), len(pairs)))
    by_load = collections.defaultdict(dict)
    for (target, load), tree in zip(pairs, trees):
        hit = loads.read_result(out, target, load)
        if not hit:
            problems.append("no figure for %s %s" % (target, load.text))
            continue
        report = Report(tree, load.ios)
        text = report.text("%s, %s: %.0f IOPS" % (target, load.text,
                                                  hit["iops"]))
        by_load[load.text][target] = text, report
        name = "%s/%s.%s" % (out, target, load.name)
        with open(name + ".txt", "w", encoding="utf-8") as f:
            f.write(text)
        write_folded(name + ".folded", tree)
        write_trace(name + ".trace", tree)
    return by_load, problems


def measure(targets, wanted):
    """Profile, print, compare; the exit status."""
    out = node.results_dir("profile")
    by_load, problems = collect(targets, wanted, out)
    for target in targets:
        for found in by_load.values():
            if target in found:
                print(found[target][0])
    with open(out + "/compare.txt", "w", encoding="utf-8") as f:
        for title, found in by_load.items():
            if len(found) > 1:
                text = title + "\n" + compare({t: report for t, (_, report)
                                               in found.items()})
                f.write(text)
                print(text)
    for p in problems:
        node.say("FAILED: " + p)
    node.say("reports and call trees in " + out)
    return 1 if problems else 0


def main(argv):
    if len(argv) not in (3, 4):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    targets = argv[0].split(",")
    for t in targets:
        if t not in loads.TARGETS:
            raise node.Failed("no target %s: there are %s" %
                              (t, " ".join(loads.TARGETS)))
    wanted = []
    for rw in argv[1].split(","):
        block = argv[3] if len(argv) == 4 else \
            "4k" if rw.startswith("rand") else "128k"
        wanted += [loads.Load(rw, block, int(depth),
                              4000 if block == "4k" else 1000)
                   for depth in argv[2].split(",")]
    return measure(targets, wanted)


if __name__ == "__main__":
    node.exit_with(main, sys.argv[1:])
