# SPDX-License-Identifier: GPL-2.0-only
"""The kernels under test, their initramfs, and DST built for each of them.

All of it lives in the cache directory, outside the clone:
    kernel/6.1, kernel/6.12     unpacked Debian packages (tests/install-deps)
    kernel/debug-*              built by tests/kernel/build
    build/CLONE/KERNEL          dst.ko and dstctl built from this clone
"""

import fcntl
import gzip
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
TOP = os.path.dirname(TESTS)
CACHE = os.environ.get('DST_CACHE', '/var/cache/dst')
STOCK = ('6.1', '6.12')
NAMES = STOCK + ('debug',)

# Debian's headers have no vmlinux to take types from; kbuild would say so.
NO_BTF = 'CONFIG_DEBUG_INFO_BTF_MODULES='

# What the guest needs before its root is there; the rest is loaded on demand.
BOOT_MODULES = ('virtio_pci', 'virtio_console', 'virtio_blk', 'virtio_net',
                '9pnet_virtio', '9p', 'overlay', 'crc32c_generic', 'configfs', 'null_blk',
                'loop', 'dm-mod', 'veth', 'bridge', 'nf_tables', 'ext4')

# Tools that scenarios start. Their first start takes seconds over 9p: these,
# and the libraries they need, lie on a small disk image above it.
HOT_TOOLS = '''
    sh bash cat cp mv rm mkdir mkfifo ls ln dd head tail tr cut sort uniq wc
    grep sed awk find xargs sha256sum md5sum cmp diff stat sync truncate sleep
    seq tee touch true timeout od xxd date env id chmod dirname basename expr
    mktemp split readlink printf kill pgrep pkill ps free
    mount umount losetup blockdev lsblk blkdiscard fallocate swapon swapoff
    mkswap sfdisk partx blkid fio dmsetup mdadm
    ip tc nft ss ping nsenter setpriv su runuser unshare flock
    insmod rmmod modprobe lsmod dmesg
    mkfs.ext4 mke2fs e2fsck fsck.ext4 resize2fs dumpe2fs mkfs.xfs xfs_repair
    mkfs.btrfs btrfs
'''.split()


def clone_id():
    """Two clones on one machine do not share what is built from them."""
    return hashlib.sha256(TOP.encode()).hexdigest()[:8]


