import contextlib

from agents.mcp import MCPServerStreamableHttp
from base import saw, serve_async


@contextlib.asynccontextmanager
async def connect(order):
    options = {} if order.timeout is None else {"client_session_timeout_seconds": order.timeout}
    params = {"url": order.url, "headers": {"Holdshort-Key": order.key}}
    async with MCPServerStreamableHttp(params=params, **options) as server:
        yield server


async def call(server, order):
    result = await server.call_tool("echo", {"message": order.marker})
    return saw(result.content[0].text, is_error=result.isError)


serve_async(connect, call)
