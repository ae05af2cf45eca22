# SPDX-License-Identifier: GPL-2.0-only
"""What was discarded or zeroed reads as zero, its neighbours are untouched,
and the server's file gives the space back.

Ranges of one sector, of odd sizes, and across the boundary of two shards of
the index (256 MiB). Zeroing that must keep space allocated (NOUNMAP) keeps it;
secure erase is refused.
"""

from lib import dst_attach, dst_export, dst_status, fill, null_blk, peek

VARIANTS = ('block', 'file')

MIB = 1 << 20
SHARD = 256 * MIB
LEN = 256 << 10
# how, does it give space back
WAYS = (('blkdiscard -o {o} -l {l} {dev}', True),
        ('blkdiscard -z -o {o} -l {l} {dev}', False),
        ('fallocate -p -o {o} -l {l} {dev}', True),
        ('fallocate -z -n -o {o} -l {l} {dev}', False))


def blocks(server, path):
    return int(server.sh(f'sync -f {path}; stat -c %b {path}'))


def run(rig, variant):
    client, server = rig.client, rig.server
    disk = path = null_blk(server, 'ram0', mb=560)
    if variant == 'file':
        path = '/mnt/fs/file'
        server.run(f'mkfs.ext4 -q -m 0 -E nodiscard {disk} && '
                   f'mkdir -p /mnt/fs && mount {disk} /mnt/fs && '
                   f'truncate -s 512M {path}')
    dev = dst_attach(client, dst_export(server, 'e', path))
    queue = f'/sys/block/{dev[5:]}/queue'
    assert int(client.sh(f'cat {queue}/discard_max_bytes')) > 0
    assert int(client.sh(f'cat {queue}/write_zeroes_max_bytes')) > 0

    count = f'sync -f {path} && stat -c %b {path}' if variant == 'file' \
        else 'true'

    # each way on a range around a place, with 4 KiB of 'B' on either side;
    # as it is, and from one odd sector to another
    for skip in (0, 512):
        zero = LEN - 2 * skip
        client.run(f'head -c {LEN + 8192} /dev/zero | tr "\\000" B >/tmp/b; '
                   f'{{ head -c {4096 + skip} /tmp/b; head -c {zero} /dev/zero;'
                   f' head -c {4096 + skip} /tmp/b; }} >/tmp/want{skip}')
    for base in (16 * MIB, SHARD - LEN // 2):
        for i, (how, frees) in enumerate(WAYS):
            skip = 512 * (i % 2)
            how = how.format(o=base + skip, l=LEN - 2 * skip, dev=dev)
            first = base // 4096 - 1
            sizes = client.sh(
                f'dd if=/tmp/b of={dev} bs=4k seek={first} oflag=direct '
                'conv=notrunc status=none && '
                f'{count} && {how} && {count} && '
                f'dd if={dev} bs=4k skip={first} count={LEN // 4096 + 2} '
                f'iflag=direct status=none | cmp - /tmp/want{skip}').split()
            if variant == 'file':
                full, now = (int(n) for n in sizes)
                if frees:
                    assert now <= full - (LEN - 8192) // 512, (how, full, now)
                else:
                    assert now >= full, (how, full, now)

    # one sector; written again at once; all of the device
    fill(client, dev, 0x43, 0, 8192)
    client.run(f'blkdiscard -z -o 1536 -l 512 {dev} && '
               f'blkdiscard -o 4608 -l 512 {dev}')
    got = peek(client, dev, 0, 8192)
    assert got == (b'C' * 1536 + bytes(512) + b'C' * 2560 + bytes(512)
                   + b'C' * 3072)
    fill(client, dev, 0x44, 1536, 512)
    assert peek(client, dev, 1536) == b'D' * 512
    res = client.run(f'blkdiscard -s {dev}', check=False)
    assert res.rc and peek(client, dev, 1536) == b'D' * 512
    client.run(f'blkdiscard -f {dev}')
    assert peek(client, dev, 0, 8192) == bytes(8192)
    assert peek(client, dev, SHARD - LEN // 2, 4096) == bytes(4096)
    if variant == 'file':
        assert blocks(server, path) <= 64
    counters = dst_status(client, dev)['counters']
    assert counters['discards'] >= 11 and counters['errors'] == 0, counters
