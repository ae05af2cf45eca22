#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure what DST keeps in RAM: how fast, how much, and what a replay takes."""

import json
import re
import time

import loads
import node
from quick import read_text, table

EXTRAS = node.Extras(programs=["/usr/sbin/dmsetup"],
                     modules={"dm": ["dm-delay"]})
REPLAY_MB = 256
DELAY_MS = 1
BURST = loads.Load("randwrite", "4k", 1, 16384)
SLOW = loads.Load("randwrite", "4k", 1, 1024, ", 1 ms each way")
SLOW.name += ".delay"
DEEP = loads.Load("randwrite", "4k", 32, 8000)
# long: the pages of the first writes have to be got from the kernel, cleared
BIG = loads.Load("write", "128k", 8, 32768, more=["--io_size=4g"])

TARGETS = ["local", "nvme", "dstsafe", "dstcache", "dstram", "dstsmall"]
# what is measured of which target, without and with the delay
PLAN = [("local", BURST), ("nvme", BURST), ("dstram", BURST),
        ("dstsmall", BURST), ("dstcache", BURST), ("dstsafe", BURST),
        ("dstsafe", DEEP), ("dstcache", DEEP), ("dstsafe", BIG),
        ("dstcache", BIG)]
DELAYED = [("nvme", SLOW), ("dstram", SLOW)]

# (what, own, its load, other, its load, at least)
RATIOS = [
    ("ack=ram, a burst of 64 MiB, to the local disk",
     "dstram", BURST, "local", BURST, 0.4),
    ("ack=ram with 1 ms each way, to nvme-tcp",
     "dstram", SLOW, "nvme", SLOW, 20),
    ("ack=ram beyond its memory limit, to ack=server",
     "dstsmall", BURST, "dstcache", BURST, 1),
    ("kept until a flush, to durable acks, 4k depth 32",
     "dstcache", DEEP, "dstsafe", DEEP, 0.9),
    ("kept until a flush, to durable acks, 128k depth 8",
     "dstcache", BIG, "dstsafe", BIG, 0.9)]


def job():
    """The shell text that the node runs."""
    def measure(plan):
        return ["measure %s %s %s" % (target, load.name, load.options())
                for target, load in plan]
    lines = ["NULL_MB=%d" % node.NULL_MB, "DST_ATTACH="]
    lines += ["target_%s" % t for t in TARGETS]
    lines += ["check %s /dev/null%s" % (t, t.replace("local", "b0"))
              for t in TARGETS if t != "dstram" and t != "dstsmall"]
    lines += ["settings", "keep"] + measure(PLAN)
    lines += ["keep", "delay %d" % DELAY_MS] + measure(DELAYED)
    lines += ["delay 0", "replay %d" % REPLAY_MB, "keep"]
    return "\n".join(lines) + "\n"


def replay_row(out):
    """The rate of the replay to that of the write before it."""
    try:
        with open(out + "/replay.json", encoding="utf-8") as f:
            text = f.read()
        write = json.loads(text[text.index("{"):])["jobs"][0]["write"]
        log = read_text(out + "/replay.log")
        start, end = map(float, re.findall(r"^\[ *([0-9.]+)\]", log, re.M))
        again = int(log.split("writing again ")[1].split()[0])
        rate = again / (end - start)
    except (OSError, ValueError, IndexError, ZeroDivisionError):
        return None
    if again < REPLAY_MB << 20:
        return None
    return ("replay of %d MiB, to the sequential write" % (again >> 20),
            rate / write["bw_bytes"], 1,
            "%.0f and %.0f MB/s" % (rate / 1e6, write["bw_bytes"] / 1e6))


def ratio_row(results, what, own, own_load, other, other_load, least):
    a, b = results[own, own_load.name], results[other, other_load.name]
    return (what, a["iops"] / b["iops"], least,
            "{:,.0f} and {:,.0f} IOPS".format(a["iops"], b["iops"]))


def report(rows, out):
    parts = [table(["what", "ratio", "wanted", "figures"],
                   [[what, "%.2f" % ratio, "%g" % least, figures]
                    for what, ratio, least, figures in rows])]
    parts.append("Settings: " + read_text(out + "/uname"))
    parts += ["%s: %s" % (t, loads.TARGETS[t]) for t in TARGETS]
    return "\n\n".join(parts) + "\n"


def main():
    kernel = node.find_kernel()
    out = node.results_dir("ram")
    problems = node.boot(kernel, job(), out, dst=node.build_dst(kernel),
                         extras=EXTRAS)
    results = {}
    for target, load in PLAN + DELAYED:
        hit = loads.read_result(out, target, load)
        if hit:
            results[target, load.name] = hit
        else:
            problems.append("no figure for %s %s" % (target, load.text))
    rows = [ratio_row(results, *r) for r in RATIOS
            if (r[1], r[2].name) in results and (r[3], r[4].name) in results]
    again = replay_row(out)
    if again:
        rows.append(again)
    else:
        problems.append("no figure for a replay of %d MiB" % REPLAY_MB)
    text = report(rows, out)
    with open(out + "/report.md", "w", encoding="utf-8") as f:
        f.write(text)
    with open(out + "/results.json", "w", encoding="utf-8") as f:
        json.dump({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                   "kernel": kernel.release, "problems": problems,
                   "ratios": rows, "results": list(results.values())}, f,
                  indent=1)
    print(text)
    for p in problems:
        node.say("FAILED: " + p)
    node.say("raw data in " + out)
    return 1 if problems else 0


if __name__ == "__main__":
    node.exit_with(main)
