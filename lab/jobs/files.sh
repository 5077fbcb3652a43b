# SPDX-License-Identifier: Apache-2.0
# What the host put on the disk is read, and files are written and read back, from the disk and not from memory.
nproc > /result/cpus
(cd /given && sha256sum -c -s SUMS)
cd /data
dd if=/dev/urandom of=random bs=64k count=32 2> /dev/null
mkdir tree
for i in $(seq 1 100); do echo "line $i of the lab" > tree/$i; done
dd if=random of=direct bs=16k count=16 oflag=direct 2> /dev/null
sha256sum random direct tree/* > SUMS
sync
echo 3 > /proc/sys/vm/drop_caches
sha256sum -c -s SUMS
dd if=direct bs=16k iflag=direct 2> /dev/null | cmp - direct
rm tree/50 && mv tree/51 tree/50 && sed -i 's| tree/50$| gone|; s| tree/51$| tree/50|; / gone$/d' SUMS
fallocate -l 1048576 hole && dd if=/given/text of=hole bs=4k seek=100 conv=notrunc 2> /dev/null
sha256sum hole >> SUMS
sync
