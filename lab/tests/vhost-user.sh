#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian's QEMU boots a stock kernel from hv vhost-user-blk, writes, syncs, powers off; then another guest on the same back end.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"
. "${BASH_SOURCE[0]%/*}/../peer.sh"

disk files disk.img
cp "$out/disks/disk.img" "$out/disks/second.img"
backend_start backend.log "file=disks/disk.img"
guest_start guest.log
wait_end "$guest" 150 "the guest"
expect_job_done disk.img
expect_sums disk.img /data 100
# One front end after the other: the same guest reads what it wrote, and goes on.
guest_start again.log
wait_end "$guest" 150 "the second guest"
backend_end
expect_clean disk.img
