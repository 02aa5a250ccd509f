"""Asks before it acts: declares an intent, polls by status, checks the permit with the shared secret, reports.

Needs BASE_URL, SECRET_KEY (a project's), EXECUTION_SECRET, and requests and PyJWT. Prints a line for each step.
"""

import os
import sys
import time

import jwt
import requests

BASE = os.environ["BASE_URL"]
KEY = os.environ["SECRET_KEY"]
SECRET = os.environ["EXECUTION_SECRET"]


def call(method, path, key=KEY, **rest):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return requests.request(method, BASE + path, headers=headers, timeout=10, **rest)


def code(answer):
    return f"{answer.status_code} {answer.json()['error']['code']}"


def ask(action, tier, parameters, source="refund-agent-v1"):
    body = {
        "action": action,
        "source_type": "ai_agent",
        "source": source,
        "risk_tier": tier,
        "parameters": parameters,
    }
    answer = call("POST", "/api/intents", json=body)
    if answer.status_code != 201:
        return code(answer), None
    result = answer.json()
    assert result["data"]["id"] == result["id"] and result["data"]["action"] == action
    assert result["data"]["parameters"] == parameters and result["data"]["source"] == source
    if result["decision"] == "auto_deny":
        assert result["data"]["status"] == "denied"
        return "blocked by policy", None
    if result["decision"] == "auto_approve":
        return "allowed by policy", result["data"]["permit_token"]
    assert (result["decision"], result["data"]["status"]) == ("require_approval", "pending")
    print("asked", result["id"], flush=True)
    deadline = time.time() + 30
    while time.time() < deadline:
        time.sleep(0.1)
        for intent in call("GET", "/api/intents?status=approved").json().get("data", []):
            if intent["id"] == result["id"]:
                return "approved", intent["permit_token"]
        for intent in call("GET", "/api/intents?status=denied").json().get("data", []):
            if intent["id"] == result["id"]:
                return "denied", None
    return "timed out", None


def use(permit):
    claims = jwt.decode(permit, SECRET, algorithms=["HS256"])
    assert {"intent_id", "action", "risk_tier", "iat", "exp"} <= claims.keys(), claims
    assert claims["exp"] - claims["iat"] <= 300
    return f"{claims['action']} {claims['risk_tier']}"


for action, tier in [("issue_refund", "high"), ("read_profile", "low"), ("drop_database", "critical")]:
    said, permit = ask(action, tier, {"customer_id": "cust_4821", "amount": 50.5})
    print(action, said, use(permit) if permit else "no permit", flush=True)
said, permit = ask("delete_account", "critical", {"user_id": "u1"})
print("delete_account", said, "no permit" if permit is None else "a permit", flush=True)
said, permit = ask("read_profile", "low", {}, source="paused-agent")
print("paused", said, flush=True)
print("wrong key", code(call("GET", "/api/intents", key="sk_wrong")))
print("no key", code(call("POST", "/api/intents", key=None, json={})))
print("no action", code(call("POST", "/api/intents", json={"source_type": "ai_agent"})))
print("unknown", code(call("GET", "/api/intents/int_00000000000000000000000000000000")))
sys.exit(0)
