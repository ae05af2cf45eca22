# SPDX-License-Identifier: GPL-2.0-only
"""A device works with one lane, with the 16 there may be at most, and with a
digest over all data; every lane that was asked for is live and carries I/O.

With a digest, pages must not change while they are under way: the device says
so to file systems.
"""

from lib import dst_attach, dst_detach, dst_export, dst_status, fio, null_blk


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=64)
    target = dst_export(server, 'e', disk)
    for lanes, digest in ((1, False), (4, True), (16, False)):
        dev = dst_attach(client, target, '--lanes', str(lanes),
                         *(['--digest'] if digest else []))
        leg, = dst_status(client, dev)['legs']
        assert [lane['state'] for lane in leg['lanes']] == ['live'] * lanes
        peer, = dst_status(server, 'e')['clients']
        assert peer['lanes'] == lanes, peer
        stable = client.sh(f'cat /sys/block/{dev[5:]}/queue/stable_writes')
        assert stable == str(int(digest)), (stable, digest)
        job = fio(client, dev, rw='randrw', bsrange='512-128k', size='1M',
                  iodepth=16, verify='crc32c', numjobs=2,
                  offset_increment='16M')
        assert job['error'] == 0
        if digest:
            client.run(f'mkfs.ext4 -q {dev} && mkdir -p /mnt/a && '
                       f'mount {dev} /mnt/a')
            # pages that are written to while they are on their way
            job = fio(client, '/mnt/a/f', ioengine='mmap', rw='randwrite',
                      bs='4k', size='1M', io_size='3M', direct=0,
                      sync_file_range='write:64')
            assert job['error'] == 0
            client.run('umount /mnt/a && e2fsck -fn ' + dev)
        counters = dst_status(client, dev)['counters']
        assert counters['errors'] == counters['reconnects'] == 0, counters
        dst_detach(client, dev)
