#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""iperf3 between a stock guest and the host that this runs on, for each way that hv has to serve a NIC, and for QEMU's.

net.py --hv HV --kernel FILE --initrd FILE --image FILE --out DIRECTORY --work DIRECTORY [--qemu QEMU] [--rounds N] [--seconds N] [--warm-up N] [--only WAY,…]

All guests are there at once, each an iperf3 server, and are asked in turn, round by round, while the others stand still. A guest that
dies is started again, which is said; what it had not given is missing from that round. Needs root, for taps and addresses, and an iperf3.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

PORT = 5201
USER_PORT = 5301
BASE = "tap1"
BOOT_SECONDS = 180
DIRECTIONS = {"to-guest": [], "from-guest": ["-R"]}

# name: what serves it, the NIC in its words, what the table calls it
WAYS = {
    "user": ("hv", f"user,hostfwd=tcp:127.0.0.1:{USER_PORT}-:{PORT}", "user (passt)"),
    "tap1": ("hv", "tap,ifname={tap}", "tap, 1 pair"),
    "tap2": ("hv", "tap,ifname={tap},queues=2,iothreads=2", "tap, 2 pairs"),
    "vhost1": ("hv", "tap,ifname={tap},vhost=on", "tap and vhost, 1 pair"),
    "vhost2": ("hv", "tap,ifname={tap},vhost=on,queues=2", "tap and vhost, 2 pairs"),
    "qemu-tap1": ("qemu", "tap,id=n,ifname={tap},script=no,downscript=no,vhost=off", "QEMU, tap, 1 pair"),
    "qemu-vhost1": ("qemu", "tap,id=n,ifname={tap},script=no,downscript=no,vhost=on", "QEMU, tap and vhost, 1 pair"),
}
PEERS = {"tap1": "qemu-tap1", "vhost1": "qemu-vhost1"}


def say(what):
    print(f"net: {what}", file=sys.stderr, flush=True)


class Guest:
    def __init__(self, name, number, options):
        self.name, self.options = name, options
        self.monitor, nic, self.title = WAYS[name]
        self.tap = f"hvb{number}"
        self.nic = nic.format(tap=self.tap)
        self.is_user = name == "user"
        self.net = "10.0.2." if self.is_user else f"10.77.{number}."
        self.address = self.net + ("15" if self.is_user else "2")
        self.router = self.net + ("2" if self.is_user else "1")
        self.image = f"{options.work}/{name}.img"
        self.log = f"{options.out}/{name}.log"
        self.process = None

    def command(self):
        append = f"console=ttyS0 root=/dev/vda bench.address={self.address}/24 bench.router={self.router}"
        common = ["kernel", self.options.kernel, "initrd", self.options.initrd, "append", append, "smp", "2"]
        if self.monitor == "hv":
            words = [("--" if i % 2 == 0 else "") + word for i, word in enumerate(common)]
            return [self.options.hv, "run", *words, "-m", "256M", "--drive", f"file={self.image}", "--nic", self.nic]
        words = [("-" if i % 2 == 0 else "") + word for i, word in enumerate(common)]
        return [self.options.qemu, "-M", "q35", "-accel", "kvm", "-cpu", "host", "-nodefaults", "-no-user-config", "-display", "none",
                "-no-reboot", "-serial", "stdio", *words, "-m", "256M", "-object", "iothread,id=t",
                "-drive", f"if=none,id=d,format=raw,file={self.image}", "-device", "virtio-blk-pci,drive=d,iothread=t",
                "-netdev", self.nic, "-device", "virtio-net-pci,netdev=n"]

    def start(self):
        shutil.copyfile(self.options.image, self.image)
        started = time.monotonic()
        with open(self.log, "ab") as log:
            log.truncate(0)
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while time.monotonic() - started < BOOT_SECONDS:
            if self.process.poll() is not None:
                break
            with open(self.log, errors="replace") as log:
                if "Server listening" in log.read():
                    if not self.is_user:
                        subprocess.run(["ip", "address", "add", self.router + "/24", "dev", self.tap], check=True)
                        subprocess.run(["ip", "link", "set", self.tap, "up"], check=True)
                    say(f"{self.name} is up after {time.monotonic() - started:.0f} s")
                    self.hold()
                    return True
            time.sleep(0.2)
        say(f"{self.name} did not come up within {time.monotonic() - started:.0f} s: see {self.log}")
        self.stop()
        return False

    def hold(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.process.pid, signal.SIGCONT)
        time.sleep(1)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.send_signal(signal.SIGCONT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def lives(self):
        return self.process is not None and self.process.poll() is None

    def measure(self, direction, seconds):
        """Mbit/s of what was received in it, or None."""
        where = ["-c", "127.0.0.1", "-p", str(USER_PORT)] if self.is_user else ["-c", self.address, "-p", str(PORT)]
        command = ["iperf3", *where, "-J", "-P", "2", "-t", str(seconds), *DIRECTIONS[direction]]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60 + 4 * seconds)
            with open(f"{self.options.out}/{self.name}.{direction}.json", "w") as kept:
                kept.write(done.stdout)
            result = json.loads(done.stdout)
            if "error" in result:
                say(f"{self.name} {direction}: {result['error']}")
                return None
            return result["end"]["sum_received"]["bits_per_second"] / 1e6
        except (subprocess.TimeoutExpired, ValueError, KeyError) as e:
            say(f"{self.name} {direction}: {type(e).__name__} {e}")
            return None


