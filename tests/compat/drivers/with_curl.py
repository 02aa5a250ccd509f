import json
import subprocess

from base import saw, serve


def call(_, order):
    limit = [] if order.timeout is None else ["--max-time", str(order.timeout)]
    command = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *limit,
               "--header", f"Holdshort-Key: {order.key}", "--json", json.dumps({"item": order.marker}),
               f"{order.url}/orders"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    text, _, status = done.stdout.rpartition("\n")
    if done.returncode:
        return {"text": done.stderr.strip(), "status": None, "error": f"exit code {done.returncode}"}
    return saw(text, status=int(status))


serve(lambda order: None, call)
