#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The disk on virtio-mmio, which the stock kernel finds by ACPI.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk files disk.img
in_l1 <<'L1'
vmm --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none --virtio mmio \
    -m 512M --smp 2 < /dev/null > "$out/guest.log"
L1
expect_job_done disk.img
expect_sums disk.img /data 100
guest_file disk.img /result/interrupts > "$out/interrupts"
expect_line interrupts 'IO-APIC .*virtio0'
