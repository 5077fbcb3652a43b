# SPDX-License-Identifier: Apache-2.0
"""What jobs/ports.sh talks with: talk.py DIRECTORY, in which the sockets are."""

import hashlib
import json
import os
import socket
import sys
import threading
import time

LIMIT = 120
MIB = 1 << 20


class End:
    """A client of one of hv's sockets."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        self.socket.connect(f"{sys.argv[1]}/{name}")
        self.seen = b""

    def say(self, text):
        self.socket.sendall(text.encode())

    def hear(self, text):
        """Everything up to and with this."""
        while text.encode() not in self.seen:
            more = self.socket.recv(65536)
            assert more, f"it ended before {text!r}: {self.seen!r}"
            self.seen += more
        heard, _, self.seen = self.seen.partition(text.encode())
        return (heard + text.encode()).decode("latin-1")

    def close(self):
        self.socket.close()


def log_in():
    console = End("hvc0")
    console.say("\n")
    console.hear("login: ")
    console.say("root\n")
    console.hear("# ")
    console.say("echo $((6 * 7)) on $(tty); touch /result/login\n")
    console.hear("42 on /dev/hvc0")
    console.hear("# ")
    # Another finds the session as this one left it.
    console.close()
    console = End("hvc0")
    console.say("echo still $((50 - 8))\n")
    console.hear("still 42")
    console.say("exit\n")
    console.close()
    print("logged in")


def echo():
    for client in range(3):
        end = End("echo")
        for line in range(20):
            end.say(f"line {line} of {client}\n")
            assert end.hear("\n") == f"got <line {line} of {client}>\n"
        end.close()
    print("echoed")


def bulk():
    end = End("bulk")
    down = os.urandom(MIB)
    # Nothing is taken for a while: the guest waits with the rest, and what it has sent by then is kept.
    time.sleep(2)
    sender = threading.Thread(target=end.socket.sendall, args=(down,))
    sender.start()
    up = b""
    while len(up) < MIB:
        more = end.socket.recv(MIB)
        assert more, f"{len(up)} bytes, and the end"
        up += more
    sender.join()
    print("sums", hashlib.sha256(up).hexdigest(), hashlib.sha256(down).hexdigest())
    return end


def main():
    qmp = End("qmp")
    qmp.hear("\n")
    qmp.say('{"execute": "qmp_capabilities"}\n')
    qmp.hear("\n")
    qmp.say('{"execute": "query-chardev"}\n')
    chardevs = {one["label"]: one for one in json.loads(qmp.hear("\n"))["return"]}
    assert chardevs["bulk"]["filename"] == f"disconnected:unix:{sys.argv[1]}/bulk,server=on", chardevs
    assert set(chardevs) == {"serial0", "virtcon0", "org.example.echo", "bulk"}, chardevs
    log_in()
    echo()
    end = bulk()
    # The guest closes the port when it has all.
    told = None
    while told != ("VSERPORT_CHANGE", {"open": False, "id": "bulk"}):
        event = json.loads(qmp.hear("\n"))
        told = event.get("event"), event.get("data")
        print("event", *told)
    end.close()
    last = End("echo")
    last.say("bye\n")
    last.hear("got <bye>\n")
    print("all said")


main()
