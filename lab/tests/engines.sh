#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where seccomp refuses io_uring, a guest's disks get the next best engine, and say why; a wish for it is refused in a line.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk engines disk.img
truncate -s 2M "$out/disks/cached.img"
cc -O -Wall -Wextra -Werror -o "$out/without" "$lab/l1/without.c"
compile_api
in_l1 <<'L1'
run_by=("$out/without" io_uring --)
"${run_by[@]}" "$lab/../hv" doctor > "$out/doctor.log"
! "${run_by[@]}" "$lab/vmm" --kernel "$vmlinuz" --drive file=cached.img,aio=io_uring < /dev/null > "$out/refused.log" 2>&1 \
    || fail "aio=io_uring without io_uring, and status 0"
api Engines "$append" > "$out/guest.log"
L1
expect_line doctor.log '^lacking +io_uring .*seccomp'
expect_line refused.log 'aio=io_uring'
[ "$(grep -vc '^ *$' "$out/refused.log")" = 1 ] || fail "refused in more than a line"
expect_line guest.log '^api: root with aio=native: .*io_uring'
expect_line guest.log '^api: cached with aio=threads: .*io_uring'
expect_line guest.log '^api: root had [1-9][0-9]* writes'
expect_line guest.log '^api: cached had [1-9][0-9]* writes'
expect_job_done disk.img
expect_sums disk.img /data 1
cmp -n 1048576 <(guest_file disk.img /data/random) "$out/disks/cached.img" || fail "cached.img is not what the guest wrote"
