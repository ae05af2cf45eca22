# SPDX-License-Identifier: GPL-2.0-only
"""Plots of `make bench`: gnuplot draws each as SVG and as PNG."""

import math
import os
import subprocess
import tempfile

import plan

TERMINALS = [("svg", "svg size 900,420 dynamic background '#ffffff' "
                     "font 'sans-serif,12'"),
             ("png", "pngcairo size 900,420 background '#ffffff' "
                     "font 'Sans,10'")]
# Far enough apart for those who see few colours; DST's are the strong ones.
COLOURS = {"local": "#999999", "nvme": "#9ecae1", "nvmebest": "#3182bd",
           "nvmepoll": "#08519c", "nbdbest": "#fdae6b", "nbdkit": "#e6550d",
           "iscsi": "#31a354", "md": "#bcbddc", "drbd": "#756bb1",
           "dst": "#de2d26", "ackram": "#a50f15",
           "dst1": "#fb6a4a", "dst4": "#67000d"}


# For parts of a whole, which have no colour of their own.
PARTS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b",
         "#e377c2", "#7f7f7f", "#bcbd22", "#17becf", "#aec7e8", "#dddddd"]


def quoted(text):
    return "'" + str(text).replace("'", "''") + "'"


def draw(out, name, title, body, data):
    """Run gnuplot once for each form.  `data` is text for the file $data."""
    with tempfile.NamedTemporaryFile("w", suffix=".dat") as f:
        f.write(data)
        f.flush()
        for form, terminal in TERMINALS:
            script = ["set terminal " + terminal,
                      "set output " + quoted("%s/%s.%s" % (out, name, form)),
                      "set title " + quoted(title), "set grid ytics",
                      "set key outside right", "data = " + quoted(f.name),
                      body]
            done = subprocess.run(["gnuplot"], input="\n".join(script) + "\n",
                                  text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
            if done.returncode or "line " in done.stdout:
                raise RuntimeError("gnuplot, %s: %s" % (name, done.stdout))


def columns(rows):
    """Rows as gnuplot reads them; ? where there is no figure."""
    return "".join(" ".join('"%s"' % c if isinstance(c, str) else
                            "?" if c is None else "%.6g" % c
                            for c in row) + "\n" for row in rows)


def ticks_125(series):
    """1, 2, 5, 10, ... around all values, for an axis that is logarithmic."""
    ys = [y for values in series.values() for y in values if y]
    exponents = range(math.floor(math.log10(min(ys))),
                      math.ceil(math.log10(max(ys))) + 1)
    found = [m * 10.0 ** e for e in exponents for m in (1, 2, 5)]
    return [y for y in found if min(ys) / 2.5 <= y <= max(ys) * 2.5]


def human(y):
    return "%gk" % (y / 1000) if 1000 <= y < 1e6 else \
        "%gM" % (y / 1e6) if y >= 1e6 else "%g" % y


def lines(out, name, title, labels, series, logscale="xy", colours=None):
    """One line for each of `series`: {name: [y, ...]} over the same x's.
    `labels` is (of x, of y, [x, ...])."""
    x_label, y_label, xs = labels
    rows = [[x] + [ys[i] for ys in series.values()] for i, x in enumerate(xs)]
    plots = ["data using 1:%d with linespoints lw 2 pt 7 ps 0.6 %s title %s" %
             (i + 2, "lc rgb '%s'" % (colours or COLOURS)[s]
              if s in (colours or COLOURS) else "", quoted(s))
             for i, s in enumerate(series)]
    body = ["set datafile missing '?'", "set xlabel " + quoted(x_label),
            "set ylabel " + quoted(y_label),
            "set xtics (%s)" % ", ".join("'%s' %g" % (human(x), x)
                                         for x in xs)]
    if "x" in logscale:
        body += ["set logscale x",
                 "set xrange [%g:%g]" % (min(xs) / 1.2, max(xs) * 1.2)]
    if "y" in logscale:
        body += ["set logscale y", "set ytics (%s)" % ", ".join(
            "'%s' %g" % (human(y), y) for y in ticks_125(series)),
            "set yrange [%g:%g]" % (ticks_125(series)[0],
                                    ticks_125(series)[-1])]
    else:
        body.append("set yrange [0:*]")
    body.append("plot " + ", ".join(plots))
    draw(out, name, title, "\n".join(body), columns(rows))


def bars(out, name, title, y_label, groups, series, stacked=False):
    """Bars: {name: [y of each group]}; side by side, or on each other."""
    rows = [[group] + [ys[i] for ys in series.values()]
            for i, group in enumerate(groups)]
    plots = ["data using %d:xtic(1) lc rgb '%s' title %s" %
             (i + 2, COLOURS.get(s, PARTS[i % len(PARTS)]), quoted(s))
             for i, s in enumerate(series)]
    body = ["set datafile missing '?'", "set ylabel " + quoted(y_label),
            "set yrange [0:*]", "set style data histograms",
            "set style histogram " +
            ("rowstacked" if stacked else "clustered gap 1"),
            "set boxwidth %s" % ("0.6" if stacked else "0.9"),
            "set style fill solid 0.9 noborder", "set format y '%g'",
            "set xtics nomirror", "set bmargin 4", "plot " + ", ".join(plots)]
    draw(out, name, title, "\n".join(body), columns(rows))


def value(results, target, load, key="iops", scale=1):
    hit = results.get((target, load))
    return hit[key] / scale if hit and hit[key] is not None else None


def series_of(results, targets, names, key="iops", scale=1):
    """{target: [a figure of each load]}, without targets that have none."""
    out = {t: [value(results, t, n, key, scale) for n in names]
           for t in targets}
    return {t: ys for t, ys in out.items() if any(y is not None for y in ys)}


def over_depth(results, targets, out):
    depths = sorted({load.depth for load in plan.SMALL})
    made = []
    for rw, word in (("randread", "random read"), ("randwrite", "random write"),
                     ("randrw", "random 70/30")):
        names = ["%s.4k.%d" % (rw, d) for d in depths]
        for key, label, form in (("iops", "IOPS", "iops"),
                                 ("p99_us", "p99, virtual microseconds",
                                  "p99")):
            series = series_of(results, targets, names, key)
            if not series or (rw == "randrw" and form == "p99"):
                continue
            name = "%s-%s" % (rw, form)
            title = "4 KiB %s, %s" % (word, label.split(",")[0])
            lines(out, name, title, ("depth", label, depths), series)
            made.append((name, title))
    return made


def over_delay(results, targets, out):
    delays = [0.1, 1, 10]
    made = []
    for base in plan.NETWORK_BASE:
        names = ["%s.d%g" % (base.name, d) for d in delays]
        series = series_of(results, targets, names)
        if series:
            name = "delay-" + base.name.replace(".", "-")
            title = base.text + ", with delay: IOPS"
            lines(out, name, title, ("delay each way, ms", "IOPS", delays),
                  series)
            made.append((name, title))
    return made


def grouped(results, targets, out):
    """Sequential I/O, and what waits for stable storage."""
    made = []
    for name, title, label, wanted, key, scale in (
            ("sequential", "Sequential, MB/s", "MB/s", plan.LARGE, "bytes_s",
             1e6),
            ("sync", "Waiting for stable storage: operations a second",
             "a second", plan.SYNCS, "iops", 1)):
        series = series_of(results, targets, [w.name for w in wanted], key,
                           scale)
        if series:
            bars(out, name, title, label,
                 [w.name if key == "iops" else
                  "%s\\n%s\\ndepth %d" % (w.rw, w.block, w.depth)
                  for w in wanted], series)
            made.append((name, title))
    return made


def instructions(profiles, out):
    """Where they go: one bar for each target and load."""
    found = {a: 0 for p in profiles.values() for t in p.values()
             for a in t["areas"]}
    for by_target in profiles.values():
        for p in by_target.values():
            for a, n in p["areas"].items():
                found[a] = max(found[a], n / sum(p["areas"].values()))
    most = sorted(found, key=lambda a: (-found[a], a))[:11]
    small = [(load, t, p["areas"]) for load, by_target in profiles.items()
             for t, p in by_target.items() if load.startswith("4k")]
    if not small:
        return []
    groups = ["%s\\n%s\\n%s" % (t, load.split(",")[0].split()[-1],
                                load.split()[-1]) for load, t, _ in small]
    series = {a: [areas.get(a, 0) for _, _, areas in small] for a in most}
    series["the rest"] = [sum(n for a, n in areas.items() if a not in most)
                          for _, _, areas in small]
    title = "Instructions of a 4 KiB I/O (read or write, depth)"
    bars(out, "instructions", title, "instructions", groups, series, True)
    return [("instructions", title)]


def all_plots(data, out):
    """Draw what there are figures for; [(name, title)]."""
    os.makedirs(out, exist_ok=True)
    results = {(r["target"], r["load"]): r for r in data["results"]}
    targets = list(data["targets"])
    return over_depth(results, targets, out) + \
        grouped(results, targets, out) + \
        over_delay(results, targets, out) + \
        instructions(data["profiles"], out)
