# SPDX-License-Identifier: GPL-2.0-only
"""One node: a QEMU machine, its agent, its power switch and its disks."""

import collections
import json
import os
import queue
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import lib
from kernels import hot_image

MSG_START, MSG_STDIN, MSG_KILL, MSG_SYSRQ = 1, 2, 3, 4
MSG_HELLO, MSG_STDOUT, MSG_STDERR, MSG_EXIT = 16, 17, 18, 19
HEADER = struct.Struct('<III')

DISK_BYTES = 1 << 30

# What must never be in a kernel log; the first match of a line counts.
BOOT_TRIES = 3
REPORTS = re.compile(
    r'BUG[: ]|WARNING:|Oops|KASAN|KCSAN|UBSAN|kmemleak: \d+ new|refcount_t:|'
    r'Call Trace|possible (circular|recursive|irq lock)|INFO: .*lock|'
    r'inconsistent lock state|suspicious RCU|blocked for more than|'
    r'hung task|soft lockup|hard LOCKUP|rcu: INFO|rcu_.*stall|'
    r'general protection|double free|Objects remaining|'
    r'unable to handle|scheduling while atomic|sleeping function|'
    r'list_(add|del) corruption|ODEBUG|workqueue lockup|'
    r'Bad page|page_type|still has locks|held lock freed|Kernel panic|'
    r'slab-out-of|use-after-free|DEBUG_LOCKS_WARN|trace event .* unsafe|'
    r'tainted kernel due to|Unknown symbol')


class CommandError(AssertionError):
    """A command on a node failed, or did not end in time."""


class NodeDown(Exception):
    """The node has no power, or died."""


Result = collections.namedtuple('Result', 'rc out err')


class Job:
    """A command running on a node."""

    def __init__(self, node, number, cmd):
        self.node, self.number, self.cmd = node, number, cmd
        self._out, self._err = bytearray(), bytearray()
        self._done = threading.Event()
        self.rc = None
        self.lost = False

    @property
    def out(self):
        return self._out.decode(errors='replace')

    @property
    def err(self):
        return self._err.decode(errors='replace')

    @property
    def raw(self):
        return bytes(self._out)

    def _tail(self):
        """What it last said, errors last; fio's JSON says little."""
        out = self.out
        if out.lstrip().startswith('{'):
            out = ''
        return out[-2000:] + self.err[-2000:]

    def done(self):
        """Has it ended (also by loss of power)?"""
        return self._done.is_set()

    def wait(self, timeout=60, check=False):
        """Await its end. A hung command is diagnosed and the node given up."""
        limit = timeout * self.node.patience
        if not self._done.wait(limit):
            self.node.diagnose(f'hung for {limit:.0f} s: {self.cmd}')
            raise CommandError(f'{self.node.name}: `{self.cmd}` did not end in '
                               f'{limit:.0f} s\n{self._tail()}')
        if self.lost:
            raise NodeDown(f'{self.node.name} went down during `{self.cmd}`')
        if check and self.rc:
            raise CommandError(f'{self.node.name}: `{self.cmd}` gave {self.rc}'
                               f'\n{self._tail()}'.rstrip())
        return Result(self.rc, self.out, self.err)

    def send(self, data):
        """Write to its input."""
        if isinstance(data, str):
            data = data.encode()
        for i in range(0, len(data), 1 << 20):
            self.node.send(self.number, MSG_STDIN, data[i:i + (1 << 20)])

    def close(self):
        """End its input."""
        self.node.send(self.number, MSG_STDIN)

    def kill(self, sig=signal.SIGKILL):
        """Signal it and its children."""
        self.node.send(self.number, MSG_KILL, bytes([sig]))


