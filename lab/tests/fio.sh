#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian's fio in the guest verifies what it wrote: every engine, raw and qcow2, split and packed, throttled, dataplane=off.
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk -s 192 -p fio:usr/bin/fio fio disk.img
raw=(io_uring native threads throttled main-loop)
for d in "${raw[@]}"; do truncate -s 8M "$out/disks/$d.img"; done
qcow2=(qcow2-io_uring qcow2-threads)
for d in "${qcow2[@]}"; do qemu-img create -q -f qcow2 "$out/disks/$d.img" 8M; done
in_l1 <<'L1'
vmm --kernel "$vmlinuz" --initrd "$initrd" --append "$append" -m 640M --smp 2 --drive file=disk.img,cache=none \
    --drive file=io_uring.img,serial=io_uring,aio=io_uring,cache=none,discard=unmap,packed=on \
    --drive file=native.img,serial=native,aio=native,cache=none,discard=unmap,queues=2 \
    --drive file=threads.img,serial=threads,aio=threads,discard=unmap \
    --drive file=throttled.img,serial=throttled,cache=none,discard=unmap,throttling.iops-total=300,throttling.bps-total=4000000 \
    --drive file=main-loop.img,serial=main-loop,cache=none,discard=unmap,dataplane=off,queues=2 \
    --drive file=qcow2-io_uring.img,serial=qcow2-io_uring,format=qcow2,aio=io_uring,cache=none,discard=unmap \
    --drive file=qcow2-threads.img,serial=qcow2-threads,format=qcow2,aio=threads,discard=unmap \
    < /dev/null > "$out/guest.log"
L1
for d in "${raw[@]}" "${qcow2[@]}"; do
    expect_line guest.log "^fio: $d error 0, [1-9][0-9]* KiB read, [1-9][0-9]* KiB written"
    expect_line guest.log "^fio: $d-discard error 0, .* 2048 KiB written"
    expect_line guest.log "^fio: $d had [1-9][0-9]* discards, [1-9][0-9]* flushes"
done
expect_job_done disk.img
for d in "${qcow2[@]}"; do qemu-img check "$out/disks/$d.img" || fail "qemu-img check on $d.img"; done
