# SPDX-License-Identifier: GPL-2.0-only
"""A disk that takes longer than the keepalive is slow, not dead: the server
answers pings meanwhile. No connection is reset, nothing is sent twice.

block: each request takes long. file: likewise, and it keeps a worker busy.
queue: each takes a while, and the disk takes one at a time: who submits waits.
"""

from lib import (dm, dm_reload, dst_attach, dst_export, dst_status, fill,
                 null_blk, peek, sectors, timed)

VARIANTS = ('block', 'file', 'queue')
KEEPALIVE_MS = 1000
DELAY_MS = 3000
# one thread that waits for all of its own requests is silent for 7 s; one that
# is last in the line for a tag may be so for 2
QUEUE_DELAY_MS = 120
QUEUED = 64
QUEUE_KEEPALIVE_MS = 3000
MB = 1 << 20


def slow_disk(server, variant):
    """What to export, and what makes it slow."""
    ram = null_blk(server, 'ram0', mb=64)
    n = sectors(server, ram)
    disk = dm(server, 'slow', f'0 {n} linear {ram} 0')

    def slow():
        dm_reload(server, 'slow', f'0 {n} delay {ram} 0 {DELAY_MS}')
    if variant == 'block':
        return disk, slow
    server.run(f'modprobe dm-delay; mkfs.ext4 -q {disk} && mkdir -p /mnt/s && '
               f'mount {disk} /mnt/s && head -c 16M /dev/zero >/mnt/s/f && '
               'sync')
    return '/mnt/s/f', slow


def check(client, dev):
    status = dst_status(client, dev)
    counters = status['counters']
    assert status['state'] == 'online', status
    assert counters['reconnects'] == counters['resends'] == 0, counters
    assert counters['errors'] == 0, counters


def full_queue(client, server):
    disk = null_blk(server, 'ram0', mb=16, queue_mode=2, irqmode=2,
                    hw_queue_depth=1, completion_nsec=QUEUE_DELAY_MS * 10 ** 6)
    dev = dst_attach(client, dst_export(server, 'e', disk), '--keepalive',
                     f'{QUEUE_KEEPALIVE_MS}ms', '--lanes', '2')
    rc, took, out = timed(client, f'for i in $(seq {QUEUED}); do dd '
                          f'if=/dev/zero of={dev} bs=4096 count=1 seek=$i '
                          'oflag=direct conv=notrunc & done; wait', 60)
    assert out.count('copied') == QUEUED and not rc, (rc, out)
    assert took > QUEUED * QUEUE_DELAY_MS / 1000, f'took only {took} s'
    check(client, dev)


def run(rig, variant):
    client, server = rig.client, rig.server
    if variant == 'queue':
        full_queue(client, server)
        return
    path, slow = slow_disk(server, variant)
    dev = dst_attach(client, dst_export(server, 'e', path), '--keepalive',
                     f'{KEEPALIVE_MS}ms', '--lanes', '2')
    fill(client, dev, 0x41, 0, 8192)
    slow()
    rc, took, out = timed(client, f'for i in $(seq 1 6); do dd if=/dev/zero '
                          f'of={dev} bs=4096 count=1 seek=$((2 * i)) '
                          'oflag=direct conv=notrunc & done; '
                          f'dd if={dev} of=/dev/null bs=4096 count=2 '
                          'iflag=direct; wait; '
                          f'dd if=/dev/zero of={dev} bs=4096 count=1 '
                          'oflag=direct conv=notrunc,fsync')
    assert 'copied' in out and not rc, (rc, out)
    assert took > 2 * DELAY_MS / 1000, f'took only {took} s'
    check(client, dev)
    assert peek(client, dev, 4096) == b'A' * 512
