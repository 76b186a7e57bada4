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
    """All tokens of a user that were surely issued before a moment are over, but those of one session."""

    at_ms: int
    except_id: str | None


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
            self._users[ended.user_id] = _UserCut(ended.at_ms, ended.except_id)

    def cover(self, claims: Claims) -> bool:
        """Tell whether these claims are over.

        A token says the second of its making only. One of the very second in which all sessions ended may have been
        made after that, so it is not covered; the store knows whether its session lives.
        """
        if claims.session_id in self._sessions:
            return True
        cut = self._users.get(claims.subject)
        if cut is None or claims.session_id == cut.except_id:
            return False
        return (claims.issued_at_s + 1) * 1000 <= cut.at_ms

    def forget(self, now_ms: int) -> None:
        """Drop what no token that still verifies can be about."""
        self._sessions = {key: at_ms for key, at_ms in self._sessions.items() if at_ms + KEEP_MS > now_ms}
        self._users = {key: cut for key, cut in self._users.items() if cut.at_ms + KEEP_MS > now_ms}

    def __len__(self) -> int:
        return len(self._sessions) + len(self._users)
