# SPDX-License-Identifier: Apache-2.0
# A NIC comes, gets an address, goes in the middle of a file, comes once more, and goes again.
cat > /tmp/lease <<'LEASE'
#!/bin/sh
# What busybox's DHCP client calls with what it was offered.
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
ip route add default via "$router"
echo "$ip/$mask by $router" > /result/address
LEASE
chmod 755 /tmp/lease

comes() {
    until [ -e /sys/class/net/eth0 ]; do sleep 0.1; done
    cat /sys/class/net/eth0/address > /result/mac
    ip link set eth0 up
    rm -f /result/address
    udhcpc -i eth0 -n -q -t 20 -T 2 -s /tmp/lease
}
goes() { while [ -e /sys/class/net/eth0 ]; do sleep 0.1; done; }
fetch() { wget -q -O "/data/$1" "http://10.0.2.2:8000/$1"; }

test ! -e /sys/class/net/eth0
echo "job: no interface yet"
comes
echo "job: the address is $(cat /result/address)"
fetch payload
fetch SUMS
(cd /data && sha256sum -c SUMS)

: > /tmp/fetched
(while [ -e /sys/class/net/eth0 ]; do timeout 5 wget -q -O /dev/null http://10.0.2.2:8000/payload && echo . >> /tmp/fetched; done) &
until [ "$(wc -l < /tmp/fetched)" -ge 3 ]; do sleep 0.1; done
echo "job: fetching without end"
goes
wait
echo "job: the interface is gone"

comes
rm /data/payload
fetch payload
(cd /data && sha256sum -c SUMS)
echo "job: done with it"
goes
echo gone > /result/nic
