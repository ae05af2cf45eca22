# SPDX-License-Identifier: GPL-2.0-only
"""Writes of the same blocks that are under way at once end up one after the
other, never mixed, over whatever lanes they go; and no reader sees a sector
older than a write that was acknowledged before it asked (P3, P4).

Also while the lanes are of different speed and one is lost in between.
"""

from lib import dst_attach, dst_export, dst_status, fio, null_blk, wait_until


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=64)
    dev = dst_attach(client, dst_export(server, 'e', disk), '--lanes', '4')
    client.run(f'overlap {dev} 150', timeout=60)

    client.netem('delay 2ms 2ms')
    job = client.spawn(f'overlap {dev} 100')

    def writes():
        return dst_status(client, dev)['counters']['writes']
    before = writes()
    wait_until(lambda: writes() > before + 20, 30, 'writes')
    client.run(f'ss -K dst {server.ip} dport = 4490')
    job.wait(90, check=True)
    counters = dst_status(client, dev)['counters']
    assert counters['reconnects'] > 0 and counters['errors'] == 0, counters
    client.netem(None)

    # many sizes in one small place, some across others
    job = fio(client, dev, rw='randwrite', bsrange='512-64k', size='256k',
              io_size='8M', iodepth=32, numjobs=2, norandommap=None,
              offset='1M')
    assert job['error'] == 0
    client.run(f'dd if={dev} bs=1M count=2 iflag=direct status=none | sha256sum'
               f' >/tmp/a; dd if={disk} bs=1M count=2 iflag=direct status=none '
               '| sha256sum | cmp - /tmp/a')
