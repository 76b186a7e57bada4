"""The one door for all events of a namespace: rate, claims, typed command, service, ack. Every event is answered."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from app.core import wire
from app.core.claims import Claims
from app.core.commands import Command, parse
from app.core.errors import AppError, RateLimited, Unauthenticated, error_object
from app.core.ids import NewId
from app.core.policy import require
from app.core.times import Clock
from app.edge.socket.session import SocketSession
from app.engine import Connection

logger = logging.getLogger("heliograph.door")

Handler = Callable[[Connection, Any], Awaitable[dict[str, Any]]]


class Row(NamedTuple):
    """One command: its type, the permission it takes (None: a verified token is enough), and who answers it."""

    command: type[Command]
    permission: str | None
    handler: Handler
    while_suspended: bool = False


class Door:
    """Lets commands of one namespace in, by a table of names."""

    def __init__(
        self,
        table: Mapping[str, Row],
        *,
        clock: Clock,
        monotonic: Callable[[], float],
        leeway_s: int,
        new_id: NewId,
        require_not_revoked: Callable[[Claims], None],
    ) -> None:
        self._table = table
        self._clock = clock
        self._monotonic = monotonic
        self._leeway_s = leeway_s
        self._new_id = new_id
        self._require_not_revoked = require_not_revoked

    async def enter(self, connection: Connection, name: str, payload: object) -> dict[str, Any]:
        """Answer one event: `{"ok": true, "data": …}` or `{"ok": false, "error": …}`, never an exception."""
        try:
            handler, command = self._admit(connection, name, payload)
            return {"ok": True, "data": await handler(connection, command)}
        except AppError as error:
            return self.refuse(connection, name, error)
        except Exception as error:  # noqa: BLE001  the last rung: the caller gets a request id, the log the rest
            return self.refuse(connection, name, AppError("internal_error"), error)

    def refuse(
        self, connection: Connection, name: str, error: AppError, cause: BaseException | None = None
    ) -> dict[str, Any]:
        """Write the ack of a command that failed; what the service itself did wrong goes to the log in full."""
        request_id = self._new_id("req")
        if isinstance(error, Unauthenticated):
            logger.info("%s refused: %s", name, error.reason, extra={"connection_id": connection.id})
        if error.row.status >= 500:
            logger.error(
                "command failed: %s",
                error,
                exc_info=cause,
                extra={"request_id": request_id, "event_name": name, "connection_id": connection.id},
            )
        return {"ok": False, "error": error_object(error, request_id)}

    def _admit(self, connection: Connection, name: str, payload: object) -> tuple[Handler, Command]:
        session: SocketSession = connection.session
        row = self._table.get(name)
        wait_ms = self._count(connection, session)
        self._require_not_revoked(session.claims)
        if not (row and row.while_suspended) and session.claims.has_expired(self._clock(), self._leeway_s):
            raise AppError("token_expired")
        if wait_ms:
            raise RateLimited("commands", wait_ms)
        if row is None:
            raise AppError("unknown_event")
        if row.permission is not None:
            require(session.claims, row.permission)
        return row.handler, parse(row.command, payload)

    def _count(self, connection: Connection, session: SocketSession) -> int:
        """Count one command; give the milliseconds until the next is due, and close on who will not wait."""
        now_s = self._monotonic()
        wait_ms = session.allowance.take(now_s)
        if wait_ms and session.patience.take(now_s):
            self._close_for_flood(connection, wait_ms)
        return wait_ms

    def _close_for_flood(self, connection: Connection, wait_ms: int) -> None:
        data = {"reason": "rate_limited", "reconnect": True, "reconnect_in_ms": max(wait_ms, 1000)}
        envelope = wire.notice(wire.CONNECTION_CLOSING, at_ms=self._clock(), data=data)
        connection.close("rate_limited", (wire.CONNECTION_CLOSING, envelope), returns=True)
