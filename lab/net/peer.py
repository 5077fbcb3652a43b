#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The host's end of tests of networks: sends back what the guest sends, then has the guest send back what it gets.

peer.py GUEST FILE MONITOR

GUEST is an IPv4 address, or vsock: and a context id.

The guest connects to port 5000 twice, with its driver bound anew, or its back end started anew, in between. Then it listens on port 6000, and gets FILE;
in the middle of that the machine is stopped for a while and goes on, by way of MONITOR.
"""
import socket
import sys
import threading
import time

PORT_HERE, PORT_THERE = 5000, 6000
guest, data, monitor = sys.argv[1], open(sys.argv[2], "rb").read(), sys.argv[3]
if guest.startswith("vsock:"):
    family, there, here = socket.AF_VSOCK, (int(guest[6:]), PORT_THERE), (socket.VMADDR_CID_ANY, PORT_HERE)
else:
    family, there, here = socket.AF_INET, (guest, PORT_THERE), ("", PORT_HERE)


def say(what):
    print("peer: " + what, flush=True)


def echo(listener):
    connection, (peer, _) = listener.accept()
    count = 0
    while chunk := connection.recv(65536):
        connection.sendall(chunk)
        count += len(chunk)
    connection.close()
    say(f"echoed {count} bytes to {peer}")


def command(line):
    with socket.socket(socket.AF_UNIX) as hmp:
        hmp.connect(monitor)
        hmp.sendall(line.encode() + b"\ninfo status\n")
        said = b""
        while b"VM status" not in said:
            said += hmp.recv(4096)
        say(line + ": " + said[said.index(b"VM status"):].split(b"\n")[0].strip().decode())


def send(connection):
    half = len(data) // 2
    connection.sendall(data[:half])
    command("stop")
    sent = threading.Thread(target=connection.sendall, args=(data[half:],))
    sent.start()
    time.sleep(0.5)
    command("cont")
    sent.join()
    connection.shutdown(socket.SHUT_WR)


def connect():
    for _ in range(300):
        connection = socket.socket(family)
        try:
            connection.connect(there)
            return connection
        except OSError:
            connection.close()
            time.sleep(0.2)
    sys.exit("peer: the guest does not listen")


with socket.socket(family) as listener:
    listener.bind(here)
    listener.listen()
    say("listens")
    echo(listener)
    echo(listener)
connection = connect()
sender = threading.Thread(target=send, args=(connection,))
sender.start()
back = b""
while chunk := connection.recv(65536):
    back += chunk
sender.join()
say("the guest sent back " + ("all of it" if back == data else f"{len(back)} bytes, which are not those it got"))
