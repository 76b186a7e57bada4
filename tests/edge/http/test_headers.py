"""The headers that every answer carries."""

from typing import Any

import aiohttp
import pytest

from tests.house import House, MakeHouse
from tests.people import Person, call

PATHS = ["/", "/healthz", "/readyz", "/version", "/v1/me", "/nothing", "/static/nothing", "/.well-known/jwks.json"]
POLLING = "/socket.io/?EIO=4&transport=polling"


@pytest.mark.parametrize("path", [*PATHS, POLLING, "/socket.io/?EIO=3", "/socket.io/?EIO=4&transport=polling&token=x"])
async def test_every_answer_tells_browsers_to_be_careful(house: House, http: aiohttp.ClientSession, path: str) -> None:
    headers = (await call(http, "GET", house.url + path)).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Server"] == "heliograph"
    assert "Strict-Transport-Security" not in headers
    host = house.url.removeprefix("http://")
    policy = dict(part.partition(" ")[::2] for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == f"'self' ws://{host}"


async def test_nothing_of_the_api_is_kept_by_caches(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)

    for answer in (
        await ana.call("GET", "/v1/me"),
        await ana.call("GET", "/v1/nothing"),
        await call(http, "POST", f"{house.url}/v1/auth/login", json={}),
        await call(http, "PUT", f"{house.url}/v1/me"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PATHS)
async def test_answers_over_https_keep_browsers_there(
    make_house: MakeHouse, http: aiohttp.ClientSession, path: str
) -> None:
    house = await make_house(trusted_proxies=("127.0.0.0/8",))

    headers = (await call(http, "GET", house.url + path, headers={"X-Forwarded-Proto": "https"})).headers

    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "wss://" in headers["Content-Security-Policy"]


async def test_stranger_cannot_claim_https(house: House, http: aiohttp.ClientSession) -> None:
    headers = (await call(http, "GET", f"{house.url}/healthz", headers={"X-Forwarded-Proto": "https"})).headers

    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize("host", ["a;b", "a'b", 'a"b', "a b", "a,b", "evil.example script-src *"])
async def test_host_header_cannot_write_into_the_policy(house: House, http: aiohttp.ClientSession, host: str) -> None:
    answer = await call(http, "GET", f"{house.url}/healthz", headers={"Host": host})

    assert "connect-src 'self' ws://localhost;" in answer.headers["Content-Security-Policy"]


async def test_plain_http_is_sent_to_https_where_it_is_asked_for(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(force_https=True, trusted_proxies=("127.0.0.0/8",))
    secure = {"X-Forwarded-Proto": "https"}

    async def ask(method: str, path: str, **headers: Any) -> Any:
        return await call(http, method, house.url + path, headers=headers, allow_redirects=False)

    moved = await ask("GET", "/version?a=b", Host="chat.example.com")
    assert (moved.status, moved.headers["Location"]) == (308, "https://chat.example.com/version?a=b")
    assert "X-Content-Type-Options" in moved.headers
    assert (await ask("POST", "/v1/auth/login")).code == "forbidden"
    assert (await ask("GET", "/healthz")).status == 200
    assert (await ask("GET", "/version", **secure)).status == 200
