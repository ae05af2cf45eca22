# SPDX-License-Identifier: GPL-2.0-only
"""No answer of a server makes the client crash, take wrong data for right, or
lose a write: what does not fit costs the server the connection, and what was
asked is asked again on the next one.

A server of our own (vm/helpers/liar.c) takes the place of the real one and
tells one lie per connection: in its welcome, and in the answer to a write or a
read. I/O goes on over all of that. Credits that it grants beyond those of its
welcome are not used. Then the real server is back at the same address, and the
device goes on with it; what was written meanwhile is there.
"""

import re

from lib import (dst_attach, dst_export, dst_status, dstctl, fill, fio, logged,
                 null_blk, peek, wait_until)

MB = 1 << 20
WRITTEN = 256       # blocks of 4 KiB
LINKED = '--lanes', '1', '--ack', 'server'


def start(server, disk, uuid, *what):
    liar = server.spawn(f'exec liar {disk} {uuid} {" ".join(what)}')
    wait_until(lambda: 'listening\n' in liar.out or liar.done(), 20,
               'the liar listens')
    assert not liar.done(), liar.err
    return liar


def stop(liar):
    liar.kill()
    liar.wait(10)
    failed = [line for line in liar.out.splitlines() if line[:2] == 'FA']
    assert not failed, '\n'.join(failed)
    return liar.out


def run(rig):
    client, server = rig.client, rig.server

    disk = null_blk(server, 'ram0', mb=16)
    dev = dst_attach(client, dst_export(server, 'e', disk), *LINKED)
    fill(client, dev, 0x41, 8 * MB, 4096)
    uuid = dst_status(server, 'e')['uuid']

    # one write and one read after the other, whatever happens to each
    dstctl(server, 'export', 'remove', 'e', '--force')
    liar = start(server, disk, uuid, 'lies')
    client.run(f'head -c {WRITTEN * 4096} /dev/urandom >/tmp/want && '
               f'dd if=/tmp/want of={dev} bs=4k oflag=direct status=none',
               timeout=120)
    client.run(f'dd if={dev} bs=4k count={WRITTEN} iflag=direct status=none | '
               'cmp - /tmp/want', timeout=120)
    told = stop(liar)
    for what in ('welcome', 'write', 'read'):
        assert f'\n{what} told\n' in told, f'{what} not told: {told[-500:]}'
    assert logged(client, 'the server broke the protocol')
    counters = dst_status(client, dev)['counters']
    assert counters['errors'] == 0, counters
    lies = re.findall('^ok (?:write|read): ', told, re.M)
    assert counters['reconnects'] >= len(lies), (len(lies), counters)

    # 4 are granted by the welcome, and one must always be possible
    for granted, most in (('0xffffffff', 4), ('0', 1)):
        liar = start(server, disk, uuid, 'credits', granted)
        res = fio(client, dev, rw='randread', size='256k', iodepth=16)
        assert res['error'] == 0, res
        opened = re.findall(r'^open (\d+)$', stop(liar), re.M)
        assert opened and int(opened[-1]) == most, (granted, opened)

    # the highest values that a welcome may have
    liar = start(server, disk, uuid, 'extremes')
    huge = dst_attach(client, f'{server.ip}/huge', *LINKED)
    fill(client, huge, 0x42, MB, 256 << 10)
    assert peek(client, huge, MB, 256 << 10) == b'B' * (256 << 10)
    dstctl(client, 'detach', huge, '--force')
    stop(liar)

    dst_export(server, 'e', disk)
    fill(client, dev, 0x43, 9 * MB, 4096)
    assert peek(client, dev, 8 * MB) == b'A' * 512
    client.run(f'cmp -n {WRITTEN * 4096} {dev} /tmp/want')
    status = dst_status(client, dev)
    assert status['state'] == 'online', status
    assert status['size_bytes'] == 16 * MB, status
    assert peek(server, disk, 9 * MB) == b'C' * 512
