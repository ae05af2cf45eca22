# SPDX-License-Identifier: GPL-2.0-only
"""What the server acknowledged, or what ended in our RAM, is there after the
server lost its power and with it the cache of its disk: nothing had flushed it.

Blocks written twice hold the newer data; a durable write (FUA) over an older
one that was not durable is not undone by the replay of that.
"""

from lib import (dst_attach, dst_export, dst_status, load, logged, peek,
                 wait_state, wait_until)

NODES = 2
VARIANTS = ('server', 'ram', 'digest')
KIB = 1024

# byte, offset in KiB, length in KiB, how
WRITES = (('F', 2048, 16, ''), ('G', 2052, 4, ',dsync'), ('A', 0, 256, ''),
          ('B', 64, 64, ''), ('C', 96, 64, ''), ('D', 1024, 4, ''),
          ('E', 1024, 4, ''))
# the one that has to be lost: once more, elsewhere, if a flush was faster
LAST = tuple(('H', 4096 + 1024 * i, 1024, '') for i in range(4))
ALL_KIB = 8192


def write(dev, byte, offset, length, how):
    return (f'seq -f {byte}%.0f 1 {length * KIB} | head -c {length}k | '
            f'dd of={dev} bs={length}k oflag=seek_bytes,direct{how} '
            f'seek={offset * KIB} iflag=fullblock conv=notrunc status=none')


def data(byte, length):
    lines = ''.join(f'{byte}{i}\n' for i in range(1, length * KIB))
    return lines.encode()[:length * KIB]


def expected(writes):
    disk = bytearray(ALL_KIB * KIB)
    for byte, offset, length, _ in writes:
        disk[offset * KIB:(offset + length) * KIB] = \
            data(byte, length)
    return bytes(disk)


def check(where, found, writes):
    want = expected(writes)
    for i in range(0, len(want), 4 * KIB):
        assert found[i:i + 4 * KIB] == want[i:i + 4 * KIB], \
            f'{where}: at {i // KIB} KiB: {found[i:i + 9]}, not {want[i:i + 9]}'


def lose(rig, dev, target, last):
    """Cut the server's power after a write. Return: did its disk lose it?"""
    client, server = rig.client, rig.server
    disk = server.lossy_disk
    offset = last[1] * KIB

    client.run(write(dev, *last))
    server.power_off()
    wait_until(lambda: dst_status(client, dev)['state'] == 'held', 60, 'held')
    # what is in RAM can be read meanwhile
    for part in (0, 68 * KIB, 1004 * KIB):
        assert peek(client, dev, offset + part, 12 * KIB) == \
            data('H', 1024)[part:part + 12 * KIB], part
    server.power_on()
    load(server)
    lost = peek(server, disk, offset) == bytes(512)
    assert dst_export(server, 'e', disk) == target
    wait_state(client, dev, 'online', 60)
    return lost


def run(rig, variant):
    client, server = rig.client, rig.server
    disk = server.lossy_disk
    options = {'ram': ('--ack', 'ram'), 'digest': ('--digest',)}
    writes = list(WRITES)

    server.run(f'dd if=/dev/zero of={disk} bs=1M count={ALL_KIB // KIB} '
               'oflag=direct conv=fsync status=none')
    target = dst_export(server, 'e', disk)
    dev = dst_attach(client, target, *options.get(variant, ()))
    client.run(' && '.join(write(dev, *w) for w in WRITES))
    for last in LAST:
        writes.append(last)
        if lose(rig, dev, target, last):
            break
    else:
        raise AssertionError('nothing was lost')
    counters = dst_status(client, dev)['counters']
    assert counters['errors'] == 0, counters
    if variant != 'ram':
        assert counters['replays'] > 0, counters
        assert logged(client, 'written again')
    check('through the device', peek(client, dev, 0, ALL_KIB * KIB), writes)

    # detaching waits until nothing is left that could be lost
    client.run(f'dstctl detach {dev}')
    server.power_off()
    server.power_on()
    check('on the disk', peek(server, disk, 0, ALL_KIB * KIB), writes)
