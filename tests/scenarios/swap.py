# SPDX-License-Identifier: GPL-2.0-only
"""A machine that is short of memory can swap to a DST device, even one whose
server it is itself: pages come back as they were, and nothing deadlocks, at
each level of acknowledgement.

Every allocation on the way out of a page would come from the memory that is
just missing. So would a copy that is kept because the server's disk might lose
what it has (ram, server): where there is no memory for it, the page is written
through instead.

lost: the server's disk hangs and the client makes its connections anew, again
and again, while there is no memory but what these connections would free. The
threads that serve the old ones are still busy; when the disk goes on, they must
be able to serve the new ones, though none can be made.
"""

import time

from lib import dst_attach, dst_status, dstctl, tune, wait_until

MEM = 256
TIMEOUT = 180
VARIANTS = ('ram', 'server', 'disk', 'lost')
MORE_MB = 32
SWAPPED_MB = 24
RESERVE_KIB = 32 << 10
HOLD_S = 20
IO_TIMEOUT = '6s'     # by then all memory is taken


def swapped(node):
    return int(node.sh("awk '/pswpout/ { print $2 }' /proc/vmstat"))


def reserve(rig, node):
    """Checkers take from the reserves as well, for each object of ours."""
    tune(rig, node, '/proc/sys/vm/min_free_kbytes', RESERVE_KIB)


def hang(node, job, dev):
    """
    Nothing can be run on the node meanwhile, for that takes memory; nor can
    the kernel be relied on to say anything. So what is waited for cannot be
    seen: that requests are older than io-timeout, and the lanes made anew.
    """
    wait_until(lambda: job.done() or
               dst_status(node, dev)['counters']['write_bytes'] > 1 << 20,
               what='swapping')
    node.hold_disk()
    time.sleep(HOLD_S)
    node.release_disk()


def run(rig, variant):
    node = rig.client.node
    lost = variant == 'lost'
    ack = 'server' if lost else variant
    if rig.slow > 1:
        reserve(rig, node)
    dstctl(node, 'export', 'add', 'e',
           node.disk if ack == 'disk' else node.lossy_disk)
    dev = dst_attach(node, '127.0.0.1/e', '--ack', ack,
                     *(('--io-timeout', IO_TIMEOUT) if lost else ()))
    node.run(f'mkswap -q {dev} && swapon {dev}')
    before = swapped(node)
    free = int(node.sh("awk '/MemAvailable/ { print int($2 / 1024) }' "
                       '/proc/meminfo'))
    job = node.spawn(f'hog {free + MORE_MB} {SWAPPED_MB}')
    if lost:
        # nobody gets any memory while the disk hangs, for longer than 10 s
        rig.expect_trace('page allocation stall')
        hang(node, job, dev)
    job.wait(100, check=True)
    out = swapped(node) - before
    node.run(f'swapoff {dev}', timeout=60)
    counters = dst_status(node, dev)['counters']
    assert counters['errors'] == 0, counters
    # on the debug kernel a machine as busy as this one may miss a ping
    assert (counters['resends'] > 0) == lost or rig.slow > 1 and not lost, \
        counters
    assert counters['write_bytes'] >= out * 4096, (counters, out)
    node.run('! dmesg | grep -i "out of memory"')
