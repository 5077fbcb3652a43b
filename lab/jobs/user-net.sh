# SPDX-License-Identifier: Apache-2.0
# A NIC that needs no privilege: an address by DHCP, a name, a file from the host with its checksum, and one for the host.
cat > /tmp/lease <<'LEASE'
#!/bin/sh
# What busybox's DHCP client calls with what it was offered.
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
ip route add default via "$router"
for server in $dns; do echo "nameserver $server"; done > /result/resolvers
echo "$ip/$mask by $router" > /result/address
LEASE
chmod 755 /tmp/lease
mkdir -p /etc
ln -s /result/resolvers /etc/resolv.conf

ip link set eth0 up
udhcpc -i eth0 -n -q -t 20 -T 2 -s /tmp/lease
echo "job: the address is $(cat /result/address)"
cat /sys/class/net/eth0/address > /result/mac

nslookup guest.example | tail -n 3
nslookup guest.example | grep -q '192.0.2.53'
echo yes > /result/names

wget -q -O /data/payload http://10.0.2.2:8000/payload
wget -q -O /data/SUMS http://10.0.2.2:8000/SUMS
(cd /data && sha256sum -c SUMS)
echo "job: fetched $(wc -c < /data/payload) bytes"
nc -l -p 7777 < /data/payload
# The end of it may still be in this kernel: it is there when the host serves it in turn.
for _ in $(seq 20); do ! wget -q -O /data/returned http://10.0.2.2:8000/returned || break; sleep 1; done
cmp /data/payload /data/returned
echo "job: sent it back"
cat /proc/net/dev
echo both > /result/ways
