# SPDX-License-Identifier: GPL-2.0-only
"""A client that lost its power gets its export back at once, without force.

The server has not noticed, and holds the old session with all its lanes. The
machine that comes again is the same initiator: a higher epoch replaces the old
session, also where its clock starts days behind, as without a battery. What
was flushed is there, in all --ack levels, and nothing of the old session runs
any more.
"""

from lib import (dst_attach, dst_export, dst_status, drop, fill, fio_start,
                 load, peek, timed, wait_state, wait_until)

NODES = 2
VARIANTS = ('server', 'ram')
MB = 1 << 20


def run(rig, variant):
    client, server = rig.client, rig.server
    target = dst_export(server, 'e', server.lossy_disk)
    dev = dst_attach(client, target, '--lanes', '3', '--ack', variant)
    fill(client, dev, 0x41, 0, MB)
    client.run(f'echo flushed | dd of={dev} bs=512 seek=4096 conv=sync,fsync '
               'status=none')
    client.run(f'dd if=/dev/urandom bs=64k count=16 status=none | tee {dev} | '
               'md5sum >/dev/null && sync -d ' + dev)
    flushed = peek(client, dev, 0, MB)
    fio_start(client, dev, rw='randwrite', bs='4k', size='8M', offset='8M',
              iodepth=16, rate_iops=200)
    wait_until(lambda: dst_status(client, dev)['counters']['writes'] > 100, 60,
               'fio writes')

    client.power_off()
    # the new kernel's answer to what is left of the old connections
    drop(server, 'tcp flags & rst != 0')
    # or the boot may be longer than TCP waits for the old client
    server.freeze()
    client.power_on()
    load(client)
    client.run('date -s "-3 days"')
    server.thaw()
    old, = dst_status(server, 'e')['clients']
    assert old['lanes'] == 3, old

    rc, took, out = timed(client, f'dstctl attach {target} --lanes 2')
    assert rc == 0, out
    # to start dstctl, and the drain of a disk that is quick
    assert took < 3 * rig.slow, f'attached after {took:.1f} s'
    dev = out
    wait_state(client, dev, 'online')
    new, = dst_status(server, 'e')['clients']
    assert new['epoch'] > old['epoch'] and new['lanes'] == 2, (old, new)
    assert dst_status(server, 'e')['counters']['fenced'] == 0
    # nobody else is connected
    server.run('[ $(ss -Htn state established sport = 4490 | wc -l) = 2 ]')
    assert peek(client, dev, 0, MB) == flushed, 'what was flushed is not there'
    assert peek(client, dev, 2 * MB)[:8] == b'flushed\n'
    fill(client, dev, 0x42, 0, 4096)
    assert peek(client, dev, 0) == b'B' * 512
