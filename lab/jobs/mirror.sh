# SPDX-License-Identifier: Apache-2.0
# Writers, each in a part of its own of a disk that is mirrored under them, until the disk grows; then the last that each
# wrote is read back. A discarder and one that writes through the page cache work beside them.
disk=/dev/vdb
slots=8     # of 64 KiB, for each writer, one after the other and round
size=$(cat /sys/block/vdb/size)
has_grown() { [ "$(cat /sys/block/vdb/size)" -gt "$size" ]; }

stamp() { # WRITER NUMBER: 64 KiB
    yes "writer $1, number $2" | head -c 65536
}
write_until_it_grows() { # WRITER
    n=0
    until has_grown; do
        n=$((n + 1))
        stamp $1 $n > /tmp/stamp.$1
        dd if=/tmp/stamp.$1 of=$disk bs=4k seek=$((16 * (slots * $1 + n % slots))) oflag=direct conv=notrunc 2> /dev/null
        echo $n > /tmp/number.$1
    done
}
verify() { # WRITER
    n=$(cat /tmp/number.$1)
    for last in $(seq $((n - slots + 1)) $n); do
        stamp $1 $last > /tmp/stamp.$1
        dd if=$disk bs=64k skip=$((slots * $1 + last % slots)) count=1 iflag=direct 2> /dev/null | cmp - /tmp/stamp.$1
    done
    echo "job: writer $1 wrote $n times"
}

writers="0 1 2"
for w in $writers; do write_until_it_grows $w & done
until has_grown; do blkdiscard -o 2097152 -l 1048576 $disk; stamp 9 9 | dd of=$disk bs=4k seek=600 oflag=direct 2> /dev/null; done &
until has_grown; do dd if=/given/numbers of=$disk bs=64k seek=64 conv=notrunc,fsync 2> /dev/null; done &
for w in $writers; do until [ "$(cat /tmp/number.$w 2> /dev/null || echo 0)" -gt $slots ]; do sleep 0.1; done; done
echo "job: writing without end"
wait
echo "job: the disk has $(cat /sys/block/vdb/size) sectors"
for w in $writers; do verify $w; done
dd if=$disk bs=64k skip=64 iflag=direct 2> /dev/null | head -c "$(stat -c %s /given/numbers)" | cmp - /given/numbers
# What came with the new size takes writes, too.
stamp end 1 > /tmp/stamp
dd if=/tmp/stamp of=$disk bs=64k seek=$(($(cat /sys/block/vdb/size) / 128 - 1)) oflag=direct 2> /dev/null
echo verified > /result/mirror
