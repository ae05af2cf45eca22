# SPDX-License-Identifier: GPL-2.0-only
"""A device that nobody uses takes less than 1 MiB of the client's memory, and
a connection with nothing to do less than that of the server's.
"""

from lib import dst_export, null_blk, wait_until

NODES = 2
MEM = 960                       # nodes that no other scenario has used
KERNELS = ('6.1', '6.12')       # what a debug kernel remembers is not ours
DEVICES = 32
LANES = 4
LIMIT_KIB = 1024
STEADY_KIB = 128


def free_kib(node):
    """Once it is steady: what was freed before comes back by and by."""
    seen = [0, 0]

    def steady():
        seen.append(int(node.sh(
            'sync; echo 3 >/proc/sys/vm/drop_caches; '
            "awk '/^MemFree/ { print $2 }' /proc/meminfo")))
        return max(seen[-3:]) - min(seen[-3:]) <= STEADY_KIB and seen[-1]
    return wait_until(steady, 60, f'steady memory: {seen}', interval=1)


def attach(client, target, first, last):
    client.run(f'for i in $(seq {first} {last}); do '
               'DST_INITIATOR=00000000-0000-4000-8000-0000000000$i '
               f'dstctl attach {target} --lanes {LANES} || exit 1; done',
               timeout=60)


def run(rig):
    client, server = rig.client, rig.server
    target = dst_export(server, 'e', null_blk(server, 'ram0', mb=16),
                        '--shared', '--mem-limit', '1G')
    # what the first ones alone need
    attach(client, target, 10, 11)
    before = free_kib(client), free_kib(server)
    attach(client, target, 12, 11 + DEVICES)
    took = [(b - free_kib(node)) / DEVICES
            for b, node in zip(before, (client, server))]
    rig.log(f'{took[0]:.0f} KiB for a device, '
            f'{took[1] / LANES:.0f} KiB for a connection of the server')
    assert 0 < took[0] < LIMIT_KIB, took
    assert 0 < took[1] / LANES < LIMIT_KIB, took
