# SPDX-License-Identifier: GPL-2.0-only
"""/proc/diskstats, the sysfs of the block layer and dstctl count the same I/O,
for the device and its partition; in flight is what is under way, also while
the server is away, and returns to nothing.
"""

from lib import (dst_attach, dst_export, dst_status, null_blk, wait_for,
                 wait_state)


def diskstats(client, name):
    f = [int(x) for x in client.sh(
        f"awk '$3 == \"{name}\"' /proc/diskstats").split()[3:]]
    return {'reads': f[0], 'read_sectors': f[2], 'writes': f[4],
            'write_sectors': f[6], 'in_flight': f[8], 'busy_ms': f[9],
            'discards': f[11], 'discard_sectors': f[13]}


def change(before, after):
    return {k: after[k] - before[k] for k in after if k != 'busy_ms'}


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=64)
    dev = dst_attach(client, dst_export(server, 'e', disk),
                     '--keepalive', '500ms')
    client.run(f'printf ",16M\\n" | sfdisk -q {dev}')
    wait_for(client, f'[ -b {dev}p1 ]')
    name = dev[5:]
    wait_state(client, dev, 'idle')
    whole, part = diskstats(client, name), diskstats(client, name + 'p1')
    ours = dst_status(client, dev)['counters']
    client.run(f'dd if={dev}p1 of=/dev/null bs=4k count=16 iflag=direct '
               f'status=none; dd if=/dev/zero of={dev}p1 bs=8k count=8 '
               'oflag=direct conv=notrunc status=none; '
               f'blkdiscard -f -o 1M -l 4M {dev}p1')
    wait_state(client, dev, 'idle')
    want = {'reads': 16, 'read_sectors': 128, 'writes': 8,
            'write_sectors': 128, 'in_flight': 0, 'discards': 1,
            'discard_sectors': 8192}
    now = diskstats(client, name)
    assert change(whole, now) == want, change(whole, now)
    found = change(part, diskstats(client, name + 'p1'))
    assert found == want, found
    now = dst_status(client, dev)['counters']
    found = {k: now[k] - ours[k] for k in now}
    assert (found['reads'], found['read_bytes'], found['writes'],
            found['write_bytes'], found['discards']) == (
                16, 65536, 8, 65536, 1), found

    rig.cut(server)
    jobs = [client.spawn(f'dd if=/dev/zero of={dev} bs=4k count=1 seek={i} '
                         'oflag=direct conv=notrunc status=none')
            for i in (100, 200)]
    jobs.append(client.spawn(f'dd if={dev} of=/dev/null bs=4k count=1 '
                             'skip=300 iflag=direct status=none'))
    wait_for(client, f'read -r a b </sys/block/{name}/inflight; '
             '[ $a = 1 ] && [ $b = 2 ]')
    assert diskstats(client, name)['in_flight'] == 3
    assert dst_status(client, dev)['in_flight'] == 3
    busy = diskstats(client, name)['busy_ms']
    wait_for(client, f'grep -q held /sys/block/{name}/dst/state')
    assert diskstats(client, name)['in_flight'] == 3
    rig.restore()
    for job in jobs:
        job.wait(60, check=True)
    after = diskstats(client, name)
    assert after['in_flight'] == 0 and after['busy_ms'] > busy, after
    assert dst_status(client, dev)['in_flight'] == 0
    assert client.sh(f'cat /sys/block/{name}/inflight').split() == ['0', '0']
