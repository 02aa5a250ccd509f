"""Verifying a Holdshort permit with PyJWT. `pip install "pyjwt[crypto]"`

    verifier = Verifier(jwks="https://gate.example.com/.well-known/jwks.json",
                        audience="payments", issuer="https://gate.example.com")
    claims = verifier.verify(permit_headers, method, target, raw_body)   # raises Refused

Share one Verifier between all threads: it remembers which permits were used.
"""

import base64
import hashlib
import json
import threading
import time
import urllib.request

import jwt

LEEWAY = 60  # seconds by which the clocks may differ
LONGEST_LIFETIME = 600  # from iat to exp
FETCH_PAUSE = 60  # anybody can present an unknown kid: one fetch a minute at most
KEYS_OLD = 600  # a key that was withdrawn is gone after this time
REMEMBERED = 262_144  # permits; when full, refuse: forgetting one would let it pass twice
ALGORITHMS = {"ES256", "EdDSA", "RS256"}
TEXTS = ("iss", "aud", "sub", "jti", "intent_id", "action", "risk_tier", "project",
         "htm", "target", "content_digest", "headers_digest", "decision")


class Refused(Exception):
    """The request carries no permit for itself: answer 401 and do nothing."""


def content_digest(body: bytes) -> str:
    """RFC 9530, of the raw body: compute it before any parser has seen the body."""
    return "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"


def headers_digest(names, headers) -> str:
    """`headers` are all (name, value) pairs as received, in order; `names` the permit's claim `headers`."""
    received = [(name.lower(), value.strip(" \t")) for name, value in headers]
    lines = [f"{name}:{value}\n" for name, value in sorted(received, key=lambda field: field[0]) if name in names]
    return content_digest("".join(lines).encode("latin-1"))


class Verifier:
    def __init__(self, jwks: str, audience: str, issuer: str):
        self.jwks, self.audience, self.issuer = jwks, audience, issuer
        self._keys, self._fetched, self._tried = {}, float("-inf"), float("-inf")
        self._used = {}  # jti -> when it may be forgotten
        self._lock = threading.Lock()

    def verify(self, permits, method: str, target: str, body: bytes, headers=None) -> dict:
        """Returns the claims, or raises Refused.

        permits: every value of the header Holdshort-Permit.
        target:  path and query exactly as they stood in the request line.
        headers: all (name, value) pairs as received, to have the approved ones checked too.
        """
        if len(permits) != 1:
            raise Refused("no permit" if not permits else "more than one permit")
        try:
            return self._verify(permits[0], method, target, body, headers)
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise Refused(f"the permit does not hold: {error}") from error

    def _verify(self, token, method, target, body, headers):
        header = jwt.get_unverified_header(token)
        if header.get("typ") != "permit+jwt":
            raise Refused("the permit is of another kind")
        if {"jku", "jwk", "x5u", "x5c", "crit"} & header.keys():
            raise Refused("the permit's header names a key or an extension of its own")
        key = self._key(header.get("kid"))
        # The algorithm is the key's, never the token's.
        claims = jwt.decode(
            token, key=key, algorithms=[key.algorithm_name], audience=self.audience, issuer=self.issuer,
            leeway=LEEWAY, options={"require": ["iat", "exp", *TEXTS]})
        for name in TEXTS:
            if not isinstance(claims[name], str):
                raise Refused(f"the permit is malformed: {name}")
        if type(claims["iat"]) is not int or type(claims["exp"]) is not int:
            raise Refused("the permit is malformed: iat and exp are integers")
        if not isinstance(claims.get("headers"), list):
            raise Refused("the permit is malformed: headers is a list")
        if not 0 < claims["exp"] - claims["iat"] <= LONGEST_LIFETIME:
            raise Refused("the permit's lifetime is not one that a gate gives")

        if claims["htm"] != method:
            raise Refused("the permit is for another request: htm differs")
        if claims["target"] != target:
            raise Refused("the permit is for another request: target differs")
        if claims["content_digest"] != content_digest(body):
            raise Refused("the permit is for another request: content_digest differs")
        if headers is not None and claims["headers_digest"] != headers_digest(set(claims["headers"]), headers):
            raise Refused("the permit is for another request: headers_digest differs")
        self._use(claims["jti"], claims["exp"] + LEEWAY)
        return claims

    def _use(self, jti, until):
        with self._lock:
            now = time.time()
            if len(self._used) >= REMEMBERED:
                self._used = {jti: until for jti, until in self._used.items() if until > now}
            if jti in self._used:
                raise Refused("the permit was used before")
            if len(self._used) >= REMEMBERED:
                raise Refused("too many permits in use")
            self._used[jti] = until

    def _key(self, kid):
        with self._lock:
            now = time.monotonic()
            wanted = kid not in self._keys or now - self._fetched > KEYS_OLD
            if wanted and now - self._tried > FETCH_PAUSE:
                self._tried = now
                try:
                    self._keys, self._fetched = self._fetch(), now
                except (OSError, ValueError, jwt.PyJWTError):
                    pass  # the keys stay as they are; an unknown one stays unknown
            if kid not in self._keys:
                raise Refused("the permit's key is unknown")
            return self._keys[kid]

    def _fetch(self):
        with urllib.request.urlopen(self.jwks, timeout=5) as answer:
            keys = [jwt.PyJWK(key) for key in json.load(answer)["keys"] if key.get("alg") in ALGORITHMS]
        if not keys:
            raise ValueError("a key set without a key")
        return {key.key_id: key for key in keys}
