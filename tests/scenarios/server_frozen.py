# SPDX-License-Identifier: GPL-2.0-only
"""A server that was frozen, and goes on with what it had, overwrites nothing.

Writes of A hang in its slow disk, others wait before its door, and it is
stopped (its host was stuck, or it was paused). Its client gives the lanes up,
unheard. When the server goes on, B is written only when nothing of the old
connections can run any more, and stays.

back: the same client writes B.
preempt: another takes the export over. The first is fenced: what it still had
to write fails, and never lands.
"""

from lib import (dst_attach, dst_export, dst_status, drop, peek, release_slow,
                 switch_way, switched_disk, wait_slow, wait_state, wait_until)

NODES = 2
VARIANTS = ('back', 'preempt')
OTHER = 'DST_INITIATOR=6d0e1f52-934b-4a0d-8e17-5b2cd470aa31 '
BLOCKS = 12


def write(byte, dev, first, count):
    """All at once, like a queue of so many."""
    return (f'head -c 4096 /dev/zero | tr "\\000" {byte} >/tmp/{byte}; set --; '
            f'for i in $(seq {first} {first + count - 1}); do '
            f'dd if=/tmp/{byte} of={dev} bs=4096 seek=$i oflag=direct '
            'conv=notrunc status=none & set -- "$@" $!; done; '
            'rc=0; for i; do wait $i || rc=1; done; exit $rc')


def run(rig, variant):
    client, server = rig.client, rig.server
    ram, disk = switched_disk(server)
    target = dst_export(server, 'e', disk)
    dev = dst_attach(client, target, '--lanes', '3', '--keepalive', '1s')
    # the server does not hear that its connections have ended
    drop(server, 'tcp flags & (fin | rst) != 0')

    jobs = [client.spawn(write('A', dev, 0, 4))]
    wait_slow(server, 4)
    server.freeze()
    jobs.append(client.spawn(write('A', dev, 4, BLOCKS - 4)))
    wait_until(lambda: dst_status(client, dev)['state'] == 'held', 30, 'held')
    assert not any(job.done() for job in jobs)

    server.thaw()
    switch_way(server, 1)
    if variant == 'preempt':
        again = client.spawn(f'{OTHER}exec dstctl attach {target} --preempt '
                             '--name dst9 --wait 60s')
        new = '/dev/dst9'
    else:
        again, new = jobs[0], dev

    def drains():
        return any(d['path'] == new and 'still executing' in d['why']
                   for d in dst_status(client)['devices'])
    # without a fence the new connection does not wait at all
    drained = wait_until(lambda: 'done' if again.done() else drains(), 60,
                         'fenced') is True
    if drained:
        release_slow(server)
    again.wait(60, check=True)
    hung, waited = [bool(job.wait(60).rc) for job in jobs]
    assert hung == (variant == 'preempt'), jobs[0].err
    # a lane of which nothing hung may have been back before it was fenced
    assert not waited or variant == 'preempt', jobs[1].err
    client.run(write('B', new, 0, BLOCKS))
    release_slow(server)
    found = peek(server, ram, 0, BLOCKS * 4096)
    assert found == b'B' * len(found), f'ghost writes: {found[::4096]}'
    assert drained, 'the server did not say that old requests still run'

    wait_state(client, new, 'online')
    if variant == 'preempt':
        wait_state(client, dev, 'failed')
        assert 'fenced out' in dst_status(client, dev)['why']
        assert dst_status(server, 'e')['counters']['fenced'] == 1
        assert client.run(write('A', dev, 0, 1), check=False).rc
        assert peek(client, new, 0) == b'B' * 512
    else:
        assert dst_status(client, dev)['counters']['errors'] == 0
    peer, = [c for c in dst_status(server, 'e')['clients'] if c['lanes']]
    assert peer['lanes'] == len(dst_status(client, new)['legs'][0]['lanes'])
