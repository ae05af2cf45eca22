# SPDX-License-Identifier: GPL-2.0-only
"""A mirror has one writer. Of two that attach it at once one gets it; another
client is refused, and told who holds it. With --preempt it takes over all legs,
and the first can write to none of them any more, not even what it held when it
was cut off.
"""

from lib import (dst_detach, dst_export, dst_status, dstctl, fill, leg_states,
                 null_blk, peek, wait_in_flight, wait_settled, wait_state)

NODES = 3
CLIENTS = 2
TIMEOUT = 240
MB = 16
OTHER = 'DST_INITIATOR=6d0e1f52-934b-4a0d-8e17-5b2cd470aa31 '


def run(rig):
    client, other = rig.clients
    server = rig.server
    disks = [null_blk(server, f'ram{i}', mb=MB) for i in range(2)]
    targets = [dst_export(server, f'e{i}', d) for i, d in enumerate(disks)]
    attach = 'dstctl mirror attach ' + ' '.join(targets)

    dev = dstctl(client, 'mirror', 'create', *targets)[1].strip()
    size = dst_status(client, dev)['size_bytes']
    wait_settled(client, dev)
    dst_detach(client, dev)
    both = [client.spawn(attach) for _ in range(2)]
    ends = [job.wait(60) for job in both]
    assert sorted(end.rc for end in ends) == [0, 1], ends
    dev = next(end.out for end in ends if not end.rc).strip()
    assert leg_states(client, dev) == ['in-sync'] * 2, leg_states(client, dev)
    fill(client, dev, 0x41, 0, 4096)

    # held: for one leg alone, and for all
    res = client.run(f'dstctl attach {targets[1]}', check=False)
    assert res.rc == 1 and 'attached already' in res.err, res
    res = other.run(OTHER + attach, check=False)
    assert res.rc == 1 and client.ip in res.err, res

    rig.cut(client)
    held = client.spawn('head -c 4096 /dev/zero | tr "\\000" B | dd '
                        f'of={dev} bs=4096 iflag=fullblock oflag=direct '
                        'status=none')
    wait_in_flight(client, dev, 1)
    mine = other.sh(f'{OTHER}{attach} --preempt --name dst5').strip()
    fill(other, mine, 0x43, 0, 4096)
    rig.restore()
    assert held.wait(60).rc, 'a write of a fenced client succeeded'
    wait_state(client, dev, 'failed')
    assert 'fenced out' in dst_status(client, dev)['why']
    assert leg_states(other, mine) == ['in-sync'] * 2, leg_states(other, mine)
    dst_detach(client, dev)

    wait_settled(other, mine)
    dst_detach(other, mine)
    for disk in disks:
        assert peek(server, disk, 0) == b'C' * 512, 'a fenced client wrote'
    server.run(f'cmp -n {size} {disks[0]} {disks[1]}')
