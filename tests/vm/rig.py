# SPDX-License-Identifier: GPL-2.0-only
"""The test rig: nodes, the network between them, and their state.

      the development machine (its own kernel is never touched)
      ┌───────────────────────────────────────────────────────────────┐
      │ network namespace dst-rig-PID          10.44.0.0/24 fd44::/64 │
      │                                                               │
      │            ┌──────────── bridge br0 ─────────────┐            │
      │            │  nft "cut": drops one way A -> B    │            │
      │            └─┬─────────┬──────────┬───────────┬──┘            │
      │            tap0      tap1       tap2        tap3  (down: cut) │
      │  ┌───────────┴──┐ ┌────┴─────┐ ┌──┴───────┐ ┌─┴────────┐      │
      │  │ n0  .10      │ │ n1  .11  │ │ n2  .12  │ │ n3  .13  │      │
      │  │ client       │ │ server   │ │ server   │ │ server   │ QEMU │
      │  │ vda vdb      │ │ vda vdb  │ │ vda vdb  │ │ vda vdb  │      │
      │  └──────────────┘ └──────────┘ └──────────┘ └──────────┘      │
      └───────────────────────────────────────────────────────────────┘

   vda  survives a power cut and has no volatile cache
   vdb  has a volatile cache (nbdkit); power_off() loses what was not flushed
   /    is this machine's root, read-only over 9p, below a tmpfs
   Commands, their output and exit status travel over a virtio-serial port,
   power and freezing over QMP, the kernel log over the serial line.

   With NODES = 1, client and servers are network namespaces of node n0:

      n0 ┌──────────────────────────────────────────────────────┐
         │  bridge dst0br   10.45.0.0/24 fd45::/64              │
         │   ├─ client   .1    ├─ client2 .2    ...             │
         │   ├─ server   .11   ├─ server2 .12   ...             │
         └──────────────────────────────────────────────────────┘
"""

import atexit
import os
import re
import shutil
import subprocess
import sys
import threading
import time

import lib
from node import Node, REPORTS

RUN_ROOT = '/dev/shm' if os.access('/dev/shm', os.W_OK) else '/tmp'
PREFIX = 'dst-rig-'
# A breakpoint of the kernel's own that is there no more: TCG missed that its
# text was patched. What it says of our module is ours.
TRAP = re.compile(r'(?:Oops: int3|int3: 0000)(?:.*\n){1,8}?'
                  r'.*RIP: \w+:[^\s\]]+(?! \[dst\])\s*$', re.M)
# The same, once the text is whole again: TCG still has the breakpoint, whose
# handler finds none and goes back to where it was. So a CPU stays for good at a
# jump forward or a no-op, which cannot take any time. Not that at which a
# function begins: there TCG stops in any loop that calls one.
STUCK = re.compile(r'soft lockup - (CPU#\d+) stuck .*\n(?:.*\n){1,8}?'
                   r'.*(RIP: \w+:[^\s\]+]+\+0x(?![04]/)[^\s\]]+)\s*\n'
                   r'.*Code: .*<(?:eb> [0-7]|e9> |66> 90|0f> 1f)')


def tcg_failed(text):
    """Does this kernel log say that TCG missed that the kernel was patched?"""
    stuck = STUCK.findall(text)
    return bool(TRAP.search(text)) or len(set(stuck)) < len(stuck)


