# SPDX-License-Identifier: Apache-2.0
# Boots three times: ends the first time by a reset of its own, writes the second time until it is reset from outside, and finds
# the third time what it wrote the first. The network is there each time.
cd /data
boots=$(($(cat boots 2> /dev/null || echo 0) + 1))
echo $boots > boots
sync
ip link set eth0 up
ip address add 10.0.5.2/24 dev eth0
until ping -c 1 -W 1 10.0.5.1 > /dev/null; do :; done
echo "lab: boot $boots"
case $boots in
    1)
        head -c 200000 /dev/urandom > file
        sha256sum file > SUMS
        sync
        mount -o remount,ro /
        reboot -f
        sleep 60;;
    2)
        sha256sum -c SUMS
        echo "lab: writes without end"
        while :; do head -c 100000 /dev/urandom > busy; sync; done;;
esac
sha256sum -c SUMS
cat /proc/uptime > /result/uptime
