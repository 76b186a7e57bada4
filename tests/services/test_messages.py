"""What a message may be, over both doors: what is stored is what was sent, and what is refused leaves nothing."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.helpers import eventually
from tests.house import House
from tests.people import Person

MESSAGE = {
    "id",
    "channel_id",
    "seq",
    "author_id",
    "text",
    "data",
    "reply_to",
    "client_msg_id",
    "reactions",
    "created_at",
    "edited_at",
    "deleted_at",
}
UNKNOWN = "msg_01J00000000000000000000000"


async def both(person: Person, channel: str, body: dict[str, Any]) -> list[Any]:
    """Send the same over HTTP and over a socket; give the error object of each, or the message."""
    answer = await person.call("POST", f"/v1/channels/{channel}/messages", json=body)
    wire = await person.connects()
    ack = await wire.emit("message.send", {"channel_id": channel, **body})
    await wire.close()
    return [
        answer.body.get("error", answer.body),
        ack["data"]["message"] if ack["ok"] else ack["error"],
    ]


async def test_message_is_answered_whole_over_both_doors(each_house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(each_house, http)
    channel = await ana.creates()

    over_http, over_socket = await both(ana, channel, {"text": "hi", "data": {"a": [1, 2.5, None, True, "é"]}})

    assert over_http.keys() == over_socket.keys() == MESSAGE
    assert (over_http["seq"], over_socket["seq"]) == (1, 2)
    for message in (over_http, over_socket):
        assert message["id"].startswith("msg_")
        assert (message["channel_id"], message["author_id"], message["text"]) == (channel, ana.id, "hi")
        assert message["data"] == {"a": [1, 2.5, None, True, "é"]}
        assert message["reactions"] == {}
        assert message["reply_to"] is message["client_msg_id"] is message["edited_at"] is message["deleted_at"] is None


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({}, "message_empty", "text"),
        ({"text": ""}, "message_empty", "text"),
        ({"text": " \n\t\u3000"}, "message_empty", "text"),
        ({"text": None, "data": None}, "message_empty", "text"),
        ({"text": "x" * 4001}, "message_too_long", "text"),
        ({"text": "😀" * 4001}, "message_too_long", "text"),
        ({"data": {"a": "x" * 16_384}}, "message_too_long", "data"),
        ({"text": "a", "reply_to": UNKNOWN}, "validation_failed", "reply_to"),
        ({"text": "a", "reply_to": ""}, "validation_failed", "reply_to"),
        ({"text": "a", "reply_to": "x" * 65}, "validation_failed", "reply_to"),
        ({"text": "a", "client_msg_id": ""}, "validation_failed", "client_msg_id"),
        ({"text": "a", "client_msg_id": "x" * 65}, "validation_failed", "client_msg_id"),
        ({"text": "a", "client_msg_id": "a b"}, "validation_failed", "client_msg_id"),
        ({"text": "a", "client_msg_id": "é"}, "validation_failed", "client_msg_id"),
        ({"text": "a", "client_msg_id": 5}, "validation_failed", "client_msg_id"),
        ({"text": "a", "id": UNKNOWN}, "validation_failed", "id"),
        ({"text": "a", "created_at": "2020"}, "validation_failed", "created_at"),
    ],
)
async def test_unfit_message_is_refused_with_its_field_and_nothing_is_stored(
    house: House, http: aiohttp.ClientSession, body: dict[str, Any], code: str, path: str
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()

    for error in await both(ana, channel, body):
        assert (error["code"], error["status"], error["retryable"]) == (code, 422, False)
        assert [field["path"] for field in error["fields"]] == [path]
    assert await house.sql("SELECT 1 FROM messages") == []
    assert (await ana.call("GET", f"/v1/channels/{channel}")).body["last_seq"] == 0


async def test_forty_kilobytes_of_emoji_are_too_long_and_not_too_large(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire = await ana.connects()
    body = '{"text":"' + "😀" * 10_000 + '"'

    headers = {"Content-Type": "application/json"}
    answer = await ana.call("POST", f"/v1/channels/{channel}/messages", data=(body + "}").encode(), headers=headers)
    await wire.send(f'42/chat,1["message.send",{body},"channel_id":"{channel}"}}]')
    ack = await eventually(lambda: wire.acks.get(1))

    for error in (answer.body["error"], ack["error"]):
        assert (error["code"], error["status"]) == ("message_too_long", 422)
        assert error["fields"] == [{"path": "text", "code": "too_long", "max": 4000}]
    assert await house.sql("SELECT 1 FROM messages") == []


async def test_data_of_sixteen_levels_in_all_is_taken_and_deeper_is_not(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()

    def nested(levels: int) -> Any:
        return {"a": nested(levels - 1)} if levels else 1

    for message in await both(ana, channel, {"data": nested(15)}):
        assert message["data"] == nested(15)
    deeper = await ana.call("POST", f"/v1/channels/{channel}/messages", json={"data": nested(16)})

    assert (deeper.status, deeper.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    "text",
    [
        "x" * 4000,
        "😀" * 4000,
        "  kept as it came \n",
        "a\u0301" * 2000,
        "\u202eright to left\u202c",
        "\ufffe\uffff\u200b\u2028",
        "e" + "\u0301" * 3999,
        "<img src=x onerror=alert(1)>",
        "'; DROP TABLE messages; --",
        "\u0001\u001f\u007f",
    ],
)
async def test_text_comes_back_as_it_was_sent(each_house: House, http: aiohttp.ClientSession, text: str) -> None:
    ana = await Person.registers(each_house, http)
    channel = await ana.creates()
    wire = await ana.connects()

    sent = await ana.posts(channel, text)

    assert sent["text"] == text
    assert (await wire.fact("message.created"))["data"]["message"]["text"] == text
    (stored,) = (await ana.call("GET", f"/v1/channels/{channel}/messages")).body["items"]
    assert stored == sent


async def test_reply_is_to_a_message_of_the_same_channel(each_house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(each_house, http)
    here, there = await ana.creates(), await ana.creates()
    first, foreign = await ana.posts(here, "first"), await ana.posts(there, "foreign")

    reply = await ana.posts(here, "reply", reply_to=first["id"])
    refused = await both(ana, here, {"text": "reply", "reply_to": foreign["id"]})

    assert (reply["reply_to"], reply["seq"]) == (first["id"], 2)
    for error in refused:
        assert error["code"] == "validation_failed"
        assert [(field["path"], field["code"]) for field in error["fields"]] == [("reply_to", "not_found")]


async def test_repeat_of_a_key_gives_the_first_message(each_house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(each_house, http)
    channel = await ana.creates()
    body = {"text": "once", "data": {"b": 1, "a": 2}, "client_msg_id": "!~key"}
    wire = await ana.connects()

    first = await ana.call("POST", f"/v1/channels/{channel}/messages", json=body)
    again = await ana.call("POST", f"/v1/channels/{channel}/messages", json={**body, "data": {"a": 2, "b": 1}})
    ack = await wire.emit("message.send", {"channel_id": channel, **body})

    assert (first.status, again.status) == (201, 200)
    assert "duplicate" not in first.body
    assert again.body == {**first.body, "duplicate": True}
    assert ack["data"] == {"message": first.body, "duplicate": True}
    assert len(await each_house.sql("SELECT 1 FROM messages")) == 1


@pytest.mark.parametrize(
    "other", [{"text": "other"}, {"text": "once", "data": {}}, {"text": "once", "reply_to": "first"}, {"channel": "b"}]
)
async def test_key_with_other_content_is_refused(
    house: House, http: aiohttp.ClientSession, other: dict[str, Any]
) -> None:
    ana = await Person.registers(house, http)
    channels = {name: await ana.creates() for name in "ab"}
    first = await ana.posts(channels["a"], "once", client_msg_id="key")
    channel = channels[other.pop("channel", "a")]
    if "reply_to" in other:
        other["reply_to"] = first["id"]

    for error in await both(ana, channel, {"text": "once", "client_msg_id": "key", **other}):
        assert (error["code"], error["status"], error["retryable"]) == ("idempotency_key_reused", 409, False)
    assert len(await house.sql("SELECT 1 FROM messages")) == 1


async def test_key_is_its_authors_own(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    await bo.joins(channel)

    messages = [await person.posts(channel, "hi", client_msg_id="key") for person in (ana, bo)]

    assert len({message["id"] for message in messages}) == 2


async def test_the_same_message_sent_a_hundred_times_at_once_is_one(
    each_house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(each_house, http)
    channel = await ana.creates()
    wires = [await ana.connects(), await ana.connects()]
    payload = {"channel_id": channel, "text": "once", "client_msg_id": "key"}

    acks = await asyncio.gather(*(wires[n % 2].emit("message.send", payload) for n in range(100)))

    assert {ack["ok"] for ack in acks} == {True}
    assert len({ack["data"]["message"]["id"] for ack in acks}) == 1
    assert sum(not ack["data"]["duplicate"] for ack in acks) == 1
    assert len(await each_house.sql("SELECT 1 FROM messages")) == 1
