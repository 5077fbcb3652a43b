#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A disk is plugged, unplugged while the stock guest writes to it, and plugged again: found and let go of without a word.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk hotplug disk.img
truncate -s 32M "$out/disks/hot.img"
limit=${LAB_LIMIT:-400}   # more than a boot and a job: the host waits, too
compile_api
in_l1 <<'L1'
api Hotplug "$append" > "$out/guest.log"
L1
expect_line guest.log 'api: plugged'
expect_job_done disk.img
expect_file disk.img /result/hotplug gone
guest_file disk.img /given/numbers > "$out/numbers"
cmp -n "$(stat -c %s "$out/numbers")" "$out/numbers" "$out/disks/hot.img" || fail "hot.img is not what the guest wrote last"
