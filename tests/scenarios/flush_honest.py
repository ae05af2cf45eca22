# SPDX-License-Identifier: GPL-2.0-only
"""What was flushed is there after the server lost power, whose disk loses what
it has only in its cache. By fsync, by a FUA write, by --ack=disk; for a block
device and for a file on it.
"""

from lib import (dm, dst_attach, dst_export, dst_status, dstctl, fill, peek)

NODES = 2
KIB = 1024


def halves(server):
    n = (32 << 20) // 512
    return [dm(server, f'half{i}', f'0 {n} linear {server.lossy_disk} {i * n}')
            for i in (0, 1)]


def run(rig):
    client, server = rig.client, rig.server

    block, fs = halves(server)
    server.run(f'dd if=/dev/zero of={block} bs=64k count=16 oflag=direct '
               f'status=none && sync -d {block} && '
               f'mkfs.ext4 -q {fs} && mkdir -p /mnt/fs && mount {fs} /mnt/fs '
               '&& head -c 8M /dev/zero >/mnt/fs/file && sync -f /mnt/fs')
    targets = [dst_export(server, 'block', block),
               dst_export(server, 'file', '/mnt/fs/file')]
    devs = [dst_attach(client, t) for t in targets]
    for dev in devs:
        client.run(f'grep -q "write back" /sys/block/{dev[5:]}/queue/'
                   'write_cache')
        # by fsync, of direct and of buffered writes
        fill(client, dev, 0x41, 0, 16 * KIB)
        client.run('head -c 16384 /dev/zero | tr "\\000" B | dd '
                   f'of={dev} bs=16k seek=4 iflag=fullblock conv=notrunc,fsync '
                   f'status=none; sync -d {dev}')
    for dev in devs:
        # by FUA
        client.run('head -c 16384 /dev/zero | tr "\\000" C | dd '
                   f'of={dev} bs=16k seek=8 iflag=fullblock conv=notrunc '
                   'oflag=direct,dsync status=none')
        dstctl(client, 'set', dev, 'ack=disk')
        fill(client, dev, 0x44, 192 * KIB, 16 * KIB)
    flushes = dst_status(server, 'block')['counters']['flushes']
    server.power_off()
    for dev in devs:
        client.run(f'dstctl detach {dev} --force')
    server.power_on()

    block, fs = halves(server)
    server.run(f'mkdir -p /mnt/fs && mount {fs} /mnt/fs')
    for name, path in ('block', block), ('file', '/mnt/fs/file'):
        for how, byte, offset in (('fsync', b'A', 0),
                                  ('buffered, fsync', b'B', 64 * KIB),
                                  ('FUA', b'C', 128 * KIB),
                                  ('ack=disk', b'D', 192 * KIB)):
            found = peek(server, path, offset, 16 * KIB)
            assert found == byte * 16 * KIB, \
                f'{name}: {how}: lost, there is {found[:1]}'
    assert flushes >= 2
