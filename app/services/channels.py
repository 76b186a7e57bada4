"""Channels and who is in them. The only getter is scoped to a user: what one may not see is not found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.core import audit, wire
from app.core.audit import actor_of
from app.core.channel_policy import ground
from app.core.claims import Claims
from app.core.commands import CreateChannel
from app.core.entries import Granted, Told
from app.core.errors import AppError, NotFound
from app.core.ids import NewId, require_id
from app.core.model import Channel, Fact, Member, Membership
from app.core.text import check_channel_name, check_topic, name_key
from app.core.times import Clock
from app.services import deeds
from app.services.outbox import Outbox
from app.store import channels as store
from app.store import facts, members
from app.store.database import Connection, Database

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; `next_after` is behind what the next part begins, None after the last."""

    items: list[T]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Channels:
    """Creating, finding, joining and leaving channels."""

    database: Database
    outbox: Outbox
    clock: Clock
    new_id: NewId

    async def create(self, claims: Claims, command: CreateChannel) -> Membership:
        """Open a channel, the caller as its owner. Raises `AppError("already_exists")` for a name that is taken."""
        now_ms = self.clock()
        channel = Channel(
            id=self.new_id("chn"),
            name=check_channel_name(command.name),
            kind=command.kind,
            topic=check_topic(command.topic),
            last_seq=0,
            created_at_ms=now_ms,
        )
        async with self.database.transaction() as conn:
            await store.add(conn, channel, claims.subject, name_key(channel.name))
            await members.add(conn, channel.id, claims.subject, "owner", now_ms, 0)
        membership = Membership(channel=channel, role="owner")
        self.outbox.publish(
            Granted(user_id=claims.subject, channel_id=channel.id, seq=0), self._added(claims.subject, membership)
        )
        return membership

    async def get(self, claims: Claims, channel_id: str) -> Membership:
        """Fetch a channel that the caller may see. Raises `NotFound`."""
        async with self.database.reading() as conn:
            return await visible(conn, claims, channel_id)

    async def mine(self, claims: Claims, limit: int, after: str | None) -> Page[Membership]:
        """List the channels of which the caller is a member."""
        async with self.database.reading() as conn:
            return _page(await store.list_for(conn, claims.subject, limit + 1, after), limit, _channel_id)

    async def discover(self, claims: Claims, limit: int, after: str | None) -> Page[Membership]:
        """List the public channels."""
        async with self.database.reading() as conn:
            return _page(await store.discover(conn, claims.subject, limit + 1, after), limit, _channel_id)

    async def followed_by(self, user_id: str) -> dict[str, int]:
        """Tell which channels a user's sockets hear, and the `last_seq` of each."""
        async with self.database.reading() as conn:
            return await members.channels_of(conn, user_id)

    async def members_of(self, claims: Claims, channel_id: str, limit: int, after: str | None) -> Page[Member]:
        """List the people in a channel that the caller may see."""
        async with self.database.reading() as conn:
            await visible(conn, claims, channel_id)
            found = await members.list_for(conn, channel_id, limit + 1, after)
        return _page(found, limit, lambda member: member.user.id)

    async def join(self, claims: Claims, channel_id: str, *, ip: str | None = None) -> Membership:
        """Make the caller a member of a public channel; for a member nothing changes.

        Raises `NotFound`, `AppError("channel_archived")`.
        """
        require_id(channel_id, "chn")
        async with self.database.transaction() as conn:
            channel = (await store.lock(conn, [channel_id])).get(channel_id)
            known = await visible(conn, claims, channel_id)
            if known.role is not None or channel is None:
                return known
            if channel.archived_at_ms is not None:
                raise AppError("channel_archived")
            now_ms, seq = self.clock(), channel.last_seq + 1
            await members.add(conn, channel_id, claims.subject, "member", now_ms, seq)
            member = await members.get(conn, channel_id, claims.subject)
            if member is None:
                raise NotFound(claims.subject)
            fact = self._fact(wire.MEMBER_JOINED, channel_id, seq, claims, {"member": wire.member_json(member)})
            await record(conn, fact)
            deed = actor_of(claims, ip).did(audit.MEMBER_JOINED, claims.subject, channel_id=channel_id)
            await deeds.record(conn, now_ms, self.new_id, deed)
            membership = await visible(conn, claims, channel_id)
        self.outbox.publish(self._added(claims.subject, membership))
        self.outbox.publish_facts([fact])
        return membership

    async def leave(self, claims: Claims, channel_id: str, *, ip: str | None = None) -> None:
        """End the caller's membership. Raises `NotFound` for a channel that the caller is not in.

        Nothing that is committed to the channel afterwards reaches the caller's sockets, on any node.
        """
        require_id(channel_id, "chn")
        async with self.database.transaction() as conn:
            channel = (await store.lock(conn, [channel_id])).get(channel_id)
            if channel is None or not await members.remove(conn, channel_id, claims.subject):
                raise NotFound(channel_id)
            seq = channel.last_seq + 1
            fact = self._fact(wire.MEMBER_LEFT, channel_id, seq, claims, {"reason": "left"})
            await record(conn, fact)
            said = {"channel_id": channel_id, "reason": "left"}
            deed = actor_of(claims, ip).did(audit.MEMBER_LEFT, claims.subject, **said)
            await deeds.record(conn, self.clock(), self.new_id, deed)
        self.outbox.publish_facts([fact])
        self.outbox.publish(self._removed(claims.subject, channel_id, "left"))

    def _fact(self, kind: str, channel_id: str, seq: int, claims: Claims, data: dict[str, object]) -> Fact:
        data = {"user_id": claims.subject, **data}
        at_ms = self.clock()
        return wire.fact(kind, channel_id=channel_id, seq=seq, at_ms=at_ms, actor_id=claims.subject, data=data)

    def _added(self, user_id: str, membership: Membership) -> Told:
        data = {"channel": wire.channel_json(membership)}
        channel_id = membership.channel.id
        envelope = wire.notice(wire.CHANNEL_ADDED, at_ms=self.clock(), data=data, channel_id=channel_id)
        return Told(user_id=user_id, type=wire.CHANNEL_ADDED, envelope=envelope)

    def _removed(self, user_id: str, channel_id: str, reason: str) -> Told:
        envelope = wire.notice(wire.CHANNEL_REMOVED, at_ms=self.clock(), data={"reason": reason}, channel_id=channel_id)
        return Told(user_id=user_id, type=wire.CHANNEL_REMOVED, envelope=envelope)


async def visible(conn: Connection, claims: Claims, channel_id: str) -> Membership:
    """Fetch a channel that the caller may read: a member's, a public one, or one that the token's map names.

    Raises `NotFound` for any other, as for one that does not exist.
    """
    require_id(channel_id, "chn")
    membership = await store.get_for(conn, claims.subject, channel_id, any_kind=bool(claims.channels))
    if membership is None or ground("read", membership.channel, membership.role, claims.channels) is None:
        raise NotFound(channel_id)
    return membership


async def record(conn: Connection, fact: Fact) -> None:
    """Store a durable fact and move its channel on to it; the channel must be locked."""
    await facts.insert(conn, [fact])
    await store.advance(conn, {fact.channel_id: fact.seq})


def _page(found: list[T], limit: int, position: Callable[[T], str]) -> Page[T]:
    items = found[:limit]
    return Page(items, position(items[-1]) if len(found) > limit else None)


def _channel_id(membership: Membership) -> str:
    return membership.channel.id
