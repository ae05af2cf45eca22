# SPDX-License-Identifier: GPL-2.0-only
"""Two clients with two devices each on one server, all under load at once:
nothing of one reaches another, and taking one away disturbs no other.
"""

from lib import (dst_attach, dst_detach, dst_export, dst_status, fio_result,
                 fio_start, null_blk, peek)

CLIENTS = 2
OTHER = 'DST_INITIATOR=6d0e1f52-934b-4a0d-8e17-5b2cd470aa31 '


def run(rig):
    client, other = rig.clients
    server = rig.server
    disks = [null_blk(server, f'ram{i}', mb=16) for i in range(4)]
    targets = [dst_export(server, f'e{i}', disk, '--workers', '2')
               for i, disk in enumerate(disks)]
    devs = [dst_attach(client, t) for t in targets[:2]]
    devs += [other.sh(f'{OTHER}dstctl attach {t}') for t in targets[2:]]
    assert sorted(devs) == [f'/dev/dst{i}' for i in range(4)], devs

    jobs = [fio_start((client, client, other, other)[i], dev, rw='randwrite',
                      bsrange='512-32k', size='1M', iodepth=8,
                      verify='pattern', verify_pattern=f'0x{i + 1}{i + 1}')
            for i, dev in enumerate(devs)]
    for job in jobs:
        assert fio_result(job)['error'] == 0
    for i, disk in enumerate(disks):
        peer, = dst_status(server, f'e{i}')['clients']
        host = client if i < 2 else other
        assert peer['address'].startswith(host.ip), peer
        assert peer['mode'] == 'rw'
        left = server.sh(f'dd if={disk} bs=1M count=1 iflag=direct '
                         f'status=none | tr -d "\\{0x11 * (i + 1):03o}" | '
                         'wc -c')
        assert left == '0', f'{left} bytes of another on {disk}'

    job = fio_start(client, devs[1], rw='randwrite', size='2M', iodepth=8,
                    verify='crc32c')
    dst_detach(client, devs[0])
    server.run('dstctl export remove e3 --force; dstctl export remove e0')
    assert fio_result(job)['error'] == 0
    assert peek(other, devs[2], 0) == b'\x33' * 512
    names = [e['name'] for e in dst_status(server)['exports']]
    assert sorted(names) == ['e1', 'e2'], names
