# SPDX-License-Identifier: GPL-2.0-only
"""What scenarios are written with. tests/README.md lists it."""

import json
import shlex
import signal
import time

PORT = 4490
PATIENCE = 1        # limits are multiplied with it; set by the rig
PLACE = '/run/dst/bin'


class Skip(Exception):
    """Raised by a scenario that cannot run here, with the reason."""


# -- waiting ---------------------------------------------------------------

def wait_until(cond, timeout=30, what='', interval=0.1):
    """Await cond() being true and return its value.

    The limit is wall time, multiplied by the rig's patience; what must be fast
    is measured with timed() or uptime() instead.
    """
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    while True:
        value = cond()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {timeout} s: '
                                 f'{what or getattr(cond, "__doc__", cond)}')
        time.sleep(interval)


def wait_for(host, cmd, timeout=30):
    """Await a shell condition on a host, tested there."""
    host.run(f'until {{ {cmd}; }} >/dev/null 2>&1; do sleep 0.1; done',
             timeout=timeout)


def pause(host, seconds):
    """Let guest time pass: for outages of a given length, nothing else."""
    host.run(f'sleep {seconds}', timeout=seconds + 60)


def uptime(host):
    """Seconds on the guest's monotonic clock."""
    return float(host.sh('cut -d" " -f1 /proc/uptime'))


def timed(host, cmd, timeout=60):
    """Run a command, fail or not; (rc, seconds it took in the guest, output)."""
    res = host.run('read -r a _ </proc/uptime; { ' + cmd + '\n} 2>&1; rc=$?; '
                   'read -r b _ </proc/uptime; echo; echo "$rc $a $b"',
                   timeout=timeout)
    body, _, last = res.out.rstrip('\n').rpartition('\n')
    rc, a, b = last.split()
    return int(rc), float(b) - float(a), body.strip()


# -- hosts as network namespaces of one node -------------------------------

class Host:
    """A network namespace of a node, used like a node."""

    def __init__(self, node, name, number):
        self.node, self.name = node, name
        self.ip, self.ip6 = f'10.45.0.{number}', f'fd45::{number}'
        self.rig, self.slow = node.rig, node.slow
        self.cut = self.delayed = False     # something to restore

    def spawn(self, cmd, stdin=False):
        return self.node.spawn(cmd, stdin, self.name)

    def run(self, cmd, check=True, timeout=30, stdin=None):
        return self.node.run(cmd, check, timeout, stdin, self.name)

    def sh(self, cmd, timeout=30):
        return self.run(cmd, timeout=timeout).out.strip()

    def ok(self, cmd, timeout=30):
        return self.run(cmd, check=False, timeout=timeout).rc == 0

    def write(self, path, data):
        self.node.write(path, data)

    def read(self, path):
        return self.node.read(path)

    def netem(self, what):
        netem(self, what)


def namespaces(node, clients, servers):
    """Make the namespaces that are not there yet; returns their hosts."""
    wanted = [(n, i + 1) for i, n in enumerate(clients)] + \
             [(n, i + 11) for i, n in enumerate(servers)]
    new = [(n, i) for n, i in wanted if n not in node.namespaces]
    if new:
        script = ['set -e']
        batch = []
        if not node.namespaces:
            batch += ['link add dst0br type bridge forward_delay 0 '
                      'mcast_snooping 0', 'link set dst0br up']
        for name, _ in new:
            batch += [f'netns add {name}',
                      f'link add v-{name} type veth peer name eth0 '
                      f'netns {name}',
                      f'link set v-{name} master dst0br up']
        script.append('ip -batch - <<E\n' + '\n'.join(batch) + '\nE')
        for name, number in new:
            script.append(
                f'ip -n {name} -batch - <<E\n'
                'link set lo up\n'
                f'addr add 10.45.0.{number}/24 dev eth0\n'
                f'addr add fd45::{number}/64 dev eth0 nodad\n'
                'link set eth0 up\nE')
        node.run('\n'.join(script), timeout=60)
        for name, number in new:
            node.namespaces[name] = Host(node, name, number)
    return [node.namespaces[n] for n, _ in wanted]


def netem(host, what):
    """netem on what this host sends: 'delay 20ms', 'loss 1%'; None ends it."""
    host.run('tc qdisc del dev eth0 root 2>/dev/null; true')
    host.delayed = bool(what)
    if what:
        host.run(f'modprobe sch_netem 2>/dev/null; '
                 f'tc qdisc add dev eth0 root netem {what}')


