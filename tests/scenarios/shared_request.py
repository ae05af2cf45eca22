# SPDX-License-Identifier: GPL-2.0-only
"""Small writes that end in RAM and lie behind each other go to the server in
few requests; and where one of them can't be written, it alone is lost.
"""

from lib import (dm, dst_attach, dst_export, dst_status, dstctl, fill, null_blk,
                 peek, sectors, wait_until)

VARIANTS = ('plain', 'digest')
BAD = 40            # in units of 4 KiB
NR = 256


def run(rig, variant):
    client, server = rig.client, rig.server

    ram = null_blk(server, 'ram0', mb=16, cache_mb=8)
    n = sectors(server, ram)
    disk = dm(server, 'hole',
              f'0 {BAD * 8} linear {ram} 0\n{BAD * 8} 8 error\n'
              f'{BAD * 8 + 8} {n - BAD * 8 - 8} linear {ram} {BAD * 8 + 8}')
    options = ('--digest',) if variant == 'digest' else ()
    dev = dst_attach(client, dst_export(server, 'e', disk), '--ack', 'ram',
                     '--lanes', '1', *options)
    fill(client, dev, 0x41, 1 << 20, NR * 4096)
    wait_until(lambda: not dst_status(client, dev)['in_flight'], 10, 'acked')
    done = dst_status(server, 'e')['counters']
    assert done['write_bytes'] >= NR * 4096, done
    assert done['writes'] < NR // 2, done
    assert dst_status(client, dev)['counters']['resends'] == 0

    # at once, so that they are queued together
    client.run(f'head -c 512k /dev/zero | tr "\\000" B | dd of={dev} bs=4k '
               'iflag=fullblock oflag=direct conv=notrunc status=none')
    res = client.run(f'sync {dev}', check=False)
    assert res.rc, 'the loss was not told'
    dstctl(client, 'wait', dev, 'idle', '--timeout', '30')
    status = dst_status(client, dev)
    assert status['lost_bytes'] == 4096, status
    # of the write, and of the flush
    assert status['counters']['errors'] == 2, status
    want = b'B' * (512 << 10)
    found = bytearray(peek(server, ram, 0, 512 << 10))
    assert found[BAD * 4096:BAD * 4096 + 4096] == bytes(4096)
    found[BAD * 4096:BAD * 4096 + 4096] = b'B' * 4096
    assert found == want, 'others were lost with it'
    assert peek(server, ram, 1 << 20, NR * 4096) == b'A' * NR * 4096
