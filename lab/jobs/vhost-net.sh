# SPDX-License-Identifier: Apache-2.0
# A NIC that the host's kernel serves: ping, and Debian's socat over TCP to the host and back, again after the driver was bound
# anew, and the other way round.
configure() {
    ip link set eth0 up
    ip address add 10.0.5.2/24 dev eth0
    until ping -c 1 -W 1 10.0.5.1; do :; done
}
ask() { # NAME
    /usr/bin/socat -t 60 - TCP:10.0.5.1:5000 < /given/numbers > "/data/$1"
    cmp /given/numbers "/data/$1"
    echo "job: $1 is what the host was sent"
}
configure
ls -d /sys/class/net/eth0/queues/rx-* | wc -l > /result/queues
ask first

driver=/sys/bus/virtio/drivers/virtio_net
device=$(ls -d $driver/virtio*)
echo "${device##*/}" > $driver/unbind
echo "${device##*/}" > $driver/bind
configure
ask second
ping -c 3 -s 1400 10.0.5.1

echo "job: listens"
/usr/bin/socat -t 60 TCP-LISTEN:6000 EXEC:cat
echo "job: sent back what it got"
echo both ways > /result/net
