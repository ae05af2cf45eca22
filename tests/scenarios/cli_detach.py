# SPDX-License-Identifier: GPL-2.0-only
"""detach refuses a device that is in use and names what uses it; --force does
not ask; udev links lead to the device and vanish with it.
"""

import os

from lib import dst_attach, dst_export, dst_status, null_blk, wait_for

RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     '../../tools/udev/60-dst.rules')


def refused(host, words):
    res = host.run('dstctl detach dst0', check=False)
    assert res.rc == 1 and res.err.count('\n') == 1, res
    for word in words:
        assert word in res.err, res.err


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=64)
    target = dst_export(server, 'some.disk', disk)
    with open(RULES, encoding='utf-8') as rules:
        client.run('mkdir -p /run/udev/rules.d && '
                   'cat >/run/udev/rules.d/60-dst.rules',
                   stdin=rules.read())
    client.run('/lib/systemd/systemd-udevd --daemon')
    rig.defer(client.run, 'pkill -x systemd-udevd; true')

    dev = dst_attach(client, target)
    link = '/dev/disk/by-dst/some.disk'
    client.run('printf ",16M\\n,\\n" | sfdisk -q /dev/dst0')
    wait_for(client, f'[ -b {link}-part1 ] && [ -b {link}-part2 ]')
    assert client.sh(f'readlink -f {link}') == dev
    assert client.sh(f'readlink -f {link}-part2') == '/dev/dst0p2'
    uuid = dst_status(client, 'dst0')['legs'][0]['export_uuid']
    info = client.sh(f'udevadm info -q property {dev}')
    assert f'ID_SERIAL={uuid}' in info, info
    assert client.sh(f'readlink -f /dev/disk/by-id/dst-{uuid}') == dev

    client.run('mkfs.ext4 -q /dev/dst0p1 && mkdir -p /mnt/p1 && '
               'mount /dev/dst0p1 /mnt/p1')
    refused(client, ['in use', 'mounted on /mnt/p1'])
    client.run('umount /mnt/p1 && mkswap -q /dev/dst0p2 2>/dev/null && '
               'swapon /dev/dst0p2')
    refused(client, ['/dev/dst0p2 is swap'])
    client.run('swapoff /dev/dst0p2')
    job = client.spawn('exec sleep 1000 </dev/dst0')
    wait_for(client, 'pgrep -x sleep')
    refused(client, ['(sleep) has it open'])
    job.kill()
    client.run('udevadm settle')
    client.run(f'dstctl detach {link}')
    assert dst_status(client)['devices'] == []
    client.run('udevadm settle')
    wait_for(client, f'! [ -e {link} ] && ! [ -e {link}-part1 ]')

    # by force though it is mounted and the server is gone
    dev = dst_attach(client, target)
    wait_for(client, '[ -b /dev/dst0p1 ]')
    client.run('mount /dev/dst0p1 /mnt/p1')
    rig.cut(server)
    client.run('dstctl detach dst0 --force', timeout=30)
    assert dst_status(client)['devices'] == []
