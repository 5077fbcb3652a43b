#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The stock guest on `--nic user`: DHCP, names, TCP to the host and by hostfwd from it, sums at both ends, in the sandbox.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

disk -s 96 user-net disk.img
mkdir "$out/served"
head -c 1000000 /dev/urandom > "$out/served/payload"
(cd "$out/served" && sha256sum payload > SUMS)
guest_modules+=(virtio_net)
host_modules=dummy
limit=${LAB_LIMIT:-400}
in_l1 <<'L1'
start_services
vmm_start "$out/guest.log" --kernel "$vmlinuz" --initrd "$initrd" --append "$append" --drive file=disk.img,cache=none \
    --nic user,hostfwd=tcp:127.0.0.1:7070-:7777 --sandbox on
guest=$!
wait $guest
for _ in {1..50}; do [ ! -e "$out/served/returned" ] || break; sleep 0.2; done
kill $services
# It ends with the machine.
for _ in {1..50}; do pgrep '^passt' > /dev/null || break; sleep 0.2; done
! pgrep '^passt' || fail "passt is still there"
L1
cmp "$out/served/payload" "$out/served/returned" || fail "what the host fetched is not what the guest had"
expect_line services.log "asked for .*guest"
expect_job_done disk.img
expect_file disk.img /result/address '10.0.2.15/24 by 10.0.2.2'
expect_file disk.img /result/mac 52:54:00:12:34:56
expect_file disk.img /result/names yes
expect_file disk.img /result/ways both
