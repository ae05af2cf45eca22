# SPDX-License-Identifier: GPL-2.0-only
"""apply makes the machine match a file, does nothing the second time, and
changes nothing at all if it cannot do everything; --stop takes all down.
"""

from lib import dst_status, fill, null_blk, peek


def run(rig):
    node = rig.client
    disk = null_blk(node, 'ram0', mb=16)
    other = null_blk(node, 'ram1', mb=16)

    def apply(text, rc=0):
        node.write('/tmp/dst.conf', text)
        res = node.run('dstctl apply /tmp/dst.conf', check=False, timeout=60)
        assert res.rc == rc, res
        return res

    export = f'[export disk]\npath = {disk}\nlisten = 127.0.0.1\n'
    device = '[device dst2]\ntarget = 127.0.0.1/disk\n'

    res = apply(export + device)
    assert res.out == 'export disk added\ndevice dst2 attached\n', res
    fill(node, '/dev/dst2', 0x41, 0, 4096)
    before = dst_status(node)
    assert apply(export + device).out == ''
    after = dst_status(node)
    assert after['exports'][0]['boot_id'] == before['exports'][0]['boot_id']
    assert after['devices'][0]['epoch'] == before['devices'][0]['epoch']

    live = (export + 'workers = 3\nallow = 127.0.0.0/8=rw\n' + device
            + 'ack = disk\nkeepalive = 3s\n')
    res = apply(live)
    assert res.out == 'export disk changed\ndevice dst2 changed\n', res
    assert apply(live).out == ''
    d, e = dst_status(node, 'dst2'), dst_status(node, 'disk')
    assert d['ack'] == 'disk' and d['keepalive_ms'] == 3000, d
    assert e['workers'] == 3 and e['allow'] == ['127.0.0.0/8=rw'], e

    new = f'[export new]\npath = {other}\nlisten = 127.0.0.1:4491\n'
    for text, words in (
            (new + f'[export disk]\npath = {other}\nlisten = 127.0.0.1\n',
             ":4: 'path' differs"),
            (new + export + 'ro = yes\n', ":4: 'ro' differs"),
            (new + '[device dst2]\ntarget = 127.0.0.1/new\n',
             ":4: 'target' differs"),
            (new + '[device dst3]\ntarget = 127.0.0.1/disk\n', 'as dst2'),
            (new + '[export bad]\npath = /no/such\n', ':4: /no/such'),
            (new + 'bogus = 1\n', ":4: 'bogus' is no key")):
        res = apply(text, rc=1)
        assert words in res.err and res.out == '', res
        assert len(dst_status(node)['exports']) == 1

    # what is not in the file stays; what is in use is not taken down
    assert apply(new).out == 'export new added\n'
    assert dst_status(node, 'dst2')['state'] == 'online'
    node.run('mkfs.ext4 -q /dev/dst2 && mkdir -p /mnt/a && '
             'mount /dev/dst2 /mnt/a')
    res = node.run('dstctl apply --stop', check=False)
    assert res.rc == 1 and '/mnt/a' in res.err, res
    assert dst_status(node, 'dst2')['state'] == 'online'
    node.run('umount /mnt/a && dstctl apply --stop && dstctl apply --stop')
    assert dst_status(node) == {'devices': [], 'exports': []}
    # the magic of ext4 is on the disk that was exported
    assert peek(node, disk, 1024)[56:58] == b'\x53\xef'
