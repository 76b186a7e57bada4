"""`/healthz`, `/readyz`, `/version`, and the public keys: what operators and other services ask."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

CHECK_TIMEOUT_S = 2.0

Check = Callable[[], Awaitable[dict[str, Any]]]
"""Says of one dependency whether it is `ok`, and what is known of it; raising means that it is not."""


@dataclass(frozen=True, slots=True)
class HealthRoutes:
    """Asked without a token; says nothing that is secret."""

    version: str
    checks: Mapping[str, Check]
    is_draining: Callable[[], bool]
    jwks: Callable[[], Mapping[str, Any]]

    def table(self) -> list[web.RouteDef]:
        """List the routes."""
        return [
            web.get("/healthz", self.alive),
            web.get("/readyz", self.ready),
            web.get("/version", self.build),
            web.get("/.well-known/jwks.json", self.keys),
        ]

    async def alive(self, _request: web.Request) -> web.Response:
        """Say that the process runs."""
        return web.json_response({"status": "ok"})

    async def ready(self, _request: web.Request) -> web.Response:
        """Ask every dependency; 503 where one is away or the node drains. All are named, not the first only."""
        found = await asyncio.gather(*(self._ask(check) for check in self.checks.values()))
        dependencies = dict(zip(self.checks, found, strict=True))
        draining = self.is_draining()
        ok = not draining and all(dependency["ok"] for dependency in found)
        body = {"status": "ready" if ok else "draining" if draining else "unavailable", "dependencies": dependencies}
        return web.json_response(body, status=200 if ok else 503)

    async def build(self, _request: web.Request) -> web.Response:
        """Say which version runs."""
        return web.json_response({"name": "heliograph", "version": self.version})

    async def keys(self, _request: web.Request) -> web.Response:
        """Publish the keys that verify our tokens (RFC 7517)."""
        return web.json_response(self.jwks(), headers={"Cache-Control": "public, max-age=300"})

    async def _ask(self, check: Check) -> dict[str, Any]:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                return await check()
        except Exception as error:  # noqa: BLE001  whatever it is, the dependency is not there
            return {"ok": False, "error": type(error).__name__}
