"""Reads requests: strict JSON bodies into commands, query strings into bounds. Nothing past here sees raw input."""

import asyncio
import base64
from typing import TypeVar

from aiohttp import web

from app.core.commands import Command, parse
from app.core.errors import AppError, FieldError, Invalid
from app.core.ids import is_id
from app.engine import strict_json

BODY_TIMEOUT_S = 10.0
DEFAULT_LIMIT = 50
MAX_LIMIT = 200

T = TypeVar("T", bound=Command)


async def read(request: web.Request, kind: type[T]) -> T:
    """Read a JSON body as a command.

    Raises `AppError` for another media type, a compressed, oversized, slow or malformed body; `Invalid` for fields.
    """
    if request.content_type != "application/json" or "Content-Encoding" in request.headers:
        raise AppError("unsupported_media_type")
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            raw = await request.read()
        return parse(kind, strict_json.loads(raw))
    except TimeoutError:
        raise AppError("invalid_payload", reason="the body did not arrive in time") from None
    except (ValueError, UnicodeDecodeError):
        raise AppError("invalid_json") from None


async def read_optional(request: web.Request, kind: type[T]) -> T:
    """Read a JSON body as a command, taking no body at all for an empty object."""
    return await read(request, kind) if request.can_read_body else parse(kind, {})


def query(request: web.Request, *names: str) -> dict[str, str]:
    """Take the query's parameters, refusing any that is not named here."""
    for name in request.query:
        if name not in names:
            raise Invalid(FieldError(name, "unknown_field"))
        if len(request.query.getall(name)) > 1:
            raise Invalid(FieldError(name, "repeated"))
    return dict(request.query)


def whole(raw: dict[str, str], name: str, *, least: int = 0, most: int = 2**53 - 1) -> int | None:
    """Read a whole number out of a query; None where it is not given."""
    if name not in raw:
        return None
    text = raw[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise Invalid(FieldError(name, "wrong_type"))
    number = int(text)
    if not least <= number <= most:
        raise Invalid(FieldError(name, "too_large" if number > most else "too_small", max=most, min=least))
    return number


def limit(raw: dict[str, str]) -> int:
    """Read `limit`: 50 by default, at most 200, a larger one is refused."""
    return whole(raw, "limit", least=1, most=MAX_LIMIT) or DEFAULT_LIMIT


def cursor(raw: dict[str, str], prefix: str) -> str | None:
    """Open a `cursor` that a list gave out, over things whose ids have this prefix.

    Raises `AppError("cursor_invalid")`.
    """
    if "cursor" not in raw:
        return None
    try:
        after = base64.b64decode(raw["cursor"], altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        raise AppError("cursor_invalid") from None
    if not is_id(after, prefix):
        raise AppError("cursor_invalid", reason="no id in it")
    return after


def next_cursor(after: str | None) -> str | None:
    """Close a position in a list into a cursor; None where the list ends."""
    return None if after is None else base64.urlsafe_b64encode(after.encode()).decode()
