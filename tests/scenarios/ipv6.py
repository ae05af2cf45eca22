# SPDX-License-Identifier: GPL-2.0-only
"""IPv6 does all that IPv4 does: listen, allow-list, attach, lose the link and
come back. An address that is not on the list is refused.
"""

from lib import (dst_attach, dst_export, dst_status, dstctl, fio, null_blk,
                 wait_for, wait_state)


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=16)
    listen = [f'[{server.ip6}]:4490']
    dst_export(server, 'no', disk, listen=listen, allow='fd46::/64')
    res = dstctl(client, 'attach', f'[{server.ip6}]/no', '--wait', '2s',
                 check=False)
    assert res.rc == 1 and not res.out, res
    dstctl(server, 'export', 'remove', 'no')
    dst_export(server, 'e', disk, listen=listen, allow='fd45::/64')
    res = dstctl(client, 'attach', f'{server.ip}/e', '--wait', '500ms',
                 check=False)
    assert res.rc == 1, 'served over IPv4 what listens on IPv6 only'

    dev = dst_attach(client, f'[{server.ip6}]/e', '--keepalive', '500ms')
    leg, = dst_status(client, dev)['legs']
    assert leg['target'] == f'[{server.ip6}]:4490/e', leg
    peer, = dst_status(server, 'e')['clients']
    assert client.ip6 in peer['address'], peer
    job = fio(client, dev, rw='randrw', bsrange='512-128k', size='4M',
              iodepth=8, verify='crc32c')
    assert job['error'] == 0
    rig.cut(server)
    wait_for(client, f'grep -q held /sys/block/{dev[5:]}/dst/state')
    rig.restore()
    wait_state(client, dev, 'online')
    job = fio(client, dev, rw='write', bs='64k', size='1M', verify='crc32c')
    assert job['error'] == 0
