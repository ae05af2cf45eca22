# SPDX-License-Identifier: GPL-2.0-only
"""A link that carries packets one way only is an outage like any other.

requests: what the client sends is lost; so are the ends of its connections.
replies: requests get there and are executed, no answer comes back: what was
executed is sent again, and must not undo what came later.
The device is `held` and says so, is back within seconds after the link is, no
I/O fails, and all of it has an order (tests/history).
"""

from lib import (dst_attach, dst_export, dst_status, end_history, null_blk,
                 uptime, wait_state, wait_until)

VARIANTS = ('requests', 'replies')


def run(rig, variant):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=32, cache_mb=8)
    dev = dst_attach(client, dst_export(server, 'e', disk), '--lanes', '3',
                     '--keepalive', '500ms')
    job = client.spawn(f'exec dsthist run {dev} --log /tmp/log --seconds 600 '
                       '--wide 512 --zeroes 5 --flush-every 20')

    def writes():
        return dst_status(client, dev)['counters']['writes']

    ends = (client, server) if variant == 'requests' else (server, client)
    for _ in range(2):
        before = writes()
        wait_until(lambda: writes() > before + 100, 60, 'writes')
        rig.cut(*ends, oneway=True)
        wait_until(lambda: dst_status(client, dev)['state'] == 'held', 30)
        why = dst_status(client, dev)['why']
        assert 'I/O is held' in why, why
        wait_until(lambda: 'does not answer' in dst_status(client, dev)['why'],
                   30, 'the reason')
        assert not job.done(), job.err
        rig.restore()
        start = uptime(client)
        wait_state(client, dev, 'online')
        # the longest pause is 5 s, then the connection is made
        took = uptime(client) - start
        assert took < 9 * rig.slow, f'back only after {took:.1f} s'
    before = writes()
    wait_until(lambda: writes() > before + 50, 60, 'writes')
    assert not job.done(), job.err
    end_history(client, job, '/tmp/log', dev)
    counters = dst_status(client, dev)['counters']
    assert counters['resends'] > 0 and counters['errors'] == 0, counters
    peer, = dst_status(server, 'e')['clients']
    assert peer['lanes'] == 3, peer
