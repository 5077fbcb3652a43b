# SPDX-License-Identifier: Apache-2.0
"""Plugs and unplugs a NIC of a stock guest: nic.py SOCKET CONSOLE PID. passt is started here and handed in, since hv in its sandbox starts
no program."""

import asyncio
import os
import socket
import subprocess
import sys

from machine import Machine, said


def passt():
    """One end of a pair of sockets; passt has the other, and ends when nobody has this one any more."""
    ours, its = socket.socketpair()
    subprocess.run(["passt", "--fd", str(its.fileno()), "--quiet", "--address", "10.0.2.15", "--netmask", "24", "--gateway", "10.0.2.2",
                    "--tcp-ports", "none", "--udp-ports", "none"], pass_fds=[its.fileno()], check=True)
    its.close()
    return ours


def held(pid):
    """Descriptors and threads of hv."""
    threads = [open(f"/proc/{pid}/task/{task}/comm").read().strip() for task in os.listdir(f"/proc/{pid}/task")]
    return len(os.listdir(f"/proc/{pid}/fd")), sorted(name for name in threads if name.startswith(("io-", "net-")))


async def main():
    path, console, pid = sys.argv[1:4]
    machine = await Machine(path).connect()
    await said(console, "job: no interface yet")
    await machine.refused("GenericError", "netdev_add", type="tap", id="t", ifname="t0", script="no")
    before = held(pid)

    ours = passt()
    machine.client.send_fd_scm(ours.fileno())
    await machine.do("getfd", fdname="passt")
    ours.close()
    await machine.do("netdev_add", type="stream", id="n", addr={"type": "fd", "str": "passt"})
    await machine.do("device_add", driver="virtio-net-pci", netdev="n", id="hot", mac="52:54:00:00:00:07")
    await said(console, "job: fetching without end")

    devices = (await machine.do("query-pci"))[0]["devices"]
    assert any(device["qdev_id"] == "hot" and device["class_info"]["desc"] == "Ethernet controller" for device in devices), devices
    assert "hot: model=virtio-net,macaddr=52:54:00:00:00:07" in await machine.do("human-monitor-command", command_line="info network")
    assert len(await machine.do("query-rx-filter")) == 1
    await machine.do("device_del", id="hot")
    await machine.wait_for("DEVICE_DELETED", device="hot")
    await said(console, "job: the interface is gone")
    assert await machine.do("query-rx-filter") == []
    assert not any(device["qdev_id"] == "hot" for device in (await machine.do("query-pci"))[0]["devices"])

    await machine.do("device_add", driver="virtio-net-pci", netdev="n", id="hot", mac="52:54:00:00:00:07")
    await said(console, "job: done with it")
    await machine.do("device_del", id="hot")
    await machine.wait_for("DEVICE_DELETED", device="hot")
    await machine.do("netdev_del", id="n")
    for _ in range(100):
        if held(pid) == before:
            break
        await asyncio.sleep(0.1)
    assert held(pid) == before, f"{held(pid)}, and {before} before"
    print("qmp: the interface came and went twice, and all is given back")


asyncio.run(main())
