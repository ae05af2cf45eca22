# SPDX-License-Identifier: GPL-2.0-only
"""A sparse file is as good a disk as a disk: verified load, a size that is no
multiple of anything, data on the file system of the server once flushed, an
export that is refused for what is no file to serve.
"""

from lib import (dst_attach, dst_detach, dst_export, dst_status, dstctl, fill,
                 fio, null_blk, peek, sectors)


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=128)
    path = '/mnt/fs/file'
    server.run(f'mkfs.ext4 -q -b 4096 -E nodiscard {disk} && '
               'mkdir -p /mnt/fs && '
               f'mount {disk} /mnt/fs && truncate -s 20000001 {path} && '
               ': >/mnt/fs/empty')
    res = server.run('dstctl export add x /mnt/fs/empty', check=False)
    assert res.rc == 1 and 'empty' in res.err, res

    dev = dst_attach(client, dst_export(server, 'e', path))
    assert sectors(client, dev) == 20000001 // 512
    queue = f'/sys/block/{dev[5:]}/queue'
    assert client.sh(f'cd {queue} && cat logical_block_size '
                     'physical_block_size write_cache').split('\n') == [
                         '512', '4096', 'write back']
    # holes read as zero; the last sector; one beyond
    assert peek(client, dev, 4096, 4096) == bytes(4096)
    last = 20000001 // 512 * 512 - 512
    fill(client, dev, 0x4c, last, 512)
    assert peek(client, dev, last) == b'L' * 512
    res = client.run(f'dd if=/dev/zero of={dev} bs=512 count=1 '
                     f'seek={last // 512 + 1} oflag=direct', check=False)
    assert res.rc

    job = fio(client, dev, rw='randrw', bsrange='512-256k', size='8M',
              iodepth=16, verify='crc32c', fdatasync=32, iomem_align=512)
    assert job['error'] == 0
    fill(client, dev, 0x46, 8 << 20, 4096)
    client.run(f'sync -d {dev}')
    assert dst_status(client, dev)['counters']['errors'] == 0
    dst_detach(client, dev)
    dstctl(server, 'export', 'remove', 'e')
    server.run(f'[ $(stat -c %s {path}) = 20000001 ] && umount /mnt/fs && '
               f'mount {disk} /mnt/fs')
    assert peek_file(server, path, 8 << 20) == b'F' * 4096
    assert peek_file(server, path, last)[:512] == b'L' * 512


def peek_file(host, path, offset):
    job = host.spawn(f'tail -c +{offset + 1} {path} | head -c 4096')
    job.wait(30, check=True)
    return job.raw
