# SPDX-License-Identifier: GPL-2.0-only
"""What dstctl cannot do it refuses in one line that says what and what to do.

Wrong usage exits 2, a refusal 1; a missing module and a missing right are
told from each other; nothing is changed.
"""

from lib import dst_status, load

MODULE = False

NOBODY = 'setpriv --reuid 65534 --regid 65534 --clear-groups '


def refused(host, rc, words, command, su=''):
    res = host.run(f'{su}dstctl {command}', check=False)
    assert res.rc == rc, f'dstctl {command}: exit {res.rc}, {res.err!r}'
    assert words in res.err, f'dstctl {command}: {res.err!r}'
    assert res.err.startswith('dstctl: ') and ' failed: ' in res.err, res.err
    assert res.err.count('\n') == 1 and res.err.endswith('.\n'), res.err
    assert res.out == '', res.out


def run(rig):
    client = rig.client

    refused(client, 1, 'modprobe dst', 'status')
    refused(client, 1, 'modprobe dst', 'attach 127.0.0.1/a')
    refused(client, 1, 'modprobe dst', 'export add a /etc/passwd')
    assert 'module not loaded' in client.sh('dstctl version')

    load(client)
    assert client.sh('dstctl version').count('\n') == 2
    refused(client, 1, 'as root', 'status', NOBODY)
    refused(client, 1, 'as root', 'attach 127.0.0.1/a', NOBODY)
    refused(client, 1, 'as root', 'export remove a', NOBODY)
    refused(client, 2, 'no such command', 'bogus')
    refused(client, 2, 'no option', 'attach 127.0.0.1/a --bogus')
    refused(client, 2, 'number of lanes', 'attach 127.0.0.1/a --lanes 17')
    refused(client, 2, 'not a size', 'export add a /dev/null --mem-limit 1X')
    refused(client, 2, 'bits set', 'export add a /x --allow 10.0.0.5/8')
    refused(client, 1, "no '--key' yet", 'attach 127.0.0.1/a --key /k')
    refused(client, 1, "no 'mirror verify' yet", 'mirror verify dst0')
    refused(client, 1, 'of a mirror yet', 'set dst0 quorum=hold')
    refused(client, 1, 'no such device', 'detach dst0')
    refused(client, 1, 'no such device', 'detach dst0 --force')
    refused(client, 1, 'no such device', 'set dst0 ack=disk')
    refused(client, 1, 'no such device', 'fail dst0')
    refused(client, 1, 'no such device', 'wait dst0 online')
    refused(client, 1, 'no such device', 'transactions dst0')
    refused(client, 1, 'no device or export', 'status dst0')
    refused(client, 1, "dstctl status", 'export remove a')
    refused(client, 1, "dstctl status", 'export set a workers=1')
    assert dst_status(client) == {'devices': [], 'exports': []}
