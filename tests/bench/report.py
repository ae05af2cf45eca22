# SPDX-License-Identifier: GPL-2.0-only
"""The report of `make bench`, in Markdown, from what full.py collected."""

import plan
from quick import table

# (what, own target, load, at least this times the best rival's IOPS)
BAR = [
    ("4k random read, depth 1", "dst", "randread.4k.1", 1.35),
    ("4k random write, depth 1", "dst", "randwrite.4k.1", 1.35),
    ("4k random read, depth 32", "dst", "randread.4k.32", 2),
    ("4k random write, depth 32", "dst", "randwrite.4k.32", 2),
    ("4k random read, depth 128", "dst", "randread.4k.128", 2.2),
    ("4k random write, depth 128", "dst", "randwrite.4k.128", 2.2),
    ("128k sequential read, depth 8", "dst", "read.128k.8", 1.4),
    ("128k sequential write, depth 8", "dst", "write.128k.8", 1.4),
    ("1 MiB writes at depth 1, 1 ms delay", "dst", "write.1m.1.d1", 1.5),
    ("4k write + fsync on ext4", "dst", "ext4sync", 1.25),
    ("--ack=ram, 4k random write, depth 1", "ackram", "randwrite.4k.1", 2.5),
    ("--ack=ram, the same, 1 ms delay", "ackram", "randwrite.4k.1.d1", 20)]
# (what, load, at most this times the best rival's p99)
BAR_P99 = [
    ("p99 of 4k random reads, depth 32", "randread.4k.32", 0.6),
    ("p99 of 4k random writes, depth 32", "randwrite.4k.32", 0.6)]


def best(results, load, key="iops", pick=max):
    """(value, target) of the best rival under a load, or None."""
    found = [(results[t, load][key], t) for t in plan.RIVALS
             if (t, load) in results]
    return pick(found) if found else None


def cell(hit, form):
    return form(hit) if hit else "-"


def iops(hit):
    return "{:,.0f}".format(hit["iops"])


def megabytes(hit):
    return "{:,.0f}".format(hit["bytes_s"] / 1e6)


def against(results, load, own="dst"):
    """The ratio to the best rival, and which one that is."""
    rival, hit = best(results, load), results.get((own, load))
    if not rival or not hit:
        return "-"
    return "%.2f (%s)" % (hit["iops"] / rival[0], rival[1])


def compared(results, targets, wanted, form):
    """A table: a row for each load, a column for each target."""
    rows = [[load.text] +
            [cell(results.get((t, load.name)), form) for t in targets] +
            [against(results, load.name)] for load in wanted
            if any((t, load.name) in results for t in targets)]
    return table(["load"] + targets + ["DST / best rival"], rows)


def bar_rows(results):
    """(what, ratio, wanted, met, figures) for each line that was measured."""
    rows = []
    for what, own, load, least in BAR:
        rival, hit = best(results, load), results.get((own, load))
        if rival and hit:
            ratio = hit["iops"] / rival[0]
            rows.append((what, ratio, "at least %g" % least, ratio >= least,
                         "%s, %s %s IOPS" % (iops(hit), rival[1],
                                             "{:,.0f}".format(rival[0]))))
    for what, load, most in BAR_P99:
        rival, hit = best(results, load, "p99_us", min), \
            results.get(("dst", load))
        if rival and hit:
            ratio = hit["p99_us"] / rival[0]
            rows.append((what, ratio, "at most %g" % most, ratio <= most,
                         "%.0f, %s %.0f microseconds" % (
                             hit["p99_us"], rival[1], rival[0])))
    return rows


def bar(results):
    return table(["load", "DST / best rival", "wanted", "", "figures"],
                 [[what, "%.2f" % ratio, wanted, "met" if met else "**not met**",
                   figures]
                  for what, ratio, wanted, met, figures in bar_rows(results)])


def network(results, targets):
    """Delay and loss: the part of the targets that is measured there."""
    targets = [t for t in targets if t in plan.NETWORK_TARGETS]
    return compared(results, targets, plan.NETWORK, iops)


