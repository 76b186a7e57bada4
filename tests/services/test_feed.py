"""The feed: whatever the log loses, repeats or reorders, every fact is delivered in order, once."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from app.core import wire
from app.core.entries import Ended, Granted, RolesChanged, Told, encode_entry
from app.core.model import Fact, User
from app.secure.seals import Seal
from app.services import feed as feed_module
from app.store import channels, users
from app.store.database import open_database
from tests.core.values import CHANNEL, NOW_MS, SESSION, USER, a_channel, an_id
from tests.helpers import eventually
from tests.services.feeds import House, Listeners, entry_of, membership, said, sealed

BEN = an_id("usr", 2)
NEVER_S = 3600.0
SOON_S = 0.02


@pytest.fixture
async def house(sqlite_url: str) -> AsyncIterator[House]:
    """Give a feed over a store with one channel, of which nobody has said anything; nobody follows it yet."""
    async with open_database(sqlite_url) as database:
        async with database.transaction() as conn:
            for user_id, name in ((USER, "ana"), (BEN, "ben")):
                user = User(id=user_id, username=name, display_name=name, roles=("member",), created_at_ms=NOW_MS)
                await users.add(conn, user, name, None)
            await channels.add(conn, a_channel(), USER, "news")
        yield House(database)


@pytest.fixture
async def running(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Give the same, running, with Ana following the channel; only what is suspected is looked at."""
    monkeypatch.setattr(feed_module, "CHECK_S", NEVER_S)
    house.listeners.admit(USER, CHANNEL, 0)
    house.listeners.heard.clear()
    task = asyncio.create_task(house.feed.run())
    yield house
    assert not task.done(), "the feed has died"
    task.cancel()
    await asyncio.wait([task])


def follows(house: House, seq: int = 0) -> Listeners:
    """Let Ana follow the channel from behind `seq`."""
    house.listeners.admit(USER, CHANNEL, seq)
    house.listeners.heard.clear()
    return house.listeners


async def test_facts_are_delivered_in_order_once(house: House) -> None:
    listeners = follows(house)
    house.logs(said(2), said(1), said(2), said(1), said(4))
    house.logs(said(3))
    assert listeners.heard == [(wire.MESSAGE_CREATED, seq, USER) for seq in (1, 2, 3, 4)]


async def test_a_fact_is_delivered_byte_for_byte(house: House) -> None:
    follows(house)
    house.logs(said(1))
    assert house.listeners.delivered == [said(1)]


async def test_facts_of_a_channel_that_nobody_follows_go_nowhere(house: House) -> None:
    house.logs(said(1), said(2), membership(wire.MEMBER_LEFT, 3))
    assert house.listeners.heard == []
    assert house.feed.foreign_entries == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not ours",
        sealed(Ended(user_id=USER, reason="signed_out", at_ms=1))[16:],
        Seal(b"somebody else's key.............").close(encode_entry(Ended(user_id=USER, reason="x", at_ms=1))),
        entry_of(Fact(channel_id=CHANNEL, seq=1, type="channel.added", envelope=b"{}")),
        entry_of(Fact(channel_id=CHANNEL, seq=1, type="disconnect", envelope=b"{}")),
        entry_of(Fact(channel_id=CHANNEL, seq=1, type=wire.MESSAGE_CREATED, envelope=b"{}")),
        entry_of(Fact(channel_id=CHANNEL, seq=1, type=wire.MESSAGE_CREATED, envelope=said(2).envelope)),
        entry_of(Fact(channel_id=CHANNEL, seq=1, type="message.deleted", envelope=said(1).envelope)),
        entry_of(wire.fact("member.joined", channel_id=CHANNEL, seq=1, at_ms=0, actor_id=USER, data={})),
        entry_of(wire.fact("member.left", channel_id=CHANNEL, seq=1, at_ms=0, actor_id=USER, data={"user_id": 5})),
        entry_of(Fact(channel_id=CHANNEL, seq=1, type=wire.MESSAGE_CREATED, envelope=said(1).envelope + b"\xff")),
        sealed(Told(user_id=USER, type="hello", envelope=b"\xff")),
        sealed(Told(user_id=USER, type="disconnect", envelope=b'{"type":"disconnect"}')),
        sealed(Told(user_id=USER, type="hello", envelope=b'{"type":"channel.added"}')),
    ],
    ids=range(15),
)
async def test_an_entry_that_is_not_ours_is_counted_and_does_no_harm(house: House, raw: bytes) -> None:
    listeners = follows(house)
    house.feed.on_entries([raw, entry_of(said(1)), raw])
    assert listeners.seqs() == [1]
    assert len(listeners.heard) == 1
    assert house.feed.foreign_entries == 2


