# SPDX-License-Identifier: GPL-2.0-only
"""Client and server as namespaces of one node: links cut and restored,
delay, and the devices that other scenarios export."""

from lib import dm, fill, fio, loop, null_blk, peek, wait_until

MODULE = False


def reaches(a, b, addr='ip'):
    return a.ok(f'ping -c 1 -W 1 {getattr(b, addr)}')


def run(rig):
    client, server = rig.client, rig.server

    wait_until(lambda: reaches(client, server), 30)
    wait_until(lambda: reaches(client, server, 'ip6'), 30)
    rig.cut(client, server, oneway=True)
    assert not reaches(client, server)
    assert not reaches(client, server, 'ip6')
    rig.restore()
    assert reaches(client, server)
    rig.cut(server)
    assert not reaches(client, server)
    rig.restore()
    wait_until(lambda: reaches(client, server), 30)

    ram = null_blk(server, 'ram0', mb=32)
    delayed = dm(server, 'slow', '0 65536 delay ' + ram + ' 0 0')
    dev, path = loop(server, 'file', mb=16)
    for disk in (ram, delayed, dev):
        fill(server, disk, 0x55, 4096, 8192)
        assert peek(server, disk, 8192) == b'U' * 512
    job = fio(server, delayed, rw='randrw', size='4M', verify='crc32c',
              iodepth=8)
    assert job['error'] == 0
    assert server.read(path)[4096:4100] == 'UUUU'
