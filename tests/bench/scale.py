#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""How cost grows: devices, transactions in flight, clients, size."""

import json
import os
import re
import time

import full
import loads
import node
import plots
from quick import read_text, table

KINDS = ["dst", "nvme"]
COLOURS = {"dst": "#de2d26", "nvme": "#3182bd"}
COUNTS = [1, 2, 4, 8, 16, 32, 64]
DEPTHS = [1, 8, 32, 128, 512, 1000, 2000, 5000, 10000]
# Below this the memory of one is lost in the noise of all else.
DEPTHS_MEMORY = [1000, 2000, 5000, 10000]
SIZES = [("1 GiB", 1 << 10), ("32 GiB", 1 << 15), ("1 TiB", 1 << 20),
         ("32 TiB", 1 << 25), ("1 PiB", 1 << 30)]
DISKS = {"disks": "null_blk that keeps nothing, 4 KiB sectors, 1 GiB where "
                  "nothing else is said"}
DELAY_MS = 1000
APPEND = " slab_nomerge"    # so that each cache has its name
WORDS = {"dst": "DST, defaults",
         "nvme": "nvme-tcp, scheduler none, disable_sqflow"}


def options(depth, ios, around=loads.AROUND, rw="randread"):
    """Random over a disk of any size: no map of what was done."""
    load = loads.Load(rw, "4k", depth, ios, more=[
        "--norandommap", "--random_generator=tausworthe64",
        "--iomem=mmaphuge"])
    return load.options(around)


def flight_name(kind, rw, depth):
    return "%s.flight.%s.%d" % (kind, rw, depth)


def flight_lines(kind):
    """Instructions with no delay; memory with one so long that nothing
    arrives before it is looked at."""
    lines = ["attach %s flight 400" % kind]
    lines += ["measure %s %s %s" % (
        "flight", flight_name(kind, "randread", d),
        options(d, max(8000, 2 * d))) for d in DEPTHS]
    lines.append("delay %d" % DELAY_MS)
    for rw in ("randread", "randwrite"):
        for d in DEPTHS_MEMORY:
            name = flight_name(kind, rw, d)
            prerun = "--exec_prerun='sh /tmp/in_flight %s'" % name
            lines.append("measure flight wait.%s %s" % (
                name, options(d, d, [prerun], rw)))
    return lines + ["delay 0", "keep"]


def job(kind):
    counts = " ".join(str(n) for n in COUNTS)
    some = options(32, 16000)
    # what comes once, whatever the number, has come before anything is counted
    lines = ["NVME_CORE=multipath=N", "DST_ATTACH=", "load " + kind,
             "attach %s warm 300" % kind, "measure warm once " + some,
             "grow device %s attach %s -- %s" % (kind, counts, some),
             "share " + kind,
             "grow client %s client %s -- %s" % (kind, counts, some)]
    lines += ["size %s size%d %d %s" % (kind, i, mb, options(32, 8000))
              for i, (_, mb) in enumerate(SIZES)]
    return "\n".join(lines + flight_lines(kind) + ["settings"]) + "\n"


def meminfo(out, name):
    """KiB in use, and KiB in slabs."""
    text = read_text("%s/memory.%s" % (out, name))
    found = dict(re.findall(r"^(\w+): +(\d+) kB", text, re.M))
    if "MemFree" not in found:
        return None
    return int(found["MemTotal"]) - int(found["MemFree"]), int(found["Slab"])


def grown(out, before, after):
    """(KiB, KiB in slabs) that came between two looks, or None."""
    a, b = meminfo(out, before), meminfo(out, after)
    return (b[0] - a[0], b[1] - a[1]) if a and b else None


def read_fio(out, name):
    """Instructions per I/O of one run, as an I/O's share of the time."""
    try:
        with open("%s/fio.%s.json" % (out, name), encoding="utf-8") as f:
            text = f.read()
        found = json.loads(text[text.index("{"):])["jobs"][0]
    except (OSError, ValueError, LookupError):
        return None
    ios = sum(found[d]["total_ios"] for d in ("read", "write"))
    return None if found["error"] or not ios else \
        1e6 * found["job_runtime"] / ios


