# SPDX-License-Identifier: Apache-2.0
"""Inflates and deflates the balloon of a stock guest that uses its memory, and looks at what hv has of the host:
balloon.py SOCKET CONSOLE KEYS PID plain|pressure."""

import asyncio
import sys
import time

from machine import LIMIT, Machine

MIB = 1 << 20
DEVICE = "/machine/peripheral/balloon0"


class Guest:
    """The job that the guest does, told what to do on its console."""

    def __init__(self, console, keys, pid):
        self.console = console
        self.keys = open(keys, "wb", buffering=0)
        self.pid = pid
        self.told = 0

    async def said(self, text):
        for _ in range(LIMIT * 10):
            with open(self.console, encoding="latin-1") as lines:
                if text in lines.read():
                    return
            await asyncio.sleep(0.1)
        raise AssertionError(f"the guest does not say {text}")

    async def do(self, command):
        self.keys.write(f"{command}\r".encode())
        self.told += 1
        if command != "end":
            await self.said(f"balloon: {self.told} {command.split()[0]} done")

    def rss(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024 / MIB
        raise AssertionError("no VmRSS")


async def reaches(machine, actual):
    """The guest has so much."""
    begun = time.monotonic()
    while (await machine.do("query-balloon"))["actual"] != actual:
        assert time.monotonic() - begun < LIMIT, await machine.do("query-balloon")
        await asyncio.sleep(0.1)
    return time.monotonic() - begun


async def counters(machine):
    return (await machine.do("x-hv-query-stats"))["balloon"]


async def plain(machine, guest):
    await guest.do("keep")
    await guest.do("touch")
    await guest.do("drop")
    full = guest.rss()
    await machine.do("qom-set", path=DEVICE, property="guest-stats-polling-interval", value=1)
    await machine.do("balloon", value=160 * MIB)
    took = await reaches(machine, 160 * MIB)
    await machine.wait_for("BALLOON_CHANGE", actual=160 * MIB)
    empty = guest.rss()
    print(f"balloon 160: VmRSS {full:.0f} MiB before, {empty:.0f} MiB after {took:.1f} s: "
          f"{(full - empty) / 160:.0%} of what was asked")
    assert full - empty >= 0.9 * 160
    assert (await machine.do("human-monitor-command", command_line="info balloon")) == "balloon: actual=160\r\n"

    begun = time.time()
    while True:
        stats = await machine.do("qom-get", path=DEVICE, property="guest-stats")
        if stats["last-update"] >= begun + 2:
            break
        assert time.time() - begun < LIMIT, stats
        await asyncio.sleep(0.2)
    free, total = stats["stats"]["stat-free-memory"] / MIB, stats["stats"]["stat-total-memory"] / MIB
    print(f"statistics: {free:.0f} of {total:.0f} MiB free, {len(stats['stats'])} values")
    assert 50 < free < 160 and free < total < 320, stats

    await machine.do("balloon", value=320 * MIB)
    took = await reaches(machine, 320 * MIB)
    await guest.do("touch")
    again = guest.rss()
    print(f"balloon 320: {took:.1f} s; VmRSS {again:.0f} MiB once the guest had used it")
    assert again - empty >= 0.9 * 160
    await guest.do("drop")
    await machine.do("x-hv-hint-free-pages")
    begun = time.monotonic()
    while (await counters(machine))["hinting"]:
        assert time.monotonic() - begun < LIMIT
        await asyncio.sleep(0.1)
    hinted = (await counters(machine))["hinted-bytes"] / MIB
    print(f"hinting: {hinted:.0f} MiB in {time.monotonic() - begun:.1f} s")
    assert hinted > 80 and (await counters(machine))["hinting-rounds"] == 1


async def pressure(machine, guest):
    await guest.do("keep")
    await asyncio.sleep(3)                          # what was free at boot is reported
    low = guest.rss()
    await guest.do("touch")
    full = guest.rss()
    assert full - low > 150, (low, full)
    await guest.do("drop")
    begun = time.monotonic()
    while guest.rss() > full - 0.9 * (full - low) and time.monotonic() - begun < 60:
        await asyncio.sleep(0.2)
    took = time.monotonic() - begun
    print(f"free page reporting: VmRSS {low:.0f} MiB, {full:.0f} MiB in use, {guest.rss():.0f} MiB {took:.1f} s after it was let go; "
          f"{(await counters(machine))['reported-bytes'] / MIB:.0f} MiB reported")
    assert full - guest.rss() >= 0.9 * (full - low)

    await machine.do("balloon", value=128 * MIB)
    await reaches(machine, 128 * MIB)
    await guest.do("touch 120")
    actual = (await machine.do("query-balloon"))["actual"] / MIB
    print(f"deflate-on-oom: the guest was left 128 MiB, used 120 MiB, and has {actual:.0f} MiB")
    assert actual >= 170
    await guest.do("drop")


async def main():
    path, console, keys, pid, mode = sys.argv[1:6]
    guest = Guest(console, keys, pid)               # hv starts once somebody has opened its keys
    machine = await Machine(path).connect()
    await guest.said("balloon: 0 ready")
    await {"plain": plain, "pressure": pressure}[mode](machine, guest)
    await guest.do("verify")
    stats = await counters(machine)
    assert stats["discard-errors"] == stats["outside-pages"] == stats["malformed"] == 0, stats
    print("counters:", stats)
    await guest.do("end")
    await machine.wait_for("SHUTDOWN", guest=True)
    print(f"{mode}: all held")


asyncio.run(main())
