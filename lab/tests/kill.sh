#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Killed by SIGKILL in the middle of writes, the image has all that the guest was told is on its disk.
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk journal disk.img
in_l1 <<'L1'
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none -m 512M
wait_for_line "$out/guest.log" '^safe 10' 150
kill -KILL $!
! wait $! || fail "killed, and status 0"
L1
# The guest's file system replays its journal, as after any loss of power, and is then clean.
e2fsck -fp "$out/disks/disk.img" > "$out/replay" || [ $? = 1 ] || fail "$(cat "$out/replay")"
expect_clean disk.img
last=$(tr -d '\r' < "$out/guest.log" | sed -n 's/^safe \([0-9]*\)$/\1/p' | tail -n 1)
mkdir "$out/found"
debugfs -R "rdump /data $out/found" "$out/disks/disk.img" > "$out/rdump.log" 2>&1
for ((i = 1; i <= last; i++)); do
    (cd "$out/found/data" && sha256sum -c --quiet "sum.$i") || fail "file $i of $last that were safe"
done
echo "$last files were safe, and are there"
