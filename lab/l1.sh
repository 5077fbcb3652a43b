#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# l1.sh - run a command in "L1", a virtual machine that has a real kvm-amd.
#
# L1 is QEMU in software emulation (TCG) of an AMD CPU with SVM and nested paging, running a stock Debian kernel: its
# /dev/kvm is Linux's own, whatever the host's can do; that one is not used. L1's root is the host's /, read-only over
# 9p under a memory overlay: each host program is there, and what the command writes elsewhere than below -w is
# lost with L1.
#
#   l1.sh [options] [--] COMMAND…
#
#   -w DIR   writable from L1, and really the host's; may be repeated
#   -d IMAGE raw disk image, in L1 /dev/vda, /dev/vdb, …; may be repeated
#   -k MODS  kernel modules to load besides kvm-amd and ext4, as "tun vhost_net"
#   -m MIB   memory (2048)   -s N  CPUs (1)   -t SECONDS  limit (300)
#   -c FILE  where L1's console goes (nowhere)
#   -v       L1's console on standard error as well
#
# The exit status is the command's own; 124: over the limit; 125: L1 itself failed, and the end of its console says
# how. PATH, HOME and the variables JAVA_*, HV_* and LAB_* are the command's too.
#
# Environment: LAB_CACHE (a directory for what is fetched and unpacked), LAB_L1_KERNEL (package; a generic one, since
# cloud kernels have no 9p), LAB_QEMU (program), LAB_QEMU_ARGS (more words for it), LAB_CPU, LAB_L1_CPUS.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

l1_modules=(virtio_pci 9pnet_virtio 9p overlay virtio_console virtio_blk virtio_rng crc32c_generic ext4 kvm-amd)
qemu=${LAB_QEMU:-qemu-system-x86_64}

prepare() { # sets tree, initramfs
    command -v "$qemu" > /dev/null || die "no $qemu: apt-get install qemu-system-x86"
    tree=$(l1_kernel)
    initramfs=$(build_initramfs "$tree" "$lab/l1/init" "${l1_modules[@]}")
}

# What stage2 finds in /.lab.
write_share() { # DIRECTORY COMMAND…
    local share=$1 name
    shift
    cp "$lab/l1/stage2" "$share/stage2"
    printf '%s\0' "$@" > "$share/command"
    {
        printf 'version=%q tree=%q directory=%q modules=%q\nwritable=(' "$(<"$tree/version")" "$tree" "$(pwd -P)" "$modules"
        [ ${#writable[@]} = 0 ] || printf '%q ' "${writable[@]}"
        echo ')'
    } > "$share/config"
    for name in $(compgen -e | grep -E '^(PATH|HOME|USER|LANG|TZ|(JAVA|JDK|HV|LAB)_.*)$'); do
        printf 'export %s=%q\n' "$name" "${!name}"
    done > "$share/environment"
}

qemu_arguments() { # sets arguments
    local i
    # No XSAVE: QEMU's SVM lets a guest's XSETBV pass without an exit, so that KVM would show it the wrong CPUID.
    arguments=(-accel tcg,thread=multi -cpu "${LAB_CPU:-EPYC,+svm,-xsave}" -smp "$cpus" -m "$memory"
        -nodefaults -no-user-config -display none -no-reboot
        -kernel "$tree/vmlinux" -initrd "$initramfs"
        -append "console=ttyS0 quiet panic=-1 reboot=t mitigations=off nokaslr tsc=reliable no_timer_check"
        -serial "file:$console" -object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng
        -fsdev "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap" -device virtio-9p-pci,fsdev=root,mount_tag=root
        -fsdev "local,id=lab,path=$run/share,security_model=none" -device virtio-9p-pci,fsdev=lab,mount_tag=lab
        -device virtio-serial-pci,ioeventfd=off
        -chardev "file,id=out,path=$run/out" -device virtserialport,chardev=out,name=lab.out
        -chardev "file,id=err,path=$run/err" -device virtserialport,chardev=err,name=lab.err)
    for i in "${!writable[@]}"; do
        arguments+=(-fsdev "local,id=w$i,path=${writable[i]//,/,,},security_model=none,multidevs=remap"
            -device "virtio-9p-pci,fsdev=w$i,mount_tag=w$i")
    done
    for i in "${!disks[@]}"; do
        # unsafe: a flush need not outlive this host, only L1, which ends before anyone reads the image
        arguments+=(-drive "if=none,id=disk$i,format=raw,cache=unsafe,file=${disks[i]//,/,,}"
            -device "virtio-blk-pci,drive=disk$i,serial=disk$i")
    done
}

verdict() { # STATUS-OF-QEMU: exits
    if [ -s "$run/share/status" ]; then exit "$(<"$run/share/status")"; fi
    if [ "$1" = 124 ] || [ "$1" = 137 ]; then
        say "over the limit of $limit s"
        status=124
    else
        say "L1 ended without a verdict (QEMU's status: $1)"
        status=125
    fi
    { grep -v "TCG doesn't support" "$run/qemu.log"; echo "--- L1's console:"; tail -n 30 "$console"; } >&2 || true
    exit "$status"
}

memory=2048 cpus=${LAB_L1_CPUS:-1} limit=300 modules='' console='' verbose='' status=0
writable=() disks=()
while getopts w:d:k:m:s:t:c:v o; do
    case $o in
        w) writable+=("$(realpath -e "$OPTARG")") || die "no directory $OPTARG";;
        d) disks+=("$(realpath -e "$OPTARG")") || die "no image $OPTARG";;
        k) modules=$OPTARG;; m) memory=$OPTARG;; s) cpus=$OPTARG;; t) limit=$OPTARG;; c) console=$OPTARG;; v) verbose=1;;
        *) sed -n '3,/^set /{/^set /!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 125;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || die "no command"

with_cache_locked prepare
run=$(mktemp -d "${TMPDIR:-/tmp}/l1.XXXXXX")
children=() emulator=
clean_up() {
    trap - EXIT
    [ -z "$emulator" ] || kill "$emulator" 2>/dev/null || true
    [ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$run"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
console=${console:-$run/console}
mkdir "$run/share"
mkfifo "$run/out" "$run/err"
: > "$console"
write_share "$run/share" "$@"
qemu_arguments

cat "$run/out" & children+=($!)
cat "$run/err" >&2 & children+=($!)
if [ -n "$verbose" ]; then tail -f "$console" >&2 & children+=($!); fi
timeout -k 5 "$limit" "$qemu" "${arguments[@]}" ${LAB_QEMU_ARGS:-} < /dev/null > "$run/qemu.log" 2>&1 &
emulator=$!
wait "$emulator" || status=$?
emulator=
for pipe in out err; do : 3<> "$run/$pipe"; done    # QEMU may never have opened them, and the cats wait
wait "${children[0]}" "${children[1]}" || true
verdict "$status"
