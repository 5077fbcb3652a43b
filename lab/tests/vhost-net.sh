#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TCP between L1 and the stock guest by vhost-net on a tap with two queues, both ways, over a reset and a pause of the machine.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk -s 96 -p socat:usr/bin/socat vhost-net disk.img
seq 1 60000 > "$out/disks/sent"
guest_modules+=(virtio_net)
host_modules='tun vhost_net'
in_l1 <<'L1'
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none \
    --nic tap,ifname=hv0,vhost=on,queues=2 --smp 2 --monitor unix:/.l1/monitor
guest=$!
wait_for_line "$out/guest.log" 'Linux version' 150
/.l1/busybox ip address add 10.0.5.1/24 dev hv0
/usr/bin/python3 "$lab/net/peer.py" 10.0.5.2 sent /.l1/monitor > "$out/peer.log" 2>&1 &
peer=$!
wait_for_line "$out/guest.log" 'first is what' 150
# The kernel's threads, one for each pair.
cat /proc/[0-9]*/task/*/comm 2> /dev/null | grep '^vhost-[0-9]' > "$out/workers" || true
wait $guest
wait $peer
L1
[ "$(wc -l < "$out/workers")" = 2 ] || fail "the kernel does not serve both pairs: $(cat "$out/workers")"
expect_line peer.log 'echoed 288894 bytes to 10.0.5.2'
expect_line peer.log 'stop: VM status: paused'
expect_line peer.log 'cont: VM status: running'
expect_line peer.log 'the guest sent back all of it'
expect_job_done disk.img
expect_file disk.img /result/queues 2
expect_file disk.img /result/net 'both ways'
