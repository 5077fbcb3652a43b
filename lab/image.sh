#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# image.sh - make a guest's disk: ext4, busybox, one job to do at boot. No mount and no privilege needed.
#
#   image.sh [-s MIB] [-e reboot] [-p PACKAGE:PATH]… JOB OUT
#
#   JOB   one of jobs/: the shell script that the guest runs as its only work
#   -e    how the guest ends: poweroff (the default) or reboot
#   -p    a program of a Debian package, and the libraries that it loads, for the job; may be repeated
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"

mib=64 end=poweroff programs=()
while getopts s:e:p: o; do
    case $o in s) mib=$OPTARG;; e) end=$OPTARG;; p) programs+=("$OPTARG");; *) exit 125;; esac
done
shift $((OPTIND - 1))
[ $# = 2 ] || die "image.sh [-s MIB] [-e reboot] [-p PACKAGE:PATH]… JOB OUT"
job=$lab/jobs/$1.sh out=$2
[ -r "$job" ] || die "no job $1: there is no $job"

stage=$(mktemp -d); trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage"/{bin,sbin,dev,proc,sys,tmp,data,given,result}
cp "$(static_busybox)" "$stage/bin/busybox"
"$stage/bin/busybox" --list | grep -v '^busybox$' | while read -r applet; do ln -s busybox "$stage/bin/$applet"; done
for program in "${programs[@]}"; do
    tree=$(with_cache_locked with_libraries "${program%%:*}" "$program")
    cp -r "$tree"/. "$stage"
done
install -m 755 "$lab/guest/sbin-init" "$stage/sbin/init"
install -m 644 "$job" "$stage/job"
echo "$end" > "$stage/end"
seq 1 50000 > "$stage/given/numbers"
cp "$lab/image.sh" "$stage/given/text"
(cd "$stage/given" && sha256sum numbers text > SUMS)
rm -f "$out"
mke2fs -q -t ext4 -b 4096 -E root_owner=0:0 -d "$stage" "$out" "${mib}M" > /dev/null
