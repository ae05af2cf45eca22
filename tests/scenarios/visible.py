# SPDX-License-Identifier: GPL-2.0-only
"""Every change of state is seen in sysfs, a uevent, a kernel log line and a
tracepoint, with the reason; I/O that is held is listed while it is held (P11).
"""

import json

from lib import (dst_attach, dst_detach, dst_export, dst_status, dstctl, fill,
                 logged, monitor_uevents, null_blk, wait_for, wait_state)

EVENTS = '/sys/kernel/tracing/events/dst_blk'
TRACEPOINTS = ('dst_submit', 'dst_send', 'dst_resend', 'dst_ack',
               'dst_lane_state', 'dst_device_state')


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=16)
    target = dst_export(server, 'e', disk)
    assert logged(server, 'export e: online')
    client.run(f'cd {EVENTS} && ls -d {" ".join(TRACEPOINTS)} && '
               'echo 0 >../../tracing_on && echo >../../trace && '
               'echo 1 >enable && echo 1 >../../tracing_on')
    monitor = monitor_uevents(client)
    dev = dst_attach(client, target, '--keepalive', '2s', '--lanes', '2')
    name = dev[5:]
    attrs = f'/sys/block/{name}/dst'
    wait_state(client, dev, 'online')
    status = dst_status(client, dev)
    leg, = status['legs']

    def attr(which):
        return client.sh(f'cat {attrs}/{which}')

    assert attr('state') == 'online' and attr('why') == ''
    assert attr('target') == target and attr('export') == 'e'
    assert attr('device_uuid') == status['uuid']
    assert attr('boot_id') == leg['boot_id']
    assert attr('lanes') == '2' and attr('ack') == 'server'
    assert attr('keepalive_ms') == '2000' and attr('fail_after_ms') == 'never'
    assert logged(client, f'{name}: online')

    # no answer comes, so that the write is sent again
    rig.cut(server, client, oneway=True)
    job = client.spawn(f'dd if=/dev/zero of={dev} bs=4096 count=1 seek=9 '
                       'oflag=direct status=none')
    wait_for(client, 'grep -q " write 72 8 sent " '
             f'/sys/kernel/debug/dst_blk/{name}/transactions')
    wait_for(client, f'grep -q held /sys/block/{name}/dst/state')
    assert attr('state') == 'held'
    why = dst_status(client, dev)['why']
    assert why and attr('why') == why, why
    assert logged(client, f'{name}: held')
    listed, = json.loads(dstctl(client, 'transactions', dev, '--json').out)
    assert listed['op'] == 'write' and listed['sector'] == 72, listed
    assert listed['sectors'] == 8 and listed['age_ms'] > 0, listed
    rows = client.sh(f'cat /sys/kernel/debug/dst_blk/{name}/transactions')
    assert f'{listed["id"]} write 72 8 ' in rows, rows

    rig.restore()
    job.wait(60, check=True)
    wait_state(client, dev, 'online')
    assert not json.loads(dstctl(client, 'transactions', dev, '--json').out)
    assert attr('why') == ''
    fill(client, dev, 0x41, 0, 4096)
    dst_detach(client, dev)
    assert logged(client, f'{name}: detaching')

    trace = client.sh(f'cd {EVENTS} && echo 0 >enable && cat ../../trace')
    for event in TRACEPOINTS:
        assert f' {event}: ' in trace, f'no {event} in the trace'
    monitor.kill()
    events = [e for e in monitor.wait(10).out.split('\n\n')
              if f'DEVNAME={dev}\n' in e]
    states = [line.partition('=')[2] for e in events
              for line in e.splitlines() if line.startswith('DST_STATE=')]
    states = [s for s in states if s != 'degraded']
    assert states == ['online', 'held', 'online', 'detaching'], states
    held = next(e for e in events if 'DST_STATE=held' in e)
    assert 'ACTION=change' in held and 'DST_WHY=no connection' in held, held
    assert any('ACTION=remove' in e for e in events)
