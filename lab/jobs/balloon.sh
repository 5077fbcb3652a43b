# SPDX-License-Identifier: Apache-2.0
# Uses memory and lets go of it, as it is told on the console: keep, touch [MIB], drop, verify, end.
free_mib() { awk '/^MemFree:/ { print int($2 / 1024) }' /proc/meminfo; }

stty -echo
mount -t tmpfs -o size=98% tmpfs /tmp
mkdir /tmp/kept
said=0
echo "balloon: 0 ready, $(free_mib) MiB free"
while read -r what mib; do
    case $what in
        keep) (cd /tmp/kept && dd if=/dev/urandom of=random bs=1M count=8 2> /dev/null && sha256sum random > SUMS);;
        # Without a number all but a little, so that the host has given nearly all that there is.
        touch) dd if=/dev/zero of=/tmp/used bs=1M count="${mib:-$(($(free_mib) - 24))}" 2> /dev/null;;
        drop) rm /tmp/used;;
        verify) (cd /tmp/kept && sha256sum -c SUMS);;
        end) break;;
    esac
    said=$((said + 1))
    echo "balloon: $said $what done, $(free_mib) MiB free"
done
! dmesg | grep -E 'Out of memory|Killed process'
echo "$said" > /result/balloon
