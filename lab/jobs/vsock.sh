# SPDX-License-Identifier: Apache-2.0
# Debian's socat over vsock: to the host and back, again after the driver was bound anew, and the other way round.
ask() { # NAME
    /usr/bin/socat -t 60 - VSOCK-CONNECT:2:5000 < /given/numbers > "/data/$1"
    cmp /given/numbers "/data/$1"
    echo "job: $1 is what the host was sent"
}
ask first

driver=/sys/bus/virtio/drivers/vmw_vsock_virtio_transport
device=$(ls -d $driver/virtio*)
echo "${device##*/}" > $driver/unbind
echo "${device##*/}" > $driver/bind
ask second

echo "job: listens"
/usr/bin/socat -t 60 VSOCK-LISTEN:6000 EXEC:cat
echo "job: sent back what it got"
echo both ways > /result/vsock
