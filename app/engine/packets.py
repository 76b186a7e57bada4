"""Socket.IO packets as text: what may come from a client, and the final bytes of what goes to one.

Strict: a packet that breaks a rule raises Malformed, whose `kind` is a short word fit for a counter and a log line.
Nothing here knows connections or sends anything.
Source: Socket.IO protocol v5, "Packet encoding"; the reserved names are those of the JavaScript parser.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import socketio.packet  # type: ignore[import-untyped]  # upstream ships no types

from app.engine import strict_json

CONNECT: Final = 0
DISCONNECT: Final = 1
EVENT: Final = 2
ACK: Final = 3
CONNECT_ERROR: Final = 4
BINARY_EVENT: Final = 5
BINARY_ACK: Final = 6

RESERVED: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", "*", "")
)

_HEAD: Final = re.compile(r"([0-6])(?:(\d{1,4})-)?(?:(/[^,]{0,255})(?:,|$))?(\d{1,15})?", re.ASCII)


class Malformed(Exception):
    """A client broke the protocol; its connection is closed and one counted line is logged."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(slots=True)
class Incoming:
    """One packet from a client. id: its acknowledgement id, None if it wants none."""

    type: int
    namespace: str
    id: int | None
    data: Any
    attachments: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What decoding enforces. printable: event names must be, so that they are fit for logs and metrics."""

    json_depth: int = 16
    event_name_chars: int = 128
    printable: bool = True
    binary: bool = False


def decode(text: str, rules: Rules) -> Incoming:
    """Decode the text of one packet (without the Engine.IO type).

    Raises Malformed. Attachments of a binary packet are still to come: see attachments.py.
    """
    head = _HEAD.match(text)
    if head is None:
        raise Malformed("packet type")
    kind, count, namespace, number = head.groups()
    packet = Incoming(int(kind), namespace or "/", int(number) if number else None, None)
    if namespace and "?" in namespace:
        packet.namespace = namespace.partition("?")[0]
    if count or packet.type >= BINARY_EVENT:
        _announce(packet, count, rules)
    rest = text[head.end() :]
    if rest:
        try:
            packet.data = strict_json.loads(rest, rules.json_depth + 1)  # the packet's own array is not the client's
        except ValueError:
            raise Malformed("json") from None
    _check(packet, present=bool(rest), rules=rules)
    return packet


def _announce(packet: Incoming, count: str | None, rules: Rules) -> None:
    if not rules.binary:
        raise Malformed("binary")
    if packet.type < BINARY_EVENT or not count or count == "0":
        raise Malformed("attachments")
    packet.attachments = int(count)


def _check(packet: Incoming, *, present: bool, rules: Rules) -> None:
    """Hold the payload against its packet's type."""
    data = packet.data
    if packet.type in (EVENT, BINARY_EVENT):
        if not isinstance(data, list) or not data:
            raise Malformed("event payload")
        _check_name(data[0], rules)
    elif packet.type in (ACK, BINARY_ACK):
        if packet.id is None or not isinstance(data, list):
            raise Malformed("ack payload")
    elif packet.type == CONNECT:
        if packet.id is not None or (present and not isinstance(data, dict)):
            raise Malformed("connect payload")
    elif packet.type == CONNECT_ERROR or present or packet.id is not None:
        raise Malformed("disconnect payload" if packet.type == DISCONNECT else "packet type")


def _check_name(name: Any, rules: Rules) -> None:
    if not isinstance(name, str):
        raise Malformed("event name")
    if name in RESERVED:
        raise Malformed("reserved event")
    if len(name) > rules.event_name_chars or (rules.printable and not name.isprintable()):
        raise Malformed("event name")


def encode(kind: int, namespace: str, payload: bytes = b"", number: int | None = None) -> bytes:
    """Build the bytes of one packet without attachments; payload is JSON or empty."""
    place = b"" if namespace == "/" else namespace.encode() + b","
    return b"%d%b%b%b" % (kind, place, b"" if number is None else b"%d" % number, payload)


def encode_event(namespace: str, name: str, payload_json: bytes) -> bytes:
    """Build the final packet of an event with one argument, e.g. `2/chat,["message.created",{...}]`.

    payload_json: the argument, already JSON in UTF-8; it is not checked again.
    """
    return encode(EVENT, namespace, b"[%b,%b]" % (strict_json.dumps(name), payload_json))


class _Json:
    """The shape in which upstream's packet asks for JSON."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return strict_json.dumps(value).decode()

    loads = staticmethod(strict_json.loads)


class Packet(socketio.packet.Packet):  # type: ignore[misc]  # upstream ships no types
    """Upstream's packet for what handlers emit in its own conventions, with strict JSON and no decoding."""

    json = _Json

    def decode(self, _: Any) -> int:
        """Refuse: what clients send is decoded by this module's `decode` alone."""
        raise Malformed("packet type")
