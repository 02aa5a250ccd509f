"""What every Python driver shares: orders come in as JSON lines, what the caller saw goes out as one line each. A first
line says that all is loaded.

An order has `url`, `key`, `keyed_url` (with the key in its path), `marker` (what to ask for; it stands once in the request;
null: connect only), `timeout` (seconds, or null: the client's own) and `idempotency_key` (or null). A client is made once per url and kept, as a program would keep it, so that a call that is sent again goes
through the same session.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from types import SimpleNamespace


def saw(text, *, status=None, is_error=False):
    """What a call that raised nothing came to."""
    return {"text": str(text), "status": status, "error": "isError" if is_error else None}


def _raised(error):
    # A task group wraps what went wrong in it; a program would look inside.
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    status = None
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "http_status", "status"):
            value = getattr(holder, name, None)
            if status is None and isinstance(value, int):
                status = value
    response = getattr(error, "response", None)
    if status is None and isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return {"text": str(error), "status": status, "error": type(error).__name__}


def _tell(seen, began):
    print(json.dumps(seen | {"seconds": round(time.monotonic() - began, 1)}), flush=True)


def serve(connect, call):
    """`connect(order)` makes the client, `call(client, order)` makes one call and returns what `saw` makes of it."""
    url, client = None, None
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order, began = SimpleNamespace(**json.loads(line)), time.monotonic()
        try:
            if order.url != url:
                url, client = order.url, connect(order)
            seen = saw("connected") if order.marker is None else call(client, order)
        except Exception as error:  # whatever it is, it is what the caller saw
            seen = _raised(error)
        _tell(seen, began)


def serve_async(connect, call):
    """The same, where `connect` is an asynchronous context manager."""
    asyncio.run(_serve_async(connect, call))
    # Some clients leave threads or tasks behind that keep the process.
    os._exit(0)


async def _serve_async(connect, call):
    url, client, open_clients = None, None, contextlib.AsyncExitStack()
    print(json.dumps({"ready": True}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order, began = SimpleNamespace(**json.loads(line)), time.monotonic()
        try:
            if order.url != url:
                await _close(open_clients)
                url, client, open_clients = order.url, None, contextlib.AsyncExitStack()
                client = await open_clients.enter_async_context(connect(order))
            if client is None:
                raise ConnectionError("the client could not be connected before")
            seen = saw("connected") if order.marker is None else await call(client, order)
        except (Exception, asyncio.CancelledError) as error:
            asyncio.current_task().uncancel()
            seen = _raised(error)
        _tell(seen, began)


async def _close(open_clients):
    # What goes wrong when a broken session is left is not what is measured.
    with contextlib.suppress(Exception, asyncio.CancelledError):
        async with asyncio.timeout(5):
            await open_clients.aclose()
    asyncio.current_task().uncancel()
