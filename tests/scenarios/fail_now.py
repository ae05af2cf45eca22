# SPDX-License-Identifier: GPL-2.0-only
"""`dstctl fail` gives held I/O back as errors, now, though the device is to
hold for ever; what comes later is held again and succeeds once the server is
back. A write that was failed and reaches the server late overwrites nothing.
"""

from lib import (dst_attach, dst_export, dst_status, fill, null_blk, peek,
                 timed, wait_for, wait_in_flight, wait_state)


def write(byte, dev, seek=0):
    return (f'head -c 4096 /dev/zero | tr "\\000" {byte} | dd of={dev} bs=4096 '
            f'seek={seek} iflag=fullblock oflag=direct conv=notrunc')


def run(rig):
    client, server = rig.client, rig.server

    disk = null_blk(server, 'ram0', mb=16)
    dev = dst_attach(client, dst_export(server, 'e', disk), '--keepalive',
                     '500ms')
    fill(client, dev, 0x41, 0, 65536)
    rig.cut(server)
    jobs = [client.spawn(write('B', dev)),          # sent, then held
            client.spawn(f'dd if={dev} of=/dev/null bs=4096 skip=2 count=1 '
                         'iflag=direct')]
    wait_for(client, 'dstctl status dst0 | grep -q held')
    jobs.append(client.spawn(write('C', dev, 1)))   # held from the start
    wait_in_flight(client, dev, 3)

    rc, took, out = timed(client, f'dstctl fail {dev}')
    assert rc == 0 and took < 5, (rc, took, out)
    for job in jobs:
        assert job.wait(10).rc, 'held I/O did not fail'
        assert 'error' in job.err, job.err
    status = dst_status(client, dev)
    assert status['state'] == 'held' and status['in_flight'] == 0, status

    late = client.spawn(write('D', dev))
    wait_in_flight(client, dev, 1)
    rig.restore()
    assert late.wait(60).rc == 0, late.err
    wait_state(client, dev, 'online')
    assert peek(server, disk, 0) == b'D' * 512, 'a failed write came late'
