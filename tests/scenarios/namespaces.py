# SPDX-License-Identifier: GPL-2.0-only
"""Sockets belong to the network namespace of the caller: two servers on one
machine may both be 127.0.0.1:4490, a client reaches the one of its own
namespace, and the namespace lives as long as what uses it.
"""

from lib import dst_attach, dst_export, dst_status, dstctl, fill, null_blk, peek

SERVERS = 2


def run(rig):
    client = rig.client
    disks = [null_blk(client, f'ram{i}', mb=16) for i in range(2)]
    listen = ['127.0.0.1:4490']
    dst_export(rig.servers[0], 'a', disks[0], listen=listen)
    dst_export(rig.servers[1], 'b', disks[1], listen=listen)
    res = dstctl(client, 'attach', '127.0.0.1/a', '--wait', '300ms',
                 check=False)
    assert res.rc == 1, 'reached a server of another namespace'
    res = dstctl(rig.servers[1], 'attach', '127.0.0.1/a', '--wait', '2s',
                 check=False)
    assert res.rc == 1 and 'no such export' in res.err, res
    for i, name in enumerate('ab'):
        dev = dst_attach(rig.servers[i], f'127.0.0.1/{name}')
        fill(client, dev, 0x61 + i, 0, 4096)
    assert peek(client, disks[0], 0) == b'a' * 512
    assert peek(client, disks[1], 0) == b'b' * 512

    # a namespace whose name is gone stays for its device and its export
    node = client.node
    node.run('ip netns add gone && ip -n gone link set lo up')
    other = null_blk(client, 'ram2', mb=16)
    node.run('ip netns exec gone sh -ec "dstctl export add c '
             f'{other} --listen 127.0.0.1 && '
             'dstctl attach 127.0.0.1/c --name dst9" && ip netns del gone')
    fill(client, '/dev/dst9', 0x63, 0, 4096)
    assert peek(client, other, 0) == b'c' * 512
    assert dst_status(client, 'dst9')['state'] == 'online'
    node.run('dstctl detach dst9 && dstctl export remove c')
