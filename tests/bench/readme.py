#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Put the table of the last `quick` into README.md, between its marks."""

import json
import os
import sys

import loads
import node
from quick import ratio, table

BEGIN, END = "<!-- bench:begin -->\n", "<!-- bench:end -->"


def main():
    base = os.environ.get("RESULTS", node.work_dir() + "/results")
    with open(base + "/quick-last/results.json", encoding="utf-8") as f:
        last = json.load(f)
    if last["problems"]:
        raise node.Failed("the last run of quick had problems: %s" %
                          last["problems"][0])
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
    try:
        sys.exit(main())
    except node.Failed as e:
        node.say(str(e))
        sys.exit(1)
