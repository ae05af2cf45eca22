# SPDX-License-Identifier: GPL-2.0-only
"""An export that grows or shrinks does so for its client at once, without
attaching again, with a uevent and a kernel log line: a device-mapper device,
a loop device and a file.
"""

from lib import (dm, dm_reload, dst_attach, dst_export, dst_status, fill,
                 logged, loop, monitor_uevents, null_blk, peek, wait_for)

MIB = 1 << 20


def grown(client, dev, size):
    wait_for(client, f'[ $(blockdev --getsize64 {dev}) = {size} ]')
    fill(client, dev, 0x47, size - 4096, 4096)
    assert peek(client, dev, size - 512) == b'G' * 512
    assert peek(client, dev, 0) == b'A' * 512
    assert dst_status(client, dev)['size_bytes'] == size
    assert logged(client, f'{dev[5:]}: size is now {size} bytes')


def run(rig):
    client, server = rig.client, rig.server
    ram = null_blk(server, 'ram0', mb=64)
    other = null_blk(server, 'ram1', mb=64)
    mapped = dm(server, 'grow', f'0 32768 linear {ram} 0')
    looped, image = loop(server, 'img', mb=16)
    path = '/mnt/fs/file'
    server.run(f'mkfs.ext4 -q {other} && mkdir -p /mnt/fs && '
               f'mount {other} /mnt/fs && truncate -s 16M {path}')
    devs = []
    for name, disk in (('dm', mapped), ('loop', looped), ('file', path)):
        devs.append(dst_attach(client, dst_export(server, name, disk)))
        fill(client, devs[-1], 0x41, 0, 4096)
    monitor = monitor_uevents(client)

    dm_reload(server, 'grow', f'0 65536 linear {ram} 0')
    server.run(f'truncate -s 24M {image} && losetup -c {looped} && '
               f'truncate -s 48M {path}')
    grown(client, devs[0], 32 * MIB)
    grown(client, devs[1], 24 * MIB)
    grown(client, devs[2], 48 * MIB)

    server.run(f'truncate -s 12M {path}')
    grown(client, devs[2], 12 * MIB)
    res = client.run(f'dd if={devs[2]} bs=512 skip=24576 count=1 '
                     'iflag=direct', check=False)
    assert not res.out, 'read beyond the end'
    monitor.kill()
    events = monitor.wait(10).out
    for dev in devs:
        assert any('RESIZE=1' in e and f'DEVNAME={dev}' in e
                   for e in events.split('\n\n')), (dev, events)
