# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2154
# Part of guest.sh for `make scale`: how cost grows.  Nothing is detached
# between the steps: a figure is what came on top of what was there.

size_mb=1024

# In place of guest.sh's: a disk that keeps nothing, and so may have any size.
# It may be there already.
null_add()
{
	[ ! -b "/dev/$1" ] || return 0
	d=$conf/nullb/$1
	mkdir "$d" || die "null_blk $1"
	put "$size_mb" "$d/size"
	put 4096 "$d/blocksize"
	put 1 "$d/submit_queues"
	put 1 "$d/power"
	wait_for 5 [ -b "/dev/$1" ]
}

# memory FILE: what is in use, when what is kept for some seconds has gone, and
# what can be dropped has been
memory()
{
	sleep 12
	put 3 /proc/sys/vm/drop_caches
	put 1 /proc/sys/vm/compact_memory # takes free pages off the processor's list
	sleep 1
	cat /proc/meminfo >"/out/$1"
}

# attach KIND NAME NUMBER
attach()
{
	case $1 in
	dst) dst_attach "$2" "" "" ;;
	nvme) nvme_attach "$2" $((5000 + $3)) ",disable_sqflow" none ;;
	esac
}

# client_id NUMBER
client_id() { printf '00000000-0000-4000-8000-%012x' "$1"; }

# a client more of an export that has one already: client KIND NAME NUMBER
client()
{
	case $1 in
	dst)
		DST_INITIATOR=$(client_id "$3") \
			dstctl attach 127.0.0.1/shared >"/out/dev.$2" 2>>/out/log ||
			die "dstctl attach: $(tail -1 /out/log)"
		;;
	nvme)
		before=$(echo /sys/block/nvme*n*)
		id=$(client_id "$3")
		put "transport=tcp,traddr=127.0.0.1,trsvcid=4999,nqn=bench-shared,disable_sqflow,hostnqn=nqn.2014-08.org.nvmexpress:uuid:$id,hostid=$id" \
			/dev/nvme-fabrics
		wait_for 20 nvme_new || return
		put none "/sys/block/$new/queue/scheduler"
		echo "/dev/$new" >"/out/dev.$2"
		;;
	esac
}

# what all clients of one kind share: share KIND
share()
{
	case $1 in
	dst)
		null_add nullshared
		load dst
		wait_for 5 [ -c /dev/dst-control ]
		try dstctl export add shared /dev/nullshared --shared
		;;
	nvme) nvme_attach shared 4999 "" none ;;
	esac
}

# across NAME PREFIX COUNT FIO-OPTIONS...: I/O on all of the devices in turn, 8
# at a time, as deep on each, however many there are
across()
{
	name=$1 files='' i=1
	while [ $i -le "$3" ]; do
		files=$files${files:+:}$(cat "/out/dev.$2$i")
		i=$((i + 1))
	done
	shift 3
	run_fio "$name" "$files" --file_service_type=roundrobin:8 "$@" \
		--iodepth=$((32 * count))
}

# grow WHAT KIND COMMAND COUNT... -- FIO-OPTIONS: COMMAND brings one more
grow()
{
	what=$1 kind=$2 command=$3 have=0 counts=''
	shift 3
	while [ "$1" != -- ]; do
		counts="$counts $1" count_most=$1
		shift
	done
	shift
	if [ "$what" = device ]; then	# the disks are not what is measured
		for i in $(seq "$count_most"); do
			null_add "nulldevice$i"
		done
	fi
	memory "memory.$kind.$what.0"
	for count in $counts; do
		while [ $have -lt "$count" ]; do
			have=$((have + 1))
			$command "$kind" "$what$have" $have
		done
		memory "memory.$kind.$what.$count"
		across "$kind.$what.$count" "$what" "$count" "$@"
	done
	keep
}

# size KIND NAME MB FIO-OPTIONS...: a disk of this size
size()
{
	kind=$1 name=$2 size_mb=$3
	shift 3
	memory "memory.$kind.$name.0"
	attach "$kind" "$name" "$size_number"
	size_number=$((size_number + 1))
	size_mb=1024
	memory "memory.$kind.$name.1"
	run_fio "$kind.$name" "$(cat "/out/dev.$name")" "$@"
	keep
}
size_number=500

put 80 /proc/sys/vm/nr_hugepages	# for 10,000 buffers, and what fio rounds up

# fio calls this before its first I/O: what is in use then, and when all of the
# I/O is on its way and nothing has arrived yet.
cat >/tmp/in_flight <<'EOS'
cat /proc/meminfo >"/out/memory.$1.0"
cat /proc/slabinfo >"/out/slab.$1.0"
(sleep 0.9; cat /proc/meminfo >"/out/memory.$1.1"
 cat /proc/slabinfo >"/out/slab.$1.1") >/dev/null 2>&1 &
EOS
