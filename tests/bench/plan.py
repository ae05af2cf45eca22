# SPDX-License-Identifier: GPL-2.0-only
"""What `make bench` measures of which target, and the jobs that do it."""

import node
from loads import Load

MACHINE = node.MACHINE[:-1] + ["6G"]
TARGETS = ["local", "nvme", "nvmebest", "nvmepoll", "nbdbest", "nbdkit",
           "iscsi", "md", "drbd", "dst", "ackram"]
# DST is compared with each of these that does the same job; the mirrors,
# which write twice, have rows of their own.
RIVALS = ["nvme", "nvmebest", "nvmepoll", "nbdbest", "nbdkit", "iscsi"]
# Polling is for small I/O; --ack=ram says something about writes only.
SMALL_ONLY, WRITES_ONLY = ["nvmepoll"], ["ackram"]
PAGE_CACHED = ["nbdbest", "nbdkit"]
BACKING = {"local": ["nullb0"], "md": ["nullmda", "nullmdb"],
           "drbd": ["nulldrbd", "nulldrbdpeer"]}
CACHE_MB = 16       # of the disks of the sync part

SMALL = [Load(rw, "4k", depth, 8000) for rw in
         ("randread", "randwrite", "randrw") for depth in (1, 8, 32, 128)]
LARGE = [Load(rw, block, depth, ios) for block, ios in
         (("128k", 1000), ("1m", 200)) for rw in ("read", "write")
         for depth in (1, 8)]


def is_write(load):
    return "write" in load.rw


def sync_load(name, text, more):
    load = Load("randwrite", "4k", 1, 2000, more=["--fsync=1"] + more)
    load.name, load.text = name, text
    return load


RAW_SYNC = sync_load("rawsync", "raw, 4k write + fsync", [])
EXT4_SYNC = sync_load("ext4sync", "ext4, 4k write + fsync",
                      ["--direct=0", "--size=32m", "--overwrite=1"])
# The same where there is no cache to flush.
DURABLE = [EXT4_SYNC.under("durable", ", no volatile cache", 2000)]
TREE_FILES = 1000


class Tree:     # pylint: disable=too-few-public-methods
    """The metadata load: fio has no part in it."""

    name, text = "filetree", "ext4, metadata operations"


SYNCS = [RAW_SYNC, EXT4_SYNC, Tree]

# (tag, text, commands)
CONDITIONS = [
    ("d0.1", ", 0.1 ms delay", ["delay 0.1"]),
    ("d1", ", 1 ms delay", ["delay 1"]),
    ("d10", ", 10 ms delay", ["delay 10"]),
    ("loss", ", 0.1 % loss", ["lose 997"])]
NETWORK_TARGETS = ["nvmebest", "nbdbest", "iscsi", "drbd", "dst", "ackram"]
NETWORK_BASE = [Load("randread", "4k", 1, 0), Load("randwrite", "4k", 1, 0),
                Load("randread", "4k", 32, 0), Load("randwrite", "4k", 32, 0),
                Load("write", "1m", 1, 0)]


def network_loads(tag, text):
    """The loads under one condition; losses want many to be of the same
    number, delays want few."""
    counts = {"4k": 8000 if tag == "loss" else 4000, "1m": 200}
    return [load.under(tag, text, counts[load.block])
            for load in NETWORK_BASE]


NETWORK = [load for tag, text, _ in CONDITIONS
           for load in network_loads(tag, text)]

FLOOR = [("48 bytes for 4 KiB", 48, 4096, 4000),
         ("4 KiB for 48 bytes", 4096, 48, 4000),
         ("48 bytes for 128 KiB", 48, 131072, 1000),
         ("128 KiB for 48 bytes", 131072, 48, 1000),
         ("48 bytes for 1 MiB", 48, 1 << 20, 200),
         ("1 MiB for 48 bytes", 1 << 20, 48, 200)]

# Where the instructions go: of these two, under these.
PROFILE_TARGETS = ["nvmebest", "dst"]
PROFILES = [Load("randread", "4k", 1, 4000), Load("randwrite", "4k", 1, 4000),
            Load("randread", "4k", 32, 4000),
            Load("randwrite", "4k", 32, 4000),
            Load("read", "128k", 8, 1000), Load("write", "128k", 8, 1000)]

