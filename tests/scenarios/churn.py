# SPDX-License-Identifier: GPL-2.0-only
"""The module loaded and unloaded 50 times, a device attached and detached 200
times: nothing grows, neither slab caches nor sockets nor threads.

A cache is taken to grow if it does so by an object for each attach, twice in
a row; caches that are not shrunk at once vary by less.
"""

from lib import PLACE, dst_attach, dst_export, leaks, null_blk, wait_until

TIMES = 200
LOADS = 50
VARIANTS = ('attach', 'load')

COUNT = r'''
for c in /sys/kernel/slab/*/; do
	echo 1 >${c}shrink
done 2>/dev/null
# areas that vfree() has yet to give back are counted by neither, and what a
# debug kernel remembers of objects is not ours
awk 'NR > 2 && $1 !~ /^(vmap_area|kmemleak|debug_objects)/ { print $1, $2 }' \
	/proc/slabinfo
echo vmalloc $(grep -vc unpurged /proc/vmallocinfo)
'''
# /proc/net is of the namespace of who reads it
SOCKETS = ("awk '/^TCP:/ { print $3 + $5 }' /proc/net/sockstat; "
           "ps -e -o comm= | grep -c '^dst' || true")


def objects(host):
    return {name: int(n) for name, n in
            (line.split() for line in host.sh(COUNT).splitlines())}


def attach(rig):
    client, server = rig.client, rig.server
    target = dst_export(server, 'e', null_blk(server, 'ram0', mb=16))
    n = TIMES // rig.slow // 2
    # closed connections are remembered by TCP for a minute, unless told not to
    for host in (client, server):
        host.run('echo 0 >/proc/sys/net/ipv4/tcp_max_tw_buckets')
    churn = f'churn {n} {server.ip} e'
    client.run(f'churn 10 {server.ip} e', timeout=60)

    def sockets():
        return [h.sh(SOCKETS) for h in (client, server)]
    before = sockets()
    counts = [objects(client)]
    for _ in range(2):
        res = client.run(churn, check=False, timeout=90)
        assert res.rc == 0, res.out
        wait_until(lambda: sockets() == before, 20,
                   f'sockets and threads are as before: {before}')
        counts.append(objects(client))

    def grown():
        first, second, third = counts
        return {name: (first[name], second.get(name, 0), third[name])
                for name in first
                if second.get(name, 0) - first[name] >= n * 0.9
                and third.get(name, 0) - second[name] >= n * 0.9}

    def settled():
        # no later than need be: others allocate as well
        if grown():
            counts[2] = objects(client)
        return not grown()
    wait_until(settled, 20, f'no cache grows: {grown()}')
    dst_attach(client, target)


def load(rig):
    node = rig.client
    times = LOADS // rig.slow
    node.run('rmmod dst; i=0; while [ $i -lt '
             f'{times} ]; do insmod {PLACE}/dst.ko && rmmod dst || exit 1; '
             'i=$((i + 1)); done', timeout=110)
    problems = leaks(node)
    assert not problems, problems


def run(rig, variant):
    {'attach': attach, 'load': load}[variant](rig)
