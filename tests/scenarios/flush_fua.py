# SPDX-License-Identifier: GPL-2.0-only
"""A flush, an FUA write and a write with a preceding flush arrive at the
server's disk as just that (P2); seen in what is submitted to the disk.

ack=disk makes every write FUA. A disk without a volatile cache is told of
nothing.
"""

from lib import (dst_attach, dst_export, dst_status, dstctl, null_blk,
                 wait_state)

TRACE = '/sys/kernel/tracing'


class Trace:
    """What one command has submitted to a disk of the server: 'FWS 0 + 8'."""

    def __init__(self, client, server, dev, disk):
        self.host, self.dev = client, dev
        self.ids = server.sh(f'stat -Lc "%Hr,%Lr" {disk}')
        client.run(f'echo 1 >{TRACE}/events/block/block_bio_queue/enable')

    def of(self, cmd):
        lines = self.host.sh(
            f'cd {TRACE} && echo >trace && {{ {cmd}\n}} && '
            f'until read -r r w </sys/block/{self.dev[5:]}/inflight && '
            '[ "$r$w" = 00 ]; do :; done; cat trace').splitlines()
        found = [line.partition(f'block_bio_queue: {self.ids} ')[2]
                 for line in lines if f'block_bio_queue: {self.ids} ' in line]
        return [f.partition(' [')[0] for f in found]


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=64, cache_mb=8)
    plain = null_blk(server, 'ram1', mb=64)
    dev = dst_attach(client, dst_export(server, 'e', disk))
    rig.defer(client.run,
              f'echo 0 >{TRACE}/events/block/block_bio_queue/enable')
    trace = Trace(client, server, dev, disk)
    queue = f'/sys/block/{dev[5:]}/queue'
    assert client.sh(f'cat {queue}/write_cache') == 'write back'
    assert client.sh(f'cat {queue}/fua') == '1'

    def write(flags, seek):
        return (f'dd if=/dev/zero of={dev} bs=4k count=1 seek={seek} '
                f'oflag={flags} conv=notrunc status=none')

    # nothing that was not asked for
    assert trace.of(write('direct', 1)) == ['WS 8 + 8']
    before = dst_status(client, dev)['counters']
    found = trace.of(f'sync -d {dev}')
    assert [f.split()[0] for f in found] in (['FWS'], ['FF'], ['FFS']), found
    found = trace.of(f'sync -d {dev}; sync -d {dev}')
    assert len(found) == 2, found
    after = dst_status(client, dev)['counters']
    assert after['flushes'] == before['flushes'] + 3, (before, after)
    assert after['writes'] == before['writes'], 'an empty flush is no write'
    found = trace.of(write('direct,dsync', 2))
    assert found[0] == 'WFS 16 + 8', found
    # written back from the page cache, then flushed, in this order
    found = trace.of(f'dd if=/dev/zero of={dev} bs=4k count=1 seek=3 '
                     'conv=notrunc,fdatasync status=none')
    assert found[0].endswith(' 24 + 8') and found[1][0] == 'F', found

    # ext4 commits with a flush before and FUA
    client.run(f'mkfs.ext4 -q {dev} && mkdir -p /mnt/a && mount {dev} /mnt/a')
    found = trace.of('echo x >/mnt/a/x; sync -f /mnt/a/x')
    commits = [f for f in found if f.startswith('FWF') and '+ 0' not in f]
    assert commits, found
    client.run('umount /mnt/a')

    dstctl(client, 'set', dev, 'ack=disk')
    assert trace.of(write('direct', 4)) == ['WFS 32 + 8']
    dstctl(client, 'set', dev, 'ack=server')
    assert trace.of(write('direct', 5)) == ['WS 40 + 8']

    # nothing volatile: no flush goes over the wire at all
    dev = dst_attach(client, dst_export(server, 'plain', plain))
    trace = Trace(client, server, dev, plain)
    assert client.sh(f'cat /sys/block/{dev[5:]}/queue/write_cache') == \
        'write through'
    found = trace.of(write('direct,dsync', 1)
                     + f'; sync -d {dev}')
    assert found == ['WS 8 + 8'], found
    wait_state(client, dev, 'idle')
    assert dst_status(client, dev)['counters']['flushes'] == 0
