"""Stock socket.io-client against a running node."""

import json

import aiohttp
import pytest

from tests.helpers import eventually
from tests.nodes import Node
from tests.people import Person
from tests.system.stock import needs_node, stock_client

pytestmark = needs_node


async def test_stock_client_with_default_options_connects_by_polling_and_upgrades(
    node: Node, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(node, http)

    async with stock_client(node.url, auth={"token": ana.token}) as client:
        await client.lives(lambda what: what[0] == "connect")
        await client.lives(lambda what: what == ["upgrade", "websocket"])
        hello = (await client.lives(lambda what: what[:2] == ["fact", "hello"]))[2]
        first_fact = next(what for what in client.lived if what[0] == "fact")

    assert first_fact[1] == "hello"
    assert hello["data"]["user"]["id"] == ana.id
    assert hello["connection_id"] == hello["data"]["connection_id"]


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
async def test_stock_client_talks_over_every_transport(
    node: Node, http: aiohttp.ClientSession, transports: list[str]
) -> None:
    ana = await Person.registers(node, http)
    channel = await ana.creates()

    async with stock_client(node.url, auth={"token": ana.token}, transports=transports) as client:
        await client.lives(lambda what: what[:2] == ["fact", "hello"])
        ack = await client.emit("message.send", {"channel_id": channel, "text": "hi", "client_msg_id": "1"})
        again = await client.emit("message.send", {"channel_id": channel, "text": "hi", "client_msg_id": "1"})
        await eventually(lambda: client.facts("message.created"))

    assert ack["ok"] is True
    assert (ack["data"]["duplicate"], again["data"]["duplicate"]) == (False, True)
    assert again["data"]["message"] == ack["data"]["message"]
    assert [fact["data"]["message"] for fact in client.facts("message.created")] == [ack["data"]["message"]]


async def test_stock_client_reads_the_code_and_the_error_object_of_a_refused_connect(node: Node) -> None:
    async with stock_client(node.url, auth={"token": "nonsense"}) as client:
        _, message, data = await client.lives(lambda what: what[0] == "connect_error")

    assert message == "auth_failed"
    assert (data["code"], data["status"], data["retryable"]) == ("auth_failed", 401, False)


@pytest.mark.parametrize("namespace", ["", "/unknown", "/admin"])
async def test_other_namespaces_are_refused(node: Node, http: aiohttp.ClientSession, namespace: str) -> None:
    ana = await Person.registers(node, http)
    ws = await http.ws_connect(f"{node.url}/socket.io/?EIO=4&transport=websocket")
    await ws.receive_str()
    await ws.send_str(f"40{namespace}{',' if namespace else ''}" + json.dumps({"token": ana.token}))

    frames = []
    async for message in ws:
        if message.type is not aiohttp.WSMsgType.TEXT:
            break
        frames.append(message.data)
    assert not any(frame.startswith("40") for frame in frames)


async def test_sockets_come_back_after_a_node_drains(node: Node, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(node, http)

    async with stock_client(node.url, auth={"token": ana.token}, transports=["websocket"]) as client:
        await client.lives(lambda what: what[:2] == ["fact", "hello"])
        assert await node.stop() == 0
        await client.lives(lambda what: what[:2] == ["fact", "server.draining"])
        await client.lives(lambda what: what[0] == "disconnect")
        await node.start()
        await eventually(lambda: len(client.facts("hello")) == 2, 20)

    assert isinstance(client.facts("server.draining")[0]["reconnect_in_ms"], int)
