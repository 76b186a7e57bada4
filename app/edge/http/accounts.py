"""`/v1/auth`, `/v1/me`: parse, call one service, answer."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from app.core import wire
from app.core.claims import Claims
from app.core.commands import ChangePassword, Login, PatchMe, Refresh, Register, ResetPassword
from app.core.errors import Unauthenticated
from app.edge.http.access import Access
from app.edge.http.bodies import read, read_optional
from app.edge.http.cookies import RefreshCookie
from app.edge.http.limits import Guards
from app.edge.http.origins import require_own_page
from app.services.accounts import Accounts
from app.services.resets import Resets
from app.services.sessions import Grant, Sessions


@dataclass(frozen=True, slots=True)
class AccountRoutes:
    """Signing up, in and out, and who one is."""

    accounts: Accounts
    sessions: Sessions
    access: Access
    cookie: RefreshCookie
    is_allowed: Callable[[str], bool]
    guards: Guards
    resets: Resets

    def table(self) -> list[web.RouteDef]:
        """List the routes."""
        signed_in, guards = self.access.signed_in, self.guards
        return [
            web.post("/v1/auth/register", guards.limited(guards.register, self.register)),
            web.post("/v1/auth/login", guards.limited(guards.login, self.login)),
            web.post("/v1/auth/reset", guards.limited(guards.codes, self.reset)),
            web.post("/v1/auth/refresh", guards.limited(guards.refresh, self.refresh)),
            web.post("/v1/auth/logout", signed_in(self.logout)),
            web.post("/v1/auth/logout-all", signed_in(self.logout_all)),
            web.post("/v1/auth/password", signed_in(self.password)),
            web.get("/v1/auth/sessions", signed_in(self.list_sessions)),
            web.delete("/v1/auth/sessions/{id}", signed_in(self.end_session)),
            web.get("/v1/me", signed_in(self.me)),
            web.patch("/v1/me", signed_in(self.patch_me, "profile:write")),
        ]

    async def register(self, request: web.Request) -> web.Response:
        """Make an account and sign in."""
        command = await read(request, Register)
        grant = await self.accounts.register(command, ip=self.access.address_of(request))
        return self._granted(grant, in_body=command.refresh_in == "body", status=201)

    async def login(self, request: web.Request) -> web.Response:
        """Sign in."""
        command = await read(request, Login)
        grant = await self.accounts.login(command, ip=self.access.address_of(request))
        return self._granted(grant, in_body=command.refresh_in == "body")

    async def reset(self, request: web.Request) -> web.Response:
        """Choose a new password by a code, and sign in."""
        command = await read(request, ResetPassword)
        grant = await self.resets.finish(command, ip=self.access.address_of(request))
        return self._granted(grant, in_body=command.refresh_in == "body")

    async def refresh(self, request: web.Request) -> web.Response:
        """Exchange a refresh token; the answer puts the next one where this one was."""
        if request.content_type != "application/json":
            require_own_page(request, self.is_allowed)  # no token in the body, so the cookie is meant
        command = await read_optional(request, Refresh)
        token = command.refresh_token
        if token is None:
            require_own_page(request, self.is_allowed)
            token = self.cookie.read(request)
        if not token:
            raise Unauthenticated("no refresh token", code="unauthenticated")
        grant = await self.sessions.refresh(token, ip=self.access.address_of(request))
        return self._granted(grant, in_body=command.refresh_token is not None)

    async def logout(self, request: web.Request, claims: Claims) -> web.Response:
        """End this session."""
        await self.sessions.end(claims, claims.session_id, ip=self.access.address_of(request))
        return self._signed_out()

    async def logout_all(self, request: web.Request, claims: Claims) -> web.Response:
        """End all sessions of the caller."""
        await self.sessions.end_all(claims, ip=self.access.address_of(request))
        return self._signed_out()

    async def password(self, request: web.Request, claims: Claims) -> web.Response:
        """Replace the password."""
        command = await read(request, ChangePassword)
        grant = await self.accounts.change_password(claims, command, ip=self.access.address_of(request))
        return self._granted(grant, in_body=self.cookie.read(request) is None)

    async def list_sessions(self, _request: web.Request, claims: Claims) -> web.Response:
        """List the caller's devices."""
        sessions = await self.sessions.list_for(claims)
        items = [wire.session_json(session, claims.session_id) for session in sessions]
        return web.json_response({"items": items, "next_cursor": None})

    async def end_session(self, request: web.Request, claims: Claims) -> web.Response:
        """Sign one device out."""
        await self.sessions.end(claims, request.match_info["id"], ip=self.access.address_of(request))
        return web.Response(status=204)

    async def me(self, _request: web.Request, claims: Claims) -> web.Response:
        """Say who the caller is."""
        return web.json_response(wire.user_json(await self.accounts.get(claims.subject)))

    async def patch_me(self, request: web.Request, claims: Claims) -> web.Response:
        """Change the caller's profile."""
        command = await read(request, PatchMe)
        return web.json_response(wire.user_json(await self.accounts.rename(claims, command.display_name)))

    def _granted(self, grant: Grant, *, in_body: bool, status: int = 200) -> web.Response:
        body = {
            "user": wire.user_json(grant.user),
            "access_token": grant.access_token,
            "token_type": "Bearer",
            "expires_in": grant.expires_in_s,
        }
        if in_body:
            body["refresh_token"] = grant.refresh_token
        response = web.json_response(body, status=status)
        if not in_body:
            self.cookie.set(response, grant)
        return response

    def _signed_out(self) -> web.Response:
        response = web.Response(status=204)
        self.cookie.clear(response)
        return response
