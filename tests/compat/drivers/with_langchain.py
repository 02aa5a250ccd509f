import contextlib
import datetime

from base import saw, serve_async
from langchain_mcp_adapters.client import MultiServerMCPClient


@contextlib.asynccontextmanager
async def connect(order):
    server = {"transport": "streamable_http", "url": order.url, "headers": {"Holdshort-Key": order.key}}
    if order.timeout is not None:
        server["session_kwargs"] = {"read_timeout_seconds": datetime.timedelta(seconds=order.timeout)}
    tools = await MultiServerMCPClient({"gate": server}).get_tools()
    yield next(tool for tool in tools if tool.name == "echo")


async def call(tool, order):
    # As an agent's tool node calls it: the message that the model reads says whether the tool failed.
    arguments = {"type": "tool_call", "id": "1", "name": "echo", "args": {"message": order.marker}}
    message = await tool.ainvoke(arguments)
    content = message.content
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    return saw(text, is_error=message.status == "error")


serve_async(connect, call)
