# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
"""What an application can do with a client: rooms, order, suspension, deadlines, closing."""

import asyncio
import time

import pytest

from app.engine import Server, encode_event
from tests.engine.peers import Chat
from tests.helpers import eventually


@pytest.fixture
def chat():
    return Chat()


@pytest.fixture
async def site(serve, chat):
    return await serve(Server([chat, Chat("/other")]))


def say(site, room, number, **options):
    return site.server.deliver("/chat", room, encode_event("/chat", "m", b"%d" % number), **options)


async def numbers(peer, count):
    return [(await peer.event())[1] for _ in range(count)]


async def test_a_delivery_reaches_the_members_of_the_room_and_nobody_else(site, chat):
    peers = [await site.join() for _ in range(3)]
    for client in chat.clients[:2]:
        client.join("room")
    assert say(site, "room", 1) == 2
    assert say(site, "nowhere", 2) == 0
    assert say(site, None, 3) == 3
    assert site.server.deliver("/other", "room", b"2/other,[]") == 0
    assert site.server.deliver("/unknown", "room", b"2/unknown,[]") == 0
    assert [await numbers(peer, 2) for peer in peers[:2]] == [[1, 3]] * 2
    assert await numbers(peers[2], 1) == [3]


async def test_rooms_of_one_name_in_two_namespaces_are_two(site, chat):
    peer = await site.join()
    chat.clients[0].join("room")
    await site.join("/other")
    other = site.server.places["/other"].handler
    other.clients[0].join("room")
    assert say(site, "room", 1) == 1
    assert await numbers(peer, 1) == [1]


async def test_emits_and_deliveries_to_any_rooms_arrive_in_the_order_of_the_calls(site, chat):
    peers = [await site.join() for _ in range(2)]
    first, _second = chat.clients
    for client in chat.clients:
        client.join("a")
        client.join("b")
    sent = 0
    for room in ("a", "a", "b", None, "a", "b", "b"):
        say(site, room, sent)
        first.emit("m", b"%d" % (sent + 1))
        say(site, room, sent + 2, volatile=sent % 2 == 0)
        sent += 3
    assert await numbers(peers[0], sent) == list(range(sent))
    assert await numbers(peers[1], sent - 7) == [n for n in range(sent) if n % 3 != 1]


async def test_a_client_gets_what_was_said_while_it_was_in_the_room_and_no_more(site, chat):
    """I11: in one turn of the loop as well."""
    peer = await site.join()
    client = chat.clients[0]
    say(site, "room", 0)
    client.join("room")
    say(site, "room", 1)
    say(site, "room", 2)
    client.leave("room")
    say(site, "room", 3)
    client.join("room")
    client.join("room")
    say(site, "room", 4)
    assert client.rooms == {"room"}
    assert await numbers(peer, 3) == [1, 2, 4]
    client.leave("room")
    client.leave("room")
    assert client.rooms == frozenset()
    assert site.server.stats()["rooms"] == 0


async def test_what_one_turn_says_is_one_write(site, chat):
    """Joined writes: 64 messages in flight are one segment for the client."""
    peer = await site.join()
    for number in range(64):
        say(site, None, number)
    data = await peer.reader.read(1 << 16)
    assert data.count(b'["m",') == 64


async def test_more_than_a_turn_may_gather_is_written_early(site, chat):
    peer = await site.join()
    big = b'"' + b"x" * 60_000 + b'"'
    for _ in range(10):
        site.server.deliver("/chat", None, encode_event("/chat", "m", big))
    assert site.server.eio.mail._size <= 1 << 17
    assert [len(text) for text in await numbers(peer, 10)] == [60_000] * 10


async def test_a_suspended_client_gets_what_is_emitted_to_it_but_nothing_from_rooms(site, chat):
    peer, witness = await site.join(), await site.join()
    client = chat.clients[0]
    for one in chat.clients:
        one.join("room")
    say(site, "room", 1)
    client.suspend()
    assert say(site, "room", 2) == 1
    assert say(site, None, 3) == 1
    client.emit("m", b"4")
    client.join("later")
    assert say(site, "later", 5) == 0
    assert client in set(site.server.connections("/chat", "room"))
    client.resume()
    assert say(site, "room", 6) == 2
    assert say(site, "later", 7) == 1
    assert await numbers(peer, 4) == [1, 4, 6, 7]
    assert await numbers(witness, 4) == [1, 2, 3, 6]


async def test_a_client_suspended_before_its_welcome_gets_nothing_from_rooms(site, chat):
    gate = asyncio.Event()

    async def decide(connection, _):
        connection.join("room")
        connection.suspend()

    async def welcome(connection):
        await gate.wait()

    chat.on_connected, chat.on_welcome = decide, welcome
    peer = await site.join()
    say(site, "room", 1)
    gate.set()
    await eventually(lambda: not chat.clients[0].pending)
    say(site, "room", 2)
    chat.clients[0].resume()
    say(site, "room", 3)
    assert await numbers(peer, 1) == [3]


