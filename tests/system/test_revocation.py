"""Signing out everywhere on one node silences and closes the sockets on both, within a second, every time."""

import asyncio
import os
import time

import aiohttp

from tests.helpers import eventually
from tests.nodes import MakeNode
from tests.people import Person

ROUNDS = int(os.environ.get("REVOCATION_ROUNDS", "30"))
LIMIT_S = 1.0


async def test_signing_out_everywhere_silences_both_nodes_within_a_second(
    make_node: MakeNode, redis_url: str, http: aiohttp.ClientSession
) -> None:
    nodes = [await make_node(REDIS_URL=redis_url, COMMANDS_PER_S="1000").start() for _ in range(2)]
    talker = await Person.registers(nodes[0], http, "talker")
    channel = await talker.creates()
    talking = asyncio.create_task(talk(talker, channel))
    slowest_s = 0.0

    for _ in range(ROUNDS):
        ana = await Person.registers(nodes[0], http)
        await ana.joins(channel)
        wires = [await ana.at(node).connects() for node in nodes]
        for wire in wires:
            await eventually(lambda wire=wire: wire.of("message.created"))  # type: ignore[misc]  # mypy cannot read it

        assert (await ana.call("POST", "/v1/auth/logout-all")).status == 204
        answered_s = time.monotonic()
        for wire in wires:
            await eventually(lambda wire=wire: wire.closed, LIMIT_S)  # type: ignore[misc]  # as above
            assert wire.of("session.revoked")[0]["reason"] == "signed_out"
        slowest_s = max(slowest_s, time.monotonic() - answered_s)
        assert (await ana.at(nodes[1]).call("GET", "/v1/me")).code == "session_revoked"

    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    print(f"{ROUNDS} rounds, slowest {slowest_s * 1000:.0f} ms")  # noqa: T201  a figure for whoever runs many


async def talk(person: Person, channel: str) -> None:
    """Say something again and again."""
    while True:
        await person.posts(channel, "still talking")
        await asyncio.sleep(0.005)
