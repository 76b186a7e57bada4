"""The group-commit writer: many at once, gapless, and nobody's fault is another's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from app.core.errors import AppError, Invalid, Unavailable
from app.core.sending import Draft, Stored, fingerprint
from app.services import writer as module
from app.services.writer import Writer
from app.store.faults import OutcomeUnknown
from tests.helpers import eventually
from tests.house import House
from tests.people import Person


def a_draft(person: Person, channel: str, name: str, **changes: Any) -> Draft:
    values: dict[str, Any] = {
        "id": f"msg_{name}",
        "author_id": person.id,
        "channel_id": channel,
        "text": name,
        "data": None,
        "reply_to": None,
        "client_msg_id": None,
        "fingerprint": fingerprint(channel, name, None, None),
    }
    return Draft(**{**values, **changes})


@asynccontextmanager
async def held(house: House) -> AsyncIterator[None]:
    """Keep the database's write lock, so that what is sent gathers."""
    async with house.node.desk.history.database.transaction():
        yield


def is_committing(writer: Writer) -> bool:
    """Tell whether a batch is on its way and none waits behind it."""
    return not writer._queue and not writer._idle.is_set()


async def stores(writer: Writer, drafts: list[Draft]) -> list[asyncio.Task[Stored]]:
    """Ask for drafts to be stored, in this order."""
    return [asyncio.create_task(writer.store(draft)) for draft in drafts]


