"""An invitation as a frozen value, and its one written form. The code itself is stored nowhere."""

from typing import Any

import msgspec

from app.core.times import rfc3339, rfc3339_or_none

DAY_S = 86_400
DEFAULT_TTL_S = 7 * DAY_S
MAX_TTL_S = 90 * DAY_S
MIN_TTL_S = 60
MAX_USES = 1000


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """A way to register for up to `max_uses` people; `revoked_at_ms` is None while it was not taken back."""

    id: str
    created_by: str
    created_at_ms: int
    expires_at_ms: int
    max_uses: int
    uses: int = 0
    revoked_at_ms: int | None = None


def invite_json(invite: Invite) -> dict[str, Any]:
    """Write an invitation for who made it and for administrators; the code is in the answer to making it only."""
    return {
        "id": invite.id,
        "created_by": invite.created_by,
        "created_at": rfc3339(invite.created_at_ms),
        "expires_at": rfc3339(invite.expires_at_ms),
        "max_uses": invite.max_uses,
        "uses": invite.uses,
        "revoked_at": rfc3339_or_none(invite.revoked_at_ms),
    }
