# SPDX-License-Identifier: GPL-2.0-only
"""The server loses power under load and comes back: no I/O fails, what was in
flight is sent again, and every block reads back as written. The disk has no
volatile cache, so an acknowledged write is on it."""

from lib import (dst_attach, dst_export, dst_status, fio_result,
                 fio_start, fio, load, wait_state, wait_until)

NODES = 2
TIMEOUT = 180


def run(rig):
    client, server = rig.client, rig.server

    target = dst_export(server, 'e', server.disk)
    dev = dst_attach(client, target)
    job = fio_start(client, dev, rw='randwrite', bs='4k', size='8M',
                    iodepth=16, verify='crc32c', do_verify=0, rate_iops=150)

    def written():
        return dst_status(client, dev)['counters']['writes'] > 300
    wait_until(written, 60, 'fio writes')
    server.power_off()
    wait_until(lambda: dst_status(client, dev)['state'] in
               ('held', 'connecting'), 30, 'the client notices')
    assert not job.done(), fio_result(job)
    server.power_on()
    load(server)
    assert dst_export(server, 'e', server.disk) == target
    wait_state(client, dev, 'online', 60)
    assert fio_result(job)['error'] == 0

    job = fio(client, dev, rw='randwrite', bs='4k', size='8M', iodepth=16,
              verify='crc32c', verify_only=None)
    assert job['error'] == 0, 'read back'
    assert dst_status(client, dev)['counters']['reconnects'] > 0
