#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A vhost-user back end killed by SIGKILL in the middle of a guest's writes and started again: the guest goes on, nothing is lost.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"
. "${BASH_SOURCE[0]%/*}/../peer.sh"

disk restart disk.img
backend_start backend.log "file=disks/disk.img"
guest_start guest.log
for i in 4 10 16; do
    wait_for guest.log "^safe 1 $i" 120 "$guest"
    kill -KILL "$backend"
    ! wait "$backend" 2> /dev/null || fail "killed, and status 0"
    backend_start "backend.$i.log" "file=disks/disk.img"
done
wait_end "$guest" 150 "the guest"
backend_end
expect_job_done disk.img
expect_sums disk.img /data 100
