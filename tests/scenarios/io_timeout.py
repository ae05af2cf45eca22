# SPDX-License-Identifier: GPL-2.0-only
"""A server whose disk hangs is not sent the same request twice.

After io-timeout the lane is reset; the server lets the new one in only when
its disk has given the old request back. Until then the device is `held` and
says what for, the export can't be removed and says why, within 5 s, and the
module stays. When the disk goes on, so does the I/O.
"""

from lib import (dm, dst_attach, dst_export, dst_status, dstctl, fill,
                 null_blk, peek, sectors, timed, wait_state, wait_until)


def run(rig):
    client, server = rig.client, rig.server

    ram = null_blk(server, 'ram0', mb=16)
    disk = dm(server, 'stuck', f'0 {sectors(server, ram)} linear {ram} 0')
    dev = dst_attach(client, dst_export(server, 'e', disk), '--lanes', '1',
                     '--io-timeout', '500ms')
    fill(client, dev, 0x41, 0, 8192)
    server.run('dmsetup suspend --noflush --nolockfs stuck')
    job = client.spawn('head -c 4096 /dev/zero | tr "\\000" B | dd '
                       f'of={dev} bs=4096 iflag=fullblock oflag=direct '
                       'conv=notrunc status=none')

    def why():
        status = dst_status(client, dev)
        return status['state'] == 'held' and status['why']
    wait_until(lambda: 'server is still executing 1 old requests, the oldest '
               'for' in (why() or ''), 30, 'held, with the reason')
    wait_until(lambda: 'the oldest for 1 s' in (why() or '')
               or 'the oldest for 2 s' in (why() or ''), 30, 'its age grows')

    rc, took, out = timed(server, 'dstctl export remove e --force')
    assert rc == 1 and 'does not answer' in out, (rc, out)
    # of 5 s, and what it takes to start dstctl
    assert took < 5 + rig.slow, f'export remove --force took {took} s'
    rc, took, out = timed(server, 'rmmod dst')
    assert rc and took < 5 + rig.slow, (rc, took, out)
    assert not job.done()

    server.run('dmsetup resume stuck')
    assert job.wait(60).rc == 0, job.err
    wait_state(client, dev, 'online')
    assert peek(client, dev, 0, 8192) == b'B' * 4096 + b'A' * 4096
    status = dst_status(client, dev)
    assert status['counters']['resends'] == 1, status
    assert status['counters']['errors'] == 0, status
    assert dst_status(server, 'e')['state'] == 'online'
    dstctl(client, 'detach', dev)
    dstctl(server, 'export', 'remove', 'e')
