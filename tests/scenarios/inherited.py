# SPDX-License-Identifier: GPL-2.0-only
"""What a client wrote and did not flush before it crashed, or was preempted, is
in the cache of the server. Its successor reads it; from then on no power cut of
the server takes it away again, though no client has a copy of it. Where the
server's disk can't flush, the successor is told instead of being let down
later; to read what is left it may attach with --ro.
"""

from lib import (dm, dm_reload, dst_attach, dst_detach, dst_export, fill, load,
                 null_blk, peek, sectors, wait_state)

NODES = 2
VARIANTS = ('crash', 'preempt', 'broken')
OTHER = 'DST_INITIATOR=6d0e1f52-934b-4a0d-8e17-5b2cd470aa31 '
LENGTH = 64 << 10


def broken(client, server):
    disk = null_blk(server, 'ram0', mb=16, cache_mb=4)
    n = sectors(server, disk)
    slow = dm(server, 'bad', f'0 {n} linear {disk} 0')
    target = dst_export(server, 'e', slow)
    dev = dst_attach(client, target)
    fill(client, dev, 0x43, 0, LENGTH)
    dst_detach(client, dev)
    # reads go on, flushes and writes fail
    dm_reload(server, 'bad', f'0 {n} flakey {disk} 0 0 60 1 error_writes')
    res = client.run(f'dstctl attach {target}', check=False)
    assert res.rc == 1 and 'flush' in res.err, res
    assert '--ro' in res.err, res
    dev = dst_attach(client, target, '--ro')
    assert peek(client, dev, 0, LENGTH) == b'C' * LENGTH
    dst_detach(client, dev)
    dm_reload(server, 'bad', f'0 {n} linear {disk} 0')
    dst_attach(client, target)


def run(rig, variant):
    client, server = rig.client, rig.server
    if variant == 'broken':
        broken(client, server)
        return
    target = dst_export(server, 'e', server.lossy_disk)
    dev = dst_attach(client, target)
    fill(client, dev, 0x41, 0, LENGTH)
    client.run(f'sync {dev}')
    # one command: so that it is too early for a flush by age
    write = (f'head -c {LENGTH} /dev/zero | tr "\\000" B | dd of={dev} '
             f'bs={LENGTH} iflag=fullblock oflag=direct status=none')
    if variant == 'crash':
        client.run(write)
        client.power_off()
        client.power_on()
        load(client)
        dev = dst_attach(client, target)
    else:
        dev = client.sh(f'{write} && {OTHER}dstctl attach {target} --preempt '
                        '--name dst5')
    seen = peek(client, dev, 0, LENGTH)

    server.power_off()
    server.power_on()
    load(server)
    dst_export(server, 'e', server.lossy_disk)
    wait_state(client, dev, 'online', 60)
    assert seen == b'B' * LENGTH, 'the write has not even reached the server'
    assert peek(client, dev, 0, LENGTH) == seen, \
        'what a client had read is gone'
