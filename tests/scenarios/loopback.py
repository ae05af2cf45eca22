# SPDX-License-Identifier: GPL-2.0-only
"""Client and server on one machine, as a user tries it first: without any
--listen or --allow. A file system on it bears dirty pages without end, and is
not reachable from elsewhere.

Writeback waits for the server, whose memory must not come from writeback.
"""

from lib import (dst_attach, dst_status, dstctl, null_blk, sums, tree,
                 wait_state)


def run(rig):
    node, client = rig.client.node, rig.client
    disk = null_blk(node, 'ram0', mb=64)
    dstctl(node, 'export', 'add', 'e', disk)
    dev = dst_attach(node, '127.0.0.1/e')
    node.run('sysctl -qw vm.dirty_bytes=4194304 '
             'vm.dirty_background_bytes=1048576')
    rig.defer(node.run, 'sysctl -qw vm.dirty_ratio=20 '
              'vm.dirty_background_ratio=10')
    node.run(f'mkfs.ext4 -q {dev} && mkdir -p /mnt/a && mount {dev} /mnt/a')
    want = tree(node, '/mnt/a/t', files=40)
    # more than the page cache may hold dirty, by several at once
    node.run('for i in 1 2 3; do dd if=/dev/zero of=/mnt/a/f$i bs=1M count=8 '
             'status=none & done; wait; sync -f /mnt/a', timeout=100)
    node.run('umount /mnt/a && mount ' + dev + ' /mnt/a')
    assert sums(node, '/mnt/a/t') == want
    wait_state(node, dev, 'idle')
    assert dst_status(node, dev)['counters']['errors'] == 0
    assert dst_status(node, 'e')['clients'][0]['address'].startswith('127.')

    # who comes from elsewhere is refused
    node.run('ip addr add 10.45.0.99/24 dev dst0br')
    rig.defer(node.run, 'ip addr del 10.45.0.99/24 dev dst0br')
    res = dstctl(client, 'attach', '10.45.0.99/e', '--wait', '2s', check=False)
    assert res.rc == 1 and not res.out, res
