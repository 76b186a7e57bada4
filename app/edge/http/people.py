"""`/v1/users`: parse, call one service, answer."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from app.core import wire
from app.core.audit import actor_of
from app.core.claims import Claims
from app.core.commands import PatchUser
from app.core.errors import FieldError, Invalid
from app.core.model import User
from app.core.text import MAX_DISPLAY_NAME
from app.core.times import rfc3339
from app.edge.http import bodies
from app.edge.http.access import Access
from app.services.people import People, may_see_all
from app.services.resets import Resets


@dataclass(frozen=True, slots=True)
class PeopleRoutes:
    """Who else is here, and what administrators may change about them."""

    people: People
    resets: Resets
    access: Access

    def table(self) -> list[web.RouteDef]:
        """List the routes."""
        signed_in = self.access.signed_in
        return [
            web.get("/v1/users", signed_in(self.list, "channels:read")),
            web.get("/v1/users/{id}", signed_in(self.get, "channels:read")),
            web.patch("/v1/users/{id}", signed_in(self.patch, "users:write")),
            web.post("/v1/users/{id}/password-reset", signed_in(self.reset, "users:write")),
        ]

    async def list(self, request: web.Request, claims: Claims) -> web.Response:
        """List the people who share a channel with the caller; all of them for administrators."""
        raw = bodies.query(request, "query", "limit", "cursor")
        name = raw.get("query") or None
        if name is not None and len(name) > MAX_DISPLAY_NAME:
            raise Invalid(FieldError("query", "too_long", max=MAX_DISPLAY_NAME))
        page = await self.people.list_for(claims, name, bodies.limit(raw), bodies.cursor(raw, "usr"))
        items = [_shown(user, claims) for user in page.items]
        return web.json_response({"items": items, "next_cursor": bodies.next_cursor(page.next_after)})

    async def get(self, request: web.Request, claims: Claims) -> web.Response:
        """Show one person."""
        return web.json_response(_shown(await self.people.get(claims, request.match_info["id"]), claims))

    async def patch(self, request: web.Request, claims: Claims) -> web.Response:
        """Change somebody's roles, suspend or reinstate them; it holds for open sockets at once."""
        command = await bodies.read(request, PatchUser)
        ip = self.access.address_of(request)
        return web.json_response(
            _shown(await self.people.patch(claims, request.match_info["id"], command, ip=ip), claims)
        )

    async def reset(self, request: web.Request, claims: Claims) -> web.Response:
        """Make a code, good for one hour and once, by which somebody chooses a new password."""
        by = actor_of(claims, self.access.address_of(request))
        code, expires_at_ms = await self.resets.issue(by, request.match_info["id"])
        return web.json_response({"code": code, "expires_at": rfc3339(expires_at_ms)}, status=201)


def _shown(user: User, claims: Claims) -> dict[str, Any]:
    """Write a person; whether they are suspended is for administrators."""
    shown = wire.user_json(user)
    return {**shown, "suspended": user.suspended_at_ms is not None} if may_see_all(claims) else shown