EXTRAS = node.Extras(
    programs=["/usr/bin/nbdkit", "/usr/sbin/iscsistart", "/usr/sbin/mdadm",
              "/usr/sbin/drbdmeta", "/lib/drbd/drbdsetup-84"],
    plugins=["/usr/lib/x86_64-linux-gnu/nbdkit/plugins/nbdkit-file-plugin.so",
             "/usr/sbin/mke2fs"],       # busybox has another one
    modules={"iscsi": ["iscsi_tcp", "iscsi_target_mod", "target_core_iblock",
                       "sd_mod"],
             "md": ["raid1"], "drbd": ["drbd"], "ext4": ["ext4"],
             "gact": ["sch_ingress", "cls_matchall", "act_gact"]},
    scripts=["rivals.sh"])


ONLY = []           # names of loads, if not all are wanted


def fits(target, load):
    """Whether a target is measured under a load."""
    if ONLY and load.name not in ONLY:
        return False
    if target in WRITES_ONLY:
        return load is Tree or is_write(load)
    if target in SMALL_ONLY:
        return load in SMALL
    return True


def measure(target, load):
    """The line that measures one.  What is left in the page cache of a server
    must not be written while another target is measured."""
    more = " --hipri=1" if target == "nvmepoll" else ""
    after = "; sync" if target in PAGE_CACHED else ""
    return "measure %s %s %s%s%s" % (target, load.name, load.options(), more,
                                     after)


def set_up(targets, cache):
    """All targets, each shown to store what is written to it."""
    lines = ["NULL_MB=%d" % node.NULL_MB, "NULL_CACHE=%s" % cache,
             "DST_ATTACH="]
    lines += ["target_%s && say %s" % (t, t) for t in targets]
    lines += ["check %s /dev/%s" % (t, d) for t in targets
              for d in BACKING.get(t, ["null" + t])]
    return lines + ["settings", "versions", "keep"]


def main_pairs(targets):
    """(target, load) of the first part, in the order they are measured."""
    pairs = [(t, load) for load in SMALL + LARGE + DURABLE for t in targets
             if fits(t, load)]
    return pairs + [(t, load) for load in NETWORK for t in targets
                    if t in NETWORK_TARGETS and fits(t, load)]


def main_job(targets):
    """Everything on disks without a volatile cache: one boot."""
    lines = set_up(targets, "")
    lines += [measure(t, load) for load in SMALL + LARGE for t in targets
              if fits(t, load)]
    # what a server has still to write is not part of the floor
    lines += ["sync"]
    lines += ["pingpong %d %d %d >/out/floor.%d || die pingpong" %
              (request, reply, count, i)
              for i, (_, request, reply, count) in enumerate(FLOOR)]
    for t in targets:
        for load in DURABLE:
            if fits(t, load):
                lines += ["ext4_on " + t, measure(t, load), "ext4_off"]
    for tag, _, commands in CONDITIONS:
        lines += ["keep"] + commands
        lines += [measure(t, load) for load in NETWORK
                  if load.name.endswith("." + tag)
                  for t in targets if t in NETWORK_TARGETS and fits(t, load)]
        lines += ["lose 0" if tag == "loss" else "delay 0"]
    return "\n".join(lines) + "\n"


def sync_pairs(targets):
    return [(t, load) for t in targets if t not in SMALL_ONLY
            for load in SYNCS if fits(t, load)]


def sync_job(targets):
    """What waits for stable storage, on disks with a volatile cache."""
    targets = [t for t in targets if t not in SMALL_ONLY]
    lines = set_up(targets, CACHE_MB)
    for t in targets:
        if fits(t, RAW_SYNC):
            lines += [measure(t, RAW_SYNC)]
        lines += ["ext4_on " + t]
        if fits(t, EXT4_SYNC):
            lines += [measure(t, EXT4_SYNC)]
        if fits(t, Tree):
            lines += ["file_tree %s %d" % (t, TREE_FILES)]
        lines += ["ext4_off", "keep"]
    return "\n".join(lines) + "\n"
