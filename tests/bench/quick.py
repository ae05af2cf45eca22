#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure local null_blk, nvme-tcp and DST on the bench node, in one boot."""

import json
import os
import time

import loads
import node

FLOOR = [("48 bytes for 4 KiB", 48, 4096, 4000),
         ("48 bytes for 128 KiB", 48, 131072, 1000)]


def job(targets):
    """The shell text that the node runs."""
    lines = ["NULL_MB=%d" % node.NULL_MB,
             "DST_ATTACH='%s'" % os.environ.get("DST_ATTACH", "")]
    lines += ["target_%s" % t for t in targets]
    lines += ["check %s /dev/null%s" % (t, t.replace("local", "b0"))
              for t in targets]
    lines += ["settings", "keep"]
    for target in targets:
        lines += ["measure %s %s %s" % (target, load.name, load.options())
                  for load in loads.QUICK]
        lines.append("keep")
    lines += ["pingpong %d %d %d >/out/floor.%d || die pingpong" %
              (request, reply, count, i)
              for i, (_, request, reply, count) in enumerate(FLOOR)]
    return "\n".join(lines) + "\n"


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    except OSError:
        return ""


def table(head, rows):
    """A Markdown table, its columns aligned."""
    rows = [head] + rows
    width = [max(len(r[i]) for r in rows) for i in range(len(head))]

    def line(cells):
        return "| " + " | ".join(
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(cells, width))) + " |"
    rule = "|" + "|".join("-" * (w + 2) for w in width) + "|"
    return "\n".join([line(rows[0]), rule] + [line(r) for r in rows[1:]])


def ratio(results, load, rivals):
    """DST's IOPS over those of the best of the rivals."""
    own = results.get(("dst", load.name))
    others = [results[t, load.name]["iops"] for t in rivals
              if (t, load.name) in results]
    return "%.2f" % (own["iops"] / max(others)) if own and others else "-"


def report(results, targets, out):
    """The text that is printed and kept."""
    def form(value):
        return "{:,.0f}".format(value)

    rows = []
    for load in loads.QUICK:
        row = [load.text]
        for t in targets:
            hit = results.get((t, load.name))
            row.append(form(hit["iops"]) if hit else "-")
        row += [ratio(results, load, ["nvme"]),
                ratio(results, load, ["nvme", "nvmebest"])]
        rows.append(row)
    parts = ["IOPS, and DST's ratio to nvme-tcp:", "",
             table(["load"] + targets + ["dst/nvme", "dst/best nvme"], rows),
             "", "Instructions per I/O (1e9 / IOPS), context switches per "
             "I/O, p50 and p99 latency in virtual microseconds:", ""]
    rows = []
    for load in loads.QUICK:
        row = [load.text]
        for t in targets:
            hit = results.get((t, load.name))
            row.append("%s  %.2f  %.0f/%.0f" % (
                form(1e9 / hit["iops"]), hit["ctx_per_io"], hit["p50_us"],
                hit["p99_us"]) if hit else "-")
        rows.append(row)
    parts.append(table(["load"] + targets, rows))
    parts += ["", "Floor, TCP round trips a second: " + "; ".join(
        "%s %s" % (name, read_text(out + "/floor.%d" % i) or "-")
        for i, (name, *_) in enumerate(FLOOR))]
    parts += ["", "Settings: " + read_text(out + "/uname"),
              "qemu %s; %s" % (" ".join(node.MACHINE), node.APPEND),
              "null_blk %d MiB, memory-backed, 4 KiB sectors, one for each "
              "target, written once from end to end" % node.NULL_MB,
              "fio %s; depth 32: batches of 8; 128k: buffers in huge "
              "pages" % " ".join(loads.FIO[:2])]
    parts += ["%s: %s" % (t, loads.TARGETS[t]) for t in targets]
    idle = [k for k, v in results.items() if v["idle_jiffies"] > 1]
    if idle:
        parts += ["", "The processor was idle at times (the figure has waits "
                  "in it) in: " + ", ".join("%s %s" % k for k in idle)]
    return "\n".join(parts) + "\n"


def main():
    kernel = node.find_kernel()
    targets = os.environ.get("TARGETS", "local nvme nvmebest dst").split()
    for t in targets:
        if t not in loads.TARGETS:
            raise node.Failed("no target %s: there are %s" %
                              (t, " ".join(loads.TARGETS)))
    problems, dst = [], None
    if "dst" in targets:
        try:
            dst = node.build_dst(kernel)
            if not dst:
                problems.append("dst: no module source in this tree yet")
        except node.Failed as e:
            problems.append("dst: %s" % e)
        if not dst:
            targets.remove("dst")
    out = node.results_dir("quick")
    pingpong = loads.tool("pingpong", node.HERE + "/pingpong.c",
                          node.work_dir(), ["-static"])
    problems += node.boot(kernel, job(targets), out, dst=dst,
                          programs=[pingpong])
    results = {}
    for target in targets:
        for load in loads.QUICK:
            hit = loads.read_result(out, target, load)
            if hit:
                results[target, load.name] = hit
            else:
                problems.append("no figure for %s %s" % (target, load.text))
    text = report(results, targets, out)
    with open(out + "/report.md", "w", encoding="utf-8") as f:
        f.write(text)
    with open(out + "/results.json", "w", encoding="utf-8") as f:
        json.dump({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                   "kernel": kernel.release, "machine": node.MACHINE,
                   "append": node.APPEND, "problems": problems,
                   "results": list(results.values())}, f, indent=1)
    print(text)
    for p in problems:
        node.say("FAILED: " + p)
    node.say("raw data in " + out)
    return 1 if problems else 0


if __name__ == "__main__":
    node.exit_with(main)
