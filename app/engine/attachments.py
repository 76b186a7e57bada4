"""Putting a binary packet together from its text and the attachments that follow it.

At most one packet is under way per client. Whoever owns it asks `late` and closes; nothing here waits.
Source: Socket.IO protocol v5, "Packet encoding", and the placeholder checks of the JavaScript parser.
"""

from typing import Any

from app.engine.limits import Binary
from app.engine.packets import ACK, BINARY_ACK, EVENT, Incoming, Malformed


class Assembly:
    """One binary packet whose attachments are still arriving. size: how many bytes of them have.

    Raises Malformed("attachments") when more are announced than `binary` allows.
    """

    __slots__ = ("_binary", "_parts", "packet", "size")

    def __init__(self, packet: Incoming, binary: Binary) -> None:
        if packet.attachments > binary.attachments:
            raise Malformed("attachments")
        self.packet = packet
        self._binary = binary
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> Incoming | None:
        """Take the next attachment; return the packet, as a plain EVENT or ACK, when it is whole.

        Raises Malformed for too many bytes, or placeholders that do not fit the attachments.
        """
        self.size += len(part)
        if self.size > self._binary.bytes:
            raise Malformed("attachment bytes")
        self._parts.append(part)
        if len(self._parts) < self.packet.attachments:
            return None
        packet = self.packet
        packet.data = self._fill(packet.data)
        packet.type = ACK if packet.type == BINARY_ACK else EVENT
        return packet

    def _fill(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._fill(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get("_placeholder") is not True:
            return {key: self._fill(item) for key, item in value.items()}
        number = value.get("num")
        if type(number) is not int or not 0 <= number < len(self._parts):
            raise Malformed("attachment placeholder")
        return self._parts[number]
