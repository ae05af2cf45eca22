# SPDX-License-Identifier: GPL-2.0-only
"""No byte from the network reaches outside the export, or stops the server.

A client of our own (vm/helpers/hostile.c) sends requests and hellos that are
malformed, out of bounds, of hostile lengths, cut short, late, too many or
random. Each gets the answer that the protocol has for it, or loses its lane;
what lies around the export is untouched; a client of another export notices
nothing. The bad ones are counted.
"""

from lib import (dm, dst_attach, dst_export, dst_status, fill, null_blk,
                 peek)

VARIANTS = ('block', 'file')
MB = 1 << 20
SIZE = 16 * MB


def make_export(server, variant):
    """Something of SIZE, and a shell command that fails if it was left."""
    ram = null_blk(server, 'ram0', mb=48)
    if variant == 'block':
        n = SIZE // 512
        path = dm(server, 'inner', f'0 {n} linear {ram} {n}')
        return path, (f'cmp -n {SIZE} {ram} /dev/zero && '
                      f'cmp -n {SIZE} -i {2 * SIZE}:0 {ram} /dev/zero')
    server.run(f'mkfs.ext4 -q {ram} && mkdir -p /mnt/fs && '
               f'mount {ram} /mnt/fs && head -c {SIZE} /dev/zero >/mnt/fs/f')
    return '/mnt/fs/f', f'[ $(stat -c %s /mnt/fs/f) = {SIZE} ]'


def run(rig, variant):
    client, server = rig.client, rig.server

    path, untouched = make_export(server, variant)
    dst_export(server, 'evil', path)
    good = dst_attach(client, dst_export(server, 'good', null_blk(
        server, 'ram1', mb=16)))
    fill(client, good, 0x41, 0, 65536)
    job = client.spawn('head -c 65536 /dev/zero | tr "\\000" A >/tmp/want; '
                       f'while dd if={good} bs=64k count=1 iflag=direct '
                       'status=none | cmp - /tmp/want; do sleep 0.2; done')

    res = client.run(f'hostile {server.ip} evil {SIZE} all', check=False,
                     timeout=90)
    failed = [line for line in res.out.splitlines() if line[:2] == 'FA']
    assert not failed and res.rc == 0, '\n'.join(failed) or res
    status = dst_status(server, 'evil')
    assert f'\nmalformed {status["counters"]["malformed"]}\n' in res.out, \
        (res.out, status)
    res = client.run(f'hostile {server.ip} evil {SIZE} fuzz', check=False,
                     timeout=90)
    assert res.rc == 0, res
    server.run(untouched)

    assert not job.done(), f'the good client: {job.err}'
    job.kill()
    status = dst_status(client, good)
    assert status['state'] == 'online', status
    assert status['counters']['reconnects'] == 0, status
    # its memory is free again, and so is the export
    assert dst_status(server, 'evil')['mem_used_bytes'] == 0
    dev = dst_attach(client, f'{server.ip}/evil')
    fill(client, dev, 0x42, 0, 4096)
    assert peek(client, dev, 0) == b'B' * 512
