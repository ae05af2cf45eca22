# SPDX-License-Identifier: GPL-2.0-only
"""Whatever allocation of the module fails, in client and server, at any time:
I/O goes on and each block is as on one disk (io); attach, detach, export add
and remove either work or are refused (control). Nothing leaks, and afterwards
all is as if there had always been memory.

Only allocations with the module's code among their callers fail: those of
block layer and TCP on its behalf too.
"""

import signal

from lib import (dst_attach, dst_export, dst_status, dstctl, fio_result,
                 fio_start, inject, wait_state)

KERNELS = ('debug',)
TIMEOUT = 150
VARIANTS = ('io', 'control')
TIMES = 1000000
FAULTS = ('failslab', 'fail_page_alloc')


def start(rig, probability, interval=1):
    """Of so many allocations in the module, fail that many of a hundred."""
    node = rig.client.node
    # name, size, users, by whom, state, address
    words = node.sh('grep "^dst " /proc/modules').split()
    begin, size = int(words[5], 16), int(words[1])
    assert begin, words
    rig.defer(stop, rig)
    for what in FAULTS:
        more = {'min_order': 0} if what == 'fail_page_alloc' else {}
        inject(node, what, probability, TIMES, interval=interval,
               ignore_gfp_wait='N', require_start=begin,
               require_end=begin + size, **more)


def stop(rig):
    """Returns how many have failed, of each kind."""
    node = rig.client.node
    failed = []
    for what in FAULTS:
        d = f'/sys/kernel/debug/{what}'
        failed.append(TIMES - int(node.sh(f'echo 0 >{d}/probability; '
                                          f'cat {d}/times')))
        inject(node, what, probability=0, require_start=0,
               require_end=2 ** 64 - 1)
    return failed


def io(rig):
    client, server = rig.client, rig.server
    dev = dst_attach(client, dst_export(server, 'e', server.node.lossy_disk))
    start(rig, probability=2)
    hist = client.spawn(f'exec dsthist run {dev} --log /tmp/log --seconds 600 '
                        '--wide 256 --zeroes 5 --flush-every 20')
    load = fio_start(client, dev, offset='64M', size='4M', bsrange='4k-256k',
                     rw='randwrite', verify='crc32c', verify_backlog=64)
    fio_result(load, 100)
    hist.kill(signal.SIGTERM)
    hist.wait(60, check=True)
    assert ' 0 failed' in hist.err, hist.err
    slab, pages = stop(rig)
    assert slab > 100 and pages > 5, (slab, pages)

    res = client.run(f'dsthist check /tmp/log --final {dev}', check=False)
    assert res.rc == 0, res.out + res.err
    wait_state(client, dev, 'online')
    wait_state(client, dev, 'idle')
    status = dst_status(client, dev)
    assert status['counters']['errors'] == 0, status
    assert dst_status(server, 'e')['mem_used_bytes'] == 0


CONTROL = '''
i=0
while [ $i -lt 12 ]; do
	i=$((i + 1))
	dstctl export add e DISK || continue
	if dev=$(dstctl attach 127.0.0.1/e --wait 3s); then
		dd if=$dev of=/dev/null bs=64k count=4 iflag=direct status=none ||
			exit 1
		until dstctl detach $dev; do :; done
	fi
	until dstctl export remove e --force; do :; done
done
'''


def control(rig):
    node = rig.client.node
    start(rig, probability=1, interval=5)
    res = node.run(CONTROL.replace('DISK', node.disk), timeout=120)
    slab, pages = stop(rig)
    assert slab + pages, res
    dstctl(node, 'export', 'add', 'e', node.disk)
    dst_attach(node, '127.0.0.1/e')


def run(rig, variant):
    {'io': io, 'control': control}[variant](rig)
