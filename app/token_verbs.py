"""`python -m app token`: mints tokens, and says what one is. A minted token stands alone on standard output."""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from app.core.claims import MAX_LIFETIME_S
from app.core.errors import AppError, FieldError, Invalid, Unauthenticated
from app.core.times import rfc3339
from app.main import Given, database_url, secret_of
from app.secure.tokens import read_unverified
from app.services.inspecting import Inspecting, Verdict
from app.services.minting import Minting
from app.settings import Settings
from app.store.database import open_database
from app.store.migrate import migrate, pending
from app.trust import access_of, open_issuers

REFUSED = "A node would refuse this token."
UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
SECOND_MAX = 253_402_300_799
"""The last second that RFC 3339 can write."""


def add_token_verbs(verbs: Any) -> None:
    """Add the verbs to the parser's."""
    words = verbs.add_parser("token", help="make and inspect access tokens").add_subparsers(
        required=True, metavar="VERB"
    )
    mint = words.add_parser("mint", help="make an access token with a session of its own")
    mint.add_argument("--user", required=True, metavar="NAME", help="whose token it is")
    mint.add_argument(
        "--ttl", default="1h", metavar="TIME", help="how long it holds, such as 90s, 15m or 1h; at most 1d"
    )
    mint.add_argument(
        "--scope", metavar="WORDS", help="what it may do, with blanks between; default: all that the user may"
    )
    mint.add_argument(
        "--channels", metavar="JSON", help='what it may do where, such as {"support-*": ["read", "send"]}'
    )
    mint.set_defaults(verb=_mint)
    inspect = words.add_parser("inspect", help="say what a token is, and whether and why it would be refused")
    inspect.add_argument("token", nargs="?", default="-", help="the token; - or nothing reads it from standard input")
    inspect.set_defaults(verb=_inspect)


def _mint(settings: Settings, arguments: argparse.Namespace) -> None:
    ttl_s, channels = _seconds(arguments.ttl), _channels(arguments.channels)
    scope = None if arguments.scope is None else frozenset(arguments.scope.split())
    print(asyncio.run(_minted(settings, arguments.user, ttl_s, scope, channels)))


async def _minted(
    settings: Settings,
    name: str,
    ttl_s: int,
    scope: frozenset[str] | None,
    channels: Mapping[str, tuple[str, ...]] | None,
) -> str:
    given = Given()
    access = access_of(settings, secret_of(settings), given.clock)
    await migrate(database_url(settings))
    async with open_database(database_url(settings), pool_size=2) as database:
        minting = Minting(database, access, given.clock, given.new_id)
        return await minting.mint(name, ttl_s=ttl_s, scope=scope, channels=channels)


def _inspect(settings: Settings, arguments: argparse.Namespace) -> None:
    token = (sys.stdin.read(100_000) if arguments.token == "-" else arguments.token).strip()  # noqa: S105  a dash
    try:
        header, claims = read_unverified(token)
    except Unauthenticated as error:
        raise AppError("auth_failed", REFUSED, reason=error.reason) from None
    print(f"Header: {json.dumps(header, indent=2)}\nClaims: {json.dumps(claims, indent=2)}")
    for said, name in (("Issued", "iat"), ("Expires", "exp")):
        if isinstance(at_s := claims.get(name), int) and 0 <= at_s <= SECOND_MAX:
            print(f"{said} at {rfc3339(at_s * 1000)}")
    verdict = asyncio.run(_judged(settings, token))
    if not verdict.accepted:
        raise AppError("auth_failed", REFUSED, reason=verdict.reason)
    print(f"Accepted: {verdict.reason}")


async def _judged(settings: Settings, token: str) -> Verdict:
    given = Given()
    access = access_of(settings, secret_of(settings), given.clock)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(database_url(settings), pool_size=2))
        issuers = await stack.enter_async_context(
            open_issuers(settings, database, None, clock=given.clock, monotonic=given.monotonic, new_id=given.new_id)
        )
        try:
            is_ready = not await pending(database_url(settings))
        except (AppError, OSError):
            is_ready = False
        return await Inspecting(access, issuers, database if is_ready else None, given.clock).judge(token)


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9})([smhd]?)", text)
    if match is None:
        raise Invalid(FieldError("ttl", "invalid", min=1, max=MAX_LIFETIME_S))
    return int(match[1]) * UNITS_S[match[2]]


def _channels(text: str | None) -> dict[str, tuple[str, ...]] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
        return {pattern: tuple(str(action) for action in actions) for pattern, actions in found.items()}
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise Invalid(FieldError("channels", "invalid")) from None
