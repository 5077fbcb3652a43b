# SPDX-License-Identifier: Apache-2.0
# Writes to its root and to a disk that comes, under limits and while a mirror is taken; lets the disk go in the middle of
# writes; powers off when somebody presses the button.
until_there() { until [ -b /dev/vdb ]; do sleep 0.1; done; }
until_gone() { while [ -b /dev/vdb ]; do sleep 0.1; done; }

for event in /sys/class/input/event*; do
    ! grep -q 'Power Button' "$event/device/name" || button=/dev/input/${event##*/}
done
echo "job: no disk yet, the button is $button"
until_there
dd if=/given/numbers of=/dev/vdb bs=64k conv=fsync 2> /dev/null
(while dd if=/dev/zero of=/dev/vdb bs=4k count=64 seek=1000 oflag=direct 2> /dev/null; do :; done) &
(while dd of=/dev/null if=/dev/vdb bs=64k count=16 iflag=direct 2> /dev/null; do :; done) &
echo "job: writing without end"
until_gone
wait
echo "job: the disk is gone"
# A key, code 116, pressed: linux/input-event-codes.h.
dd if="$button" bs=24 count=1 2> /dev/null | od -An -tu2 -j16 -N4 | tr -s ' ' > /result/button
echo "job: the button was pressed"
echo done > /result/qmp
