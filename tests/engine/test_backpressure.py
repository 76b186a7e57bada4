# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
"""Clients that read too slowly, or send too fast: they pay for it, nobody else does."""

import asyncio
import resource
import socket
import tracemalloc

import pytest

from app.engine import Limits, Server, encode_event
from tests.engine.peers import Chat, client_frame
from tests.helpers import eventually

KILOBYTE = encode_event("/chat", "m", b'"' + b"x" * 1000 + b'"')


@pytest.fixture
def chat():
    return Chat()


async def deaf(site):
    """Join and read no more, through a small window."""
    peer = await site.tcp(limit=1024)
    peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    await peer.shake("/socket.io/?EIO=4&transport=websocket", {})
    await peer.receive()
    peer.send("40/chat,{}")
    await peer.receive()
    peer.writer.transport.pause_reading()
    return peer


async def test_a_reader_that_stops_while_60_mb_are_broadcast_is_gone_and_costs_little(serve, chat):
    """E14, D12: though it goes on to answer PINGs; the others get everything."""
    site = await serve(Server([chat], ping_interval_s=0.2, limits=Limits(outbox_bytes=1 << 20, outbox_frames=10_000)))
    stuck = await deaf(site)
    witness = await site.join()
    tracemalloc.start()
    received = 0
    try:
        for number in range(60):
            for _ in range(1000):
                site.server.deliver("/chat", None, KILOBYTE)
            site.server.deliver("/chat", None, encode_event("/chat", "end", b"%d" % number))
            while (await witness.event()) != ("end", number):
                received += 1
            if not stuck.writer.is_closing():
                stuck.write(client_frame(1, b"3"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert received == 60_000
    assert peak < 5 << 20
    await eventually(lambda: chat.goodbyes == ["slow_consumer"])
    assert site.server.stats()["sockets"] == 1


async def test_too_many_frames_are_too_many_however_small(serve, chat):
    site = await serve(Server([chat], limits=Limits(outbox_frames=50)))
    await deaf(site)
    small = encode_event("/chat", "m", b"1")
    for _ in range(200):
        for _ in range(1000):
            site.server.deliver("/chat", None, small)
        await asyncio.sleep(0)
        if chat.goodbyes:
            break
    await eventually(lambda: chat.goodbyes == ["slow_consumer"])
    await site.gone()


async def test_what_may_be_lost_is_lost_before_the_client_is(serve, chat):
    site = await serve(Server([chat]))
    await deaf(site)
    client = chat.clients[0]
    await fill(site, client)
    for _ in range(5000):
        site.server.deliver("/chat", None, KILOBYTE, volatile=True)
        client.emit("m", b"1", volatile=True)
        await asyncio.sleep(0)
    assert chat.goodbyes == []
    assert 0 < client.socket.outbox.bytes < (1 << 20) / 2


async def fill(site, client):
    """Write until the kernel takes no more."""
    while client.socket.write != client.socket.enqueue:
        site.server.deliver("/chat", None, KILOBYTE)
        await asyncio.sleep(0)


async def test_a_reader_that_catches_up_gets_everything_in_order(serve, chat):
    site = await serve(Server([chat], limits=Limits(outbox_bytes=1 << 26, outbox_frames=100_000)))
    peer = await deaf(site)
    client = chat.clients[0]
    sent = 0
    while client.socket.outbox is None or client.socket.outbox.bytes < 1 << 20:
        site.server.deliver("/chat", None, encode_event("/chat", "m", b'[%d,"%b"]' % (sent, b"x" * 500)))
        sent += 1
        if sent % 50 == 0:
            await asyncio.sleep(0)
    peer.writer.transport.resume_reading()
    assert [(await peer.event())[1][0] for _ in range(sent)] == list(range(sent))
    site.server.deliver("/chat", None, encode_event("/chat", "m", b"1"))
    assert await peer.event() == ("m", 1)
    assert client.socket.outbox is None
    assert chat.goodbyes == []


async def test_a_slow_reader_is_closed_with_what_was_said_last(serve, chat):
    """A close with something waiting is still bounded in time."""
    site = await serve(Server([chat], limits=Limits(close_timeout_s=0.2)))
    await deaf(site)
    await fill(site, chat.clients[0])
    chat.clients[0].close("kicked")
    async with asyncio.timeout(2):
        await site.gone()


async def test_a_burst_of_20000_events_is_handled_in_order_one_at_a_time(serve, chat):
    """E16, S23: and the rest waits with the client, not here."""
    site = await serve(Server([chat], limits=Limits(inbox_events=64)))
    running = peak = 0
    seen = []

    async def handle(_, __, number):
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        if number % 1000 == 0:
            await asyncio.sleep(0.001)
        seen.append(number)
        running -= 1

    chat.on_received = handle
    peer = await site.join()
    client = chat.clients[0]
    burst = b"".join(client_frame(1, b'42/chat,["m",%d]' % number) for number in range(20_000))
    writing = asyncio.create_task(write_all(peer, burst))
    most = 0
    while len(seen) < 20_000:
        inbox = client.socket.inbox
        most = max(most, len(inbox._queue) if inbox else 0)
        await asyncio.sleep(0)
    await writing
    assert seen == list(range(20_000))
    assert peak == 1
    assert most <= 64


async def write_all(peer, data):
    peer.write(data)
    await peer.writer.drain()


async def test_reading_stops_while_the_inbox_is_full(serve, chat):
    site = await serve(Server([chat], limits=Limits(inbox_events=10)))
    gate = asyncio.Event()

    async def wait(*_):
        await gate.wait()

    chat.on_received = wait
    peer = await site.join()
    flood = asyncio.create_task(write_all(peer, client_frame(1, b'42/chat,["m","' + b"x" * 1000 + b'"]') * 20_000))
    client = chat.clients[0]
    await eventually(lambda: client.socket.inbox is not None and client.socket.inbox.paused)
    await asyncio.sleep(0.1)
    assert not flood.done()
    assert len(client.socket.inbox._queue) <= 10
    gate.set()
    await flood
    await eventually(lambda: len(chat.log) == 20_001)


async def test_a_full_inbox_does_not_starve_the_heartbeat(serve, chat):
    """A PONG behind events that are not read yet is no missing PONG; a dead client is still found out."""
    limits = Limits(inbox_events=4, handler_timeout_s=0.09)
    site = await serve(Server([chat], limits=limits, ping_interval_s=0.1, ping_timeout_s=0.1))

    async def slow(*_):
        await asyncio.sleep(0.05)

    chat.on_received = slow
    peer = await site.join()
    for _ in range(20):
        peer.send('42/chat,["m",1]')
    answered = 0
    while answered < 3:
        assert await peer.receive() == "2"
        peer.send("3")
        answered += 1
    assert len(chat.log) == 21
    assert chat.goodbyes == []
    await eventually(lambda: chat.goodbyes == ["ping timeout"])


async def test_pongs_pass_a_slow_handler(serve, chat):
    limits = Limits(handler_timeout_s=0.4)
    site = await serve(Server([chat], limits=limits, ping_interval_s=0.05, ping_timeout_s=0.5))
    gate = asyncio.Event()

    async def wait(*_):
        await gate.wait()

    chat.on_received = wait
    peer = await site.join()
    peer.send('42/chat,["m",1]')
    for _ in range(4):
        assert await peer.receive() == "2"
        peer.send("3")
    gate.set()


async def test_a_thousand_malformed_frames_write_little_and_leave_nothing(serve, chat, caplog):
    """E25: D03 a thousand times over."""
    site = await serve(Server([chat], limits=Limits(handshakes_burst=2000, close_timeout_s=0.2)))
    for _ in range(20):
        peers = [await site.open() for _ in range(50)]
        for peer in peers:
            peer.send("4zz", "4zz")
        for peer in peers:
            assert await peer.until_closed() == []
            await peer.close()
    assert site.server.stats()["malformed"] == {"packet type": 1000}
    assert len(caplog.text) < 10_000
    assert "Traceback" not in caplog.text
    await site.gone()


async def test_clients_that_come_and_go_leave_nothing(serve, chat):
    """I13: descriptors, tasks, deadlines and indexes are what they were."""
    site = await serve(Server([chat], limits=Limits(handshakes_burst=2000, close_timeout_s=0.2)))
    tasks = len(asyncio.all_tasks())
    for how in range(5):
        peers = [await site.join() for _ in range(20)]
        for client in chat.clients:
            client.join("room")
        for peer in peers:
            if how == 0:
                peer.send("1")
            elif how == 1:
                peer.write(client_frame(8, b""))
            elif how == 2:
                peer.send("garbage")
            elif how == 3:
                chat.clients[-1].close("kicked")
            await peer.close()
        chat.clients.clear()
    await site.gone()
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
    assert len(chat.goodbyes) == 100
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
