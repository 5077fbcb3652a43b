#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A disk is mirrored while the guest writes: a copy that is identical, then a switch-over; then it grows, and the guest sees.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk mirror disk.img
head -c 16M /dev/urandom > "$out/disks/old.img"
truncate -s 24M "$out/disks/old.img" "$out/disks/new.img"
# What was on a target before does not stay there.
head -c 24M /dev/urandom > "$out/disks/copy.img"
compile_api
in_l1 <<'L1'
api Mirror "$append" > "$out/guest.log"
L1
expect_line guest.log 'api: the copy is the disk'
expect_line guest.log 'api: the disk is on its mirror'
expect_line guest.log 'job: the disk has 81920 sectors'
expect_job_done disk.img
expect_file disk.img /result/mirror verified
tail -c 65536 "$out/disks/new.img" | grep -qa 'writer end, number 1' || fail "nothing at the new end of new.img"
