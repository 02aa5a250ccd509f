"""Puts real clients through what a gate can do to a call, and holds what they saw against the promises.

    run.py BINARY TOOLS [--long] [--only TEXT]... [--write | --compare] [--page FILE]

The short form shortens waits by settings; `--long` waits as long as the clients themselves do, up to twenty
minutes. `--compare` holds the stable columns against the page, `--write` writes it.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import cells
import page
from clients import CLIENTS
from driver import Driver, build
from house import House
from situations import applies, situations, waits

# Interpreters that start at the same time; more would only wait for each other.
STARTING = 4


async def main(args):
    only = args.only or [""]
    chosen = [it for it in CLIENTS if any(text in it.name for text in only) and (args.long or args.only or not it.built)]
    if (node := page.program_version("node")).split(".")[0] < "20":
        print(f"compat: Node.js {node} is too old for the clients that run on it; they want 20 and are left out")
        chosen = [it for it in chosen if ".mjs" not in it.driver]
    if any(client.built for client in chosen):
        await build(args.tools)
    asked = situations(args.long)
    began = time.monotonic()
    async with House(args.binary, args.tools, chosen, asked) as house:
        starting = asyncio.Semaphore(STARTING)
        lanes = [lane for number, client in enumerate(chosen) for lane in lanes_of(client, number, asked, args.long)]
        done = await asyncio.gather(*(play(house, client, lane, starting, args) for client, lane in lanes))
        judged = [cells.judged(house, cell) for lane in done for cell in lane]
        judged.sort(key=lambda cell: (CLIENTS.index(cell.client), asked.index(cell.situation)))
        broken = [f"{cell.client.name}, {cell.situation.title}: {why}" for cell in judged for why in cell.broken]
        house.kept = bool(broken)
    rows = page.rows(judged)
    if not args.compare:
        print(page.table(rows))
    before = args.page.read_text() if args.page.exists() else ""
    if args.write:
        args.page.write_text(page.whole(rows, args.tools, before))
    elif args.compare:
        paced = [it.title for it in asked if it.name in ("resent", "again", "pending")]
        broken += page.differences(before, rows, paced)
    for line in broken:
        print(f"compat: BROKEN: {line}", file=sys.stderr)
    print(f"compat: {len(chosen)} clients, {len(rows)} cells, {len(broken)} broken, {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


def lanes_of(client, number, asked, long):
    """What one client process goes through, one after the other. Long waits have a process each."""
    mine = [cells.Cell(client, it, f"compat-{number:02}-{it.name}-x", long) for it in asked if applies(it, client, long)]
    quick = [cell for cell in mine if not waits(cell.situation, client, long)]
    return [(client, lane) for lane in [quick, *([cell] for cell in mine if cell not in quick)]]


async def play(house, client, lane, starting, args):
    async with Driver(client, args.tools, house.log, starting) as driver:
        for cell in lane:
            await cells.play(house, driver, cell)
    return lane


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=lambda it: Path(it).resolve())
    parser.add_argument("tools", type=lambda it: Path(it).resolve())
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", action="append", metavar="TEXT", help="clients whose name has this in it")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--page", type=Path, default=Path(__file__).parents[2] / "docs/compatibility.md")
    sys.exit(asyncio.run(main(parser.parse_args())))
