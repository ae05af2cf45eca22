# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2154
# Part of guest.sh for `make bench`: the rivals beyond nvme-tcp and nbd, each
# in the settings that are known to be its fastest.  Where these are is said
# in /out/settings.TARGET; loads.TARGETS has it in words.

cpus=$(grep -c ^processor /proc/cpuinfo)

# scheduler NAME TARGET: the I/O scheduler of the target's disk
scheduler()
{
	q=$(cat "/out/dev.$2") && put "$1" "/sys/block/${q##*/}/queue/scheduler"
}

# The host polls for replies; fio has to be told (--hipri).
target_nvmepoll()
{
	nvme_attach nvmepoll 4422 ",disable_sqflow,nr_poll_queues=1" none
}

# As nbd of guest.sh, but it says what it can do, and uses all processors.
target_nbdbest()
{
	null_add nullnbdbest
	load nbd
	printf '[generic]\nuser=root\ngroup=root\n[bench]\nexportname=%s\n%s\n' \
		/dev/nullnbdbest 'flush=true
fua=true' >/tmp/nbdbest.conf
	try nbd-server -C /tmp/nbdbest.conf 127.0.0.1:10811
	try nbd-client -N bench 127.0.0.1 10811 /dev/nbd2 -b 4096
	echo /dev/nbd2 >/out/dev.nbdbest
	scheduler none nbdbest
	cp /tmp/nbdbest.conf /out/settings.nbdbest
}

target_nbdkit()
{
	null_add nullnbdkit
	load nbd
	p=/usr/lib/x86_64-linux-gnu/nbdkit/plugins/nbdkit-file-plugin.so
	set -- --ipaddr 127.0.0.1 --port 10810 "$p" file=/dev/nullnbdkit
	try nbdkit "$@"
	try nbd-client 127.0.0.1 10810 /dev/nbd1 -b 4096 -C "$cpus"
	echo /dev/nbd1 >/out/dev.nbdkit
	scheduler none nbdkit
	echo "nbdkit $*; nbd-client -b 4096 -C $cpus" >/out/settings.nbdkit
}

# LIO by configfs, and a session started without a daemon: what it would do,
# recover, is not measured.
target_iscsi()
{
	null_add nulliscsi
	load iscsi
	c=$conf/target iqn=iqn.2026-01.org.example.bench
	b=$c/core/iblock_0/disk g=$c/iscsi/$iqn:target/tpgt_1
	try mkdir -p "$b"
	put udev_path=/dev/nulliscsi "$b/control"
	put 1 "$b/enable"
	try mkdir -p "$g"
	try mkdir -p "$g/np/127.0.0.1:3260" "$g/lun/lun_0"
	try ln -s "$b" "$g/lun/lun_0/disk"
	for v in authentication=0 generate_node_acls=1 cache_dynamic_acls=1 \
		demo_mode_write_protect=0 default_cmdsn_depth=256; do
		put "${v#*=}" "$g/attrib/${v%=*}"
	done
	for v in InitialR2T=No ImmediateData=Yes FirstBurstLength=1048576 \
		MaxBurstLength=1048576 MaxRecvDataSegmentLength=1048576 \
		MaxXmitDataSegmentLength=1048576 MaxOutstandingR2T=8 \
		HeaderDigest=None DataDigest=None; do
		put "${v#*=}" "$g/param/${v%=*}"
	done
	put 1 "$g/enable"
	mkdir -p /run/lock /etc/iscsi
	s=node.session n='node.conn[0].iscsi'
	set -- -i "$iqn:client" -t "$iqn:target" -g 1 -a 127.0.0.1 \
		-P "$s.cmds_max=1024" -P "$s.queue_depth=256" \
		-P "$s.iscsi.InitialR2T=No" -P "$s.iscsi.ImmediateData=Yes" \
		-P "$s.iscsi.FirstBurstLength=1048576" \
		-P "$s.iscsi.MaxBurstLength=1048576" \
		-P "$n.MaxRecvDataSegmentLength=1048576" \
		-P "$n.MaxXmitDataSegmentLength=1048576"
	try iscsistart "$@"
	wait_for 20 [ -b /dev/sda ]
	echo /dev/sda >/out/dev.iscsi
	scheduler none iscsi
	{
		echo "iscsistart $*"
		for v in /sys/class/iscsi_session/*/* /sys/class/iscsi_connection/*/*; do
			[ -f "$v" ] && echo "${v##*/}: $(cat "$v" 2>/dev/null)"
		done
	} >/out/settings.iscsi
}

