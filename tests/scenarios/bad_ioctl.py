# SPDX-License-Identifier: GPL-2.0-only
"""No argument of an ioctl crashes the kernel, changes anything when it is
refused, or makes it write where it should not; who is not root can do nothing.

Each call with wrong sizes, flags, pointers, numbers, strings without end and
huge counts, then at random from several processes at once, beside a device in
use (vm/helpers/badioctl.c).
"""

from lib import dst_attach, dst_export, dst_status, fill, null_blk, peek

ROUNDS = 1500


def settings(host):
    status = dst_status(host)
    for item in status['devices'] + status['exports']:
        for key in ('counters', 'legs', 'in_flight', 'mem_used_bytes'):
            item.pop(key, None)
    return status


def run(rig):
    client, server = rig.client, rig.server
    # not dst0: that is what a call too short for a number means
    dev = dst_attach(client, dst_export(server, 'e', null_blk(
        server, 'ram0', mb=16)), '--name', 'dst7')
    fill(client, dev, 0x41, 0, 4096)
    before = settings(client)

    for what in ('check', 'nobody'):
        res = client.run(f'badioctl {what}', check=False, timeout=60)
        assert res.rc == 0, res.out or res
    jobs = [client.spawn(f'badioctl fuzz {seed} {ROUNDS}')
            for seed in range(3)]
    for job in jobs:
        assert job.wait(90).rc == 0, job.out

    after = settings(client)
    assert after == before, f'{before}\n{after}'
    assert peek(client, dev, 0) == b'A' * 512
    assert dst_status(client, dev)['counters']['reconnects'] == 0
