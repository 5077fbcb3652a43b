#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same kernel by its PVH entry, and with line interrupts instead of MSI-X.
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk files disk.img
# hv enters by PVH what is no Linux; this kernel no longer says that it is one.
in_l1 <<'L1'
sed 's/Xen\x00linux\x00/Xen\x00other\x00/' "$vmlinux" > kernel
! cmp -s "$vmlinux" kernel || fail "no note to change in $vmlinux"
vmm --kernel kernel --initrd "$initrd" --append "$append pci=nomsi" --drive file=disk.img,cache=none \
    -m 512M --smp 2 < /dev/null > "$out/guest.log"
L1
expect_line guest.log 'Booting paravirtualized kernel|Hypervisor detected: KVM'
expect_job_done disk.img
expect_sums disk.img /data 100
guest_file disk.img /result/interrupts > "$out/interrupts"
expect_line interrupts 'IO-APIC .*virtio0'
