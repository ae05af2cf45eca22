# SPDX-License-Identifier: GPL-2.0-only
"""The rig does what the other scenarios take for granted.

A link is cut one way or both ways and restored; a disk without a volatile
cache keeps all over a power cut, one with a cache loses what was not
flushed. If this fails, believe no other result.
"""

from lib import fill, peek, wait_until

NODES = 2
MODULE = False


def reaches(a, b):
    return a.ok(f'ping -c 1 -W 1 {b.ip}')


def run(rig):
    a, b = rig.client, rig.server

    wait_until(lambda: reaches(a, b), 30, 'nodes see each other')
    rig.cut(a, b, oneway=True)
    assert not reaches(a, b)
    rig.restore()
    wait_until(lambda: reaches(a, b), 30, 'restored')
    rig.cut(b)
    assert not reaches(a, b)
    rig.restore()
    wait_until(lambda: reaches(a, b), 30, 'restored')

    fill(b, b.disk, 0x41, 0, 4096)
    fill(b, b.lossy_disk, 0x42, 0, 4096)
    b.run(f'sync -d {b.lossy_disk}')
    fill(b, b.lossy_disk, 0x43, 65536, 4096)
    fill(b, b.lossy_disk, 0x44, 0, 4096)
    b.power_off()
    assert not reaches(a, b)
    b.power_on()
    wait_until(lambda: reaches(a, b), 30, 'back after the power cut')
    assert peek(b, b.disk, 0) == b'A' * 512
    assert peek(b, b.lossy_disk, 0) == b'B' * 512
    assert peek(b, b.lossy_disk, 65536) != b'C' * 512
