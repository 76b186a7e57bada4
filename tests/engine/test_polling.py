# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
"""The long-polling transport: Engine.IO protocol, "HTTP long-polling", and the holes that are usual there."""

import asyncio
import json

import pytest

from app.engine import Binary, Limits, Server, encode_event
from app.engine.testing import create_server
from tests.engine.peers import CLOSED, LIMIT_S, Chat
from tests.helpers import eventually

GOODBYE = (200, "6\x1e1")


class Poller:
    """A client on long-polling."""

    def __init__(self, site, http, sid):
        self.http = http
        self.url = site.url(f"EIO=4&transport=polling&sid={sid}")
        self.sid = sid

    async def poll(self):
        async with asyncio.timeout(LIMIT_S), self.http.get(self.url) as response:
            return response.status, await response.text()

    async def post(self, body, **options):
        async with asyncio.timeout(LIMIT_S), self.http.post(self.url, data=body, **options) as response:
            return response.status, await response.text()


@pytest.fixture
def chat():
    return Chat()


@pytest.fixture
async def site(serve, chat):
    limits = Limits(frame_bytes=1000, body_timeout_s=0.3, close_timeout_s=0.3, binary=Binary())
    return await serve(Server([chat], limits=limits))


@pytest.fixture
def open_poller(http):
    async def open_on(site):
        async with http.get(site.url()) as response:
            return Poller(site, http, json.loads((await response.text())[1:])["sid"])

    return open_on


@pytest.fixture
def join_poller(open_poller):
    async def join(site):
        poller = await open_poller(site)
        assert await poller.post("40/chat,{}") == (200, "ok")
        assert (await poller.poll())[1].startswith('40/chat,{"sid":')
        return poller

    return join


@pytest.fixture
async def poller(site, join_poller):
    return await join_poller(site)


async def test_packets_go_both_ways(poller):
    assert await poller.post('42/chat,1["m",1]') == (200, "ok")
    assert await poller.poll() == (200, "43/chat,1[1]")


async def test_several_packets_share_a_payload_in_order(poller):
    packets = "\x1e".join(f'42/chat,{number}["m",{number}]' for number in range(40))
    assert await poller.post(packets) == (200, "ok")
    answers = []
    while len(answers) < 40:
        answers += (await poller.poll())[1].split("\x1e")
    assert answers == [f"43/chat,{number}[{number}]" for number in range(40)]


async def test_binary_travels_as_base64_both_ways(serve, http, open_poller):
    server = create_server()

    @server.on("echo")
    async def echo(sid, data):
        await server.emit("back", data, to=sid)

    poller = await open_poller(await serve(server))
    await poller.post("40")
    assert (await poller.poll())[1].startswith("40{")
    await poller.post('451-["echo",{"_placeholder":true,"num":0}]\x1ebAQIDBA==')
    assert await poller.poll() == (200, '451-["back",{"_placeholder":true,"num":0}]\x1ebAQIDBA==')


async def test_handlers_in_upstreams_conventions_do_not_delay_what_a_poller_sent_next(serve, open_poller):
    poller = await open_poller(await serve(create_server()))
    await poller.post("40\x1e40")
    assert (await poller.poll())[1].startswith("40{")
    assert await poller.poll() == GOODBYE


async def test_a_poll_waits_until_there_is_something(site, poller):
    polling = asyncio.create_task(poller.poll())
    await eventually(lambda: waiting(site, poller))
    assert site.server.deliver("/chat", None, encode_event("/chat", "a", b"1")) == 1
    site.server.deliver("/chat", None, encode_event("/chat", "b", b"2"))
    assert await polling == (200, '42/chat,["a",1]\x1e42/chat,["b",2]')


def waiting(site, poller):
    return site.server.eio.sockets[poller.sid].link._get is not None


async def test_answers_may_not_be_cached(site, http):
    async with http.get(site.url()) as response:
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body", ["", "abc", "7", "2", "bA", "b%%%", b"\xff\xfe"])
async def test_a_payload_that_cannot_be_gets_400_and_closes_the_session(site, poller, body):
    """E24, E25: nothing malformed is answered with 200."""
    assert (await poller.post(body))[0] == 400
    assert (await poller.poll())[0] == 400
    await site.gone()


@pytest.mark.parametrize("body", ["4{", "42[5]", '42["connect",{}]', "4\x1e", "4abc"])
async def test_a_message_that_cannot_be_gets_400_and_the_session_ends_with_a_goodbye(site, poller, body):
    """E24, E25: nothing malformed is answered with 200."""
    site.server.deliver("/chat", None, encode_event("/chat", "a", b"1"))
    assert (await poller.post(body))[0] == 400
    assert await poller.poll() == (200, '42/chat,["a",1]')
    assert await poller.poll() == GOODBYE
    assert (await poller.poll())[0] == 400
    await site.gone()


