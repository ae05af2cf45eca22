# SPDX-License-Identifier: GPL-2.0-only
"""A client, a server, two devices between them, and what is done to them.

      n0 client                                 n1 server
      ┌──────────────────────────────┐          ┌─────────────────────────┐
      │ dsthist ── /dev/dst0 ────────┼── h ─────┼── dm disk-h ┐           │
      │ files.py ─ ext4 ─ /dev/dst1 ─┼── f ─────┼── dm disk-f ┴ vdb       │
      │ logs, list ─ ext4 ─ vda      │          │  (loses what was not    │
      │ (loses nothing)              │          │   flushed with power)   │
      └──────────────────────────────┘          └─────────────────────────┘

Each fault is a method named for it. It ends with all in place again; then both
devices must come online and both loads do I/O.
"""

import collections
import signal

import lib
import schedule
from loads import KEEP, Failed, Files, History, progress, sum_of
from rig import in_parallel

MB = {'h': 16, 'f': 64}
FIRST_MB = {'h': 0, 'f': 16}
# An outage on purpose is not a hung task; one that does not end is.
HUNG_SECONDS = 200


class Device:
    """A device of the client and the export behind it."""

    def __init__(self, index, export, options):
        self.path, self.export = f'/dev/dst{index}', export
        self.dm = f'disk-{export}'
        self.options = dict(options)
        self.target = None
        self.seen = {}

    def table(self, server, ms=0):
        """Its part of the server's disk, perhaps a slow one."""
        sectors = MB[self.export] << 11
        place = f'{server.lossy_disk} {FIRST_MB[self.export] << 11}'
        return f'0 {sectors} ' + (f'delay {place} {ms}' if ms else
                                  f'linear {place}')

    def attach(self, client):
        words = ['--name', self.path[5:], '--wait', '60s']
        for name, value in self.options.items():
            words += [f'--{name}'] if value is True else [f'--{name}', value]
        assert lib.dst_attach(client, self.target, *words,
                              timeout=90) == self.path
        self.seen = {}


