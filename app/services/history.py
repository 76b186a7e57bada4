"""Reading channels back: pages of messages, what was missed, and what the feed needs to fill its holes."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.claims import Claims
from app.core.commands import GetHistory, Sync
from app.core.errors import NotFound
from app.core.ids import is_id
from app.core.model import Fact, Membership, Message
from app.services.channels import visible
from app.store import channels, facts
from app.store import messages as store
from app.store.database import Connection, Database

SYNC_PER_CHANNEL = 100
SYNC_TOTAL = 2000
MAX_CHANNELS = 1000
"""Channels of one user that `sync` reports as added."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Messages in ascending `seq`, whether there are older and newer ones, and the channel's newest number."""

    items: list[Message]
    has_before: bool
    has_after: bool
    last_seq: int


@dataclass(frozen=True, slots=True)
class Missed:
    """What one channel has for a client that comes back: its facts, or None where they are too many to hand out."""

    facts: list[Fact] | None
    last_seq: int


@dataclass(frozen=True, slots=True)
class Catchup:
    """The answer to `sync`: per channel asked for (None: gone), the channels not asked for, unread by channel."""

    channels: Mapping[str, Missed | None]
    added: list[Membership]
    unread: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class History:
    """The past of channels that the caller may see."""

    database: Database

    async def page(self, claims: Claims, command: GetHistory) -> HistoryPage:
        """Read a page of a channel that the caller may see. Raises `NotFound`.

        What is committed after the caller's right was looked up is not shown: the right may be gone by then.
        """
        async with self.database.reading() as conn:
            membership = await visible(conn, claims, command.channel_id)
            anchors = {"before": command.before, "after": command.after, "around": command.around}
            items = await store.page(conn, command.channel_id, **anchors, limit=command.limit)
            first, last = await store.bounds(conn, command.channel_id)
        head = membership.channel.last_seq
        items = [message for message in items if message.seq <= head]
        low, high = _edges(items, command)
        return HistoryPage(items, 0 < first < low, high < min(last, head), head)

    async def sync(self, claims: Claims, command: Sync) -> Catchup:
        """Tell what was missed since the given `seq` of each channel, and which channels are new or gone.

        The facts are the envelopes that were sent live, in order, without a gap; where more than 100 of a channel or
        2,000 in all were missed, `Missed.facts` is None and the client reads the channel anew.
        """
        async with self.database.reading() as conn:
            mine = {m.channel.id: m for m in await channels.list_for(conn, claims.subject, MAX_CHANNELS, None)}
            seen = {asked: mine.get(asked) for asked in command.channels}
            for asked in [key for key, membership in seen.items() if membership is None and is_id(key, "chn")]:
                seen[asked] = await _seen(conn, claims, asked)
            heads = {key: membership.channel.last_seq for key, membership in seen.items() if membership}
            behind = {key: seq for key, seq in command.channels.items() if seq < heads.get(key, 0)}
            found = await facts.since_many(conn, _affordable(behind, heads), SYNC_PER_CHANNEL + 1, 2 * SYNC_TOTAL)
        missed = {key: None if key not in heads else _missed(key in behind, found.get(key), heads[key]) for key in seen}
        added = [membership for key, membership in mine.items() if key not in seen]
        return Catchup(missed, added, {key: membership.unread for key, membership in mine.items()})

    async def facts_since(self, channel_id: str, seq: int, limit: int) -> list[Fact]:
        """Read durable facts of a channel for the node itself; what it hands on is checked where it is delivered."""
        async with self.database.reading() as conn:
            return await facts.since(conn, channel_id, seq, limit)

    async def heads(self, channel_ids: list[str]) -> dict[str, int]:
        """Tell the newest `seq` of channels that this node follows."""
        async with self.database.reading() as conn:
            return await channels.heads(conn, channel_ids)


def _edges(items: list[Message], command: GetHistory) -> tuple[int, int]:
    """Give the first and last `seq` that a page covers; an empty one covers what its anchor left out."""
    if items:
        return items[0].seq, items[-1].seq
    if command.before is not None:
        return 0, command.before - 1
    if command.after is not None:
        return command.after + 1, 2**53
    return 0, 2**53


async def _seen(conn: Connection, claims: Claims, channel_id: str) -> Membership | None:
    try:
        return await visible(conn, claims, channel_id)
    except NotFound:
        return None


def _affordable(behind: Mapping[str, int], heads: Mapping[str, int]) -> dict[str, int]:
    """Pick the channels whose missed facts are handed out: not too many each, nor together."""
    left, picked = SYNC_TOTAL, {}
    for channel_id, seq in behind.items():
        count = heads[channel_id] - seq
        if count <= min(SYNC_PER_CHANNEL, left):
            picked[channel_id] = seq
            left -= count
    return picked


def _missed(is_behind: bool, found: list[Fact] | None, head: int) -> Missed:
    """Make one channel's part of `sync`, up to the head that was read with the caller's right to it."""
    if not is_behind:
        return Missed([], head)
    if found is None or len(found) > SYNC_PER_CHANNEL:
        return Missed(None, head)
    return Missed([fact for fact in found if fact.seq <= head], head)
