# SPDX-License-Identifier: GPL-2.0-only
"""A machine with little memory writes a file of several times as much: what it
keeps for the case that the server loses its cache (P1) stays below mem-limit
(P8) and leaves enough for all else. Nothing is killed for want of memory,
writing never stops for long, and all the data is there.
"""

from lib import (classic_reclaim, dst_attach, dst_export, dst_status, tune,
                 wait_until)

NODES = 2
MEM = 192           # 149 for the system
TIMEOUT = 150
VARIANTS = ('server', 'ram')
FILE_MB = 640       # on the debug kernel 192
OTHER_MB = 20       # that writing may take besides, in sockets and elsewhere
MIB = 1 << 20
RESERVE_KIB = 8 << 10   # for what arrives faster than page cache is reclaimed


def available(node):
    """MiB."""
    return int(node.sh("awk '/MemAvailable/ { print $2 }' "
                       '/proc/meminfo')) >> 10


class Watch:
    """What writing has done so far, and what it took of memory."""

    def __init__(self, client, dev):
        self.client, self.dev = client, dev
        self.before = self.least = available(client)
        self.written = self.kept = 0

    def more(self):
        """Has more been written?"""
        status = dst_status(self.client, self.dev)
        written = status['counters']['write_bytes']
        self.kept = max(self.kept, status['mem_used_bytes'])
        self.least = min(self.least, available(self.client))
        more, self.written = written > self.written, written
        return more


def run(rig, ack):
    client, server = rig.client, rig.server
    classic_reclaim(rig, client)
    tune(rig, client, '/proc/sys/vm/min_free_kbytes', RESERVE_KIB)
    dev = dst_attach(client, dst_export(server, 'e', server.lossy_disk),
                     '--ack', ack)
    client.run(f'mkfs.ext4 -q -E nodiscard {dev} && mkdir -p /mnt/a && '
               f'mount {dev} /mnt/a', timeout=60)
    watch = Watch(client, dev)
    file_mb = 192 if rig.slow > 1 else FILE_MB
    job = client.spawn(f'stamp write /mnt/a/f {file_mb}')
    while not job.done():
        wait_until(lambda: job.done() or watch.more(), 10, 'more is written')
    job.wait(1, check=True)
    client.run('echo 3 >/proc/sys/vm/drop_caches && '
               f'stamp check /mnt/a/f {file_mb}', timeout=100)

    status = dst_status(client, dev)
    limit = status['mem_limit_bytes']
    total = int(client.sh("awk '/MemTotal/ { print $2 }' /proc/meminfo")) << 10
    assert limit <= total // 8, f'{limit} of {total} bytes'
    assert 0 < watch.kept <= limit, f'kept {watch.kept} of {limit} bytes'
    took = watch.before - watch.least
    assert took <= limit // MIB + OTHER_MB, \
        f'{took} of {watch.before} MiB were gone'
    assert status['counters']['errors'] == 0, status
    # 5 s without an answer are nothing unusual on the debug kernel
    assert status['counters']['resends'] == 0 or rig.slow > 1, status
    for node in client, server:
        node.run('! dmesg | grep -iE "oom-killer|out of memory|blocked for"')
