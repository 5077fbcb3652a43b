#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A login at hvc0, lines and a MiB each way through named ports, clients that come and go; over PCI, then over virtio-mmio.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk ports pci.img
disk ports mmio.img
limit=${LAB_LIMIT:-400}
guest_modules+=(virtio_console)
in_l1 <<'L1'
for transport in pci mmio; do
    # The sockets are not on 9p.
    at=/.l1/$transport
    mkdir "$at"
    vmm_start "$out/$transport.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" -m 256M \
        --drive file=$transport.img,cache=none --virtio $transport --qmp unix:$at/qmp --virtconsole unix:$at/hvc0 \
        --port name=org.example.echo,backend=unix:$at/echo --port name=org.example.bulk,backend=unix:$at/bulk,id=bulk,nr=3
    guest=$!
    wait_for_line "$out/$transport.log" '^job: ports org' 150
    /usr/bin/python3 -u "$lab/l1/talk.py" "$at" > "$out/$transport-client.log" 2>&1
    wait $guest
    [ -z "$(ls "$at")" ] || fail "left behind: $(ls "$at")"
done
L1
for transport in pci mmio; do
    expect_line $transport-client.log '^all said$'
    expect_job_done $transport.img
    expect_file $transport.img /result/ports done
    expect_file $transport.img /result/sums "$(sed -n 's/^sums //p' "$out/$transport-client.log" | tr ' ' '\n')"
done
