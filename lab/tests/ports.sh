#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A login at hvc0, lines and a MiB each way through named ports, clients that come and go.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

export LAB_TRANSPORT=${LAB_TRANSPORT:-pci}
disk ports disk.img
guest_modules+=(virtio_console)
in_l1 <<'L1'
# The sockets are not on 9p.
at=/.l1/ports
mkdir "$at"
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" -m 256M --drive file=disk.img,cache=none \
    --virtio "$LAB_TRANSPORT" --qmp unix:$at/qmp --virtconsole unix:$at/hvc0 \
    --port name=org.example.echo,backend=unix:$at/echo --port name=org.example.bulk,backend=unix:$at/bulk,id=bulk,nr=3
guest=$!
wait_for_line "$out/guest.log" '^job: ports org' 150
/usr/bin/python3 -u "$lab/l1/talk.py" "$at" > "$out/client.log" 2>&1
wait $guest
[ -z "$(ls "$at")" ] || fail "left behind: $(ls "$at")"
L1
expect_line client.log '^all said$'
expect_job_done disk.img
expect_file disk.img /result/ports done
expect_file disk.img /result/sums "$(sed -n 's/^sums //p' "$out/client.log" | tr ' ' '\n')"
