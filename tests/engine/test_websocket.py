# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
"""The WebSocket transport: packets, heartbeat, closing, and what is refused."""

import asyncio
import time

import pytest

from app.engine import Limits, Server
from tests.engine.peers import CLOSED, Chat, client_frame
from tests.helpers import eventually

FAST = {"ping_interval_s": 0.1, "ping_timeout_s": 0.1, "limits": Limits(handler_timeout_s=0.09)}


@pytest.fixture
def chat():
    return Chat()


@pytest.fixture
async def site(serve, chat):
    return await serve(Server([chat], limits=Limits(frame_bytes=1000, close_timeout_s=0.2)))


@pytest.mark.parametrize(
    "text", ["", "x", "b!!!", "7", '0{"sid":"x"}', "5", "6", "2", "2probe", "3x", "1x", "4" + "[" * 900]
)
async def test_a_packet_that_cannot_be_closes_the_session(site, text):
    """E24, D03: and nothing of it is left."""
    peer = await site.open()
    peer.send(text)
    assert await peer.until_closed() == []
    assert peer.close_code == 1008
    await site.gone()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (client_frame(1, b"x" * 1001), 1009),
        (b"\x81\xff" + (10 << 20).to_bytes(8, "big") + b"mask", 1009),
        (client_frame(1, b"\xff\xfe"), 1007),
        (client_frame(1, b"\xc0\x80"), 1007),
        (client_frame(1, b"4\xed\xa0\x80"), 1007),
        (client_frame(1, b"3", mask=False), 1002),
        (client_frame(1, b"3", rsv=4), 1002),
        (client_frame(9, b"x" * 126), 1002),
        (client_frame(9, b"x", final=False), 1002),
        (client_frame(0, b"x"), 1002),
        (client_frame(2, b"\0\1"), 1008),
        (client_frame(8, b"\x03\xed"), 1002),
    ],
)
async def test_a_frame_that_breaks_the_protocol_closes_with_its_status(site, data, code):
    """D04 to D06, D10; an unmasked frame among them, which RFC 6455 does not allow."""
    peer = await site.join()
    peer.write(data)
    assert await peer.until_closed() == []
    assert peer.close_code == code
    await site.gone()


async def test_the_default_limit_is_64_kib_and_announced(serve, chat):
    """E29."""
    site = await serve(Server([chat]))
    peer = await site.ws()
    assert '"maxPayload":65536}' in await peer.receive()
    peer.write(client_frame(1, b"x" * 65537)[:14])
    assert await peer.until_closed() == []
    assert peer.close_code == 1009


async def test_a_message_as_long_as_announced_is_taken(site, chat):
    peer = await site.join()
    text = '42/chat,1["m","' + "x" * 983 + '"]'
    assert len(text) == 1000
    peer.send(text)
    assert await peer.receive() == '43/chat,1["' + "x" * 983 + '"]'


async def test_messages_may_be_cut_and_fragmented_anywhere(site):
    """F31."""
    peer = await site.join()
    data = client_frame(1, b'42/chat,1["m",', final=False) + client_frame(9, b"hi") + client_frame(0, b'"x"]')
    for byte in data:
        peer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert await peer.frame() == (10, b"hi")
    assert await peer.receive() == '43/chat,1["x"]'


async def test_websocket_pings_are_answered(site):
    peer = await site.open()
    peer.write(client_frame(9, b"abc"))
    assert await peer.frame() == (10, b"abc")


async def test_the_server_pings_and_the_client_lives_as_long_as_it_answers(serve, chat):
    site = await serve(Server([chat], **FAST))
    peer = await site.join()
    for _ in range(5):
        assert await peer.receive() == "2"
        peer.send("3")
    assert chat.goodbyes == []


async def test_a_client_that_does_not_answer_pings_is_gone_in_time(serve, chat):
    """E39: interval plus timeout, without a sweep on top."""
    site = await serve(Server([chat], **FAST))
    started = time.monotonic()
    peer = await site.join()
    assert await peer.until_closed() == ["2"]
    assert 0.19 < time.monotonic() - started < 0.5
    await eventually(lambda: chat.goodbyes == ["ping timeout"])
    await site.gone()


