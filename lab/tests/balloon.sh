#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A stock guest gives memory back by its balloon, by reporting what is free, and takes some when it has none: seen in hv's RSS.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk balloon plain.img
disk balloon pressure.img
limit=${LAB_LIMIT:-400}
guest_modules+=(virtio_balloon)
python=$(with_cache_locked qemu_python)
export LAB_PYTHON=$python
in_l1 <<'L1'
mkfifo /.l1/keys
run() { # MODE OPTIONS [ARGUMENT…]
    "$lab/vmm" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" -m 320M --drive "file=$1.img,id=root,cache=none" \
        --balloon "$2" "${@:3}" --qmp unix:/.l1/qmp,server=on,wait=off < /.l1/keys > "$out/$1.log" 2>&1 &
    local guest=$!
    PYTHONPATH=$LAB_PYTHON PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$lab/qmp/balloon.py" /.l1/qmp "$out/$1.log" /.l1/keys \
        "$guest" "$1" > "$out/$1-client.log" 2>&1 || { kill "$guest"; fail "$1"; }
    wait "$guest"
}
run plain free-page-hint=on
# In a memfd pages go back another way.
run pressure deflate-on-oom=on,free-page-reporting=on --shared-memory
L1
for mode in plain pressure; do
    expect_line "$mode-client.log" "$mode: all held"
    expect_job_done "$mode.img"
    grep -E '^(balloon|statistics|hinting|free page|deflate)' "$out/$mode-client.log"
done
