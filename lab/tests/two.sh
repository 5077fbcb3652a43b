#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two guests at once, each with its disk; a third is refused the disk of the first.
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk files first.img
disk files second.img
in_l1 <<'L1'
guest() { # DISK LOG
    vmm_start "$2" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive "file=$1,cache=none" -m 384M
}
guest first.img "$out/first.log";   first=$!
guest second.img "$out/second.log"; second=$!
wait_for_line "$out/first.log" 'Linux version' 150
guest first.img "$out/third.log"
! wait $! || fail "two guests on one disk"
wait "$first"
wait "$second"
L1
expect_line third.log 'first.img'
for d in first.img second.img; do
    expect_job_done "$d"
    expect_sums "$d" /data 100
done
