"""A relay of bytes that counts how often a marker passes from the client's side to the server's.

One stands before the gate and counts what clients send; one stands before each service and counts what is executed.
Neither reads HTTP, so that neither can mend or hide anything.
"""

import asyncio
import collections
import re

MARKER = re.compile(rb"compat-[a-z0-9]+-[a-z]+-x")


class Relay:
    def __init__(self, target):
        self.target = target
        self.seen = collections.Counter()
        self.port = None
        self._server = None
        self._writers = set()

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self):
        """From now on nobody is there: connections are cut, and new ones refused."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ways = [asyncio.create_task(self._pass(reader, there_writer, self.seen)),
                asyncio.create_task(self._pass(there_reader, writer, None))]
        self._writers |= {writer, there_writer}
        # Whichever side ends first ends both, as it would without the relay.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for side in (writer, there_writer):
            side.close()
            self._writers.discard(side)

    @staticmethod
    async def _pass(reader, writer, seen):
        tail = b""
        try:
            while data := await reader.read(65536):
                if seen is not None:
                    # A marker may come in two pieces; what was counted does not come again.
                    text, end = tail + data, 0
                    for found in MARKER.finditer(text):
                        seen[found.group().decode()] += 1
                        end = found.end()
                    tail = text[max(end, len(text) - 64):]
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
