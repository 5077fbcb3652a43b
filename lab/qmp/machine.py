# SPDX-License-Identifier: Apache-2.0
"""A machine behind a QMP socket, by QEMU's own client: what the programs beside this one have in common."""

import asyncio

from qemu.qmp import QMPClient
from qemu.qmp.qmp_client import ExecuteError

LIMIT = 180


class Machine:
    """Executes commands, remembers which, and waits for events."""

    def __init__(self, path):
        self.path = path
        self.client = QMPClient("lab")
        self.executed = set()
        self.seen = []
        self.changed = asyncio.Condition()

    async def connect(self):
        for _ in range(LIMIT * 10):
            try:
                await self.client.connect(self.path)
                break
            except Exception:                       # it is not there yet
                self.client = QMPClient("lab")
                await asyncio.sleep(0.1)
        self.reader = asyncio.ensure_future(self.listen())
        return self

    async def listen(self):
        async for event in self.client.events:
            async with self.changed:
                self.seen.append(event)
                self.changed.notify_all()

    async def do(self, command, **arguments):
        self.executed.add(command)
        named = {NAMES.get(name, name): value for name, value in arguments.items()}
        return await asyncio.wait_for(self.client.execute(command, named), LIMIT)

    async def refused(self, error_class, command, **arguments):
        try:
            await self.do(command, **arguments)
        except ExecuteError as error:
            assert error.error_class == error_class, (command, error.error_class, str(error))
            return str(error)
        raise AssertionError(f"{command} {arguments} is not refused")

    async def wait_for(self, name, **data):
        """The event of that name and content; it and all before it are forgotten."""
        def find():
            for i, event in enumerate(self.seen):
                content = event.get("data", {})
                if event["event"] == name and all(content.get(key) == value for key, value in data.items()):
                    del self.seen[:i + 1]
                    return event
            return None

        async with self.changed:
            found = find()
            while found is None:
                await asyncio.wait_for(self.changed.wait(), LIMIT)
                found = find()
            return found


async def said(console, text):
    for _ in range(LIMIT * 5):
        with open(console, encoding="latin-1") as lines:
            if text in lines.read():
                return
        await asyncio.sleep(0.2)
    raise AssertionError(f"the guest does not say {text}")


# Arguments whose names have a dash; Python's cannot.
NAMES = {name.replace("-", "_"): name for name in (
    "node-name", "job-id", "command-line", "cpu-index", "read-only", "num-queues", "write-cache", "query-nodes")}
