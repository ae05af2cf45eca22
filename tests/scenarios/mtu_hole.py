# SPDX-License-Identifier: GPL-2.0-only
"""A path that loses large packets, silently, and lets small ones pass: what a
wrong MTU in between does. Connections are made, the handshake goes through,
and nothing that carries data comes back.

writes, reads: large packets get lost to the server, or to the client.
The keepalive gives up each connection, for it is silent, and I/O waits; small
I/O on another lane still works. When the hole is gone it goes on by itself.
"""

from lib import (dst_attach, dst_export, dst_status, drop, fill, logged,
                 null_blk, peek, uptime, wait_state, wait_until)

VARIANTS = ('writes', 'reads')
# of a request or reply with a sector, and more than that
LARGEST = 900
KIB = 1024


def run(rig, variant):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=16)
    dev = dst_attach(client, dst_export(server, 'e', disk), '--lanes', '2',
                     '--keepalive', '500ms')
    fill(client, dev, 0x41, 0, 64 * KIB)

    def counters():
        return dst_status(client, dev)['counters']
    writing = variant == 'writes'
    drop(server if writing else client, f'meta length > {LARGEST}')
    # CPU 0 is lane 0's, CPU 1 lane 1's
    io = ('tr "\\000" B </dev/zero | head -c 64k | taskset 1 dd '
          f'of={dev} bs=64k oflag=direct iflag=fullblock conv=notrunc' if
          writing else
          f'taskset 1 dd if={dev} bs=64k count=1 iflag=direct')
    job = client.spawn(io + ' status=none')
    wait_until(lambda: counters()['reconnects'] > 1, 30, 'lanes are reset')
    assert logged(client, 'no sign of life')
    if writing:
        client.run(f'taskset 2 dd if=/dev/zero of={dev} bs=512 count=1 '
                   'seek=4096 oflag=direct status=none')
    wait_until(lambda: counters()['reconnects'] > 3, 30, 'again and again')
    assert not job.done(), (job.rc, job.err)

    drop(server if writing else client)
    start = uptime(client)
    res = job.wait(30, check=True)
    wait_state(client, dev, 'online')
    took = uptime(client) - start
    assert took < 9 * rig.slow, f'back only after {took:.1f} s'
    if writing:
        assert peek(client, dev, 0, 64 * KIB) == b'B' * 64 * KIB
        assert peek(server, disk, 60 * KIB) == b'B' * 512
    else:
        assert res.out == 'A' * 64 * KIB
    status = counters()
    assert status['errors'] == 0 and status['resends'] > 2, status
