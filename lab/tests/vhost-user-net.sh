#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TCP between L1 and the stock guest by a passt that serves the NIC by vhost-user, both ways, over a passt that is killed.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk -s 96 -p socat:usr/bin/socat vhost-user-net disk.img
seq 1 60000 > "$out/disks/sent"
guest_modules+=(virtio_net)
# Bookworm's does not speak vhost-user.
LAB_PASST=$(with_cache_locked in_suite trixie with_libraries passt-trixie passt:usr/bin/passt)
export LAB_PASST
in_l1 <<'L1'
# Of interfaces L1 has none: passt's own addresses are 169.254.2.2, which is L1's 127.0.0.1, and the guest's 169.254.2.1.
start_passt() {
    "$LAB_PASST"/usr/lib64/ld-linux-x86-64.so.2 --library-path "$LAB_PASST/usr/lib/x86_64-linux-gnu" "$LAB_PASST/usr/bin/passt" \
        --vhost-user --foreground --runas 0 --socket /.l1/passt --ipv4-only --tcp-ports 6000 >> "$out/passt.log" 2>&1 &
    passt=$!
    wait_for_line "$out/passt.log" 'start qemu' 30
}
start_passt
/usr/bin/python3 "$lab/net/peer.py" 127.0.0.1 sent /.l1/monitor > "$out/peer.log" 2>&1 &
peer=$!
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none \
    --nic vhost-user=/.l1/passt --monitor unix:/.l1/monitor
guest=$!
wait_for_line "$out/guest.log" 'first is what' 200
kill -9 "$passt"
wait_for_line "$out/guest.log" 'the link is down' 30
: > "$out/passt.log"
start_passt
wait $guest
wait $peer
kill "$passt" 2> /dev/null || true
L1
expect_line peer.log 'echoed 288894 bytes to 127.0.0.1'
expect_line peer.log 'cont: VM status: running'
expect_line peer.log 'the guest sent back all of it'
expect_line guest.log 'back end at /.l1/passt is gone'
expect_job_done disk.img
expect_file disk.img /result/net 'both ways'
