# SPDX-License-Identifier: GPL-2.0-only
#
# make                  builds dst.ko for the running kernel, and the tools
# make module           only the module; KVER= or KDIR= name another kernel
# make install          installs both, below DESTDIR if that is set
# make demo             a remote disk on two test machines, in five minutes
# make test             all tests; SCENARIO=name KERNEL=6.12 for one
# make test-debug       the scenarios on the debug kernel (KASAN, lockdep, ...)
# make soak             crashes and cuts at random; TIME=10m SEED=n KERNEL=6.12
# make mutants          break the module on purpose: scenarios must fail
# make bench            speed, beside all rivals; see tests/bench/README.md
# make shell            two test machines to play with
# make check            builds and static checks only

KVER	?= $(shell uname -r)
KDIR	?= /lib/modules/$(KVER)/build
DEPMOD	?= depmod

# The headers of Debian have no vmlinux to take types from; kbuild would say so.
kmake = $(MAKE) -C $(KDIR) M=$(CURDIR) CONFIG_DEBUG_INFO_BTF_MODULES=
runner = $(if $(KERNEL),$(foreach k,$(KERNEL),--kernel $(k))) \
	$(foreach s,$(SCENARIO),--scenario $(s))

all: module tools

module:
	@test -e $(KDIR)/Makefile || { \
		echo "no headers of kernel $(KVER) in $(KDIR): apt-get install linux-headers-$(KVER)," \
		     "or name a tree with KDIR=" >&2; exit 1; }
	$(kmake) modules

tools:
	$(MAKE) -C tools

install: all
	$(kmake) INSTALL_MOD_PATH=$(DESTDIR) INSTALL_MOD_DIR=extra \
		CONFIG_MODULE_SIG_ALL= $(if $(DESTDIR),DEPMOD=true) modules_install
	$(MAKE) -C tools install DESTDIR=$(DESTDIR)

uninstall:
	rm -f $(DESTDIR)/lib/modules/$(KVER)/extra/dst.ko \
		$(DESTDIR)/lib/modules/$(KVER)/extra/dst.ko.xz
	$(if $(DESTDIR),,$(DEPMOD) -a $(KVER))
	$(MAKE) -C tools uninstall DESTDIR=$(DESTDIR)

demo:
	@tests/install-deps demo
	@tests/demo

test:
	@tests/install-deps
	@tests/run $(runner)

test-debug:
	@tests/install-deps
	@tests/kernel/build >/dev/null
	@tests/run --kernel debug $(foreach s,$(SCENARIO),--scenario $(s))

soak:
	@tests/install-deps
	@tests/soak/run --time $(or $(TIME),10m) $(if $(SEED),--seed $(SEED)) \
		--kernel $(or $(KERNEL),6.12)

mutants:
	@tests/install-deps
	@tests/mutants --kernel $(or $(KERNEL),6.12)

bench:
	@$(MAKE) --no-print-directory -C tests/bench full

check:
	@tests/install-deps
	@tests/run --checks $(runner)

shell:
	@tests/install-deps
	@tests/vm/shell $(KERNEL)

clean:
	-test ! -e $(KDIR)/Makefile || $(kmake) clean
	$(MAKE) -C tools clean
	-test ! -e tests/unit/Makefile || $(MAKE) -C tests/unit clean

.PHONY: all module tools install uninstall demo test test-debug soak mutants bench check shell \
	clean
