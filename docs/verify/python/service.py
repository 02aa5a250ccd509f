"""A service that does nothing without a permit; only the standard library and PyJWT.

    python service.py --jwks http://127.0.0.1:8081/.well-known/jwks.json \
        --audience payments --issuer http://127.0.0.1:8081 --port 9000
"""

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from permit import Refused, Verifier

LARGEST_BODY = 1024 * 1024


class Service(BaseHTTPRequestHandler):
    verifier: Verifier
    check_headers = False
    executed = 0

    def do_POST(self):
        length = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers or not length.isdecimal():
            return self.problem(411, "send the body with a Content-Length")
        if int(length) > LARGEST_BODY:
            return self.problem(413, "the body is larger than this service reads")
        body = self.rfile.read(int(length))  # raw: what the digest was made of
        target = self.requestline.split(" ")[1]  # raw: `self.path` is cleaned up by http.server
        permits = self.headers.get_all("Holdshort-Permit", [])
        headers = self.headers.items() if self.check_headers else None
        try:
            claims = self.verifier.verify(permits, self.command, target, body, headers)
        except Refused as why:
            return self.problem(401, str(why))
        # From here on it is this service's own work.
        Service.executed += 1
        self.answer(200, "application/json", {"intent_id": claims["intent_id"], "executed": Service.executed})

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST

    def problem(self, status, detail):
        problem = {"type": "about:blank", "title": self.responses[status][0], "status": status,
                   "detail": f"Not executed: {detail}"}
        self.answer(status, "application/problem+json", problem)

    def answer(self, status, content_type, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--jwks", required=True, help="URL of the gate's key set")
    parser.add_argument("--audience", required=True, help="the upstream's name in the gate's configuration")
    parser.add_argument("--issuer", required=True, help="the gate's admin URL")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--check-headers", action="store_true", help="also require the approved headers")
    options = parser.parse_args()
    Service.verifier = Verifier(options.jwks, options.audience, options.issuer)
    Service.check_headers = options.check_headers
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Service)
    print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