async def test_an_event_before_connecting_ends_the_session_with_a_goodbye(site, open_poller):
    poller = await open_poller(site)
    assert await poller.post('42/chat,["m",1]') == (200, "ok")
    assert await poller.poll() == GOODBYE
    assert (await poller.poll())[0] == 400


async def test_after_a_second_connect_the_first_ones_answer_comes_before_the_goodbye(site, open_poller):
    poller = await open_poller(site)
    await poller.post("40/chat,{}")
    await poller.post("40/chat,{}")
    assert (await poller.poll())[1].startswith('40/chat,{"sid":')
    assert await poller.poll() == GOODBYE
    assert (await poller.poll())[0] == 400


async def test_a_second_poll_closes_the_session(site, poller):
    first = asyncio.create_task(poller.poll())
    await eventually(lambda: waiting(site, poller))
    assert (await poller.poll())[0] == 400
    assert await first == (200, "1")
    assert (await poller.poll())[0] == 400
    await site.gone()


async def test_a_second_post_closes_the_session(site, poller):
    first = await site.tcp()
    first.write(post_head(poller, 10))
    await eventually(lambda: site.server.eio.sockets[poller.sid].link._posting)
    assert (await poller.post("3"))[0] == 400
    await site.gone()


def post_head(poller, length):
    path = poller.url.split("/", 3)[3]
    return f"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


async def test_the_client_closes_with_the_packet_and_its_poll_ends(site, poller, chat):
    polling = asyncio.create_task(poller.poll())
    await eventually(lambda: waiting(site, poller))
    assert await poller.post("1") == (200, "ok")
    assert await polling == (200, "6")
    assert (await poller.poll())[0] == 400
    await eventually(lambda: chat.goodbyes == ["client disconnect"])
    await site.gone()


async def test_a_poll_that_the_closing_packet_has_overtaken_ends_like_any_other(site, poller, chat):
    """The two go over two TCP connections; which comes first is chance."""
    site.server.deliver("/chat", None, encode_event("/chat", "a", b"1"))
    assert await poller.post("1") == (200, "ok")
    assert site.server.stats()["sockets"] == 0
    assert (await poller.post("3"))[0] == 400
    assert await poller.poll() == (200, "6")
    assert (await poller.poll())[0] == 400
    await eventually(lambda: chat.goodbyes == ["client disconnect"])
    await site.gone()


async def test_an_overtaken_poll_is_not_expected_for_long(site, poller):
    assert await poller.post("1") == (200, "ok")
    await eventually(lambda: not site.server.eio._last, 0.5)
    assert (await poller.poll())[0] == 400


async def test_packets_after_a_closing_one_are_not_read(site, poller, chat):
    await poller.post('42/chat,["first",1]\x1e1\x1e42/chat,["second",2]')
    await eventually(lambda: chat.goodbyes)
    assert [entry[0] for entry in chat.log] == ["connected", "first", "disconnected"]


async def test_the_server_closes_in_the_poll_that_waits(site, poller, chat):
    polling = asyncio.create_task(poller.poll())
    await eventually(lambda: waiting(site, poller))
    chat.clients[0].close("kicked", ("kicked", b"1"))
    status, text = await polling
    assert status == 200
    assert text == '42/chat,["kicked",1]\x1e41/chat,'
    assert await poller.poll() == GOODBYE
    assert (await poller.poll())[0] == 400
    await site.gone()


async def test_the_servers_last_words_wait_for_the_next_poll(site, poller, chat):
    chat.clients[0].close("kicked", ("kicked", b"1"))
    assert await poller.poll() == (200, '42/chat,["kicked",1]\x1e41/chat,')
    assert await poller.poll() == GOODBYE
    assert (await poller.poll())[0] == 400


async def test_the_servers_last_words_do_not_wait_for_ever(site, poller, chat):
    chat.clients[0].close("kicked", ("kicked", b"1"))
    assert site.server.eio._last
    await eventually(lambda: not site.server.eio._last, 2)
    await site.gone()


