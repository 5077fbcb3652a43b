# SPDX-License-Identifier: Apache-2.0
"""Executes every command that a machine has, by QEMU's own client: everything.py SOCKET DIRECTORY ENDING.

The machine runs the built-in guest with mode=hotplug, and has no disk yet. The ending is quit or system_reset; the
latter ends a machine that was started with --no-reboot, and starts the guest of another anew.
"""

import asyncio
import json
import os
import socket
import sys

from machine import Machine

LIMITS = {"bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 0}


async def queries(machine):
    version = await machine.do("query-version")
    assert version["qemu"]["major"] >= 7, version
    assert (await machine.do("query-status")) == {"running": True, "singlestep": False, "status": "running"}
    assert (await machine.do("query-kvm"))["enabled"]
    assert (await machine.do("query-name"))["name"]
    events = [event["name"] for event in await machine.do("query-events")]
    assert "DEVICE_DELETED" in events and "BLOCK_JOB_READY" in events, events
    for cpu in await machine.do("query-cpus-fast"):
        assert cpu["thread-id"] > 0, cpu
    for thread in await machine.do("query-iothreads"):
        assert thread["poll-max-ns"] >= 0, thread
    assert (await machine.do("query-pci"))[0]["devices"], "nothing on the bus"
    assert (await machine.do("query-chardev"))[0] == {"label": "serial0", "filename": "file", "frontend-open": True}
    assert (await machine.do("query-block"))[0]["qdev"] == "/machine/peripheral/d/virtio-backend"
    assert (await machine.do("query-blockstats"))[0]["stats"]["wr_bytes"] > 0
    assert [node["node-name"] for node in await machine.do("query-named-block-nodes")] == ["disk"]
    assert (await machine.do("query-block-jobs")) == []
    assert (await machine.do("query-jobs")) == []
    assert (await machine.do("x-hv-query-stats"))["disks"][0]["id"] == "d"
    assert (await machine.do("human-monitor-command", command_line="info status")) == "VM status: running\r\n"
    await machine.do("set_link", name="net", up=False)
    assert (await machine.do("query-rx-filter"))[0]["main-mac"] == "52:54:00:12:34:56"
    await machine.do("set_link", name="net", up=True)
    await machine.do("announce-self", initial=50, max=550, rounds=5, step=50)
    await machine.refused("DeviceNotFound", "set_link", name="none", up=True)
    ours, its = socket.socketpair()
    for name in ("cable", "spare"):
        machine.client.send_fd_scm(its.fileno())
        await machine.do("getfd", fdname=name)
    await machine.do("closefd", fdname="spare")
    await machine.do("netdev_add", type="stream", id="wire", addr={"type": "fd", "str": "cable"})
    its.close()
    await machine.do("netdev_del", id="wire")
    assert ours.recv(1) == b"", "the other side is still open"
    ours.close()
    for command, arguments in (("query-balloon", {}), ("balloon", {"value": 1 << 28}), ("x-hv-hint-free-pages", {})):
        await machine.refused("DeviceNotActive", command, **arguments)
    for command, arguments in (("qom-get", {}), ("qom-set", {"value": 1})):
        await machine.refused("DeviceNotFound", command, path="/machine/peripheral/balloon0", property="guest-stats", **arguments)
    await machine.refused("CommandNotFound", "query-nothing")
    machine.executed.discard("query-nothing")


async def disk(machine):
    await machine.do("block_set_io_throttle", id="d", **(LIMITS | {"iops": 1000}))
    assert (await machine.do("query-block"))[0]["inserted"]["iops"] == 1000
    await machine.do("block_set_io_throttle", id="/machine/peripheral/d", **LIMITS)
    await machine.do("block_resize", node_name="disk", size=2 << 20)
    assert (await machine.do("query-block"))[0]["inserted"]["image"]["virtual-size"] == 2 << 20


async def jobs(machine, directory):
    await machine.do("blockdev-add", driver="raw", node_name="copy", file={"driver": "file", "filename": f"{directory}/copy.img"})
    await machine.do("blockdev-mirror", job_id="job", device="disk", target="copy", sync="full", speed=65536)
    await machine.do("block-job-pause", device="job")
    assert (await machine.do("query-block-jobs"))[0]["paused"]
    await machine.do("block-job-resume", device="job")
    await machine.do("block-job-set-speed", device="job", speed=0)
    await machine.wait_for("BLOCK_JOB_READY", device="job")
    await machine.do("block-job-complete", device="job")
    await machine.wait_for("BLOCK_JOB_COMPLETED", device="job")
    assert (await machine.do("query-block"))[0]["inserted"]["file"] == f"{directory}/copy.img"
    await machine.do("drive-mirror", job_id="other", device="copy", target=f"{directory}/made.img", sync="full")
    await machine.wait_for("BLOCK_JOB_READY", device="other")
    await machine.do("block-job-cancel", device="other")
    await machine.wait_for("BLOCK_JOB_COMPLETED", device="other")
    with open(f"{directory}/copy.img", "rb") as one, open(f"{directory}/made.img", "rb") as other:
        assert one.read() == other.read(), "the mirror is not the disk"


async def plug(machine, directory):
    await machine.do("blockdev-add", driver="file", node_name="disk", filename=f"{directory}/disk.img", cache={"direct": False})
    await machine.do("device_add", driver="virtio-blk-pci", drive="disk", id="d", serial="HOT")
    while not (await machine.do("query-blockstats"))[0]["stats"]["wr_operations"]:
        await asyncio.sleep(0.1)


async def unplug(machine):
    await machine.do("device_del", id="d")
    await machine.wait_for("DEVICE_DELETED", device="d")
    await machine.do("blockdev-del", node_name="copy")
    await machine.do("blockdev-del", node_name="disk")
    assert (await machine.do("query-block")) == []


async def running(machine):
    await machine.do("stop")
    await machine.wait_for("STOP")
    assert (await machine.do("query-status"))["status"] == "paused"
    await machine.do("cont")
    await machine.wait_for("RESUME")
    await machine.do("system_powerdown")
    await machine.wait_for("POWERDOWN")


async def many(path):
    """Ten at once, and one beside them that sends what is none."""
    clients = [await Machine(path).connect() for _ in range(10)]

    async def ask(one):
        for _ in range(50):
            assert (await one.do("query-status"))["running"]

    await asyncio.gather(*(ask(one) for one in clients), malformed(path))
    for one in clients:
        await one.client.disconnect()


async def malformed(path):
    reader, writer = await asyncio.open_unix_connection(path)
    assert "QMP" in json.loads(await reader.readline())
    for text in (b'{"execute": "qmp_capabilities"}', b'{]\n', b'{\xff', b'{"execute": "que\n', b'{"execute": 1}',
                 b'[' * 2000 + b']' * 2000, b'{"execute": "' + b'x' * (1 << 20) + b'"}', b'{"execute": "query-name"'):
        writer.write(text)
        if text.endswith(b'query-name"'):
            writer.write(b'\x01')                   # half of a command, given up
        await writer.drain()
        answer = json.loads(await reader.readline())
        assert answer == {"return": {}} or answer["error"]["class"] == "GenericError", (text[:40], answer)
    writer.write(b'{"execute": "query-name", "id": "still here"}')
    assert json.loads(await reader.readline())["id"] == "still here"
    writer.close()


async def reset(machine):
    await machine.do("system_reset")
    event = await machine.wait_for("RESET", guest=False)
    assert event["data"]["reason"] == "host-qmp-system-reset", event
    await machine.do("stop")
    await machine.do("system_reset")
    await machine.wait_for("RESET", guest=False)
    assert (await machine.do("query-status"))["status"] == "paused"
    await machine.do("cont")


async def end(machine, ending):
    await machine.do(ending)
    event = await machine.wait_for("SHUTDOWN", guest=False)
    assert event["data"]["reason"] == "host-qmp-" + ending.replace("_", "-"), event


async def main():
    path, directory, ending = sys.argv[1:4]
    machine = await Machine(path).connect()
    for name, size in (("disk.img", 1 << 20), ("copy.img", 2 << 20)):
        with open(f"{directory}/{name}", "wb") as image:
            os.ftruncate(image.fileno(), size)
    await plug(machine, directory)
    await queries(machine)
    await disk(machine)
    await jobs(machine, directory)
    await unplug(machine)
    await running(machine)
    await many(path)
    commands = {command["name"] for command in await machine.do("query-commands")}
    if ending == "quit":
        await reset(machine)
    await end(machine, ending)
    left = commands - machine.executed - {"quit", "system_reset"}
    assert not left, f"not executed: {left}"
    print(f"{len(machine.executed)} of {len(commands)} commands executed, ended by {ending}")
    try:
        await machine.client.disconnect()
    except Exception:                               # the machine was first
        pass


asyncio.run(main())
