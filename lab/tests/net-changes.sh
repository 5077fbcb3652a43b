#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Files between L1 and the stock guest come whole while ethtool changes the guest's queues and offloads; nothing stays open.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk -s 96 -p socat:usr/bin/socat -p ethtool:sbin/ethtool net-changes disk.img
guest_modules+=(virtio_net)
host_modules=tun
limit=${LAB_LIMIT:-400}
in_l1 <<'L1'
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none \
    --nic tap,ifname=hv0,queues=2,iothreads=2 --smp 2
guest=$!
wait_for_line "$out/guest.log" 'Linux version' 150
/.l1/busybox ip address add 10.0.5.1/24 dev hv0
/.l1/busybox nc -ll -p 5000 -e /bin/cat &
echo=$!
count() { ls /proc/$guest/fd | wc -l; }
until grep -q 'round 1 is whole' "$out/guest.log"; do kill -0 $guest; sleep 0.2; done
before=$(count)
until grep -q 'round 3 is whole' "$out/guest.log"; do kill -0 $guest; sleep 0.2; done
after=$(count)
echo "$before descriptors, then $after" > "$out/descriptors"
[ "$before" = "$after" ] || fail "descriptors: $(cat "$out/descriptors")"
wait $guest
kill $echo
L1
expect_job_done disk.img
expect_file disk.img /result/net whole
