# SPDX-License-Identifier: GPL-2.0-only
"""The last block, the first one beyond it, sizes that are odd and blocks that
are large: each operation works where it may and is refused where not.

Blocks of 512 and of 4096 bytes, on a disk whose size is an odd number of them.
"""

from lib import dm, dst_attach, dst_export, fill, fio, null_blk, peek

VARIANTS = ('512', '4096')


def run(rig, variant):
    client, server = rig.client, rig.server
    block = int(variant)
    ram = null_blk(server, 'ram0', mb=32, block=block)
    blocks = 4099
    disk = dm(server, 'odd', f'0 {blocks * block // 512} linear {ram} 0')
    dev = dst_attach(client, dst_export(server, 'e', disk))
    size = blocks * block
    queue = f'/sys/block/{dev[5:]}/queue'
    assert client.sh(f'blockdev --getsize64 --getss --getpbsz {dev}') == \
        f'{size}\n{block}\n{block}'
    assert client.sh(f'cat {queue}/minimum_io_size') == variant

    last = size - block
    fill(server, ram, 0x4e, size, 4096)         # what lies beyond
    fill(server, ram, 0x4d, last - 4096, 4096)
    client.run(f'head -c {block} /dev/zero | tr "\\000" L >/tmp/l && '
               f'dd if=/tmp/l of={dev} bs={block} seek={blocks - 1} '
               'oflag=direct conv=notrunc status=none && '
               f'dd if={dev} bs={block} skip={blocks - 1} iflag=direct '
               'status=none | cmp - /tmp/l')
    # beyond: nothing read, nothing written, nothing discarded or zeroed
    for cmd in (f'dd if=/tmp/l of={dev} bs={block} seek={blocks} oflag=direct '
                'conv=notrunc',
                f'blkdiscard -o {size} -l {block} {dev}',
                f'fallocate -p -o {size} -l {block} {dev}',
                f'blkdiscard -z -o {last} -l {2 * block} {dev}'):
        # blkdiscard cuts what lies beyond, as the kernel does for files
        client.run(cmd, check=False)
    assert client.sh(f'dd if={dev} bs={block} skip={blocks} iflag=direct '
                     'status=none | wc -c') == '0'
    assert peek(server, ram, size, 4096) == b'N' * 4096
    assert peek(server, ram, last - 4096, 4096) == b'M' * 4096
    # reading across the end gives what there is
    assert client.sh(f'dd if={dev} bs=1M skip=2 iflag=direct status=none 2>&1 '
                     '| wc -c') == str(max(0, size - (2 << 20)))
    # what is no whole block is refused
    if block > 512:
        for flag in ('of={} oflag=direct if=/dev/zero',
                     'if={} iflag=direct of=/dev/null'):
            assert client.run(f'dd bs=512 count=1 conv=notrunc '
                              + flag.format(dev), check=False).rc

    # the last blocks and the device as a whole, by each operation
    client.run(f'blkdiscard -z -o {last} -l {block} {dev}')
    assert peek_block(client, dev, block, blocks - 1) == bytes(block)
    client.run(f'dd if=/tmp/l of={dev} bs={block} seek={blocks - 1} '
               'conv=notrunc,fsync status=none && '
               f'blkdiscard -o {last} -l {block} {dev}')
    assert peek_block(client, dev, block, blocks - 1) == bytes(block)
    job = fio(client, dev, rw='randrw', bsrange=f'{block}-256k', iodepth=16,
              verify='crc32c', size=size, iomem_align=512)
    assert job['error'] == 0
    assert peek(server, ram, size, 4096) == b'N' * 4096


def peek_block(client, dev, block, number):
    job = client.spawn(f'dd if={dev} bs={block} skip={number} count=1 '
                       'iflag=direct status=none')
    job.wait(30, check=True)
    return job.raw