def slabs(out, name, count):
    """{cache: bytes for each I/O in flight}, of those that grew."""
    looks = []
    for look in "01":
        lines = read_text("%s/slab.%s.%s" % (out, name, look)).splitlines()
        looks.append({w[0]: int(w[2]) * int(w[3]) for w in
                      (line.split() for line in lines[2:])})
    before, after = looks
    grew = {n: (after[n] - before.get(n, 0)) / count for n in after}
    return {n: v for n, v in sorted(grew.items(), key=lambda x: -x[1])
            if v >= 8}


def row(unit, instructions, memory, count=1):
    """One step: what an I/O costs, and what each unit holds, in KiB."""
    return {"unit": unit, "instructions": instructions,
            "kib": memory[0] / count if memory else None,
            "slab_kib": memory[1] / count if memory else None}


def collect_grown(out, kind, what):
    name = "%s.%s" % (kind, what)
    return [row(n, read_fio(out, "%s.%d" % (name, n)),
                grown(out, name + ".0", "%s.%d" % (name, n)), n)
            for n in COUNTS]


def collect(out, kind):
    """{experiment: [steps]}"""
    sizes = [row(text, read_fio(out, "%s.size%d" % (kind, i)),
                 grown(out, "%s.size%d.0" % (kind, i),
                       "%s.size%d.1" % (kind, i)))
             for i, (text, _) in enumerate(SIZES)]
    flight = [row(d, read_fio(out, "flight." +
                              flight_name(kind, "randread", d)), None)
              for d in DEPTHS]
    found = {"device": collect_grown(out, kind, "device"),
             "client": collect_grown(out, kind, "client"),
             "flight": flight, "size": sizes}
    for rw in ("randread", "randwrite"):
        names = [flight_name(kind, rw, d) for d in DEPTHS_MEMORY]
        found["memory " + rw] = [
            {**row(d, None, grown(out, n + ".0", n + ".1"), d),
             "caches": slabs(out, n, d)}
            for d, n in zip(DEPTHS_MEMORY, names)]
    return found


def missing(kind, found):
    return ["no figure for %s, %s %s" % (kind, what, step["unit"])
            for what, steps in found.items() for step in steps
            if (step["kib"] if what.startswith("memory") else
                step["instructions"]) is None]


def two(steps, key, scale=1):
    """A column for each kind."""
    def form(value):
        return "-" if value is None else "{:,.0f}".format(value * scale)
    return [[str(cells[0]["unit"])] + [form(c[key]) for c in cells]
            for cells in zip(*steps)]


def section(results, title, what, keys):
    """A heading and a table; keys: (name, key, scale)."""
    kinds = list(results)
    steps = [results[k][what] for k in kinds]
    head, rows = [title.split(":")[0].lower()], None
    for name, key, scale in keys:
        head += ["%s, %s" % (k, name) for k in kinds]
        part = two(steps, key, scale)
        rows = part if rows is None else [
            old + new[1:] for old, new in zip(rows, part)]
    return ["## " + title, table(head, rows)]


def report(data, made):
    results = data["results"]
    per_io = ("instructions per I/O", "instructions", 1)
    each = ("KiB each", "kib", 1)
    parts = [
        "# How cost grows",
        "Made by `make -C tests/bench scale`, %s: virtual time, a nanosecond "
        "is an instruction. Memory is what is gone from MemFree, caches "
        "dropped, client and server together; single figures are blurred by "
        "some hundred KiB. Raw data: "
        "[scale.json](scale.json)." % data["time"][:10]]
    if data["problems"]:
        parts += ["**This run had problems; the figures are partial:**"]
        parts += ["- " + p for p in data["problems"]]
    parts += section(results, "Devices: each with an export of its own, 4k "
                     "random read over all of them, depth 32 on each", "device",
                     [per_io, each])
    parts += section(results, "Clients: of one export, 4k random read, depth "
                     "32 on each", "client", [per_io, each])
    parts += section(results, "In flight: 4k random read", "flight", [per_io])
    in_bytes = [("bytes each", "kib", 1024),
                ("bytes each in slabs", "slab_kib", 1024)]
    parts += section(results, "In flight: memory, 4k random read, nothing "
                     "answered yet", "memory randread", in_bytes)
    parts += section(results, "In flight: memory, 4k random write, nothing "
                     "answered yet (fio's own pages are not in it)",
                     "memory randwrite", in_bytes)
    parts += ["nvme-tcp has 128 I/Os on their way at the most: the others wait "
              "in io_uring, without a request or a bio."]
    parts += caches(results)
    parts += section(results, "Size: of the disk, 4k random read, depth 32",
                     "size", [per_io, each])
    parts += ["![%s](%s.svg)" % (text, name) for name, text in made]
    parts += full.report.machine(data)
    return "\n\n".join(parts) + "\n"


