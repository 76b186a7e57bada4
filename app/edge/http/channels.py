"""`/v1/channels` and `/v1/sync`: parse, call one service, answer."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from app.core import wire
from app.core.channel_policy import TABLE, decide
from app.core.claims import Claims
from app.core.commands import CreateChannel, GetHistory, PostMessage, PutMember, SendMessage, Sync
from app.core.errors import AppError, FieldError, Forbidden, Invalid
from app.core.times import Clock
from app.edge.http import bodies
from app.edge.http.access import Access
from app.edge.shapes import history_json, sync_json
from app.services.channels import Channels
from app.services.history import History
from app.services.messages import Messages


@dataclass(frozen=True, slots=True)
class ChannelRoutes:
    """Channels, who is in them, and what is said there."""

    channels: Channels
    messages: Messages
    past: History
    access: Access
    clock: Clock

    def table(self) -> list[web.RouteDef]:
        """List the routes."""
        signed_in = self.access.signed_in
        return [
            web.post("/v1/channels", signed_in(self.create, "channels:write")),
            web.get("/v1/channels", signed_in(self.list, "channels:read")),
            web.get("/v1/channels/{id}", signed_in(self.get, "channels:read")),
            web.get("/v1/channels/{id}/members", signed_in(self.members, "channels:read")),
            web.put("/v1/channels/{id}/members/{user_id}", signed_in(self.join, "channels:write")),
            web.delete("/v1/channels/{id}/members/{user_id}", signed_in(self.leave, "channels:write")),
            web.get("/v1/channels/{id}/messages", signed_in(self.history, "messages:read")),
            web.post("/v1/channels/{id}/messages", signed_in(self.send, "messages:send")),
            web.post("/v1/sync", signed_in(self.sync, "messages:read")),
            web.get("/v1/me/permissions", signed_in(self.permissions)),
        ]

    async def create(self, request: web.Request, claims: Claims) -> web.Response:
        """Open a channel."""
        membership = await self.channels.create(claims, await bodies.read(request, CreateChannel))
        return web.json_response(wire.channel_json(membership), status=201)

    async def list(self, request: web.Request, claims: Claims) -> web.Response:
        """List the caller's channels, or with `discover=true` the public ones."""
        raw = bodies.query(request, "discover", "limit", "cursor")
        if raw.get("discover", "false") not in ("true", "false"):
            raise Invalid(FieldError("discover", "wrong_type"))
        find = self.channels.discover if raw.get("discover") == "true" else self.channels.mine
        page = await find(claims, bodies.limit(raw), bodies.cursor(raw, "chn"))
        items = [wire.channel_json(membership) for membership in page.items]
        return web.json_response({"items": items, "next_cursor": bodies.next_cursor(page.next_after)})

    async def get(self, request: web.Request, claims: Claims) -> web.Response:
        """Show one channel."""
        return web.json_response(wire.channel_json(await self.channels.get(claims, request.match_info["id"])))

    async def members(self, request: web.Request, claims: Claims) -> web.Response:
        """List who is in a channel."""
        raw = bodies.query(request, "limit", "cursor")
        after = bodies.cursor(raw, "usr")
        page = await self.channels.members_of(claims, request.match_info["id"], bodies.limit(raw), after)
        items = [wire.member_json(member) for member in page.items]
        return web.json_response({"items": items, "next_cursor": bodies.next_cursor(page.next_after)})

    async def join(self, request: web.Request, claims: Claims) -> web.Response:
        """Join a public channel."""
        command = await bodies.read_optional(request, PutMember)
        self._require_self(request, claims)
        if command.role not in (None, "member"):
            raise Forbidden("choose a role when joining")
        ip = self.access.address_of(request)
        membership = await self.channels.join(claims, request.match_info["id"], ip=ip)
        return web.json_response(wire.channel_json(membership))

    async def leave(self, request: web.Request, claims: Claims) -> web.Response:
        """Leave a channel."""
        self._require_self(request, claims)
        await self.channels.leave(claims, request.match_info["id"], ip=self.access.address_of(request))
        return web.Response(status=204)

    async def history(self, request: web.Request, claims: Claims) -> web.Response:
        """Read a page of messages."""
        raw = bodies.query(request, "before", "after", "around", "limit")
        anchors = {name: bodies.whole(raw, name) for name in ("before", "after", "around")}
        if sum(anchor is not None for anchor in anchors.values()) > 1:
            raise Invalid(FieldError("", "give at most one of before, after and around"))
        command = GetHistory(request.match_info["id"], limit=bodies.limit(raw), **anchors)
        return web.json_response(history_json(await self.past.page(claims, command)))

    async def send(self, request: web.Request, claims: Claims) -> web.Response:
        """Send a message; 200 and `duplicate` for a repeat of its key."""
        posted = await bodies.read(request, PostMessage)
        command = SendMessage(
            channel_id=request.match_info["id"],
            text=posted.text,
            data=posted.data,
            client_msg_id=posted.client_msg_id,
            reply_to=posted.reply_to,
        )
        message, duplicate = await self.messages.send(claims, command)
        body = wire.message_json(message)
        return web.json_response(body | {"duplicate": True} if duplicate else body, status=200 if duplicate else 201)

    async def sync(self, request: web.Request, claims: Claims) -> web.Response:
        """Tell what was missed."""
        catchup = await self.past.sync(claims, await bodies.read(request, Sync))
        return web.json_response(sync_json(catchup, self.clock()))

    async def permissions(self, request: web.Request, claims: Claims) -> web.Response:
        """Explain what the caller's token allows, and of each action in a channel why."""
        raw = bodies.query(request, "channel")
        answer: dict[str, Any] = {"roles": list(claims.roles), "scope": sorted(claims.scope), "channel": None}
        if "channel" in raw:
            membership = await self.channels.get(claims, raw["channel"])
            decisions = {name: decide(name, claims, membership.channel, membership.role) for name in TABLE}
            actions = {name: decision._asdict() for name, decision in decisions.items()}
            answer["channel"] = {"id": membership.channel.id, "role": membership.role, "actions": actions}
        return web.json_response(answer)

    def _require_self(self, request: web.Request, claims: Claims) -> None:
        if request.match_info["user_id"] not in ("me", claims.subject):
            raise AppError("forbidden", reason="other people's memberships")
