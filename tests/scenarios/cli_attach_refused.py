# SPDX-License-Identifier: GPL-2.0-only
"""An attach that fails leaves nothing behind and says why.

Unreachable server, no such export, an address that is not allowed, a name
that is taken, the same target twice, an export that another machine holds,
ack=ram of a shared
export: exit 1, one line, and the devices are as before.
"""

from lib import dst_attach, dst_export, dst_status, null_blk

CLIENTS = 2

OTHER = 'DST_INITIATOR=6d0e1f52-934b-4a0d-8e17-5b2cd470aa31 '


def devices(host):
    return [d['name'] for d in dst_status(host)['devices']]


def refused(host, words, command, env=''):
    before = devices(host)
    res = host.run(f'{env}dstctl attach {command}', check=False, timeout=60)
    assert res.rc == 1, f'attach {command}: exit {res.rc}, {res.err!r}'
    assert words in res.err, f'attach {command}: {res.err!r}'
    assert res.err.count('\n') == 1 and res.out == '', res
    assert devices(host) == before


def run(rig):
    client, other = rig.clients
    server = rig.server
    disk = null_blk(server, 'ram0', mb=16)
    held = null_blk(server, 'ram1', mb=16)

    refused(client, 'refused', f'{server.ip}:4490/none --wait 500ms')
    refused(client, '', '10.45.0.250/none --wait 500ms')
    refused(client, 'cannot look up', 'no.such.host.invalid/none')

    target = dst_export(server, 'disk', disk, allow=f'{client.ip}/32')
    refused(client, 'no such export', f'{server.ip}/none --wait 5s')
    refused(other, 'lets this machine through', f'{target} --wait 1s', OTHER)
    shared = null_blk(server, 'ram2', mb=16)
    dst_export(server, 'shared', shared, '--shared')
    refused(client, 'ack=ram', f'{server.ip}/shared --ack ram')
    refused(client, 'out of range', f'{target} --keepalive 1ms')

    assert dst_attach(client, target) == '/dev/dst0'
    refused(client, 'attached already', target)
    dst_export(server, 'held', held)
    refused(client, 'dst0 is taken', f'{server.ip}/held --name dst0')
    assert dst_attach(client, f'{server.ip}/held', '--name',
                      'dst7') == '/dev/dst7'
    refused(other, 'held', f'{server.ip}/held', OTHER)
    assert devices(client) == ['dst0', 'dst7']

    # Ctrl-C while the server does not answer: at once, and nothing is left
    rig.cut(server)
    job = client.spawn('exec dstctl attach '
                       f'{server.ip}:4491/late --wait 60s')
    client.run('until dstctl status | grep -q connecting; do :; done')
    job.kill(2)
    res = job.wait(20)
    assert res.rc == 1 and 'Nothing was attached' in res.err, res
    assert devices(client) == ['dst0', 'dst7']
