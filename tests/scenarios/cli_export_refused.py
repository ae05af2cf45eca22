# SPDX-License-Identifier: GPL-2.0-only
"""An export that cannot be is refused with the reason, and one that is in use
is not pulled away without --force.
"""

from lib import dst_attach, dst_export, dst_status, null_blk


def exports(host):
    return [e['name'] for e in dst_status(host)['exports']]


def refused(host, words, command):
    before = exports(host)
    res = host.run(f'dstctl export {command}', check=False)
    assert res.rc == 1, f'export {command}: exit {res.rc}, {res.err!r}'
    assert words in res.err, f'export {command}: {res.err!r}'
    assert res.err.count('\n') == 1 and res.out == '', res
    assert exports(host) == before


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=16)
    used = null_blk(server, 'ram1', mb=16)

    refused(server, 'no such', 'add a /no/such/file')
    refused(server, 'neither', 'add a /etc')
    refused(server, 'neither', 'add a /dev/null')
    server.run(f'mkfs.ext4 -q {used} && mkdir -p /mnt/used && '
               f'mount {used} /mnt/used')
    refused(server, '', f'add a {used}')
    refused(server, 'address', f'add a {disk} --listen 192.0.2.77')

    target = dst_export(server, 'disk', disk)
    refused(server, 'disk', f'add disk {disk}')
    refused(server, '', f'add again {disk} --listen {server.ip}')
    refused(server, '', 'remove none')

    dst_attach(client, target)
    refused(server, 'client', 'remove disk')
    server.run('dstctl export remove disk --force')
    assert exports(server) == []
    assert dst_status(client, 'dst0')['state'] in ('held', 'online',
                                                   'degraded')
    client.run('dstctl wait dst0 idle --timeout 5s; '
               'dstctl detach dst0 --force')
