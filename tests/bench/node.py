# SPDX-License-Identifier: GPL-2.0-only
"""The bench node: one QEMU machine in virtual time, in which a nanosecond is
an instruction and idle time is skipped.

A run is: an initramfs with everything in it, a job (shell text that uses the
functions of guest.sh), a boot, and the files that the job left in /out.
"""

import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CACHE = os.environ.get("DST_CACHE", "/var/cache/dst")
KERNEL = os.environ.get("KERNEL", "6.12")
sys.path.insert(0, os.path.join(TOP, "tests/vm"))
import kernels  # pylint: disable=wrong-import-position,import-error
NICE = os.environ.get("NICE", "5")
SILENT_S = 1800         # for one load on a busy host: it is hung after that
NULL_MB = 256
MACHINE = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off",
           "-cpu", "Nehalem", "-smp", "1", "-m", "3G"]
APPEND = "console=ttyS0 quiet nokaslr panic=-1 rdinit=/init"
REPORTS = re.compile(r"BUG:|Oops|general protection|Kernel panic|WARNING:|"
                     r"blocked for more than|soft lockup|rcu.*stall")

PROGRAMS = ["/usr/bin/fio", "/usr/sbin/nbd-client", "/usr/bin/nbd-server",
            "/usr/sbin/tc"]
# What "load NAME" loads in the guest, in addition to what these depend on.
MODULES = {
    "base": ["virtio_pci", "virtio_blk", "configfs", "null_blk", "crc32c_intel",
             "crc32c_generic", "libcrc32c"],
    "nvme": ["nvme-tcp", "nvmet-tcp"],
    "nbd": ["nbd"],
    "netem": ["sch_netem"],
}


class Failed(Exception):
    """What could not be done, and why, in one line."""


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def exit_with(main, *args):
    """A program's end: its status, or why it could do nothing."""
    try:
        sys.exit(main(*args))
    except Failed as e:
        say(str(e))
        sys.exit(1)


def run(argv, **kwargs):
    """Run a command; its output is in the exception when it fails."""
    done = subprocess.run(argv, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **kwargs)
    out = done.stdout.decode(errors="replace")
    if done.returncode:
        raise Failed("%s: %s" % (" ".join(argv[:6]),
                                 "\n".join(out.splitlines()[-15:])))
    return out


def find_kernel():
    """Debian's stock kernel of the series asked for, as the rig unpacked it."""
    try:
        return kernels.Kernel(KERNEL)
    except RuntimeError as e:
        raise Failed(str(e)) from e


def module_files(kernel, names):
    """Paths of modules and of what they need, in the order to load them."""
    out = []
    for name in names:
        argv = ["modprobe", "-d", kernel.dir, "-S", kernel.release,
                "--show-depends", "--ignore-install", name]
        for line in run(argv).splitlines():
            word = line.split()
            if word and word[0] == "insmod" and word[1] not in out:
                out.append(word[1])
    return out


def libraries(path):
    """The shared libraries a program needs, with the names it asks for."""
    found = subprocess.run(["ldd", path], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, check=False)
    for line in found.stdout.decode().splitlines():
        hit = re.search(r"(/\S+) \(0x", line)
        if hit:
            yield hit.group(1)


