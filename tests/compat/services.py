"""What stands behind the gate: an echo of our own that answers as several APIs do, and the real servers."""

import asyncio
import json
import os
import sys
from pathlib import Path

import aiohttp
from aiohttp import web

HERE = Path(__file__).parent


async def _openai(request):
    said = (await request.json())["messages"][0]["content"]
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
    return web.json_response({"id": "c1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})


async def _anthropic(request):
    said = (await request.json())["messages"][0]["content"]
    return web.json_response({"id": "m1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                              "content": [{"type": "text", "text": said}], "usage": {"input_tokens": 1, "output_tokens": 1}})


async def _stripe(request):
    form = await request.post()
    return web.json_response({"id": "re_1", "object": "refund", "charge": form["charge"], "status": "succeeded"})


async def _github(request):
    title = (await request.json())["title"]
    return web.json_response({"id": 1, "number": 1, "title": title, "state": "open"}, status=201)


async def _shop(request):
    return web.json_response({"item": (await request.json())["item"]})


async def web_service(port):
    """The echo. Runs until it is cleaned up."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _openai)
    app.router.add_post("/v1/messages", _anthropic)
    app.router.add_post("/v1/refunds", _stripe)
    app.router.add_post("/repos/{owner}/{repo}/issues", _github)
    app.router.add_post("/orders", _shop)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


def commands(tools, ports):
    """How the real servers are started, with what they need in their environment."""
    everything = tools / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
    return {
        "moto": ([tools / "venv/bin/python", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(ports["moto"])], {}),
        "everything": (["node", everything, "streamableHttp"], {"PORT": str(ports["everything"])}),
        "modern": ([tools / "venv-mcp2/bin/python", HERE / "mcp_server.py", str(ports["modern"])], {}),
    }


async def start(tools, ports, log):
    """Starts the real servers and waits until they listen."""
    servers = []
    for name, (command, environment) in commands(tools, ports).items():
        servers.append(await asyncio.create_subprocess_exec(
            *map(str, command), env=os.environ | environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log))
    for name, server in zip(commands(tools, ports), servers):
        await listening(ports[name], name, server)
    await _table(ports["moto"])
    return servers


async def listening(port, what, process):
    """Waits until something listens there."""
    for _ in range(600):
        if process.returncode is not None:
            sys.exit(f"compat: {what} ended with {process.returncode} before it listened; see the log")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    sys.exit(f"compat: {what} does not listen on port {port} after 60 s; see the log")


async def _table(port):
    """The table and the bucket that boto3 writes to, made past the gate. moto wants the shape of a signature and no
    more."""
    table = {"TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
             "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
             "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}
    headers = {"X-Amz-Target": "DynamoDB_20120810.CreateTable", "Content-Type": "application/x-amz-json-1.0",
               "Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/dynamodb/aws4_request, "
                                "SignedHeaders=host, Signature=0"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"http://127.0.0.1:{port}/", data=json.dumps(table), headers=headers) as answer:
            if answer.status != 200:
                sys.exit(f"compat: moto made no table: {answer.status} {await answer.text()}")
        async with session.put(f"http://127.0.0.1:{port}/orders") as answer:
            if answer.status != 200:
                sys.exit(f"compat: moto made no bucket: {answer.status} {await answer.text()}")
