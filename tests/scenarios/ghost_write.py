# SPDX-License-Identifier: GPL-2.0-only
"""No write is executed after a later one to the same sector was acknowledged.

A write of A hangs in the server's slow disk (dm-delay). Its lane is lost, or
its client comes again, or another client takes the export over: each may
write B only when nothing of the old connection can run any more. Then the
slow copy of A comes through, and the sector must hold B. The new writes take
a quick way past the slow one (dm-switch), so that nothing but DST's fence
keeps the order.
"""

from lib import (dst_attach, dst_export, dst_status, peek, release_slow,
                 switch_way, switched_disk, wait_slow, wait_until)

CLIENTS = 2
VARIANTS = ('resend', 'reattach', 'preempt')

OTHER = 'DST_INITIATOR=6d0e1f52-934b-4a0d-8e17-5b2cd470aa31 '


def write(byte, dev):
    return (f'head -c 4096 /dev/zero | tr "\\000" {byte} | dd of={dev} bs=4096 '
            'iflag=fullblock oflag=direct conv=notrunc status=none')


def run(rig, variant):
    client, other = rig.clients
    server = rig.server

    ram, disk = switched_disk(server)
    target = dst_export(server, 'e', disk)
    dev = dst_attach(client, target, '--lanes', '1')

    first = client.spawn(write('A', dev))
    wait_slow(server, 1)
    switch_way(server, 1)

    if variant == 'resend':
        client.run(f'ss -K dst {server.ip} dport = 4490')
        host, again = client, first
    elif variant == 'reattach':
        client.run(f'dstctl detach {dev} --force')
        assert first.wait().rc, 'detached, yet the write succeeded'
        host = client
        again = host.spawn(f'exec dstctl attach {target} --wait 60s')
    else:
        host = other
        again = host.spawn(f'{OTHER}exec dstctl attach {target} --preempt '
                           '--name dst9 --wait 60s')

    def drains():
        return any('still executing 1 old request' in d['why']
                   for d in dst_status(host)['devices'])
    # without a fence the new connection does not wait at all
    drained = wait_until(lambda: 'done' if again.done() else drains(), 30,
                         'fenced') is True
    if drained:
        assert not again.done()
        release_slow(server)
    res = again.wait(60, check=True)
    if variant != 'resend':
        dev = res.out.strip()
    if variant == 'preempt':
        assert first.wait().rc, 'fenced out, yet the write succeeded'
    host.run(write('B', dev))
    release_slow(server)
    found = peek(server, ram, 0)
    assert found == b'B' * 512, f'ghost write: the sector holds {found[:1]}'
    assert drained, 'the server did not say that old requests still run'
    assert peek(host, dev, 3584) == b'B' * 512
