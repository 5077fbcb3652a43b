#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# QEMU's own client plugs, throttles, mirrors and unplugs a disk that the stock guest writes to, and presses the power button.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk qmp disk.img
truncate -s 32M "$out/disks/hot.img" "$out/disks/copy.img"
limit=${LAB_LIMIT:-400}
guest_modules+=(button evdev)
python=$(with_cache_locked qemu_python)
export LAB_PYTHON=$python
in_l1 <<'L1'
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" -m 256M \
    --drive file=disk.img,id=root,cache=none --qmp unix:/.l1/qmp,server=on,wait=off --sandbox-path .
guest=$!
PYTHONPATH=$LAB_PYTHON PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$lab/qmp/hotplug.py" /.l1/qmp "$out/guest.log" > "$out/client.log" 2>&1
wait $guest
L1
expect_line client.log 'the guest powered itself off'
expect_job_done disk.img
expect_file disk.img /result/qmp done
expect_file disk.img /result/button ' 1 116'
guest_file disk.img /given/numbers > "$out/numbers"
cmp -n "$(stat -c %s "$out/numbers")" "$out/numbers" "$out/disks/copy.img" || fail "copy.img is not what the guest wrote"
