# SPDX-License-Identifier: GPL-2.0-only
"""A mirror of two servers holds what was written to it, on both of them.

A file system and verified random I/O run on it; after it was detached the data
of both legs is the same, byte by byte, no region is dirty, and a file system
can be mounted from one leg alone. It attaches again with all that was on it,
without a copy. Legs that are not empty, named twice or missing are refused.
"""

import json

from lib import (dst_detach, dst_export, dst_status, dstctl, fill, fio,
                 null_blk, sums, tree, wait_until)

SERVERS = 2
TIMEOUT = 180
MB = 64
MIB = 1024 * 1024


def settled(client, dev):
    status = dst_status(client, dev)
    return status['state'] == 'online' and not status['unsettled_bytes']


def examine(server, path):
    return json.loads(dstctl(server, 'mirror', 'examine', path, '--json')[1])


def same(client, disks, size):
    client.run(f'cmp -n {size} {disks[0]} {disks[1]}')


def run(rig):
    client = rig.client
    disks = [null_blk(s, f'ram{i}', mb=MB, cache_mb=8)
             for i, s in enumerate(rig.servers)]
    targets = [dst_export(s, f'e{i}', d)
               for i, (s, d) in enumerate(zip(rig.servers, disks))]

    # a leg with something on it, also where nobody is going to write
    fill(client, disks[1], 0x41, 0, 4096)
    fill(client, disks[1], 0x41, 55 * MIB, 4096)
    rc, _, err = dstctl(client, 'mirror', 'create', *targets, check=False)
    assert rc == 1 and 'not empty' in err, err
    rc, _, err = dstctl(client, 'mirror', 'create', targets[0], targets[0],
                        check=False)
    assert rc == 1 and 'twice' in err, err

    dev = dstctl(client, 'mirror', 'create', '--force', *targets)[1].strip()
    status = dst_status(client, dev)
    assert [leg['state'] for leg in status['legs']] == ['in-sync'] * 2, status
    size = status['size_bytes']
    wait_until(lambda: settled(client, dev), 60, 'settled')

    client.run(f'mkfs.ext4 -q {dev} && mkdir -p /mnt/m && mount {dev} /mnt/m')
    tree(client, '/mnt/m/tree', files=60)
    before = sums(client, '/mnt/m/tree')
    client.run('umount /mnt/m')
    dst_detach(client, dev)
    same(client, disks, size)
    for server, disk in zip(rig.servers, disks):
        said = examine(server, disk)
        assert not said['bitmap']['dirty_regions'], said

    # attached again; both legs, nothing to settle
    dev = dstctl(client, 'mirror', 'attach', *targets)[1].strip()
    assert dst_status(client, dev)['unsettled_bytes'] == 0
    client.run(f'mount {dev} /mnt/m')
    assert sums(client, '/mnt/m/tree') == before
    client.run('umount /mnt/m')
    result = fio(client, dev, rw='randwrite', bs='4k', size='16M', iodepth=16)
    assert result['rc'] == 0, result['err']
    client.run(f'blkdiscard -z -o 0 -l 1M {dev}')
    dst_detach(client, dev)
    same(client, disks, size)

    # without one of them it is refused
    rc, _, err = dstctl(client, 'mirror', 'attach', targets[0],
                        targets[1] + 'x', '--wait', '2', check=False)
    assert rc == 1 and 'missing' in err, err
