"""Takes the tokens of trusted issuers: verifies them, and gives their subjects an account and a session here.

What happens to such an account and session here (suspension, signing out, other roles) holds against every token of the
issuer's; our own tokens never come this way.
"""

import logging
from collections.abc import Callable, Iterable

from app.core.claims import Claims
from app.core.entries import RolesChanged
from app.core.errors import AppError, Unauthenticated
from app.core.foreign import Foreign, Known
from app.core.ids import NewId
from app.core.model import Session, User
from app.core.text import name_key
from app.core.times import Clock
from app.secure.issuers import TrustedIssuer, peek, verify
from app.services.issuer_keys import Fetch, PublishedKeys
from app.services.outbox import Outbox
from app.store import identities as store
from app.store import users
from app.store.database import Connection, Database

logger = logging.getLogger("heliograph.issuers")

NAME_TAIL_CHARS = (6, 12, 20)
"""How much of a subject's digest ends its user name; more where that name is taken."""


class Issuers:
    """The trusted issuers of a deployment by name; with none of them every token is our own."""

    def __init__(
        self,
        trusted: Iterable[TrustedIssuer],
        *,
        database: Database,
        outbox: Outbox | None,
        fetch: Fetch,
        leeway_s: int,
        clock: Clock,
        monotonic: Callable[[], float],
        new_id: NewId,
    ) -> None:
        self._trusted = {one.rules.issuer: one for one in trusted}
        self._published = {
            name: PublishedKeys(one.jwks_url, one.rules.algorithms, fetch, monotonic)
            for name, one in self._trusted.items()
            if one.jwks_url is not None
        }
        self._database = database
        self._outbox = outbox
        self._leeway_s = leeway_s
        self._clock = clock
        self._new_id = new_id

    def issuer_of(self, token: str) -> TrustedIssuer | None:
        """Tell whose keys must verify a token; None is our own."""
        return self._of(peek(token).issuer) if self._trusted else None

    async def verify(self, token: str) -> Foreign:
        """Verify a token of a trusted issuer, and change nothing.

        Raises `Unauthenticated`, `Unavailable` where the issuer's keys cannot be had.
        """
        peeked = peek(token)
        trusted = self._of(peeked.issuer)
        if trusted is None:
            raise Unauthenticated("issuer is not trusted")
        key = trusted.key or await self._published[trusted.rules.issuer].find(peeked.kid)
        return verify(token, trusted, key, now_ms=self._clock(), leeway_s=self._leeway_s)

    async def admit(self, token: str) -> Claims:
        """Verify a token and give the claims of the user that its subject is here, made at first sight.

        Raises `Unauthenticated`, also where the user is suspended or the session was ended here; `Unavailable`.
        """
        foreign = await self.verify(token)
        async with self._database.reading() as conn:
            known = await store.get(conn, foreign)
        if known is None or known.learns_from(foreign, self._end_ms(foreign)):
            known = await self._take_in(foreign)
        known.require_welcome()
        return foreign.claims(known.user.id, known.user.display_name)

    def close(self) -> None:
        """Give up what is under way."""
        for published in self._published.values():
            published.close()

    def _of(self, name: object) -> TrustedIssuer | None:
        return self._trusted.get(name) if isinstance(name, str) else None

    def _end_ms(self, foreign: Foreign) -> int:
        """Tell until when a session lives that has this token: for as long as the token is taken."""
        return (foreign.expires_at_s + self._leeway_s) * 1000

    async def _take_in(self, foreign: Foreign) -> Known:
        """Store what a token says; of two that bring the same subject at once, the second finds the first's user."""
        for tail_chars in NAME_TAIL_CHARS:
            try:
                async with self._database.transaction() as conn:
                    known, changed = await self._stored(conn, foreign, tail_chars)
            except AppError as error:
                if error.code != "already_exists":
                    raise
                continue
            if changed and self._outbox is not None:
                self._outbox.publish(RolesChanged(user_id=known.user.id))
            return known
        raise Unauthenticated("no user name is free for the subject")

    async def _stored(self, conn: Connection, foreign: Foreign, tail_chars: int) -> tuple[Known, bool]:
        """Give what is known once all is stored that a token says, and whether the user's roles are others now."""
        await store.lock(conn, foreign)  # against the ending of all sessions meanwhile
        known = await store.get(conn, foreign)
        changed = False
        if known is None:
            known = await self._add(conn, foreign, tail_chars)
        elif known.is_told_anew(foreign):
            changed = await self._restate(conn, foreign, known)
        if known.may_open(foreign):
            await store.open_session(conn, self._session(foreign, known.user.id))
        return await store.get(conn, foreign) or known, changed

    async def _add(self, conn: Connection, foreign: Foreign, tail_chars: int) -> Known:
        username = foreign.username(tail_chars)
        user = User(
            id=self._new_id("usr"),
            username=username,
            display_name=foreign.name or username,
            roles=foreign.default_roles if foreign.roles is None else foreign.roles,
            created_at_ms=self._clock(),
        )
        await users.add(conn, user, name_key(username), None)
        await store.add(conn, foreign, user.id, self._clock())
        logger.info("made %s for a subject of %s", user.id, foreign.issuer)
        return Known(user=user)

    async def _restate(self, conn: Connection, foreign: Foreign, known: Known) -> bool:
        """Follow what the issuer says where it said something else before; what was changed here stays otherwise."""
        roles_changed = foreign.roles is not None and foreign.roles != known.stated_roles
        if foreign.roles is not None and roles_changed:
            await users.set_roles(conn, known.user.id, foreign.roles)
        if foreign.name is not None and foreign.name != known.stated_name:
            await users.set_display_name(conn, known.user.id, foreign.name)
        await store.restate(conn, foreign)
        return roles_changed

    def _session(self, foreign: Foreign, user_id: str) -> Session:
        now_ms = self._clock()
        return Session(
            id=foreign.session_id(),
            user_id=user_id,
            device_name=foreign.issuer,
            ip="",
            created_at_ms=now_ms,
            last_seen_at_ms=now_ms,
            expires_at_ms=self._end_ms(foreign),
        )
