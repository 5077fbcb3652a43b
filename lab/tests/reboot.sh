#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The stock guest reboots, is reset by the monitor in the middle of writes, and finds its file and its network: three boots in one process.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk reboot disk.img
limit=${LAB_LIMIT:-400}   # more than one boot
guest_modules+=(virtio_net vmw_vsock_virtio_transport)
host_modules='tun vhost_net vhost_vsock'
in_l1 <<'L1'
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none \
    -m 512M --balloon --nic tap,ifname=hv0,vhost=on --vsock cid=7 --monitor unix:/.l1/monitor
guest=$!
wait_for_line "$out/guest.log" 'Linux version' 150
/.l1/busybox ip address add 10.0.5.1/24 dev hv0
wait_for_line "$out/guest.log" '^lab: boot 1' 150
wait_for_line "$out/guest.log" '^lab: writes without end' 150
/usr/bin/python3 - /.l1/monitor <<'PYTHON'
import socket, sys, time
monitor = socket.socket(socket.AF_UNIX)
monitor.connect(sys.argv[1])
monitor.sendall(b"system_reset\n")
time.sleep(1)
PYTHON
wait $guest
L1
expect_line guest.log 'reboot: Restarting system'
expect_line guest.log '^lab: boot 3'
[ "$(grep -c 'Linux version' "$out/guest.log")" = 3 ] || fail "not three boots"
expect_job_done disk.img
expect_file disk.img /data/boots 3
