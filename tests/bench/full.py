#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`make bench`: DST and all its rivals, under all loads; see README.md."""

import json
import os
import re
import subprocess
import sys
import time

import loads
import node
import plan
import plots
import profile      # ours: pylint: disable=wrong-import-order
import report
from quick import read_text

PAGES = os.path.join(node.TOP, "Documentation/performance")
PACKAGES = ["fio", "nbd-server", "nbd-client", "nbdkit", "open-iscsi", "mdadm",
            "drbd-utils", "iproute2", "e2fsprogs", "qemu-system-x86"]
# For the estimate: seconds of this machine for a boot with all targets, and
# for a measurement.
BOOT_S, MEASURE_S, PROFILE_S = 60, 3, 12


def first_line(argv):
    try:
        return subprocess.run(argv, stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT,
                              text=True).stdout.strip().splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def versions():
    """Of the rivals' programs, as the packages have them."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n"]
                          + PACKAGES, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.DEVNULL, text=True)
    return ", ".join(sorted(done.stdout.splitlines()))


DISKS = {"disks": "null_blk, %d MiB, memory-backed, 4 KiB sectors, one for "
         "each target, written once from end to end" % node.NULL_MB}


def describe(out, machine, append=""):
    """How it was measured, in the words of those who did it."""
    cpu = re.search(r"^model name\s*: (.*)", read_text("/proc/cpuinfo"), re.M)
    git = first_line(["git", "-C", node.TOP, "describe", "--always",
                      "--dirty"])
    return {
        "kernel": read_text(out + "/uname"),
        "node": "qemu-system-x86_64 " + " ".join(machine),
        "command line": node.APPEND + append,
        "QEMU": first_line(["qemu-system-x86_64", "--version"]),
        "host": "%s, %d processors, Linux %s" % (
            cpu.group(1) if cpu else "unknown", os.cpu_count(),
            os.uname().release),
        "DST": git, "packages": versions(),
        "modules": ", ".join(read_text(out + "/versions").splitlines()),
        "fio": " ".join(loads.FIO[:2]) + "; from depth 32 on it submits and "
               "reaps 8 at a time; buffers above 64 KiB are in huge pages"}


def read_tree(out, target):
    """What the metadata load printed, in the shape of fio's results."""
    try:
        ops, seconds, syncs = read_text("%s/filetree.%s" % (
            out, target)).split()
        before, after = (loads.proc_stat("%s/%s.filetree.%s.txt" % (
            out, target, f)) for f in ("prerun", "postrun"))
    except (OSError, ValueError):
        return None
    rate = int(ops) / float(seconds)
    return {"target": target, "load": plan.Tree.name, "ios": int(ops),
            "iops": rate, "bytes_s": 0, "p50_us": None, "p99_us": None,
            "p999_us": None, "ctx_per_io": (after[0] - before[0]) / int(ops),
            "idle_jiffies": after[1] - before[1], "syncs": int(syncs)}


def collect(out, pairs, problems):
    results = []
    for target, load in pairs:
        hit = read_tree(out, target) if load is plan.Tree else \
            loads.read_result(out, target, load)
        if hit:
            hit["instructions"] = 1e9 / hit["iops"]
            results.append(hit)
        else:
            problems.append("no figure for %s, %s" % (target, load.text))
    return results


def queue_settings(out, targets):
    """The kernel's settings of each disk, as /sys says them."""
    found = {}
    for t in targets:
        found[t] = [line.split("/queue/")[-1] for line in
                    read_text("%s/queue.%s" % (out, t)).splitlines()]
        found[t] += read_text("%s/settings.%s" % (out, t)).splitlines()
    return found


def floor(out):
    found = {}
    for i, (name, *_) in enumerate(plan.FLOOR):
        try:
            found[name] = float(read_text("%s/floor.%d" % (out, i)))
        except ValueError:
            pass
    return found


def programs():
    """The small C programs of the node."""
    return [loads.tool(name, "%s/%s.c" % (node.HERE, name), node.work_dir(),
                       ["-static"]) for name in ("pingpong", "filetree")]


def extras():
    e = plan.EXTRAS
    return node.Extras(list(e.programs) + programs(), e.plugins, e.modules,
                       e.scripts)


