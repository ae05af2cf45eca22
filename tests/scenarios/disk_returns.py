# SPDX-License-Identifier: GPL-2.0-only
"""The server's disk is taken away under load and comes back, without the data
that it had in its cache: clients wait for it, see no error, and find all that
they had written. A disk of another size in its place is left alone.
"""

from lib import (dst_attach, dst_export, dst_status, fill, null_blk, peek,
                 wait_for, wait_state, wait_until)

KERNELS = ('6.1', '6.12')       # the debug kernel has no scsi_debug
MB = 16
LINK = '/tmp/disk'
DRIVER = '/sys/bus/pseudo/drivers/scsi_debug/adapter0/host*'


def find(server):
    """The name of the disk, once it is there."""
    server.run(f'echo "- - -" | tee {DRIVER}/scsi_host/*/scan >/dev/null')
    wait_for(server, f'[ -b /dev/$(ls {DRIVER}/target*/*/block) ]')
    return server.sh(f'ls {DRIVER}/target*/*/block')


def point(server, path):
    server.run(f'ln -sfn {path} {LINK}.new && mv -T {LINK}.new {LINK}')


def run(rig):
    client, server = rig.client, rig.server

    server.run(f'modprobe sd_mod && modprobe scsi_debug dev_size_mb={MB} delay=0')
    rig.defer(server.run, 'dstctl export remove e --force; '
              'modprobe -r scsi_debug')
    disk = find(server)
    point(server, '/dev/' + disk)
    dev = dst_attach(client, dst_export(server, 'e', LINK))
    boot_id = dst_status(server, 'e')['boot_id']
    fill(client, dev, 0x41, 0, 64 << 10)
    assert dst_status(client, dev)['retained_bytes'], 'it has no cache'

    server.run(f'rm {LINK} && echo 1 >/sys/block/{disk}/device/delete')
    job = client.spawn(f'head -c 4k /dev/zero | tr "\\000" B | dd of={dev} '
                       'bs=4k oflag=direct,dsync seek=1 status=none')
    wait_until(lambda: dst_status(client, dev)['state'] == 'held', what='held')
    assert dst_status(server, 'e')['state'] == 'offline'
    wait_until(lambda: 'disk of the server has gone' in
               dst_status(client, dev)['why'], what='the client knows')

    point(server, null_blk(server, 'ram0', mb=2 * MB))
    wait_until(lambda: 'is another' in dst_status(server, 'e')['why'],
               what='the other disk is seen')
    assert not job.done()

    disk = '/dev/' + find(server)
    server.run(f'dd if=/dev/zero of={disk} bs=64k count=1 oflag=direct '
               'status=none')
    point(server, disk)
    wait_state(client, dev, 'online')
    job.wait(30, check=True)
    status = dst_status(client, dev)
    assert status['counters']['errors'] == 0, status
    assert status['counters']['replays'] > 0, status
    assert dst_status(server, 'e')['boot_id'] != boot_id
    want = b'A' * 4096 + b'B' * 4096 + b'A' * (56 << 10)
    assert peek(client, dev, 0, 64 << 10) == want
    assert peek(server, disk, 0, 64 << 10) == want
