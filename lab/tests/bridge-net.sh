#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two stock guests on taps of one bridge: pings up to 65000 bytes, in one packet each, and files both ways.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk -s 96 bridge-net first.img
disk -s 96 bridge-net second.img
guest_modules+=(virtio_net)
host_modules='tun bridge'
limit=${LAB_LIMIT:-400}
in_l1 <<'L1'
/.l1/busybox brctl addbr br0
/.l1/busybox ip link set br0 up
guest() { # NAME MAC
    vmm_start "$out/$1.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive "file=$1.img,cache=none" -m 384M \
        --nic "tap,bridge=br0,mtu=65521,mac=$2"
}
guest first 52:54:00:00:00:01;  first=$!
guest second 52:54:00:00:00:02; second=$!
wait $first
wait $second
ls /sys/class/net > "$out/interfaces"
L1
! grep -q '^tap' "$out/interfaces" || fail "a tap is still there"
for d in first second; do
    expect_job_done $d.img
    expect_file $d.img /result/mtu 65521
    expect_file $d.img /result/net whole
done
