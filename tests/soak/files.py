#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Files that are written, fsync'd, renamed and removed, with a list of what
must be there whatever happens. Runs on the client.

    files.py load DIR LIST SEED     until SIGTERM
    files.py check DIR LIST         what is wrong; last line: how many are right

The list lies on a disk that loses nothing. Its lines are on stable storage
before the next step is done:

    + NAME VERSION SIZE     it is there
    - NAME                  it is not
    ? NAME VERSION SIZE     this may be there, instead of what was
    ?- NAME                 it may have gone
"""

import mmap
import os
import random
import signal
import sys
import threading

NAMES = [f'd{n % 4}/f{n}' for n in range(40)]
DIRS = sorted({os.path.dirname(n) for n in NAMES})
MAX_BYTES = 128 << 10
NOISE_BYTES = 4 << 20
NOISE_IO = 64 << 10
PACE = 0.02             # seconds between two steps: others want to run too


class Wrong(Exception):
    """A file is not what it has to be."""


def content(version, size):
    return random.Random(version).randbytes(size)


class Model:
    """What the list says: for each name all that may be there, None: nothing."""

    def __init__(self, path):
        self.names, self.version, self.lines = {}, 0, 0
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DSYNC, 0o644)
        with open(path, 'rb') as f:
            text = f.read()
        # a step whose line is not whole has not begun
        whole = text.rfind(b'\n') + 1
        os.ftruncate(self.fd, whole)
        os.lseek(self.fd, whole, os.SEEK_SET)
        for line in text[:whole].decode().splitlines():
            self.apply(line)

    def apply(self, line):
        sign, name, *rest = line.split()
        new = tuple(int(w) for w in rest) or None
        if new:
            self.version = max(self.version, new[0])
        if sign[0] == '?':
            self.names[name] = self.may_be(name) | {new}
        else:
            self.names[name] = {new}
        self.lines += 1

    def say(self, *lines):
        for line in lines:
            self.apply(line)
        text = ''.join(line + '\n' for line in lines).encode()
        if os.write(self.fd, text) != len(text):
            raise OSError('the list is full')

    def may_be(self, name):
        return self.names.get(name, {None})

    def there(self):
        """Names that are surely there."""
        return [n for n, v in self.names.items() if None not in v]


def sync_dir(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def difference(name, found, want):
    """Where a file departs from what it should be, for a human."""
    if len(found) != len(want):
        return f'{name}: {len(found)} bytes, not {len(want)}'
    pages = [i for i in range(0, len(want), 4096)
             if found[i:i + 4096] != want[i:i + 4096]]
    at = next(i for i in range(len(want)) if found[i] != want[i])
    return f'{name}: {len(pages)} of {-(-len(want) // 4096)} pages differ, ' \
           f'the first at byte {at}: {found[at:at + 16].hex()} ' \
           f'instead of {want[at:at + 16].hex()}'


# -- load --------------------------------------------------------------------

class Load:
    """One step after another, as drawn."""

    STEPS = ('write',) * 6 + ('rename',) * 2 + ('remove',) + ('look',) * 3 + \
        ('noise',) * 4

    def __init__(self, where, model, seed):
        self.where, self.model = where, model
        self.rng = random.Random(f'{seed} {model.lines}')
        self.ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: self.ended.set())
        for d in DIRS:
            os.makedirs(self.path(d), exist_ok=True)
        self.buffer = mmap.mmap(-1, NOISE_IO)       # aligned
        self.scratch = os.open(self.path('noise'),
                               os.O_RDWR | os.O_CREAT | os.O_DIRECT)
        os.sync()

    def path(self, name):
        return os.path.join(self.where, name)

    def run(self):
        while not self.ended.wait(PACE):
            getattr(self, self.rng.choice(self.STEPS))()

    def write(self):
        name = self.rng.choice(NAMES)
        version = self.model.version + 1
        data = content(version, self.rng.randint(0, MAX_BYTES))
        fact = f'{name} {version} {len(data)}'
        self.model.say('? ' + fact)
        new = self.path(name) + '.new'
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for at in range(0, len(data), 20000):
            os.write(fd, data[at:at + 20000])
        os.fsync(fd)
        os.close(fd)
        os.rename(new, self.path(name))
        sync_dir(os.path.dirname(new))
        self.model.say('+ ' + fact)

    def rename(self):
        names = self.model.there()
        if not names:
            return
        old, new = self.rng.choice(names), self.rng.choice(NAMES)
        if old == new:
            return
        (version, size), = self.model.may_be(old)
        fact = f'{new} {version} {size}'
        self.model.say('? ' + fact, '?- ' + old)
        os.rename(self.path(old), self.path(new))
        for name in new, old:
            sync_dir(os.path.dirname(self.path(name)))
        self.model.say('+ ' + fact, '- ' + old)

    def remove(self):
        names = self.model.there()
        if not names:
            return
        name = self.rng.choice(names)
        self.model.say('?- ' + name)
        os.unlink(self.path(name))
        sync_dir(os.path.dirname(self.path(name)))
        self.model.say('- ' + name)

    def look(self):
        """Read a file from the device, not from the page cache."""
        names = self.model.there()
        if not names:
            return
        name = self.rng.choice(names)
        want = content(*min(self.model.may_be(name)))
        with open(self.path(name), 'rb') as f:
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            found = f.read()
        if found != want:
            raise Wrong(difference(name, found, want))

    def noise(self):
        """Data that goes to the device at once, and that nobody flushes."""
        for _ in range(self.rng.randint(1, 8)):
            size = 4096 * self.rng.randint(1, NOISE_IO >> 12)
            self.buffer[:size] = os.urandom(size)
            at = self.rng.randrange(NOISE_BYTES >> 12) << 12
            os.pwrite(self.scratch, memoryview(self.buffer)[:size], at)


# -- check -------------------------------------------------------------------

def identify(path, name, may_be):
    """Which of what may be there it is."""
    with open(path, 'rb') as f:
        found = f.read()
    wanted = sorted(m for m in may_be if m)
    for version, size in wanted:
        if len(found) == size and found == content(version, size):
            return version, size
    if not wanted:
        raise Wrong(f'{name} is there, {len(found)} bytes, but was removed')
    # of those that have its size, else of the newest
    best = [w for w in wanted if w[1] == len(found)] or wanted
    raise Wrong(difference(name, found, content(*best[-1])))


def find(where, model):
    """{name: what is there}, and what is wrong."""
    found, wrong = {}, []
    for d in DIRS:
        path = os.path.join(where, d)
        for base in sorted(os.listdir(path) if os.path.isdir(path) else []):
            name = f'{d}/{base}'
            if base.endswith('.new'):
                os.unlink(os.path.join(path, base))
                continue
            try:
                found[name] = identify(os.path.join(path, base), name,
                                       model.may_be(name))
            except (Wrong, OSError) as e:
                found[name] = None
                wrong.append(str(e))
    wrong += [f'{n} is missing' for n in model.there() if n not in found]
    return found, wrong


def check(where, model):
    """Also settles what the list leaves open: what is there now stays there."""
    found, wrong = find(where, model)
    if wrong:
        print('\n'.join(wrong))
        return 1
    os.sync()
    for name in [n for n, v in model.names.items() if len(v) > 1]:
        if name in found:
            model.say('+ {} {} {}'.format(name, *found[name]))
        else:
            model.say('- ' + name)
    print(f'{len(found)} files, {model.version} versions')
    return 0


def main():
    what, where, path = sys.argv[1:4]
    model = Model(path)
    if what == 'check':
        return check(where, model)
    try:
        Load(where, model, sys.argv[4]).run()
    except (Wrong, OSError) as e:
        print(f'files: {e}')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
