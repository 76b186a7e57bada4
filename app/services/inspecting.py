"""Says what a token is and whether it would be let in, in words, for the person at the terminal. Changes nothing."""

from dataclasses import dataclass

from app.core.errors import AppError, Unauthenticated
from app.core.foreign import Foreign
from app.core.times import Clock
from app.secure.tokens import AccessTokens
from app.services.issuers import Issuers
from app.store import identities
from app.store import sessions as store
from app.store.database import Database


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a token would be let in now, and why."""

    accepted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Inspecting:
    """Asks all that connecting asks; `database` is None where sessions cannot be looked up."""

    access: AccessTokens
    issuers: Issuers
    database: Database | None
    clock: Clock

    async def judge(self, token: str) -> Verdict:
        """Judge a token as of now."""
        try:
            if self.issuers.issuer_of(token) is None:
                return await self._judge_own(token)
            return await self._judge_foreign(await self.issuers.verify(token))
        except Unauthenticated as error:
            return Verdict(False, error.reason or error.code)
        except AppError as error:
            return Verdict(False, f"it could not be decided: {error.reason or error.code}")

    async def _judge_own(self, token: str) -> Verdict:
        claims = self.access.verify(token)
        if self.database is None:
            return Verdict(True, "signed by a key of ours; its session was not looked up")
        async with self.database.reading() as conn:
            found = await store.get_live(conn, claims.session_id, self.clock())
        if found is None or found[1].id != claims.subject:
            return Verdict(False, "its session has ended, or its user is suspended or unknown")
        return Verdict(True, f"signed by a key of ours; its session lives, its user is {found[1].username}")

    async def _judge_foreign(self, foreign: Foreign) -> Verdict:
        known = None
        if self.database is not None:
            async with self.database.reading() as conn:
                known = await identities.get(conn, foreign)
        if known is None:
            return Verdict(True, f"signed by {foreign.issuer}; its subject was not seen here yet")
        if not known.may_open(foreign):
            known.require_welcome()
        return Verdict(True, f"signed by {foreign.issuer}; its subject is {known.user.username} here")
