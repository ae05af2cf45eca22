# SPDX-License-Identifier: GPL-2.0-only
"""Connections that are reset again and again under load cost no I/O: none
fails, none is lost, each block reads back as it was written last. Both ends
reset them in turn; one lane lost of several leaves the device in service.
"""

from lib import (dst_attach, dst_export, dst_status, fio_result, fio_start,
                 null_blk, wait_until)


def run(rig):
    client, server = rig.client, rig.server

    disk = null_blk(server, 'ram0', mb=32)
    # so that there is always something under way when a connection goes
    client.netem('delay 40ms')
    dev = dst_attach(client, dst_export(server, 'e', disk), '--lanes', '3')
    job = fio_start(client, dev, rw='randwrite', bsrange='4k-64k', size='4M',
                    iodepth=16, verify='crc32c', verify_backlog=64,
                    rate_iops=120, time_based=None, runtime='3600')
    wait_until(lambda: dst_status(client, dev)['counters']['writes'] > 30, 60,
               'fio writes')

    online = 'dstctl wait dst0 online --timeout 30s'
    rounds = 0
    while not rounds or not dst_status(client, dev)['counters']['resends']:
        assert not job.done(), fio_result(job)
        client.run(f'ss -K dst {server.ip} dport = 4490 && {online}')
        server.run(f'ss -K state established sport = 4490 && {online}')
        # one lane only
        client.run(f'port=$(ss -Htn dst {server.ip} dport = 4490 | '
                   'sed -n "1s/.*:\\([0-9]*\\) .*/\\1/p"); '
                   f'ss -K sport = $port dport = 4490; {online}')
        rounds += 1
    job.kill(2)
    res = fio_result(job, check=False)
    assert res['error'] == 0, res
    status = dst_status(client, dev)
    assert status['state'] == 'online', status
    counters = status['counters']
    assert counters['errors'] == 0, counters
    assert counters['reconnects'] >= 7 * rounds and counters['resends'] > 0, counters
