# SPDX-License-Identifier: GPL-2.0-only
"""A sparse file whose file system is full gives ENOSPC, not EIO and not
success; nothing else breaks, and with room again it goes on.
"""

from lib import (dst_attach, dst_export, dst_status, fill, null_blk, peek)


def run(rig):
    client, server = rig.client, rig.server

    ram = null_blk(server, 'ram0', mb=16)
    server.run(f'mkfs.ext4 -q -m 0 -O ^has_journal {ram} && mkdir -p /mnt/fs '
               f'&& mount {ram} /mnt/fs && truncate -s 64M /mnt/fs/file && '
               'head -c 4M /dev/zero >/mnt/fs/ballast')
    dev = dst_attach(client, dst_export(server, 'e', '/mnt/fs/file'))
    fill(client, dev, 0x41, 0, 65536)
    full = 'No space left on device'
    res = client.run(f'dd if=/dev/zero of={dev} bs=256k seek=1 count=80 '
                     'oflag=direct', check=False)
    assert res.rc and full in res.err, res
    # fsync of what the page cache took tells as well: the page cache says EIO
    res = client.run(f'dd if=/dev/zero of={dev} bs=256k seek=100 count=4 '
                     'conv=fsync', check=False)
    assert res.rc and 'fsync failed' in res.err, res
    status = dst_status(client, dev)
    assert status['state'] == 'online', status
    assert status['counters']['errors'] >= 2, status
    assert status['counters']['reconnects'] == 0, status
    fill(client, dev, 0x42, 0, 4096)
    assert peek(client, dev, 0) == b'B' * 512
    assert peek(client, dev, 4096) == b'A' * 512

    server.run('rm /mnt/fs/ballast')
    client.run(f'dd if=/dev/zero of={dev} bs=256k seek=100 count=4 '
               'oflag=direct')
