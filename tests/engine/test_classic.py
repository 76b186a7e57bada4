# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
# mypy: disable-error-code="import-untyped"
"""Handlers written for python-socketio: what they are given, and what becomes of what they return."""

import asyncio
import json

import pytest
import socketio

from app.engine.testing import create_server
from app.engine.websocket import WebSocket
from tests.engine.peers import client_frame
from tests.helpers import eventually


@pytest.fixture
def sio():
    return create_server(cors_allowed_origins="*", namespaces=["/", "/custom"])


@pytest.fixture
async def site(serve, sio):
    return await serve(sio)


async def join(site, namespace="/", auth=""):
    peer = await site.open()
    peer.send("40" + ("" if namespace == "/" else namespace + ",") + auth)
    answer = await peer.receive()
    assert answer.startswith("40"), answer
    return peer, json.loads(answer[answer.index("{") :])["sid"]


async def test_the_connect_handler_gets_sid_environ_and_auth(site, sio):
    seen = []

    @sio.event
    async def connect(sid, environ, auth):
        seen.append((sid, environ["QUERY_STRING"], environ["REMOTE_ADDR"], auth))
        await sio.emit("auth", auth, to=sid)
        await sio.save_session(sid, {"name": "a"})
        await sio.enter_room(sid, "room")

    peer, sid = await join(site, auth='{"token":"123"}')
    assert seen == [(sid, "EIO=4&transport=websocket", "127.0.0.1", {"token": "123"})]
    assert await peer.receive() == '42["auth",{"token":"123"}]'
    assert await sio.get_session(sid) == {"name": "a"}
    assert sio.rooms(sid) == [sid, "room"]
    assert sio.get_environ(sid)["REQUEST_METHOD"] == "GET"
    assert sio.transport(sid) == "websocket"


async def test_older_connect_and_disconnect_handlers_get_less(site, sio):
    seen = []
    sio.on("connect", lambda sid, environ: seen.append("connect"))
    sio.on("disconnect", lambda sid: seen.append("disconnect"))
    peer, _ = await join(site)
    await peer.close()
    await eventually(lambda: seen == ["connect", "disconnect"])


@pytest.mark.parametrize(
    ("refuse", "error"),
    [
        (lambda: False, {"message": "Connection rejected by server"}),
        (lambda: raising(socketio.exceptions.ConnectionRefusedError("no")), {"message": "no"}),
        (lambda: raising(socketio.exceptions.ConnectionRefusedError("no", 5)), {"message": "no", "data": 5}),
        (lambda: raising(RuntimeError()), {"message": "failed"}),
    ],
)
async def test_a_connect_handler_refuses_and_the_session_goes_on(site, sio, refuse, error):
    async def connect(sid, environ):
        return refuse()

    sio.on("connect", connect)
    peer = await site.open()
    peer.send("40", "40/custom,")
    assert json.loads((await peer.receive())[2:]) == error
    assert (await peer.receive()).startswith("40/custom,")


def raising(error):
    raise error


async def test_an_unknown_namespace_is_refused_by_name_and_the_session_goes_on(site):
    peer = await site.open()
    peer.send("40/random")
    assert await peer.receive() == '44/random,{"message":"Invalid namespace"}'
    peer.send("40")
    assert (await peer.receive()).startswith("40{")


async def test_events_carry_any_number_of_arguments_and_results_become_acknowledgements(site, sio):
    results = {"none": None, "one": 1, "two": (1, {"a": 2}), "list": [1, 2], "empty": ()}

    @sio.on("*")
    async def anything(event, sid, *arguments):
        return results.get(event, arguments)

    peer, _ = await join(site)
    peer.send('421["none"]', '422["one"]', '423["two"]', '424["list"]', '425["empty"]', '426["x",1,"2",{"3":[true]}]')
    answers = [await peer.receive() for _ in range(6)]
    assert answers == ["431[]", "432[1]", '433[1,{"a":2}]', "434[[1,2]]", "435[]", '436[1,"2",{"3":[true]}]']


async def test_what_is_not_handled_is_not_acknowledged(site, sio):
    @sio.on("quiet")
    async def quiet(sid):
        return sio.not_handled

    sio.on("loud", lambda sid: "loud")
    peer, _ = await join(site)
    peer.send('421["nobody"]', '422["quiet"]', '423["loud"]')
    assert await peer.receive() == '433["loud"]'


