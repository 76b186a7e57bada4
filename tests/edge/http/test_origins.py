"""Which pages may talk to the service: over HTTP, and at the socket's handshake."""

import aiohttp
import pytest

from tests.house import House, MakeHouse
from tests.people import Person, call

LISTED = "https://app.example.com"
FOREIGN = [
    "https://evil.example",
    "null",
    "http://app.example.com",
    "https://app.example.com.evil.example",
    "https://app.example.com:444",
    "https://xapp.example.com",
    "HTTPS://APP.EXAMPLE.COM",
    "",
]
SOCKET = "/socket.io/?EIO=4&transport="


@pytest.mark.parametrize("origin", FOREIGN)
async def test_foreign_page_is_refused_over_http_and_told_nothing(
    make_house: MakeHouse, http: aiohttp.ClientSession, origin: str
) -> None:
    house = await make_house(allowed_origins=(LISTED,))
    ana = await Person.registers(house, http)

    answer = await ana.call("GET", "/v1/me", headers={"Origin": origin})

    assert (answer.status, answer.code) == (403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_foreign_page_is_refused_at_the_handshake(
    make_house: MakeHouse, http: aiohttp.ClientSession, origin: str, transport: str
) -> None:
    house = await make_house(allowed_origins=(LISTED,))
    headers = {"Origin": origin, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}

    if transport == "polling":
        answer = await call(http, "GET", f"{house.url}{SOCKET}polling", headers=headers)
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
    else:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{house.url}{SOCKET}websocket", headers=headers)
        assert refused.value.status == 403
    assert house.is_empty


async def test_listed_page_may_talk_over_http_and_read_refusals_too(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(allowed_origins=(LISTED,))
    ana = await Person.registers(house, http)
    origin = {"Origin": LISTED}

    for answer in (
        await ana.call("GET", "/v1/me", headers=origin),
        await ana.call("GET", "/v1/nothing", headers=origin),
        await ana.call("POST", "/v1/channels", headers=origin, json={}),
        await call(http, "GET", f"{house.url}/v1/me", headers=origin),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == LISTED
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_listed_page_may_ask_before_it_writes(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(allowed_origins=(LISTED,))
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}

    answer = await call(http, "OPTIONS", f"{house.url}/v1/me", headers={"Origin": LISTED, **asked})
    foreign = await call(http, "OPTIONS", f"{house.url}/v1/me", headers={"Origin": "https://evil.example", **asked})

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED
    assert {"PATCH", "PUT", "DELETE", "POST"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert (foreign.status, foreign.code) == (403, "origin_not_allowed")
    assert not {name for name in foreign.headers if name.startswith("Access-Control-Allow")}


async def test_listed_page_and_clients_that_are_no_page_may_connect(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(allowed_origins=(LISTED,))

    for headers in ({"Origin": LISTED}, {}):
        ws = await http.ws_connect(f"{house.url}{SOCKET}websocket", headers=headers)
        assert (await ws.receive_str()).startswith("0{")
        await ws.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_own_page_may_talk_in_development(house: House, http: aiohttp.ClientSession, name: str) -> None:
    ana = await Person.registers(house, http)

    answer = await ana.call("GET", "/v1/me", headers={"Origin": house.url.replace("127.0.0.1", name)})

    assert answer.status == 200


@pytest.mark.parametrize("name", ["token", "access_token", "jwt", "authorization"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_token_in_the_handshakes_url_is_refused_and_not_logged(
    house: House, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, name: str, transport: str
) -> None:
    ana = await Person.registers(house, http)
    caplog.set_level("DEBUG")
    url = f"{house.url}{SOCKET}{transport}&{name}={ana.token}"

    if transport == "polling":
        assert (await call(http, "GET", url)).status == 400
    else:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(url)
        assert refused.value.status == 400

    assert house.is_empty
    assert ana.token not in caplog.text
