# SPDX-License-Identifier: Apache-2.0
# A disk comes, goes in the middle of writes, comes again with what was written to it, and goes again.
until_there() { until [ -b /dev/vdb ]; do sleep 0.1; done; }
until_gone() { while [ -b /dev/vdb ]; do sleep 0.1; done; }

dd if=/dev/urandom of=/data/kept bs=64k count=16 2> /dev/null
test ! -b /dev/vdb
echo "job: no disk yet"
until_there
echo "job: a disk of $(cat /sys/block/vdb/size) sectors, $(cat /sys/block/vdb/serial)"
dd if=/data/kept of=/dev/vdb bs=64k oflag=direct 2> /dev/null
dd of=/data/back if=/dev/vdb bs=64k count=16 iflag=direct 2> /dev/null
cmp /data/kept /data/back

# The load: three writers and a reader, until the disk has gone under them.
: > /tmp/writes
for i in 1 2 3; do
    (while dd if=/dev/zero of=/dev/vdb bs=4k count=64 seek=$((1000 * i)) oflag=direct 2> /dev/null; do echo $i >> /tmp/writes; done) &
done
(while dd of=/dev/null if=/dev/vdb bs=64k count=16 iflag=direct 2> /dev/null; do :; done) &
until [ "$(wc -l < /tmp/writes)" -ge 6 ]; do sleep 0.1; done
echo "job: writing without end"
until_gone
wait
echo "job: the disk is gone"

until_there
dd of=/data/again if=/dev/vdb bs=64k count=16 iflag=direct 2> /dev/null
cmp /data/kept /data/again
dd if=/given/numbers of=/dev/vdb bs=64k conv=fsync 2> /dev/null
echo "job: done with it"
until_gone
echo gone > /result/hotplug
