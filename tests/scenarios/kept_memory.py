# SPDX-License-Identifier: GPL-2.0-only
"""What a write that is kept until a flush takes beside its data: less than
256 bytes of the client's memory for 4 KiB.
"""

from lib import dst_attach, dst_export, dst_status, null_blk

KERNELS = ('6.1', '6.12')       # what a debug kernel remembers is not ours
WRITES = 4096
BLOCK = 4096
LIMIT_BYTES = 256


def slab_bytes(node):
    """Of transactions."""
    d = '/sys/kernel/slab/dst_trans'
    slabs, order = node.sh(f'echo 1 >{d}/shrink; cut -d" " -f1 {d}/slabs '
                           f'{d}/order').split()
    return int(slabs) << int(order) + 12


def run(rig):
    client, server = rig.client, rig.server
    disk = null_blk(server, 'ram0', mb=64, cache_mb=64)
    dev = dst_attach(client, dst_export(server, 'e', disk), '--ack', 'ram')
    before = slab_bytes(client)
    rig.cut(client, server)             # nothing leaves
    client.run(f'fio --name=w --filename={dev} --rw=randwrite --bs={BLOCK} '
               f'--size={WRITES * BLOCK} --direct=1 --ioengine=io_uring '
               '--iodepth=32', timeout=60)
    kept = dst_status(client, dev)['unsaved']
    assert kept == WRITES, kept
    took = (slab_bytes(client) - before) / kept
    rig.log(f'{took:.0f} bytes for each of {kept}')
    assert 0 < took < LIMIT_BYTES, took
