"""What the server knows of one socket: the verified claims, frozen, and its allowance of commands."""

from dataclasses import dataclass, replace

from app.core.buckets import Bucket
from app.core.claims import Claims


@dataclass(frozen=True, slots=True)
class SocketSession:
    """The session value of a socket. It is replaced as a whole, never changed.

    `client` is what it calls itself; `over` says why it may not come in after all, where that turned out meanwhile.
    """

    claims: Claims
    allowance: Bucket
    client: str | None = None
    over: str | None = None

    def under(self, claims: Claims) -> "SocketSession":
        """Give the same session under other claims of the same user."""
        return replace(self, claims=claims)
