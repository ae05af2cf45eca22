# SPDX-License-Identifier: GPL-2.0-only
"""A server that is gone keeps nobody: detach --force with I/O held, and rmmod
with a device attached and idle, finish within 5 s, and leave nothing.
"""

from lib import (dst_attach, dst_export, dst_status, fill, null_blk, timed,
                 unload, wait_for)

NODES = 2
LIMIT = 5 + 1      # and what it takes to start dstctl


def run(rig):
    client, server = rig.client, rig.server

    for i in range(3):
        disk = null_blk(server, f'ram{i}', mb=16)
        dst_attach(client, dst_export(server, f'e{i}', disk), '--keepalive',
                   '1s')
        fill(client, f'/dev/dst{i}', 0x41, 0, 4096)
    rig.cut(server)
    io = 'bs=64k count=4 status=none'
    jobs = [client.spawn(f'dd if=/dev/zero of=/dev/dst0 oflag=direct {io}'),
            client.spawn(f'dd if=/dev/dst0 of=/dev/null iflag=direct {io}'),
            client.spawn('dd if=/dev/zero of=/dev/dst0 seek=8 conv=fsync '
                         + io)]
    wait_for(client, 'dstctl status dst0 | grep -q held')

    # asked politely it waits for the I/O: somebody has it open
    assert not client.ok('dstctl detach /dev/dst0')
    rc, took, out = timed(client, 'dstctl detach /dev/dst0 --force')
    assert rc == 0 and took < LIMIT, f'detach --force: {rc}, {took} s, {out}'
    for job in jobs:
        assert job.wait(10).rc, 'I/O of a device that is gone succeeded'
    # not connected any more, yet without I/O: no force needed
    rc, took, out = timed(client, 'dstctl detach /dev/dst1')
    assert rc == 0 and took < LIMIT, f'detach: {rc}, {took} s, {out}'
    assert [d['name'] for d in dst_status(client)['devices']] == ['dst2']
    rc, took, out = timed(client, 'rmmod dst')
    assert rc == 0 and took < LIMIT, f'rmmod: {rc}, {took} s, {out}'
    rig.restore()
    wait_for(server, '! ss -Htn sport = 4490 | grep -q FIN')
    for i in range(3):
        server.run(f'dstctl export remove e{i} --force')
    unload(server)
