# SPDX-License-Identifier: GPL-2.0-only
"""Each block is as if it were one disk with one reader or writer at a time:
what tests/history recorded of many at once, on the same few blocks, while
lanes were lost one by one and all together, has such an order (P3, P4). No I/O
fails.
"""

from lib import (dst_attach, dst_export, dst_status, end_history, null_blk,
                 wait_until)

ROUNDS = 4


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=32, cache_mb=8)
    dev = dst_attach(client, dst_export(server, 'e', disk), '--lanes', '3')
    # so that there is always something under way when a connection goes
    client.netem('delay 5ms 3ms')
    job = client.spawn(f'exec dsthist run {dev} --log /tmp/log --seconds 600 '
                       '--wide 512 --zeroes 5 --flush-every 20')

    def writes():
        return dst_status(client, dev)['counters']['writes']
    online = 'dstctl wait dst0 online --timeout 60s'
    for _ in range(ROUNDS):
        before = writes()
        wait_until(lambda: writes() > before + 100, 60, 'writes')
        client.run(f'ss -K dst {server.ip} dport = 4490 && {online}',
                   timeout=60)
        before = writes()
        wait_until(lambda: writes() > before + 100, 60, 'writes')
        client.run(f'port=$(ss -Htn dst {server.ip} dport = 4490 | '
                   'sed -n "1s/.*:\\([0-9]*\\) .*/\\1/p"); '
                   f'ss -K sport = $port dport = 4490; {online}', timeout=60)
    assert not job.done(), job.err
    end_history(client, job, '/tmp/log', dev)
    counters = dst_status(client, dev)['counters']
    assert counters['resends'] > 0 and counters['errors'] == 0, counters
    assert counters['reconnects'] >= 4 * ROUNDS, counters
