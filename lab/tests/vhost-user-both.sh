#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# hv at both ends: the back end is killed by SIGKILL in the middle of a guest's writes and started again; the guest loses nothing.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk restart disk.img
in_l1 <<'L1'
export HV_JAVA_OPTS=${HV_JAVA_OPTS--XX:TieredStopAtLevel=1}
backend_start() { # LOG
    "$lab/../hv" vhost-user-blk --socket socket --drive file=disk.img,cache=none > "$out/$1" 2>&1 &
    backend=$!
    wait_for_line "$out/$1" 'is ready at' 120
}
backend_start backend.log
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" \
    --drive "vhost-user=$PWD/socket" -m 512M
guest=$!
for i in 4 10; do
    wait_for_line "$out/guest.log" "^safe 1 $i" 150
    kill -KILL "$backend"
    ! wait "$backend" || fail "killed, and status 0"
    backend_start "backend.$i.log"
done
wait "$guest"
kill -TERM "$backend"
wait "$backend"
L1
expect_job_done disk.img
expect_sums disk.img /data 100
expect_line guest.log 'the back end at .* is gone'
