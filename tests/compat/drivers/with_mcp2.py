"""Takes a URL and nothing else: the key stands in it."""

import contextlib

from base import saw, serve_async
from mcp import Client


@contextlib.asynccontextmanager
async def connect(order):
    options = {} if order.timeout is None else {"read_timeout_seconds": order.timeout}
    async with Client(order.keyed_url, **options) as client:
        yield client


async def call(client, order):
    result = await client.call_tool("echo", {"message": order.marker})
    return saw(result.content[0].text, is_error=result.is_error)


serve_async(connect, call)
