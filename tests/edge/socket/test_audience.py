"""Who hears what on a node: memberships, visits, and changes that overtake a reading of the store."""

import json
from typing import Any

import aiohttp
import pytest

from app.services.channels import Channels
from tests.helpers import eventually
from tests.house import House, MakeHouse
from tests.people import Person, Wire

UNKNOWN = "chn_01J00000000000000000000000"


def texts(wire: Wire) -> list[str]:
    return [fact["data"]["message"]["text"] for fact in wire.of("message.created")]


async def said_after(house: House, person: Person, wire: Wire) -> None:
    """Wait until everything that was published before this has reached a socket of this person."""
    count = len(wire.of("channel.added"))
    await person.creates()
    await wire.fact("channel.added", count)


async def test_member_hears_own_and_others_messages_in_their_envelopes(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    await bo.joins(channel)
    wires = [await ana.connects(), await bo.connects()]

    message = await ana.posts(channel, "hi")

    for wire in wires:
        fact = await wire.fact("message.created")
        assert fact.keys() == {"type", "channel_id", "seq", "at", "actor_id", "data"}
        assert (fact["type"], fact["channel_id"], fact["actor_id"]) == ("message.created", channel, ana.id)
        assert (fact["seq"], fact["at"]) == (message["seq"], message["created_at"])
        assert fact["data"] == {"message": message}


async def test_creator_hears_the_first_message_of_a_new_channel(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    wire = await ana.connects()

    channel = await ana.creates("new", "private")
    await ana.posts(channel, "first")

    added = await wire.fact("channel.added")
    assert (added["channel"]["id"], added["channel"]["my_role"]) == (channel, "owner")
    assert (await wire.fact("message.created"))["seq"] == 1


async def test_who_joins_hears_the_join_and_what_follows(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    await ana.posts(channel, "before")
    wire = await bo.connects()

    await bo.joins(channel)
    await ana.posts(channel, "after")

    joined = await wire.fact("member.joined")
    assert (joined["seq"], joined["data"]["user_id"]) == (2, bo.id)
    assert joined["data"]["member"]["role"] == "member"
    await wire.fact("message.created")
    assert texts(wire) == ["after"]


async def test_who_left_hears_nothing_more_though_others_do(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    await bo.joins(channel)
    anas, bos = await ana.connects(), [await bo.connects(), await bo.connects()]

    assert (await bo.call("DELETE", f"/v1/channels/{channel}/members/me")).status == 204
    await ana.posts(channel, "not for bo")
    left = await anas.fact("member.left")
    await anas.fact("message.created")

    assert (left["data"]["user_id"], left["actor_id"]) == (bo.id, bo.id)
    for wire in bos:
        removed = await wire.fact("channel.removed")
        assert (removed["channel_id"], removed["data"]["reason"]) == (channel, "left")
        await said_after(house, bo, wire)
        assert texts(wire) == []
        assert wire.of("member.left") == []


async def test_stranger_hears_nothing_of_channels_and_strangers_nothing_at_all(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channels = [await ana.creates(), await ana.creates(kind="private")]
    wire = await bo.connects()
    unauthenticated = await Wire.opens(http, house)

    for channel in channels:
        await ana.posts(channel, "not for bo")
    await said_after(house, bo, wire)

    assert [name for name, _ in wire.facts] == ["hello", "channel.added"]
    assert [frame[0] for frame in unauthenticated.frames] == ["0"]


async def test_public_channel_is_heard_while_it_is_open(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    await ana.posts(channel, "before")
    wire = await bo.connects()

    opened = await wire.emit("channel.open", {"channel_id": channel})
    again = await wire.emit("channel.open", {"channel_id": channel})
    await ana.posts(channel, "open")
    await wire.fact("message.created")
    closed = await wire.emit("channel.close", {"channel_id": channel})
    await ana.posts(channel, "after")
    await said_after(house, bo, wire)

    shown = opened["data"]["channel"]
    assert (shown["id"], shown["my_role"], shown["last_seq"]) == (channel, None, 1)
    assert again["ok"] is closed["ok"] is True
    assert closed["data"] == {}
    assert texts(wire) == ["open"]


async def test_closing_does_not_silence_a_members_channel(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire = await ana.connects()

    assert (await wire.emit("channel.open", {"channel_id": channel}))["ok"] is True
    assert (await wire.emit("channel.close", {"channel_id": channel}))["ok"] is True
    await ana.posts(channel, "still heard")

    assert (await wire.fact("message.created"))["data"]["message"]["text"] == "still heard"


@pytest.mark.parametrize("command", ["channel.open", "channel.close"])
async def test_private_channel_of_others_is_opened_like_one_that_is_not(
    house: House, http: aiohttp.ClientSession, command: str
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    private = await ana.creates(kind="private")
    wire = await bo.connects()

    acks = [await wire.emit(command, {"channel_id": channel}) for channel in (private, UNKNOWN, "x", "")]

    assert {ack["error"]["code"] for ack in acks} == {"not_found"}
    assert len({json.dumps({**ack["error"], "request_id": ""}) for ack in acks}) == 1


async def test_socket_opens_so_many_channels_besides_its_own(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(channels_per_socket=2)
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    theirs = [await ana.creates() for _ in range(3)]
    for _ in range(3):
        await bo.creates()
    wire = await bo.connects()

    acks = [await wire.emit("channel.open", {"channel_id": channel}) for channel in (*theirs, theirs[0])]
    await wire.emit("channel.close", {"channel_id": theirs[0]})
    acks.append(await wire.emit("channel.open", {"channel_id": theirs[2]}))

    assert [ack["ok"] for ack in acks] == [True, True, False, True, True]
    assert acks[2]["error"]["code"] == "validation_failed"
    assert acks[2]["error"]["fields"] == [{"path": "channel_id", "code": "too_many", "max": 2}]


async def test_comparison_with_the_store_leaves_open_channels_open(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    wire = await bo.connects()
    await wire.emit("channel.open", {"channel_id": channel})
    (connection,) = house.node.audience._followed

    await house.node.desk.accounts.set_roles(bo.username, ("guest",))
    await eventually(lambda: connection.session.claims.roles == ("guest",))
    await ana.posts(channel, "still open")

    assert (await wire.fact("message.created"))["data"]["message"]["text"] == "still open"


async def test_leaving_closes_what_was_open_before_joining(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    wire = await bo.connects()
    await wire.emit("channel.open", {"channel_id": channel})
    await bo.joins(channel)
    await wire.fact("member.joined")

    await bo.call("DELETE", f"/v1/channels/{channel}/members/me")
    await wire.fact("channel.removed")
    await ana.posts(channel, "not for bo")
    await said_after(house, bo, wire)

    assert texts(wire) == []


async def overtake(monkeypatch: pytest.MonkeyPatch, house: House, meanwhile: Any) -> None:
    """Let something happen, with all its consequences, between the reading of memberships and the use of them."""
    followed_by = Channels.followed_by
    done: list[bool] = []

    async def overtaken(self: Channels, user_id: str) -> dict[str, int]:
        found = await followed_by(self, user_id)
        if not done:
            done.append(True)
            await meanwhile()
        return found

    monkeypatch.setattr(Channels, "followed_by", overtaken)


async def test_leave_that_overtakes_a_connect_holds(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    await bo.joins(channel)
    anas = await ana.connects()

    async def leaves() -> None:
        await bo.call("DELETE", f"/v1/channels/{channel}/members/me")
        await anas.fact("member.left")

    await overtake(monkeypatch, house, leaves)
    wire = await bo.connects()
    await ana.posts(channel, "not for bo")
    await anas.fact("message.created")
    await said_after(house, bo, wire)

    assert texts(wire) == []


async def test_leave_that_overtakes_a_comparison_holds(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    await bo.joins(channel)
    anas, wire = await ana.connects(), await bo.connects()

    async def leaves() -> None:
        await bo.call("DELETE", f"/v1/channels/{channel}/members/me")
        await wire.fact("channel.removed")

    await overtake(monkeypatch, house, leaves)
    house.node.audience.doubt(bo.id)
    await wire.fact("channel.removed")
    await eventually(lambda: not house.node.audience._doubted and not house.node.audience._readings)
    await ana.posts(channel, "not for bo")
    await anas.fact("message.created")
    await said_after(house, bo, wire)

    assert texts(wire) == []


async def test_join_that_overtakes_a_comparison_holds(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    wire = await bo.connects()

    async def joins() -> None:
        await bo.joins(channel)
        await wire.fact("member.joined")

    await overtake(monkeypatch, house, joins)
    house.node.audience.doubt(bo.id)
    await wire.fact("member.joined")
    await eventually(lambda: not house.node.audience._doubted and not house.node.audience._readings)
    await ana.posts(channel, "for bo")

    assert (await wire.fact("message.created"))["data"]["message"]["text"] == "for bo"


async def test_message_that_overtakes_an_opening_is_either_live_or_in_the_answer(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    anas, wire = await ana.connects(), await bo.connects()
    get = Channels.get
    done: list[bool] = []

    async def overtaken(self: Channels, *arguments: Any) -> Any:
        found = await get(self, *arguments)
        if not done:
            done.append(True)
            await ana.posts(channel, "meanwhile")
            await anas.fact("message.created")
        return found

    monkeypatch.setattr(Channels, "get", overtaken)
    ack = await wire.emit("channel.open", {"channel_id": channel})
    await ana.posts(channel, "later")
    heard = await wire.fact("message.created")

    assert heard["seq"] == ack["data"]["channel"]["last_seq"] + 1 == 2


async def test_late_news_that_all_sessions_ended_spares_who_signed_in_since(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    old = await ana.connects()
    late: list[bytes] = []
    outbox = house.node.desk.sessions.outbox
    append, outbox._append = outbox._append, late.append
    assert (await ana.call("POST", "/v1/auth/logout-all")).status == 204
    outbox._append = append
    body = {"username": ana.username, "password": "correct horse battery"}
    answer = await ana.call("POST", "/v1/auth/login", json=body)
    wire = await house.person(ana, answer.body["access_token"]).connects()

    for entry in late:
        append(entry)

    assert (await old.fact("session.revoked"))["reason"] == "signed_out"
    await eventually(lambda: not house.node.audience._doubted)
    assert (await wire.emit("ping", {}))["ok"] is True
    assert wire.of("session.revoked") == []


async def test_comparison_waits_for_a_database_that_is_away(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.edge.socket.audience.RETRY_S", 0.01)
    ana = await Person.registers(house, http)
    wire = await ana.connects()
    await house.write_sql("UPDATE sessions SET revoked_at = 1")
    await house.lose_database()

    house.node.audience.doubt(None)
    assert (await wire.emit("ping", {}))["ok"] is True
    await house.find_database()

    assert (await wire.fact("session.revoked"))["reason"] == "session_ended"
    assert house.node.tasks.dead == {}
