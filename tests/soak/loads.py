# SPDX-License-Identifier: GPL-2.0-only
"""The two loads of a soak, both on the client: dsthist on a raw device, and
files on ext4. What they know lies in KEEP, on the client's disk that loses
nothing.
"""

import os
import re
import shlex
import signal

import lib

HERE = os.path.dirname(os.path.abspath(__file__))
KEEP = '/mnt/keep'
FS = '/mnt/fs'
CHECK_SECONDS = 300


class Failed(AssertionError):
    """The soak has found something."""


class Load:
    """A job on the client that must not end by itself."""

    what = command = None

    def __init__(self, client):
        self.client, self.job = client, None

    def spawn(self, command):
        self.job = self.client.spawn(command)

    def still_runs(self):
        if self.job and self.job.done():
            raise Failed(f'{self.what} ended with {self.job.rc}:\n'
                         + self.job.out + self.job.err)

    def stop(self, sig=signal.SIGTERM):
        """End it; it must have met no error until then."""
        self.still_runs()
        job, self.job = self.job, None
        job.kill(sig)
        res = job.wait(120)
        if res.rc != (128 + sig if sig == signal.SIGKILL else 0):
            raise Failed(f'{self.what} ended with {res.rc}:\n{res.out}{res.err}')
        return res

    def lost(self):
        """The client lost its power; until then all was well."""
        job, self.job = self.job, None
        if not job.lost:
            raise Failed(f'{self.what} had ended with {job.rc}:\n'
                         + job.out + job.err)


class History(Load):
    """dsthist on the raw device: one log for each time that it is started."""

    what = 'dsthist'

    def __init__(self, client, dev, options):
        super().__init__(client)
        self.dev, self.logs = dev, []
        self.options = ' '.join(f'--{k} {v}' for k, v in options.items())
        self.since = 0          # the first log after the last crash
        self.verdict = (0, 0)   # operations, reads checked

    def start(self):
        resume = f'--resume {self.logs[-1]}' if self.logs else ''
        self.logs.append(f'{KEEP}/history{len(self.logs) + 1}')
        # What is acknowledged is in the log soon, also if it is killed.
        self.spawn(f'exec dsthist run {self.dev} --log {self.logs[-1]} '
                   f'--log-sync --log-every 8 --stop-on-error --think 10000 '
                   f'--seconds 864000 {self.options} {resume}')

    def _check(self, logs, *options):
        cmd = ['dsthist', 'check', *logs, *options]
        res = self.client.run(shlex.join(cmd), check=False,
                              timeout=CHECK_SECONDS)
        if res.rc:
            raise Failed(f'`{shlex.join(cmd)}` gave {res.rc}:\n'
                         + res.out[-6000:] + res.err[-2000:])
        found = re.search(r'(\d+) operations, \d+ blocks, (\d+) reads', res.out)
        return int(found[1]), int(found[2])

    def check(self, crashed):
        """Is all until now the history of a disk?

        Where the client did not crash, nothing may be lost: those logs are
        checked once more by themselves, without leave to lose anything.
        """
        final = ('--final', self.dev)
        self.verdict = self._check(self.logs, '--crash', 'client', *final)
        self._check(self.logs[self.since:], '--crash', 'none',
                    *(() if crashed else final))
        if crashed:
            self.since = len(self.logs)


class Files(Load):
    """files.py on ext4."""

    what = 'the file writer'

    def __init__(self, client, dev, seed):
        super().__init__(client)
        self.dev, self.seed = dev, seed
        self.checked = self.versions = 0

    def install(self):
        with open(os.path.join(HERE, 'files.py')) as f:
            self.client.write(f'{KEEP}/files.py', f.read())

    def _command(self, what):
        return f'python3 {KEEP}/files.py {what} {FS} {KEEP}/list'

    def mount(self):
        self.client.run(f'mkdir -p {FS} && mount {self.dev} {FS}', timeout=120)

    def umount(self):
        self.client.run(f'umount {FS}', timeout=120)

    def start(self):
        self.spawn(f'exec {self._command("load")} {self.seed}')

    def check(self):
        res = self.client.run(self._command('check'), check=False, timeout=120)
        if res.rc:
            raise Failed(f'files: {res.out}{res.err}')
        files, _, self.versions, _ = res.out.split()
        self.checked += int(files)

    def fsck(self):
        res = self.client.run(f'fsck.ext4 -fn {self.dev}', check=False,
                              timeout=120)
        if res.rc:
            raise Failed(f'fsck.ext4: {res.out}{res.err}')

    def check_all(self):
        """What is listed is there, before and after fsck; leaves it mounted."""
        self.mount()
        self.check()
        self.umount()
        self.fsck()
        self.mount()
        self.check()


def sum_of(host, dev):
    """Checksum of a whole device, not from the page cache."""
    return host.sh(f'dd if={dev} bs=1M iflag=direct status=none | sha256sum',
                   timeout=180).split()[0]


def progress(client, devs, more=20):
    """Await that every device has done I/O since now."""
    def done():
        text = client.sh('cat ' + ' '.join(
            f'/sys/block/{d[5:]}/stat' for d in devs))
        return [int(line.split()[0]) + int(line.split()[4])
                for line in text.splitlines()]
    before = done()
    lib.wait_until(lambda: all(b - a >= more for a, b in zip(before, done())),
                   60, 'both loads do I/O')
