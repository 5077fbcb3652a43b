#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh - build the built-in guest and the hostile one, or check that the binaries in the tree are what the source makes.
#
#   build.sh           build, and put the binaries and COMPILER (what made them) in their places
#   build.sh --check   build aside and compare byte by byte: 0 the same; 1 different; 2 different, made by other
#                      tools than those that COMPILER names, so that it says little
#
# Needs gcc and binutils for x86-64. CC, LD and OBJCOPY may name others.
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C

CC=${CC:-gcc} LD=${LD:-ld} OBJCOPY=${OBJCOPY:-objcopy}
hostile=../../test/guest
places=(../resources/dev/miraflores/launcher/guest.elf
    ../../test/resources/dev/miraflores/launcher/{guest-multiboot,hostile}.elf)

# The guest owns the whole machine and sets up no FPU or SSE state; the rest keeps a distribution's defaults, and
# the place and time of the build, out of the binary.
flags=(-std=c11 -O2 -march=x86-64 -mtune=generic -Wall -Wextra -Werror
    -ffreestanding -mno-red-zone -mgeneral-regs-only -mno-sse -mno-mmx -fno-pic -fno-pie -mcmodel=small
    -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-ident
    -fno-common -Wa,--noexecstack -ffile-prefix-map="$PWD"=.)

compile() { # into directory $1: guest.elf, guest-multiboot.elf, hostile.elf
    local out=$1 source objects=() shared=() attacks=()
    for source in *.S *.c; do
        "$CC" "${flags[@]}" -c "$source" -o "$out/$source.o"
        [ "$source" = multiboot.S ] && continue
        objects+=("$out/$source.o")
        [ "$source" = main.c ] || shared+=("$out/$source.o")
    done
    mkdir "$out/attacks"
    for source in "$hostile"/*.c; do
        attacks+=("$out/attacks/${source##*/}.o")
        "$CC" "${flags[@]}" -I. -c "$source" -o "${attacks[-1]}"
    done
    local link=("$LD" -m elf_x86_64 -static -nostdlib -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments
        --build-id=none -s -T guest.ld)
    "${link[@]}" -o "$out/guest.elf" "${objects[@]}"
    "${link[@]}" -o "$out/hostile.elf" "${shared[@]}" "${attacks[@]}"
    "${link[@]}" -e multiboot_entry -o "$out/multiboot64.elf" "${objects[@]}" "$out/multiboot.S.o"
    "$OBJCOPY" -O elf32-i386 "$out/multiboot64.elf" "$out/guest-multiboot.elf"
}

tools() { "$CC" --version | head -n 1; "$LD" --version | head -n 1; }

differences() { # FILE FILE: which sections differ, and the first instructions that do
    diff <(readelf -SW "$1") <(readelf -SW "$2") | head -n 20
    diff <(objdump -d "$1" | tail -n +4) <(objdump -d "$2" | tail -n +4) | head -n 40
    return 0
}

check() {
    local place made status=0
    for place in "${places[@]}"; do
        made=$out/${place##*/}
        if cmp "$place" "$made"; then echo "${place##*/}: as built from the source"; continue; fi
        status=1
        differences "$place" "$made"
    done
    [ "$status" = 0 ] && return
    if tools | cmp -s - COMPILER; then echo "guest: the binaries in the tree are not what the source makes: run build.sh" >&2; exit 1; fi
    { echo "guest: the binaries differ; they were made by"; sed 's/^/    /' COMPILER; echo "and this is"; tools | sed 's/^/    /'; } >&2
    exit 2
}

out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
compile "$out"
case ${1:-} in
    --check) check;;
    '')
        for place in "${places[@]}"; do
            mkdir -p "${place%/*}"
            install -m 644 "$out/${place##*/}" "$place"
        done
        tools > COMPILER
        ls -l "${places[@]}";;
    *) sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0" | tail -n +2 >&2; exit 2;;
esac
