"""The namespace `/chat`: who may connect, what a new socket is told, and the commands that it takes.

The connect handler verifies the token of the auth payload and keeps the claims as a frozen session value. Everything
after that goes through the door.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from app.core import wire
from app.core.buckets import Bucket
from app.core.claims import Claims
from app.core.commands import GetHistory, OpenChannel, Ping, RefreshClaims, SendMessage, Sync
from app.core.errors import AppError, FieldError, Invalid, Unauthenticated, error_object
from app.core.ids import NewId
from app.core.model import User
from app.core.policy import under
from app.core.times import Clock, rfc3339
from app.edge.shapes import history_json, sync_json
from app.edge.socket.audience import Audience
from app.edge.socket.door import Door, Row
from app.edge.socket.lease import Leases
from app.edge.socket.session import PATIENCE, SocketSession
from app.engine import Connection, ConnectRefused, Namespace
from app.services.accounts import Accounts
from app.services.channels import Channels
from app.services.history import History
from app.services.messages import Messages
from app.services.sessions import Sessions

logger = logging.getLogger("heliograph.chat")

ENGINE_REFUSALS = {"arity": "invalid_payload", "timeout": "unavailable"}


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Bounds of one socket and of one user's sockets; `announced` is what `hello` says of them."""

    commands_per_s: float
    commands_burst: int
    sockets_per_user: int
    channels_per_socket: int
    announced: dict[str, int]


@dataclass(frozen=True, slots=True)
class Desk:
    """The services that `/chat` calls on."""

    sessions: Sessions
    accounts: Accounts
    channels: Channels
    messages: Messages
    history: History


