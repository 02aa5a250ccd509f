"""One client in one situation: played, then judged by the promises."""

import asyncio
from dataclasses import dataclass, field

from clients import Client
from situations import REASON, Situation, timeout

# An answer takes this long at most, once it was decided; a client that is still not back hangs.
PATIENCE = 1500


@dataclass
class Cell:
    client: Client
    situation: Situation
    marker: str
    long: bool
    saw: dict = field(default_factory=dict)
    gave_up: dict | None = None
    """What it saw of the first call, where the program called again."""
    requests: int = 0
    executions: int = 0
    broken: list = field(default_factory=list)

    def text(self):
        """How much of the answer a model could read: `reason and next step`, `reason only`, or `the client's own`."""
        if not self.situation.reason:
            return ""
        said = [part.lower() in self.saw["text"].lower() for part in (self.situation.reason, self.situation.next_step)]
        return {(True, True): "reason and next step", (True, False): "reason only"}.get(tuple(said), "the client's own")

    def outcome(self):
        """What the caller saw, in the words of its language."""
        if self.gave_up:
            return f"{_outcome(self.gave_up)}, then {_outcome(self.saw)}"
        return _outcome(self.saw)


def _outcome(saw):
    status = "" if saw["status"] is None else str(saw["status"])
    error = "" if saw["error"] is None else f"`{saw['error']}`"
    return " ".join(part for part in (error, status) if part) or "result"


def failed(saw):
    """Whether a caller knows that it did not work."""
    return saw["error"] is not None or (saw["status"] is not None and saw["status"] >= 400)


async def play(house, driver, cell):
    """Lets the client call, and the person do what the situation wants."""
    client, order = cell.client, house.order(cell.client, cell.situation, cell.marker,
                                             timeout(cell.situation, cell.client, cell.long))
    calls = [None]

    def start():
        calls[0] = asyncio.create_task(asyncio.wait_for(driver.call(order), PATIENCE))
        return calls[0]

    try:
        await _decide(house, driver, cell, order, start)
    except LookupError as error:
        cell.broken.append(str(error))
    cell.saw = await (calls[0] or start())
    print(f"  {client.name:32} {cell.situation.title:62} {cell.outcome()}", flush=True)


async def _decide(house, driver, cell, order, start):
    situation, marker = cell.situation, cell.marker
    if situation.decides in ("pauses", "stops"):
        # Connected while all was well: what is measured is the call.
        await driver.call(order | {"marker": None})
        await (house.pauses(cell.client) if situation.decides == "pauses" else house.breaking[cell.client.name].stop())
    call = start()
    match situation.decides:
        case "approves":
            intent = await house.intent(marker, call)
            await asyncio.sleep(situation.after)
            await house.decides(intent, "approve")
        case "denies":
            await house.decides(await house.intent(marker, call), "deny", reason=REASON)
        case "approves the last":
            # In a hurry, the second is taken for the last: the others are spare time on a busy machine.
            last = cell.client.attempts if cell.long else 2
            while house.requests(marker) < last and not call.done():
                await asyncio.sleep(0.05)
            await house.decides(await house.intent(marker, call), "approve")
        case "approves the lost":
            cell.gave_up = await call
            if failed(cell.gave_up) and cell.client.lingers:
                # An approval now would be answered to the request that nobody reads any more; the next one takes over.
                since = (await house.intent(marker))["caller"]["since"]
                taken_over = await house.intent(marker, start(), lambda intent: intent["caller"]["since"] != since)
                await house.decides(taken_over, "approve")
            elif failed(cell.gave_up):
                await house.decides(await house.intent(marker, until=_left), "approve")
                start()


def _left(intent):
    return not intent["caller"]["connected"]


def judged(house, cell):
    """Reads the counters, once nothing runs any more, and says which promises were broken."""
    cell.requests, cell.executions = house.requests(cell.marker), house.executions(cell.marker)
    wanted, saw = cell.situation.executions, cell.saw
    if cell.executions != wanted:
        cell.broken.append(f"executed {cell.executions} times instead of {wanted}")
    if wanted and (failed(saw) or cell.marker not in saw["text"]):
        cell.broken.append(f"the service's answer did not arrive: {saw}")
    if not wanted and not failed(saw):
        cell.broken.append(f"a caller could take it for success: {saw}")
    if cell.gave_up and not failed(cell.gave_up):
        cell.broken.append(f"the call that nobody had decided was taken for success: {cell.gave_up}")
    own = cell.client.loses.get(cell.situation.name)
    if not wanted and cell.text() != "reason and next step" and not (own and own in saw["text"]):
        cell.broken.append(f"the text does not say why and what next: {saw['text']!r}")
    return cell