class Kernel:
    """One kernel: image, modules, and the tree modules are built against."""

    def __init__(self, name):
        self.name = name
        if name == 'debug':
            self.dir = subprocess.check_output(
                [os.path.join(TESTS, 'kernel', 'build'), '--path'],
                text=True).strip()
            if not os.path.exists(os.path.join(self.dir, 'done')):
                raise RuntimeError('the debug kernel is not built: run '
                                   'tests/kernel/build')
            with open(os.path.join(self.dir, 'release')) as f:
                self.release = f.read().strip()
            self.image = os.path.join(self.dir, 'bzImage')
            self.modules = os.path.join(self.dir, 'root/lib/modules',
                                        self.release)
            self.kdir = os.path.join(self.dir, 'build')
        else:
            link = os.path.join(CACHE, 'kernel', name)
            if not os.path.islink(link):
                raise RuntimeError(f'no kernel {name}: run tests/install-deps')
            self.release = os.readlink(link)
            self.dir = os.path.join(CACHE, 'kernel', self.release)
            self.image = os.path.join(self.dir, 'boot',
                                      'vmlinuz-' + self.release)
            self.modules = os.path.join(self.dir, 'lib/modules', self.release)
            self.kdir = '/usr/src/linux-headers-' + self.release
        self.build_dir = os.path.join(CACHE, 'build', clone_id(), name)

    @property
    def slow(self):
        """How much longer things take than on a stock kernel."""
        return 3 if self.name == 'debug' else 1

    @property
    def extra_mem(self):
        """MiB that the checkers take: scenarios have what they ask for."""
        return 384 if self.name == 'debug' else 0

    @property
    def hpet(self):
        """What the TSC is calibrated against on a busy machine.

        The debug kernel has no PM timer; with neither it counts jiffies, of
        which TCG loses most under load: its clock ran at a quarter of speed.
        """
        return 'on' if self.name == 'debug' else 'off'

    @property
    def args(self):
        """Kernel command line of its own."""
        return 'page_poison=1 ' if self.name == 'debug' else ''

    @property
    def patience(self):
        """What limits are multiplied with: this machine is shared and noisy."""
        return self.slow * float(os.environ.get('DST_PATIENCE', '2'))

    def _boot_modules(self):
        """Module files in load order, with what they depend on."""
        deps = {}
        with open(os.path.join(self.modules, 'modules.dep')) as f:
            for line in f:
                path, _, rest = line.partition(':')
                deps[path] = rest.split()
        by_name = {os.path.basename(p).split('.ko')[0].replace('-', '_'): p
                   for p in deps}
        order = []
        for name in BOOT_MODULES:
            path = by_name.get(name.replace('-', '_'))
            if not path:
                continue        # built in
            for p in list(reversed(deps[path])) + [path]:
                if p not in order:
                    order.append(p)
        return [os.path.join(self.modules, p) for p in order]

    def initramfs(self):
        """Path of the initramfs, made anew when anything in it changed."""
        agent = os.path.join(CACHE, 'vm', 'agent')
        init = os.path.join(HERE, 'init')
        source = os.path.join(HERE, 'agent.c')
        modules = self._boot_modules()
        digest = hashlib.sha256()
        for path in (init, source, __file__):
            with open(path, 'rb') as f:
                digest.update(f.read())
        digest.update('\n'.join(modules).encode())
        out = os.path.join(CACHE, 'vm',
                           f'initramfs-{self.release}-{digest.hexdigest()[:12]}')
        os.makedirs(os.path.dirname(out), exist_ok=True)
        with open(os.path.join(CACHE, 'vm', 'lock'), 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.exists(out):
                return out
            subprocess.check_call(['gcc', '-O2', '-Wall', '-Wextra', '-Werror',
                                   '-static', '-s', '-o', agent, source])
            files = [('init', init, 0o755), ('agent', agent, 0o755),
                     ('bin/busybox', '/bin/busybox', 0o755)]
            data = []
            order = ''
            for path in modules:
                base = os.path.basename(path)
                data.append(('modules/' + base, _read_module(path), 0o644))
                order += base + '\n'
            data.append(('modules/order', order.encode(), 0o644))
            for name, path, mode in files:
                with open(path, 'rb') as f:
                    data.append((name, f.read(), mode))
            dirs = ['bin', 'modules', 'proc', 'sys', 'dev', 'hot', 'lower',
                    'rw', 'new']
            with open(out + '.new', 'wb') as f:
                f.write(gzip.compress(_cpio(dirs, data), 1))
            os.rename(out + '.new', out)
        return out


def hot_image():
    """Path of the disk image with the hot tools, made anew when one changed."""
    files = {}

    def add(path):
        path = os.path.join(os.path.realpath(os.path.dirname(path)),
                            os.path.basename(path))
        while path not in files:
            files[path] = os.lstat(path)
            if not os.path.islink(path):
                return
            path = os.path.join(os.path.dirname(path), os.readlink(path))
            path = os.path.join(os.path.realpath(os.path.dirname(path)),
                                os.path.basename(path))

    where = '/usr/sbin:/usr/bin:/sbin:/bin'
    tools = [p for p in (shutil.which(t, path=where) for t in HOT_TOOLS) if p]
    for path in tools:
        add(path)
    out = subprocess.run(['ldd'] + sorted({os.path.realpath(p)
                                           for p in tools}),
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         text=True).stdout
    for word in set(out.split()):
        if word.startswith('/') and not word.endswith(':'):
            add(word)
    digest = hashlib.sha256(repr(sorted(
        (p, s.st_size, s.st_mtime) for p, s in files.items())).encode())
    image = os.path.join(CACHE, 'vm', f'hot-{digest.hexdigest()[:12]}.img')
    os.makedirs(os.path.dirname(image), exist_ok=True)
    with open(os.path.join(CACHE, 'vm', 'lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(image):
            return image
        stage = image + '.d'
        shutil.rmtree(stage, ignore_errors=True)
        size = 0
        for path, stat in files.items():
            os.makedirs(stage + os.path.dirname(path), exist_ok=True)
            shutil.copy2(path, stage + path, follow_symlinks=False)
            size += stat.st_size
        subprocess.check_call(
            ['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal,^metadata_csum',
             '-d', stage, '-m', '0', image + '.new', f'{size // 900 + 8192}k'],
            stdout=subprocess.DEVNULL)
        shutil.rmtree(stage)
        for old in os.listdir(os.path.dirname(image)):
            if old.startswith('hot-') and old.endswith('.img'):
                os.unlink(os.path.join(os.path.dirname(image), old))
        os.rename(image + '.new', image)
    return image


def _read_module(path):
    if path.endswith('.xz'):
        return subprocess.check_output(['xz', '-dc', path])
    with open(path, 'rb') as f:
        return f.read()


def _cpio(dirs, files):
    """A newc archive: directories, files, and /dev/console."""
    out = bytearray()
    count = 0

    def add(name, mode, body=b'', rdev=(0, 0)):
        nonlocal count
        count += 1
        name = name.encode() + b'\0'
        fields = (count, mode, 0, 0, 1, 0, len(body), 0, 0, rdev[0], rdev[1],
                  len(name), 0)
        out.extend(b'070701' + b''.join(b'%08x' % v for v in fields) + name)
        out.extend(b'\0' * (-len(out) % 4))
        out.extend(body)
        out.extend(b'\0' * (-len(out) % 4))

    for name in dirs:
        add(name, 0o040755)
    add('dev/console', 0o020600, rdev=(5, 1))
    for name, body, mode in files:
        add(name, 0o100000 | mode, body)
    add('TRAILER!!!', 0)
    return bytes(out)


class BuildError(Exception):
    """Module or tools did not build; .log has the output."""

    def __init__(self, what, log):
        super().__init__(what)
        self.log = log


def module_sources():
    names = [n for n in os.listdir(TOP)
             if n == 'Kbuild' or (n.startswith('dst') and
                                  n[-2:] in ('.c', '.h') and
                                  not n.endswith('.mod.c'))]
    return sorted(names)


def copy_sources(dest):
    """Copy the module's sources; files that did not change keep their time."""
    os.makedirs(dest, exist_ok=True)
    for name in module_sources():
        src, dst = os.path.join(TOP, name), os.path.join(dest, name)
        with open(src, 'rb') as f:
            body = f.read()
        try:
            with open(dst, 'rb') as f:
                if f.read() == body:
                    continue
        except FileNotFoundError:
            pass
        with open(dst, 'wb') as f:
            f.write(body)
    for name in os.listdir(dest):
        if name.startswith('dst') and name[-2:] in ('.c', '.h') \
                and not name.endswith('.mod.c') \
                and name not in module_sources():
            os.unlink(os.path.join(dest, name))


def build_module(kernel, extra=('W=1',)):
    """Build dst.ko for a kernel outside the clone; returns the output.

    A fresh build prints its warnings; one from the cache prints those that
    the last full build gave.
    """
    work = os.path.join(kernel.build_dir, 'src')
    log = os.path.join(kernel.build_dir, 'build.log')
    os.makedirs(kernel.build_dir, exist_ok=True)
    with open(os.path.join(kernel.build_dir, 'lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        copy_sources(work)
        stamp = _stamp(work, kernel, extra)
        stamp_file = os.path.join(kernel.build_dir, 'stamp')
        try:
            with open(stamp_file) as f:
                if f.read() == stamp and os.path.exists(
                        os.path.join(kernel.build_dir, 'share', 'dst.ko')):
                    with open(log) as g:
                        return g.read()
        except FileNotFoundError:
            pass
        old = os.path.join(kernel.build_dir, 'share', 'dst.ko')
        if os.path.exists(old):
            os.unlink(old)
        # Everything anew: a warning must not hide behind an old object.
        for name in os.listdir(work):
            if name.endswith(('.o', '.ko', '.mod', '.mod.c', '.cmd')):
                os.unlink(os.path.join(work, name))
        run = subprocess.run(
            ['make', '-s', '--no-print-directory', '-C', kernel.kdir,
             f'M={work}', '-j2', NO_BTF, *extra, 'modules'],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with open(log, 'w') as f:
            f.write(run.stdout)
        if run.returncode:
            raise BuildError(f'dst.ko for {kernel.name}', run.stdout)
        share = os.path.join(kernel.build_dir, 'share')
        os.makedirs(share, exist_ok=True)
        shutil.copy(os.path.join(work, 'dst.ko'), share + '/dst.ko.new')
        os.rename(share + '/dst.ko.new', share + '/dst.ko')
        with open(stamp_file, 'w') as f:
            f.write(stamp)
        return run.stdout


def _stamp(work, kernel, extra):
    digest = hashlib.sha256(f'{kernel.release} {extra}'.encode())
    for name in module_sources():
        with open(os.path.join(work, name), 'rb') as f:
            digest.update(name.encode() + b'\0' + f.read())
    return digest.hexdigest()


def build_tools(kernels):
    """Build dstctl once and share it with the guests of all kernels."""
    tools = os.path.join(TOP, 'tools')
    if not os.path.exists(os.path.join(tools, 'Makefile')):
        return ''
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, 'tools-' + clone_id() + '.lock'),
              'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = subprocess.run(['make', '-s', '-C', tools, '-j2'],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True)
    if run.returncode:
        raise BuildError('tools', run.stdout)
    for kernel in kernels:
        share = os.path.join(kernel.build_dir, 'share')
        os.makedirs(share, exist_ok=True)
        binary = os.path.join(tools, 'dstctl', 'dstctl')
        if os.path.exists(binary):
            shutil.copy(binary, share + '/dstctl.new')
            os.rename(share + '/dstctl.new', share + '/dstctl')
    return run.stdout


def build_helpers(kernels):
    """Small C programs of scenarios: tests/vm/helpers/*.c, static."""
    source = os.path.join(HERE, 'helpers')
    if not os.path.isdir(source):
        return
    out = os.path.join(CACHE, 'vm', 'helpers-' + clone_id())
    os.makedirs(out, exist_ok=True)
    names = sorted(os.listdir(source))
    headers = max(os.path.getmtime(os.path.join(source, name))
                  for name in names if name.endswith('.h'))
    for name in names:
        if not name.endswith('.c'):
            continue
        src = os.path.join(source, name)
        exe = os.path.join(out, name[:-2])
        if not os.path.exists(exe) or \
                os.path.getmtime(exe) < max(os.path.getmtime(src), headers):
            run = subprocess.run(
                ['gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-I',
                 TOP, '-pthread', '-o', exe + '.new', src],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if run.returncode:
                raise BuildError('helper ' + name, run.stdout)
            os.rename(exe + '.new', exe)
        for kernel in kernels:
            share = os.path.join(kernel.build_dir, 'share', 'bin')
            os.makedirs(share, exist_ok=True)
            shutil.copy(exe, os.path.join(share, name[:-2]))
    build_history(kernels)


def build_history(kernels):
    """The history checker, which has a directory of its own: also a helper."""
    source = os.path.join(os.path.dirname(HERE), 'history')
    with open(os.path.join(CACHE, 'history-' + clone_id() + '.lock'),
              'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = subprocess.run(['make', '-s', '-C', source, 'dsthist'],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True)
    if run.returncode:
        raise BuildError('dsthist', run.stdout)
    for kernel in kernels:
        shutil.copy(os.path.join(source, 'dsthist'),
                    os.path.join(kernel.build_dir, 'share', 'bin'))


if __name__ == '__main__':
    for arg in sys.argv[1:]:
        k = Kernel(arg)
        print(k.name, k.release, k.image, k.kdir, k.initramfs())