class Soak:
    def __init__(self, rig, plan):
        self.rig, self.plan = rig, plan
        self.client, self.server = rig.clients[0], rig.servers[0]
        self.devices = {e: Device(i, e, plan.options[e])
                        for i, e in enumerate(schedule.DEVICES)}
        self.history = History(self.client, self.devices['h'].path, plan.load)
        self.files = Files(self.client, self.devices['f'].path, plan.seed)
        self.loads = self.history, self.files
        self.counters = collections.Counter()
        self.done = collections.Counter()
        self.last = 0           # number of the fault that came last

    # -- what both machines need ---------------------------------------

    def paths(self):
        return [d.path for d in self.devices.values()]

    def node_ready(self, node):
        lib.load(node)
        node.run('f=/proc/sys/kernel/hung_task_timeout_secs; '
                 f'[ ! -e $f ] || echo {HUNG_SECONDS} >$f')

    def offer(self):
        """Make the server's disks and exports, as after every boot."""
        self.node_ready(self.server)
        self.make_disks()
        for device in self.devices.values():
            self.add_export(device)

    def make_disks(self):
        for device in self.devices.values():
            lib.dm(self.server, device.dm, device.table(self.server))

    def add_export(self, device):
        device.target = lib.dst_export(self.server, device.export,
                                       '/dev/mapper/' + device.dm)

    def attach(self):
        for device in self.devices.values():
            device.attach(self.client)

    def detach_devices(self):
        self.count()
        for path in self.paths():
            lib.dst_detach(self.client, path, timeout=120)

    def set_options(self, options):
        for export, device in self.devices.items():
            device.options = dict(options[export])

    # -- the loads -----------------------------------------------------

    def begin(self):
        client, (raw, fs) = self.client, self.paths()
        self.offer()
        self.node_ready(client)
        client.run(f'mkfs.ext4 -q {client.disk} && mkdir -p {KEEP} && '
                   f'mount {client.disk} {KEEP}', timeout=120)
        self.files.install()
        self.attach()
        client.run(f'mkfs.ext4 -q {fs}', timeout=120)
        self.files.mount()
        self.start()
        progress(client, self.paths())

    def start(self):
        for load in self.loads:
            load.start()

    def client_back(self):
        """The client has booted after a crash: is all there?"""
        client, raw = self.client, self.devices['h'].path
        self.node_ready(client)
        client.run(f'mkdir -p {KEEP} && mount {client.disk} {KEEP}')
        self.attach()
        # What the crashed client left in the server's cache is no longer in
        # anybody's memory: a cut of the server may take it back, as that of any
        # disk, until it is flushed. What is read from now on must stay.
        client.run(f'sync -d {raw}', timeout=120)
        self.history.check(crashed=True)
        self.files.check_all()
        self.start()

    def count(self):
        """Add up the counters; no I/O may have failed, nothing be lost."""
        status = lib.dst_status(self.client)
        for device in self.devices.values():
            now, = [d for d in status['devices'] if d['path'] == device.path]
            if now['counters']['errors'] or now['lost_bytes'] or \
                    now['state'] == 'failed':
                raise Failed(f'{device.path}: {now}')
            for key, value in now['counters'].items():
                self.counters[key] += value - device.seen.get(key, 0)
            device.seen = now['counters']

    def settle(self):
        """A fault is over: all must be well again."""
        for path in self.paths():
            lib.wait_state(self.client, path, 'online', 120)
        for load in self.loads:
            load.still_runs()
        progress(self.client, self.paths())
        self.count()
        malformed = [e for e in lib.dst_status(self.server)['exports']
                     if e['counters']['malformed']]
        if malformed:
            raise Failed(f'broken protocol: {malformed}')

    def run(self, fault):
        """Inject one fault and await the end of its consequences."""
        self.last = fault.number
        lib.pause(self.client, fault.gap)
        getattr(self, fault.kind.replace('-', '_'))(**fault.args)
        self.settle()
        self.done[fault.kind] += 1

    # -- power ---------------------------------------------------------

    def server_cut(self, off, again, after, link):
        if link == 'down':
            self.rig.cut(self.client, self.server)
        for n in range(again + 1):
            if n:
                lib.pause(self.client, after)
            self.server.power_off()
            lib.pause(self.client, off)
            self.server.power_on()
            self.offer()
        if link == 'down':
            lib.pause(self.client, after)
            self.rig.restore()

    def client_cut(self, off, server, options):
        down = [self.client]
        if server == 'cut-before':
            self.server.power_off()
            lib.pause(self.client, off)
            down.append(self.server)
        self.client.power_off()
        for load in self.loads:
            load.lost()
        if server == 'cut-after':
            self.server.power_off()
            down.append(self.server)
        elif server == 'up':
            lib.pause(self.server, off)
        in_parallel(lambda n: n.power_on(), down)
        if self.server in down:
            self.offer()
        self.set_options(options)
        self.client_back()

    # -- network -------------------------------------------------------

    def link_cut(self, seconds):
        self.rig.cut(self.client, self.server)
        lib.pause(self.client, seconds)
        self.rig.restore()

    def oneway_cut(self, to, seconds):
        ends = (self.client, self.server) if to == 'server' else \
            (self.server, self.client)
        self.rig.cut(*ends, oneway=True)
        lib.pause(self.client, seconds)
        self.rig.restore()

    def delay(self, at, what, seconds):
        hosts = [getattr(self, name) for name in at]
        for host in hosts:
            host.netem(what)
        lib.pause(self.client, seconds)
        for host in hosts:
            host.netem(None)

    def lane_loss(self, at, which):
        """Connections are reset one by one."""
        client, server = self.client, self.server
        host, own = (client, 'sport') if at == 'client' else (server, 'dport')
        for n in which:
            ports = client.sh(f'ss -Htn dst {server.ip} dport = {lib.PORT} | '
                              'sed "s/.*:\\([0-9]*\\) .*/\\1/"').split()
            if ports:
                other = 'dport' if own == 'sport' else 'sport'
                host.run(f'ss -K {own} = {ports[n % len(ports)]} '
                         f'{other} = {lib.PORT}')

    # -- disks and machines --------------------------------------------

    def disk_stuck(self, disks, seconds):
        names = [self.devices[d].dm for d in disks]
        for name in names:
            self.server.run(f'dmsetup suspend --noflush --nolockfs {name}')
        lib.pause(self.client, seconds)
        for name in names:
            self.server.run(f'dmsetup resume {name}')

    def disk_slow(self, disks, ms, seconds):
        self.server.run('modprobe dm-delay 2>/dev/null; true')
        devices = [self.devices[d] for d in disks]
        for device in devices:
            lib.dm_reload(self.server, device.dm,
                          device.table(self.server, ms))
        lib.pause(self.client, seconds)
        for device in devices:
            lib.dm_reload(self.server, device.dm, device.table(self.server))

    def freeze(self, who, seconds):
        host, other = (self.server, self.client) if who == 'server' else \
            (self.client, self.server)
        host.freeze()
        lib.pause(other, seconds)
        host.thaw()

    # -- what an administrator does ------------------------------------

    def ack_change(self, changes):
        for export, level in (c.split('=') for c in changes):
            device = self.devices[export]
            lib.dstctl(self.client, 'set', device.path, f'ack={level}')
            device.options['ack'] = level

    def export_again(self, exports, seconds):
        """A new boot id, though the server did not lose anything."""
        devices = [self.devices[e] for e in exports]
        for device in devices:
            lib.dstctl(self.server, 'export', 'remove', device.export,
                       '--force')
        lib.pause(self.client, seconds)
        for device in devices:
            self.add_export(device)

    def detach_all(self, how):
        self.files.stop()
        self.files.umount()
        self.history.stop(how)
        self.detach_devices()

    def detach(self, load, server, module, options):
        """A detach waits until all is on stable storage."""
        self.detach_all(signal.SIGKILL if load == 'killed' else signal.SIGTERM)
        if server == 'cut':
            self.server.restart()
            self.offer()
        if module == 'reloaded':
            lib.unload(self.client)
            lib.load(self.client)
        self.set_options(options)
        self.attach()
        self.files.mount()
        self.files.check()
        self.start()

    # -- the end -------------------------------------------------------

    def end(self):
        """All is there, through the devices and on the disk itself."""
        for load in self.loads:
            load.stop()
        self.history.check(crashed=False)
        self.files.umount()
        self.files.fsck()
        self.files.mount()
        self.files.check()
        self.files.umount()
        self.count()
        told = {e: sum_of(self.client, d.path)
                for e, d in self.devices.items()}
        self.detach_devices()
        self.server.restart()
        self.make_disks()
        for export, device in self.devices.items():
            found = sum_of(self.server, '/dev/mapper/' + device.dm)
            if found != told[export]:
                raise Failed(f'{device.path} had other content than what is '
                             'on the disk after it was detached')
