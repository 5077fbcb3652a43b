#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A disk is torn out by force: the stock guest is told, lets go of what was there, and takes another.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk force disk.img
truncate -s 8M "$out/disks/first.img"
truncate -s 8M "$out/disks/second.img"
limit=${LAB_LIMIT:-400}   # more than a boot and a job: the host waits, too
compile_api
in_l1 <<'L1'
api Force "$append" > "$out/guest.log"
L1
expect_job_done disk.img
guest_file disk.img /given/numbers > "$out/numbers"
for d in first.img second.img; do
    cmp -n "$(stat -c %s "$out/numbers")" "$out/numbers" "$out/disks/$d" || fail "$d is not what the guest wrote"
done
