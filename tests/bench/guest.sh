#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# Process 1 of the bench node.  Everything it needs is in its initramfs, so
# that nothing outside of the machine runs while something is measured.  It
# runs /job/run (written by the host), puts /out on the disk as a tar, and
# switches the machine off.

export PATH=/bin:/sbin:/usr/bin:/usr/sbin
conf=/sys/kernel/config

say() { echo "bench: $*" >/dev/console; }

die()
{
	say "FAILED: $*"
	echo "$*" >>/out/failed
	return 1
}

# try COMMAND...: run it; fail, and tell the host, when it does
try() { "$@" >>/out/log 2>&1 || die "$*"; }

# put VALUE FILE
put() { echo "$1" >"$2" 2>>/out/log || die "echo $1 >$2"; }

options()
{
	case $1 in
	null_blk.ko) echo nr_devices=0 ;;
	nvme-core.ko) echo "$NVME_CORE" ;;
	esac
}

# A module for a processor that this one is not may be among those that
# another one names.
load()
{
	while read -r m; do
		grep -q "^$(basename "$m" .ko | tr - _) " /proc/modules ||
			err=$(insmod "/mods/$m" "$(options "$m")" 2>&1) ||
			case $err in
			*"No such device"*) ;;
			*) die "insmod $m: $err" ;;
			esac
	done <"/mods/$1.order"
}

# wait_for SECONDS COMMAND...
wait_for()
{
	i=$(($1 * 10)); shift
	until "$@"; do
		i=$((i - 1))
		[ $i -gt 0 ] || { die "waited in vain for: $*"; return 1; }
		sleep 0.1
	done
}

# null_add NAME [CACHE_MB]: a RAM disk of 4 KiB sectors, written once from end
# to end; with a volatile cache, if that or NULL_CACHE is given
null_add()
{
	d=$conf/nullb/$1
	mkdir "$d" || die "null_blk $1"
	c=${2:-$NULL_CACHE}
	[ -z "$c" ] || put "$c" "$d/cache_size"
	put "$NULL_MB" "$d/size"
	put 4096 "$d/blocksize"
	put 1 "$d/memory_backed"
	put 1 "$d/submit_queues"
	put 1 "$d/power"
	wait_for 5 [ -b "/dev/$1" ]
	[ -z "$NULL_THROUGH" ] || put "write through" "/sys/block/$1/queue/write_cache"
	try dd if=/dev/zero of="/dev/$1" bs=1M count="$NULL_MB" oflag=direct
}

# target_* NAME prints nothing and leaves the device's path in /out/dev.NAME

target_local()
{
	null_add nullb0
	echo /dev/nullb0 >/out/dev.local
}

# nvme_attach NAME PORT OPTIONS SCHEDULER
nvme_attach()
{
	null_add "null$1"
	load nvme
	t=$conf/nvmet s=$conf/nvmet/subsystems/bench-$1
	mkdir "$s" || die "nvmet subsystem"
	put 1 "$s/attr_allow_any_host"
	mkdir "$s/namespaces/1"
	put "/dev/null$1" "$s/namespaces/1/device_path"
	put 1 "$s/namespaces/1/enable"
	mkdir "$t/ports/$2"
	put tcp "$t/ports/$2/addr_trtype"
	put ipv4 "$t/ports/$2/addr_adrfam"
	put 127.0.0.1 "$t/ports/$2/addr_traddr"
	put "$2" "$t/ports/$2/addr_trsvcid"
	ln -s "$s" "$t/ports/$2/subsystems/bench-$1" || die "nvmet port"
	before=$(echo /sys/block/nvme*n*)
	put "transport=tcp,traddr=127.0.0.1,trsvcid=$2,nqn=bench-$1$3" \
		/dev/nvme-fabrics
	wait_for 20 nvme_new || return
	for q in /sys/block/nvme*n*/queue; do
		case " $before " in *" ${q%/queue} "*) continue ;; esac
		if [ -n "$4" ] && grep -qs mq-deadline "$q/scheduler"; then
			put "$4" "$q/scheduler"
		fi
	done
	echo "/dev/$new" >"/out/dev.$1"
}

