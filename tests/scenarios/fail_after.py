# SPDX-License-Identifier: GPL-2.0-only
"""I/O that must fail does so when it was told to, with the right error.

With fail-after a server that is silent costs a request that long and a second
at most; then the device is `failed` and refuses at once, until the server is
back: then it works without anybody's help.
"""

import re

from lib import (dst_attach, dst_export, dst_status, fill, null_blk, peek,
                 timed, wait_state)

FAIL_AFTER = 2


def dd(dev, direction, byte='B'):
    if direction == 'read':
        return f'dd if={dev} of=/dev/null bs=4096 count=1 iflag=direct'
    return (f'head -c 4096 /dev/zero | tr "\\000" {byte} | dd of={dev} bs=4096 '
            'iflag=fullblock oflag=direct conv=notrunc')


def run(rig):
    client, server = rig.client, rig.server

    disk = null_blk(server, 'ram0', mb=16)
    dev = dst_attach(client, dst_export(server, 'e', disk),
                     '--fail-after', f'{FAIL_AFTER}s', '--keepalive', '500ms')
    fill(client, dev, 0x41, 0, 4096)
    rig.cut(server)
    other = client.spawn(dd(dev, 'read'))
    rc, took, out = timed(client, dd(dev, 'write'))
    assert rc and 'timed out' in out, (rc, out)
    # a second, and what it takes to start dd
    assert FAIL_AFTER - 0.1 <= took < FAIL_AFTER + 1 + rig.slow, \
        f'failed after {took} s'
    assert other.wait(10).rc and 'timed out' in other.err, other.err
    wait_state(client, dev, 'failed', 10)
    status = dst_status(client, dev)
    assert 'longer than fail-after' in status['why'], status
    assert status['counters']['errors'] >= 2, status
    for direction in ('read', 'write'):
        res = client.run(dd(dev, direction), check=False)
        # what dd itself measured: to start it may take longer
        took = re.search(r'copied, ([0-9.e-]+) s', res.err)
        assert res.rc and float(took[1]) < 1, (direction, res)

    rig.restore()
    wait_state(client, dev, 'online', 30)
    client.run(dd(dev, 'write', 'C'))
    assert peek(server, disk, 0) == b'C' * 512
