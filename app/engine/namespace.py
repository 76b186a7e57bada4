"""What an application subclasses: its side of one namespace.

Nothing is found by reflection: every event of a client comes through `received`, whatever it is called.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Literal

import socketio  # type: ignore[import-untyped]  # upstream ships no types

if TYPE_CHECKING:
    from app.engine.connection import Connection

Reason = Literal["arity", "timeout", "failed"]

_log = logging.getLogger(__name__)


class ConnectRefused(Exception):
    """Raised by `Namespace.connected`: the client gets CONNECT_ERROR and its connection is closed.

    code: becomes the error's `message`. data: becomes its `data`, None leaves that out.
    """

    def __init__(self, code: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.data = data


class Namespace(socketio.AsyncNamespace):  # type: ignore[misc]  # upstream ships no types
    """One namespace of the server: subclass it and give an instance to the server.

    For one client everything happens in order and one at a time: connected, welcome, received ..., disconnected.
    """

    async def connected(self, connection: "Connection", auth: dict[str, Any] | None) -> None:
        """Decide on a client that wants to connect; return to accept it, raise ConnectRefused to refuse it.

        auth: the object that the client sent, None if it sent none. Any other exception, or taking longer than the
        connect timeout, refuses it with what `failed` makes of it. A client that is refused stays nowhere registered.
        """

    async def welcome(self, connection: "Connection") -> None:
        """Speak first: the client knows that it is connected and has been sent nothing else yet.

        What is delivered meanwhile to rooms that it has joined is kept and follows after this has returned.
        """

    async def received(self, connection: "Connection", name: str, payload: Any) -> Any:
        """Handle one event with its one argument; return the one argument of its acknowledgement."""

    def refused(
        self,
        connection: "Connection",  # noqa: ARG002
        name: str,  # noqa: ARG002
        reason: Reason,
        error: Exception | None,
    ) -> Any:
        """Return the acknowledgement of an event that was not handled.

        reason: `arity`, it has not exactly one argument; `timeout`, handling took too long; `failed`, it raised or
        its result is no JSON. error: the exception, where there is one.
        """
        if error is not None and reason == "failed":
            _log.error("event handler failed", exc_info=error)
        return {"error": reason}

    def failed(self, connection: "Connection", error: Exception) -> ConnectRefused:  # noqa: ARG002  for subclasses
        """Return how to refuse a client whose `connected` raised something else than ConnectRefused."""
        _log.error("connect handler failed", exc_info=error)
        return ConnectRefused("failed")

    async def disconnected(self, connection: "Connection", reason: str) -> None:
        """Hear that a client is gone: exactly once for each whose `connected` returned.

        It runs as a task of its own with the handlers' time limit, and delays nobody.
        """

    async def trigger_event(self, event: str, *_: Any) -> Any:
        """Refuse: upstream would look for a method by the event's name here."""
        raise LookupError(f"no event is dispatched by its name: {event!r}")

    def accepts(self, arguments: list[Any]) -> bool:
        """Tell whether an event's arguments are as many as `received` takes."""
        return len(arguments) == 1

    async def handle(self, connection: "Connection", name: str, arguments: list[Any], limit_s: float) -> Any:
        """Handle one event; return its acknowledgement's argument.

        limit_s: what `received` has. It never raises what `received` raises.
        """
        if not self.accepts(arguments):
            return self.refused(connection, name, "arity", None)
        limit = asyncio.timeout(limit_s)
        try:
            async with limit:
                return await self.received(connection, name, arguments[0])
        except Exception as error:  # noqa: BLE001  everything that a handler lets through becomes an answer
            return self.refused(connection, name, "timeout" if limit.expired() else "failed", error)
