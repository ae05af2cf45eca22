# SPDX-License-Identifier: GPL-2.0-only
"""dstctl top shows on a terminal what goes on: devices and exports with their
rates, and a state that is not good with its reason, on 80x24 and on 40x10.
Keys open and close details, and however it ends the terminal is as before.
"""

import re

from lib import dst_attach, dst_export, fio_start, null_blk, wait_until

TIMEOUT = 240
TMUX = 'tmux -f /dev/null '


def screen(host):
    return host.sh(TMUX + 'capture-pane -p')


def awaits(host, *patterns):
    """All on the screen at the same time; '^' and '$' are ends of lines."""
    def there():
        text = screen(host)
        return all(re.search(p, text, re.M) for p in patterns)
    try:
        wait_until(there, 60, ' '.join(patterns))
    except AssertionError as e:
        raise AssertionError(f'{e}\n{screen(host)}') from e


def types(host, line):
    host.run(TMUX + f'send-keys "clear; {line}" Enter')


def key(host, name):
    host.run(TMUX + 'send-keys ' + name)


def start(host):
    types(host, 'dstctl top; echo ended \\$?')
    awaits(host, '^dstctl top', r'^\+ dst0 +online', r'^\+ disk +online')


def ended(host, status):
    """It is, with the shell's screen and the modes of the terminal back."""
    awaits(host, f'^ended {status}$')
    assert 'q quit' not in screen(host), screen(host)
    types(host, 'stty -g | cmp - /tmp/modes && tmux display -p '
          "'screen #{alternate_on} cursor #{cursor_flag}'")
    awaits(host, '^screen 0 cursor 1$')


def run(rig):
    client, server = rig.client, rig.server
    target = dst_export(server, 'disk', null_blk(server, 'ram0', mb=32))
    dev = dst_attach(client, target, '--keepalive', '500ms', '--lanes', '2')
    res = client.run('dstctl top | cat', check=False)
    assert 'dstctl stats' in res.err and res.err.count('\n') == 1, res.err

    client.run(TMUX + 'new-session -d -x 80 -y 24 sh')
    rig.defer(client.run, TMUX + 'kill-server')
    types(client, 'stty -g >/tmp/modes; TERM=none dstctl top; echo ended \\$?')
    awaits(client, "'none' is not known")
    ended(client, 1)

    fio_start(client, dev, rw='randwrite', bs='4k', size='16M',
              rate_iops=120, time_based=None, runtime=600)
    start(client)
    # reads and their bytes, writes and theirs
    rates = r' +0 +0 +[1-9][0-9.k]* +[0-9.]+[KM] '
    awaits(client, r'^\+ dst0 +online' + rates, r'^\+ disk +online' + rates)

    assert 'lane 1' not in screen(client)
    key(client, 'Enter')
    awaits(client, '^    leg 0  in-sync  ' + re.escape(target),
           '^      lane 1  live', r'^\+ disk ')
    key(client, 'Enter')
    awaits(client, r'^\+ dst0 .*\n  EXPORT')

    client.run(TMUX + 'resize-window -x 40 -y 10')
    awaits(client, 'FLIGHT$', r'^\+ dst0 +online +0 ', r'^\+ disk +online +0 ')
    lines = screen(client).split('\n')
    assert len(lines) == 10 and max(map(len, lines)) <= 40, lines
    client.run(TMUX + 'resize-window -x 80 -y 24')

    rig.cut(server)
    awaits(client, '^0/1 devices ok', r'^\+ dst0 +held ',
           r'^    no connection: [^+]*server\s+is\s+back$')
    rig.restore()
    awaits(client, '^1/1 devices ok', r'^\+ dst0 +online' + rates)

    key(client, 'q')
    ended(client, 0)
    start(client)
    client.run('kill $(pidof dstctl)')
    ended(client, 0)
