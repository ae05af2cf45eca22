# SPDX-License-Identifier: GPL-2.0-only
"""An export has one writer. A second is refused and told who holds it; with
--preempt it takes the export over, and the first can write no more, for good,
also when it comes back late. When the holder goes, the next may come.
"""

from lib import (dst_attach, dst_detach, dst_export, dst_status, fill,
                 null_blk, peek, timed, wait_in_flight, wait_state)

CLIENTS = 2
OTHER = 'DST_INITIATOR=6d0e1f52-934b-4a0d-8e17-5b2cd470aa31 '


def run(rig):
    client, other = rig.clients
    server = rig.server

    disk = null_blk(server, 'ram0', mb=16)
    target = dst_export(server, 'e', disk)
    dev = dst_attach(client, target)
    fill(client, dev, 0x41, 0, 4096)

    # held, also while the holder is away
    for away in (False, True):
        if away:
            rig.cut(client)
        res = other.run(f'{OTHER}dstctl attach {target}', check=False)
        assert res.rc == 1 and 'in use by' in res.err and client.ip in res.err, \
            res
    held = client.spawn('head -c 4096 /dev/zero | tr "\\000" B | dd '
                        f'of={dev} bs=4096 iflag=fullblock oflag=direct '
                        'status=none')
    wait_in_flight(client, dev, 1)

    mine = other.sh(f'{OTHER}dstctl attach {target} --preempt --name dst5')
    fill(other, mine, 0x43, 0, 4096)
    assert dst_status(server, 'e')['counters']['fenced'] == 1

    # the first comes back with what it still had to write
    rig.restore()
    assert held.wait(60).rc, 'a write of a fenced client succeeded'
    wait_state(client, dev, 'failed')
    status = dst_status(client, dev)
    assert 'fenced out' in status['why'], status
    rc, took, _ = timed(client, f'dd if=/dev/zero of={dev} bs=4096 count=1 '
                        'oflag=direct')
    assert rc and took < 2 * rig.slow
    assert peek(server, disk, 0) == b'C' * 512, 'a fenced client wrote'
    assert dst_status(other, mine)['state'] == 'online'
    dst_detach(client, dev)
    res = client.run(f'dstctl attach {target}', check=False)
    assert res.rc == 1 and other.ip in res.err, res

    dst_detach(other, mine)
    dev = dst_attach(client, target)
    assert peek(client, dev, 0) == b'C' * 512
    fill(client, dev, 0x44, 0, 4096)
