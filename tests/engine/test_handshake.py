# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
"""Who gets a session: Engine.IO protocol, "Transports" and "Handshake", and the door's own rules."""

import json

import pytest

from app.engine import Limits, Server
from tests.engine.peers import CLOSED, Chat, client_frame
from tests.helpers import eventually

OPEN = "EIO=4&transport=polling"


@pytest.fixture
async def site(serve):
    return await serve(
        Server(
            [Chat()],
            origins=frozenset({"https://app.example"}),
            trusted_proxies=["127.0.0.1"],
            limits=Limits(frame_bytes=1000),
            ping_interval_s=25.5,
            ping_timeout_s=20,
        )
    )


async def answer(http, url, method="GET", **options):
    async with http.request(method, url, **options) as response:
        return response.status, await response.text()


async def test_a_polling_handshake_is_answered_with_the_open_packet(site, http):
    async with http.get(site.url()) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].lower() == "text/plain; charset=utf-8"
        text = await response.text()
    assert text[0] == "0"
    opening = json.loads(text[1:])
    assert len(opening.pop("sid")) == 20
    assert opening == {"upgrades": ["websocket"], "pingInterval": 25500, "pingTimeout": 20000, "maxPayload": 1000}


async def test_a_websocket_handshake_is_answered_with_the_open_packet(site):
    peer = await site.ws()
    assert peer.status == 101
    assert peer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    opening = json.loads((await peer.receive())[1:])
    assert (opening["upgrades"], opening["pingInterval"]) == ([], 25500)


async def test_session_ids_do_not_repeat(site, http):
    ids = {json.loads((await answer(http, site.url()))[1][1:])["sid"] for _ in range(50)}
    assert len(ids) == 50


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("transport=polling", 5),
        ("EIO=abc&transport=polling", 5),
        ("EIO=3&transport=polling", 5),
        ("EIO=4", 0),
        ("EIO=4&transport=abc", 0),
        ("EIO=4&transport=", 0),
        ("EIO=4&transport=__proto__", 0),
        ("EIO=4&transport=websocket", 3),
        (OPEN + "&sid=unknown", 1),
        (OPEN + "&sid=", 1),
        (OPEN + "&sid=../../x%0a", 1),
        (OPEN + "&sid=" + "a" * 3000, 1),
        (OPEN + "&j=0", 3),
        (OPEN + "&j=x", 3),
        (OPEN + "&EIO=4", 3),
        (OPEN + "&token=x", 3),
        (OPEN + "&access_token=x", 3),
        (OPEN + "&jwt=x", 3),
        (OPEN + "".join(f"&a{number}=1" for number in range(100)), 3),
    ],
)
async def test_a_request_that_asks_wrongly_gets_400_and_the_protocols_error(site, http, query, code):
    """E32 (JSONP), and tokens that would end up in logs."""
    status, text = await answer(http, site.url(query))
    assert status == 400
    error = json.loads(text)
    assert error["code"] == code
    assert error["message"]
    assert site.idle


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "TRACE"])
async def test_a_session_is_only_opened_by_get(site, http, method):
    status, text = await answer(http, site.url(), method)
    assert status == 400
    assert method == "HEAD" or json.loads(text)["code"] == 2
    assert site.idle


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": "%%%%"},
        {"Sec-WebSocket-Version": "12"},
        {"Connection": "keep-alive"},
        {"Upgrade": "h2c"},
        {"Content-Length": "5"},
        {"Transfer-Encoding": "chunked"},
    ],
)
async def test_an_invalid_websocket_handshake_gets_400_and_no_session(site, headers):
    peer = await site.ws(headers=headers)
    assert peer.status == 400
    await site.gone()


@pytest.mark.parametrize(
    "query", ["transport=websocket", "EIO=abc&transport=websocket", "EIO=4", "EIO=4&transport=abc"]
)
async def test_a_websocket_that_asks_wrongly_is_not_opened(site, query):
    assert (await site.ws(query)).status == 400


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://app.example", "https://app.example.evil", "https://app.example:444", ""],
)
async def test_a_foreign_origin_gets_403_and_no_session(site, http, origin):
    """E31: whatever Host and forwarding headers say."""
    forged = {
        "Origin": origin,
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
    }
    async with http.get(site.url(), headers=forged) as response:
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers
    assert (await site.ws(headers=forged)).status == 403
    assert site.idle


async def test_an_allowed_origin_may_read_the_answers(site, http):
    async with http.get(site.url(), headers={"Origin": "https://app.example"}) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert (await site.ws(headers={"Origin": "https://app.example"})).status == 101


async def test_a_client_without_origin_is_no_browser_and_may_come_in(site):
    assert (await site.ws()).status == 101


