#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Put a table into README.md, between its marks: of the results.json or
bench.json that is named, or else of the last `quick`."""

import json
import os
import sys

import loads
import node
from quick import ratio, table

BEGIN, END = "<!-- bench:begin -->\n", "<!-- bench:end -->"


def main():
    base = os.environ.get("RESULTS", node.work_dir() + "/results")
    name = (sys.argv[1:] or [base + "/quick-last/results.json"])[0]
    with open(name, encoding="utf-8") as f:
        last = json.load(f)
    if last["problems"]:
        raise node.Failed("that run had problems: " + last["problems"][0])
    results = {(r["target"], r["load"]): r for r in last["results"]}
    targets = ["local", "nvme", "nvmebest", "dst"]
    rows = [[load.text] +
            ["{:,.0f}".format(results[t, load.name]["iops"]) for t in targets] +
            [ratio(results, load, ["nvme"]),
             ratio(results, load, ["nvme", "nvmebest"])]
            for load in loads.QUICK]
    text = "IOPS on the bench node, %s, %s:\n\n" % (last["kernel"],
                                                    last["time"][:10])
    text += table(["load", "local RAM disk", "nvme-tcp", "nvme-tcp, tuned",
                   "DST", "DST / nvme-tcp", "DST / the better one"], rows)
    path = os.path.join(node.TOP, "README.md")
    with open(path, encoding="utf-8") as f:
        page = f.read()
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + BEGIN + text + "\n" + END + tail)
    return 0


if __name__ == "__main__":
    node.exit_with(main)
