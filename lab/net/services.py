#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a guest finds in L1 through `--nic user`: a resolver, files over HTTP, and somebody who fetches what it serves.

services.py ADDRESS DIRECTORY PORT OUT

Answers each name with 192.0.2.53 at ADDRESS, UDP port 53; serves DIRECTORY at 127.0.0.1:8000, which passt maps the guest's
router to; fetches from 127.0.0.1:PORT, which leads to the guest, until it gets something, and writes it to OUT.
"""
import functools
import http.server
import os
import socket
import sys
import threading
import time

address, directory, port, out = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]


def say(what):
    print("services: " + what, flush=True)


def resolve():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dns:
        dns.bind((address, 53))
        while True:
            question, client = dns.recvfrom(512)
            end = question.index(0, 12) + 5                         # the name, its type and class (RFC 1035, 4.1.2)
            name = question[12:end - 5]
            wanted = question[end - 3]
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes((192, 0, 2, 53)) if wanted == 1 else b""
            dns.sendto(question[:2] + b"\x81\x80\0\1\0" + bytes((1 if answer else 0,)) + b"\0\0\0\0" + question[12:end] + answer, client)
            say(f"asked for {name!r}, type {wanted}")


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, form, *values):
        say("http " + form % values)
        if "/SUMS" in str(values):
            asked_last.set()


asked_last = threading.Event()                                          # the guest has the file, and serves it next


def fetch():
    asked_last.wait()
    while True:
        got = b""
        try:
            with socket.create_connection(("127.0.0.1", port), 20) as guest:
                # Bookworm's passt does not finish the handshake with the guest before it has something to send.
                guest.sendall(b"go\n")
                while chunk := guest.recv(65536):
                    got += chunk
        except OSError as e:
            say(f"fetched {len(got)} bytes, and then {e}")
        if got:
            break
        time.sleep(0.5)                                             # nobody listens in the guest yet
    with open(out + ".new", "wb") as file:
        file.write(got)
    os.rename(out + ".new", out)
    say(f"fetched {len(got)} bytes from the guest")


threading.Thread(target=resolve, daemon=True).start()
threading.Thread(target=fetch, daemon=True).start()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), functools.partial(Files, directory=directory))
say("listens")
server.serve_forever()