async def outcomes(tasks: list[asyncio.Task[Stored]]) -> list[Any]:
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_many_at_once_take_gapless_seqs_in_the_order_of_asking(
    each_house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(each_house, http)
    channels = [await ana.creates(), await ana.creates()]
    wire = await ana.connects()
    drafts = [a_draft(ana, channels[n % 2], str(n)) for n in range(400)]

    found = await outcomes(await stores(each_house.node.writer, drafts))

    for channel in channels:
        mine = [stored.message for stored in found if stored.message.channel_id == channel]
        assert [message.seq for message in mine] == list(range(1, 201))
        assert [int(message.text or "") for message in mine] == sorted(int(message.text or "") for message in mine)
    await eventually(lambda: len(wire.of("message.created")) == 400)
    for channel in channels:
        heard = [fact["seq"] for fact in wire.of("message.created") if fact["channel_id"] == channel]
        assert heard == list(range(1, 201))
    stored = await each_house.sql("SELECT last_seq FROM channels")
    assert [row[0] for row in stored] == [200, 200]


POISON = {"lone surrogate": {"text": "\ud800"}, "surrogate in data": {"data": {"a": "\udfff"}}}


@pytest.mark.parametrize("poison", [*POISON.values(), {"text": "a\0b"}], ids=[*POISON, "NUL"])
async def test_poisoned_draft_does_not_harm_the_others_of_its_batch(
    each_house: House, http: aiohttp.ClientSession, poison: dict[str, Any]
) -> None:
    ana = await Person.registers(each_house, http)
    channel = await ana.creates()
    wire = await ana.connects()
    drafts = [a_draft(ana, channel, str(n)) for n in range(20)]
    drafts[7] = a_draft(ana, channel, "7", **poison)

    found = await outcomes(await stores(each_house.node.writer, drafts))

    others = [*found[:7], *found[8:]]
    assert all(isinstance(outcome, Stored) for outcome in others)
    count = 20 if isinstance(found[7], Stored) else 19
    assert sorted(outcome.message.seq for outcome in found if isinstance(outcome, Stored)) == list(range(1, count + 1))
    if count == 19:
        assert isinstance(found[7], Invalid)
    await eventually(lambda: len(wire.of("message.created")) == count)


async def test_drafts_that_may_not_be_stored_fail_alone(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    drafts = [
        a_draft(ana, channel, "1"),
        a_draft(bo, channel, "2"),
        a_draft(ana, "chn_x", "3"),
        a_draft(ana, channel, "4"),
    ]

    found = await outcomes(await stores(house.node.writer, drafts))

    assert [getattr(outcome, "code", "") for outcome in found] == ["", "not_found", "not_found", ""]
    assert [found[0].message.seq, found[3].message.seq] == [1, 2]


async def test_full_queue_is_unavailable_with_a_time_and_stores_nothing_of_it(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    async with held(house):
        first = await stores(house.node.writer, [a_draft(ana, channel, "first")])
        await eventually(lambda: is_committing(house.node.writer))
        waiting = await stores(house.node.writer, [a_draft(ana, channel, str(n)) for n in range(5)])
        await eventually(lambda: len(house.node.writer._queue) == 5)

        answer = await ana.call("POST", f"/v1/channels/{channel}/messages", json={"text": "one too many"})

    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.body["error"]["retry_after_ms"] > 0
    assert all(isinstance(outcome, Stored) for outcome in await outcomes([*first, *waiting]))
    texts = [row[0] for row in await house.sql("SELECT text FROM messages ORDER BY seq")]
    assert texts == ["first", "0", "1", "2", "3", "4"]


async def test_database_that_is_away_fails_the_batch_and_keeps_the_writer(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    await house.lose_database()

    found = await outcomes(await stores(house.node.writer, [a_draft(ana, channel, str(n)) for n in range(3)]))
    await house.find_database()

    assert all(isinstance(outcome, Unavailable) for outcome in found)
    assert await house.sql("SELECT 1 FROM messages") == []
    assert (await ana.posts(channel, "back"))["seq"] == 1
    assert house.node.tasks.dead == {}


async def test_fault_that_nobody_expected_is_internal_and_keeps_the_writer(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    await house.write_sql("ALTER TABLE messages RENAME COLUMN fingerprint TO gone")

    found = await outcomes(await stores(house.node.writer, [a_draft(ana, channel, str(n)) for n in range(3)]))
    await house.write_sql("ALTER TABLE messages RENAME COLUMN gone TO fingerprint")

    assert [getattr(outcome, "code", "") for outcome in found] == ["internal_error"] * 3
    assert (await ana.posts(channel, "back"))["seq"] == 1
    assert house.node.tasks.dead == {}


async def test_sender_who_gives_up_does_not_stop_the_others(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    async with held(house):
        tasks = await stores(house.node.writer, [a_draft(ana, channel, str(n)) for n in range(4)])
        await asyncio.sleep(0)
        tasks[1].cancel()

    found = await outcomes(tasks)

    assert isinstance(found[1], asyncio.CancelledError)
    assert all(isinstance(outcome, Stored) for outcome in (found[0], *found[2:]))


async def test_drained_means_that_what_was_in_flight_is_stored_and_told(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    async with held(house):
        tasks = await stores(house.node.writer, [a_draft(ana, channel, "in flight")])
        await eventually(lambda: is_committing(house.node.writer))
        drained = asyncio.create_task(house.node.writer.drained())
        await asyncio.wait({drained}, timeout=0.05)
        assert not drained.done()

    await asyncio.wait_for(drained, 5)

    assert tasks[0].done()
    assert len(await house.sql("SELECT 1 FROM messages")) == 1


async def test_writer_that_stops_answers_everyone(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    node = house.node
    writer = Writer(node.desk.history.database, node.desk.sessions.outbox, house.clock)
    running = asyncio.create_task(writer.run())
    async with held(house):
        tasks = await stores(writer, [a_draft(ana, channel, "0")])
        await eventually(lambda: is_committing(writer))
        tasks += await stores(writer, [a_draft(ana, channel, "1")])
        await eventually(lambda: writer._queue)
        running.cancel()
        found = await asyncio.wait_for(outcomes(tasks), 5)

    assert [type(outcome) for outcome in found] == [OutcomeUnknown, Unavailable]
    with pytest.raises(AppError):
        raise found[0]
    assert await house.sql("SELECT 1 FROM messages") == []
    with pytest.raises(asyncio.CancelledError):
        await running
