# SPDX-License-Identifier: Apache-2.0
# One of two guests on a bridge, first or second by its address: pings of all sizes, then files both ways with their sums.
case $(cat /sys/class/net/eth0/address) in
    52:54:00:00:00:01) own=1 other=2;;
    *) own=2 other=1;;
esac
ip link set eth0 up
ip address add 192.168.7.$own/24 dev eth0
cat /sys/class/net/eth0/mtu > /result/mtu
# Each file goes its own way, so that both are on their way at once.
nc -l -p 7000 < /given/numbers &
until ping -c 1 -W 1 192.168.7.$other > /dev/null; do :; done
for size in 18 100 1400 1472 1473 4000 9000 32000 65000; do
    ping -c 1 -W 10 -s $size 192.168.7.$other
done
until nc 192.168.7.$other 7000 > /data/numbers && [ -s /data/numbers ]; do sleep 0.2; done
cmp /given/numbers /data/numbers
echo "job: $(wc -c < /data/numbers) bytes came whole"
# Once the other one has this one's file, it is through with its pings.
wait
cat /proc/net/dev
echo whole > /result/net