class ChatNamespace(Namespace):
    """Stock Socket.IO clients under JSON Web Tokens."""

    def __init__(
        self,
        desk: Desk,
        audience: Audience,
        *,
        limits: SocketLimits,
        leeway_s: int,
        grace_s: float,
        clock: Clock,
        monotonic: Callable[[], float],
        new_id: NewId,
    ) -> None:
        super().__init__(wire.CHAT)
        self._desk = desk
        self._limits = limits
        self._clock = clock
        self._monotonic = monotonic
        self._new_id = new_id
        self._leases = Leases(clock, monotonic, leeway_s, grace_s)
        self._door = Door(
            self._table(),
            clock=clock,
            monotonic=monotonic,
            leeway_s=leeway_s,
            new_id=new_id,
            require_not_revoked=desk.sessions.revoked.require_not,
        )
        self._audience = audience
        self.draining = False

    def _table(self) -> dict[str, Row]:
        return {
            "message.send": Row(SendMessage, "messages:send", self._send),
            "history.get": Row(GetHistory, "messages:read", self._history),
            "sync": Row(Sync, "messages:read", self._sync),
            "channel.open": Row(OpenChannel, "channels:read", self._open),
            "channel.close": Row(OpenChannel, "channels:read", self._close),
            "auth.refresh": Row(RefreshClaims, None, self._refresh, while_suspended=True),
            "ping": Row(Ping, None, self._ping),
        }

    async def connected(self, connection: Connection, auth: dict[str, Any] | None) -> None:
        """Verify the token, keep its claims, follow the user's channels, say hello; refuse anything else with a code.

        What is emitted here is written behind the CONNECT answer, before any delivery to a room.
        """
        try:
            if self.draining:
                raise AppError("draining", retry_after_ms=1000)
            claims = await self._desk.sessions.verify(_token(connection, auth))
            # Registered first and looked up second: a session that ends meanwhile is closed like any other.
            self._admit(connection, claims, auth)
            user = await self._desk.sessions.require_living(claims)
            connection.session = connection.session.under(under(claims, user.roles))
            await self._audience.align(connection, self._desk.channels)
            if connection.session.over is not None:
                raise Unauthenticated(f"{connection.session.over} while connecting", code="session_revoked")
            connection.emit(wire.HELLO, self._hello(connection, claims, user))
            self._leases.renew(connection, claims)
        except AppError as error:
            self._leave(connection)
            raise self._refusal(connection, error) from None
        except BaseException:
            self._leave(connection)
            raise

    async def received(self, connection: Connection, name: str, payload: object) -> object:
        """Answer one event."""
        return await self._door.enter(connection, name, payload)

    def refused(
        self, connection: Connection, name: str, reason: Literal["arity", "timeout", "failed"], error: Exception | None
    ) -> object:
        """Answer an event that did not come as far as the door, or did not come back."""
        return self._door.refuse(connection, name, AppError(ENGINE_REFUSALS.get(reason, "internal_error")), error)

    def failed(self, connection: Connection, error: Exception) -> ConnectRefused:
        """Refuse a client whose connecting went wrong by no fault of its own."""
        timed_out = isinstance(error, TimeoutError)
        return self._refusal(connection, AppError("unavailable" if timed_out else "internal_error"), error)

    async def disconnected(self, connection: Connection, reason: str) -> None:
        """Forget the socket."""
        logger.info("disconnected: %s", reason, extra={"connection_id": connection.id})
        self._leave(connection)

    def _admit(self, connection: Connection, claims: Claims, auth: dict[str, Any] | None) -> None:
        if self._audience.count_of(claims.subject) >= self._limits.sockets_per_user:
            raise AppError("too_many_connections", retry_after_ms=5000)
        now_s, per_s = self._monotonic(), self._limits.commands_per_s
        allowance = Bucket.full(per_s, self._limits.commands_burst, now_s)
        client = (auth or {}).get("client")
        connection.session = SocketSession(
            claims, allowance, Bucket.full(per_s, PATIENCE, now_s), client if isinstance(client, str) else None
        )
        self._audience.enter(connection, claims.subject)

    def _leave(self, connection: Connection) -> None:
        if connection.session is not None:
            self._audience.exit(connection, connection.session.claims.subject)

    def _refusal(self, connection: Connection, error: AppError, cause: BaseException | None = None) -> ConnectRefused:
        request_id = self._new_id("req")
        logger.log(
            logging.ERROR if error.row.status >= 500 and error.code != "draining" else logging.INFO,
            "connect refused: %s",
            error.reason or error.code,
            exc_info=cause,
            extra={"request_id": request_id, "code": error.code, "address": connection.address},
        )
        if isinstance(error, Unauthenticated):
            error = AppError("auth_failed")
        return ConnectRefused(error.code, error_object(error, request_id))

    def _hello(self, connection: Connection, claims: Claims, user: User) -> bytes:
        now_ms = self._clock()
        data = {
            "connection_id": connection.id,
            "session_id": claims.session_id,
            "user": wire.user_json(user),
            "server_time": rfc3339(now_ms),
            "token_expires_at": rfc3339(claims.expires_at_s * 1000),
            "limits": self._limits.announced,
            "features": ["channels", "sync", "channel.open"],
            "protocol": wire.PROTOCOL,
        }
        return wire.notice(wire.HELLO, at_ms=now_ms, data=data)

    async def _send(self, connection: Connection, command: SendMessage) -> dict[str, Any]:
        if self.draining:
            raise AppError("draining", retry_after_ms=1000)
        message, duplicate = await self._desk.messages.send(connection.session.claims, command)
        return {"message": wire.message_json(message), "duplicate": duplicate}

    async def _history(self, connection: Connection, command: GetHistory) -> dict[str, Any]:
        return history_json(await self._desk.history.page(connection.session.claims, command))

    async def _sync(self, connection: Connection, command: Sync) -> dict[str, Any]:
        catchup = await self._desk.history.sync(connection.session.claims, command)
        return sync_json(catchup, self._clock())

    async def _open(self, connection: Connection, command: OpenChannel) -> dict[str, Any]:
        membership = await self._desk.channels.get(connection.session.claims, command.channel_id)
        channel, audience = membership.channel, self._audience
        if membership.role is None and channel.id not in audience.followed_by(connection):
            if len(audience.visited_by(connection)) >= self._limits.channels_per_socket:
                raise Invalid(FieldError("channel_id", "too_many", max=self._limits.channels_per_socket))
            audience.visit(connection, channel.id, channel.last_seq)
            # Followed first and read again: what comes behind this `last_seq` comes live.
            membership = await self._desk.channels.get(connection.session.claims, channel.id)
        return {"channel": wire.channel_json(membership)}

    async def _close(self, connection: Connection, command: OpenChannel) -> dict[str, Any]:
        await self._desk.channels.get(connection.session.claims, command.channel_id)
        if command.channel_id in self._audience.visited_by(connection):
            self._audience.unfollow(connection, command.channel_id)
        return {}

    async def _refresh(self, connection: Connection, command: RefreshClaims) -> dict[str, Any]:
        claims = await self._desk.sessions.authenticate(command.token)
        if claims.subject != connection.session.claims.subject:
            raise Unauthenticated("token of another user")
        missed = connection.suspended
        connection.session = connection.session.under(claims)
        self._leases.renew(connection, claims)
        return {"token_expires_at": rfc3339(claims.expires_at_s * 1000), "sync_required": missed}

    async def _ping(self, _connection: Connection, _command: Ping) -> dict[str, Any]:
        return {"server_time": rfc3339(self._clock())}


def _token(connection: Connection, auth: dict[str, Any] | None) -> str:
    """Take the token out of the auth payload, or the Authorization header of clients that can set one."""
    if auth and "token" in auth:
        token = auth["token"]
        if not isinstance(token, str):
            raise Unauthenticated("token is not a string")
        return token
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("no token")
    return token.strip()
