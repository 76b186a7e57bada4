# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
"""The Socket.IO protocol over the wire, in the order of its text, and the server's own promises on top."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from app.engine import Binary, ConnectRefused, Limits, Server, encode_event
from tests.engine.peers import CLOSED, Chat, Site, client_frame, refuse
from tests.helpers import eventually


@pytest.fixture
def chat():
    return Chat()


@pytest.fixture
async def site(serve, chat):
    limits = Limits(close_timeout_s=0.2, connect_timeout_s=0.3, handler_timeout_s=0.3)
    return await serve(Server([chat, Chat("/presence")], limits=limits))


# connecting


async def test_a_connect_is_answered_with_the_clients_id(site, chat):
    peer = await site.open()
    peer.send('40/chat,{"token":"123"}')
    answer = await peer.receive()
    assert answer.startswith("40/chat,")
    assert json.loads(answer[8:]) == {"sid": chat.clients[0].id}
    assert chat.log == [("connected", {"token": "123"})]


@pytest.mark.parametrize("text", ["40/chat,", "40/chat"])
async def test_a_connect_without_a_payload_has_no_auth(site, chat, text):
    peer = await site.open()
    peer.send(text)
    await peer.receive()
    assert chat.log == [("connected", None)]


async def test_the_main_namespace_has_no_name_on_the_wire(serve):
    main = Chat("/")
    site = await serve(Server([main]))
    peer = await site.open()
    peer.send("40")
    assert (await peer.receive()).startswith('40{"sid":')
    peer.send('421["m",2]')
    assert await peer.receive() == "431[2]"


async def test_a_client_may_be_in_several_namespaces(site, chat):
    peer = await site.join()
    peer.send("40/presence,{}")
    assert (await peer.receive()).startswith("40/presence,")
    peer.send('42/presence,1["a",1]', '42/chat,2["b",2]')
    assert [await peer.receive() for _ in range(2)] == ["43/presence,1[1]", "43/chat,2[2]"]


async def test_a_refused_connect_is_answered_and_closed(site, chat):
    """E34: one refusal is all that a connection gets."""
    chat.on_connected = refuse
    peer = await site.open()
    peer.send(*["40/chat,{}"] * 50)
    assert await peer.until_closed() == ['44/chat,{"message":"auth_failed","data":{"code":"auth_failed"}}']
    assert len(chat.log) == 1
    await site.gone()


async def test_a_refusal_may_come_without_data(site, chat):
    async def refuse_plainly(*_):
        raise ConnectRefused("no")

    chat.on_connected = refuse_plainly
    peer = await site.open()
    peer.send("40/chat,{}")
    assert await peer.receive() == '44/chat,{"message":"no"}'


async def test_a_refused_client_may_come_again_on_a_new_connection(site, chat):
    chat.on_connected = refuse
    peer = await site.open()
    peer.send("40/chat,{}")
    await peer.until_closed()
    chat.on_connected = None
    await site.join()


@pytest.mark.parametrize("text", ["40", "40{}", "40/", "40/,{}"])
async def test_the_unregistered_main_namespace_is_refused_and_closed(site, text):
    """E3, S01."""
    peer = await site.open()
    peer.send(text)
    assert await peer.until_closed() == ['44{"message":"Invalid namespace"}']
    await site.gone()


@pytest.mark.parametrize("text", ["40/admin,", "40/chat2,{}", "40/" + "a" * 250, "40/" + "a" * 60_000, "40/CHAT,"])
async def test_an_unknown_namespace_closes_and_its_name_is_not_repeated(site, text):
    peer = await site.open()
    peer.send(text)
    assert await peer.until_closed() == []
    await site.gone()


@pytest.mark.parametrize("payload", ['"tok"', "[1]", "5", "true", "null", "{", '{"token":"\\ud800"}', '{"a":NaN}'])
async def test_a_connect_with_anything_but_an_object_closes(site, chat, payload):
    """E1, A02: and the application never hears of it."""
    peer = await site.open()
    peer.send(f"40/chat,{payload}")
    assert await peer.until_closed() == []
    assert chat.log == []
    await site.gone()


async def test_a_second_connect_closes(site, chat):
    """S02."""
    peer = await site.join()
    peer.send("40/chat,{}")
    assert await peer.until_closed() == []
    await eventually(lambda: chat.goodbyes == ["malformed"])
    await site.gone()


@pytest.mark.parametrize("text", ['42/chat,["m",1]', '42["m",1]', "41/chat,", "43/chat,1[]", '42/presence,1["m",1]'])
async def test_anything_before_connect_closes(site, chat, text):
    peer = await site.open()
    peer.send(text)
    assert await peer.until_closed() == []
    assert chat.log == []
    await site.gone()


async def test_a_handler_that_raises_leaves_nothing_behind(site, chat):
    """E1, S19: nobody is half connected, and nothing reaches whom the handler did not let in."""

    async def fail(connection, auth):
        connection.join("room")
        raise RuntimeError("database is down")

    chat.on_connected = fail
    peers = [await site.open() for _ in range(20)]
    for peer in peers:
        peer.send("40/chat,{}")
    answers = [await peer.receive() for peer in peers]
    assert set(answers) == {'44/chat,{"message":"failed"}'}
    assert site.server.deliver("/chat", "room", encode_event("/chat", "secret", b"1")) == 0
    assert [await peer.until_closed() for peer in peers] == [[]] * 20
    assert chat.goodbyes == []
    await site.gone()


async def test_what_a_failed_decision_is_called_is_the_applications_choice(site, chat):
    chat.failed = lambda connection, error: ConnectRefused("unavailable", {"retryable": True})

    async def fail(*_):
        raise OSError

    chat.on_connected = fail
    peer = await site.open()
    peer.send("40/chat,{}")
    assert await peer.receive() == '44/chat,{"message":"unavailable","data":{"retryable":true}}'


async def test_a_decision_that_takes_too_long_is_a_refusal(site, chat):
    async def hang(*_):
        await asyncio.Event().wait()

    chat.on_connected = hang
    peer = await site.open()
    peer.send("40/chat,{}")
    assert await peer.until_closed() == ['44/chat,{"message":"failed"}']
    await site.gone()


@pytest.mark.parametrize("how", ["abort", "packet", "frame"])
async def test_a_client_that_leaves_while_it_is_decided_on_leaves_no_ghost(site, chat, how):
    """E23, S18: and one goodbye, since the application has let it in."""
    gate = asyncio.Event()

    async def decide(connection, _):
        connection.join("room")
        await gate.wait()
        connection.join("late")
        connection.emit("never", b"1")

    chat.on_connected = decide
    peer = await site.open()
    peer.send("40/chat,{}")
    await eventually(lambda: chat.clients)
    await (peer.close() if how == "abort" else leave(peer, how))
    await eventually(lambda: site.server.stats()["sockets"] == 0)
    assert site.server.stats()["rooms"] == 0
    assert chat.goodbyes == []
    gate.set()
    await eventually(lambda: len(chat.goodbyes) == 1)
    await site.gone()


async def leave(peer, how):
    peer.write(client_frame(1, b"1") if how == "packet" else client_frame(8, b""))
    await peer.until_closed()


async def test_nothing_reaches_a_client_that_is_being_decided_on(site, chat):
    """E2, S20: not what is delivered to everyone, not what is delivered to a room it has joined; the latter follows."""
    gate = asyncio.Event()

    async def decide(connection, _):
        connection.join("room")
        await gate.wait()

    chat.on_connected = decide
    stranger = await site.open()
    stranger.send("40/chat,{}")
    await eventually(lambda: chat.clients)
    assert site.server.deliver("/chat", None, encode_event("/chat", "everyone", b"1")) == 0
    assert site.server.deliver("/chat", "room", encode_event("/chat", "room", b"1")) == 0
    assert list(site.server.connections("/chat")) == []
    assert list(site.server.connections("/chat", "room")) == []
    assert site.server.stats()["pending"] == 1
    site.server.eio.mail.flush()
    gate.set()
    assert (await stranger.receive()).startswith("40/chat,")
    assert await stranger.receive() == '42/chat,["room",1]'


async def test_the_welcome_is_first_and_deliveries_meanwhile_follow_it(site, chat):
    gate = asyncio.Event()

    async def decide(connection, _):
        connection.join("room")

    async def welcome(connection):
        connection.emit("hello", b"1")
        await gate.wait()
        connection.emit("still hello", b"2")

    chat.on_connected, chat.on_welcome = decide, welcome
    peer = await site.open()
    peer.send("40/chat,{}", '42/chat,7["m",1]')
    assert (await peer.receive()).startswith("40/chat,")
    assert await peer.receive() == '42/chat,["hello",1]'
    for number in range(3):
        site.server.deliver("/chat", "room", encode_event("/chat", "kept", b"%d" % number))
    site.server.deliver("/chat", None, encode_event("/chat", "kept", b"3"))
    gate.set()
    texts = [await peer.receive() for _ in range(6)]
    assert texts == ['42/chat,["still hello",2]', *(f'42/chat,["kept",{n}]' for n in range(4)), "43/chat,7[1]"]


async def test_what_is_kept_for_a_client_is_bounded(serve, chat):
    site = await serve(Server([chat], limits=Limits(outbox_frames=10, close_timeout_s=0.2)))

    async def welcome(connection):
        await asyncio.Event().wait()

    chat.on_welcome = welcome
    await site.join()
    for _ in range(20):
        site.server.deliver("/chat", None, encode_event("/chat", "m", b"1"))
    await eventually(lambda: site.server.stats()["closed"] == {"slow_consumer": 1})


async def test_a_welcome_that_fails_ends_the_connection(site, chat):
    async def welcome(_):
        raise RuntimeError

    chat.on_welcome = welcome
    peer = await site.join()
    assert await peer.until_closed() == ["41/chat,"]
    await eventually(lambda: chat.goodbyes == ["failed"])
    await site.gone()


# events


async def test_an_event_with_an_id_is_acknowledged_with_what_the_handler_returns(site, chat):
    peer = await site.join()
    peer.send('42/chat,456["m",{"a":[false]}]', '42/chat,0["m","é"]', '42/chat,["m",null]', '42/chat,1["m",null]')
    assert [await peer.receive() for _ in range(3)] == [
        '43/chat,456[{"a":[false]}]', '43/chat,0["é"]', "43/chat,1[null]",
    ]  # fmt: skip
    assert chat.log[1:] == [("m", {"a": [False]}), ("m", "é"), ("m", None), ("m", None)]


@pytest.mark.parametrize("arguments", ["", ",1,2", ",1,2,3"])
async def test_an_event_without_exactly_one_argument_is_refused(site, chat, arguments):
    """S05: acknowledged so where there is an id, closed where there is none."""
    peer = await site.join()
    peer.send(f'42/chat,5["m"{arguments}]')
    assert await peer.receive() == '43/chat,5[{"error":"arity"}]'
    peer.send(f'42/chat,["m"{arguments}]')
    assert await peer.until_closed() == []
    assert [entry for entry in chat.log if entry[0] == "m"] == []


async def test_a_handler_that_raises_is_answered(site, chat):
    """E5."""

    async def fail(*_):
        raise RuntimeError("secret")

    chat.on_received = fail
    peer = await site.join()
    peer.send('42/chat,5["m",1]')
    assert await peer.receive() == '43/chat,5[{"error":"failed"}]'
    chat.on_received = None
    peer.send('42/chat,6["m",1]')
    assert await peer.receive() == "43/chat,6[1]"


async def test_a_type_error_in_a_handler_does_not_run_it_twice(site, chat):
    """E41."""
    calls = []

    async def fail(*_):
        calls.append(1)
        raise TypeError

    chat.on_received = fail
    peer = await site.join()
    peer.send('42/chat,5["m",1]')
    assert await peer.receive() == '43/chat,5[{"error":"failed"}]'
    assert calls == [1]


async def test_a_handler_that_takes_too_long_is_cancelled_and_answered(site, chat):
    async def hang(*_):
        await asyncio.Event().wait()

    chat.on_received = hang
    peer = await site.join()
    peer.send('42/chat,5["m",1]')
    assert await peer.receive() == '43/chat,5[{"error":"timeout"}]'


async def test_a_timeout_error_of_the_handlers_own_is_a_failure(site, chat):
    async def fail(*_):
        raise TimeoutError

    chat.on_received = fail
    peer = await site.join()
    peer.send('42/chat,5["m",1]')
    assert await peer.receive() == '43/chat,5[{"error":"failed"}]'


async def test_a_result_that_is_no_json_is_a_failure(site, chat):
    async def give(*_):
        return object()

    chat.on_received = give
    peer = await site.join()
    peer.send('42/chat,5["m",1]')
    assert await peer.receive() == '43/chat,5[{"error":"failed"}]'


async def test_an_answer_that_cannot_be_made_ends_the_session(site, chat):
    async def fail(*_):
        raise RuntimeError

    def fail_again(*_):
        raise RuntimeError

    chat.on_received, chat.refused = fail, fail_again
    peer = await site.join()
    peer.send('42/chat,5["m",1]')
    assert await peer.until_closed() == []
    await eventually(lambda: chat.goodbyes == ["handler failed"])
    await site.gone()


RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", "*", ""]


@pytest.mark.parametrize("name", RESERVED)
async def test_a_reserved_event_closes_and_calls_nothing(site, chat, name):
    """E4, S04."""
    peer = await site.join()
    peer.send(f'42/chat,1["{name}",{{"user":"admin"}}]')
    assert await peer.until_closed() == []
    await eventually(lambda: chat.goodbyes == ["malformed"])
    assert [entry[0] for entry in chat.log] == ["connected", "disconnected"]


@pytest.mark.parametrize(
    "name", ["trigger_event", "on_connect", "__init__", "emit", "disconnect_all", "handle", "nosuch"]
)
async def test_no_event_name_finds_a_method(site, chat, name):
    """E4, E5: they are all plain events, which the application answers."""

    async def unknown(connection, name, payload):
        return {"error": "unknown_event"}

    chat.on_received = unknown
    peer = await site.join()
    peer.send(f'42/chat,1["{name}",1]')
    assert await peer.receive() == '43/chat,1[{"error":"unknown_event"}]'


@pytest.mark.parametrize(
    "text",
    ["42/chat,", "42/chat,[]", "42/chat,{}", '42/chat,"m"', "42/chat,[5]", "42/chat,[null]", '42/chat,[{"a":1}]',
     '42/chat,abc["m",1]', "4abc", '42/chat,["m",NaN]', '42/chat,["m",{"x":1e999}]', '42/chat,["m",-Infinity]',
     '42/chat,["m","\\ud800"]', '42/chat,["m","\\u0000"]', '42/chat,["m",' + "[" * 400 + "]" * 400 + "]",
     '42/chat,["m",9007199254740993]', '44/chat,{"message":"x"}', "42/chat,1", '42/chat,["' + "n" * 16_000 + '",1]',
     '42/chat,["a\\nb",1]', '42/chat,["\\u001b[31mred",1]', '42/chat,["\\u202eabc",1]'],
    ids=lambda text: text[:24],
)  # fmt: skip
async def test_a_malformed_packet_closes_and_reaches_nobody(site, chat, text):
    """E26, E27, S05, S07, S11, S14."""
    peer = await site.join()
    peer.send(text)
    assert await peer.until_closed() == []
    assert [entry[0] for entry in chat.log if entry[0] != "disconnected"] == ["connected"]
    await site.gone()


@pytest.mark.parametrize("text", ['450-["m"]', '451-["m",{"_placeholder":true,"num":0}]', "461-1[]", '451000000-["m"]'])
async def test_binary_packets_are_refused(site, chat, text):
    """E6, S08."""
    peer = await site.join()
    peer.send(text.replace("-", "-/chat,", 1))
    assert await peer.until_closed() == []
    await site.gone()


async def test_an_acknowledgement_that_nobody_waits_for_is_ignored(site, chat):
    """E18: with id 0 as well."""
    peer = await site.join()
    peer.send("43/chat,0[]", "43/chat,77[1]", '42/chat,1["m",1]')
    assert await peer.receive() == "43/chat,1[1]"


# binary, where it is allowed


@pytest.fixture
async def binary_site(serve, chat):
    limits = Limits(binary=Binary(attachments=2, bytes=1000, time_s=0.2), close_timeout_s=0.2)
    return await serve(Server([chat], limits=limits))


def send_binary(peer, data):
    peer.write(client_frame(2, data))


async def test_attachments_are_put_together(binary_site, chat):
    async def size(connection, name, payload):
        return len(payload["file"])

    chat.on_received = size
    peer = await binary_site.join()
    peer.send('451-/chat,7["upload",{"file":{"_placeholder":true,"num":0}}]')
    send_binary(peer, b"x" * 500)
    assert await peer.receive() == "43/chat,7[500]"


ONE = '451-/chat,["m",{"_placeholder":true,"num":0}]'


async def test_attachments_that_do_not_come_end_the_session_in_time(binary_site, chat):
    peer = await binary_site.join()
    peer.send(ONE)
    assert await peer.until_closed() == []
    await eventually(lambda: chat.goodbyes == ["attachment timeout"])
    await binary_site.gone()


@pytest.mark.parametrize(
    "packets",
    [
        [b"lonely"],
        [ONE, ONE],
        [ONE, '42/chat,["m",1]'],
        [ONE, b"x" * 1001],
        ['453-/chat,["m",1]'],
        ['450-/chat,["m",1]'],
        ['451-/chat,["m",{"_placeholder":true,"num":1}]', b"x"],
        ['451-/chat,["m",{"_placeholder":true,"num":-1}]', b"x"],
        ['451-/presence,["m",{"_placeholder":true,"num":0}]', b"x"],
    ],
)
async def test_attachments_that_do_not_fit_close(binary_site, chat, packets):
    """E6, E7."""
    peer = await binary_site.join()
    for packet in packets:
        if isinstance(packet, str):
            peer.send(packet)
        else:
            send_binary(peer, packet)
    assert await peer.until_closed() == []
    await binary_site.gone()


async def test_attachments_before_connect_are_refused(binary_site):
    peer = await binary_site.open()
    peer.send(ONE)
    assert await peer.until_closed() == []
    await binary_site.gone()


# disconnecting


async def test_a_client_may_leave_one_namespace_and_stay_in_another(site, chat):
    peer = await site.join()
    peer.send("40/presence,{}")
    await peer.receive()
    peer.send("41/chat,", '42/presence,1["m",1]')
    assert await peer.receive() == "43/presence,1[1]"
    assert chat.goodbyes == ["client disconnect"]
    assert site.server.deliver("/chat", None, encode_event("/chat", "m", b"1")) == 0


async def test_a_client_that_has_left_every_namespace_has_a_while_to_come_back(site, chat):
    peer = await site.join()
    peer.send("41/chat,", "40/chat,{}")
    assert (await peer.receive()).startswith("40/chat,")
    peer.send("41/chat,")
    assert await peer.until_closed() == []
    assert site.server.stats()["closed"] == {"connect timeout": 1}
    assert chat.goodbyes == ["client disconnect"] * 2


async def test_what_was_sent_before_leaving_is_handled_before_the_goodbye(site, chat):
    peer = await site.join()
    peer.send('42/chat,["a",1]', '42/chat,["b",1]', "41/chat,", "1")
    await peer.until_closed()
    await eventually(lambda: chat.goodbyes)
    assert [entry[0] for entry in chat.log] == ["connected", "a", "b", "disconnected"]
    await site.gone()


async def test_the_goodbye_comes_after_the_handler_that_is_running(site, chat):
    gate = asyncio.Event()

    async def wait(*_):
        await gate.wait()
        chat.log.append(("handled",))

    chat.on_received = wait
    peer = await site.join()
    peer.send('42/chat,["a",1]')
    await eventually(lambda: len(chat.log) == 2)
    await peer.close()
    await eventually(lambda: site.server.stats()["sockets"] == 0)
    assert chat.goodbyes == []
    gate.set()
    await eventually(lambda: chat.goodbyes == ["transport close"])
    assert [entry[0] for entry in chat.log] == ["connected", "a", "handled", "disconnected"]


async def test_a_slow_goodbye_delays_nobody(site, chat):
    """E35."""

    async def hang(*_):
        await asyncio.Event().wait()

    chat.on_disconnected = hang
    witness = await site.join()
    for _ in range(10):
        await (await site.join()).close()
    await eventually(lambda: len(chat.goodbyes) == 10)
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert site.server.deliver("/chat", None, encode_event("/chat", "m", b"1")) == 1
    assert await witness.receive() == '42/chat,["m",1]'
    assert loop.time() - started < 0.2


async def test_a_goodbye_that_fails_is_logged_and_harms_nobody(site, chat, caplog):
    async def fail(*_):
        raise RuntimeError("in the goodbye")

    chat.on_disconnected = fail
    await (await site.join()).close()
    await eventually(lambda: "in the goodbye" in caplog.text)
    await site.gone()
    await site.join()


# closing the server


async def test_closing_an_idle_server_is_quick_and_may_be_done_twice():
    """E36."""
    server = Server([Chat()])
    await server.aclose(5)
    await server.aclose(5)


async def test_closing_the_server_closes_every_client(site, chat):
    peers = [await site.join() for _ in range(5)]
    closing = asyncio.create_task(site.server.aclose(2))
    for peer in peers:
        assert await peer.until_closed() == []
    await closing
    await eventually(lambda: chat.goodbyes == ["server shutdown"] * 5)
    assert (await site.ws()).status == 503


async def test_closing_the_server_does_not_wait_for_clients_that_do_not_close(site, chat):
    """E36, E37: nor for handlers that hang."""

    async def hang(*_):
        await asyncio.Event().wait()

    chat.on_received = chat.on_disconnected = hang
    for _ in range(5):
        (await site.join()).send('42/chat,["m",1]')
    await eventually(lambda: len(chat.log) == 10)
    async with asyncio.timeout(2):
        await site.server.aclose(0.3)
    assert site.server.stats()["links"] == 0
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert "handling events" not in names
    assert "saying goodbye" not in names


async def test_the_application_closes_the_server_as_it_shuts_down(chat):
    async with AsyncExitStack() as stack:
        server = Server([chat], limits=Limits(close_timeout_s=0.2))
        app = web.Application()
        server.attach(app)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        site = Site(runner.addresses[0][1], server, stack)
        peers = [await site.join() for _ in range(3)]
        async with asyncio.timeout(3):
            await runner.cleanup()
        for peer in peers:
            assert await peer.receive() == CLOSED


async def test_stats_tell_what_there_is(site, chat):
    peer = await site.join()
    chat.clients[0].join("room")
    assert site.server.stats() == {
        "sockets": 1, "links": 1, "connections": 1, "pending": 0, "rooms": 1, "closed": {}, "malformed": {},
    }  # fmt: skip
    peer.send("x")
    await site.gone()
    assert site.server.stats()["closed"] == {"malformed": 1}
    assert site.server.stats()["malformed"] == {"engine packet": 1}
