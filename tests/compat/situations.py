"""What every client is put through, as data: how the gate is set up for it, who decides when, and what must come of it."""

from dataclasses import dataclass

REASON = "not on a Tuesday"
POLICY = "Not executed: orders of this size are placed by people. Open a ticket with purchasing instead."


@dataclass(frozen=True)
class Situation:
    name: str
    """Also the mount, and part of the marker: lower-case letters."""
    title: str
    short: str
    """The same at the head of a narrow column."""
    decides: str = "nobody"
    """`approves` after `after` seconds; `approves the last` of the client's own attempts; `approves the lost` call after
    the client gave up, and the program calls again; `denies`; `pauses` the agent or `stops` the
    service before it calls; or nobody."""
    after: float = 0
    hold: str = "10m"
    """`hold.timeout`: the 10 minutes of an operator who lets calls wait, unless said otherwise."""
    executions: int = 0
    reason: str = ""
    """What the text must say of why, and ..."""
    next_step: str = ""
    """... of what to do next."""


def situations(long):
    """All of them; with `long`, at the pace of real waits."""
    return [
        Situation("allowed", "allowed by policy", "allowed", executions=1),
        Situation("held", "held 3 s, approved", "held 3 s", "approves", after=3, executions=1),
        *([Situation("heldlong", "held 310 s, approved", "held 310 s", "approves", after=310, executions=1)] if long else []),
        Situation("resent", "outlives the client's timer; it sends again, then approved", "sends again", "approves the last", executions=1),
        Situation("again", "outlives the client; approved; the program calls again", "called again", "approves the lost", executions=1),
        Situation("pending", "nobody decides in time", "pending", hold="auto" if long else "1s",
                  reason="waiting for", next_step="Send the same call again"),
        Situation("denied", "denied by a person", "denied", "denies", reason=REASON, next_step="Do not send it again unchanged"),
        Situation("policy", "denied by policy", "policy", reason="placed by people", next_step="Open a ticket"),
        Situation("paused", "the agent is paused", "paused", "pauses", reason="is paused", next_step="A person must resume it"),
        Situation("down", "the service is down", "down", "stops", reason="could not be reached", next_step="again later"),
    ]


def applies(situation, client, long):
    """Whether a client can be in a situation."""
    match situation.name:
        case "resent":
            return client.attempts > 1 and (client.short_timeout or long)
        case "heldlong":
            return client.limit is None
    return True


def timeout(situation, client, long):
    """The timer that the program sets, in seconds; None leaves the client its own. Where its own is longer than this
    suite waits, or the suite is in a hurry, the program sets one."""
    outlived = situation.decides in ("approves the last", "approves the lost")
    return 3 if outlived and (client.limit is None or not long) else None


def waits(situation, client, long):
    """Whether it takes so long that it is worth a process of its own."""
    return long and situation.name in ("heldlong", "resent", "again", "pending")