class _Spawner:
    """Starts children from one thread that lives as long as the process.

    PR_SET_PDEATHSIG kills a child when the *thread* that started it ends.
    """

    def __init__(self):
        self._queue = queue.Queue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self):
        while True:
            args, kwargs, box, done = self._queue.get()
            try:
                # setpriv ships with util-linux and sets it across exec.
                box.append(subprocess.Popen(
                    ['setpriv', '--pdeathsig', 'KILL', '--'] + args, **kwargs))
            except Exception as e:      # handed to the caller
                box.append(e)
            done.set()

    def start(self, args, **kwargs):
        box, done = [], threading.Event()
        self._queue.put((args, kwargs, box, done))
        done.wait()
        if isinstance(box[0], Exception):
            raise box[0]
        return box[0]


spawner = _Spawner()


class Node:
    """A machine of the rig. Made by Rig; see tests/README.md for its use."""

    def __init__(self, rig, index, kernel, mem=1024, cpus=2):
        self.rig, self.index, self.kernel = rig, index, kernel
        self.name = f'n{index}'
        self.mem, self.cpus = mem, cpus
        self.ip = f'10.44.0.{10 + index}'
        self.ip6 = f'fd44::{10 + index}'
        self.tap = f'tap{index}'
        self.slow, self.patience = kernel.slow, kernel.patience
        self.dir = os.path.join(rig.run_dir, self.name)
        os.makedirs(self.dir, exist_ok=True)
        self.serial = os.path.join(rig.results, f'{self.name}.serial.log')
        self.qemu = self.nbdkit = None
        self._lock = threading.Lock()
        self._jobs, self._next = {}, 1
        self._chan = self._qmp = None
        self._hello = threading.Event()
        self._qmp_lock = threading.Lock()
        self.dirty = False      # must boot anew before it is used again
        self.frozen = self.booting = self.delayed = False
        self.namespaces = {}    # name -> Host, made on demand
        self.disk_files = {}
        for disk in ('plain', 'lossy'):
            path = os.path.join(self.dir, disk + '.img')
            with open(path, 'wb') as f:
                f.truncate(DISK_BYTES)
            self.disk_files[disk] = path
        # Names in the guest, in the order of the devices below.
        self.disk, self.lossy_disk = '/dev/vda', '/dev/vdb'

    # -- power ---------------------------------------------------------

    @property
    def up(self):
        return self.qemu is not None and self.qemu.poll() is None

    def start(self):
        """Switch on, without waiting for the boot."""
        assert not self.up
        self._hello.clear()
        self.frozen = False
        self.booting = True
        self._boot_log = self.serial_size()
        nbd = os.path.join(self.dir, 'nbd.sock')
        agent = os.path.join(self.dir, 'agent.sock')
        qmp = os.path.join(self.dir, 'qmp.sock')
        for path in (nbd, agent, qmp):
            if os.path.exists(path):
                os.unlink(path)
        self.nbdkit = spawner.start(
            ['nbdkit', '-f', '-U', nbd, '--filter=cache', 'file',
             self.disk_files['lossy'], 'cache=writeback'],
            env=dict(os.environ, TMPDIR=self.dir), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _await(lambda: os.path.exists(nbd), 10, 'nbdkit')
        share = self.rig.share
        fs9p = 'readonly=on,security_model=none,multidevs=remap'
        append = ('console=ttyS0 loglevel=4 panic=-1 mitigations=off '
                  'tsc=reliable audit=0 nokaslr '
                  f'net.ifnames=0 slab_nomerge seed={os.urandom(32).hex()} ' +
                  self.kernel.args +
                   self.rig.kernel_args)
        args = self.rig.in_netns([
            'qemu-system-x86_64', '-name', self.name, '-nodefaults',
            '-no-user-config', '-display', 'none',
            '-machine', f'q35,hpet={self.kernel.hpet},vmport=off,i8042=off',
            '-accel', 'tcg,thread=multi', '-cpu', 'Nehalem,+rdrand',
            '-smp', str(self.cpus), '-m', f'{self.mem}M',
            '-kernel', self.kernel.image,
            '-initrd', self.kernel.initramfs(), '-append', append,
            '-no-reboot', '-rtc', 'base=utc',
            '-chardev', f'file,id=ser,path={self.serial},append=on',
            '-serial', 'chardev:ser',
            '-chardev', f'socket,id=qmp,path={qmp},server=on,wait=off',
            '-mon', 'chardev=qmp,mode=control',
            '-chardev', f'socket,id=agent,path={agent},server=on,wait=off',
            '-device', 'virtio-serial-pci',
            '-device', 'virtserialport,chardev=agent,name=dst.agent',
            '-fsdev', f'local,id=root,path=/,{fs9p}',
            '-device', 'virtio-9p-pci,fsdev=root,mount_tag=root',
            '-fsdev', f'local,id=modules,path={self.kernel.modules},{fs9p}',
            '-device', 'virtio-9p-pci,fsdev=modules,mount_tag=modules',
            '-fsdev', f'local,id=build,path={share},{fs9p}',
            '-device', 'virtio-9p-pci,fsdev=build,mount_tag=build',
            '-device', 'virtio-rng-pci',
            '-netdev', f'tap,id=net,ifname={self.tap},script=no,downscript=no',
            '-device', 'virtio-net-pci,netdev=net,romfile=,'
                       f'mac=52:54:00:44:00:{10 + self.index:02x}',
            '-drive', f'id=plain,if=none,file={self.disk_files["plain"]},'
                      'format=raw,cache=writethrough,discard=unmap',
            '-device', 'virtio-blk-pci,drive=plain,serial=plain,'
                       'write-cache=off',
            '-drive', 'id=lossy,if=none,file.driver=nbd,'
                      f'file.server.type=unix,file.server.path={nbd},'
                      'format=raw,cache=none',
            '-device', 'virtio-blk-pci,drive=lossy,serial=lossy,'
                       'write-cache=on',
            '-drive', f'id=hot,if=none,file={hot_image()},format=raw,'
                      'read-only=on,cache=unsafe',
            '-device', 'virtio-blk-pci,drive=hot,serial=hot',
        ])
        log = open(os.path.join(self.dir, 'qemu.log'), 'ab')
        self.qemu = spawner.start(args, stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=log)
        log.close()
        self._chan = self._connect(agent)
        self._qmp = self._connect(qmp)
        self._qmp_file = self._qmp.makefile('rb')
        self._qmp_file.readline()
        self.qmp('qmp_capabilities')
        threading.Thread(target=self._reader, args=(self._chan,),
                         daemon=True).start()

    def _connect(self, path):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

        def attempt():
            if self.qemu.poll() is not None:
                with open(os.path.join(self.dir, 'qemu.log'),
                          errors='replace') as f:
                    raise NodeDown(f'{self.name}: QEMU ended: {f.read()[-800:]}')
            try:
                sock.connect(path)
                return True
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        _await(attempt, 20, f'{self.name}: QEMU')
        sock.settimeout(None)
        return sock

    def wait_boot(self, timeout=60):
        """Await the agent, then give the node its name and address.

        A kernel that patches its text while it boots now and then traps or
        hangs under TCG. None of our code is there yet: it is no report of
        ours, and the node is booted again.
        """
        for left in reversed(range(BOOT_TRIES)):
            try:
                self._await_agent(timeout * self.patience)
                self._introduce()
                break
            except (NodeDown, CommandError) as e:
                if not left:
                    self.kill()
                    raise
                self._boot_again(e)
        self.namespaces = {}
        self.dirty = self.booting = False

    def _await_agent(self, seconds):
        deadline = time.monotonic() + seconds
        while not self._hello.wait(0.2):
            if not self.up:
                raise NodeDown(f'{self.name}: QEMU ended during boot')
            if time.monotonic() > deadline:
                raise NodeDown(f'{self.name}: no agent after {seconds:.0f} s\n'
                               + self.serial_text()[-2000:])

    def _introduce(self):
        # The first netfilter hook patches the path of each packet, which TCG
        # may miss on a busy CPU: it is set while nothing is sent yet.
        self.run("nft 'add table inet dsthook; add chain inet dsthook in "
                 "{ type filter hook input priority 0; }' && "
                 f'echo {self.name} >/proc/sys/kernel/hostname; '
                 'echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad; '
                 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; '
                 'ip link set lo up; '
                 f'ip addr add {self.ip}/24 dev eth0; '
                 f'ip addr add {self.ip6}/64 dev eth0 nodad; '
                 'ip link set eth0 up', timeout=30)

    def _boot_again(self, why):
        self.rig.log(f'{self.name}: booting again: {str(why).splitlines()[0]}')
        self.kill()
        with open(self.serial, 'r+b') as f:
            f.seek(self._boot_log)
            with open(self.serial + '.boot', 'ab') as kept:
                kept.write(f.read())
            f.truncate(self._boot_log)
        self.start()

    def power_on(self):
        """Switch on and await the boot."""
        self.start()
        self.wait_boot()

    def power_off(self):
        """Cut the power, now. What vdb had not flushed is gone."""
        self.dirty = True
        self.kill()

    def restart(self):
        """Cut the power and boot again."""
        self.power_off()
        self.power_on()

    def kill(self):
        """End QEMU and the disk with it; also used at the end of a run."""
        for proc in (self.qemu, self.nbdkit):
            if proc and proc.poll() is None:
                proc.kill()
        for proc in (self.qemu, self.nbdkit):
            if proc:
                proc.wait()
        for sock in (self._chan, self._qmp):
            if sock:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                sock.close()
        self._chan = self._qmp = None
        self._lose_jobs()

    def _lose_jobs(self):
        with self._lock:
            jobs, self._jobs = list(self._jobs.values()), {}
        for job in jobs:
            job.lost = True
            job._done.set()

    def qmp(self, command, **arguments):
        with self._qmp_lock:
            msg = {'execute': command}
            if arguments:
                msg['arguments'] = {k.replace('_', '-'): v
                                    for k, v in arguments.items()}
            self._qmp.sendall(json.dumps(msg).encode() + b'\n')
            while True:
                line = self._qmp_file.readline()
                if not line:
                    raise NodeDown(self.name)
                reply = json.loads(line)
                if 'error' in reply:
                    raise RuntimeError(f'QMP {command}: {reply["error"]}')
                if 'return' in reply:
                    return reply['return']

    def freeze(self):
        """Stop the whole machine, as if its host were stuck.

        QEMU flushes its disks then: nothing of vdb is lost by a power cut
        that follows.
        """
        self.qmp('stop')
        self.frozen = True

    def thaw(self):
        self.qmp('cont')
        self.frozen = False

    def hold_disk(self):
        """Let vdb take no more I/O, and answer none, until release_disk()."""
        self.nbdkit.send_signal(signal.SIGSTOP)

    def release_disk(self):
        self.nbdkit.send_signal(signal.SIGCONT)

    def resize_disk(self, size):
        """Change the size of vda of a live node."""
        self.qmp('block_resize', device='plain', size=size)

    @property
    def node(self):
        return self

    # -- commands ------------------------------------------------------

    def send(self, number, kind, body=b''):
        if not self.up or not self._chan:
            raise NodeDown(f'{self.name} has no power')
        with self._lock:
            try:
                self._chan.sendall(HEADER.pack(number, kind, len(body)) + body)
            except OSError as e:
                raise NodeDown(f'{self.name}: {e}') from e

    def _read_exact(self, chan, count):
        data = bytearray()
        while len(data) < count:
            part = chan.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _reader(self, chan):
        try:
            while True:
                number, kind, length = HEADER.unpack(
                    self._read_exact(chan, HEADER.size))
                body = self._read_exact(chan, length)
                if kind == MSG_HELLO:
                    self._hello.set()
                    continue
                job = self._jobs.get(number)
                if not job:
                    continue
                if kind == MSG_STDOUT:
                    job._out += body
                elif kind == MSG_STDERR:
                    job._err += body
                elif kind == MSG_EXIT:
                    status = struct.unpack('<I', body)[0]
                    sig = status & 0x7f
                    job.rc = 128 + sig if sig else status >> 8 & 0xff
                    self._jobs.pop(number, None)
                    job._done.set()
        except (EOFError, OSError, ValueError):
            if chan is self._chan:
                self._lose_jobs()

    def spawn(self, cmd, stdin=False, netns=''):
        """Start a shell command; returns its Job. stdin=True keeps its input open."""
        with self._lock:
            number = self._next
            self._next += 1
            job = self._jobs[number] = Job(self, number, cmd)
        try:
            self.send(number, MSG_START,
                      netns.encode() + b'\0' + cmd.encode())
            if not stdin:
                job.close()
        except NodeDown:
            self._jobs.pop(number, None)
            raise
        if self.rig.verbose:
            self.rig.log(f'{netns or self.name}# {cmd}')
        return job

    def run(self, cmd, check=True, timeout=30, stdin=None, netns=''):
        """Run a shell command; (rc, out, err). Fails on rc != 0 unless check=False."""
        job = self.spawn(cmd, stdin is not None, netns)
        if stdin is not None:
            job.send(stdin)
            job.close()
        return job.wait(timeout, check=check)

    def sh(self, cmd, timeout=30):
        """Run a shell command that must succeed; its output, stripped."""
        return self.run(cmd, timeout=timeout).out.strip()

    def ok(self, cmd, timeout=30):
        """Does the command succeed?"""
        return self.run(cmd, check=False, timeout=timeout).rc == 0

    def write(self, path, data):
        self.run(f'cat >{path}', stdin=data)

    def read(self, path):
        return self.run(f'cat {path}').out

    def reset_disks(self):
        """Back to their size; the content is whatever it was."""
        if os.path.getsize(self.disk_files['plain']) != DISK_BYTES:
            if self.up:
                self.qmp('block_resize', device='plain', size=DISK_BYTES)
            else:
                os.truncate(self.disk_files['plain'], DISK_BYTES)

    # -- network -------------------------------------------------------

    def netem(self, what):
        lib.netem(self, what)

    # -- kernel log ----------------------------------------------------

    def serial_text(self, start=0):
        try:
            with open(self.serial, 'rb') as f:
                f.seek(start)
                return f.read().decode(errors='replace').replace('\r', '')
        except FileNotFoundError:
            return ''

    def serial_size(self):
        try:
            return os.path.getsize(self.serial)
        except FileNotFoundError:
            return 0

    def log_mark(self, text):
        """Put a line into the kernel log and await it on the serial line."""
        start = self.serial_size()
        mark = f'dst-test: {text}'
        self.run(f'echo "<5>{mark}" >/dev/kmsg', timeout=20)
        _await(lambda: mark in self.serial_text(start), 20 * self.patience,
               f'{self.name}: serial line')

    def diagnose(self, why):
        """Have the kernel say who is stuck where; the node is then given up."""
        self.dirty = True
        self.rig.log(f'{self.name}: {why}: asking the kernel (w, t, l)')
        try:
            for letter in b'wtl':
                self.send(0, MSG_SYSRQ, bytes([letter]))
            size = -1
            deadline = time.monotonic() + 30
            while size != self.serial_size() and time.monotonic() < deadline:
                size = self.serial_size()
                time.sleep(1)
        except NodeDown:
            pass


def _await(cond, timeout, what):
    deadline = time.monotonic() + timeout
    while not cond():
        if time.monotonic() > deadline:
            raise TimeoutError(f'{what}: not after {timeout} s')
        time.sleep(0.02)
