"""Another issuer of tokens: its keys, what it signs, and the address where it publishes them."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web

from app.secure.keys import new_jwk, public_half

NAME = "https://login.example.com"
AUDIENCE = "chat"
DROP = object()

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Issuer:
    """Signs tokens under the newest of its keys; `now_s` is its clock."""

    def __init__(self, algorithm: str = "ES256", name: str = NAME) -> None:
        self.name = name
        self.jwk = new_jwk(algorithm)
        self.now_s: Callable[[], float] = time.time

    def payload(self, **changes: Any) -> dict[str, Any]:
        """Give the claims of a good token, changed; `DROP` leaves one out."""
        now_s = int(self.now_s())
        claims = {
            "iss": self.name,
            "aud": AUDIENCE,
            "sub": "subject-1",
            "iat": now_s,
            "exp": now_s + 600,
            "jti": uuid.uuid4().hex,
            "name": "Ana Lía",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not DROP}

    def sign(self, payload: dict[str, Any] | None = None, jwk: dict[str, Any] | None = None, **headers: Any) -> str:
        """Sign claims, those of a good token where none are given; headers of None are left out."""
        jwk = self.jwk if jwk is None else jwk
        head = {"typ": "at+jwt", "kid": jwk["kid"], **headers}
        if head["kid"] is None:
            del head["kid"]
        key = jwt.PyJWK(jwk, jwk["alg"]).key
        return jwt.encode(payload or self.payload(), key, algorithm=jwk["alg"], headers=head)

    def token(self, **changes: Any) -> str:
        """Sign a good token with some claims changed."""
        return self.sign(self.payload(**changes))

    def entry(self, **fields: Any) -> dict[str, Any]:
        """Give this issuer as one of the setting; without other keys by its public key."""
        entry = {"issuer": self.name, "audience": AUDIENCE, "algorithms": [self.jwk["alg"]], **fields}
        if not {"jwks_url", "secret", "public_key"} & set(entry):
            entry["public_key"] = public_half(self.jwk)
        return {name: value for name, value in entry.items() if value is not DROP}


def setting(*entries: dict[str, Any]) -> str:
    """Write entries as the setting."""
    return json.dumps(entries)


class KeyServer:
    """Publishes keys on loopback and counts who asks; `behave` may answer otherwise."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.hits = 0
        self.jwks: list[dict[str, Any]] = []
        self.behave: Behaviour | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.hits += 1
        if self.behave is not None:
            return await self.behave(request)
        return web.json_response({"keys": [public_half(jwk) for jwk in self.jwks]})


@asynccontextmanager
async def key_server() -> AsyncIterator[KeyServer]:
    """Serve keys while the block runs."""
    app = web.Application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    server = KeyServer("")
    app.router.add_route("*", "/{rest:.*}", server.answer)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/jwks.json"
        yield server
    finally:
        await runner.cleanup()
