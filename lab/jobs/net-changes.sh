# SPDX-License-Identifier: Apache-2.0
# Files to the host and back over TCP while Debian's ethtool changes queues and offloads, and pings up to 64 KiB in between.
ip link set eth0 up
ip address add 10.0.5.2/24 dev eth0
until ping -c 1 -W 1 10.0.5.1; do :; done
cat /given/numbers /given/numbers /given/numbers /given/numbers > /data/sent
tool=/sbin/ethtool
queues() { $tool -L eth0 combined "$1"; }
offloads() { $tool -K eth0 tx "$1" sg "$1" tso "$1" gso "$1" gro "$1"; }
change() { # ROUND: until there is nobody to be disturbed any more
    while [ ! -e /tmp/sent ]; do
        queues 1; offloads off; sleep 0.3; queues 2; offloads on; sleep 0.3
        echo . >> /tmp/changes
    done
}
for round in 1 2 3 4; do
    rm -f /tmp/sent
    change &
    /usr/bin/socat -t 60 - TCP:10.0.5.1:5000 < /data/sent > /data/back
    touch /tmp/sent
    wait
    cmp /data/sent /data/back
    for size in 18 100 1472 1473 9000 65000; do ping -c 1 -W 10 -s $size 10.0.5.1 > /tmp/ping || cat /tmp/ping; done
    echo "job: round $round is whole, after $(wc -l < /tmp/changes) changes"
done
ip -s link show eth0 || ifconfig eth0
[ "$(wc -l < /tmp/changes)" -ge 4 ]
echo whole > /result/net
