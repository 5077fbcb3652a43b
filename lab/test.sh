# SPDX-License-Identifier: Apache-2.0
# Sourced by each test in tests/: disks made, commands run in L1, what came of it checked.
# shellcheck shell=bash
#
# A test runs in a directory of its own, $out, which L1 sees and writes too: what the guests say on their consoles is
# found there when a test fails. Disks lie on an ext4 disk of L1's, where O_DIRECT works (on 9p and tmpfs it does not).
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

out=${LAB_OUT:?set by lab/run}
limit=${LAB_LIMIT:-240}
guest_modules=(virtio_pci virtio_mmio virtio_blk virtio_rng)
# What L1 loads besides what KVM needs, as "tun vhost_net".
host_modules=
# Its memory, in MiB.
l1_memory=2048

fail() { echo "FAILED: $*" >&2; exit 1; }

# A disk for the guest, to be there in L1's working directory.
disk() { # [image.sh's options] JOB NAME
    mkdir -p "$out/disks"
    "$lab/image.sh" "${@:1:$#-1}" "$out/disks/${!#}"
}

# Runs the script on standard input in L1, in the directory of the disks; its exit status is the test's unless
# expected. It has $vmlinuz, $vmlinux, $initrd, $append, the function vmm and what else l1/prelude.sh defines.
in_l1() {
    local tree initrd status=0
    tree=$(with_cache_locked guest_kernel)
    initrd=$(with_cache_locked build_initramfs "$tree" "$lab/guest/init" "${guest_modules[@]}")
    {
        printf 'vmlinuz=%q vmlinux=%q initrd=%q out=%q lab=%q\n' "$tree/vmlinuz" "$tree/vmlinux" "$initrd" "$out" "$lab"
        cat "$lab/l1/prelude.sh" -
    } > "$out/script"
    mkdir -p "$out/disks"
    mke2fs -q -t ext4 -O ^has_journal -d "$out/disks" "$out/l1-disk" 1G > /dev/null
    rm -r "$out/disks"
    "$lab/l1.sh" -w "$out" -d "$out/l1-disk" -k "$host_modules" -m "$l1_memory" -t "$limit" -c "$out/l1-console.log" -- bash "$out/script" || status=$?
    mkdir "$out/disks"
    e2fsck -fp "$out/l1-disk" > /dev/null || true
    debugfs -R "rdump / $out/disks" "$out/l1-disk" > "$out/rdump.log" 2>&1
    rm "$out/l1-disk"
    return "$status"
}

# The programs in api/, compiled against hv's jars; `api` in L1 runs one.
compile_api() {
    local HV_JAVA HV_LIB
    . "$top/launcher/target/hv/start"
    mkdir -p "$out/api"
    "${HV_JAVA%/java}/javac" -d "$out/api" -Xlint:all -Werror -p "$HV_LIB" --add-modules dev.miraflores.launcher "$lab"/api/*.java
}

# --- what came of it ---------------------------------------------------------------------------------------------

guest_file() { # DISK PATH: prints a file of the guest's
    debugfs -R "cat $2" "$out/disks/$1" 2> "$out/debugfs.log"
}

expect_file() { # DISK PATH CONTENT
    local is
    is=$(guest_file "$1" "$2")
    [ "$is" = "$3" ] || fail "$1:$2 is '$is', not '$3'"
}

expect_clean() { # DISK: e2fsck finds nothing, journal included
    e2fsck -fn "$out/disks/$1" > "$out/$1.fsck" 2>&1 || { cat "$out/$1.fsck" >&2; fail "e2fsck on $1"; }
}

expect_line() { # FILE PATTERN
    grep -qE "$2" "$out/$1" || fail "no line like '$2' in $1"
}

# All files under DIRECTORY are as the guest's own SUMS there say, and not fewer than COUNT.
expect_sums() { # DISK DIRECTORY COUNT
    rm -rf "$out/found"; mkdir "$out/found"
    debugfs -R "rdump $2 $out/found" "$out/disks/$1" > "$out/rdump.log" 2>&1
    (cd "$out/found/${2##*/}" && [ "$(wc -l < SUMS)" -ge "$3" ] && sha256sum -c --quiet SUMS) || fail "$1:$2 is not what the guest wrote"
    rm -rf "$out/found"
}

# The guest's job did all it had to, and its kernel had nothing to complain of.
expect_job_done() { # DISK
    expect_clean "$1"
    expect_file "$1" /result/status 0
    guest_file "$1" /result/dmesg > "$out/$1.dmesg"
    ! grep -E 'Call Trace|BUG:|I/O error|unable to handle|irq .*nobody cared|EXT4-fs error' "$out/$1.dmesg" >&2 || fail "the guest's kernel complains"
}
