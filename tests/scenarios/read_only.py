# SPDX-License-Identifier: GPL-2.0-only
"""A device that is read-only by the client's wish, by the export or by the
allow-list takes no write, discard or zeroing of any kind, reads well, and
nothing on the server's disk changes. A reader beside a writer is no second
writer.
"""

from lib import (dst_attach, dst_detach, dst_export, dst_status, dstctl, fill,
                 null_blk, peek)

CLIENTS = 2


def refuses(client, dev):
    assert client.sh(f'blockdev --getro {dev}') == '1'
    client.run(f'blockdev --setrw {dev}', check=False)
    for cmd in ('dd if=/dev/zero of={} bs=4k count=1 oflag=direct',
                'dd if=/dev/zero of={} bs=512 count=1 conv=fsync',
                'blkdiscard {}', 'blkdiscard -z -l 4096 {}',
                'fallocate -p -o 0 -l 4096 {}', 'mkfs.ext4 -q -F {}'):
        res = client.run(cmd.format(dev), check=False)
        assert res.rc, f'{cmd} was done on a read-only device'
    client.run(f'dd if={dev} bs=64k count=16 iflag=direct of=/dev/null '
               f'status=none && mount -o ro {dev} /mnt/a && '
               'cmp /mnt/a/x /tmp/x && umount /mnt/a')


def run(rig):
    client, other = rig.clients
    server = rig.server
    disk = null_blk(server, 'ram0', mb=16)
    server.run(f'mkfs.ext4 -q {disk} && mkdir -p /mnt/a && '
               f'mount {disk} /mnt/a && head -c 100k /dev/urandom >/tmp/x && '
               f'cp /tmp/x /mnt/a && umount /mnt/a && '
               f'dd if={disk} of=/tmp/before bs=1M iflag=direct status=none')

    target = dst_export(server, 'e', disk)
    dev = dst_attach(client, target, '--ro')
    peer, = dst_status(server, 'e')['clients']
    assert peer['mode'] == 'ro', peer
    refuses(client, dev)
    dst_detach(client, dev)
    dstctl(server, 'export', 'remove', 'e')

    dev = dst_attach(client, dst_export(server, 'e', disk, '--ro'))
    assert dst_status(server, 'e')['read_only'] is True
    refuses(client, dev)
    dst_detach(client, dev)
    dstctl(server, 'export', 'remove', 'e')

    # this machine may read, another may write, at the same time
    target = dst_export(server, 'e', disk, '--allow', f'{other.ip}/32=rw',
                        allow=f'{client.ip}/32=ro')
    dev = dst_attach(client, target)
    refuses(client, dev)
    server.run(f'dd if={disk} bs=1M iflag=direct status=none | '
               'cmp - /tmp/before')
    writer = other.sh('DST_INITIATOR=6d0e1f52-934b-4a0d-8e17-5b2cd470aa31 '
                      f'dstctl attach {server.ip}/e --name dst5')
    fill(other, writer, 0x57, 8 << 20, 4096)
    assert peek(client, dev, 8 << 20) == b'W' * 512
    modes = sorted(c['mode'] for c in dst_status(server, 'e')['clients'])
    assert modes == ['ro', 'rw'], modes
