# SPDX-License-Identifier: Apache-2.0
# Lets somebody log in at hvc0, answers line by line at one named port, and sends and takes a MiB at another.
port() { # NAME: its device; there is no udev here to make /dev/virtio-ports/NAME
    for p in /sys/class/virtio-ports/*; do
        [ "$(cat "$p/name" 2> /dev/null)" != "$1" ] || { echo "/dev/${p##*/}"; return; }
    done
    return 1
}

echo "job: ports $(cat /sys/class/virtio-ports/*/name 2> /dev/null | tr '\n' ' ')"
mkdir -p /etc
echo 'root::0:0:root:/:/bin/sh' > /etc/passwd
echo 'root:x:0:' > /etc/group
(cd / && getty -L 0 hvc0 vt100) &

echo=$(port org.example.echo)
exec 3<> "$echo"
(
    # Whoever leaves is the end of a file, and another may come.
    until [ "$line" = bye ]; do
        if read -r line <&3; then echo "got <$line>" >&3; else sleep 0.1; fi
    done
    exec 3>&-
    echo "job: bye"
    touch /result/bye
) &
exec 3>&-

bulk=$(port org.example.bulk)
dd if=/dev/urandom of=/data/up bs=64k count=16 2> /dev/null
exec 4<> "$bulk"
cat /data/up >&4 &
up=$!
# As long as nobody is there it reads as at its end.
have=0
until [ $have = 1048576 ]; do
    head -c $((1048576 - have)) <&4 >> /data/down
    have=$(stat -c %s /data/down)
done
wait $up
exec 4>&-
sha256sum /data/up /data/down | cut -d ' ' -f 1 > /result/sums
echo "job: bulk is done"
until [ -e /result/bye ] && [ -e /result/login ]; do sleep 0.1; done
echo done > /result/ports