nvme_new()
{
	for new in /sys/block/nvme*n*; do
		case $new in *[0-9]c[0-9]*) continue ;; esac # one path of it
		[ -e "$new/size" ] || continue
		case " $before " in *" $new "*) continue ;; esac
		new=${new##*/}
		return 0
	done
	return 1
}

target_nvme() { nvme_attach nvme 4420 "" ""; }
target_nvmebest() { nvme_attach nvmebest 4421 ",disable_sqflow" none; }

target_nbd()
{
	null_add nullnbd
	load nbd
	printf '[generic]\nuser=root\ngroup=root\n[bench]\nexportname=%s\n' \
		/dev/nullnbd >/tmp/nbd.conf
	try nbd-server -C /tmp/nbd.conf
	try nbd-client -N bench 127.0.0.1 10809 /dev/nbd0 -b 4096 -nofork
	echo /dev/nbd0 >/out/dev.nbd
}

# dst_attach NAME CACHE_MB OPTIONS
dst_attach()
{
	null_add "null$1" "$2"
	dst_attach_disk "$1" "/dev/null$1" "$3"
}

# dst_attach_disk NAME DISK OPTIONS
dst_attach_disk()
{
	load dst
	wait_for 5 [ -c /dev/dst-control ]
	try dstctl export add "bench-$1" "$2"
	# shellcheck disable=SC2086 # options
	dstctl attach "127.0.0.1/bench-$1" $3 >"/out/dev.$1" 2>>/out/log ||
		die "dstctl attach: $(tail -1 /out/log)"
	dstctl status >/out/dst.status 2>&1
}

target_dst() { dst_attach dst "" "$DST_ATTACH"; }
target_dstcache() { dst_attach dstcache 16 ""; }
# the same disk at the same cost, but it says that all it has is safe
target_dstsafe() { NULL_THROUGH=1; dst_attach dstsafe 16 ""; NULL_THROUGH=; }
target_dstram() { dst_attach dstram 16 "--ack ram"; }
target_dstsmall() { dst_attach dstsmall 16 "--ack ram --mem-limit 8M"; }

# delay MS: what the loopback adds to each packet; 0 for nothing
delay()
{
	load netem
	/usr/sbin/tc qdisc del dev lo root 2>/dev/null
	[ "$1" = 0 ] || try /usr/sbin/tc qdisc add dev lo root netem delay "$1ms" limit 10000
}

