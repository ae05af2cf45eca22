#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What virtual time cannot see: two processors, wall clock, rounds."""

import json
import os
import statistics
import time

import full
import loads
import node
import plan
import plots
from quick import table

MACHINE = ["-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-smp", "2",
           "-m", "6G"]
APPEND = " tsc=reliable"
TARGETS = ["local", "nvme", "nvmebest", "nbdbest", "nbdkit", "iscsi", "dst",
           "dst1", "dst4"]
RIVALS = ["nvme", "nvmebest", "nbdbest", "nbdkit", "iscsi"]
ROUNDS = int(os.environ.get("ROUNDS", "7"))
RUNTIME = float(os.environ.get("RUNTIME", "2"))
DEPTH, WANTED = 32, 1.5
LOADS = [(rw, jobs) for jobs in (1, 2) for rw in ("randread", "randwrite")]
WORDS = {"randread": "random read", "randwrite": "random write"}
BOOT_S, START_S = 60, 1.2


def name_of(rw, jobs, number):
    return "%s.j%d.r%d" % (rw, jobs, number)


def text_of(rw, jobs):
    return "4k %s, %d job%s x depth %d" % (WORDS[rw], jobs,
                                           "s" if jobs > 1 else "", DEPTH)


def options(rw, jobs):
    return " ".join(loads.FIO + [
        "--rw=" + rw, "--bs=4k", "--iodepth=%d" % DEPTH, "--time_based",
        "--runtime=%dms" % (RUNTIME * 1000), "--ramp_time=200ms", "--numjobs=%d" % jobs,
        "--group_reporting", "--iodepth_batch_submit=8",
        "--iodepth_batch_complete_min=8"])


def order(targets, number):
    """Each round starts with another one."""
    cut = number % len(targets)
    return targets[cut:] + targets[:cut]


def job(targets):
    lines = plan.set_up(targets, "")
    for number in range(ROUNDS):
        lines += ["measure %s %s %s; sync" % (
            t, name_of(rw, jobs, number), options(rw, jobs))
            for rw, jobs in LOADS for t in order(targets, number)]
        lines.append("keep")
    return "\n".join(lines) + "\n"


def read_iops(out, target, name):
    try:
        with open("%s/fio.%s.%s.json" % (out, target, name),
                  encoding="utf-8") as f:
            text = f.read()
        found = json.loads(text[text.index("{"):])["jobs"][0]
    except (OSError, ValueError, LookupError):
        return None
    iops = found["read"]["iops"] + found["write"]["iops"]
    return iops if iops and not found["error"] else None


def collect(out, targets, problems):
    """{load: {target: [IOPS of each round]}}"""
    found = {}
    for rw, jobs in LOADS:
        rows = found.setdefault(text_of(rw, jobs), {})
        for t in targets:
            rows[t] = [read_iops(out, t, name_of(rw, jobs, n))
                       for n in range(ROUNDS)]
            problems += ["no figure for %s, %s, round %d" % (
                t, text_of(rw, jobs), n) for n in range(ROUNDS)
                if not rows[t][n]]
    return found


def ratios(rows, own, others):
    """DST's figure over the best of the others', in each round."""
    found = []
    for n in range(ROUNDS):
        rivals = [rows[t][n] for t in others if rows.get(t) and rows[t][n]]
        if rivals and rows.get(own) and rows[own][n]:
            found.append(rows[own][n] / max(rivals))
    return found


def spread(values):
    """Median and range."""
    if not values:
        return "-"
    return "%.2f (%.2f to %.2f)" % (statistics.median(values), min(values),
                                    max(values))


def report(data):
    targets = list(data["targets"])
    rivals = [t for t in targets if t in RIVALS]
    lanes = [t for t in targets if t in ("dst1", "dst4")]
    iops, ratio, lane = [], [], []
    for load, rows in data["results"].items():
        iops.append([load] + ["{:,.0f}".format(statistics.median(
            [v for v in rows[t] if v] or [0])) for t in targets])
        ratio.append([load, spread(ratios(rows, "dst", rivals))] +
                     [spread(ratios(rows, "dst", [t])) for t in rivals])
        lane.append([load] + [spread(ratios(rows, t, ["dst"]))
                              for t in lanes])
    parts = [
        "# Two processors, wall clock",
        "Made by `make -C tests/bench wall`, %s. %d rounds, each with all "
        "targets one after the other, beginning with another one; %g s each. "
        "Absolute figures depend on what else the machine did; ratios within "
        "a round mean more. Raw data: [wall.json](wall.json)." % (
            data["time"][:10], ROUNDS, RUNTIME)]
    if data["problems"]:
        parts += ["**This run had problems; the figures are partial:**"]
        parts += ["- " + p for p in data["problems"]]
    parts += [
        "## DST's IOPS to those of the others: median and range of the "
        "rounds' ratios", "Wanted for 2 jobs: a median of %g to the best "
        "rival." % WANTED,
        table(["load", "the best rival of the round"] + rivals, ratio),
        "## IOPS, medians", table(["load"] + targets, iops),
        "![IOPS, medians](wall.svg)"]
    if lanes:
        parts += ["## Lanes: IOPS to those with one for each processor",
                  table(["load"] + lanes, lane)]
    parts += full.report.machine(data)
    return "\n\n".join(parts) + "\n"


def plot(data, out):
    series = {t: [statistics.median([v for v in rows[t] if v] or [0])
                  for rows in data["results"].values()]
              for t in data["targets"]}
    plots.bars(out, "wall", "Wall clock, two processors, median IOPS", "IOPS",
               ["%s, %d job%s" % (WORDS[rw], jobs, "s" if jobs > 1 else "")
                for rw, jobs in LOADS], series)


def write(data, out):
    os.makedirs(out, exist_ok=True)
    plot(data, out)
    text = report(data)
    for name, body in (("wall.md", text),
                       ("wall.json", json.dumps(data, indent=1) + "\n")):
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            f.write(body)
    return text


def main():
    targets = os.environ.get("TARGETS", " ".join(TARGETS)).split()
    for t in targets:
        if t not in loads.TARGETS:
            raise node.Failed("no target %s: there are %s" %
                              (t, " ".join(loads.TARGETS)))
    node.say("about %d minutes on an idle machine of two processors" % (
        (BOOT_S + ROUNDS * len(LOADS) * len(targets) *
         (RUNTIME + START_S)) / 60 + 1))
    kernel, out = node.find_kernel(), node.results_dir("wall")
    problems = node.boot(kernel, job(targets), out,
                         dst=node.build_dst(kernel), extras=full.extras(),
                         machine=MACHINE, append=APPEND)
    data = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "kernel": kernel.release, "problems": problems,
            "machine": {**full.describe(out, MACHINE, APPEND),
                        **full.DISKS},
            "targets": {t: loads.TARGETS[t] for t in targets},
            "settings": full.queue_settings(out, targets),
            "results": collect(out, targets, problems)}
    whole = (full.published() and targets == TARGETS and ROUNDS >= 7 and
             RUNTIME >= 2)
    return full.finish(data, out, write, whole)


if __name__ == "__main__":
    node.exit_with(main)