class Tree:
    """Files for an initramfs, collected in a directory."""

    def __init__(self, path):
        self.path = path
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)

    def add(self, source, inside, mode=0o755):
        target = os.path.join(self.path, inside.lstrip("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            shutil.copyfile(source, target)
            os.chmod(target, mode)

    def text(self, inside, text):
        target = os.path.join(self.path, inside.lstrip("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(target, 0o755)

    def program(self, path, inside=None):
        if not os.path.exists(path):
            raise Failed("no %s: run tests/install-deps bench" % path)
        self.add(path, inside or path)
        for lib in libraries(path):
            self.add(lib, lib)

    def modules(self, kernel, name, names, own=()):
        """The list NAME.order and the files in it, uncompressed."""
        order = []
        for path in module_files(kernel, names):
            base = re.sub(r"\.ko(\.\w+)?$", ".ko", os.path.basename(path))
            target = os.path.join(self.path, "mods", base)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if path.endswith(".xz"):
                with open(target, "wb") as f:
                    subprocess.run(["xz", "-dc", path], stdout=f, check=True)
            else:
                shutil.copyfile(path, target)
            order.append(base)
        for path in own:
            self.add(path, "mods/" + os.path.basename(path))
            order.append(os.path.basename(path))
        self.text("mods/%s.order" % name, "".join(m + "\n" for m in order))

    def cpio(self, target):
        names = subprocess.run(["find", ".", "-mindepth", "1", "-print0"],
                               cwd=self.path, stdout=subprocess.PIPE,
                               check=True).stdout
        names = b"\0".join(sorted(names.rstrip(b"\0").split(b"\0"))) + b"\0"
        with open(target + ".new", "wb") as f:
            subprocess.run(["cpio", "--quiet", "-0", "-o", "-H", "newc",
                            "-R", "0:0"], cwd=self.path, input=names,
                           stdout=f, check=True)
        os.rename(target + ".new", target)


def base_initramfs(kernel):
    """What is the same in each run; made once."""
    work = work_dir()
    with open(work + "/lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return base_initramfs_in(kernel, work)


def base_initramfs_in(kernel, work):
    key = hashlib.sha256()
    key.update(repr([kernel.release, MODULES, PROGRAMS]).encode())
    for path in PROGRAMS + ["/bin/busybox", kernel.image]:
        if not os.path.exists(path):
            raise Failed("%s is missing: apt-get install fio nbd-server "
                         "nbd-client busybox-static cpio" % path)
        st = os.stat(path)
        key.update(repr((path, st.st_size, int(st.st_mtime))).encode())
    with open(__file__, "rb") as f:
        key.update(f.read())
    target = os.path.join(work, "base-%s.cpio" % key.hexdigest()[:12])
    if not os.path.exists(target):
        say("making the node's initramfs (once)")
        for old in glob.glob(work + "/base-*.cpio"):
            os.unlink(old)
        tree = Tree(work + "/base.tree")
        for d in ("proc", "sys", "dev", "out", "tmp"):
            os.makedirs(os.path.join(tree.path, d))
        tree.program("/bin/busybox", "/bin/busybox")
        os.symlink("busybox", tree.path + "/bin/sh")
        for program in PROGRAMS:
            tree.program(program)
        for name, names in MODULES.items():
            tree.modules(kernel, name, names)
        tree.cpio(target)
        shutil.rmtree(tree.path)
    return target


def build_dst(kernel):
    """Paths of dst.ko and dstctl of this tree, or of those in DST_BUILD.
    None when the tree has no module yet; Failed when it does not build."""
    share = os.environ.get("DST_BUILD")
    if not share:
        if not os.path.exists(TOP + "/dst_core.c"):
            return None
        share = os.path.join(kernel.build_dir, "share")
        try:
            kernels.build_module(kernel)
            kernels.build_tools([kernel])
        except kernels.BuildError as e:
            tail = "\n".join(e.log.splitlines()[-8:])
            raise Failed("%s does not build:\n%s" % (e, tail)) from e
    pair = share + "/dst.ko", share + "/dstctl"
    for path in pair:
        if not os.path.exists(path):
            raise Failed("no " + path)
    return pair


class Extras:
    """What a run needs in the node beside the base: programs (they go to
    /bin), plugins (they stay where they are), files, modules by the name
    that "load" knows them by, and parts of the job that are files here."""

    def __init__(self, programs=(), plugins=(), modules=None, scripts=()):
        self.programs, self.plugins = programs, plugins
        self.modules, self.scripts = modules or {}, scripts

    def put(self, tree, kernel):
        for path in self.programs:
            tree.program(path, "/bin/" + os.path.basename(path))
        for path in self.plugins:
            tree.program(path)
        for name, names in self.modules.items():
            tree.modules(kernel, name, names)

    def job(self, job):
        """The job, with the functions that it uses before it."""
        parts = []
        for name in self.scripts:
            with open(os.path.join(HERE, name), encoding="utf-8") as f:
                parts.append(f.read())
        return "\n".join(parts + [job])


def job_initramfs(kernel, tmp, job, dst, extras):
    """What is of this run alone."""
    tree = Tree(tmp + "/job.tree")
    tree.add(HERE + "/guest.sh", "/init")
    tree.text("/job/run", extras.job(job))
    extras.put(tree, kernel)
    if dst:
        dst_ko, dstctl = dst
        needs = run(["modinfo", "-F", "depends", dst_ko]).strip()
        tree.modules(kernel, "dst", [n for n in needs.split(",") if n],
                     own=[dst_ko])
        tree.program(dstctl, "/bin/dstctl")
    target = tmp + "/job.cpio"
    tree.cpio(target)
    return target


def boot(kernel, job, out, profiler=None, dst=None, programs=(), extras=None,
         machine=None, append=""):
    """Boot the node, run the job, unpack its /out to the directory `out`.
    Returns what went wrong, a list of lines; what was measured is there.
    The profiler, a plugin of QEMU's, writes out/tree."""
    os.makedirs(out, exist_ok=True)
    tmp = tempfile.mkdtemp(prefix="run-", dir=work_dir())
    try:
        return boot_in(tmp, kernel, (machine or MACHINE) + [
            "-append", APPEND + append], out, profiler, job_initramfs(
                           kernel, tmp, job, dst, extras or Extras(programs)))
    finally:
        shutil.rmtree(tmp)


def boot_in(tmp, kernel, machine, out, profiler, extra):
    """boot(), with a directory for what is only needed while it runs."""
    initrd, disk, console = tmp + "/initrd", tmp + "/out", out + "/console.log"
    with open(initrd, "wb") as f:
        for part in (base_initramfs(kernel), extra):
            with open(part, "rb") as g:
                shutil.copyfileobj(g, f)
    with open(disk, "wb") as f:
        f.truncate(256 << 20)
    argv = ["nice", "-n", NICE, "qemu-system-x86_64"] + machine + [
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-serial", "file:" + console,
        "-kernel", kernel.image, "-initrd", initrd,
        "-drive", "file=%s,if=none,id=out,format=raw" % disk,
        "-device", "virtio-blk-pci,drive=out"]
    if profiler:    # its second disk takes the guest's symbols
        with open(tmp + "/symbols", "wb") as f:
            f.truncate(64 << 20)
        argv += ["-drive", "file=%s/symbols,if=none,id=syms,format=raw" % tmp,
                 "-device", "virtio-blk-pci,drive=syms", "-plugin",
                 "%s,out=%s/tree,syms=%s/symbols" % (profiler, out, tmp)]
    open(console, "wb").close()
    problems = []
    started = time.time()
    with open(out + "/qemu.log", "wb") as log, \
            subprocess.Popen(argv, stdout=log, stderr=log,
                             stdin=subprocess.DEVNULL) as qemu:
        try:
            follow(qemu, console, started)
        except Failed as e:
            problems.append(str(e))
        finally:
            qemu.kill()
    try:
        with tarfile.open(disk, "r:") as tar:
            tar.extractall(out)
    except tarfile.TarError:
        problems.append("the node left no results")
    if not os.path.exists(out + "/done"):
        problems.append("the job did not come to its end")
    if os.path.exists(out + "/failed"):
        with open(out + "/failed", encoding="utf-8") as f:
            problems += f.read().splitlines()
    with open(console, errors="replace", encoding="utf-8") as f:
        problems += [line.strip() for line in f if REPORTS.search(line)][:5]
    if problems:
        problems.append("see %s/console.log, log and qemu.log" % out)
    say("%4d s  done" % (time.time() - started))
    return problems


def follow(qemu, console, started):
    """Show the job's own lines while the node runs."""
    seen, last = 0, started
    while True:
        over = qemu.poll() is not None
        if os.path.exists(console):
            with open(console, "rb") as f:
                f.seek(seen)
                text = f.read()
            end = text.rfind(b"\n") + 1
            seen += end
            for line in text[:end].decode(errors="replace").splitlines():
                hit = re.search(r"bench: (.*)", line)
                if hit:
                    last = time.time()
                    say("%4d s  %s" % (last - started, hit.group(1)))
        if over:
            return
        if time.time() - last > SILENT_S:
            raise Failed("the node said nothing for %d s: see %s" %
                         (SILENT_S, console))
        time.sleep(0.3)


def work_dir():
    """Where what is made for the runs is kept: outside of the clone."""
    path = CACHE + "/bench"
    os.makedirs(path, exist_ok=True)
    return path


def results_dir(what):
    """A new directory for one run's files, and the link `what`-last to it."""
    base = os.environ.get("RESULTS", work_dir() + "/results")
    path = os.path.join(base, time.strftime("%Y%m%d-%H%M%S-") + what)
    while os.path.exists(path):
        path += "x"
    os.makedirs(path)
    link = os.path.join(base, what + "-last")
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(os.path.basename(path), link)
    return path