def netns_cut(a, b, oneway):
    if b is None:
        a.node.run(f'ip link set v-{a.name} down')
        a.cut = True
        return
    for x, y in ((a, b),) if oneway else ((a, b), (b, a)):
        y.cut = True
        y.run('nft -f -', stdin=(
            'table inet dstcut {\n chain in {\n'
            '  type filter hook input priority 0;\n'
            f'  ip saddr {x.ip} drop\n  ip6 saddr {x.ip6} drop\n }}\n}}\n'))


def netns_restore(host):
    if host.cut:
        host.run('nft delete table inet dstcut 2>/dev/null; true')
        host.node.run(f'ip link set v-{host.name} up')
        host.cut = False


def drop(host, *matches):
    """From now on drop what comes in and matches (nft); nothing: end that.

    Unlike a cut, it is for some packets only.
    """
    table = 'table inet dstdrop'
    rules = ''.join(f'  {m} drop\n' for m in matches)
    host.run('nft -f -', stdin=f'{table} {{ }}\ndelete {table}\n' + (
        f'{table} {{\n chain in {{\n  type filter hook input priority 0;\n'
        f'{rules} }}\n}}\n' if matches else ''))
    if matches:
        host.rig.defer(drop, host)


# -- block devices for exports ---------------------------------------------

def null_blk(host, name, mb=256, cache_mb=0, block=512, **attrs):
    """A RAM disk /dev/NAME; with cache_mb, one with a volatile cache."""
    attrs = dict({'size': mb, 'memory_backed': 1, 'blocksize': block,
                  'completion_nsec': 0, 'irqmode': 0, 'discard': 1}, **attrs)
    if cache_mb:
        attrs['cache_size'] = cache_mb
    d = f'/sys/kernel/config/nullb/{name}'
    sets = ' && '.join(f'echo {v} >{d}/{k}' for k, v in attrs.items())
    host.run(f'[ -d /sys/kernel/config/nullb ] || modprobe null_blk '
             f'nr_devices=0; mkdir {d} && {sets} && echo 1 >{d}/power')
    return '/dev/' + name


def loop(host, name, mb=256):
    """A sparse file on tmpfs behind a loop device; (device, file)."""
    path = f'/run/dst/{name}.img'
    dev = host.sh(f'modprobe loop 2>/dev/null; truncate -s {mb}M {path}; '
                  f'losetup -f --show {path}')
    return dev, path


def tune(rig, node, file, value):
    """Write to a file of /proc or /sys; what it said is back at the end."""
    before = node.read(file).strip()
    node.run(f'echo {value} >{file}')
    rig.defer(node.run, f'echo {before} >{file}')


def classic_reclaim(rig, node):
    """Have the node reclaim page cache as older kernels do.

    6.12's multi-gen LRU killed a shell, once in some hundred runs, though there
    were 28 MiB of page cache that was neither dirty nor being written.
    """
    file = '/sys/kernel/mm/lru_gen/enabled'
    if node.ok(f'test -e {file}'):
        tune(rig, node, file, 0)


def dm(host, name, table):
    """A device-mapper device; the table may be several lines."""
    target = table.split()[2]
    mod = {'linear': '', 'error': '', 'delay': 'dm-delay',
           'flakey': 'dm-flakey', 'zero': 'dm-zero', 'dust': 'dm-dust',
           'log-writes': 'dm-log-writes'}.get(target, '')
    host.run(f'modprobe dm-mod 2>/dev/null; '
             f'{f"modprobe {mod} 2>/dev/null;" if mod else ""} '
             f'dmsetup create {name}', stdin=table + '\n')
    return '/dev/mapper/' + name


def dm_reload(host, name, table):
    """Change the table of a live device-mapper device."""
    host.run(f'dmsetup suspend --noflush {name}; dmsetup reload {name} && '
             f'dmsetup resume {name}', stdin=table + '\n')


def switched_disk(host):
    """A disk, and one with two ways to its sectors: (disk, switched).

    Now it takes the slow way, on which I/O hangs until release_slow().
    """
    ram = null_blk(host, 'ram0', mb=16)
    n = sectors(host, ram)
    slow = dm(host, 'slow', f'0 {n} delay {ram} 0 0 {ram} 0 60000')
    if not host.ok('modprobe dm-switch || dmsetup targets | grep -q switch'):
        raise Skip('this kernel has no dm-switch')
    disk = dm(host, 'both', f'0 {n} switch 2 {n} 0 {slow} 0 {ram} 0')
    switch_way(host, 0)
    return ram, disk


