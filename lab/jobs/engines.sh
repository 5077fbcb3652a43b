# SPDX-License-Identifier: Apache-2.0
# Two disks are written and read back: the root by way of its file system, the other as it is.
dd if=/dev/urandom of=/data/random bs=64k count=16 conv=fsync 2> /dev/null
dd if=/data/random of=/dev/vdb bs=4k oflag=direct conv=fsync 2> /dev/null
(cd /data && sha256sum random > SUMS)
sync
echo 3 > /proc/sys/vm/drop_caches
dd if=/dev/vdb bs=16k count=64 iflag=direct 2> /dev/null | cmp - /data/random
echo "job: written and read"
