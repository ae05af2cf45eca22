# SPDX-License-Identifier: GPL-2.0-only
"""A jump of the wall clock changes nothing: only monotonic time counts.

The clocks of client and server go forwards and backwards by days under load:
no connection is reset, no I/O fails. Afterwards fail-after is as long as ever,
and a device can be attached again while the clock is behind that of its
earlier session.
"""

from lib import (dst_attach, dst_detach, dst_export, dst_status, fio_result,
                 fio_start, null_blk, peek, timed, wait_state, wait_until)

NODES = 2
DAYS = (4, -9, 5)       # comes back to where it was
FAIL_AFTER = 2


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=32)
    target = dst_export(server, 'e', disk)
    dev = dst_attach(client, target, '--keepalive', '500ms', '--io-timeout',
                     '10s', '--fail-after', f'{10 * FAIL_AFTER}s')
    job = fio_start(client, dev, rw='randwrite', bs='4k', size='4M',
                    iodepth=8, verify='crc32c', rate_iops=100,
                    time_based=None, runtime=3600, verify_backlog=256)

    def writes():
        return dst_status(client, dev)['counters']['writes']
    for host in (client, server):
        for days in DAYS:
            before = writes()
            host.run(f'date -s "{days} days"')
            # past the next keepalives
            wait_until(lambda: writes() > before + 70, 60, 'writes go on')
    job.kill(2)
    assert fio_result(job, check=False)['error'] == 0
    counters = dst_status(client, dev)['counters']
    assert counters['reconnects'] == counters['resends'] == 0, counters
    assert counters['errors'] == 0, counters

    for days in (2, -4):
        client.run(f'dstctl set {dev} fail-after={FAIL_AFTER}s')
        rig.cut(server)
        job = client.spawn(f'sleep 1; date -s "{days} days"')
        rc, took, out = timed(client, f'dd if=/dev/zero of={dev} bs=4096 '
                              'count=1 oflag=direct conv=notrunc')
        assert rc and 'timed out' in out, (rc, out)
        # a second, and what it takes to start dd
        assert FAIL_AFTER - 0.1 <= took < FAIL_AFTER + 1 + rig.slow, took
        job.wait(10, check=True)
        rig.restore()
        wait_state(client, dev, 'online')

    # two days behind what it was when it attached
    before = dst_status(server, 'e')['clients'][0]['epoch']
    client.run(f'echo B | dd of={dev} bs=512 conv=sync oflag=direct')
    dst_detach(client, dev)
    dev = dst_attach(client, target)
    assert dst_status(server, 'e')['clients'][-1]['epoch'] > before
    assert peek(client, dev, 0)[:2] == b'B\n'
    client.run('date -s "2 days"')
