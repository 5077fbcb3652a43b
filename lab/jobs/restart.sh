# SPDX-License-Identifier: Apache-2.0
# Four writers at once, past the page cache, so that something is in flight at any time; then all is read back from the disk.
cd /data
for writer in 1 2 3 4; do
    (
        for i in $(seq 1 25); do
            dd if=/dev/urandom of=file.$writer.$i bs=16k count=8 oflag=direct 2> /dev/null
            sha256sum file.$writer.$i >> sums.$writer
            echo "safe $writer $i"
        done
    ) &
done
wait
cat sums.* > SUMS
[ "$(wc -l < SUMS)" = 100 ]
sync
echo 3 > /proc/sys/vm/drop_caches
sha256sum -c -s SUMS
sync