async def test_binary_goes_both_ways_and_in_acknowledgements(site, sio):
    @sio.on("echo")
    async def echo(sid, *arguments):
        await sio.emit("back", arguments, to=sid)
        return arguments

    peer, _ = await join(site)
    peer.send('452-789["echo",{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]')
    peer.write(client_frame(2, b"\1\2") + client_frame(2, b"\3"))
    assert [await peer.receive() for _ in range(6)] == [
        '452-["back",{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]', b"\1\2", b"\3",
        '462-789[{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]', b"\1\2", b"\3",
    ]  # fmt: skip


async def test_emits_reach_rooms_lists_of_rooms_clients_and_everyone_but_some(site, sio):
    (a, a_sid), (b, b_sid), (c, c_sid) = [await join(site) for _ in range(3)]
    await sio.enter_room(a_sid, "one")
    await sio.enter_room(b_sid, "two")
    await sio.enter_room(b_sid, "one")
    await sio.emit("m", 1)
    await sio.emit("m", 2, room="one")
    await sio.emit("m", 3, to=["one", "two"])
    await sio.emit("m", 4, to="one", skip_sid=a_sid)
    await sio.emit("m", 5, skip_sid=[a_sid, b_sid])
    await sio.emit("m", 6, to=c_sid)
    await sio.emit("m", 7, to="nowhere")
    await sio.leave_room(b_sid, "one")
    await sio.close_room("two")
    await sio.emit("m", 8, to=["one", "two"])
    await sio.emit("m", (9, 9))
    await sio.send("end")
    assert [await texts(peer) for peer in (a, b, c)] == [
        ["1", "2", "3", "8", "9,9"], ["1", "2", "3", "4", "9,9"], ["1", "5", "6", "9,9"],
    ]  # fmt: skip


async def texts(peer):
    found = []
    while (text := await peer.receive()) != '42["message","end"]':
        found.append(text.removeprefix('42["m",').removesuffix("]"))
    return found


async def test_a_client_acknowledges_an_emit(site, sio):
    """E18: the counter starts above 0, and an answer to what was never asked changes nothing."""
    peer, sid = await join(site)
    answers = []
    peer.send("430[]", "4399[]")
    await sio.emit("ask", 1, to=sid, callback=lambda *arguments: answers.append(arguments))
    text = await peer.receive()
    assert text.endswith('["ask",1]')
    number = text[2 : text.index("[")]
    assert int(number) > 0
    peer.send(f"43{number}[1,2]", f"43{number}[3]")
    await eventually(lambda: answers == [(1, 2)])
    calling = asyncio.create_task(sio.call("ask", 2, to=sid, timeout=5))
    text = await peer.receive()
    peer.send(f'43{text[2 : text.index("[")]}["yes"]')
    assert await calling == "yes"
    assert answers == [(1, 2)]


async def test_a_broadcast_with_a_callback_reaches_everyone(site, sio):
    """E18."""
    peers = [await join(site) for _ in range(3)]
    peers[0][0].send("430[]")
    answers = []

    async def answered(*arguments):
        answers.append(arguments)

    await sio.emit("ask", callback=answered)
    for peer, _ in peers:
        text = await peer.receive()
        peer.send(f"43{text[2 : text.index('[')]}[1]")
    await eventually(lambda: answers == [(1,)] * 3)


async def test_callbacks_that_are_never_answered_are_bounded_and_end_with_the_client(site, sio):
    peer, sid = await join(site)
    for _ in range(1500):
        await sio.emit("ask", to=sid, callback=print)
    assert len(sio.manager.callbacks[sid]) == 1000
    await peer.close()
    await eventually(lambda: sio.manager.callbacks == {})


async def test_a_handler_may_call_the_client_it_is_handling(site, sio):
    @sio.on("start")
    async def start(sid):
        return await sio.call("ask", to=sid, timeout=5)

    peer, _ = await join(site)
    peer.send('427["start"]')
    text = await peer.receive()
    peer.send(f'43{text[2 : text.index("[")]}["yes"]')
    assert await peer.receive() == '437["yes"]'


async def test_handlers_start_in_order_and_run_side_by_side(site, sio):
    started = []
    gate = asyncio.Event()

    @sio.on("m")
    async def wait(sid, number):
        started.append(number)
        await gate.wait()
        return number

    peer, _ = await join(site)
    peer.send(*(f'42{number}["m",{number}]' for number in range(10)))
    await eventually(lambda: started == list(range(10)))
    gate.set()
    assert [await peer.receive() for _ in range(10)] == [f"43{number}[{number}]" for number in range(10)]


async def test_disconnecting_a_client_ends_its_session_with_its_last_namespace(site, sio):
    """E33."""
    reasons = []

    @sio.event
    async def disconnect(sid, reason):
        reasons.append(reason)
        assert await sio.get_session(sid) == {}

    peer, sid = await join(site)
    await sio.disconnect(sid)
    assert await peer.until_closed() == ["41"]
    assert reasons == ["server disconnect"]
    await site.gone()


