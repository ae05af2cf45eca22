# SPDX-License-Identifier: GPL-2.0-only
"""The server's disk is taken away under load and comes back, without the data
that it had in its cache: clients wait for it, see no error, and find all that
they had written.

known: the disk tells who it is. Another one in its place is left alone, and
the right one is used at once. unknown: it tells nothing, so that the export has
to be added again by hand.
"""

from lib import (dst_attach, dst_export, dst_status, dstctl, fill, null_blk,
                 peek, wait_for, wait_state, wait_until)

VARIANTS = ('known', 'unknown')
MB = 16
LINK = '/tmp/disk'
DRIVER = '/sys/bus/pseudo/drivers/scsi_debug/adapter0/host*'
WANT = b'A' * 4096 + b'B' * 4096 + b'A' * (56 << 10)


class Known:
    """A SCSI disk, that has an identity."""

    def __init__(self, rig, server):
        self.server = server
        server.run('modprobe sd_mod && '
                   f'modprobe scsi_debug dev_size_mb={MB} delay=0')
        rig.defer(server.run, 'dstctl export remove e --force; '
                  'modprobe -r scsi_debug')
        self.add()

    def add(self):
        self.server.run(f'echo "- - -" | tee {DRIVER}/scsi_host/*/scan '
                        '>/dev/null')
        wait_for(self.server, f'[ -b /dev/$(ls {DRIVER}/target*/*/block) ]')
        self.name = self.server.sh(f'ls {DRIVER}/target*/*/block')

    def remove(self):
        self.server.run(f'echo 1 >/sys/block/{self.name}/device/delete')


class Unknown:
    """A disk without."""

    def __init__(self, _, server):
        self.server, self.name = server, 'ram0'
        null_blk(server, self.name, mb=MB, cache_mb=8)

    def power(self, on):
        self.server.run(f'echo {on} >/sys/kernel/config/nullb/ram0/power')

    def add(self):
        self.power(1)

    def remove(self):
        self.power(0)


def point(server, path):
    server.run(f'ln -sfn {path} {LINK}.new && mv -T {LINK}.new {LINK}')


def why(server, text):
    wait_until(lambda: text in dst_status(server, 'e')['why'], what=text)


def come_back(disk, server):
    """Without what it had in its cache."""
    disk.add()
    server.run(f'dd if=/dev/zero of=/dev/{disk.name} bs=64k count=1 '
               'oflag=direct status=none')
    point(server, '/dev/' + disk.name)


def run(rig, variant):
    client, server = rig.client, rig.server

    disk = (Known if variant == 'known' else Unknown)(rig, server)
    point(server, '/dev/' + disk.name)
    target = dst_export(server, 'e', LINK)
    dev = dst_attach(client, target)
    boot_id = dst_status(server, 'e')['boot_id']
    fill(client, dev, 0x41, 0, 64 << 10)
    assert dst_status(client, dev)['retained_bytes'], 'it has no cache'

    server.run(f'rm {LINK}')
    disk.remove()
    job = client.spawn(f'head -c 4k /dev/zero | tr "\\000" B | dd of={dev} '
                       'bs=4k oflag=direct,dsync seek=1 status=none')
    wait_until(lambda: dst_status(client, dev)['state'] == 'held', what='held')
    assert dst_status(server, 'e')['state'] == 'offline'
    wait_until(lambda: 'disk of the server has gone' in
               dst_status(client, dev)['why'], what='the client knows')

    if variant == 'known':
        point(server, null_blk(server, 'ram0', mb=MB))
        why(server, 'is another')
        assert not job.done()
        come_back(disk, server)
    else:
        why(server, 'tells nothing')
        come_back(disk, server)
        dstctl(server, 'export', 'remove', 'e', '--force')
        dst_export(server, 'e', LINK)
    wait_state(client, dev, 'online')
    job.wait(30, check=True)
    status = dst_status(client, dev)
    assert status['counters']['errors'] == 0, status
    assert status['counters']['replays'] > 0, status
    assert dst_status(server, 'e')['boot_id'] != boot_id
    assert peek(client, dev, 0, 64 << 10) == WANT
    assert peek(server, '/dev/' + disk.name, 0, 64 << 10) == WANT