def details(results, targets, wanted):
    """Everything that is known of each measurement."""
    def form(value, digits):
        return "-" if value is None else "{:,.{}f}".format(value, digits)

    rows = []
    for load in wanted:
        for t in targets:
            hit = results.get((t, load.name))
            if hit:
                rows.append([load.text, t, iops(hit), megabytes(hit)] + [
                    form(hit[k], 0) for k in ("p50_us", "p99_us", "p999_us",
                                              "instructions")] + [
                    form(hit["ctx_per_io"], 2)])
    return table(["load", "target", "IOPS", "MB/s", "p50", "p99", "p99.9",
                  "instructions per I/O", "switches per I/O"], rows)


def areas(profiles):
    """Where the instructions of an I/O go, by area of the kernel."""
    parts = []
    for title, by_target in profiles.items():
        names = sorted({a for p in by_target.values() for a in p["areas"]},
                       key=lambda a: (-max(p["areas"].get(a, 0)
                                           for p in by_target.values()), a))
        rows = [["all"] + ["{:,.0f}".format(sum(p["areas"].values()))
                           for p in by_target.values()]]
        rows += [[name] + ["{:,.0f}".format(p["areas"].get(name, 0))
                           for p in by_target.values()] for name in names
                 if max(p["areas"].get(name, 0)
                        for p in by_target.values()) >= 50]
        parts += ["### " + title, table(["area"] + list(by_target), rows)]
    return parts


def pictures(names):
    return ["![%s](%s.svg)" % (text, name) for name, text in names]


def machine(info):
    """How it was measured, so that another can do it again."""
    rows = [[k, v] for k, v in info["machine"].items()]
    parts = ["## Machine and settings", table(["what", ""], rows)]
    parts += ["- **%s**: %s" % (t, text) for t, text in
              info["targets"].items()]
    return parts


def text(data, pages):
    """The page: `data` is what is in the JSON file, `pages` the plots."""
    results = {(r["target"], r["load"]): r for r in data["results"]}
    targets = list(data["targets"])
    parts = [
        "# DST and its rivals",
        "Made by `make bench`, %s; never typed. A figure is virtual time: one "
        "nanosecond per instruction that client, server and fio spend (see "
        "[tests/bench/README.md](../../tests/bench/README.md)). Everything is "
        "in one machine, each target over a null_blk of its own with the same "
        "parameters. Raw data: [bench.json](bench.json). All percentiles and "
        "context switches: [details.md](details.md)." % data["time"][:10],
        "A mirror (md, drbd) writes each block twice, and drbd reads it from "
        "the local disk: neither counts as a rival of a disk on one server. "
        "DST's own mirror is not among the targets. Where the bar is not met: "
        "[why.md](why.md). What was tried: [tried.md](tried.md)."]
    if data["problems"]:
        parts += ["**This run had problems; the figures are partial:**"]
        parts += ["- " + p for p in data["problems"]]
    parts += ["## The bar", bar(results)]
    parts += ["## 4 KiB, IOPS", compared(results, targets, plan.SMALL, iops)]
    parts += pictures(pages)
    parts += ["## Sequential, MB/s",
              compared(results, targets, plan.LARGE, megabytes)]
    parts += ["## Waiting for stable storage, operations a second",
              "On disks with a volatile cache of %d MiB, but for the last "
              "line. The metadata load "
              "is [filetree.c](../../tests/bench/filetree.c)." % plan.CACHE_MB,
              compared(results, targets, plan.SYNCS + plan.DURABLE, iops)]
    parts += ["## Delay and loss, IOPS",
              "netem delays each packet on the loopback, so a round trip "
              "takes twice as long. Every 997th packet is lost.",
              network(results, targets)]
    parts += ["## The floor",
              "Round trips a second of two processes over one connection:",
              table(["request for reply", "a second"],
                    [[name, "{:,.0f}".format(rate)]
                     for name, rate in data["floor"].items()])]
    if data["profiles"]:
        parts += ["## Where the instructions of an I/O go"]
        parts += areas(data["profiles"])
    parts += machine(data)
    return "\n\n".join(parts) + "\n"


def details_text(data):
    results = {(r["target"], r["load"]): r for r in data["results"]}
    return "\n\n".join([
        "# Every measurement", "Made by `make bench`, %s. Latencies in "
        "virtual microseconds; with `fsync` they are those of the fsync. "
        "Instructions count idle time too, where there is any: with a delay "
        "they mean nothing." % data["time"][:10],
        details(results, list(data["targets"]), plan.SMALL + plan.LARGE +
                plan.SYNCS + plan.DURABLE + plan.NETWORK)]) + "\n"
