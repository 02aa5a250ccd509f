"""The house that the clients come to: the gate, a relay before each of its doors, services behind, and a person."""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

import aiohttp

import services
from relay import Relay
from situations import POLICY

SERVICES = ["web", "moto", "everything", "modern"]

ROUTES = {
    "web": """
      - { action: place_order, match: POST /orders, title: "Order {params.marker}", params: { marker: /item } }
      - { action: ask_model, match: [POST /v1/chat/completions, POST /v1/messages], title: "Ask {params.marker}", params: { marker: /messages/0/content } }
      - { action: issue_refund, match: POST /v1/refunds, title: "Refund {params.marker}", params: { marker: form.charge } }
      - { action: open_issue, match: "POST /repos/{owner}/{repo}/issues", title: "Issue {params.marker}", params: { marker: /title } }""",
    "moto": """
      - { action: put_item, match: { method: POST, path: /, headers: { x-amz-target: "*.PutItem", content-type: "application/x-amz-json-*" } }, title: "Put {params.marker}", params: { marker: /Item/id/S } }
      - { action: put_object, match: "PUT /{bucket}/{marker}", title: "Store {params.marker}" }""",
    "everything": """
      - { action: say, match: { mcp: { tool: echo } }, title: "Say {params.marker}", params: { marker: /message } }""",
}
ROUTES["modern"] = ROUTES["everything"]


