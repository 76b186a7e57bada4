"""Two nodes on one database and one log."""

import asyncio
from functools import partial

import aiohttp
import pytest

from tests.helpers import eventually
from tests.nodes import MakeNode, Node
from tests.people import Person, Wire

Pair = tuple[Node, Node]


@pytest.fixture
async def pair(make_node: MakeNode, database_url: str, redis_url: str) -> Pair:
    """Run two nodes with data directories' secrets in common, on each database."""
    shared = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    first = await make_node(**shared).start()
    return first, await make_node(**shared).start()


async def test_message_sent_on_one_node_arrives_on_the_other_in_seq_order(
    pair: Pair, http: aiohttp.ClientSession
) -> None:
    ana, bo = await Person.registers(pair[0], http, "ana"), await Person.registers(pair[1], http, "bo")
    channel = await ana.creates()
    await bo.joins(channel)
    here, there = await ana.connects(), await bo.connects()

    sends = [ana.posts(channel, f"a{n}") for n in range(20)] + [bo.posts(channel, f"b{n}") for n in range(20)]
    sent = await asyncio.gather(*sends)
    for wire in (here, there):
        await eventually(partial(hears, wire, 40))

    heard_here, heard_there = seqs(here), seqs(there)
    assert heard_here == heard_there == sorted(message["seq"] for message in sent) == list(range(2, 42))


async def test_joining_and_leaving_on_one_node_reaches_sockets_on_the_other(
    pair: Pair, http: aiohttp.ClientSession
) -> None:
    ana, bo = await Person.registers(pair[0], http, "ana"), await Person.registers(pair[0], http, "bo")
    channel = await ana.creates()
    wire = await bo.at(pair[1]).connects()

    await bo.joins(channel)
    await wire.fact("channel.added")
    await ana.posts(channel, "welcome")
    await wire.fact("message.created")
    assert (await bo.call("DELETE", f"/v1/channels/{channel}/members/me")).status == 204
    await wire.fact("channel.removed")
    await ana.posts(channel, "he is gone")
    other = await ana.creates()
    await bo.joins(other)
    await ana.posts(other, "a later one")
    await eventually(lambda: len(wire.of("message.created")) == 2)

    texts = [fact["data"]["message"]["text"] for fact in wire.of("message.created")]
    assert texts == ["welcome", "a later one"]


async def test_killed_node_loses_no_acked_message_and_repeats_none(pair: Pair, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(pair[0], http, "ana"), await Person.registers(pair[1], http, "bo")
    channel = await ana.creates()
    await bo.joins(channel)
    listener = await bo.connects()
    wire = await ana.connects()

    acked: list[int] = []

    async def send(number: int) -> None:
        ack = await wire.emit(
            "message.send", {"channel_id": channel, "text": str(number), "client_msg_id": str(number)}
        )
        if ack["ok"]:
            acked.append(ack["data"]["message"]["seq"])

    sending = [asyncio.create_task(send(number)) for number in range(50)]
    await eventually(lambda: len(acked) >= 10)
    await pair[0].kill()
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    await pair[0].start()
    history = await whole_history(ana, channel)

    stored = [message["seq"] for message in history]
    assert set(acked) <= set(stored)
    assert stored == list(range(2, 2 + len(stored)))
    assert len({message["client_msg_id"] for message in history}) == len(history)
    await eventually(lambda: seqs(listener) == stored, 15)
    retried = await ana.posts(channel, "0", client_msg_id="0")
    assert retried["duplicate"] is True


async def test_signing_out_on_one_node_closes_the_sockets_on_the_other(pair: Pair, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(pair[0], http)
    wire = await ana.at(pair[1]).connects()

    assert (await ana.call("POST", "/v1/auth/logout")).status == 204

    assert (await wire.fact("session.revoked"))["reconnect"] is False
    await eventually(lambda: wire.closed)
    assert (await ana.at(pair[1]).call("GET", "/v1/me")).code == "session_revoked"


async def test_the_same_key_sent_to_both_nodes_at_once_is_stored_once(pair: Pair, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(pair[0], http)
    channel = await ana.creates()
    people = [ana, ana.at(pair[1])]

    answers = await asyncio.gather(*(people[n % 2].posts_until_told(channel, "once", "key") for n in range(40)))

    assert len({answer["id"] for answer in answers}) == 1
    assert len(await whole_history(ana, channel)) == 1


def hears(wire: Wire, messages: int) -> bool:
    return len(wire.of("message.created")) == messages


def seqs(wire: Wire) -> list[int]:
    return [fact["seq"] for fact in wire.of("message.created")]


async def whole_history(person: Person, channel: str) -> list[dict[str, object]]:
    answer = await person.call("GET", f"/v1/channels/{channel}/messages?limit=200")
    assert answer.status == 200, answer.body
    return list(answer.body["items"])