def switch_way(host, way):
    """What comes now goes the slow way (0) of switched_disk(), or the quick."""
    host.run(f'dmsetup message both 0 set_region_mappings 0:{way}')


def release_slow(host):
    """Let through what hangs on the slow way of switched_disk()."""
    host.run('dmsetup suspend slow && dmsetup resume slow')


def wait_slow(host, writes):
    """Await so many writes hanging in switched_disk()."""
    number = host.sh('dmsetup info -c --noheadings -o major,minor '
                     '--separator : both')
    wait_for(host, f'read -r _ w </sys/dev/block/{number}/inflight && '
             f'[ "$w" = {writes} ]')


def sectors(host, dev):
    """Size in sectors of 512 bytes."""
    return int(host.sh(f'blockdev --getsz {dev}'))


# -- DST -------------------------------------------------------------------

def load(host, params=''):
    """Load dst.ko unless it is there."""
    host.node.run(f'[ -d /sys/module/dst ] || insmod {PLACE}/dst.ko {params}')


def unload(host, timeout=30):
    """Unload dst.ko; it must leave nothing behind."""
    host.node.run('rmmod dst', timeout=timeout)
    problems = leaks(host)
    assert not problems, '\n'.join(problems)


def dstctl(host, *args, check=True, timeout=60):
    """dstctl ARGS; (rc, out, err)."""
    return host.run('dstctl ' + ' '.join(shlex.quote(str(a)) for a in args),
                    check=check, timeout=timeout)


def dst_export(host, name, path, *options, listen=None, allow='0.0.0.0/0'):
    """Export PATH on all of the host's addresses, to anyone unless told."""
    args = []
    if listen is None:
        listen = [f'{host.ip}:{PORT}', f'[{host.ip6}]:{PORT}']
    for addr in listen:
        args += ['--listen', addr]
    if allow == '0.0.0.0/0':
        args += ['--allow', '0.0.0.0/0', '--allow', '::/0']
    elif allow:
        args += ['--allow', allow]
    dstctl(host, 'export', 'add', name, path, *args, *options)
    return f'{host.ip}:{PORT}/{name}'


def dst_attach(host, target, *options, timeout=60):
    """Attach TARGET; returns the device's path."""
    path = dstctl(host, 'attach', target, *options, timeout=timeout).out.strip()
    assert path.startswith('/dev/'), f'attach printed {path!r}'
    return path


def dst_detach(host, dev, *options, timeout=60):
    dstctl(host, 'detach', dev, *options, timeout=timeout)


def dst_status(host, what=None):
    """dstctl status --json: all of it, or the one device or export named."""
    data = json.loads(dstctl(host, 'status', '--json').out)
    if what is None:
        return data
    name = what.rpartition('/')[2]
    for item in data.get('devices', []) + data.get('exports', []):
        if item['name'] == name:
            return item
    raise AssertionError(f'{what} is not in dstctl status: {data}')


def wait_state(host, dev, state, timeout=60):
    """Await a device's state, in the kernel."""
    dstctl(host, 'wait', dev, state, '--timeout', int(timeout * PATIENCE),
           timeout=timeout + 30)


def wait_in_flight(host, dev, count):
    """Await that many transactions of a device having no answer."""
    wait_until(lambda: dst_status(host, dev)['in_flight'] == count,
               what=f'{count} in flight on {dev}')


def leg_states(host, dev):
    """The state of each leg of a mirror."""
    return [leg['state'] for leg in dst_status(host, dev)['legs']]


def wait_settled(host, dev):
    """Await a mirror having all regions equal on all legs."""
    wait_until(lambda: not dst_status(host, dev)['unsettled_bytes'], 60,
               'settled')


# -- load and data ---------------------------------------------------------

def fio_args(dev, **opts):
    opts = dict({'name': 'j', 'filename': dev, 'direct': 1,
                 'ioengine': 'libaio', 'thread': 1, 'bs': '4k',
                 'group_reporting': 1, 'fallocate': 'none'}, **opts)
    return ' '.join('--' + k.rstrip('_') + ('' if v is None else f'={v}')
                    for k, v in opts.items())


def fio(host, dev, timeout=120, check=True, **opts):
    """Run fio with these options; its first job as a dict."""
    res = host.run('fio --output-format=json ' + fio_args(dev, **opts),
                   check=check, timeout=timeout)
    text = res.out[res.out.index('{'):] if '{' in res.out else '{}'
    jobs = json.loads(text).get('jobs') or [{}]
    return dict(jobs[0], rc=res.rc, err=res.err)