async def test_a_body_in_many_segments_is_read_whole(site, poller):
    """E12: what arrives in two TCP segments is one message."""
    body = '42/chat,1["m","' + "x" * 600 + '"]'
    peer = await site.tcp()
    peer.write(post_head(poller, len(body)))
    for at in range(0, len(body), 100):
        await asyncio.sleep(0.005)
        peer.write(body[at : at + 100].encode())
    assert (await peer.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
    assert await poller.poll() == (200, '43/chat,1["' + "x" * 600 + '"]')


async def test_a_chunked_body_is_read_whole_and_limited(site, poller, join_poller):
    async def parts(size):
        yield b'42/chat,1["m","'
        for _ in range(size // 100):
            yield b"x" * 100
        yield b'"]'

    assert await poller.post(parts(500)) == (200, "ok")
    assert len((await poller.poll())[1]) > 500
    assert (await poller.post(parts(2000)))[0] == 413
    assert (await poller.poll())[0] == 400


async def test_a_body_that_is_too_large_gets_413_and_leaves_nothing(site, poller):
    """E10: no task, no session, and the connection ends although the body never comes."""
    tasks = len(asyncio.all_tasks())
    peers = []
    for _ in range(10):
        peer = await site.tcp()
        peer.write(post_head(poller, 2_000_000))
        peers.append(peer)
    answers = [await peer.reader.readuntil(b"\r\n") for peer in peers]
    assert answers[0].startswith(b"HTTP/1.1 413")
    await site.gone()
    for peer in peers[:1]:
        async with asyncio.timeout(LIMIT_S):
            await peer.reader.read()
    for peer in peers:
        await peer.close()
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_a_body_that_never_comes_ends_in_time(site, poller):
    """E11."""
    peer = await site.tcp()
    peer.write(post_head(poller, 100) + b"42")
    assert (await peer.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 408")
    await site.gone()


async def test_a_body_that_is_cut_off_ends_the_session(site, poller, chat):
    peer = await site.tcp()
    peer.write(post_head(poller, 100) + b'42/chat,["m",1]')
    await eventually(lambda: site.server.eio.sockets[poller.sid].link._posting)
    await peer.close()
    await site.gone()
    assert [entry[0] for entry in chat.log] == ["connected", "disconnected"]


async def test_an_abandoned_poll_is_noticed_and_takes_no_message(site, poller, chat):
    """E13: the session ends, so that nothing passes for delivered."""
    peer = await site.tcp()
    path = poller.url.split("/", 3)[3]
    peer.write(f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await eventually(lambda: waiting(site, poller))
    await peer.close()
    await eventually(lambda: chat.goodbyes == ["transport close"])
    assert site.server.deliver("/chat", None, encode_event("/chat", "a", b"1")) == 0
    assert (await poller.poll())[0] == 400
    await site.gone()


async def test_pings_come_in_polls_and_pongs_in_posts(serve, http, open_poller):
    site = await serve(Server([Chat()], ping_interval_s=0.1, ping_timeout_s=0.3, limits=Limits(handler_timeout_s=0.1)))
    poller = await open_poller(site)
    for _ in range(3):
        assert await poller.poll() == (200, "2")
        assert await poller.post("3") == (200, "ok")


async def test_a_client_that_does_not_poll_is_gone_in_time(serve, open_poller):
    site = await serve(Server([Chat()], ping_interval_s=0.1, ping_timeout_s=0.1, limits=Limits(handler_timeout_s=0.09)))
    poller = await open_poller(site)
    await asyncio.wait_for(site.gone(), 1)
    assert await poller.poll() == (400, '{"code":1,"message":"Session ID unknown"}')
    assert site.server.stats()["closed"] == {"ping timeout": 1}


async def test_what_waits_for_a_poll_is_bounded(serve, join_poller, chat):
    """E14."""
    site = await serve(Server([chat], limits=Limits(outbox_bytes=10_000, outbox_frames=20)))
    await join_poller(site)
    for _ in range(25):
        site.server.deliver("/chat", None, encode_event("/chat", "a", b"1"))
    await eventually(lambda: chat.goodbyes == ["slow_consumer"])
    await site.gone()


async def test_a_post_is_answered_when_there_is_room_for_more(serve, join_poller, chat):
    site = await serve(Server([chat], limits=Limits(inbox_events=10)))
    poller = await join_poller(site)
    gate = asyncio.Event()

    async def wait(*_):
        await gate.wait()

    chat.on_received = wait
    posting = asyncio.create_task(poller.post("\x1e".join(['42/chat,["m",1]'] * 30)))
    await eventually(lambda: len(chat.log) == 2)
    assert not posting.done()
    gate.set()
    assert await posting == (200, "ok")
    await eventually(lambda: len(chat.log) == 31)


# the upgrade


async def probe(site, poller):
    peer = await site.ws(f"EIO=4&transport=websocket&sid={poller.sid}")
    peer.send("2probe")
    assert await peer.receive() == "3probe"
    return peer


async def test_a_session_is_upgraded_and_loses_nothing(site, poller, chat):
    polling = asyncio.create_task(poller.poll())
    await eventually(lambda: waiting(site, poller))
    peer = await probe(site, poller)
    assert await polling == (200, "6")
    assert await poller.poll() == (200, "6")
    site.server.deliver("/chat", None, encode_event("/chat", "between", b"1"))
    peer.send("5", '42/chat,1["m",1]')
    assert await peer.receive() == '42/chat,["between",1]'
    assert await peer.receive() == "43/chat,1[1]"
    assert chat.clients[0].transport == "websocket"
    assert (await poller.poll())[0] == 400
    assert (await poller.post("3"))[0] == 400
    site.server.deliver("/chat", None, encode_event("/chat", "after", b"1"))
    assert await peer.receive() == '42/chat,["after",1]'
    assert chat.goodbyes == []


async def test_what_waits_while_probing_can_still_be_polled(site, poller):
    peer = await probe(site, poller)
    site.server.deliver("/chat", None, encode_event("/chat", "a", b"1"))
    site.server.eio.mail.flush()
    assert await poller.poll() == (200, '42/chat,["a",1]')
    peer.send("5")
    site.server.deliver("/chat", None, encode_event("/chat", "b", b"1"))
    await eventually(lambda: site.server.eio.sockets[poller.sid].upgraded)
    assert await peer.receive() == '42/chat,["b",1]'


async def test_a_second_websocket_is_opened_and_closed_and_the_first_stays(site, poller):
    peer = await probe(site, poller)
    second = await site.ws(f"EIO=4&transport=websocket&sid={poller.sid}")
    assert (second.status, await second.until_closed()) == (101, [])
    peer.send("5")
    await eventually(lambda: site.server.eio.sockets[poller.sid].upgraded)
    third = await site.ws(f"EIO=4&transport=websocket&sid={poller.sid}")
    assert (third.status, await third.until_closed()) == (101, [])
    peer.send('42/chat,1["m",1]')
    assert await peer.receive() == "43/chat,1[1]"


@pytest.mark.parametrize(
    "texts", [["5"], ["3"], ["2"], ['42/chat,["m",1]'], ["2probe", "2probe"], ["2probe", "4x"], ["x"]]
)
async def test_an_upgrade_that_goes_wrong_ends_only_itself(site, poller, chat, texts):
    peer = await site.ws(f"EIO=4&transport=websocket&sid={poller.sid}")
    peer.send(*texts)
    assert set(await peer.until_closed()) <= {"3probe"}
    assert await poller.post('42/chat,1["still",1]') == (200, "ok")
    assert await poller.poll() == (200, "43/chat,1[1]")
    assert (await probe(site, poller)) is not None


async def test_an_abandoned_upgrade_ends_in_time(serve, join_poller, chat):
    """E9: the connection too, not only the session."""
    site = await serve(Server([chat], limits=Limits(upgrade_timeout_s=0.1, close_timeout_s=0.1)))
    pollers = [await join_poller(site) for _ in range(5)]
    peers = [await site.ws(f"EIO=4&transport=websocket&sid={poller.sid}") for poller in pollers]
    assert site.server.stats()["links"] == 5
    for peer in peers:
        assert await peer.receive() == CLOSED
    await eventually(lambda: site.server.stats()["links"] == 0)
    assert await pollers[0].post('42/chat,1["m",1]') == (200, "ok")


async def test_an_upgrade_of_a_session_that_ends_is_over(site, poller, chat):
    peer = await probe(site, poller)
    chat.clients[0].close("kicked")
    peer.send("5")
    assert await peer.receive() == CLOSED
    await site.gone()
    assert site.server.stats()["malformed"] == {}, "the client could not know"


async def test_an_upgrade_to_an_unknown_session_gets_400(site):
    assert (await site.ws("EIO=4&transport=websocket&sid=unknown")).status == 400


@pytest.mark.parametrize("body", [b"zz\r\n", b"5\r\nabc", b"5\r\nabcdefgh\r\n", b"-1\r\n"])
async def test_a_body_that_is_no_http_ends_the_session(site, poller, chat, body):
    peer = await site.tcp()
    path = poller.url.split("/", 3)[3]
    peer.write(f"POST /{path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    await eventually(lambda: site.server.eio.sockets[poller.sid].link._posting)
    peer.write(body)
    assert (await peer.reader.readuntil(b"\r\n")).split()[1] in {b"400", b"408"}
    await site.gone()
    assert [entry[0] for entry in chat.log] == ["connected", "disconnected"]
