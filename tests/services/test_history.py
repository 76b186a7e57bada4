"""Reading channels back: pages at every edge, and what a client that comes back has missed."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from app.services import history
from app.services.history import SYNC_PER_CHANNEL
from app.store import channels
from tests.house import House
from tests.people import Person

UNKNOWN = "chn_01J00000000000000000000000"


@pytest.fixture
async def ana(each_house: House, http: aiohttp.ClientSession) -> Person:
    return await Person.registers(each_house, http)


async def told(person: Person, count: int) -> str:
    """Create a channel that holds so many messages, one with a join in the middle; seqs are 1 to count + 1."""
    channel = await person.creates()
    other = await Person.registers(person.node, person.http)
    for number in range(count):
        if number == count // 2:
            await other.joins(channel)
        await person.posts(channel, str(number))
    return channel


async def page(person: Person, channel: str, **query: int) -> tuple[list[int], dict[str, Any]]:
    """Read a page over both doors, which must agree; give the seqs and the page's own object."""
    path = f"/v1/channels/{channel}/messages?" + "&".join(f"{name}={value}" for name, value in query.items())
    answer = await person.call("GET", path)
    assert answer.status == 200, answer.body
    wire = await person.connects()
    ack = await wire.emit("history.get", {"channel_id": channel, **query})
    await wire.close()
    assert answer.body == ack["data"]
    assert answer.body.keys() == {"items", "page"}
    assert answer.body["page"].keys() == {"before", "after", "has_before", "has_after", "last_seq"}
    return [item["seq"] for item in answer.body["items"]], answer.body["page"]


@pytest.mark.parametrize(
    ("query", "seqs", "has_before", "has_after"),
    [
        ({}, [1, 2, 3, 5, 6, 7], False, False),
        ({"limit": 6}, [1, 2, 3, 5, 6, 7], False, False),
        ({"limit": 5}, [2, 3, 5, 6, 7], True, False),
        ({"before": 5, "limit": 2}, [2, 3], True, True),
        ({"before": 4}, [1, 2, 3], False, True),
        ({"before": 1}, [], False, True),
        ({"before": 0}, [], False, True),
        ({"before": 8}, [1, 2, 3, 5, 6, 7], False, False),
        ({"before": 1000, "limit": 1}, [7], True, False),
        ({"after": 0, "limit": 3}, [1, 2, 3], False, True),
        ({"after": 3, "limit": 1}, [5], True, True),
        ({"after": 3}, [5, 6, 7], True, False),
        ({"after": 7}, [], True, False),
        ({"after": 2**53 - 1}, [], True, False),
        ({"around": 4, "limit": 2}, [3, 5], True, True),
        ({"around": 1, "limit": 3}, [1, 2, 3], False, True),
        ({"around": 7, "limit": 3}, [5, 6, 7], True, False),
        ({"around": 100, "limit": 2}, [6, 7], True, False),
        ({"around": 3, "limit": 200}, [1, 2, 3, 5, 6, 7], False, False),
    ],
)
async def test_page_says_what_is_before_and_after_it(
    ana: Person, query: dict[str, int], seqs: list[int], *, has_before: bool, has_after: bool
) -> None:
    channel = await told(ana, 6)

    found, about = await page(ana, channel, **query)

    assert found == seqs
    assert (about["has_before"], about["has_after"], about["last_seq"]) == (has_before, has_after, 7)
    assert (about["before"], about["after"]) == ((seqs[0], seqs[-1]) if seqs else (None, None))


async def test_empty_channel_has_an_empty_page(ana: Person) -> None:
    channel = await ana.creates()

    for query in ({}, {"before": 5}, {"after": 0}, {"around": 3}):
        found, about = await page(ana, channel, **query)
        assert (found, about["has_before"], about["has_after"], about["last_seq"]) == ([], False, False, 0)


async def test_channel_is_read_whole_either_way(ana: Person) -> None:
    channel = await told(ana, 23)
    everything = (await page(ana, channel, limit=200))[0]

    backwards: list[int] = []
    found, about = await page(ana, channel, limit=5)
    while True:
        backwards = found + backwards
        if not about["has_before"]:
            break
        found, about = await page(ana, channel, limit=5, before=about["before"])
    forwards: list[int] = []
    found, about = await page(ana, channel, limit=5, after=0)
    while True:
        forwards += found
        if not about["has_after"]:
            break
        found, about = await page(ana, channel, limit=5, after=about["after"])

    assert backwards == forwards == everything
    assert len(everything) == 23


