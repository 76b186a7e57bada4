"""Which verified claims are over before their time. Asked at every message, so it is three look-ups in tables.

A revocation is remembered for as long as a token that it is about could still verify; after that the token's own
expiry says it. Reads no clock.
"""

from dataclasses import dataclass, field

from app.core.claims import MAX_LIFETIME_S, Claims
from app.core.entries import Ended

KEEP_MS = (MAX_LIFETIME_S + 300) * 1000
"""The longest life of a token, and some difference of clocks."""


@dataclass(frozen=True, slots=True)
class _UserCut:
    """All tokens of a user that were issued up to a moment are over, but those of one session."""

    issued_until_s: int
    except_id: str | None
    at_ms: int


@dataclass(slots=True)
class Revocations:
    """What a node knows of sessions and users whose tokens are over."""

    _sessions: dict[str, int] = field(default_factory=dict)
    _users: dict[str, _UserCut] = field(default_factory=dict)

    def add(self, ended: Ended) -> None:
        """Take in that sessions ended; repeats and older news change nothing."""
        if ended.session_id is not None:
            self._sessions[ended.session_id] = max(ended.at_ms, self._sessions.get(ended.session_id, 0))
            return
        known = self._users.get(ended.user_id)
        if known is None or known.at_ms < ended.at_ms:
            self._users[ended.user_id] = _UserCut(ended.at_ms // 1000, ended.except_id, ended.at_ms)

    def cover(self, claims: Claims) -> bool:
        """Tell whether these claims are over."""
        if claims.session_id in self._sessions:
            return True
        cut = self._users.get(claims.subject)
        return cut is not None and claims.issued_at_s <= cut.issued_until_s and claims.session_id != cut.except_id

    def forget(self, now_ms: int) -> None:
        """Drop what no token that still verifies can be about."""
        self._sessions = {key: at_ms for key, at_ms in self._sessions.items() if at_ms + KEEP_MS > now_ms}
        self._users = {key: cut for key, cut in self._users.items() if cut.at_ms + KEEP_MS > now_ms}

    def __len__(self) -> int:
        return len(self._sessions) + len(self._users)
