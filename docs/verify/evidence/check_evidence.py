"""Checks a file that `holdshort audit prove` printed, without Holdshort: python check_evidence.py FILE --key KEY

Written against docs/reference/evidence.md only. Needs `cryptography`. Ends with 0 where the evidence holds, else 1.
"""

import argparse
import base64
import datetime
import hashlib
import json
import pathlib
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    """Something in the file does not hold."""


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def signed_tree(note: str, key: str) -> tuple[int, bytes]:
    """The size and the root that the key signed (C2SP signed-note, tlog-checkpoint)."""
    name, key_id, data = key.strip().split("+", 2)
    data = base64.b64decode(data, validate=True)
    if data[:1] != b"\x01" or sha256(name.encode(), b"\n", data)[:4].hex() != key_id:
        raise Wrong("this is no Ed25519 key, or its id is not its own")
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash == "\u2014" and signer == name and signature[:4].hex() == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(data[1:]).verify(signature[4:], text.encode())
            except InvalidSignature:
                raise Wrong("the checkpoint is not what was signed") from None
            _origin, size, root = text.splitlines()[:3]
            return int(size), base64.b64decode(root, validate=True)
    raise Wrong(f"the checkpoint bears no signature of {name}")


def root_from(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.3.2."""
    place, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Wrong("a proof is too long")
        if place & 1 or place == last:
            node = sha256(b"\x01", sibling, node)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = sha256(b"\x01", node, sibling)
        place, last = place >> 1, last >> 1
    if last or index >= size:
        raise Wrong("a proof is too short, or an event stands beyond the end")
    return node


def check_event(event: dict, intent: str, size: int, root: bytes) -> dict | None:
    """The facts of an event that stands in the log; None once they were pruned."""
    if event["subject"] != intent or any("\n" in event[name] for name in ("kind", "actor", "subject")):
        raise Wrong(f"event {event['seq']} is about something else")
    facts = None
    if "salt" in event or "data" in event:
        if sha256(bytes.fromhex(event["salt"]), event["data"].encode()).hex() != event["commitment"]:
            raise Wrong(f"the facts of event {event['seq']} are not those that were committed to")
        facts = json.loads(event["data"])
    lines = [event["seq"], event["at"], event["kind"], event["actor"], event["subject"], event["commitment"]]
    leaf = sha256(b"\x00", "\n".join(map(str, lines)).encode())
    proof = [base64.b64decode(one, validate=True) for one in event["proof"]]
    if root_from(leaf, event["seq"], size, proof) != root:
        raise Wrong(f"event {event['seq']} does not stand in the log")
    return facts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--key", required=True, help="the gate's key, as `holdshort audit key` printed it")
    arguments = parser.parse_args()
    try:
        evidence = json.loads(arguments.file.read_text(encoding="utf-8"))
        if evidence["format"] != "holdshort.evidence.v1":
            raise Wrong(f"unknown format {evidence['format']!r}")
        size, root = signed_tree(evidence["checkpoint"], arguments.key)
        events = evidence["events"]
        places = [event["seq"] for event in events]
        if not events or events[0]["kind"] != "intent.submitted" or places != sorted(set(places)):
            raise Wrong("the events do not begin with the first, or are out of order")
        for event in events:
            facts = check_event(event, evidence["intent"], size, root)
            at = datetime.datetime.fromtimestamp(event["at"] / 1e6, datetime.UTC).isoformat(timespec="milliseconds")
            print(event["seq"], at, event["kind"], "by", event["actor"], json.dumps(facts) if facts else "(pruned)")
    except (Wrong, KeyError, TypeError, ValueError, OSError) as wrong:
        print(f"the evidence does NOT hold: {type(wrong).__name__}: {wrong}", file=sys.stderr)
        return 1
    print(f"verified: {evidence['intent']}, {len(events)} events in a signed log of {size}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
