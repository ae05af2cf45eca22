# SPDX-License-Identifier: GPL-2.0-only
"""A file system on a device keeps a real tree: made, filled, unmounted,
checked, mounted again, every byte and name is as it was, and so it is on the
server's own disk once the device is gone.

The server's disk has a volatile cache, so the journal's flushes and FUA
writes are part of it.
"""

from lib import dst_attach, dst_detach, dst_export, dst_status, dstctl, null_blk

VARIANTS = ('ext4', 'xfs', 'btrfs')

MKFS = {'ext4': 'mkfs.ext4 -q', 'xfs': 'mkfs.xfs -q', 'btrfs': 'mkfs.btrfs -q'}
FSCK = {'ext4': 'e2fsck -fn', 'xfs': 'xfs_repair -n',
        'btrfs': 'btrfs check --readonly'}
SUMS = ('{ find . -type f -print0 | sort -z | xargs -0 sha256sum; '
        'find . -printf "%m %s %y %p %l\\n" | grep -v " d " | sort; }')


def run(rig, variant):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=320, cache_mb=16)
    dev = dst_attach(client, dst_export(server, 'e', disk))

    client.run(f'modprobe {variant} 2>/dev/null; mkdir -p /mnt/a && '
               f'{MKFS[variant]} {dev} && mount {dev} /mnt/a && '
               'tar -C /usr/src -cf /tmp/tree.tar '
               '$(cd /usr/src && ls -d linux-headers-6.*-common/include/crypto'
               ' | tail -1)', timeout=90)
    client.run('cd /mnt/a && tar -xf /tmp/tree.tar && ln -s a b && '
               'head -c 9M /dev/urandom >big && '
               'dd if=/dev/urandom of=direct bs=128k count=16 oflag=direct '
               'status=none && mv big bigger', timeout=60)
    want = client.sh(f'cd /mnt/a && sync -f . && tar -df /tmp/tree.tar && '
                     f'{SUMS} | tee /tmp/want', timeout=60)
    assert want.count('.h ') > 50, len(want)
    client.run(f'umount /mnt/a && {FSCK[variant]} {dev}', timeout=60)
    client.run(f'mount {dev} /mnt/a && cd /mnt/a && {SUMS} | '
               'cmp - /tmp/want && cd / && umount /mnt/a', timeout=60)

    counters = dst_status(client, dev)['counters']
    assert counters['flushes'] > 0 and counters['errors'] == 0, counters
    dst_detach(client, dev)
    dstctl(server, 'export', 'remove', 'e')
    server.run(f'mount -o ro {disk} /mnt/a && cd /mnt/a && {SUMS} | '
               'cmp - /tmp/want', timeout=60)
