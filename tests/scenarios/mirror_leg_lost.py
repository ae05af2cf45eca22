# SPDX-License-Identifier: GPL-2.0-only
"""When a server is lost, its mirror goes on without it, and nothing is lost.

Before any write completes without the leg, that it is stale is on stable
storage of the other one: so after the client is gone too, the stale leg alone
is refused, and says which leg is missing; the other one alone does. It comes
back while the device is in use, and gets what it lacks. An outage that is
shorter than leg-timeout is absorbed, and nothing is copied.
"""

from lib import (dst_detach, dst_export, dst_status, dstctl, fill, leg_states,
                 null_blk, pause, peek, timed, wait_settled, wait_until)

SERVERS = 2
TIMEOUT = 240
MB = 64
MIB = 1024 * 1024


def run(rig):
    client = rig.client
    disks = [null_blk(s, f'ram{i}', mb=MB, cache_mb=8)
             for i, s in enumerate(rig.servers)]
    targets = [dst_export(s, f'e{i}', d)
               for i, (s, d) in enumerate(zip(rig.servers, disks))]
    options = ('--leg-timeout', '6', '--wait', '4')
    dev = dstctl(client, 'mirror', 'create', *targets, *options)[1].strip()
    wait_settled(client, dev)
    size = dst_status(client, dev)['size_bytes']
    fill(client, dev, 0x41, 0, 4 * MIB)

    # short: absorbed
    rig.cut(rig.servers[1])
    pause(client, 1)
    rig.restore()
    fill(client, dev, 0x42, MIB, MIB)
    wait_until(lambda: leg_states(client, dev) == ['in-sync'] * 2,
               30, 'in-sync')

    # else all would be copied, whatever was noted
    wait_until(lambda: not dst_status(client, dev)['dirty_bytes'], 60, 'clean')

    # long: the write goes on without it
    rig.cut(rig.servers[1])
    rc, seconds, _ = timed(client, f'dd if=/dev/zero bs=1M count=1 seek=8 '
                                   f'of={dev} oflag=direct conv=notrunc')
    assert rc == 0 and seconds < (6 * 1.5 + 2) * rig.slow, seconds
    assert leg_states(client, dev)[1] == 'gone', leg_states(client, dev)
    fill(client, dev, 0x43, 2 * MIB, MIB)
    assert peek(client, dev, 2 * MIB) == b'C' * 512

    # the client goes, and attaches one leg of two
    dst_detach(client, dev, '--force')
    rig.restore()
    missing = targets[0] + 'x'
    rc, _, err = dstctl(client, 'mirror', 'attach', missing, targets[1],
                        *options, check=False)
    assert rc == 1 and 'missing' in err, err
    rig.cut(rig.servers[1])
    dev = dstctl(client, 'mirror', 'attach', *targets, *options)[1].strip()
    assert leg_states(client, dev) == ['in-sync', 'gone'], \
        leg_states(client, dev)
    assert peek(client, dev, 2 * MIB) == b'C' * 512
    fill(client, dev, 0x44, 3 * MIB, MIB)

    # it comes back
    rig.restore()
    wait_until(lambda: leg_states(client, dev) == ['in-sync'] * 2,
               90, 'in-sync')
    fill(client, dev, 0x45, 5 * MIB, 65536)
    dst_detach(client, dev)
    client.run(f'cmp -n {size} {disks[0]} {disks[1]}')