def caches(results):
    """What the slabs are, at the greatest depth: all block devices need bio
    and io_kiocb."""
    parts = []
    for kind, found in results.items():
        rows = [[rw, "%d" % found["memory " + rw][-1]["unit"], ", ".join(
            "%s %.0f" % x for x in found["memory " + rw][-1]["caches"].items())]
            for rw in ("randread", "randwrite")]
        parts += ["%s, bytes in each cache for each I/O in flight:" % kind,
                  table(["load", "in flight", "caches"], rows)]
    return parts


def draw(data, out):
    made = []
    for what, key, label, title, scale in (
            ("device", "instructions", "instructions", "Devices: "
             "instructions per I/O", 1),
            ("device", "kib", "KiB", "Devices: memory of each", 1),
            ("client", "instructions", "instructions", "Clients: "
             "instructions per I/O", 1),
            ("client", "kib", "KiB", "Clients: memory of each", 1),
            ("flight", "instructions", "instructions", "In flight: "
             "instructions per I/O", 1),
            ("memory randwrite", "kib", "bytes", "In flight: memory of a "
             "write beside its data", 1024)):
        first = next(iter(data["results"].values()))[what]
        series = {k: [None if s[key] is None else s[key] * scale
                      for s in found[what]]
                  for k, found in data["results"].items()}
        if not any(y for ys in series.values() for y in ys):
            continue
        name = "scale-%s-%s" % (what.replace(" ", "-"), key)
        plots.lines(out, name, title, (what, label,
                                       [s["unit"] for s in first]),
                    series, "x", COLOURS)
        made.append((name, title))
    series = {k: [s["instructions"] for s in found["size"]]
              for k, found in data["results"].items()}
    plots.bars(out, "scale-size", "Size: instructions per I/O",
               "instructions", [text for text, _ in SIZES], series)
    return made + [("scale-size", "Size: instructions per I/O")]


def write(data, out):
    os.makedirs(out, exist_ok=True)
    text = report(data, draw(data, out))
    for name, body in (("scale.md", text),
                       ("scale.json", json.dumps(data, indent=1) + "\n")):
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            f.write(body)
    return text


def main():
    kinds = os.environ.get("TARGETS", " ".join(KINDS)).split()
    for k in kinds:
        if k not in KINDS:
            raise node.Failed("no target %s: there are %s" %
                              (k, " ".join(KINDS)))
    node.say("about %d minutes on an idle machine" % (6 * len(kinds)))
    kernel, out = node.find_kernel(), node.results_dir("scale")
    dst, problems, results = node.build_dst(kernel), [], {}
    for k in kinds:
        sub = "%s/%s" % (out, k)
        problems += [k + ": " + p for p in node.boot(
            kernel, job(k), sub, dst=dst,
            extras=node.Extras(scripts=["scale.sh"]), append=APPEND)]
        results[k] = collect(sub, k)
        problems += missing(k, results[k])
    data = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "kernel": kernel.release, "problems": problems,
            "machine": {**full.describe("%s/%s" % (out, kinds[-1]),
                                        node.MACHINE, APPEND), **DISKS},
            "targets": {k: WORDS[k] for k in kinds}, "results": results}
    return full.finish(data, out, write,
                       full.published() and kinds == KINDS)


if __name__ == "__main__":
    node.exit_with(main)
