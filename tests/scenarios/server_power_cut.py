# SPDX-License-Identifier: GPL-2.0-only
"""The server loses its power again and again, with the cache of its disk, under
load: no error reaches the application, every block of fio verifies, every file
that was fsync'd is there, and fsck finds nothing.

DST_CUTS says how often. DST_PEER=nvme-tcp or nbd shows what these do.
"""

import os

from lib import (dst_attach, dst_export, dst_status, dm, fio_result,
                 fio_start, load, wait_state, wait_until)

NODES = 2
TIMEOUT = 420
VARIANTS = ('server', 'ram')
CUTS = int(os.environ.get('DST_CUTS', '5'))
PEER = os.environ.get('DST_PEER', 'dst')
HALF_MB = 128

# Numbered files; those that are complete are listed where nothing is lost.
WRITER = r'''
n=0
while [ ! -e /tmp/stop ]; do
	{ seq $n $((n + 300)); } >/mnt/fs/$n && sync /mnt/fs/$n &&
	echo $n >>/tmp/done || { echo "file $n"; exit 1; }
	n=$((n + 1))
done
'''
CHECKER = r'''
for n in $(cat /tmp/done); do
	seq $n $((n + 300)) | cmp -s - /mnt/fs/$n || echo "file $n is wrong"
done
'''


def halves(server):
    n = (HALF_MB << 20) // 512
    return [dm(server, f'half{i}', f'0 {n} linear {server.lossy_disk} {i * n}')
            for i in (0, 1)]


class Dst:
    def __init__(self, options):
        self.options = options

    def offer(self, server):
        load(server)
        self.targets = [dst_export(server, f'e{i}', disk)
                        for i, disk in enumerate(halves(server))]

    def attach(self, client):
        self.devs = [dst_attach(client, t, *self.options)
                     for t in self.targets]
        return self.devs

    def back(self, client):
        for dev in self.devs:
            wait_state(client, dev, 'online', 60)


class NvmeTcp:
    def offer(self, server):
        server.run('modprobe nvmet-tcp && cd /sys/kernel/config/nvmet && '
                   'mkdir ports/1 && cd ports/1 && echo tcp >addr_trtype && '
                   f'echo ipv4 >addr_adrfam && echo {server.ip} >addr_traddr '
                   '&& echo 4420 >addr_trsvcid')
        for i, disk in enumerate(halves(server)):
            server.run(f'cd /sys/kernel/config/nvmet && mkdir subsystems/s{i} '
                       f'&& cd subsystems/s{i} && echo 1 >attr_allow_any_host '
                       '&& mkdir namespaces/1 && cd namespaces/1 && '
                       f'echo {disk} >device_path && echo 1 >enable && '
                       'cd /sys/kernel/config/nvmet && ln -s '
                       f'$PWD/subsystems/s{i} ports/1/subsystems/')
        self.ip = server.ip

    def attach(self, client):
        client.run('modprobe nvme-tcp')
        for i in (0, 1):
            client.run(f'nvme connect -t tcp -a {self.ip} -s 4420 -n s{i} '
                       '--ctrl-loss-tmo=-1 --reconnect-delay=1 '
                       '--keep-alive-tmo=3')
        return [wait_until(lambda i=i: client.sh(
            f'ls /sys/class/nvme-subsystem/nvme-subsys{i} | '
            'grep -o "^nvme[0-9]n1$" | sed "s#^#/dev/#"'), 20, 'the disk')
            for i in (0, 1)]

    def back(self, client):
        wait_until(lambda: client.ok(
            '! grep -v live /sys/class/nvme/nvme*/state'), 90, 'live')


class Nbd:
    def offer(self, server):
        conf = '[generic]\n' + ''.join(
            f'[e{i}]\nexportname = {disk}\nflush = true\nfua = true\n'
            for i, disk in enumerate(halves(server)))
        server.write('/tmp/nbd.conf', conf)
        server.run('nbd-server -C /tmp/nbd.conf')
        self.ip = server.ip

    def attach(self, client):
        client.run('modprobe nbd')
        for i in (0, 1):
            client.run(f'nbd-client -N e{i} {self.ip} /dev/nbd{i} -persist '
                       '-timeout 600 </dev/null >/dev/null 2>&1')
        return ['/dev/nbd0', '/dev/nbd1']

    def back(self, client):
        pass


def written(client, devs):
    return sum(int(client.sh(f'cat /sys/block/{d[5:]}/stat').split()[4])
               for d in devs)


def run(rig, variant):
    client, server = rig.client, rig.server
    disk = {'dst': lambda: Dst(('--ack', variant)), 'nvme-tcp': NvmeTcp,
            'nbd': Nbd}[PEER]()

    disk.offer(server)
    raw, fs = devs = disk.attach(client)
    client.run(f'mkfs.ext4 -q {fs} && mkdir -p /mnt/fs && mount {fs} /mnt/fs '
               '&& >/tmp/done')
    writer = client.spawn(WRITER)
    load_job = fio_start(client, raw, rw='randwrite', bssplit='4k/50:64k/50',
                         size='32M', iodepth=16, rate_iops=100,
                         time_based=None, runtime='3600', verify='crc32c',
                         verify_backlog=256)
    for cut in range(CUTS):
        before = written(client, devs)
        wait_until(lambda before=before:
                   written(client, devs) > before + 100 or writer.done() or
                   load_job.done(), 60, f'writes before cut {cut}')
        server.power_off()
        server.power_on()
        disk.offer(server)
        disk.back(client)
        assert not writer.done(), f'cut {cut}: {writer.out}{writer.err}'
        assert not load_job.done(), f'cut {cut}: {fio_result(load_job)}'

    client.run('touch /tmp/stop')
    writer.wait(60, check=True)
    load_job.kill(2)
    result = fio_result(load_job, check=False)
    assert not result['error'], result
    wrong = client.sh(f'umount /mnt/fs && fsck.ext4 -fn {fs} >/tmp/fsck 2>&1 '
                      f'|| cat /tmp/fsck; mount {fs} /mnt/fs && '
                      f'{CHECKER}', timeout=120)
    assert not wrong, wrong
    assert int(client.sh('wc -l </tmp/done')) > CUTS
    if PEER == 'dst':
        counters = [dst_status(client, dev)['counters'] for dev in devs]
        assert not any(c['errors'] for c in counters), counters
        assert any(c['replays'] for c in counters), counters
