"""What the service does while a part of it is away: it says so, loses nothing that it acked, and heals by itself."""

import asyncio
import os
import sqlite3
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.helpers import eventually
from tests.nodes import MakeNode, Node
from tests.people import Person, Wire
from tests.postgres import Postgres
from tests.valkey import Valkey

HEAL_S = 20.0


@pytest.fixture
async def fleet(make_node: MakeNode, sqlite_url: str, faulty_valkey: Valkey) -> tuple[Node, Node]:
    """Run two nodes on a Valkey that a test may break."""
    shared = {"DATABASE_URL": sqlite_url, "REDIS_URL": faulty_valkey.url}
    first = await make_node(**shared).start()
    return first, await make_node(**shared).start()


@pytest.mark.parametrize("fault", ["killed", "frozen"])
async def test_redis_away_sends_are_acked_and_delivered_in_order_when_it_is_back(
    fleet: tuple[Node, Node], faulty_valkey: Valkey, http: aiohttp.ClientSession, fault: str
) -> None:
    ana, bo = await Person.registers(fleet[0], http, "ana"), await Person.registers(fleet[1], http, "bo")
    channel = await ana.creates()
    await bo.joins(channel)
    here, there = await ana.connects(), await bo.connects()
    await ana.posts(channel, "before")

    faulty_valkey.kill() if fault == "killed" else faulty_valkey.freeze()
    acked = [await ana.posts(channel, f"meanwhile {n}") for n in range(10)]
    acked += [await bo.posts(channel, f"also {n}") for n in range(10)]
    await eventually(lambda: redis_is_away(fleet[0]), HEAL_S)
    faulty_valkey.start() if fault == "killed" else faulty_valkey.thaw()
    acked.append(await ana.posts(channel, "after"))

    for wire in (here, there):
        await eventually(partial(hears, wire, 22), HEAL_S)
        assert seqs(wire) == list(range(2, 24))
        assert not wire.closed
    assert sorted(message["seq"] for message in acked) == list(range(3, 24))
    await eventually(lambda: is_ready(fleet[0]), HEAL_S)


async def test_wiped_log_is_noticed_and_filled_from_the_store(
    fleet: tuple[Node, Node], faulty_valkey: Valkey, http: aiohttp.ClientSession
) -> None:
    ana, bo = await Person.registers(fleet[0], http, "ana"), await Person.registers(fleet[1], http, "bo")
    channel = await ana.creates()
    await bo.joins(channel)
    there = await bo.connects()

    for number in range(5):
        await ana.posts(channel, str(number))
        faulty_valkey.run("FLUSHALL")

    await eventually(lambda: len(there.of("message.created")) == 5, HEAL_S)
    assert seqs(there) == list(range(2, 7))


async def test_message_of_a_node_that_died_before_it_told_anyone_still_arrives(
    fleet: tuple[Node, Node], faulty_valkey: Valkey, http: aiohttp.ClientSession
) -> None:
    ana, bo = await Person.registers(fleet[0], http, "ana"), await Person.registers(fleet[1], http, "bo")
    channel = await ana.creates()
    await bo.joins(channel)
    there = await bo.connects()

    faulty_valkey.freeze()
    await ana.posts(channel, "committed, told nobody")
    await fleet[0].kill()
    faulty_valkey.thaw()

    fact = await eventually(lambda: there.of("message.created"), HEAL_S)
    assert fact[0]["data"]["message"]["text"] == "committed, told nobody"


async def test_embedded_valkey_that_dies_is_started_again(node: Node, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(node, http)
    channel = await ana.creates()
    wire = await ana.connects()

    os.kill(embedded_pid(node), 9)
    await ana.posts(channel, "stored all the same")

    await eventually(lambda: wire.of("message.created"), HEAL_S)
    await eventually(lambda: is_ready(node), HEAL_S)


async def test_postgresql_away_nothing_is_acked_that_is_not_stored(
    make_node: MakeNode, postgres: Postgres, postgres_url: str, http: aiohttp.ClientSession
) -> None:
    node = await make_node(DATABASE_URL=postgres_url).start()
    ana = await Person.registers(node, http)
    channel = await ana.creates()
    wire = await ana.connects()
    await ana.posts(channel, "before")

    postgres.stop("immediate")
    try:
        ack = await wire.emit("message.send", {"channel_id": channel, "text": "lost", "client_msg_id": "k"})
        over_http = await ana.call("GET", f"/v1/channels/{channel}/messages")
        status, body = await node.readiness()
    finally:
        postgres.start()

    assert (ack["error"]["code"], ack["error"]["retryable"]) == ("unavailable", True)
    assert over_http.code == "unavailable"
    assert (status, body["dependencies"]["database"]["ok"]) == (503, False)
    await eventually(lambda: is_ready(node), HEAL_S)
    again = await wire.emit("message.send", {"channel_id": channel, "text": "lost", "client_msg_id": "k"})
    history = (await ana.call("GET", f"/v1/channels/{channel}/messages")).body["items"]
    assert again["ok"] is True
    assert [message["text"] for message in history] == ["before", "lost"]


async def test_locked_sqlite_is_unavailable_and_heals(
    make_node: MakeNode, sqlite_url: str, http: aiohttp.ClientSession
) -> None:
    node = await make_node(DATABASE_URL=sqlite_url).start()
    ana = await Person.registers(node, http)
    channel = await ana.creates()

    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(
            ana.call("POST", f"/v1/channels/{channel}/messages", json={"text": "locked out"}),
            ana.call("GET", f"/v1/channels/{channel}/messages"),
        )
        other.execute("ROLLBACK")
    other.close()

    assert [answers[0].code, answers[1].status] == ["unavailable", 200]
    await ana.posts(channel, "in again")


async def redis_is_away(node: Node) -> bool:
    status, body = await node.readiness()
    return status == 503 and not body["dependencies"]["redis"]["ok"]


async def is_ready(node: Node) -> bool:
    return (await node.readiness())[0] == 200


def embedded_pid(node: Node) -> int:
    """Find the Valkey that a node has started."""
    assert node.process is not None
    children = Path(f"/proc/{node.process.pid}/task/{node.process.pid}/children").read_text().split()
    return next(int(pid) for pid in children if b"valkey" in Path(f"/proc/{pid}/cmdline").read_bytes())


def hears(wire: Wire, messages: int) -> bool:
    return len(wire.of("message.created")) == messages


def seqs(wire: Wire) -> list[int]:
    return [fact["seq"] for fact in wire.of("message.created")]