# Two disks behind nvme-tcp, each tuned as nvmebest is, and a bitmap as any
# mirror over a network needs one.
target_md()
{
	nvme_attach mda 4423 ",disable_sqflow" none
	nvme_attach mdb 4424 ",disable_sqflow" none
	load md
	a=$(cat /out/dev.mda) b=$(cat /out/dev.mdb)
	rm /out/dev.mda /out/dev.mdb
	set -- --level=1 --raid-devices=2 --metadata=1.0 --assume-clean \
		--bitmap=internal --bitmap-chunk=65536 --run "$a" "$b"
	MDADM_NO_UDEV=1 try mdadm --create /dev/md0 "$@"
	wait_for 5 [ -b /dev/md0 ]
	echo /dev/md0 >/out/dev.md
	{ echo "mdadm --create $*"; cat /proc/mdstat; } >/out/settings.md
}

# drbd_side NAME MINOR PORT PEER-PORT
drbd_side()
{
	null_add "null$1"
	try drbdmeta --force "$2" v08 "/dev/null$1" internal create-md
	try drbdsetup-84 new-resource "$1"
	try drbdsetup-84 new-minor "$1" "$2" 0
	try drbdsetup-84 attach "$2" "/dev/null$1" "/dev/null$1" internal \
		--al-extents=6007 --c-plan-ahead=0
	try drbdsetup-84 connect "$1" "ipv4:127.0.0.1:$3" "ipv4:127.0.0.1:$4" \
		--protocol=C --max-buffers=36864 --max-epoch-size=20000 \
		--sndbuf-size=0 --rcvbuf-size=0 --cram-hmac-alg=
}

drbd_is() { drbdsetup-84 dstate 0 2>/dev/null | grep -qx "$1"; }

# Two resources of one kernel, whose connections point at each other.
target_drbd()
{
	load drbd
	mkdir -p /var/lock /var/run/drbd
	drbd_side drbd 0 7788 7789
	drbd_side drbdpeer 1 7789 7788
	wait_for 20 drbd_is Inconsistent/Inconsistent
	try drbdsetup-84 new-current-uuid --clear-bitmap 0
	wait_for 20 drbd_is UpToDate/UpToDate
	try drbdsetup-84 primary 0
	echo /dev/drbd0 >/out/dev.drbd
	{ cat /proc/drbd; drbdsetup-84 show; } >/out/settings.drbd
}

# DST in other ways, over the same disk as all others.
target_ackram() { dst_attach ackram "" "--ack ram"; }
target_dst1() { dst_attach dst1 "" "--lanes 1"; }
target_dst4() { dst_attach dst4 "" "--lanes 4"; }

# versions: what the module's and the program's own word is
versions()
{
	for m in drbd nvme_tcp nbd iscsi_tcp raid1 dst; do
		v=/sys/module/$m/version
		[ ! -e "$v" ] || echo "$m $(cat "$v")"
	done >/out/versions
}

# ext4_on TARGET: a new file system on its disk, and a file for fio on it
ext4_on()
{
	dev=$(cat "/out/dev.$1")
	load ext4
	mkdir -p /mnt
	try /usr/sbin/mke2fs -q -F -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 "$dev"
	try mount -t ext4 -o noatime "$dev" /mnt || return
	: >/mnt/file
	FILE=/mnt/file
}

ext4_off()
{
	unset FILE
	try umount /mnt
}

# file_tree TARGET FILES: the metadata load, with what /proc/stat says around it
file_tree()
{
	say "$1.filetree"
	sync
	cat /proc/stat >"/out/$1.filetree.prerun.txt"
	filetree /mnt "$2" >"/out/filetree.$1" 2>>/out/log || die "filetree $1"
	cat /proc/stat >"/out/$1.filetree.postrun.txt"
}

# lose N: of the packets that arrive on the loopback every Nth is lost; 0: none.
# Counted, not drawn, so that each run loses the same ones.
lose()
{
	load gact
	/usr/sbin/tc qdisc del dev lo clsact 2>/dev/null
	[ "$1" = 0 ] && return
	try /usr/sbin/tc qdisc add dev lo clsact
	try /usr/sbin/tc filter add dev lo ingress matchall \
		action pass random determ drop "$1"
}