def profiles(out, problems):
    """{load: {target: {"areas": ..., "tasks": ...}}}, per I/O."""
    by_load, bad = profile.collect(
        [t for t in plan.PROFILE_TARGETS if t in plan.TARGETS], plan.PROFILES,
        out)
    problems += bad
    return {title: {t: {"areas": {a: n / r.ios for a, n in r.areas.items()},
                        "tasks": {c: n / r.ios
                                  for c, n in r.contexts.items()}}
                    for t, (_, r) in found.items()}
            for title, found in by_load.items()}


def restrict():
    """TARGETS, LOADS, PARTS and SHRINK of the environment; whether all is
    measured."""
    names = os.environ.get("TARGETS", "").split()
    for t in names:
        if t not in plan.TARGETS:
            raise node.Failed("no target %s: there are %s" %
                              (t, " ".join(plan.TARGETS)))
    plan.TARGETS[:] = names or plan.TARGETS
    only = os.environ.get("LOADS", "").split()
    every = (plan.SMALL + plan.LARGE + plan.DURABLE + plan.SYNCS +
             plan.NETWORK)
    shrink = int(os.environ.get("SHRINK", "1"))
    for load in every + plan.PROFILES:
        if load is not plan.Tree:
            load.ios = max(load.ios // shrink, 4 * load.depth)
    for name in only:
        if name not in [load.name for load in every]:
            raise node.Failed("no load %s: there are %s" % (
                name, " ".join(load.name for load in every)))
    plan.ONLY = only
    parts = os.environ.get("PARTS", "main sync profile").split()
    return parts, (published() and not names and not only and
                   len(parts) == 3 and shrink == 1)


def estimate(parts):
    seconds = 0
    for part, pairs in (("main", plan.main_pairs), ("sync", plan.sync_pairs)):
        if part in parts:
            seconds += BOOT_S + MEASURE_S * len(pairs(plan.TARGETS))
    if "profile" in parts:
        seconds += PROFILE_S * len(plan.PROFILES) * len(plan.PROFILE_TARGETS)
    node.say("about %d minutes on an idle machine of two processors" %
             (seconds / 60 + 1))


def run(parts, out):
    """Boot for each part; everything that was found."""
    kernel, problems, results = node.find_kernel(), [], []
    dst = node.build_dst(kernel)
    if not dst:
        raise node.Failed("no module source in this tree")
    data = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "kernel": kernel.release, "problems": problems,
            "results": results, "floor": {}, "profiles": {}, "settings": {},
            "targets": {t: loads.TARGETS[t] for t in plan.TARGETS}}
    for part, job, pairs in (("main", plan.main_job, plan.main_pairs),
                             ("sync", plan.sync_job, plan.sync_pairs)):
        if part not in parts:
            continue
        sub = "%s/%s" % (out, part)
        problems += [part + ": " + p for p in node.boot(
            kernel, job(plan.TARGETS), sub, dst=dst,
            extras=extras(), machine=plan.MACHINE)]
        results += collect(sub, pairs(plan.TARGETS), problems)
        data["settings"][part] = queue_settings(sub, plan.TARGETS)
        data["floor"].update(floor(sub))
        data.setdefault("machine", {**describe(sub, plan.MACHINE), **DISKS})
    if "profile" in parts:
        data["profiles"] = profiles(out + "/profile", problems)
        data.setdefault("machine", {**describe(out + "/profile",
                                               node.MACHINE), **DISKS})
    return data


def write(data, out):
    """The pages, into a directory."""
    made = plots.all_plots(data, out)
    pages = {"README.md": report.text(data, made),
             "details.md": report.details_text(data),
             "bench.json": json.dumps(data, indent=1) + "\n"}
    for name, body in pages.items():
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            f.write(body)
    return pages["README.md"]


def published():
    """Whether what is measured may be: this tree's own module."""
    return "DST_BUILD" not in os.environ


def finish(data, out, pages, whole):
    """Print, keep, and publish what a whole run without problems found."""
    print(pages(data, out + "/pages"))
    for p in data["problems"]:
        node.say("FAILED: " + p)
    node.say("raw data in " + out)
    if whole and not data["problems"]:
        pages(data, PAGES)
        node.say("pages in " + PAGES)
    return 1 if data["problems"] else 0


def main():
    parts, whole = restrict()
    estimate(parts)
    out = node.results_dir("full")
    data = run(parts, out)
    if not finish(data, out, write, whole) and whole:
        subprocess.run([sys.executable, node.HERE + "/readme.py",
                        PAGES + "/bench.json"], check=True)
        node.say("and the table of README.md")
    return 1 if data["problems"] else 0


if __name__ == "__main__":
    node.exit_with(main)
