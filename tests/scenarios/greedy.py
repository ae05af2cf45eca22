# SPDX-License-Identifier: GPL-2.0-only
"""32 clients (8 on the debug kernel) want more of a server's memory than
mem-limit has: while its disk is stuck it takes just that (P8), the machine has
all the rest, and one client more is refused. When the disk goes on, so does each
of them: whoever came late and got a smaller share does not starve. No I/O fails,
all data is right.
"""

import json

from lib import dm, dst_export, dst_status, sectors, wait_until

NODES = 2
TIMEOUT = 150
MIB = 1 << 20
CLIENT_MB = 10      # each client writes, half of them at a time
OVERHEAD = 24 * MIB

# disk_util: for each disk fio would search all of sysfs, minutes on debug
JOBS = f'''
[global]
ioengine=libaio
thread=1
direct=1
rw=write
bs=128k
iodepth=40
size={CLIENT_MB}M
verify=crc32c
disk_util=0
'''


def available(node):
    return int(node.sh("awk '/MemAvailable/ { print $2 }' "
                       '/proc/meminfo')) << 10


def run(rig):
    client, server = rig.client, rig.server
    clients = 8 if rig.slow > 1 else 32
    # the last three get 2, 1 and 1 MiB of it, all others 4; all want 5
    limit_mb = 4 * (clients - 2)
    limit = limit_mb * MIB
    n = sectors(server, server.disk)
    disk = dm(server, 'slow', f'0 {n} linear {server.disk} 0')
    target = dst_export(server, 'e', disk, '--shared', '--mem-limit',
                        f'{limit_mb}M')
    # each as if it were on a machine of its own
    attach = ('DST_INITIATOR=00000000-0000-4000-8000-0000000000$i '
              f'dstctl attach {target} --lanes 1 --io-timeout 10m '
              '--keepalive 2m')
    client.run(f'i=10; while [ $i -lt {10 + clients} ]; do '
               f'{attach} || exit 1; i=$((i + 1)); done', timeout=60)
    res = client.run(f'i=99; {attach} --wait 1s', check=False)
    assert res.rc == 1 and 'a limit of the server' in res.err, res
    client.write('/tmp/jobs.fio', JOBS + ''.join(
        f'[j{i}]\nfilename=/dev/dst{i}\noffset={i * CLIENT_MB}M\n'
        for i in range(clients)))

    server.run('dmsetup suspend slow && echo 3 >/proc/sys/vm/drop_caches')
    before = available(server)
    job = client.spawn('fio --output-format=json /tmp/jobs.fio')

    def used():
        return dst_status(server, 'e')['mem_used_bytes']
    wait_until(lambda: used() >= limit, 60, 'all of mem-limit is in use')
    took = before - available(server)
    assert used() == limit, used()
    assert took < limit + OVERHEAD, (took, before)

    server.run('dmsetup resume slow')

    def written():
        return sorted(d['counters']['write_bytes']
                      for d in dst_status(client)['devices'])
    wait_until(lambda: written()[-1] == CLIENT_MB * MIB, 60,
               'one client has written all')
    done = written()
    assert done[0] >= done[-1] / 4, done
    res = job.wait(90, check=True)
    jobs = json.loads(res.out[res.out.index('{'):])['jobs']
    assert len(jobs) == clients
    for j in jobs:
        assert j['error'] == 0, j
        assert j['read']['io_bytes'] == CLIENT_MB * MIB, j
    for d in dst_status(client)['devices']:
        assert d['state'] == 'online', d
        assert d['counters']['errors'] == d['counters']['resends'] == 0, d
    assert used() == 0
