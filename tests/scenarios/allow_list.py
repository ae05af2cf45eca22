# SPDX-License-Identifier: GPL-2.0-only
"""Who is not on an export's list is refused, learns nothing, changes nothing;
who is on it read-only can't write, whatever it sends.

The default is this machine alone; the most specific entry decides; what is
changed live counts at once, also for who is connected.
"""

from lib import (dst_attach, dst_detach, dst_export, dst_status, dstctl, fill,
                 null_blk, peek, wait_state, wait_until)

CLIENTS = 2
OTHER = 'DST_INITIATOR=6d0e1f52-934b-4a0d-8e17-5b2cd470aa31 '
MB = 1 << 20


def refused(host, target, env=''):
    before = len(dst_status(host)['devices'])
    res = host.run(f'{env}dstctl attach {target} --wait 1s', check=False)
    assert res.rc == 1 and res.err.count('\n') == 1, res
    assert len(dst_status(host)['devices']) == before, res


def run(rig):
    client, other = rig.clients
    server = rig.server
    disk = null_blk(server, 'ram0', mb=16)

    # nothing said: loopback only
    target = dst_export(server, 'e', disk, allow=None, listen=(
        '127.0.0.1:4490', f'{server.ip}:4490', f'[{server.ip6}]:4490'))
    for addr in (server.ip, f'[{server.ip6}]'):
        refused(client, f'{addr}/e')
    dst_detach(server, dst_attach(server, '127.0.0.1/e'))
    dstctl(server, 'export', 'remove', 'e')

    # one may write, its network may read, and nobody else
    dst_export(server, 'e', disk, '--allow', f'{client.ip}/32=rw', allow=None)
    dev = dst_attach(client, target)
    fill(client, dev, 0x41, 0, 4096)
    refused(other, target, OTHER)
    refused_count = dst_status(server, 'e')['counters']['refused']
    dstctl(server, 'export', 'set', 'e',
           f'allow={client.ip}/32=rw,10.45.0.0/24=ro')
    wait_state(client, dev, 'online')
    ro = other.sh(f'{OTHER}dstctl attach {target} --ro')
    assert peek(other, ro, 0) == b'A' * 512
    assert other.sh(f'blockdev --getro {ro}') == '1'
    other.run(f'! dd if=/dev/zero of={ro} bs=4096 count=1 oflag=direct')
    # a client of its own making asks for more than it may
    res = other.run(f'hostile {server.ip} e {16 * MB} write', check=False)
    assert res.out == 'status 5\n', res
    assert peek(server, disk, 0) == b'A' * 512

    # taken from the list, while it is connected
    dstctl(server, 'export', 'set', 'e', 'allow=10.45.0.0/24=ro')
    job = client.spawn(f'dd if=/dev/zero of={dev} bs=4096 count=1 '
                       'oflag=direct status=none')
    wait_until(lambda: dst_status(client, dev)['why'], 20, 'told why')
    assert not job.done()
    assert peek(server, disk, 0) == b'A' * 512
    dstctl(server, 'export', 'set', 'e', f'allow={client.ip}/32=rw')
    assert job.wait(30).rc == 0, job.err
    assert dst_status(server, 'e')['counters']['refused'] >= refused_count
