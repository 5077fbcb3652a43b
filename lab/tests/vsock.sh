#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sockets between L1 and the stock guest by vhost-vsock, both ways, over a reset of the device and a pause of the machine.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk -s 96 -p socat:usr/bin/socat vsock disk.img
seq 1 60000 > "$out/disks/sent"
guest_modules+=(vmw_vsock_virtio_transport)
host_modules=vhost_vsock
in_l1 <<'L1'
/usr/bin/python3 "$lab/net/peer.py" vsock:7 sent /.l1/monitor > "$out/peer.log" 2>&1 &
peer=$!
wait_for_line "$out/peer.log" 'listens' 30
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none \
    --vsock cid=7 --monitor unix:/.l1/monitor
guest=$!
wait_for_line "$out/guest.log" 'Linux version' 150
! vmm --kernel "$vmlinuz" --append "$append" --vsock guest-cid=7 < /dev/null > "$out/second.log" 2>&1 || fail "two guests with one cid"
wait $guest
wait $peer
L1
expect_line second.log '^hv: --vsock cid=7: another guest of this host has this id; choose another'
expect_line peer.log 'echoed 288894 bytes to 7'
expect_line peer.log 'stop: VM status: paused'
expect_line peer.log 'cont: VM status: running'
expect_line peer.log 'the guest sent back all of it'
expect_job_done disk.img
expect_file disk.img /result/vsock 'both ways'
