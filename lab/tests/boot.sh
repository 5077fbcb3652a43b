#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A stock Debian kernel with two CPUs, its root on /dev/vda, writes files, reads them back and powers off.
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk files disk.img
in_l1 <<'L1'
vmm --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none \
    -m 512M --smp 2 < /dev/null > "$out/guest.log"
L1
expect_job_done disk.img
expect_file disk.img /result/cpus 2
expect_sums disk.img /data 100