def free_ports(count):
    """Ports that are free now; held together until all are known, so that no two are the same."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in sockets]
    for it in sockets:
        it.close()
    return ports


class House:
    """Started by `async with`; everything it started ends with it."""

    def __init__(self, binary, tools, clients, situations):
        self.binary, self.tools = binary, tools
        self.clients, self.situations = clients, situations
        self.folder = Path(tempfile.mkdtemp(prefix="holdshort-compat-"))
        self.processes, self.keys, self.ids = [], {}, {}
        # Each client is paused by itself, while the others work.
        self.idlers = {client.name: f"idler-{number}" for number, client in enumerate(clients)}
        # Before the gate; before the services; before the services for those of whom each loses one.
        self.doors, self.back, self.breaking = {}, {}, {}
        self.kept = False

    async def __aenter__(self):
        try:
            await self._open()
        except BaseException:
            await self.__aexit__(*sys.exc_info())
            raise
        return self

    async def _open(self):
        self.log = open(self.folder / "servers.log", "wb")
        ports = dict(zip(SERVICES, free_ports(len(SERVICES))))
        self.echo = await services.web_service(ports["web"])
        self.processes += await services.start(self.tools, ports, self.log)
        for name in SERVICES:
            self.back[name] = await Relay(ports[name]).start()
        for client in self.clients:
            self.breaking[client.name] = await Relay(ports[client.service]).start()

        bound = [(client, situation) for client in self.clients if client.bound for situation in self.situations]
        self.proxy, self.admin, *listeners = free_ports(2 + len(bound))
        self.listeners = {(client.name, situation.name): port for (client, situation), port in zip(bound, listeners)}
        (self.folder / "holdshort.yaml").write_text(self._configuration())
        self.token = (await self._holdshort("users", "add", "dana@example.com", "--role", "admin", "--json"))["token"]
        gate = await asyncio.create_subprocess_exec(
            self.binary, "serve", cwd=self.folder, stdin=asyncio.subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.processes.append(gate)
        await services.listening(self.admin, "the gate", gate)
        self.person = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.token}"})
        for name in ["worker", "patient", *self.idlers.values()]:
            agent = await self.asks("POST", "/api/agents", {"name": name})
            self.keys[name], self.ids[name] = agent["key"], agent["id"]
        self.doors[None] = await Relay(self.proxy).start()
        for place, port in self.listeners.items():
            self.doors[place] = await Relay(port).start()

    def _configuration(self):
        lines = [f"proxy: {{ listen: 127.0.0.1:{self.proxy} }}",
                 f"admin: {{ listen: 127.0.0.1:{self.admin}, url: http://127.0.0.1:{self.admin} }}",
                 "database: sqlite:holdshort.db", "agents:", "  worker: {}", "  patient: { hold: { timeout: 5m } }",
                 *(f"  {idler}: {{}}" for idler in self.idlers.values()), "upstreams:"]
        for situation in self.situations:
            for service in SERVICES:
                users = [it for it in self.clients if it.service == service]
                if situation.decides == "stops":
                    for it in users:
                        lines += self._upstream(situation, service, [it], self.breaking[it.name].port)
                else:
                    lines += self._upstream(situation, service, users, self.back[service].port)
        lines += ["policies:",
                  '  - { name: allowed, action: "*", upstream: ["*-allowed", "*-down-*"], decision: auto_approve, priority: 1 }',
                  f'  - {{ name: too large, action: "*", upstream: "*-policy", decision: auto_deny, message: "{POLICY}", priority: 1 }}',
                  '  - { name: asked, action: "*", decision: require_approval, approvals: { required: 1 } }', ""]
        return "\n".join(lines)

    def _upstream(self, situation, service, users, port):
        mount = self.mount(users[0], situation) if users else f"{service}-{situation.name}"
        mcp = service in ("everything", "modern")
        listen = [f"{{ address: 127.0.0.1:{self.listeners[it.name, situation.name]}, agent: {self.agent(it, situation)} }}"
                  for it in users if it.bound]
        return [f"  {mount}:",
                f"    url: http://127.0.0.1:{port}{'/mcp' if mcp else ''}",
                f"    at: /{mount}",
                f"    hold: {{ timeout: {situation.hold} }}",
                *([f"    listen: [{', '.join(listen)}]"] if listen else []),
                *(["    preserve_host: true"] if service == "moto" else []),
                *(["    protocol: mcp"] if mcp else []),
                "    routes:" + ROUTES[service]]

    def mount(self, client, situation):
        own = f"-{self.clients.index(client)}" if situation.decides == "stops" else ""
        return f"{client.service}-{situation.name}{own}"

    def agent(self, client, situation):
        if situation.name == "paused":
            return self.idlers[client.name]
        # Who has no limit would be held for a quarter of an hour.
        return "patient" if situation.hold == "auto" and client.limit is None else "worker"

    async def _holdshort(self, *words):
        done = await asyncio.create_subprocess_exec(
            self.binary, *words, cwd=self.folder, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, err = await done.communicate()
        if done.returncode:
            sys.exit(f"compat: holdshort {' '.join(words)}: {err.decode()}")
        return json.loads(out)

    def order(self, client, situation, marker, timeout):
        """Where a client goes and with what."""
        key = self.keys[self.agent(client, situation)]
        place = (client.name, situation.name) if client.bound else None
        origin = f"http://127.0.0.1:{self.doors[place].port}"
        mount = "" if client.bound else f"/{self.mount(client, situation)}"
        keyed = client.keyed and situation.decides == "approves the lost"
        return {"url": origin + mount, "key": key, "keyed_url": f"{origin}/k/{key}{mount}", "marker": marker,
                "timeout": timeout, "idempotency_key": marker.replace("compat", "key") if keyed else None}

    def requests(self, marker):
        return sum(door.seen[marker] for door in self.doors.values())

    def executions(self, marker):
        return sum(back.seen[marker] for back in (*self.back.values(), *self.breaking.values()))

    async def asks(self, method, path, body=None):
        """The person asks the admin."""
        async with self.person.request(method, f"http://127.0.0.1:{self.admin}{path}", json=body) as answer:
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json()

    async def intent(self, marker, call=None, until=lambda intent: True):
        """The call with this marker, once it waits for people and is as asked. Ends early where the client is back."""
        seen = None
        for _ in range(1200):
            for row in (await self.asks("GET", "/api/intents?status=pending&limit=200"))["data"]:
                if row["title"].endswith(marker):
                    seen = await self.asks("GET", f"/api/intents/{row['id']}")
                    seen = seen.get("data", seen)
                    if until(seen):
                        return seen
            if call and call.done():
                raise LookupError("the client was answered before anybody decided")
            await asyncio.sleep(0.1)
        raise LookupError(f"it did not wait for people as expected within 120 s: {seen and seen['caller']}")

    async def pauses(self, client):
        await self.asks("POST", f"/api/agents/{self.ids[self.idlers[client.name]]}/pause", {"reason": "trial"})

    async def decides(self, intent, verdict, **words):
        digest = intent.get("request", {}).get("digest")
        await self.asks("POST", f"/api/intents/{intent['id']}/{verdict}", {"digest": digest} | words)

    async def __aexit__(self, kind, *_):
        if getattr(self, "person", None):
            await self.person.close()
        for process in self.processes:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                await process.wait()
        if getattr(self, "echo", None):
            await self.echo.cleanup()
        self.log.close()
        if kind is None and not self.kept:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"compat: the gate's folder and the log of the servers are kept in {self.folder}", file=sys.stderr)
