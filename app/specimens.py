"""Made-up values for the printed pages: one conversation, as the writers of the service itself put it into JSON."""

import json
from collections.abc import Callable

import msgspec

from app.core import wire
from app.core.audit import Record, record_json
from app.core.errors import FieldError, Invalid, error_object
from app.core.invite import Invite, invite_json
from app.core.model import Channel, Member, Membership, Message, Session, User
from app.edge.shapes import history_json, sync_json
from app.services.history import Catchup, HistoryPage, Missed

_AT_MS = 1_767_225_600_000
_ANA = User(
    id="usr_01KDX2N5M00000000000000001",
    username="ana",
    display_name="Ana",
    roles=("member",),
    created_at_ms=_AT_MS,
)
_CHANNEL = Channel(
    id="chn_01KDX2N5M00000000000000002", name="lobby", kind="public", topic="", last_seq=2, created_at_ms=_AT_MS
)
_MESSAGE = Message(
    id="msg_01KDX2N5M00000000000000003",
    channel_id=_CHANNEL.id,
    seq=1,
    author_id=_ANA.id,
    text="Hello",
    data=None,
    reply_to=None,
    client_msg_id="3f0c2a",
    created_at_ms=_AT_MS,
)
_SESSION = Session(
    id="ses_01KDX2N5M00000000000000004",
    user_id=_ANA.id,
    device_name="Ana's laptop",
    ip="203.0.113.7",
    created_at_ms=_AT_MS,
    last_seen_at_ms=_AT_MS,
    expires_at_ms=_AT_MS,
)
_MINE = Membership(channel=_CHANNEL, role="member", unread=1)
_NEW = Membership(
    channel=msgspec.structs.replace(_CHANNEL, id="chn_01KDX2N5M00000000000000008", name="news"), role="member"
)
_REFUSAL = Invalid(FieldError("text", "too_long", max=4000), code="message_too_long")
_CATCHUP = Catchup(
    channels={
        _CHANNEL.id: Missed([wire.message_created(_MESSAGE)], 1),
        "chn_01KDX2N5M00000000000000005": Missed(None, 940),
        "chn_01KDX2N5M00000000000000006": None,
    },
    added=[_NEW],
    unread={_CHANNEL.id: 1, _NEW.channel.id: 0},
)
_INVITE = Invite(
    id="inv_01KDX2N5M00000000000000009",
    created_by=_ANA.id,
    created_at_ms=_AT_MS,
    expires_at_ms=_AT_MS + 604_800_000,
    max_uses=1,
)
_RECORD = Record(
    id="aud_01KDX2N5M0000000000000000A",
    at_ms=_AT_MS,
    action="user.roles_changed",
    actor_id="usr_01KDX2N5M0000000000000000B",
    subject_id=_ANA.id,
    ip="203.0.113.7",
    session_id="ses_01KDX2N5M0000000000000000C",
    details={"before": ["member"], "after": ["member", "admin"]},
)


def example(value: object) -> str:
    """Print a value as JSON."""
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"


EXAMPLES: dict[str, Callable[[], str]] = {
    "error object": lambda: example(error_object(_REFUSAL, "req_01KDX2N5M00000000000000007")),
    "user": lambda: example(wire.user_json(_ANA)),
    "session": lambda: example(wire.session_json(_SESSION, _SESSION.id)),
    "channel": lambda: example(wire.channel_json(_MINE)),
    "member": lambda: example(wire.member_json(Member(user=_ANA, role="member", joined_at_ms=_AT_MS))),
    "message": lambda: example(wire.message_json(_MESSAGE)),
    "history": lambda: example(history_json(HistoryPage([_MESSAGE], has_before=False, has_after=False, last_seq=2))),
    "sync": lambda: example(sync_json(_CATCHUP, _AT_MS)),
    "message.created": lambda: example(msgspec.json.decode(wire.message_created(_MESSAGE).envelope)),
    "invite": lambda: example(invite_json(_INVITE)),
    "record": lambda: example(record_json(_RECORD)),
}
"""What stands in which gap of a page."""
