"""What nodes tell each other through the log, and the strict decoding of it.

The log is shared with whoever can write to that Redis, so an entry is untrusted until its seal (`app.secure.seals`)
and `decode_entry` have taken it.
"""

from typing import Annotated

import msgspec

from app.core.ids import ChannelId, SessionId, UserId

MAX_PACKET_BYTES = 1_048_576
"""No message that the settings let in makes a larger envelope."""
Packet = Annotated[bytes, msgspec.Meta(max_length=MAX_PACKET_BYTES)]
Seq = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


class Happened(msgspec.Struct, frozen=True, tag_field="kind", tag="fact", forbid_unknown_fields=True):
    """A durable fact of a channel; `envelope` is its JSON as clients get it."""

    channel_id: ChannelId
    seq: Seq
    type: Annotated[str, msgspec.Meta(max_length=64)]
    envelope: Packet


class Told(msgspec.Struct, frozen=True, tag_field="kind", tag="told", forbid_unknown_fields=True):
    """A passing fact for all sockets of one user."""

    user_id: UserId
    type: Annotated[str, msgspec.Meta(max_length=64)]
    envelope: Packet


class Granted(msgspec.Struct, frozen=True, tag_field="kind", tag="granted", forbid_unknown_fields=True):
    """A user became a member of a channel without a fact that says so: the sockets follow it from behind `seq`."""

    user_id: UserId
    channel_id: ChannelId
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Ended(msgspec.Struct, frozen=True, tag_field="kind", tag="ended", forbid_unknown_fields=True):
    """Sessions of a user ended: the one named, or all but `except_id` where `session_id` is None."""

    user_id: UserId
    reason: Annotated[str, msgspec.Meta(max_length=64)]
    at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    session_id: SessionId | None = None
    except_id: SessionId | None = None


class RolesChanged(msgspec.Struct, frozen=True, tag_field="kind", tag="roles", forbid_unknown_fields=True):
    """A user's roles changed or the account was suspended: what the store says of it holds from now on."""

    user_id: UserId


Entry = Happened | Told | Granted | Ended | RolesChanged

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)


def encode_entry(entry: Entry) -> bytes:
    """Write an entry for the log."""
    return _encoder.encode(entry)


def decode_entry(raw: bytes) -> Entry | None:
    """Read an entry of the log; None where it is not one of ours."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
