# SPDX-License-Identifier: GPL-2.0-only
"""Every block read is the block written, whatever the size of the I/O, how
many are under way and how they are submitted: 512 bytes to 4 MiB (more than
one transfer), io_uring, libaio and plain system calls, direct and buffered,
buffers aligned to 512 bytes only.

io_uring submits with NOWAIT: what cannot be done without waiting is done
otherwise, and no application sees EAGAIN. One job lies across the boundary of
two shards of the index (256 MiB).
"""

import json

from lib import dst_attach, dst_export, dst_status, null_blk, wait_state

JOBS = '''
[global]
filename={dev}
verify=crc32c
verify_backlog=32
rw=randrw
thread=1
direct=1
iomem_align=512
randrepeat=1
rwmixread=40

[uring-mixed]
ioengine=io_uring
bsrange=512-1M
iodepth=32
offset=0
size=12M

[uring-large]
ioengine=io_uring
bsrange=64k-4M
iodepth=8
offset=248M
size=16M

[uring-fixed]
ioengine=io_uring
fixedbufs=1
bs=4k
iodepth=16
iodepth_batch_submit=8
offset=32M
size=2M

[aio-mixed]
ioengine=libaio
bsrange=512-256k
iodepth=8
offset=40M
size=6M

[aio-deep]
ioengine=libaio
bssplit=512/20:4k/50:3k/10:64k/20
iodepth=128
offset=56M
size=4M

[sync]
ioengine=psync
bsrange=512-64k
offset=64M
size=1M
fdatasync=16

[buffered]
ioengine=psync
direct=0
bsrange=512-128k
offset=72M
size=4M
end_fsync=1
'''


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=512, cache_mb=16)
    dev = dst_attach(client, dst_export(server, 'e', disk))
    client.write('/tmp/jobs.fio', JOBS.format(dev=dev))
    res = client.run('fio --output-format=json /tmp/jobs.fio', timeout=110)
    jobs = json.loads(res.out[res.out.index('{'):])['jobs']
    assert len(jobs) == 7
    for job in jobs:
        assert job['error'] == 0, job
        assert job['write']['io_bytes'] > 0, job

    wait_state(client, dev, 'idle')
    status = dst_status(client, dev)
    assert status['counters']['errors'] == 0, status
    assert status['counters']['resends'] == 0, status
    assert status['state'] == 'online', status
