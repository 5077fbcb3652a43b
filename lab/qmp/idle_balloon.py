# SPDX-License-Identifier: Apache-2.0
"""What QEMU's own client makes of a balloon whose guest has no driver: idle_balloon.py SOCKET."""

import asyncio
import sys

from machine import Machine


async def balloon(machine):
    """Its guest has no driver for it: what it is asked for is there, and nothing comes of it."""
    path, interval = "/machine/peripheral/balloon0", "guest-stats-polling-interval"
    full = (await machine.do("query-balloon"))["actual"]
    await machine.do("balloon", value=full // 2)
    assert (await machine.do("query-balloon")) == {"actual": full}
    assert (await machine.do("x-hv-query-stats"))["balloon"]["target"] == full // 2
    assert "expects a size" in await machine.refused("GenericError", "balloon", value=0)
    await machine.do("qom-set", path=path, property=interval, value=2)
    assert (await machine.do("qom-get", path=path, property=interval)) == 2
    assert (await machine.do("qom-get", path=path, property="type")) == "virtio-balloon-pci"
    stats = await machine.do("qom-get", path=path, property="guest-stats")
    assert stats["last-update"] == 0 and stats["stats"]["stat-total-memory"] == (1 << 64) - 1, stats
    await machine.refused("DeviceNotFound", "qom-get", path="/machine/peripheral/none", property="type")
    await machine.refused("GenericError", "qom-get", path=path, property="none")
    await machine.refused("GenericError", "qom-set", path=path, property=interval, value="often")
    await machine.refused("GenericError", "x-hv-hint-free-pages")
    await machine.do("human-monitor-command", command_line="balloon 32")
    assert (await machine.do("x-hv-query-stats"))["balloon"]["target"] == 32 << 20


async def main():
    machine = await Machine(sys.argv[1]).connect()
    await balloon(machine)
    await machine.do("quit")
    await machine.wait_for("SHUTDOWN", guest=False)


asyncio.run(main())
