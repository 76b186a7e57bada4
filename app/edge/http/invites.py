"""`/v1/invites`: parse, call one service, answer."""

from dataclasses import dataclass

from aiohttp import web

from app.core.claims import Claims
from app.core.commands import CreateInvite
from app.core.invite import invite_json
from app.edge.http import bodies
from app.edge.http.access import Access
from app.services.invites import Invites


@dataclass(frozen=True, slots=True)
class InviteRoutes:
    """Letting others in. `public_url` is the address that people type, None for the one that the caller used."""

    invites: Invites
    access: Access
    public_url: str | None

    def table(self) -> list[web.RouteDef]:
        """List the routes."""
        signed_in = self.access.signed_in
        return [
            web.post("/v1/invites", signed_in(self.create, "invites:write")),
            web.get("/v1/invites", signed_in(self.list, "invites:write")),
            web.delete("/v1/invites/{id}", signed_in(self.revoke, "invites:write")),
        ]

    async def create(self, request: web.Request, claims: Claims) -> web.Response:
        """Make an invitation; its code is in this answer and nowhere else."""
        command = await bodies.read_optional(request, CreateInvite)
        invite, code = await self.invites.create(claims, command, ip=self.access.address_of(request))
        shown = {"code": code, "url": self._link(request, code), **invite_json(invite)}
        return web.json_response(shown, status=201)

    async def list(self, request: web.Request, claims: Claims) -> web.Response:
        """List the caller's invitations; everybody's for administrators."""
        raw = bodies.query(request, "limit", "cursor")
        page = await self.invites.list_for(claims, bodies.limit(raw), bodies.cursor(raw, "inv"))
        items = [invite_json(invite) for invite in page.items]
        return web.json_response({"items": items, "next_cursor": bodies.next_cursor(page.next_after)})

    async def revoke(self, request: web.Request, claims: Claims) -> web.Response:
        """Take an invitation back."""
        await self.invites.revoke(claims, request.match_info["id"], ip=self.access.address_of(request))
        return web.Response(status=204)

    def _link(self, request: web.Request, code: str) -> str:
        """Write the address to pass on; a fragment is sent to no server, so the code is in no log of requests."""
        origin = (self.public_url or f"{self.access.scheme_of(request)}://{request.host}").rstrip("/")
        return f"{origin}/#invite={code}"
