# SPDX-License-Identifier: GPL-2.0-only
"""One of four connections goes silent, as behind a firewall that forgot it;
the others are fine. What goes over the others goes on meanwhile.

replaced: a new connection gets through. The lane is reset by its keepalive,
what it had under way is sent again, and all four lanes are there.
missing: no new connection gets through either. The device is `degraded` and
says why, works over three lanes, and is whole again by itself afterwards.
"""

import re

from lib import (dst_attach, dst_export, dst_status, drop, fill, fio_result,
                 fio_start, null_blk, peek, timed, wait_state, wait_until)

VARIANTS = ('replaced', 'missing')
KEEPALIVE = 2


def busiest(client, server):
    """The ports of the device's connections, that which sent most first."""
    out = client.sh(f'ss -HtinO dst {server.ip} dport = 4490')
    found = re.findall(r':(\d+) +[\d.]+:4490 .* bytes_sent:(\d+)', out)
    return [p for p, _ in sorted(found, key=lambda f: -int(f[1]))]


def run(rig, variant):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=32)
    dev = dst_attach(client, dst_export(server, 'e', disk), '--lanes', '4',
                     '--keepalive', f'{KEEPALIVE}s')
    # each CPU has its lane
    jobs = [fio_start(client, dev, rw='randwrite', bs='4k', size='3M',
                      offset=f'{8 * cpu}M', iodepth=8, verify='crc32c',
                      rate_iops=80, cpus_allowed=cpu) for cpu in (0, 1)]

    def count(what):
        return dst_status(client, dev)['counters'][what]
    wait_until(lambda: count('writes') > 60, 60, 'fio writes')
    ports = busiest(client, server)
    assert len(ports) == 4, ports
    if variant == 'replaced':
        drop(server, f'tcp sport {ports[0]}')
    else:
        drop(server, f'tcp sport != {{ {", ".join(ports[1:])} }} '
             'tcp dport 4490')
    before = count('writes')
    wait_until(lambda: count('writes') > before + 80, 2 * KEEPALIVE,
               'the other lanes go on')
    if variant == 'replaced':
        wait_until(lambda: count('reconnects'), 30, 'a new connection')
    else:
        wait_state(client, dev, 'degraded')
        wait_until(lambda: 'does not answer' in dst_status(client, dev)['why'],
                   30, 'the reason')
        why = dst_status(client, dev)['why']
        assert why.startswith('1 of 4 lanes'), why
        # not held by what waits for its lane
        for _ in range(3):
            rc, took, out = timed(client, f'dd if=/dev/zero of={dev} bs=64k '
                                  'count=2 seek=400 oflag=direct && dd '
                                  f'if={dev} of=/dev/null bs=64k count=2 '
                                  'skip=400 iflag=direct')
            assert not rc and took < 2 * rig.slow, (rc, took, out)
        fill(client, dev, 0x41, 24 << 20, 4096)
        drop(server)
    wait_state(client, dev, 'online')

    for job in jobs:
        assert fio_result(job)['error'] == 0
    if variant == 'missing':
        assert peek(client, dev, 24 << 20) == b'A' * 512
    status = dst_status(client, dev)
    leg, = status['legs']
    assert [lane['state'] for lane in leg['lanes']] == ['live'] * 4, leg
    assert status['counters']['reconnects'] == 1, status
    assert status['counters']['resends'] > 0, status
    assert status['counters']['errors'] == 0, status
    peer, = dst_status(server, 'e')['clients']
    assert peer['lanes'] == 4, peer
