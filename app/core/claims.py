"""Who speaks and what they may do: the verified claims of an access token, as one frozen value.

A `Claims` exists only after a signature was verified; nothing in here verifies one.
"""

from collections.abc import Mapping
from typing import Any

import msgspec


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of one access token.

    `subject` is the user's id, `session_id` the session that the token belongs to, `token_id` its `jti`.
    `issued_at_s` and `expires_at_s` are seconds since the Unix epoch. `scope` holds the permissions.
    `channels` maps patterns of channel names to granted actions, None where the token has no such map.
    `extra` holds all other claims, as they came.
    """

    issuer: str
    subject: str
    session_id: str
    token_id: str
    issued_at_s: int
    expires_at_s: int
    name: str
    roles: tuple[str, ...] = ()
    scope: frozenset[str] = frozenset()
    channels: Mapping[str, tuple[str, ...]] | None = None
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)

    def has_expired(self, now_ms: int, leeway_s: int) -> bool:
        """Tell whether the token is past its expiry, `leeway_s` seconds of clock difference allowed."""
        return now_ms >= (self.expires_at_s + leeway_s) * 1000
