# SPDX-License-Identifier: Apache-2.0
# A disk is torn out; the guest notices, and takes another.
until_there() { until [ -b /dev/vdb ]; do sleep 0.1; done; }
until_gone() { while [ -b /dev/vdb ]; do sleep 0.1; done; }

echo "job: no disk yet"
until_there
dd if=/given/numbers of=/dev/vdb bs=64k conv=fsync 2> /dev/null
echo "job: done with the first"
until_gone
echo "job: the disk is gone"
until_there
dd if=/given/numbers of=/dev/vdb bs=64k conv=fsync 2> /dev/null
ls /sys/bus/pci/devices > /result/functions
echo "job: done with the second"