def _alive(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            return b'python' in f.read()
    except OSError:
        return False


def remove_stale():
    """Remove what a killed run left: its children died with it."""
    out = subprocess.run(['ip', 'netns', 'list'], stdout=subprocess.PIPE,
                         text=True).stdout
    for line in out.splitlines():
        name = line.split()[0] if line.split() else ''
        if name.startswith(PREFIX) and not _alive(name[len(PREFIX):]):
            subprocess.run(['ip', 'netns', 'delete', name],
                           stderr=subprocess.DEVNULL)
    for name in os.listdir(RUN_ROOT):
        if name.startswith(PREFIX) and not _alive(name[len(PREFIX):]):
            shutil.rmtree(os.path.join(RUN_ROOT, name), ignore_errors=True)


class Rig:
    """Nodes of one kernel. Also what a scenario's run() is given."""

    def __init__(self, kernel, results, verbose=False,
                 kernel_args=''):
        self.kernel = kernel
        self.started = time.monotonic()
        self.slow, self.patience = kernel.slow, kernel.patience
        lib.PATIENCE = kernel.patience
        self.results = results
        self.verbose = verbose
        self.kernel_args = kernel_args
        self.pool = []
        self.nodes = []
        self._expected = []
        self._traces = []
        self.trapped = False    # a machine of the last scenario died of TCG
        self._cut = False
        self._log_start = {}
        self.hosts = []
        self.client = self.server = None
        self.clients, self.servers = [], []
        self._undo = []
        os.makedirs(results, exist_ok=True)
        remove_stale()
        self.netns = PREFIX + str(os.getpid())
        self.run_dir = os.path.join(RUN_ROOT, self.netns)
        os.makedirs(self.run_dir, exist_ok=True)
        # A build that runs meanwhile does not change what this run tests.
        self.share = os.path.join(self.run_dir, 'share')
        built = os.path.join(kernel.build_dir, 'share')
        if os.path.isdir(built):
            shutil.copytree(built, self.share)
        else:
            os.makedirs(self.share)
        atexit.register(self.close)
        self._network()

    def log(self, text):
        sys.stderr.write(f'# {time.monotonic() - self.started:7.2f} {text}\n')
        sys.stderr.flush()

    # -- network -------------------------------------------------------

    def in_netns(self, args):
        return ['nsenter', f'--net=/run/netns/{self.netns}', '--'] + args

    def _ns(self, *args, **kwargs):
        return subprocess.run(self.in_netns(list(args)), check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, **kwargs)

    def _network(self):
        subprocess.run(['ip', 'netns', 'add', self.netns], check=True)
        taps = ''.join(f'tuntap add tap{i} mode tap\n'
                       f'link set tap{i} master br0 up\n' for i in range(4))
        self._ns('ip', '-batch', '-', input=(
            'link set lo up\n'
            'link add br0 type bridge forward_delay 0 mcast_snooping 0\n'
            'link set br0 up\n' + taps))
        self._ns('nft', '-f', '-', input=(
            'table bridge rig {\n chain cut {\n'
            '  type filter hook forward priority 0;\n }\n}\n'))

    def cut(self, a, b=None, oneway=False):
        """Cut the link: all of a's; or between a and b; or only from a to b."""
        if a.node is not a:             # a namespace
            lib.netns_cut(a, b, oneway)
        elif b is None:
            self._cut = True
            self._ns('ip', 'link', 'set', a.tap, 'down')
        else:
            self._cut = True
            pairs = [(a, b)] if oneway else [(a, b), (b, a)]
            for x, y in pairs:
                self._ns('nft', 'add', 'rule', 'bridge', 'rig', 'cut',
                         'iifname', x.tap, 'oifname', y.tap, 'drop')

    def restore(self, *hosts):
        """End every cut (of these hosts, or of all)."""
        for host in hosts or self.hosts:
            if host.node is not host:
                lib.netns_restore(host)
        if not self._cut:
            return
        self._cut = False
        self._ns('nft', 'flush', 'chain', 'bridge', 'rig', 'cut')
        for node in self.pool:
            self._ns('ip', 'link', 'set', node.tap, 'up')

    # -- nodes ---------------------------------------------------------

    def boot(self, count, mem=1024, cpus=2):
        """Have the first `count` nodes running, fresh ones where needed."""
        while len(self.pool) < count:
            self.pool.append(Node(self, len(self.pool), self.kernel))
        nodes = self.pool[:count]
        mem += self.kernel.extra_mem
        for node in nodes:
            # More memory than asked for is as good, except when it is short
            # on purpose.
            fits = node.cpus == cpus and node.mem == mem
            if node.up and (node.dirty or not fits):
                node.kill()
            node.mem, node.cpus = mem, cpus
        booting = [n for n in nodes if not n.up]
        fresh = [n for n in nodes if n.booting or not n.up]
        for node in booting:
            node.start()
        for node in fresh:
            node.wait_boot()
        return nodes

    def recycle(self):
        """Start booting what must boot anew, without waiting for it."""
        for node in self.pool:
            if node.up and node.dirty:
                node.kill()
                node.start()
            elif not node.up and node.qemu:
                node.start()

    def close(self):
        for node in self.pool:
            try:
                node.kill()
            except Exception as e:
                self.log(f'{node.name}: {e}')
        self.pool = []
        if self.netns:
            subprocess.run(['ip', 'netns', 'delete', self.netns],
                           stderr=subprocess.DEVNULL)
            self.netns = None
        shutil.rmtree(self.run_dir, ignore_errors=True)

    # -- one scenario --------------------------------------------------

    def prepare(self, name, nodes=1, clients=1, servers=1, mem=1024, cpus=2,
                module=True):
        """Give a scenario its hosts, with DST loaded on their nodes."""
        self.nodes = self.boot(nodes, mem, cpus)
        self._log_start = {n: n.serial_size() for n in self.pool}
        if nodes == 1:
            hosts = lib.namespaces(
                self.nodes[0],
                ['client' + (str(i + 1) if i else '') for i in range(clients)],
                ['server' + (str(i + 1) if i else '') for i in range(servers)])
            self.clients, self.servers = hosts[:clients], hosts[clients:]
        else:
            self.clients = self.nodes[:clients]
            self.servers = self.nodes[clients:]
        self.hosts = self.clients + self.servers
        self.client = self.clients[0]
        self.server = self.servers[0] if self.servers else None
        in_parallel(lambda n: n.log_mark(f'begin {name}'), self.nodes)
        if module:
            in_parallel(lib.load, self.nodes)

    def defer(self, fn, *args):
        """Call fn(*args) when the scenario ends, last first."""
        self._undo.append((fn, args))

    def finish(self, name, failed):
        """Undo all, unload DST, scan the logs. Returns a list of problems."""
        problems = []
        while self._undo:
            fn, args = self._undo.pop()
            try:
                fn(*args)
            except Exception as e:
                problems.append(f'undoing: {e}')
        for node in self.nodes:
            try:
                if node.frozen:
                    node.thaw()
            except Exception as e:
                problems.append(f'{node.name}: thaw: {e}')
        try:
            self.restore()
        except Exception as e:
            problems.append(f'restoring links: {e}')

        def clean(node):
            if not node.up:
                node.dirty = True
                return
            if node.dirty:
                return
            problems.extend(f'{node.name}: {p}' for p in lib.clean(node))
            node.log_mark(f'end {name}')
        # What is mounted on a client needs its server once more.
        clients = [n for n in self.nodes if n in self.clients]
        servers = [n for n in self.nodes if n not in clients]
        for nodes in clients, servers:
            for node, err in in_parallel(clean, nodes, collect=True):
                node.dirty = True
                problems.append(f'{node.name}: cleaning up: {err}')
        problems.extend(self._scan_logs())
        if problems or failed:
            for node in self.nodes:
                node.dirty = True
        for node in self.nodes:
            node.reset_disks()
        self.nodes = self.hosts = self.clients = self.servers = []
        return problems

    def expect_report(self, pattern):
        """A line of the kernel log that this scenario provokes on purpose."""
        self._expected.append(pattern)

    def expect_trace(self, pattern):
        """A kernel trace that it provokes: matched a few lines above it."""
        self._traces.append(pattern)

    def _scan_logs(self):
        problems = []
        self.trapped = False
        for node in self.nodes:
            text = node.serial_text(self._log_start.get(node, 0))
            self.trapped |= tcg_failed(text)
            lines = text.splitlines()
            for i, line in enumerate(lines):
                if not REPORTS.search(line) or 'dst-test:' in line:
                    continue
                if any(re.search(p, line) for p in self._expected):
                    continue
                above = '\n'.join(lines[max(0, i - 8):i])
                if 'Call Trace' in line and \
                        any(re.search(p, above) for p in self._traces):
                    continue
                excerpt = '\n'.join(lines[max(0, i - 3):i + 45])
                problems.append(f'{node.name}: kernel report:\n{excerpt}')
                break
        self._expected = []
        self._traces = []
        return problems


def in_parallel(fn, items, collect=False):
    """fn(item) for all at once; raises the first failure, or collects them."""
    failures = []

    def one(item):
        try:
            fn(item)
        except Exception as e:
            failures.append((item, e))
    threads = [threading.Thread(target=one, args=(i,)) for i in items]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures and not collect:
        raise failures[0][1]
    return failures
