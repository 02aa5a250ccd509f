"""A server of fastmcp's, which speaks both eras of MCP, with the one tool that the clients call."""

import sys

from fastmcp import FastMCP

server = FastMCP("modern")


@server.tool
def echo(message: str) -> str:
    """Says it again."""
    return f"Echo: {message}"


server.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), show_banner=False, log_level="WARNING")