def fio_start(host, dev, **opts):
    """Start fio; returns its Job (fio_result() reads what it printed)."""
    return host.spawn('fio --output-format=json ' + fio_args(dev, **opts))


def fio_result(job, timeout=120, check=True):
    res = job.wait(timeout, check=check)
    text = res.out[res.out.index('{'):] if '{' in res.out else '{}'
    jobs = json.loads(text).get('jobs') or [{}]
    return dict(jobs[0], rc=res.rc, err=res.err)


def end_history(host, job, log, dev):
    """End a `dsthist run` that writes to log, and check all that it did."""
    job.kill(signal.SIGTERM)
    job.wait(60, check=True)
    assert ' 0 failed' in job.err, job.err
    res = host.run(f'dsthist check {log} --final {dev}', check=False)
    assert res.rc == 0, res.out + res.err


def fill(host, dev, byte, offset, length):
    """Write length bytes of one value at offset (both multiples of 512)."""
    block = _block(offset, length)
    host.run(f'head -c {length} /dev/zero | tr "\\000" "\\{byte:03o}" | '
             f'dd of={dev} bs={block} seek={offset} iflag=fullblock '
             'oflag=direct,seek_bytes conv=notrunc status=none')


def _block(offset, length):
    """How much dd moves at once: few round trips where there is much."""
    if length > 256 << 10:
        return 64 << 10
    return 4096 if offset % 4096 == 0 and length % 4096 == 0 else 512


