"""docs/compatibility.md: written from what was measured, and read again to compare what must stay as it is."""

import datetime
import json
import subprocess
import tomllib
from pathlib import Path

from clients import CLIENTS
from situations import situations, timeout

COLUMNS = ["client", "situation", "the caller saw", "text", "requests", "executions", "seconds"]
CELL_BY_CELL = "## Cell by cell"


def rows(cells):
    """What stands in the page's second table."""
    return [[cell.client.name, cell.situation.title, cell.outcome(), cell.text(), str(cell.requests),
             str(cell.executions), _seconds(cell)] for cell in cells]


def _seconds(cell):
    """Whole seconds: what matters is which timer ran out."""
    return " + ".join(f"{saw['seconds']:.0f}" for saw in (cell.gave_up, cell.saw) if saw)


def table(rows, heads=COLUMNS):
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |")
                     for row in [heads, ["---"] * len(heads), *rows])


def _read(text, columns):
    """The rows of a table."""
    split = ([part.strip() for part in line.strip()[1:-1].split("|")] for line in text.splitlines() if line[:1] == "|")
    return [row for row in split if len(row) == columns and row[0] not in ("client", "---")]


def _mark(row):
    told = {"reason and next step": " told", "": ""}.get(row[3], " its own")
    return f"{row[5]}/{row[4]}{told}"


def whole(measured, tools, before=""):
    """The page. Clients that were not measured this time stay as they are in the page from before."""
    first, _, second = before.partition(CELL_BY_CELL)
    asked = situations(long=True)
    names = {row[0] for row in measured}
    order = {client.name: number for number, client in enumerate(CLIENTS)}
    titles = {it.title: number for number, it in enumerate(asked)}
    kept = [row for row in _read(second, len(COLUMNS)) if row[0] not in names and row[0] in order and row[1] in titles]
    all_rows = sorted(kept + measured, key=lambda row: (order[row[0]], titles[row[1]]))
    said = {row[0]: row[1:3] for row in _read(first, 3 + len(asked))}
    marks = {(row[0], row[1]): _mark(row) for row in all_rows}
    glance = []
    for client in CLIENTS:
        if any(row[0] == client.name for row in all_rows):
            today = [version(client, tools), str(datetime.date.today())]
            about = today if client.name in names else said[client.name]
            glance.append([client.name, *about, *(marks.get((client.name, it.title), "") for it in asked)])
    return f"""# Real clients behind the gate

What programs see that use these packages as they come, with nothing changed but the URL. Written by the compatibility suite
(`tests/compat`, `cargo xtask compat --long --write`); `cargo xtask test` runs its short form, holds what callers saw against this
page, and fails where a cell breaks a promise:

- **At most one execution**, however often the client sends the call.
- **No denial and no wait can be taken for success**: there is an exception, an error status, or a result marked as an error.
- **The text says why and what next** wherever the client shows any text of the answer.

Requests are counted before the gate and executions before the service, on the wire, by relays that read no HTTP.

## At a glance

`1/3`: executed once, sent three times. `0/1 told`: nothing executed, and the caller got an error whose text has the reason and the
next step. `its own`: an error in the client's own words. Empty: does not apply.

{table(glance, ["client", "version", "measured", *(it.short for it in asked)])}

- **held 310 s**: clients whose own timer lets them.
- **sends again**: clients that repeat a call by themselves when their timer runs out. All attempts attach to the one call that waits;
  a person approves when the last has come, and it gets the answer.
- **called again**: the client gives up, a person approves while nobody is connected, the program calls once more: that call is
  released, once. Its seconds are those of both calls.
- **pending**: nobody decides. The gate answers before the client's own timer runs out (`hold.timeout: auto`); clients without a timer
  would be held for a quarter of an hour, so that their agent has `hold: {{ timeout: 5m }}` here.
- **down**: policy allows it, and the service refuses connections.

Notes:

- Timers are the clients' own, but in *sends again* and *called again* for those that have none, or one that is longer than this
  suite waits: {_timers()}. There the program sets 3 s.
- {_list(it.name for it in CLIENTS if it.lingers)} leave their request open when their own timer runs out. An approval would be
  answered to that one, which nobody reads; here the program calls again first, and the newer request takes the call over.
- curl, requests, httpx, aiohttp and Node's fetch raise nothing on an error status; programs ask for it (`--fail`,
  `raise_for_status()`, `response.ok`).
- Stripe's SDKs put another `Idempotency-Key` on each call of the program, which makes it another call; their own repetitions
  keep it. A program that calls again and means the same call must give the key itself, as it does here.
- PyGithub repeats a 502 ten times and then raises an error of its own, which has nothing of the answer. Nothing was executed.
- {_list(it.name for it in CLIENTS if it.bound)} take neither a path nor a header: each uses a listener bound to its agent.
- MCP clients talk to `server-everything` (2025-11-25) or, where the name says so, to a fastmcp server in 2026-07-28.
  Rounds and polls by which some are kept past their timers count as requests.

{CELL_BY_CELL}

{table(all_rows)}
"""


def _list(names):
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _timers():
    asked = next(it for it in situations(long=True) if it.name == "again")
    return _list(client.name for client in CLIENTS if timeout(asked, client, True))


def version(client, tools):
    """Of the package that was measured."""
    kind, _, name = client.package.partition(":")
    match kind:
        case "pypi":
            folder = name.replace("-", "_")
            found = list((tools / client.venv).glob(f"lib/python*/site-packages/{folder}-*.dist-info"))
            found = found or list((tools / client.venv).glob(f"lib/python*/site-packages/{folder.lower()}-*.dist-info"))
            return found[0].name.removesuffix(".dist-info").rpartition("-")[2]
        case "npm":
            return json.loads((tools / "node_modules" / name / "package.json").read_text())["version"]
        case "crate":
            manifest = Path(__file__).parent / "rmcp/Cargo.toml"
            return tomllib.loads(manifest.read_text())["dependencies"][name]["version"].lstrip("=")
        case program:
            return program_version(program)


def program_version(program):
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    return said.removeprefix("curl ").removeprefix("v").split()[0]


def differences(text, measured, paced):
    """Where callers saw something else than the page says. Left out: seconds, what a client said when its timer ran out,
    and how often it sent what outlived the timer (`paced` situations), all of which are the pace of the form that was
    run."""
    page = {(row[0], row[1]): row for row in _read(text.partition(CELL_BY_CELL)[2], len(COLUMNS))}
    for row in measured:
        what, said = f"{row[0]}, {row[1]}", page.get((row[0], row[1]))
        again = f"if that is right, `cargo xtask compat --long --write --only '{row[0]}'`"
        if said is None:
            yield f"{what}: is not on the page; {again}"
        elif (then := _stable(said, paced)) != (now := _stable(row, paced)):
            yield f"{what}: the page says {then}, measured {now}; {again}"


def _stable(row, paced):
    _, situation, outcome, text, requests, executions, _ = row
    return [outcome.rpartition(", then ")[2], text, "" if situation in paced else requests, executions]