async def test_pongs_that_nobody_asked_for_do_not_put_the_ping_off(serve, chat):
    site = await serve(Server([chat], **FAST))
    peer = await site.join()
    end = time.monotonic() + 1

    async def chatter():
        while time.monotonic() < end:
            peer.send("3")
            await asyncio.sleep(0.01)

    task = asyncio.create_task(chatter())
    started = time.monotonic()
    for _ in range(3):
        assert await peer.receive() == "2"
    assert time.monotonic() - started < 0.9
    task.cancel()


async def test_the_client_closes_with_the_packet(site, chat):
    peer = await site.join()
    peer.send("1")
    assert await peer.until_closed() == []
    await eventually(lambda: chat.goodbyes == ["client disconnect"])
    await site.gone()


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe9bye", b"\x0f\xa0" + b"r" * 100])
async def test_the_client_closes_with_a_close_frame_which_is_answered(site, chat, payload):
    peer = await site.join()
    peer.write(client_frame(8, payload))
    assert await peer.frame() == (8, payload[:2] or b"\x03\xe8")
    assert await peer.receive() == CLOSED
    await eventually(lambda: chat.goodbyes == ["transport close"])
    await site.gone()


@pytest.mark.parametrize("half", [True, False])
async def test_the_client_leaves_without_a_word(site, chat, half):
    """D11: in the middle of a frame as well; nothing of that is handled."""
    peer = await site.join()
    if half:
        peer.write(client_frame(1, b'42/chat,["m",1]')[:9])
        await asyncio.sleep(0.05)
    await peer.close()
    await eventually(lambda: chat.goodbyes == ["transport close"])
    assert [entry[0] for entry in chat.log] == ["connected", "disconnected"]
    await site.gone()


async def test_a_client_that_only_ends_its_half_is_closed(site, chat):
    peer = await site.join()
    peer.writer.write_eof()
    assert await peer.receive() == CLOSED
    await site.gone()


async def test_the_server_closes_at_once_after_its_last_words(site, chat):
    """E33: a JavaScript client takes no notice of packet `1` on a WebSocket."""
    peer = await site.join()
    chat.clients[0].close("kicked", ("kicked", b'{"why":1}'))
    assert site.server.stats()["connections"] == 0
    assert await peer.until_closed() == ['42/chat,["kicked",{"why":1}]', "41/chat,"]
    assert peer.close_code == 1000
    await eventually(lambda: chat.goodbyes == ["kicked"])
    await site.gone()


async def test_a_client_that_does_not_finish_closing_is_aborted(site, chat):
    """E15."""
    peer = await site.join()
    started = time.monotonic()
    chat.clients[0].close("kicked")
    assert await peer.frame() == (1, b"41/chat,")
    assert await peer.frame() == (8, b"\x03\xe8")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await peer.frame()
    assert 0.15 < time.monotonic() - started < 1
    await site.gone()


async def test_a_closed_client_is_not_listened_to(site, chat):
    peer = await site.join()
    chat.clients[0].close("kicked")
    peer.send('42/chat,["m",1]', "40/chat,{}", "garbage")
    await peer.until_closed()
    await site.gone()
    assert [entry[0] for entry in chat.log] == ["connected", "disconnected"]


async def test_the_http_server_has_forgotten_the_connection(serve, chat):
    """A WebSocket holds no request, no task and no HTTP parser."""
    site = await serve(Server([chat]))
    await site.join()
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
    assert not [name for name in names if "RequestHandler" in name], names


async def test_it_works_where_requests_are_cancelled_with_their_connection(serve, chat):
    site = await serve(Server([chat]), handler_cancellation=True)
    peer = await site.join()
    peer.send('42/chat,1["m",1]')
    assert await peer.receive() == "43/chat,1[1]"
    await peer.close()
    await site.gone()


async def test_clocks_that_jump_do_not_drop_clients(serve, chat, monkeypatch):
    """E42: heartbeats are timed by the monotonic clock."""
    site = await serve(Server([chat], **FAST))
    peer = await site.join()
    assert await peer.receive() == "2"
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    peer.send("3")
    for _ in range(3):
        assert await peer.receive() == "2"
        peer.send("3")
    assert chat.goodbyes == []
