#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The stock guest in the sandbox is plugged a NIC whose passt a client of QMP hands in, gets an address and files by it, loses it in the
# middle of them, gets it once more, and lets go of it.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk -s 96 nic-hotplug disk.img
mkdir "$out/served"
head -c 1000000 /dev/urandom > "$out/served/payload"
(cd "$out/served" && sha256sum payload > SUMS)
guest_modules+=(virtio_net)
host_modules=dummy
limit=${LAB_LIMIT:-400}
python=$(with_cache_locked qemu_python)
export LAB_PYTHON=$python
in_l1 <<'L1'
start_services
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,id=root,cache=none \
    --qmp unix:/.l1/qmp,server=on,wait=off --sandbox on
guest=$!
PYTHONPATH=$LAB_PYTHON PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$lab/qmp/nic.py" /.l1/qmp "$out/guest.log" "$guest" > "$out/client.log" 2>&1 || cat "$out/client.log"
wait $guest
kill $services
# It ends with the netdev.
! pgrep '^passt' || fail "passt is still there"
L1
expect_line client.log 'all is given back'
expect_job_done disk.img
expect_file disk.img /result/address '10.0.2.15/24 by 10.0.2.2'
expect_file disk.img /result/mac 52:54:00:00:00:07
expect_file disk.img /result/nic gone
