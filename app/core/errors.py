"""Every way in which a request can fail, as data.

The codes are contract: they are never renamed and never translated. An exception here carries facts and knows
its code; how it is written on a wire is decided by `error_object` alone. No transport is named in this module.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec


class CodeRow(NamedTuple):
    """What one code means: HTTP status, whether the same request may succeed later, and the default text."""

    status: int
    retryable: bool
    message: str


CODES: dict[str, CodeRow] = {
    "invalid_json": CodeRow(400, False, "The body is not valid JSON."),
    "invalid_payload": CodeRow(400, False, "The request is not of the expected shape."),
    "unknown_event": CodeRow(400, False, "There is no such command."),
    "cursor_invalid": CodeRow(400, False, "The cursor is not one that this list gave out."),
    "unauthenticated": CodeRow(401, False, "Sign in first."),
    "auth_failed": CodeRow(401, False, "The credentials were not accepted."),
    "token_expired": CodeRow(401, True, "The access token has expired; refresh it."),
    "session_revoked": CodeRow(401, False, "This session has ended; sign in again."),
    "forbidden": CodeRow(403, False, "You may not do this."),
    "muted": CodeRow(403, False, "You are muted in this channel."),
    "banned": CodeRow(403, False, "You are banned."),
    "channel_read_only": CodeRow(403, False, "Only moderators can post in this channel."),
    "registration_closed": CodeRow(403, False, "This server does not take registrations."),
    "origin_not_allowed": CodeRow(403, False, "Requests from this origin are not allowed."),
    "not_found": CodeRow(404, False, "It does not exist, or you have no access to it."),
    "method_not_allowed": CodeRow(405, False, "This method is not allowed here."),
    "already_exists": CodeRow(409, False, "It exists already."),
    "conflict": CodeRow(409, False, "The request conflicts with the present state."),
    "idempotency_key_reused": CodeRow(409, False, "This key was used before with other content."),
    "channel_archived": CodeRow(409, False, "The channel is archived."),
    "invite_expired": CodeRow(410, False, "The invitation has expired or is used up."),
    "payload_too_large": CodeRow(413, False, "The request is too large."),
    "unsupported_media_type": CodeRow(415, False, "Send application/json."),
    "validation_failed": CodeRow(422, False, "Some fields are not valid."),
    "message_empty": CodeRow(422, False, "The message has no content."),
    "message_too_long": CodeRow(422, False, "The message is too long."),
    "password_too_weak": CodeRow(422, False, "The password is too easy to guess."),
    "rate_limited": CodeRow(429, True, "Too many requests; slow down."),
    "slow_mode": CodeRow(429, True, "The channel is in slow mode."),
    "too_many_connections": CodeRow(429, True, "Too many connections are open."),
    "internal_error": CodeRow(500, True, "Something went wrong on the server."),
    "unavailable": CodeRow(503, True, "The service cannot do this right now."),
    "draining": CodeRow(503, True, "This node is shutting down; connect again."),
}


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One invalid field: its `path` (dots between levels, empty for the whole), a code, and the bound it broke."""

    path: str
    code: str
    max: int | None = None
    min: int | None = None


class AppError(Exception):
    """A failure that the caller is told about, by its code.

    Arguments: `code`, a key of `CODES`; `message`, the text for people, or None for the code's own;
    `retry_after_ms`, how long to wait before the same request can succeed, or None; `fields`, what was invalid;
    `reason`, the true cause, which goes to the log and never to the caller.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        retry_after_ms: int | None = None,
        fields: Sequence[FieldError] = (),
        reason: str | None = None,
    ) -> None:
        self.row = CODES[code]
        self.code = code
        self.message = message or self.row.message
        self.retry_after_ms = retry_after_ms
        self.fields = tuple(fields)
        self.reason = reason
        super().__init__(code)

    def __str__(self) -> str:
        return f"{self.code}: {self.reason or self.message}"


class NotFound(AppError):
    """The thing does not exist, or the caller may not know that it does: the two are one answer."""

    def __init__(self, what: str) -> None:
        super().__init__("not_found", reason=what)


class Unauthenticated(AppError):
    """The credentials were refused; strangers learn only the code, the log learns the reason."""

    def __init__(self, reason: str, code: str = "auth_failed") -> None:
        super().__init__(code, reason=reason)


class Forbidden(AppError):
    """The caller is known and may not do this."""

    def __init__(self, action: str) -> None:
        super().__init__("forbidden", reason=f"may not {action}")


class Invalid(AppError):
    """Some fields of an otherwise well-formed request are not valid."""

    def __init__(self, *fields: FieldError, code: str = "validation_failed") -> None:
        super().__init__(code, fields=fields)


class Unavailable(AppError):
    """Something that the request needs is away or full; nothing was stored."""

    def __init__(self, reason: str, retry_after_ms: int = 1000) -> None:
        super().__init__("unavailable", reason=reason, retry_after_ms=retry_after_ms)


class RateLimited(AppError):
    """The caller asked for more than its share."""

    def __init__(self, reason: str, retry_after_ms: int) -> None:
        super().__init__("rate_limited", reason=reason, retry_after_ms=retry_after_ms)


def error_object(error: AppError, request_id: str) -> dict[str, Any]:
    """Write the one error object that HTTP bodies, acks and refused connects carry."""
    body: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "status": error.row.status,
        "retryable": error.row.retryable,
        "request_id": request_id,
    }
    if error.retry_after_ms is not None:
        body["retry_after_ms"] = error.retry_after_ms
    if error.fields:
        body["fields"] = [msgspec.to_builtins(field) for field in error.fields]
    return body
