#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes src/generated/java again, from the system's headers and the filters beside this script, by way of
# Literals.java (classes with nothing to initialise) and Flatten.java (the same as compile-time constants).
# Needs a jextract on the PATH or below JEXTRACT_HOME, a JDK 25 on the PATH or below JAVA_HOME, and the headers; VERSIONS
# names the releases that made what is checked in.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$here/../src/generated/java
base=dev.miraflores.bindings

if [ -n "${JEXTRACT_HOME:-}" ]; then
    jextract=$JEXTRACT_HOME/bin/jextract
else
    jextract=$(command -v jextract) || {
        echo "generate.sh: no jextract on the PATH; set JEXTRACT_HOME to an unpacked jextract" >&2
        exit 2
    }
fi

java=${JAVA_HOME:+$JAVA_HOME/bin/}java

# group FILTER PACKAGE [HEADER]: one filter makes one header class in one package, from the includes of one header.
group() {
    header=${3:-$1}
    echo "$1.includes -> $base.$2"
    "$jextract" --output "$raw/jextract" --target-package "$base.$2" --header-class-name "$1_h" \
        "@$here/$1.includes" "$here/headers/$header.h" 2>&1 |
        { grep -v 'bitfields are not supported' >&2 || true; }
}

raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
group kvm kvm
group boot boot
group virtio virtio
group io_uring iouring
group aio aio
group vhost vhost
group tun tun
group libc libc
group libc_functions libc libc

mkdir "$raw/flat"
"$java" --enable-native-access=ALL-UNNAMED "$here/Literals.java" "$raw/jextract" "$raw/flat"

# The same once more as compile-time constants, for code that runs at start.
"${java}c" -nowarn -d "$raw/classes" $(find "$raw/flat" -name '*.java')
flatten() {
    "$java" --class-path "$raw/classes" "$here/Flatten.java" "$base.$2" "$1" "$raw/flat"
}
flatten kvm kvm
flatten boot boot
flatten virtio virtio
flatten io_uring iouring
flatten aio aio
flatten vhost vhost
flatten tun tun
flatten libc libc

rm -rf "$out"
mkdir -p "$out"
cp -R "$raw/flat/." "$out"
echo "$(find "$out" -name '*.java' | wc -l) files in $out"