def run(guests, options):
    """What each gave, by round; the first round, in which Java compiles, does not count."""
    figures = {(name, direction): {} for name in guests for direction in DIRECTIONS}
    for guest in guests.values():
        guest.start()
    for number in range(options.rounds + 1):
        for name, guest in guests.items():
            if not guest.lives() and guest.start() is False:
                continue
            guest.go_on()
            for direction in DIRECTIONS:
                rate = guest.measure(direction, options.seconds if number > 0 else options.warm_up)
                if rate is None:
                    guest.stop()
                    break
                if number > 0:
                    figures[name, direction][number] = rate
                say(f"{f'round {number}' if number > 0 else 'warm-up'}: {name} {direction} {rate:.0f} Mbit/s")
            else:
                guest.hold()
    return figures


def compare(ours, peer):
    """Medians of both, and of the ratio, from rounds that have both."""
    both = ours.keys() & peer.keys()
    if not both:
        return None
    return (statistics.median(ours[i] for i in both), statistics.median(peer[i] for i in both),
            statistics.median(ours[i] / peer[i] for i in both))


def report(guests, figures):
    rows = []
    for name, guest in guests.items():
        row = [guest.title]
        for direction in DIRECTIONS:
            base = compare(figures[name, direction], figures.get((BASE, direction), {}))
            own = figures[name, direction].values()
            if name in PEERS:
                against_peer = compare(figures[name, direction], figures.get((PEERS[name], direction), {}))
                if against_peer:
                    print("net.{}.{} ours={:.0f} peer={:.0f} ratio={:.2f}".format(name, direction, *against_peer))
            if base and name != BASE and not name.startswith("qemu"):
                print("net.{}-vs-{}.{} ours={:.0f} peer={:.0f} ratio={:.2f}".format(name, BASE, direction, *base))
            row += [f"{statistics.median(own):.0f}" if own else "-",
                    f"{min(own):.0f} to {max(own):.0f}" if own else "-", f"{base[2]:.2f}" if base else "-"]
        rows.append(row)
    head = ["way"]
    for direction in DIRECTIONS:
        head += [direction + ", Mbit/s", "least to most", "to " + WAYS[BASE][2]]
    print()
    for row in [head, ["---"] + ["---:"] * (len(head) - 1), *rows]:
        print("| " + " | ".join(row) + " |")


def main():
    parser = argparse.ArgumentParser(prog="net.py", usage=__doc__)
    for name in ("hv", "kernel", "initrd", "image", "out", "work"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--qemu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=8)
    parser.add_argument("--only", default=",".join(WAYS))
    options = parser.parse_args()
    names = [name for name in options.only.split(",") if options.qemu or not name.startswith("qemu")]
    if unknown := [name for name in names if name not in WAYS]:
        sys.exit(f"net: no way {unknown[0]}; there are {', '.join(WAYS)}")
    if not shutil.which("iperf3"):
        sys.exit("net: no iperf3: apt-get install iperf3")
    guests = {name: Guest(name, list(WAYS).index(name), options) for name in names}
    try:
        report(guests, run(guests, options))
    finally:
        for guest in guests.values():
            guest.stop()


main()
