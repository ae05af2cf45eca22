# SPDX-License-Identifier: GPL-2.0-only
"""status --json has the keys that CLI.md promises, with true values; stats,
metrics, transactions, set and wait agree with it.
"""

import json

from lib import (dst_attach, dst_export, dst_status, dstctl, fill, null_blk,
                 wait_state)

DEVICE = ('name path uuid state why size_bytes ack in_flight retained_bytes '
          'mem_limit_bytes legs resync counters')
LEG = 'target index state why boot_id latency_us lanes'
LANE = 'index state in_flight reconnects resends'
COUNTERS = ('reads writes flushes discards read_bytes write_bytes resends '
            'replays reconnects errors hedged read_repairs')
EXPORT = ('name path state boot_id size_bytes read_only clients workers '
          'mem_used_bytes counters')
CLIENT = 'address initiator device_uuid epoch lanes mode'


def has(item, keys):
    missing = set(keys.split()) - set(item)
    assert not missing, f'no {missing} in {item}'


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=16)
    target = dst_export(server, 'disk', disk)
    dev = dst_attach(client, target, '--lanes', '2', '--io-timeout', '7s',
                     '--fail-after', '90s')
    fill(client, dev, 0x41, 0, 8192)
    wait_state(client, dev, 'online')
    wait_state(client, dev, 'idle')

    d = dst_status(client, 'dst0')
    has(d, DEVICE)
    has(d['counters'], COUNTERS)
    assert d['path'] == dev and d['state'] == 'online' and d['why'] == ''
    assert d['size_bytes'] == 16 << 20 and d['ack'] == 'server'
    assert d['resync'] is None and d['io_timeout_ms'] == 7000
    assert d['fail_after_ms'] == 90000
    assert d['counters']['write_bytes'] >= 8192
    assert d['counters']['errors'] == 0

    leg, = d['legs']
    has(leg, LEG)
    assert leg['target'] == target and leg['state'] == 'in-sync'
    assert len(leg['lanes']) == 2
    for lane in leg['lanes']:
        has(lane, LANE)
        assert lane['state'] == 'live'

    e = dst_status(server, 'disk')
    has(e, EXPORT)
    has(e['counters'], COUNTERS + ' refused fenced malformed')
    assert e['path'] == disk and e['state'] == 'online'
    assert e['boot_id'] == leg['boot_id'] and e['read_only'] is False
    assert e['counters']['write_bytes'] >= 8192
    peer, = e['clients']
    has(peer, CLIENT)
    assert peer['device_uuid'] == d['uuid'] and peer['mode'] == 'rw'
    assert peer['lanes'] == 2 and peer['address'].startswith(client.ip)

    out = client.sh('NO_COLOR=1 dstctl status')
    assert '/dev/dst0  online' in out and 'export disk  online' in out
    assert '\x1b' not in client.sh('dstctl status')
    assert 'dst_device_state{device="dst0",state="online"} 1' in client.sh(
        'dstctl metrics')
    rates = json.loads(dstctl(client, 'stats', 'dst0', '--json').out)
    assert rates['devices'][0]['counters']['write_bytes'] >= 8192
    line = client.sh('dstctl stats dst0 --json --interval 200ms | head -1')
    assert 'per_second' in json.loads(line)['devices'][0]
    client.run('mountpoint -q /sys/kernel/debug || '
               'mount -t debugfs none /sys/kernel/debug')
    assert json.loads(dstctl(client, 'transactions', 'dst0',
                             '--json').out) == []

    dstctl(client, 'set', dev, 'ack=disk', 'io-timeout=9s', 'fail-after=never')
    dstctl(server, 'export', 'set', 'disk', 'workers=3', 'max-clients=5')
    d = dst_status(client, 'dst0')
    assert d['ack'] == 'disk' and d['io_timeout_ms'] == 9000
    assert d['fail_after_ms'] is None
    e = dst_status(server, 'disk')
    assert e['workers'] == 3 and e['max_clients'] == 5

    # a write that no server answers is seen, and waits are told apart
    rig.cut(server)
    job = client.spawn(f'dd if=/dev/zero of={dev} bs=4096 count=1 '
                       'oflag=direct status=none')
    client.run('until dstctl transactions dst0 | grep -qi write; do :; done')
    trans = json.loads(dstctl(client, 'transactions', 'dst0', '--json').out)
    assert trans[0]['sector'] == 0 and trans[0]['sectors'] == 8, trans
    assert dst_status(client, 'dst0')['in_flight'] == 1
    res = dstctl(client, 'wait', dev, 'idle', '--timeout', '300ms',
                 check=False)
    assert res.rc == 1 and '1 in flight' in res.err, res.err
    rig.restore()
    job.wait(60, check=True)
    wait_state(client, dev, 'idle')