# replay MB: write so much, and restart the export: what is not committed yet
# is written again; the log tells how much, and how long it took.  The disk is
# slow to flush meanwhile (2 s), so that all of it is kept.
replay()
{
	null_add nulldstreplay 16
	n=$((NULL_MB * 2048)) d=/dev/nulldstreplay
	try mkdir -p /dev/mapper
	load dm
	export DM_DISABLE_UDEV=1
	try dmsetup create slow --table "0 $n delay $d 0 0 $d 0 0 $d 0 2000"
	dst_attach_disk dstreplay /dev/mapper/slow "--mem-limit 1G"
	dev=$(cat /out/dev.dstreplay)
	say "replay"
	fio --name=replay --filename="$dev" --output=/out/replay.json \
		--output-format=json --ioengine=io_uring --direct=1 --rw=write \
		--bs=128k --iodepth=8 --iomem=mmaphuge --size="$1M" \
		>>/out/log 2>&1 || die "fio replay"
	try dstctl export remove bench-dstreplay --force
	try dmsetup suspend slow
	try dmsetup reload slow --table "0 $n delay $d 0 0"
	try dmsetup resume slow
	try dstctl export add bench-dstreplay /dev/mapper/slow
	until [ "$(cat "/sys/block/${dev##*/}/dst/state")" = online ]; do
		sleep 0.01
	done
	dmesg | grep "written again\|writing again" >/out/replay.log
}

# check TARGET BACKING: what is written to the one arrives in the other, and
# is read back: a figure of a disk that does not store is none
check()
{
	dev=$(cat "/out/dev.$1" 2>/dev/null)
	[ -b "$dev" ] || { die "$1: no device"; return 1; }
	try dd if=/dev/urandom of=/tmp/random bs=1M count=2
	try dd if=/tmp/random of="$dev" bs=1M seek=7 oflag=direct conv=fsync
	for f in "$dev" "$2"; do
		try dd if="$f" of=/tmp/back bs=1M skip=7 count=2 iflag=direct
		cmp -s /tmp/random /tmp/back ||
			die "$1: $f does not hold what was written"
	done
}

# What the report says of the machine and the devices
settings()
{
	uname -a >/out/uname
	cat /proc/cmdline >/out/cmdline
	cat /sys/devices/system/clocksource/clocksource0/current_clocksource \
		>/out/clocksource
	grep . /sys/devices/system/cpu/vulnerabilities/* >/out/mitigations
	for f in /out/dev.*; do
		d=$(cat "$f") && d=${d##*/}
		[ -e "/sys/block/$d/queue" ] || continue
		grep -s . "/sys/block/$d/queue/scheduler" \
			"/sys/block/$d/queue/nr_requests" \
			"/sys/block/$d/queue/max_sectors_kb" \
			"/sys/block/$d/queue/write_cache" \
			"/sys/block/$d/queue/io_poll" >"/out/queue.${f##*.}"
	done
}

# Where the profiler of the host finds the names of addresses.
symbols() { try dd if=/proc/kallsyms of=/dev/vdb bs=1M conv=fsync; }

# What is in /out reaches the host even when a later step dies.
keep()
{
	dmesg >/out/dmesg
	[ -b /dev/vda ] || die "no disk to keep the results on"
	tar -c -C /out . | dd of=/dev/vda bs=1M conv=fsync 2>/dev/null
}

# run_fio NAME FILES FIO-OPTIONS...
run_fio()
{
	n=$1 files=$2
	shift 2
	say "$n"
	cd /tmp || return 1
	fio --name="$n" --filename="$files" --output="/out/fio.$n.json" \
		--output-format=json "$@" >>/out/log 2>&1 || die "fio $n"
	for f in prerun postrun; do
		mv "/tmp/$n.$f.txt" /out/ 2>/dev/null
	done
	cd /
}

# measure TARGET LOAD FIO-OPTIONS...: on the device, or on $FILE, if that is set
measure()
{
	n=$1.$2 dev=${FILE:-$(cat "/out/dev.$1" 2>/dev/null)}
	[ -b "$dev" ] || [ -f "$dev" ] || { die "$n: no device"; return 1; }
	shift 2
	run_fio "$n" "$dev" "$@"
}

if [ $$ = 1 ]; then
	/bin/busybox --install -s /bin
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	[ -c /dev/null ] || mount -t devtmpfs devtmpfs /dev
	mkdir -p /tmp /out /run /var/tmp /var/lib /etc
	ln -sf /proc/self/fd/0 /dev/stdin
	ln -sf /proc/self/fd/1 /dev/stdout
	ln -sf /proc/self/fd/2 /dev/stderr
	mount -t tmpfs tmpfs /tmp
	echo root:x:0:0:root:/root:/bin/sh >/etc/passwd
	echo root:x:0: >/etc/group
	echo 127.0.0.1 localhost >/etc/hosts
	hostname bench
	echo 00000000000000000000000000000001 >/etc/machine-id
	load base
	mount -t configfs configfs $conf
	mount -t debugfs debugfs /sys/kernel/debug
	ip link set lo up
	put 32 /proc/sys/vm/nr_hugepages # for buffers of large I/O
	# shellcheck disable=SC1091 # written by the host
	. /job/run
	touch /out/done
	keep
	say "off"
	poweroff -f
fi
