# SPDX-License-Identifier: Apache-2.0
# Writes file after file without end; each that it names on the console is on the disk, come what may.
cd /data
i=0
while :; do
    i=$((i + 1))
    { echo "number $i"; head -c 20000 /dev/urandom | base64; } > file.$i
    sha256sum file.$i > sum.$i
    sync
    echo "safe $i"
done
