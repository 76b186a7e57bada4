"""Values to store: valid by default, told apart by a number or a name."""

from typing import Any

from app.core.model import Channel, Fact, Message, Session, User
from app.core.sending import Sent
from app.core.text import name_key
from app.store import channels, members, messages, users
from app.store.database import Connection

NOW = 1_700_000_000_000
DAY = 86_400_000


def a_user(name: str = "ada", **changes: Any) -> User:
    """Make a user whose id is made of the name."""
    values = {"display_name": name.title(), "roles": ("member",), "created_at_ms": NOW, **changes}
    return User(id=f"usr_{name}", username=name, **values)


def a_session(number: int = 1, user_id: str = "usr_ada", **changes: Any) -> Session:
    """Make a session that lives for a day."""
    values = {"device_name": "Firefox", "ip": "192.0.2.1", "created_at_ms": NOW, "last_seen_at_ms": NOW, **changes}
    return Session(id=f"ses_{number}", user_id=user_id, **{"expires_at_ms": NOW + DAY, **values})


def a_channel(name: str = "general", **changes: Any) -> Channel:
    """Make a public channel whose id is made of the name."""
    return Channel(
        id=f"chn_{name}", name=name, **{"kind": "public", "topic": "", "last_seq": 0, "created_at_ms": NOW, **changes}
    )


def a_message(seq: int = 1, channel_id: str = "chn_general", author_id: str = "usr_ada", **changes: Any) -> Message:
    """Make a message whose id is made of its place."""
    values = {
        "text": f"text {seq}",
        "data": None,
        "reply_to": None,
        "client_msg_id": None,
        "created_at_ms": NOW,
        **changes,
    }
    return Message(id=f"msg_{channel_id}_{seq}", channel_id=channel_id, seq=seq, author_id=author_id, **values)


def a_fact(seq: int = 1, channel_id: str = "chn_general", kind: str = "member.joined") -> Fact:
    """Make a fact with an envelope of its own."""
    return Fact(channel_id=channel_id, seq=seq, type=kind, envelope=f'{{"type":"{kind}","seq":{seq}}}'.encode())


def sent(*new: Message) -> list[Sent]:
    """Make rows to insert of messages, the fingerprint made of the id."""
    return [Sent(message=message, fingerprint=message.id.encode().ljust(32)[:32]) for message in new]


async def add_users(conn: Connection, *names: str) -> None:
    """Store users."""
    for name in names:
        await users.add(conn, a_user(name), name_key(name), None)


async def add_channel(conn: Connection, name: str = "general", *people: str, **changes: Any) -> Channel:
    """Store a channel and its members; the first of them opens it, usr_ada where there is none."""
    channel = a_channel(name, **changes)
    await channels.add(conn, channel, f"usr_{people[0]}" if people else "usr_ada", name_key(name))
    for person in people:
        await members.add(conn, channel.id, f"usr_{person}", "member", NOW, 0)
    return channel


async def add_messages(conn: Connection, *new: Message) -> None:
    """Store messages and move their channels on to the newest of each."""
    await messages.insert(conn, sent(*new))
    await channels.advance(conn, {message.channel_id: message.seq for message in sorted(new, key=lambda m: m.seq)})
