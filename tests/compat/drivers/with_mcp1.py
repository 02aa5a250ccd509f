import contextlib
import datetime

from base import saw, serve_async
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


@contextlib.asynccontextmanager
async def connect(order):
    timeout = None if order.timeout is None else datetime.timedelta(seconds=order.timeout)
    headers = {"Holdshort-Key": order.key}
    async with streamablehttp_client(order.url, headers=headers) as (read, write, _):
        async with ClientSession(read, write, read_timeout_seconds=timeout) as session:
            await session.initialize()
            yield session


async def call(session, order):
    result = await session.call_tool("echo", {"message": order.marker})
    return saw(result.content[0].text, is_error=result.isError)


serve_async(connect, call)
