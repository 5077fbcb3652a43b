#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A stock Debian kernel on a disk that QEMU's storage daemon serves: it boots from it, writes files and powers off.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk files disk.img
in_l1 <<'L1'
qemu-storage-daemon --blockdev driver=file,node-name=f,filename=disk.img \
    --export "type=vhost-user-blk,id=e,node-name=f,addr.type=unix,addr.path=$PWD/socket,writable=on,num-queues=2" &
daemon=$!
for i in {1..100}; do [ ! -S socket ] || break; sleep 0.2; done
vmm --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive "if=virtio,vhost-user=$PWD/socket" \
    -m 512M --smp 2 < /dev/null > "$out/guest.log"
kill "$daemon"
wait "$daemon" || true
L1
expect_job_done disk.img
expect_file disk.img /result/cpus 2
expect_sums disk.img /data 100
