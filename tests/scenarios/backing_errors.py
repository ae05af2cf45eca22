# SPDX-License-Identifier: GPL-2.0-only
"""An error of the server's disk reaches the caller, as the error that it is.

A bad range (dm-error) and a disk that refuses writes for a while (dm-flakey)
give EIO, also to fsync of what was written through the page cache; a medium
error gives ENODATA, as it does without DST. What is next to it works, the
connection stays, and both ends count.

impatient: an io-timeout shorter than the time for which the server keeps an
error back, to see whether the disk has gone, only costs a connection.
"""

from lib import (Skip, dm, dm_reload, dst_attach, dst_export, dst_status,
                 fill, null_blk, peek, sectors, wait_for)

VARIANTS = ('range', 'writes', 'medium', 'impatient')
MB = 16


def errors(host, words, command):
    res = host.run(command, check=False, timeout=60)
    assert res.rc and words in res.err, f'{command}: {res}'


def write(dev, sector, flags='oflag=direct'):
    return (f'dd if=/dev/zero of={dev} bs=512 seek={sector} count=8 '
            f'conv=notrunc,fsync {flags}')


def read(dev, sector):
    return f'dd if={dev} of=/dev/null bs=4096 skip={sector // 8} count=1 ' \
           'iflag=direct'


def medium(client, server):
    if not server.ok('modprobe sd_mod && modprobe scsi_debug dev_size_mb=16'):
        raise Skip('this kernel has no scsi_debug')
    find = 'ls /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block'
    wait_for(server, f'd=$({find}) && [ -b /dev/$d ]')
    disk = '/dev/' + server.sh(find)
    client.rig.expect_report('I/O error, dev sd|critical medium error')
    dev = dst_attach(client, dst_export(server, 'e', disk))
    # sectors 0x1234 to 0x123d can't be read
    server.run('echo 2 >/sys/bus/pseudo/drivers/scsi_debug/opts')
    errors(client, 'No data available', read(dev, 0x1238))
    client.run(read(dev, 0))
    client.run(f'dstctl detach {dev}')
    server.run('dstctl export remove e && rmmod scsi_debug')


def impatient(client, server):
    ram = null_blk(server, 'ram0', mb=MB)
    n = sectors(server, ram)
    disk = dm(server, 'disk', f'0 {n} linear {ram} 0')
    dev = dst_attach(client, dst_export(server, 'e', disk), '--io-timeout',
                     '200ms')
    dm_reload(server, 'disk', f'0 {n} error')
    for command in read(dev, 0), write(dev, 8), write(dev, 16):
        errors(client, 'Input/output error', command)
    counters = dst_status(client, dev)['counters']
    assert counters['errors'] >= 3, counters


def run(rig, variant):
    client, server = rig.client, rig.server
    if variant in ('medium', 'impatient'):
        globals()[variant](client, server)
        return

    ram = null_blk(server, 'ram0', mb=MB)
    n, half = sectors(server, ram), sectors(server, ram) // 2
    good = f'0 {n} linear {ram} 0'
    bad = (f'0 {half} linear {ram} 0\n{half} {n - half} error'
           if variant == 'range' else
           f'0 {n} flakey {ram} 0 0 60 1 error_writes')
    disk = dm(server, 'disk', good)
    dev = dst_attach(client, dst_export(server, 'e', disk))
    fill(client, dev, 0x41, (MB << 19) - 65536, 131072)
    dm_reload(server, 'disk', bad)

    eio = 'Input/output error'
    errors(client, eio, write(dev, half + 8))
    # the write itself succeeds, in the page cache: fsync must tell
    errors(client, eio, write(dev, half + 16, ''))
    if variant == 'range':
        errors(client, eio, read(dev, half))
        errors(client, eio, f'dd if={dev} of=/dev/null bs=64k iflag=direct '
               f'skip={half // 128 - 1} count=2')
        client.run(write(dev, half - 8))
        assert peek(client, dev, (half - 8) * 512) == bytes(512)
    else:
        client.run(read(dev, half))
    client_side, server_side = dst_status(client, dev), dst_status(server, 'e')
    assert client_side['state'] == 'online', client_side
    assert client_side['counters']['errors'] >= 2, client_side
    assert client_side['counters']['reconnects'] == 0, client_side
    assert server_side['counters']['errors'] >= 2, server_side

    dm_reload(server, 'disk', good)
    assert peek(client, dev, (half + 8) * 512) == b'A' * 512
    client.run(write(dev, half + 8))
    assert peek(server, ram, (half + 8) * 512) == bytes(512)
