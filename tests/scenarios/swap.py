# SPDX-License-Identifier: GPL-2.0-only
"""A machine that is short of memory can swap to a DST device, even one whose
server it is itself: pages come back as they were, and nothing deadlocks, at
each level of acknowledgement.

Every allocation on the way out of a page would come from the memory that is
just missing. So would a copy that is kept because the server's disk might lose
what it has (ram, server): where there is no memory for it, the page is written
through instead.
"""

from lib import dst_attach, dst_status, dstctl

MEM = 256
TIMEOUT = 180
VARIANTS = ('ram', 'server', 'disk')
MORE_MB = 32
RESERVE_KIB = 32 << 10


def swapped(node):
    return int(node.sh("awk '/pswpout/ { print $2 }' /proc/vmstat"))


def reserve(rig, node):
    """Checkers take from the reserves as well, for each object of ours."""
    file = '/proc/sys/vm/min_free_kbytes'
    before = int(node.read(file))
    node.run(f'echo {RESERVE_KIB} >{file}')
    rig.defer(node.run, f'echo {before} >{file}')


def run(rig, ack):
    node = rig.client.node
    if rig.slow > 1:
        reserve(rig, node)
    dstctl(node, 'export', 'add', 'e',
           node.disk if ack == 'disk' else node.lossy_disk)
    dev = dst_attach(node, '127.0.0.1/e', '--ack', ack)
    node.run(f'mkswap -q {dev} && swapon {dev}')
    before = swapped(node)
    # more than there is, and then again for what had to go
    free = int(node.sh("awk '/MemAvailable/ { print int($2 / 1024) }' "
                       '/proc/meminfo'))
    node.run(f'hog {free + MORE_MB} {MORE_MB * 3 // 4}', timeout=100)
    out = swapped(node) - before
    assert out > MORE_MB << 7, f'only {out} pages were swapped'
    node.run(f'swapoff {dev}', timeout=60)
    counters = dst_status(node, dev)['counters']
    assert counters['errors'] == 0 and counters['resends'] == 0, counters
    assert counters['write_bytes'] >= out * 4096, (counters, out)
    node.run('! dmesg | grep -i "out of memory"')
