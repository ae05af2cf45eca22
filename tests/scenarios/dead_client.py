# SPDX-License-Identifier: GPL-2.0-only
"""Clients that are gone keep no export: `export remove --force` and rmmod
finish within 5 s with requests of theirs open and their lanes silent.
"""

from lib import (dst_attach, dst_export, dst_status, null_blk, timed, unload,
                 wait_for)

NODES = 2
LIMIT = 5 + 1      # and what it takes to start dstctl


def run(rig):
    client, server = rig.client, rig.server

    for i in range(2):
        disk = null_blk(server, f'ram{i}', mb=16)
        dst_attach(client, dst_export(server, f'e{i}', disk))
        client.spawn(f'while :; do dd if=/dev/dst{i} of=/dev/null bs=64k '
                     'iflag=direct status=none; done')
    wait_for(server, '[ $(dstctl status --json | grep -c \'"reads": '
             '*[0-9][0-9]\') = 2 ]')
    rig.cut(client)

    # in use as far as the server can tell
    rc, _, out = timed(server, 'dstctl export remove e0')
    assert rc == 1 and 'client' in out, (rc, out)
    rc, took, out = timed(server, 'dstctl export remove e0 --force')
    assert rc == 0 and took < LIMIT, f'remove --force: {rc}, {took} s, {out}'
    assert [e['name'] for e in dst_status(server)['exports']] == ['e1']
    rc, took, out = timed(server, 'rmmod dst')
    assert rc == 0 and took < LIMIT, f'rmmod: {rc}, {took} s, {out}'
    rig.restore()
    client.run('dstctl detach dst0 --force && dstctl detach dst1 --force')
    unload(client)
