# SPDX-License-Identifier: GPL-2.0-only
"""An outage of the network costs time and nothing else.

short: 3 s, less than the keepalive, so no connection is even given up.
long: as 60 s to a lane with the usual keepalive, which is 0.5 s here so that
the test is quick: they are given up, the device says `held` and why, the
client tries again with growing pauses, and is back within seconds after the
link is. No I/O fails, and what was acknowledged before and after is there.
"""

from lib import (dst_attach, dst_export, dst_status, fill, fio_result,
                 fio_start, null_blk, pause, peek, uptime, wait_state,
                 wait_until)

VARIANTS = ('short', 'long')


def run(rig, variant):
    client, server = rig.client, rig.server

    disk = null_blk(server, 'ram0', mb=32)
    target = dst_export(server, 'e', disk)
    dev = dst_attach(client, target, *(() if variant == 'short' else
                                       ('--keepalive', '500ms')))
    fill(client, dev, 0x41, 16 << 20, 4096)
    job = fio_start(client, dev, rw='randwrite', bs='4k', size='2M',
                    iodepth=8, verify='crc32c', rate_iops=120)
    wait_until(lambda: dst_status(client, dev)['counters']['writes'] > 20, 60,
               'fio writes')
    rig.cut(server)
    if variant == 'short':
        pause(client, 3)
    else:
        wait_until(lambda: dst_status(client, dev)['state'] == 'held', 30)
        status = dst_status(client, dev)
        assert 'I/O is held' in status['why'], status['why']
        assert not job.done(), fio_result(job)
        pause(client, 7)
    assert not job.done(), fio_result(job)
    rig.restore()
    start = uptime(client)
    wait_state(client, dev, 'online', 60)
    # the longest pause is 5 s, then the connection is made
    took = uptime(client) - start
    assert took < 9 * rig.slow, f'back only after {took:.1f} s'

    # it also reads back what it wrote
    assert fio_result(job)['error'] == 0
    assert peek(client, dev, 16 << 20) == b'A' * 512
    status = dst_status(client, dev)
    assert status['counters']['errors'] == 0, status
    if variant == 'long':
        assert status['counters']['resends'] > 0, status
