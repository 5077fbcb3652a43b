# SPDX-License-Identifier: Apache-2.0
# An iperf3 server, for whoever is at the other end of the NIC; the kernel's command line says what this end's address is.
word() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
ip link set lo up
ip link set eth0 up
ip address add "$(word bench.address)" dev eth0
ip route add default via "$(word bench.router)"
echo "job: eth0 has $(ls -d /sys/class/net/eth0/queues/rx-* | wc -l) queues, $(nproc) CPUs"
# It gives up now and then when clients do.
while :; do /usr/bin/iperf3 -s || sleep 1; done
