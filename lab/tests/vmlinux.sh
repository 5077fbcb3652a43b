#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same kernel as an ELF vmlinux; its reboot ends the machine with status 0.
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk -e reboot files disk.img
in_l1 <<'L1'
vmm --kernel "$vmlinux" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none \
    -m 512M --smp 2 --no-reboot < /dev/null > "$out/guest.log"
L1
expect_line guest.log 'reboot: Restarting system'
expect_job_done disk.img
expect_sums disk.img /data 100
