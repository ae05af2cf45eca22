# SPDX-License-Identifier: GPL-2.0-only
"""Partitions appear when they are made and when the device is attached again,
carry a file system, and I/O to one stays in it. Both MBR and GPT (whose copy
lies in the last sectors).
"""

from lib import (dst_attach, dst_detach, dst_export, fill, null_blk, peek,
                 wait_for)


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=64)
    target = dst_export(server, 'e', disk)
    dev = dst_attach(client, target)

    client.run(f'printf "label: gpt\\n,16M\\n,\\n" | sfdisk -q {dev}')
    wait_for(client, f'[ -b {dev}p1 ] && [ -b {dev}p2 ]')
    client.run(f'mkfs.ext4 -q {dev}p1 && mkdir -p /mnt/a && '
               f'mount {dev}p1 /mnt/a && head -c 1M /dev/urandom >/mnt/a/x && '
               'sha256sum /mnt/a/x >/tmp/sum && umount /mnt/a')
    fill(client, dev + 'p2', 0x43, 0, 8192)
    sector = int(client.sh(f'cat /sys/block/{dev[5:]}/{dev[5:]}p2/start'))
    assert sector == 2048 + 32768
    res = client.run(f'dd if=/dev/zero of={dev}p1 bs=512 count=1 seek=32768 '
                     'oflag=direct', check=False)
    assert res.rc, 'wrote beyond the end of a partition'
    assert peek(client, dev, sector * 512, 512) == b'C' * 512

    dst_detach(client, dev)
    wait_for(client, f'! [ -e {dev}p1 ]')
    assert peek(server, disk, sector * 512, 8192) == b'C' * 8192
    dev = dst_attach(client, target)
    client.run(f'[ -b {dev}p1 ] && [ -b {dev}p2 ] && sfdisk -q -V {dev} && '
               f'mount {dev}p1 /mnt/a && sha256sum -c --status /tmp/sum && '
               'umount /mnt/a')
    assert peek(client, dev + 'p2', 4096) == b'C' * 512

    client.run(f'printf "label: dos\\n,8M\\n,8M\\n,8M\\n,\\n" | '
               f'sfdisk -q --wipe always {dev}')
    wait_for(client, f'[ -b {dev}p4 ] && [ -b {dev}p1 ]')
    fill(client, dev + 'p4', 0x44, 0, 4096)
    assert peek(client, dev + 'p4', 0) == b'D' * 512
    client.run(f'partx -d {dev} && ! [ -e {dev}p1 ]')
