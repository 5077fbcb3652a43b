# SPDX-License-Identifier: Apache-2.0
# In L1, before a test's own script: the disks, and what such a script needs.
# shellcheck shell=bash disable=SC2154
set -euo pipefail

mkdir -p /.l1/disks
mount -t ext4 /dev/vda /.l1/disks
cd /.l1/disks
# A process that has ended may have its files a moment longer: the kernel takes io_uring's rings apart afterwards.
leave() {
    local i
    cd /
    sync
    for ((i = 0; i < 100; i++)); do
        ! umount /.l1/disks 2> /dev/null || return 0
        sleep 0.1
    done
    umount /.l1/disks
}
trap leave EXIT

vmm() { "$lab/vmm" "$@"; }
# What any stock kernel needs to be told.
append="console=ttyS0 root=/dev/vda"

# Runs one of the programs in api/, which boots a guest itself and does something with it through the library; what it
# is run by, if anything, is in $run_by.
run_by=()
api() { # CLASS APPEND
    . "$lab/../launcher/target/hv/start"
    # shellcheck disable=SC2086 # options are words
    "${run_by[@]}" "$HV_JAVA" $HV_FLAGS ${HV_JAVA_OPTS--XX:TieredStopAtLevel=1} -p "$HV_LIB" --add-modules dev.miraflores.launcher \
        -cp "$out/api" "$1" "$vmlinuz" "$initrd" "$2"
}

fail() { echo "FAILED: $*" >&2; exit 1; }

# Waits as long as the last process that was started in the background lives.
wait_for_line() { # FILE PATTERN SECONDS
    local i
    for ((i = 0; i < $3 * 5; i++)); do
        ! grep -qE "$2" "$1" 2>/dev/null || return 0
        kill -0 $! 2>/dev/null || fail "it ended before a line like '$2' in $1"
        sleep 0.2
    done
    fail "no line like '$2' in $1 within $3 s"
}

# Starts one and goes on; $! is the process itself.
vmm_start() { # LOG ARGUMENT…
    local log=$1
    shift
    "$lab/vmm" "$@" < /dev/null > "$log" 2>&1 &
}

# A network of the host's for passt, which takes after the interface that the default route leads to, and services in it that serve
# $out/served; it needs the module dummy. $services is their process.
start_services() {
    /.l1/busybox ip link set lo up
    /.l1/busybox ip link add net0 type dummy
    /.l1/busybox ip address add 192.0.2.2/24 dev net0
    /.l1/busybox ip link set net0 up
    /.l1/busybox ip route add default via 192.0.2.1
    rm -f /etc/resolv.conf
    echo nameserver 192.0.2.2 > /etc/resolv.conf
    /usr/bin/python3 "$lab/net/services.py" 192.0.2.2 "$out/served" 7070 "$out/served/returned" > "$out/services.log" 2>&1 &
    services=$!
    wait_for_line "$out/services.log" listens 60
}
