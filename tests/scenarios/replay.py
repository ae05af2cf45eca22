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
          ('E', 1024, 4, ''), ('H', 4096, 1024, ''))
ALL_KIB = 8192


def write(dev, byte, offset, length, how):
    return (f'head -c {length}k /dev/zero | tr "\\000" {byte} | dd of={dev} '
            f'bs={length}k oflag=seek_bytes,direct{how} seek={offset * KIB} '
            'iflag=fullblock conv=notrunc status=none')


def expected():
    disk = bytearray(ALL_KIB * KIB)
    for byte, offset, length, _ in WRITES:
        disk[offset * KIB:(offset + length) * KIB] = \
            byte.encode() * length * KIB
    return bytes(disk)


def check(where, found):
    want = expected()
    for i in range(0, len(want), 4 * KIB):
        assert found[i:i + 4 * KIB] == want[i:i + 4 * KIB], \
            f'{where}: at {i // KIB} KiB: {found[i:i + 1]}, not {want[i:i + 1]}'


def run(rig, variant):
    client, server = rig.client, rig.server
    disk = server.lossy_disk
    options = {'ram': ('--ack', 'ram'), 'digest': ('--digest',)}

    server.run(f'dd if=/dev/zero of={disk} bs=1M count={ALL_KIB // KIB} '
               'oflag=direct conv=fsync status=none')
    target = dst_export(server, 'e', disk)
    dev = dst_attach(client, target, *options.get(variant, ()))
    client.run(' && '.join(write(dev, *w) for w in WRITES))
    server.power_off()
    wait_until(lambda: dst_status(client, dev)['state'] == 'held', 60, 'held')
    # what is in RAM can be read meanwhile
    assert peek(client, dev, 4096 * KIB, 64 * KIB) == b'H' * 64 * KIB
    assert dst_status(client, dev)['retained_bytes'] or variant == 'ram'

    server.power_on()
    load(server)
    assert peek(server, disk, 4096 * KIB) == bytes(512), 'nothing was lost'
    assert dst_export(server, 'e', disk) == target
    wait_state(client, dev, 'online', 60)
    counters = dst_status(client, dev)['counters']
    assert counters['errors'] == 0, counters
    if variant != 'ram':
        assert counters['replays'] > 0, counters
        assert logged(client, 'written again')
    check('through the device', peek(client, dev, 0, ALL_KIB * KIB))

    # detaching waits until nothing is left that could be lost
    client.run(f'dstctl detach {dev}')
    server.power_off()
    server.power_on()
    check('on the disk', peek(server, disk, 0, ALL_KIB * KIB))