async def test_passing_facts_grants_ends_and_changes_of_roles_are_passed_on(house: House) -> None:
    envelope = wire.notice(wire.CHANNEL_ADDED, at_ms=NOW_MS, data={})
    ended = Ended(user_id=USER, reason="signed_out", at_ms=NOW_MS, session_id=SESSION)
    entries = (
        Told(user_id=USER, type=wire.CHANNEL_ADDED, envelope=envelope),
        Granted(user_id=USER, channel_id=CHANNEL, seq=4),
        ended,
        RolesChanged(user_id=BEN),
    )
    house.feed.on_entries([sealed(entry) for entry in entries])
    assert house.listeners.heard == [
        ("told", USER, wire.CHANNEL_ADDED, envelope),
        ("admitted", USER, 4),
        ("ended", ended),
        ("doubted", BEN),
    ]


async def test_who_joins_hears_the_join(house: House) -> None:
    house.listeners.following[BEN] = set()
    listeners = follows(house, 4)
    house.logs(said(5), membership(wire.MEMBER_JOINED, 6, BEN), said(7))
    assert listeners.heard == [
        (wire.MESSAGE_CREATED, 5, USER),
        ("admitted", BEN, 5),
        (wire.MEMBER_JOINED, 6, USER, BEN),
        (wire.MESSAGE_CREATED, 7, USER, BEN),
    ]


async def test_who_left_hears_neither_the_leave_nor_what_follows(house: House) -> None:
    house.listeners.following[BEN] = set()
    house.listeners.admit(BEN, CHANNEL, 0)
    listeners = follows(house)
    house.logs(said(3), membership(wire.MEMBER_LEFT, 2, BEN), said(1))
    assert listeners.heard == [
        (wire.MESSAGE_CREATED, 1, USER, BEN),
        ("expelled", BEN),
        (wire.MEMBER_LEFT, 2, USER),
        (wire.MESSAGE_CREATED, 3, USER),
    ]


async def test_the_last_to_leave_leaves_nothing_behind(house: House) -> None:
    listeners = follows(house)
    house.logs(membership(wire.MEMBER_LEFT, 1), said(2))
    assert listeners.heard == [("expelled", USER)]
    assert house.sequencer.watched() == []


async def test_the_first_to_join_follows_from_behind_the_join(house: House) -> None:
    house.logs(said(8), membership(wire.MEMBER_JOINED, 9), said(10))
    assert house.listeners.heard == [
        ("admitted", USER, 8),
        (wire.MEMBER_JOINED, 9, USER),
        (wire.MESSAGE_CREATED, 10, USER),
    ]


async def test_a_join_that_the_log_repeats_after_the_leave_is_put_right_by_the_store(running: House) -> None:
    running.listeners.expel(USER, CHANNEL)
    running.listeners.heard.clear()
    joined, left = membership(wire.MEMBER_JOINED, 1), membership(wire.MEMBER_LEFT, 2)
    await running.stores(joined, left, said(3))
    running.logs(joined)
    await eventually(lambda: running.sequencer.watched() == [])
    assert ("expelled", USER) in running.listeners.heard
    assert running.listeners.following[USER] == set()
    assert (wire.MESSAGE_CREATED, 3, USER) not in running.listeners.heard