async def test_a_preflight_is_answered_for_allowed_origins_only(site, http):
    asked = {"Origin": "https://app.example", "Access-Control-Request-Headers": "content-type, x-a"}
    async with http.options(site.url(), headers=asked) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Headers"] == "content-type, x-a"
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
    async with http.options(site.url(), headers={"Origin": "https://evil.example"}) as response:
        assert response.status == 403


async def test_a_preflight_that_asks_for_no_header_hears_of_the_one_that_clients_send(site, http):
    async with http.options(site.url(), headers={"Origin": "https://app.example"}) as response:
        assert response.headers["Access-Control-Allow-Headers"] == "content-type"


async def test_the_visitor_is_whom_a_trusted_proxy_names(serve):
    """E30."""
    chat = Chat()
    site = await serve(Server([chat], trusted_proxies=["127.0.0.1"]))
    peer = await site.ws(
        headers={
            "X-Forwarded-For": "1.2.3.4, 192.0.2.7",
            "X-Forwarded-Proto": "https",
            "User-Agent": "a",
            "Cookie": "b",
        }
    )
    await peer.receive()
    peer.send("40/chat,{}")
    await peer.receive()
    client = chat.clients[0]
    assert (client.address, client.scheme, dict(client.headers)) == ("192.0.2.7", "https", {"user-agent": "a"})


async def test_the_visitor_is_the_peer_where_no_proxy_is_trusted(serve):
    chat = Chat()
    site = await serve(Server([chat]))
    peer = await site.ws(headers={"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"})
    await peer.receive()
    peer.send("40/chat,{}")
    await peer.receive()
    assert (chat.clients[0].address, chat.clients[0].scheme) == ("127.0.0.1", "http")


async def test_handshakes_of_one_address_are_limited_and_others_come_in(serve, http):
    """E40: a flood of handshakes opens no sessions."""
    limits = Limits(handshakes_per_s=0.001, handshakes_burst=5)
    site = await serve(Server([Chat()], limits=limits, trusted_proxies=["127.0.0.1"]))
    answers = [await answer(http, site.url()) for _ in range(20)]
    assert [status for status, _ in answers] == [200] * 5 + [429] * 15
    assert site.server.stats()["sockets"] == 5
    assert (await answer(http, site.url(), headers={"X-Forwarded-For": "192.0.2.9"}))[0] == 200


async def test_open_sockets_of_one_address_are_limited(serve):
    site = await serve(Server([Chat()], limits=Limits(sockets_per_address=2)))
    first, _ = [await site.open() for _ in range(2)]
    assert (await site.ws()).status == 429
    await first.close()
    await site_has(site, 1)
    assert (await site.ws()).status == 101


async def site_has(site, sockets):
    await eventually(lambda: site.server.stats()["sockets"] == sockets)


async def test_transports_that_are_not_offered_are_unknown(serve, http):
    site = await serve(Server([Chat()], transports=("websocket",)))
    assert (await answer(http, site.url()))[0] == 400
    assert (await site.ws()).status == 101
    site = await serve(Server([Chat()], transports=("polling",)))
    assert (await site.ws()).status == 400
    assert json.loads((await answer(http, site.url()))[1][1:])["upgrades"] == []


async def test_permessage_deflate_is_not_negotiated(site):
    """E28."""
    peer = await site.ws(headers={"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"})
    assert peer.status == 101
    assert "sec-websocket-extensions" not in peer.headers


async def test_messages_that_came_with_the_handshake_are_read(site):
    peer = await site.tcp()
    peer.write(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        + client_frame(1, b"40/chat,{}")
        + client_frame(1, b'42/chat,1["a",2]')
    )
    await peer.reader.readuntil(b"\r\n\r\n")
    assert (await peer.receive()).startswith("0{")
    assert (await peer.receive()).startswith("40/chat,")
    assert await peer.receive() == "43/chat,1[2]"


async def test_a_session_without_connect_is_closed_in_time(serve):
    """E8, D01: also if it answers PINGs."""
    site = await serve(Server([Chat()], limits=Limits(connect_timeout_s=0.2), ping_interval_s=0.05))
    peer = await site.open()
    while (message := await peer.receive()) == "2":
        peer.send("3")
    assert message == CLOSED
    await site.gone()
    assert site.server.stats()["closed"] == {"connect timeout": 1}


async def test_a_connected_client_outlives_the_connect_timeout(serve):
    site = await serve(Server([Chat()], limits=Limits(connect_timeout_s=0.1), ping_interval_s=0.05))
    peer = await site.join()
    for _ in range(6):
        assert await peer.receive() == "2"
        peer.send("3")


async def test_a_limit_above_the_ping_timeout_is_no_server():
    with pytest.raises(ValueError, match="ping_timeout"):
        Server([Chat()], ping_timeout_s=5)
