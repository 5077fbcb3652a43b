#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes src/generated/java again, from the system's headers and the filters beside this script.
# Needs a jextract on the PATH or below JEXTRACT_HOME, and what VERSIONS names; see there for the releases.
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

# group PACKAGE: one header of includes, one filter, one package.
group() {
    echo "$1 -> $base.$2"
    "$jextract" --output "$raw" --target-package "$base.$2" "@$here/$1.includes" "$here/headers/$1.h" 2>&1 |
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

find "$raw" -name '*.java' -exec sed -i 's/^public class /@SuppressWarnings("restricted")\npublic class /' {} +

rm -rf "$out"
mkdir -p "$(dirname "$out")"
cp -r "$raw" "$out"
chmod -R u=rwX,go=rX "$out"

# The same once more as compile-time constants, for code that runs at start.
classes=$(mktemp -d)
trap 'rm -rf "$raw" "$classes"' EXIT
javac -nowarn -d "$classes" $(find "$out" -name '*.java')
flatten() {
    java --enable-native-access=ALL-UNNAMED --class-path "$classes" "$here/Flatten.java" "$base.$2" "$1" "$out"
}
flatten kvm kvm
flatten boot boot
flatten virtio virtio
flatten io_uring iouring
flatten aio aio
flatten vhost vhost
flatten tun tun
flatten libc libc

echo "$(find "$out" -name '*.java' | wc -l) files in $out"
