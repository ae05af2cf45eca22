# SPDX-License-Identifier: GPL-2.0-only
"""What is measured, and how fio is told to."""

import json
import os
import re
import subprocess

FIO = ["--ioengine=io_uring", "--direct=1", "--lat_percentiles=1",
       "--clat_percentiles=0"]
# fio's own loop lies between these two
AROUND = ["--exec_prerun='cat /proc/stat'", "--exec_postrun='cat /proc/stat'"]
PROFILED = ["--exec_prerun='{ cat /proc/stat; dstmark start; }'",
            "--exec_postrun='{ dstmark end; cat /proc/stat; }'"]


def block_bytes(text):
    return int(text[:-1]) << {"k": 10, "m": 20}[text[-1]]


class Load:
    """One kind of I/O at one depth."""

    def __init__(self, rw, block, depth, ios, note="", more=()):
        self.rw, self.block, self.depth, self.ios = rw, block, depth, ios
        self.more = list(more)      # further options of fio's
        self.name = "%s.%s.%d" % (rw, block, depth)
        self.text = "%s %s, depth %d" % (
            block, {"randread": "random read", "randwrite": "random write",
                    "randrw": "random 70/30"}.get(rw, "sequential " + rw),
            depth) + note

    def options(self, around=AROUND):
        argv = ["--rw=" + self.rw, "--bs=" + self.block,
                "--iodepth=%d" % self.depth,
                "--number_ios=%d" % self.ios]
        if self.depth >= 32:    # both: else it submits one at a time
            argv += ["--iodepth_batch_submit=8",
                     "--iodepth_batch_complete_min=8"]
        if block_bytes(self.block) > 65536:
            # else chance decides how many pieces a buffer is in, for 8 %
            argv.append("--iomem=mmaphuge")
        if self.rw == "randrw":
            argv.append("--rwmixread=70")
        return " ".join(FIO + list(around) + argv + self.more)

    def under(self, tag, text, ios):
        """The same load, under other conditions."""
        other = Load(self.rw, self.block, self.depth, ios, more=self.more)
        other.name, other.text = self.name + "." + tag, self.text + text
        return other


QUICK = [Load("randread", "4k", 1, 8000), Load("randwrite", "4k", 1, 8000),
         Load("randread", "4k", 32, 8000), Load("randwrite", "4k", 32, 8000),
         Load("read", "128k", 8, 2000), Load("write", "128k", 8, 2000)]

TARGETS = {
    "local": "local null_blk, no network",
    "nvme": "nvme-tcp to nvmet-tcp, defaults",
    "nvmebest": "nvme-tcp to nvmet-tcp, I/O scheduler none, disable_sqflow "
                "(a read's success comes with its data)",
    "nvmepoll": "as nvmebest, with one poll queue, and fio polls (--hipri)",
    "nbd": "nbd-client to nbd-server",
    "nbdbest": "nbd-client to nbd-server, I/O scheduler none; the server goes "
               "through the page cache (it has no other way)",
    "nbdkit": "nbd-client to nbdkit's file plugin, a connection for each "
              "processor, I/O scheduler none; through the page cache too",
    "iscsi": "open-iscsi to LIO (iblock), no digests, unsolicited data and "
             "bursts of 1 MiB, 256 commands, I/O scheduler none",
    "md": "md RAID1 over two disks as nvmebest, internal bitmap of 64 MiB "
          "chunks",
    "drbd": "DRBD 8.4, protocol C, two resources of one kernel over loopback; "
            "6007 activity log extents, 36864 buffers; reads are local",
    "dst": "DST, defaults",
    "dst1": "DST with one lane",
    "dst4": "DST with four lanes",
    "ackram": "DST --ack=ram: a write is done when it is in the client's RAM",
    "dstcache": "DST, defaults; the server's disk has a volatile cache",
    "dstsafe": "DST, defaults; the same disk, which says that its cache is safe",
    "dstram": "DST --ack=ram; the server's disk has a volatile cache",
    "dstsmall": "DST --ack=ram --mem-limit=8M; the same",
}


def proc_stat(path):
    """Context switches and idle jiffies since boot."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    cpu = re.search(r"^cpu +(.*)", text, re.M).group(1).split()
    return int(re.search(r"^ctxt (\d+)", text, re.M).group(1)), int(cpu[3])


def read_result(out, target, load):
    """What fio said of one measurement, or None when it failed."""
    name = "%s.%s" % (target, load.name)
    try:
        with open("%s/fio.%s.json" % (out, name), encoding="utf-8") as f:
            text = f.read()
        job = json.loads(text[text.index("{"):])["jobs"][0]
        before = proc_stat("%s/%s.prerun.txt" % (out, name))
        after = proc_stat("%s/%s.postrun.txt" % (out, name))
    except (OSError, ValueError, AttributeError):
        return None
    sides = [job[d] for d in ("read", "write") if job[d]["total_ios"]]
    ios = sum(s["total_ios"] for s in sides)
    if job["error"] or ios != load.ios or not job["job_runtime"]:
        return None
    seconds = job["job_runtime"] / 1000
    main = max(sides, key=lambda s: s["total_ios"])
    if job.get("sync", {}).get("total_ios"):    # what an fsync takes
        main = job["sync"]
    lat = main["lat_ns"]["percentile"]
    return {"target": target, "load": load.name, "ios": ios,
            "iops": ios / seconds,
            "bytes_s": sum(s["io_bytes"] for s in sides) / seconds,
            "p50_us": lat["50.000000"] / 1000,
            "p99_us": lat["99.000000"] / 1000,
            "p999_us": lat["99.900000"] / 1000,
            "ctx_per_io": (after[0] - before[0]) / ios,
            "idle_jiffies": after[1] - before[1]}


def tool(name, source, out_dir, flags=()):
    """Build one of the small C programs, kept while it does not change."""
    target = os.path.join(out_dir, name)
    if not os.path.exists(target) or \
            os.path.getmtime(target) < os.path.getmtime(source):
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", *flags,
                        "-o", target + ".new", source], check=True)
        os.rename(target + ".new", target)
    return target
