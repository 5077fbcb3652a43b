# SPDX-License-Identifier: Apache-2.0
# A NIC that passt serves: Debian's socat over TCP to the host and back, again once another passt is there, and the other way round.
ask() { # NAME
    /usr/bin/socat -t 60 - TCP:169.254.2.2:5000 < /given/numbers > "/data/$1"
    cmp /given/numbers "/data/$1"
    echo "job: $1 is what the host was sent"
}
until_carrier() { until [ "$(cat /sys/class/net/eth0/carrier)" = "$1" ]; do sleep 0.1; done; }

ip link set eth0 up
ip address add 169.254.2.1/16 dev eth0
# Before the host could connect: passt takes its connection whether or not somebody listens here.
/usr/bin/socat -t 60 TCP-LISTEN:6000 EXEC:cat &
until_carrier 1
ask first

until_carrier 0
echo "job: the link is down"
until_carrier 1
ask second

wait
echo "job: sent back what it got"
echo both ways > /result/net
