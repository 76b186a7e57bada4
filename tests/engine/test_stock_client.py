# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
"""The stock socket.io-client of npm with its default options, and with each transport alone."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from app.engine import Server, encode_event
from tests.engine.peers import Chat, refuse
from tests.helpers import eventually

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(
    not shutil.which("node") or not (HERE.parents[1] / "node_modules" / "socket.io-client").exists(),
    reason="needs node and the packages of package.json",
)
TRANSPORTS = [{}, {"transports": ["websocket"]}, {"transports": ["polling"]}, {"transports": ["websocket", "polling"]}]


@pytest.fixture
def chat():
    return Chat()


@pytest.fixture
async def site(serve, chat):
    return await serve(Server([chat]))


async def run(site, scenario, options=None):
    process = await asyncio.create_subprocess_exec(
        "node", str(HERE / "stock_client.cjs"), str(site.port), json.dumps(options or {}), scenario,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(15):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return [json.loads(line) for line in output.decode().splitlines()]


@pytest.mark.parametrize("options", TRANSPORTS, ids=str)
async def test_it_connects_upgrades_and_is_answered(site, chat, options):
    async def welcome(connection):
        connection.emit("hello", b'{"id":1}')

    chat.on_welcome = welcome
    said = await run(site, "echo", options)
    transport = "polling" if options == {"transports": ["polling"]} else "websocket"
    assert said[:2] == [["hello", {"id": 1}], ["ack", {"text": "héllo", "n": [1, 2.5, None]}, transport]]
    await eventually(lambda: chat.goodbyes)
    assert chat.log[0] == ("connected", {"token": "x"})
    await site.gone()


@pytest.mark.parametrize("options", TRANSPORTS, ids=str)
async def test_events_emitted_before_and_during_the_upgrade_keep_their_order(site, chat, options):
    said = await run(site, "order", options)
    assert said[0] == list(range(300))
    assert [entry[1] for entry in chat.log if entry[0] == "echo"] == list(range(300))


@pytest.mark.parametrize("options", TRANSPORTS, ids=str)
async def test_a_refusal_reaches_its_connect_error(site, chat, options):
    chat.on_connected = refuse
    assert await run(site, "listen", options) == [["connect_error", "auth_failed", {"code": "auth_failed"}]]
    await site.gone()


@pytest.mark.parametrize("options", TRANSPORTS, ids=str)
async def test_a_kick_reaches_it_at_once_with_the_last_words(site, chat, options):
    async def welcome(connection):
        asyncio.get_running_loop().call_later(0.3, connection.close, "kicked", ("kicked", b"1"))

    chat.on_welcome = welcome
    assert await run(site, "listen", options) == [["kicked", 1], ["disconnect", "io server disconnect"]]
    await site.gone()


@pytest.mark.parametrize("options", TRANSPORTS, ids=str)
async def test_deliveries_across_the_upgrade_arrive_once_and_in_order(site, chat, options):
    async def welcome(connection):
        connection.join("room")

    chat.on_welcome = welcome
    running = asyncio.create_task(run(site, "listen", options))
    await eventually(lambda: chat.clients)
    for number in range(300):
        site.server.deliver("/chat", "room", encode_event("/chat", "m", b"%d" % number))
        await asyncio.sleep(0.001)
    chat.clients[0].close("done")
    said = await running
    assert [entry[1] for entry in said if entry[0] == "m"] == list(range(300))
