# SPDX-License-Identifier: GPL-2.0-only
"""A client that was fenced out stays out, also after the server has forgotten
all sessions: what it still had to write would overwrite its successor's data.
And who had the export last still holds it then, against others.
"""

from lib import (dst_attach, dst_detach, dst_export, dst_status, dstctl, fill,
                 null_blk, peek, wait_state, wait_until)

CLIENTS = 2
OTHER = 'DST_INITIATOR=6d0e1f52-934b-4a0d-8e17-5b2cd470aa31 '


def restart(server, disk):
    """An export that is added again knows no sessions."""
    dstctl(server, 'export', 'remove', 'e', '--force')
    return dst_export(server, 'e', disk)


def run(rig):
    client, other = rig.clients
    server = rig.server

    disk = null_blk(server, 'ram0', mb=16, cache_mb=8)
    target = dst_export(server, 'e', disk)
    dev = dst_attach(client, target, '--ack', 'ram')
    fill(client, dev, 0x41, 0, 4096)
    wait_until(lambda: not dst_status(client, dev)['in_flight'], 10, 'acked')

    # the holder is remembered while it is away
    rig.cut(client)
    fill(client, dev, 0x42, 4096, 4096)
    assert restart(server, disk) == target
    res = other.run(f'{OTHER}dstctl attach {target} --name dst5', check=False)
    assert res.rc == 1 and 'in use by' in res.err, res

    # it is fenced out, its successor ends well, and all that is forgotten
    mine = other.sh(f'{OTHER}dstctl attach {target} --preempt --name dst5')
    fill(other, mine, 0x43, 0, 8192)
    dst_detach(other, mine)
    assert restart(server, disk) == target
    rig.restore()
    wait_state(client, dev, 'failed', 60)
    assert 'fenced out' in dst_status(client, dev)['why']
    assert peek(server, disk, 0, 8192) == b'C' * 8192, 'a fenced client wrote'

    # nobody holds it now; and a torn record does no harm
    dst_detach(client, dev, '--force')
    server.run('f=/var/lib/dst/e.owner; [ $(wc -c <$f) = 1024 ] && '
               'head -c 512 /dev/urandom | dd of=$f conv=notrunc status=none')
    assert restart(server, disk) == target
    dst_attach(client, target)
