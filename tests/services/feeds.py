"""A feed over a real store, with listeners that write down what they hear."""

from dataclasses import dataclass, field
from typing import Any

from app.core import wire
from app.core.entries import Ended, Entry, Happened, encode_entry
from app.core.errors import Unavailable
from app.core.model import Fact, Message
from app.core.sending import Sent
from app.core.sequencer import Sequencer
from app.secure.seals import Seal
from app.services.channels import record
from app.services.feed import Feed
from app.services.history import History
from app.services.revoked import Revoked
from app.store import channels, messages
from app.store.database import Database
from tests.core.values import CHANNEL, NOW_MS, USER, a_message, an_id
from tests.helpers import eventually

SEAL = Seal(b"the key of this deployment......")


async def nothing_kept(_now_ms: int) -> list[bytes]:
    """Give what a Redis without revocations gives."""
    return []


class Listeners:
    """The sockets of a node as the feed sees them: who is here follows what it is let into, and all is written down."""

    def __init__(self, sequencer: Sequencer, *present: str) -> None:
        self.sequencer = sequencer
        self.following = {user: set[str]() for user in present}
        self.heard: list[tuple[Any, ...]] = []
        self.delivered: list[Fact] = []

    def deliver(self, fact: Fact) -> None:
        self.delivered.append(fact)
        if hearers := [user for user, followed in self.following.items() if fact.channel_id in followed]:
            self.heard.append((fact.type, fact.seq, *hearers))

    def admit(self, user_id: str, channel_id: str, seq: int) -> None:
        if user_id in self.following and channel_id not in self.following[user_id]:
            self.following[user_id].add(channel_id)
            self.sequencer.watch(channel_id, seq)
            self.heard.append(("admitted", user_id, seq))

    def expel(self, user_id: str, channel_id: str) -> None:
        if channel_id in self.following.get(user_id, ()):
            self.following[user_id].remove(channel_id)
            self.sequencer.unwatch(channel_id)
            self.heard.append(("expelled", user_id))

    def tell(self, user_id: str, kind: str, envelope: bytes) -> None:
        self.heard.append(("told", user_id, kind, envelope))

    def end(self, ended: Ended) -> None:
        self.heard.append(("ended", ended))

    def doubt(self, user_id: str | None) -> None:
        self.heard.append(("doubted", user_id))

    def require_sync(self, channel_id: str) -> None:
        self.heard.append(("must sync", channel_id))

    def seqs(self) -> list[int]:
        """List the numbers of the messages that were delivered."""
        return [event[1] for event in self.heard if event[0] == wire.MESSAGE_CREATED]


@dataclass(frozen=True)
class Stored(History):
    """The history in a real database; it is away as often as was asked of it, and writes down what is read."""

    outages: list[str] = field(default_factory=list)
    compared: list[list[str]] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def heads(self, channel_ids: list[str]) -> dict[str, int]:
        self.compared.append(channel_ids)
        if self.outages:
            raise Unavailable(self.outages.pop())
        return await super().heads(channel_ids)

    async def facts_since(self, channel_id: str, seq: int, limit: int) -> list[Fact]:
        self.asked.append((seq, limit))
        return await super().facts_since(channel_id, seq, limit)


class House:
    """A feed over a real store, with Ana listening."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sequencer = Sequencer()
        self.listeners = Listeners(self.sequencer, USER)
        self.history = Stored(database)
        self.feed = Feed(
            self.history, self.listeners, self.sequencer, SEAL, Revoked(nothing_kept, SEAL, lambda: NOW_MS)
        )

    async def stores(self, *facts: Fact) -> None:
        """Commit facts without telling the log."""
        async with self.database.transaction() as conn:
            for fact in facts:
                if fact.type == wire.MESSAGE_CREATED:
                    message = written(fact.seq)
                    await messages.insert(conn, [Sent(message=message, fingerprint=b"f" * 32)])
                    await channels.advance(conn, {CHANNEL: fact.seq})
                else:
                    await record(conn, fact)

    def logs(self, *facts: Fact) -> None:
        """Let facts arrive from the log in one batch."""
        self.feed.on_entries([entry_of(fact) for fact in facts])

    async def hears(self, *seqs: int) -> None:
        """Wait until exactly these messages were delivered."""
        await eventually(lambda: len(self.listeners.seqs()) >= len(seqs))
        assert self.listeners.seqs() == list(seqs)


def written(seq: int) -> Message:
    return a_message(id=an_id("msg", seq), seq=seq, client_msg_id=None)


def said(seq: int) -> Fact:
    """Give the fact that a message was created."""
    return wire.message_created(written(seq))


def membership(kind: str, seq: int, user_id: str = USER) -> Fact:
    data = {"user_id": user_id}
    return wire.fact(kind, channel_id=CHANNEL, seq=seq, at_ms=NOW_MS, actor_id=user_id, data=data)


def entry_of(fact: Fact) -> bytes:
    return sealed(Happened(channel_id=fact.channel_id, seq=fact.seq, type=fact.type, envelope=fact.envelope))


def sealed(entry: Entry) -> bytes:
    """Write an entry as a node of this deployment does."""
    return SEAL.close(encode_entry(entry))