async def test_message_that_overtakes_a_reading_is_not_shown_past_the_head_that_was_read(
    ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await told(ana, 2)
    overtake(monkeypatch, history, "visible", lambda: ana.posts(channel, "meanwhile"))

    answer = (await ana.call("GET", f"/v1/channels/{channel}/messages")).body

    assert [item["seq"] for item in answer["items"]] == [1, 3]
    assert (answer["page"]["has_after"], answer["page"]["last_seq"]) == (False, 3)


async def test_fact_that_overtakes_a_sync_is_left_to_live_delivery(
    ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await told(ana, 2)
    overtake(monkeypatch, channels, "list_for", lambda: ana.posts(channel, "meanwhile"))

    answer = (await ana.call("POST", "/v1/sync", json={"channels": {channel: 1}})).body

    assert [event["seq"] for event in answer["channels"][channel]["events"]] == [2, 3]
    assert answer["channels"][channel]["last_seq"] == 3


@pytest.mark.parametrize("query", ["before=1&after=1", "around=1&before=2", "before=-1", "before=x", "after=1e3"])
async def test_page_that_makes_no_sense_is_refused(ana: Person, query: str) -> None:
    answer = await ana.call("GET", f"/v1/channels/{UNKNOWN}/messages?{query}")

    assert (answer.status, answer.code) == (422, "validation_failed")


def overtake(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, meanwhile: Callable[[], Awaitable[Any]]) -> None:
    """Let something happen once, right after a reading."""
    read = getattr(module, name)
    done: list[bool] = []

    async def overtaken(*arguments: Any, **options: Any) -> Any:
        found = await read(*arguments, **options)
        if not done:
            done.append(True)
            await meanwhile()
        return found

    monkeypatch.setattr(module, name, overtaken)


async def sync(person: Person, channels: dict[str, int]) -> dict[str, Any]:
    """Sync over both doors, which must agree but for the time."""
    answer = await person.call("POST", "/v1/sync", json={"channels": channels})
    assert answer.status == 200, answer.body
    wire = await person.connects()
    ack = await wire.emit("sync", {"channels": channels})
    await wire.close()
    assert answer.body.keys() == {"channels", "added", "unread", "server_time"}
    assert {**answer.body, "server_time": ""} == {**ack["data"], "server_time": ""}
    return dict(answer.body)


async def test_events_are_the_envelopes_that_were_sent_live(ana: Person) -> None:
    channel = await ana.creates()
    wire = await ana.connects()
    bo = await Person.registers(ana.node, ana.http)
    await ana.posts(channel, "one", data={"a": [1.5, None, "é"]}, client_msg_id="k")
    await bo.joins(channel)
    await bo.posts(channel, "two")
    await bo.call("DELETE", f"/v1/channels/{channel}/members/me")
    left = await wire.fact("member.left")
    live = [data for _, data in wire.facts if "seq" in data]

    whole = (await sync(ana, {channel: 0}))["channels"][channel]
    part = (await sync(ana, {channel: 2}))["channels"][channel]
    nothing = (await sync(ana, {channel: 4}))["channels"][channel]

    assert [event["seq"] for event in live] == [1, 2, 3, 4]
    assert live[-1] == left
    assert whole == {"events": live, "last_seq": 4}
    assert part == {"events": live[2:], "last_seq": 4}
    assert nothing == {"events": [], "last_seq": 4}


async def test_too_much_in_one_channel_is_limited(ana: Person) -> None:
    channel = await told(ana, SYNC_PER_CHANNEL)

    answer = (await sync(ana, {channel: 0}))["channels"][channel]
    just = (await sync(ana, {channel: 1}))["channels"][channel]

    assert answer == {"limited": True, "last_seq": SYNC_PER_CHANNEL + 1}
    assert [event["seq"] for event in just["events"]] == list(range(2, SYNC_PER_CHANNEL + 2))


async def test_too_much_in_all_is_limited_channel_by_channel(ana: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.history.SYNC_TOTAL", 10)
    channels = [await told(ana, 3) for _ in range(4)]

    answer = (await sync(ana, dict.fromkeys(channels, 0)))["channels"]

    given = [len(each["events"]) for each in answer.values() if "events" in each]
    assert given == [4, 4]
    assert [each for each in answer.values() if "limited" in each] == [{"limited": True, "last_seq": 4}] * 2


async def test_channel_of_others_is_gone_like_one_that_is_not(ana: Person) -> None:
    bo = await Person.registers(ana.node, ana.http)
    private, public = await bo.creates(kind="private"), await bo.creates()
    await bo.posts(public, "seen by all")

    answer = await sync(ana, {private: 0, UNKNOWN: 5, "nonsense": 1, public: 0})

    for channel in (private, UNKNOWN, "nonsense"):
        assert answer["channels"][channel] == {"gone": True}
    assert len(answer["channels"][public]["events"]) == 1


async def test_channel_that_one_left_is_gone_and_new_ones_are_added(ana: Person) -> None:
    bo = await Person.registers(ana.node, ana.http)
    left, known, new = [await bo.creates() for _ in range(3)]
    for channel in (left, known, new):
        await ana.joins(channel)
    await ana.call("DELETE", f"/v1/channels/{left}/members/me")
    await bo.posts(new, "unread")
    private = await bo.creates(kind="private")

    answer = await sync(ana, {left: 1, known: 1, private: 0})

    assert answer["channels"][private] == {"gone": True}
    assert [(channel["id"], channel["unread"]) for channel in answer["added"]] == [(new, 1)]
    assert answer["unread"] == {known: 0, new: 1}


@pytest.mark.parametrize("count", [1000, 1001])
async def test_so_many_channels_may_be_asked_for_and_no_more(ana: Person, count: int) -> None:
    ids = {f"chn_{number:026d}": 1 for number in range(count)}

    answer = await ana.call("POST", "/v1/sync", json={"channels": ids})

    if count > 1000:
        assert (answer.status, answer.code) == (422, "validation_failed")
        assert [field["path"] for field in answer.body["error"]["fields"]] == ["channels"]
    else:
        assert set(map(str, answer.body["channels"].values())) == {"{'gone': True}"}


async def test_what_an_older_version_stored_does_not_close_the_channel(each_house: House, ana: Person) -> None:
    channel = await ana.creates()
    for number in range(3):
        await ana.posts(channel, str(number), data={})
    deep = '{"a":' * 40 + "1" + "}" * 40
    await each_house.write_sql("UPDATE messages SET data = :data WHERE seq = 1", data='{"x":NaN}')
    await each_house.write_sql("UPDATE messages SET data = :data WHERE seq = 2", data=deep)

    found, _ = await page(ana, channel)
    answer = (await sync(ana, {channel: 0}))["channels"][channel]

    assert found == [1, 2, 3]
    assert answer["last_seq"] == 3
    assert [event["seq"] for event in answer["events"]] == [1, 2, 3]
