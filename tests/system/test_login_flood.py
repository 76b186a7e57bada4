"""Many sign in at once, on a node as it runs in production: those who talk notice nothing."""

import asyncio
import time

import aiohttp

from tests.nodes import MakeNode, Node
from tests.people import Answer, Person, Wire, call

LOGINS = 50
QUEUE = 17
"""One password is checked and sixteen may wait."""
MOST_S = 0.5


async def test_flood_of_sign_ins_is_shed_and_messages_stay_fast(
    make_node: MakeNode, http: aiohttp.ClientSession
) -> None:
    node = await make_node(BCRYPT_COST="12", COMMANDS_PER_S="1000").start()
    ana, bo = await Person.registers(node, http, "ana"), await Person.registers(node, http, "bo")
    channel = await ana.creates()
    await bo.joins(channel)
    here, there = await ana.connects(), await bo.connects()

    flood = asyncio.gather(*(login(node, http, f"stranger-{n}") for n in range(LOGINS)))
    latencies: list[float] = []
    while not flood.done():
        latencies.append(await sent_and_heard(here, there, channel, len(latencies)))
    answers = await flood

    checked = [answer for answer in answers if answer.status == 401]
    shed = [answer for answer in answers if answer.status != 401]
    assert 1 <= len(checked) <= QUEUE + 5  # those who came while the first were done
    assert {answer.status for answer in shed} <= {429, 503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in shed)
    assert len(latencies) > 20
    assert sorted(latencies)[len(latencies) * 99 // 100] < MOST_S
    assert [fact["data"]["message"]["text"] for fact in there.of("message.created")] == [
        f"{n}" for n in range(len(latencies))
    ]


async def login(node: Node, http: aiohttp.ClientSession, name: str) -> Answer:
    """Try a wrong password."""
    body = {"username": name, "password": "wrong password"}
    return await call(http, "POST", f"{node.url}/v1/auth/login", json=body)


async def sent_and_heard(here: Wire, there: Wire, channel: str, number: int) -> float:
    """Send a message and tell the seconds until it was acknowledged and heard by the other."""
    began_s = time.monotonic()
    ack = await here.emit("message.send", {"channel_id": channel, "text": f"{number}"})
    assert ack["ok"], ack
    await there.fact("message.created", number)
    return time.monotonic() - began_s
