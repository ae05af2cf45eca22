# SPDX-License-Identifier: GPL-2.0-only
"""A client that loses its power while it writes to a mirror gets it back whole.

Where writes were under way the legs may differ. What is read then does not
change with the leg that it is read from, and the legs are the same in the end.
A resync that the client's end interrupts goes on when it is back, and meanwhile
the half copied leg is neither read nor enough to attach the mirror.
"""

from lib import (dst_detach, dst_export, dst_status, dstctl, fio_start,
                 leg_states, load, null_blk, wait_settled, wait_until)

NODES = 3
SERVERS = 2
TIMEOUT = 300
MB = 24
OPTIONS = ('--leg-timeout', '3', '--wait', '6', '--read-policy',
           'round-robin')


def mirror(client, verb, targets, check=True):
    rc, out, err = dstctl(client, 'mirror', verb, *targets, *OPTIONS,
                          check=check)
    return out.strip() if check else (rc, err)


def crash(client):
    client.power_off()
    client.power_on()
    load(client)


def digest(host, path, size):
    return host.sh(f'head -c {size} {path} | md5sum')


def same(rig, disks, size):
    sums = {digest(s, d, size) for s, d in zip(rig.servers, disks)}
    assert len(sums) == 1, 'the legs differ'


def run(rig):
    client = rig.client
    disks = [null_blk(s, f'ram{i}', mb=MB, cache_mb=8)
             for i, s in enumerate(rig.servers)]
    targets = [dst_export(s, f'e{i}', d)
               for i, (s, d) in enumerate(zip(rig.servers, disks))]
    dev = mirror(client, 'create', targets)
    size = dst_status(client, dev)['size_bytes']
    wait_settled(client, dev)

    fio_start(client, dev, rw='randwrite', bs='4k', size='16M', iodepth=32)
    wait_until(lambda: dst_status(client, dev)['counters']['writes'] > 300, 60,
               'fio writes')
    crash(client)
    dev = mirror(client, 'attach', targets)
    assert leg_states(client, dev) == ['in-sync'] * 2, leg_states(client, dev)
    first = digest(client, dev, size)
    client.run('echo 3 >/proc/sys/vm/drop_caches')
    assert digest(client, dev, size) == first, 'reads differ'
    wait_settled(client, dev)
    dst_detach(client, dev)
    same(rig, disks, size)

    dev = mirror(client, 'attach', targets)
    rig.cut(rig.servers[1])
    client.run(f'dd if=/dev/urandom of={dev} bs=1M count=16 oflag=direct '
               'status=none', timeout=60)
    assert leg_states(client, dev) == ['in-sync', 'gone'], \
        leg_states(client, dev)
    rig.restore()
    wait_until(lambda: leg_states(client, dev)[1] == 'resyncing',
               60, 'resyncing')
    crash(client)
    rc, err = mirror(client, 'attach', [targets[0] + 'x', targets[1]], False)
    assert rc == 1 and 'missing' in err, err
    dev = mirror(client, 'attach', targets)
    wait_until(lambda: leg_states(client, dev) == ['in-sync'] * 2,
               120, 'in-sync')
    dst_detach(client, dev)
    same(rig, disks, size)
