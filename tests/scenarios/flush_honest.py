# SPDX-License-Identifier: GPL-2.0-only
"""What was flushed is there after the server lost power, whose disk loses what
it has only in its cache: by fsync, by a FUA write, by --ack=disk; for a block
device and for a file on it. Each has the disk flush; fsync comes last, so that
nothing else does it for it.
"""

from lib import dm, dst_attach, dst_export, peek

NODES = 2
KIB = 1024


def halves(server):
    n = (32 << 20) // 512
    return [dm(server, f'half{i}', f'0 {n} linear {server.lossy_disk} {i * n}')
            for i in (0, 1)]


def flushes(server):
    return int(server.sh("awk '{ print $16 }' /sys/block/vdb/stat"))


def write(byte, dev, seek, how):
    return (f'head -c 16384 /dev/zero | tr "\\000" {byte} | dd of={dev} bs=16k '
            f'seek={seek} iflag=fullblock status=none {how}')


def write_all(client, server, dev):
    told = flushes(server)
    for how, command in (
            ('FUA', write('A', dev, 0, 'conv=notrunc oflag=direct,dsync')),
            ('ack=disk', f'dstctl set {dev} ack=disk && '
             + write('B', dev, 4, 'conv=notrunc oflag=direct')),
            ('fsync', f'dstctl set {dev} ack=server && '
             + write('C', dev, 8, 'conv=notrunc oflag=direct') + ' && '
             + write('D', dev, 12, 'conv=notrunc,fsync'))):
        client.run(command)
        before, told = told, flushes(server)
        assert told > before, f'{dev}: {how}: the disk was not told to flush'


def run(rig):
    client, server = rig.client, rig.server

    block, fs = halves(server)
    server.run(f'dd if=/dev/zero of={block} bs=64k count=16 oflag=direct '
               f'status=none && sync -d {block} && '
               f'mkfs.ext4 -q {fs} && mkdir -p /mnt/fs && mount {fs} /mnt/fs '
               '&& head -c 8M /dev/zero >/mnt/fs/file && sync -f /mnt/fs')
    for name, path in ('file', '/mnt/fs/file'), ('block', block):
        dev = dst_attach(client, dst_export(server, name, path))
        write_all(client, server, dev)
    server.power_off()
    client.run('dstctl detach dst0 --force && dstctl detach dst1 --force')
    server.power_on()

    block, fs = halves(server)
    server.run(f'mkdir -p /mnt/fs && mount {fs} /mnt/fs')
    for name, path in ('block', block), ('file', '/mnt/fs/file'):
        for how, byte, offset in (('FUA', b'A', 0), ('ack=disk', b'B', 64),
                                  ('fsync', b'C', 128),
                                  ('buffered, fsync', b'D', 192)):
            found = peek(server, path, offset * KIB, 16 * KIB)
            assert found == byte * 16 * KIB, \
                f'{name}: {how}: lost, there is {found[:1]}'
