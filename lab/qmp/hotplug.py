# SPDX-License-Identifier: Apache-2.0
"""Plugs, limits, mirrors and unplugs a disk of a stock guest that writes to it, then presses the power button:
hotplug.py SOCKET CONSOLE, in the directory of the images."""

import asyncio
import os
import sys

from machine import Machine, said

LIMITS = {"bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 0}


async def main():
    path, console = sys.argv[1:3]
    machine = await Machine(path).connect()
    here = os.getcwd()
    await said(console, "job: no disk yet")
    await machine.do("blockdev-add", driver="raw", node_name="hot",
                     file={"driver": "file", "filename": f"{here}/hot.img"}, cache={"direct": True})
    await machine.do("device_add", driver="virtio-blk-pci", drive="hot", id="vd")
    await said(console, "job: writing without end")

    async def writes():
        return (await machine.do("query-blockstats"))[1]["stats"]["wr_operations"]

    await machine.do("block_set_io_throttle", id="vd", **(LIMITS | {"iops": 20}))
    before = await writes()
    await asyncio.sleep(3)
    limited = await writes() - before
    assert 0 < limited <= 2 * 20 * 3, f"{limited} writes in three seconds under iops=20"
    await machine.do("block_set_io_throttle", id="vd", **LIMITS)

    await machine.do("blockdev-add", driver="raw", node_name="copy", file={"driver": "file", "filename": f"{here}/copy.img"})
    await machine.do("blockdev-mirror", job_id="m", device="hot", target="copy", sync="full")
    await machine.wait_for("BLOCK_JOB_READY", device="m")
    await machine.do("block-job-complete", device="m")
    await machine.wait_for("BLOCK_JOB_COMPLETED", device="m")
    assert (await machine.do("query-block"))[1]["inserted"]["node-name"] == "copy"

    await machine.do("device_del", id="vd")
    await machine.wait_for("DEVICE_DELETED", device="vd")
    await machine.do("blockdev-del", node_name="copy")
    await machine.do("blockdev-del", node_name="hot")
    await said(console, "job: the disk is gone")
    await machine.do("system_powerdown")
    await machine.wait_for("POWERDOWN")
    event = await machine.wait_for("SHUTDOWN", guest=True)
    assert event["data"]["reason"] == "guest-shutdown", event
    print(f"qmp: {limited} writes in three seconds under the limit of 20 a second; the guest powered itself off")


asyncio.run(main())
