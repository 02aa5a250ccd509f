"""Runs one client program: writes orders to it, reads what it saw."""

import asyncio
import json
import os
import sys
from pathlib import Path

DRIVERS = Path(__file__).parent / "drivers"


def built(tools):
    """The driver in Rust."""
    return tools / "rmcp/debug/with-rmcp"


async def build(tools):
    """Compiles it, beside the other clients."""
    command = ["cargo", "build", "--locked", "--manifest-path", DRIVERS.parent / "rmcp/Cargo.toml", "--target-dir", tools / "rmcp"]
    done = await asyncio.create_subprocess_exec(*map(str, command), stdin=asyncio.subprocess.DEVNULL)
    if await done.wait():
        sys.exit("compat: the client in Rust could not be built; see above")


class Driver:
    def __init__(self, client, tools, log, starting):
        self.client, self.tools, self.log, self.starting = client, tools, log, starting
        self.process = None

    async def __aenter__(self):
        file, *words = self.client.driver.split()
        if self.client.built:
            command = [built(self.tools)]
        elif file.endswith(".mjs"):
            command = ["node", DRIVERS / file, self.tools / "node_modules", *words]
        else:
            command = [self.tools / self.client.venv / "bin/python", DRIVERS / file, *words]
        # A proxy of the machine's would stand between the client and the gate.
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        async with self.starting:
            await self._start(command, environment)
        return self

    async def _start(self, command, environment):
        self.process = await asyncio.create_subprocess_exec(
            *map(str, command), env=environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=self.log, limit=1 << 24)
        await self._line()

    async def call(self, order):
        """One call, as the program saw it."""
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        await self.process.stdin.drain()
        return await self._line()

    async def _line(self):
        # Libraries may print, too.
        while line := await self.process.stdout.readline():
            if line.startswith(b"{"):
                return json.loads(line)
        raise RuntimeError(f"{self.client.driver} ended with {await self.process.wait()} without an answer")

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
