# SPDX-License-Identifier: Apache-2.0
# Debian's fio on each disk but the root, on all at once: random writes of three sizes among reads, two jobs 16 deep,
# flushes between; discards of what is written next; and every block verified.
{
    printf '[global]\nioengine=libaio\ndirect=1\niodepth=16\nverify=crc32c\nverify_fatal=1\ngroup_reporting\n'
    for disk in /sys/block/vd[b-z]; do
        printf '[%s]\nnew_group\nfilename=/dev/%s\n' "$(cat "$disk/serial")" "${disk##*/}"
        printf 'rw=randrw\nrwmixread=30\nbssplit=4k/50:16k/30:64k/20\nsize=3m\noffset_increment=3m\nnumjobs=2\nfsync=40\n'
        printf '[%s-discard]\nnew_group\nfilename=/dev/%s\n' "$(cat "$disk/serial")" "${disk##*/}"
        printf 'rw=trimwrite\nbs=32k\noffset=6m\nsize=2m\n'
    done
} > /tmp/plan
grep -c '^\[.*-discard' /tmp/plan > /result/disks
/usr/bin/fio --eta=never --output-format=terse --output=/result/terse /tmp/plan || echo "fio: status $?"
# Version 3 of that: what, its error, KiB read and KiB written. Other lines warn of two jobs on one disk, which keep apart.
sed -n '/^3;/p' /result/terse > /result/ends
awk -F ';' '{ print "fio: " $3 " error " $5 ", " $6 " KiB read, " $47 " KiB written" }' /result/ends
for disk in /sys/block/vd[b-z]; do
    awk -v name="$(cat "$disk/serial")" '{ print "fio: " name " had " $12 " discards, " $16 " flushes" }' "$disk/stat"
done
! awk -F ';' '$5 != 0' /result/ends | grep -q .
test "$(wc -l < /result/ends)" = $((2 * $(cat /result/disks)))