async def test_disconnecting_from_one_namespace_leaves_the_others(site, sio):
    sio.on("echo", lambda sid, value: value)
    peer, _ = await join(site)
    peer.send("40/custom,")
    sid = json.loads((await peer.receive()).removeprefix("40/custom,"))["sid"]
    await sio.disconnect(sid, namespace="/custom")
    assert await peer.receive() == "41/custom,"
    peer.send('421["echo",1]')
    assert await peer.receive() == "431[1]"


async def test_closing_the_engine_session_disconnects_every_namespace(site, sio):
    left = []
    for namespace in ("/", "/custom"):
        sio.on("disconnect", lambda sid, reason, namespace=namespace: left.append(namespace), namespace=namespace)
    peer, sid = await join(site)
    peer.send("40/custom,")
    await peer.receive()
    await sio.eio.disconnect(sio.manager.eio_sid_from_sid(sid, "/"))
    assert await peer.until_closed() == []
    await eventually(lambda: sorted(left) == ["/", "/custom"])


async def test_namespace_objects_of_upstream_work(serve):
    class Custom(socketio.AsyncNamespace):
        async def on_connect(self, sid, environ):
            await self.enter_room(sid, "room")

        async def on_echo(self, sid, value):
            await self.emit("all", value, room="room")
            return value

    sio = create_server()
    sio.register_namespace(Custom("/objects"))
    peer, _ = await join(await serve(sio), "/objects")
    peer.send('42/objects,1["echo",5]')
    assert sorted([await peer.receive(), await peer.receive()]) == ['42/objects,["all",5]', "43/objects,1[5]"]


async def test_any_namespace_may_be_let_in(serve):
    sio = create_server(namespaces="*")
    seen = []
    sio.on("connect", lambda namespace, sid, environ: seen.append(namespace), namespace="*")
    site = await serve(sio)
    await join(site, "/a")
    await join(site, "/b")
    assert seen == ["/a", "/b"]


async def test_handlers_on_the_engine_itself_take_the_sessions_over(serve, http):
    sio = create_server(ping_interval=0.3, ping_timeout=0.2)
    closed = []

    @sio.eio.on("connect")
    async def connect(sid, environ):
        if "deny" in environ["QUERY_STRING"]:
            return False
        await sio.eio.send(sid, "hi")
        return None

    sio.eio.on("message", sio.eio.send)
    sio.eio.on("disconnect", lambda sid, reason: closed.append(reason))
    site = await serve(sio)
    peer = await site.open()
    assert await peer.receive() == "4hi"
    peer.send("4hello", '4{"a":1}', "4123")
    peer.write(client_frame(2, b"\1"))
    assert [await peer.receive() for _ in range(4)] == ["4hello", '4{"a":1}', "4123", b"\1"]
    peer.send("1")
    await eventually(lambda: closed == ["client disconnect"])
    async with http.get(site.url("EIO=4&transport=polling&deny=1")) as response:
        assert response.status == 401
    assert (await site.ws("EIO=4&transport=websocket&deny=1")).status == 401
    async with http.get(site.url()) as response:
        opening = json.loads((await response.text())[1:])
    assert (opening["pingInterval"], opening["pingTimeout"], opening["maxPayload"]) == (300, 200, 1_000_000)
    async with http.get(site.url(f"EIO=4&transport=polling&sid={opening['sid']}")) as response:
        assert await response.text() == "4hi"


async def test_paths_below_the_given_one_belong_to_it(site, http):
    async with http.get(site.url(path="/socket.io/default/")) as response:
        assert response.status == 200


async def test_origins_are_as_in_upstream(serve, http):
    site = await serve(create_server(cors_allowed_origins=["https://a.example"]))
    async with http.get(site.url(), headers={"Origin": "https://b.example"}) as response:
        assert response.status == 403
    async with http.get(site.url(), headers={"Origin": "https://a.example"}) as response:
        assert response.status == 200


async def test_only_the_aiohttp_mode_exists():
    with pytest.raises(ValueError, match="async_mode"):
        create_server(async_mode="asgi")


async def test_sessions_are_told_that_they_are_open_in_the_order_in_which_they_came(site, sio, monkeypatch):
    told = {}
    write = WebSocket.resume_writing

    def resume_writing(link):
        told[link.socket.sid] = True
        write(link)

    monkeypatch.setattr(WebSocket, "resume_writing", resume_writing)
    peers = await asyncio.gather(*(site.ws() for _ in range(20)))
    for peer in peers:
        assert (await peer.receive()).startswith("0{")
    assert list(told) == list(sio.eio.sockets)
