"""Makes an access token for an account from the command line: for a bot, a test, or a back end that has no sign-in."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.capabilities import ACTIONS, MAX_PATTERN_CHARS, MAX_PATTERNS
from app.core.claims import MAX_LIFETIME_S, Claims
from app.core.errors import AppError, FieldError, Invalid, NotFound
from app.core.ids import NewId
from app.core.model import Session, User
from app.core.policy import permissions_of
from app.core.text import name_key
from app.core.times import Clock
from app.secure.tokens import AccessTokens
from app.store import sessions as store
from app.store import users
from app.store.database import Database

DEVICE = "token mint"
Channels = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Minting:
    """Mints tokens, each with a session of its own, so that it is seen among the user's devices and can be ended."""

    database: Database
    access: AccessTokens
    clock: Clock
    new_id: NewId

    async def mint(self, username: str, *, ttl_s: int, scope: frozenset[str] | None, channels: Channels | None) -> str:
        """Make a token that holds for `ttl_s` seconds, at most a day, and cannot be refreshed.

        `scope` is what it may do, None for all that the user's roles hold; `channels` is as in a token. Raises
        `NotFound`, `Invalid`, `AppError("conflict")` for a suspended user.
        """
        _check(ttl_s, channels)
        async with self.database.transaction() as conn:
            found = await users.credentials(conn, name_key(username))
            if found is None:
                raise NotFound(username)
            user = found[0]
            claims = self._claims(user, ttl_s, scope, channels)
            await store.add(conn, self._session(claims))
        return self.access.sign(claims)

    def _claims(self, user: User, ttl_s: int, scope: frozenset[str] | None, channels: Channels | None) -> Claims:
        if user.suspended_at_ms is not None:
            raise AppError("conflict", "The account is suspended.")
        held = permissions_of(user.roles)
        if scope is not None and (beyond := scope - held):
            raise Invalid(FieldError(f"scope.{min(beyond)}", "not_held"))
        now_s = self.clock() // 1000
        return Claims(
            issuer=self.access.issuer,
            subject=user.id,
            session_id=self.new_id("ses"),
            token_id=self.new_id("tok"),
            issued_at_s=now_s,
            expires_at_s=now_s + ttl_s,
            name=user.display_name,
            roles=user.roles,
            scope=held if scope is None else scope,
            channels=channels,
        )

    def _session(self, claims: Claims) -> Session:
        now_ms = self.clock()
        return Session(
            id=claims.session_id,
            user_id=claims.subject,
            device_name=DEVICE,
            ip="",
            created_at_ms=now_ms,
            last_seen_at_ms=now_ms,
            expires_at_ms=(claims.expires_at_s + self.access.leeway_s) * 1000,
        )


def _check(ttl_s: int, channels: Channels | None) -> None:
    if not 1 <= ttl_s <= MAX_LIFETIME_S:
        raise Invalid(FieldError("ttl", "out_of_range", min=1, max=MAX_LIFETIME_S))
    if channels is None:
        return
    if len(channels) > MAX_PATTERNS:
        raise Invalid(FieldError("channels", "too_many", max=MAX_PATTERNS))
    for pattern, actions in channels.items():
        if not 1 <= len(pattern) <= MAX_PATTERN_CHARS or not actions or set(actions) - set(ACTIONS):
            raise Invalid(FieldError(f"channels.{pattern[:MAX_PATTERN_CHARS]}", "invalid"))
