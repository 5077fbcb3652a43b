#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is typed on the console reaches the guest, and its answer comes back.
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk echo disk.img
in_l1 <<'L1'
mkfifo /.l1/keys
vmm --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none -m 256M \
    < /.l1/keys > "$out/guest.log" &
guest=$!
exec 3> /.l1/keys
wait_for_line "$out/guest.log" '^ready' 150
printf 'a line typed on the console\r' >&3
wait $guest
L1
expect_line guest.log 'got <a line typed on the console>'
expect_job_done disk.img
expect_file disk.img /result/typed 'a line typed on the console'
