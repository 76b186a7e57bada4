"""The bounds of an engine, as frozen values.

Every queue, buffer and wait of the engine has its bound here, with its unit in its name. Nothing here
measures or enforces: each bound is applied where the thing that it bounds lives.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Binary:
    """What binary events a client may send.

    attachments: how many one packet may announce. bytes: how large all of them together may be.
    time_s: how long after the packet the last one may arrive.
    """

    attachments: int = 10
    bytes: int = 65536
    time_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one client, and one address, may ask of the server.

    frame_bytes: the largest message, WebSocket frame or polling body; announced as `maxPayload`.
    json_depth: how deep arrays and objects may nest. event_name_chars: the longest event name.
    inbox_events, inbox_bytes: what may wait behind the event being handled before reading stops.
    outbox_bytes, outbox_frames: what may wait for a slow reader before it is closed.
    joined_bytes: how much one loop turn may gather before it is written out early.
    connect_timeout_s: from the transport's opening to the Socket.IO CONNECT, and again for the handler
    that decides on it. upgrade_timeout_s: from the second transport's opening to the upgrade packet.
    body_timeout_s: for one polling request body. handler_timeout_s: for one event.
    close_timeout_s: what a peer has to finish a closing handshake before its transport is aborted.
    sockets_per_address: open sockets of one address (an IPv6 /64 counts as one).
    handshakes_per_s, handshakes_burst: new sessions of one address. addresses: how many are remembered.
    binary: None refuses binary packets.
    """

    frame_bytes: int = 65536
    json_depth: int = 16
    event_name_chars: int = 128
    inbox_events: int = 64
    inbox_bytes: int = 1 << 18
    outbox_bytes: int = 1 << 20
    outbox_frames: int = 1000
    joined_bytes: int = 1 << 17
    connect_timeout_s: float = 10.0
    upgrade_timeout_s: float = 10.0
    body_timeout_s: float = 10.0
    handler_timeout_s: float = 10.0
    close_timeout_s: float = 1.0
    sockets_per_address: int = 1000
    handshakes_per_s: float = 100.0
    handshakes_burst: int = 500
    addresses: int = 65536
    binary: Binary | None = None
