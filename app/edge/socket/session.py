"""What the server knows of one socket: the verified claims, frozen, and its allowance of commands."""

from dataclasses import dataclass, field, replace

from app.core.buckets import Bucket
from app.core.claims import Claims
from app.edge.socket.lease import Lease

PATIENCE = 200
"""Commands refused for their rate before the socket is closed for a flood; it is regained as fast as the rate."""


@dataclass(frozen=True, slots=True)
class SocketSession:
    """The session value of a socket. It is replaced as a whole, never changed.

    `allowance` is of commands, `patience` of commands refused for their rate. `client` is what the socket calls itself;
    `over` says why it may not come in after all, where that turned out meanwhile.
    """

    claims: Claims
    allowance: Bucket
    patience: Bucket
    client: str | None = None
    over: str | None = None
    lease: Lease = field(default_factory=Lease)

    def under(self, claims: Claims) -> "SocketSession":
        """Give the same session under other claims of the same user."""
        return replace(self, claims=claims)