async def test_a_hole_is_filled_from_the_store(running: House) -> None:
    await running.stores(said(1), said(2), said(3), said(4))
    running.logs(said(1), said(4))
    await running.hears(1, 2, 3, 4)


async def test_a_hole_that_the_log_fills_by_itself_is_read_from_nowhere_else(running: House) -> None:
    await running.stores(said(1), said(2))
    running.logs(said(2))
    running.logs(said(1))
    await running.hears(1, 2)
    await eventually(lambda: running.history.compared)
    running.logs(said(3))
    await running.hears(1, 2, 3)
    assert running.history.asked == []


async def test_a_hole_of_many_pages_is_filled_whole(running: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "FILL_PAGE", 7)
    facts = [said(seq) for seq in range(1, 31)]
    await running.stores(*facts)
    running.logs(facts[-1])
    await running.hears(*range(1, 31))
    assert running.history.asked == [(0, 7), (7, 7), (14, 7), (21, 7), (28, 7)]


async def test_a_leave_in_what_was_missed_ends_the_hearing(running: House) -> None:
    await running.stores(said(1), membership(wire.MEMBER_LEFT, 2), said(3), said(4))
    running.logs(said(4))
    await eventually(lambda: running.sequencer.watched() == [])
    assert running.listeners.heard == [(wire.MESSAGE_CREATED, 1, USER), ("expelled", USER)]


async def test_what_nobody_told_is_found_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "CHECK_S", SOON_S)
    follows(house)
    await house.stores(said(1), said(2))
    task = asyncio.create_task(house.feed.run())
    await house.hears(1, 2)
    await house.stores(said(3))
    await house.hears(1, 2, 3)
    task.cancel()
    await asyncio.wait([task])


async def test_a_gap_in_the_log_compares_everything_with_the_store(running: House) -> None:
    await running.stores(said(1), said(2))
    running.feed.on_gap("trimmed")
    assert running.listeners.heard[0] == ("doubted", None)
    await running.hears(1, 2)


async def test_who_is_too_far_behind_is_told_to_sync_and_goes_on_from_there(
    running: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MAX_BEHIND", 5)
    facts = [said(seq) for seq in range(1, 11)]
    await running.stores(*facts[:8])
    running.logs(facts[8], facts[9])
    await running.hears(9, 10)
    assert running.listeners.heard == [
        ("must sync", CHANNEL),
        ("doubted", None),
        (wire.MESSAGE_CREATED, 9, USER),
        (wire.MESSAGE_CREATED, 10, USER),
    ]
    assert running.history.asked == []
    running.logs(said(11))
    await running.hears(9, 10, 11)


async def test_as_far_behind_as_is_allowed_is_still_filled(running: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "MAX_BEHIND", 5)
    await running.stores(*(said(seq) for seq in range(1, 6)))
    running.logs(said(5))
    await running.hears(1, 2, 3, 4, 5)


async def test_a_store_that_is_away_is_asked_again_soon(running: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "RETRY_S", SOON_S)
    running.history.outages.extend(["no connection"] * 3)
    await running.stores(said(1), said(2))
    running.logs(said(2))
    await running.hears(1, 2)
    assert running.history.outages == []


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_the_log_does_every_fact_is_heard_once_in_order(running: House, seed: int) -> None:
    chance = random.Random(seed)
    facts = [said(seq) for seq in range(1, 81)]
    for start in range(0, 80, 20):
        part = facts[start : start + 20]
        await running.stores(*part)
        told = [fact for fact in part if chance.random() < 0.7] + chance.sample(part, 5)
        chance.shuffle(told)
        for fact in told:
            running.logs(fact)
            if chance.random() < 0.2:
                await asyncio.sleep(0)
    running.feed.on_gap("the last may be among the lost")
    await running.hears(*range(1, 81))
    assert not running.sequencer.has_hole(CHANNEL)
