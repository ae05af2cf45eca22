# SPDX-License-Identifier: GPL-2.0-only
"""A device can be attached, written, read, flushed and detached, and what was
written is on the server's disk. The smallest use of DST there is."""

from lib import (dst_attach, dst_detach, dst_export, dst_status, fill, fio,
                 null_blk, peek, sectors)


def run(rig):
    client, server = rig.client, rig.server

    disk = null_blk(server, 'ram0', mb=64)
    dev = dst_attach(client, dst_export(server, 'e', disk))
    assert sectors(client, dev) == sectors(server, disk)

    status = dst_status(client, dev)
    assert status['state'] == 'online', status
    assert status['size_bytes'] == 64 << 20, status

    fill(client, dev, 0x41, 0, 8192)
    assert peek(client, dev, 4096) == b'A' * 512
    client.run(f'sync -d {dev}')
    assert peek(server, disk, 4096) == b'A' * 512, 'not on the server'
    last = (64 << 20) - 512
    fill(client, dev, 0x5a, last, 512)
    assert peek(client, dev, last) == b'Z' * 512

    job = fio(client, dev, rw='randwrite', bs='4k', size='8M', iodepth=16,
              verify='crc32c', fsync=64)
    assert job['error'] == 0
    dst_detach(client, dev)
    assert not dst_status(client)['devices']