def peek(host, dev, offset, length=512):
    """Bytes at offset, read directly."""
    whole = -(-length // 512) * 512
    job = host.spawn(f'dd if={dev} bs={_block(offset, length)} skip={offset} '
                     f'count={whole} iflag=direct,skip_bytes,count_bytes '
                     'status=none')
    job.wait(60, check=True)
    return job.raw[:length]


def sums(host, path):
    """Checksum of all below a directory: names and contents."""
    return host.sh(f'cd {path} && find . -type f -print0 | sort -z | '
                   'xargs -0 sha256sum | sha256sum', timeout=180)


def tree(host, where, files=200, kb=16):
    """Make a directory tree of files with random content; its sums()."""
    host.run(f'mkdir -p {where} && cd {where} && for d in 0 1 2 3 4 5 6 7; do '
             f'mkdir d$d; head -c {files * kb * 128} /dev/urandom | '
             f'split -a 4 -b {kb * 1024} - d$d/f; done', timeout=120)
    return sums(host, where)


def dmesg(host, since=0):
    """The kernel log of the host's node, as lines."""
    return host.node.sh('dmesg').splitlines()[since:]


def monitor_uevents(host):
    """Return the job of a monitor of the kernel's uevents, once it hears them.
    """
    job = host.spawn('exec udevadm monitor -k -p')
    # NETLINK_KOBJECT_UEVENT is protocol 15; the kernel sends to group 1
    wait_for(host, 'pid=$(pgrep -x udevadm) && grep -Eq '
             '"^[^ ]+ +15 +$pid +00000001 " /proc/net/netlink')
    return job


def logged(host, pattern):
    """Has the kernel said so, in this scenario? (fixed string)"""
    node = host.node
    return pattern in node.serial_text(node.rig._log_start.get(node, 0))


# -- fault injection (debug kernel) ----------------------------------------

def inject(host, what, probability=1, times=-1, **more):
    """Turn on failslab, fail_page_alloc or fail_make_request; ends by itself."""
    d = f'/sys/kernel/debug/{what}'
    values = dict({'times': times, 'interval': 1, 'verbose': 0}, **more)
    # last: it begins with this, and must not hit what the rest would spare
    values['probability'] = probability
    host.node.run(' && '.join(f'echo {v} >{d}/{k.replace("_", "-")}'
                              for k, v in values.items()))


# -- leaving no trace ------------------------------------------------------

LEAKS = r'''
for c in /sys/kernel/slab/dst_* /sys/kernel/slab/dst-*; do
	[ -e "$c" ] && echo "slab cache left: ${c##*/}"
done
[ -e /dev/dst-control ] && echo "left: /dev/dst-control"
[ -d /sys/module/dst ] && echo "module still loaded"
# local or remote port PORT, established or listening, in any namespace; what
# waits for the end of a handshake (03) TCP forgets by itself
for n in '' /run/netns/*; do
	case $n in
	'') cat /proc/net/tcp /proc/net/tcp6 ;;
	*) [ -e "$n" ] && nsenter --net=$n cat /proc/net/tcp /proc/net/tcp6 ;;
	esac | while read -r i l r st rest; do
		case $l,$r in
		*:PORT,*|*,*:PORT)
			case $st in
			01|02|08|0A)
				echo "socket left${n:+ in ${n##*/}}: $l $r state $st" ;;
			esac ;;
		esac
	done
done
true
'''


def leaks(host):
    """What an unloaded dst.ko left behind, as lines."""
    return host.node.sh(LEAKS.replace('PORT', f'{PORT:04X}')).splitlines()


# Everything a scenario may have made, undone in one go; each line it prints
# is a problem. Few processes are started: they cost most of its time.
CLEAN = r'''
mounts=
swaps=
while read -r dev dir rest; do
	case "$dev $dir" in
	*' /mnt/'*|/dev/dst*) mounts="$dir $mounts" ;;
	esac
done </proc/mounts
while read -r dev rest; do
	case $dev in /*) swaps="$swaps $dev" ;; esac
done </proc/swaps
[ -n "$swaps" ] && swapoff $swaps
for m in $mounts; do
	umount "$m" 2>/dev/null || umount -l "$m"
done
for f in failslab fail_page_alloc fail_make_request; do
	d=/sys/kernel/debug/$f
	[ -e $d ] && echo 0 >$d/probability
done
for d in /sys/block/dm-*; do
	[ -e "$d" ] || continue
	read -r s <$d/dm/suspended; read -r name <$d/dm/name
	[ "$s" = 1 ] && dmsetup resume "$name"
done

if [ -d /sys/module/dst ]; then
	:; DST
	rmmod dst 2>&1 || echo "cannot unload dst"
fi

for d in /sys/block/md*; do
	[ -e "$d" ] && mdadm --stop /dev/${d##*/} >/dev/null 2>&1
done
i=0
while [ $i -lt 5 ]; do
	set -- /sys/block/dm-*
	[ -e "$1" ] || break
	dmsetup remove_all >/dev/null 2>&1
	i=$((i + 1))
done
[ $i = 5 ] && echo "dm devices left"
for d in /sys/block/loop*/loop; do
	[ -e "$d" ] && { losetup -D; break; }
done
for n in /sys/kernel/config/nullb/*/; do
	[ -d "$n" ] || continue
	echo 0 >"${n}power"; rmdir "$n" || echo "null_blk left: $n"
done
for f in /run/dst/*.img /tmp/* /mnt/* /var/lib/dst/*; do
	[ -e "$f" ] && { rm -rf /run/dst/*.img /tmp/* /mnt/* /var/lib/dst; break; }
done
true
'''


def clean(node):
    """Bring a node back to how it booted. Returns problems as lines."""
    for job in list(node._jobs.values()):
        job.kill()
    for host in [node] + list(node.namespaces.values()):
        if host.delayed:
            host.netem(None)
    cmds = []
    res = node.run('[ -c /dev/dst-control ] && dstctl status --json',
                   check=False, timeout=60)
    if res.rc == 0:
        state = json.loads(res.out)
        cmds = [f'detach {d["name"]} --force' for d in state['devices']]
        cmds += [f'export remove {e["name"]} --force' for e in state['exports']]
    cmds = ''.join(f'dstctl {c} >/dev/null || echo "failed: dstctl {c}"; '
                   for c in cmds)
    script = CLEAN.replace(':; DST', cmds) + \
        LEAKS.replace('PORT', f'{PORT:04X}')
    return node.sh(script, timeout=60).splitlines()


def kmemleak(node):
    """Objects that nothing refers to and that DST allocated (dst.ko unloaded).

    Its code is gone by then: its frames are addresses without a name.
    kmemleak only reports what is older than five seconds.
    """
    found = []
    text = node.sh('k=/sys/kernel/debug/kmemleak; [ -e $k ] || exit 0; sleep 6;'
                   ' echo scan >$k; echo scan >$k; cat $k', timeout=200)
    for block in text.split('unreferenced object')[1:]:
        if '[dst]' in block or 'ffffffffa0' in block or 'ffffffffc0' in block:
            found.append(f'{node.name}: kmemleak: unreferenced object'
                         + block.rstrip())
    return found


def kmemleak_all(rig):
    """kmemleak() of all nodes that run: the end of a run."""
    found = []
    for node in rig.pool:
        if node.up and not node.dirty and not node.booting:
            found += kmemleak(node)
    return found