async def test_members_of_a_room_can_be_listed(site, chat):
    for _ in range(3):
        await site.join()
    first, second, third = chat.clients
    first.join("room")
    second.join("room")
    second.suspend()
    assert set(site.server.connections("/chat", "room")) == {first, second}
    assert set(site.server.connections("/chat")) == {first, second, third}
    assert list(site.server.connections("/chat", "nowhere")) == []
    assert list(site.server.connections("/unknown")) == []


async def test_the_room_of_everyone_is_nobodys_to_join_or_leave(site, chat):
    await site.join()
    client = chat.clients[0]
    with pytest.raises(ValueError, match="everyone"):
        client.join(None)
    client.leave(None)
    assert say(site, None, 1) == 1


async def test_a_client_that_is_gone_can_be_spoken_to_in_vain(site, chat):
    peer = await site.join()
    client = chat.clients[0]
    client.join("room")
    await peer.close()
    await site.gone()
    client.emit("m", b"1")
    client.join("room")
    client.leave("room")
    client.suspend()
    client.resume()
    client.close("again")
    client.call_at(time.monotonic(), lambda: None)
    assert client.rooms == frozenset()
    assert site.idle
    assert chat.goodbyes == ["transport close"]


async def test_a_client_closed_while_it_is_decided_on_is_not_connected(site, chat):
    async def decide(connection, _):
        connection.join("room")
        connection.close("banned", ("never", b"1"))

    chat.on_connected = decide
    peer = await site.open()
    peer.send("40/chat,{}")
    assert await peer.until_closed() == []
    await site.gone()
    assert chat.goodbyes == ["banned"]


async def test_closing_inside_a_handler_ends_the_session_after_it(site, chat):
    async def kick(connection, *_):
        connection.close("kicked", ("bye", b"1"))
        return "never said"

    chat.on_received = kick
    peer = await site.join()
    peer.send('42/chat,1["m",1]', '42/chat,2["m",2]')
    assert await peer.until_closed() == ['42/chat,["bye",1]', "41/chat,"]
    await site.gone()
    assert [entry[0] for entry in chat.log] == ["connected", "m", "disconnected"]


async def test_deadlines_of_a_client_run_and_end_with_it(site, chat):
    peer = await site.join()
    client = chat.clients[0]
    ran = []
    now_s = time.monotonic()
    client.call_at(now_s + 0.05, lambda: ran.append("first"))
    client.call_at(now_s + 0.05, lambda: ran.append("cancelled")).cancel()
    client.call_at(now_s + 0.3, lambda: ran.append("too late"))
    await eventually(lambda: ran == ["first"])
    await peer.close()
    await site.gone()
    assert len(site.server.eio.wheel) == 0


async def test_session_is_the_applications_own(site, chat):
    await site.join()
    client = chat.clients[0]
    assert client.session is None
    client.session = {"user": 1}
    assert client.session == {"user": 1}
    assert client.namespace == "/chat"


async def test_a_disconnect_costs_its_own_rooms_however_many_there_are(site, chat):
    """E17: no walk over the namespace, as a count of what is touched and not of time."""
    rooms = site.server.places["/chat"].rooms

    class Counting(dict):
        touched = 0

        def __getitem__(self, key):
            Counting.touched += 1
            return super().__getitem__(key)

        def get(self, key, default=None):
            Counting.touched += 1
            return super().get(key, default)

        def pop(self, key, default=None):
            Counting.touched += 1
            return super().pop(key, default)

        def __iter__(self):
            raise AssertionError("walked over all rooms")

        values = items = keys = __iter__

    stays, leaves = await site.join(), await site.join()
    for number in range(20_000):
        chat.clients[0].join(number)
    for number in range(5):
        chat.clients[1].join(number)
    rooms.by_name = Counting(rooms.by_name)
    await leaves.close()
    await eventually(lambda: site.server.stats()["connections"] == 1)
    assert Counting.touched < 50
    assert chat.clients[0].rooms >= {0, 19_999}
    assert stays is not None


async def test_a_transport_that_fails_in_writing_costs_only_its_own_client(site, chat):
    broken, witness = await site.join(), await site.join()

    def fail(_):
        raise RuntimeError("the handle is closed")

    chat.clients[0].socket.write = fail
    assert say(site, None, 1) == 2
    assert await numbers(witness, 1) == [1]
    await eventually(lambda: chat.goodbyes == ["write failed"])
    assert await broken.until_closed() == []
