"""What browsers, and those who speak HTTP badly on purpose, can do to the service: nothing."""

import asyncio
import gzip
import json
import re
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.edge.http.raw import LIMIT_S, raw
from tests.edge.http.signing import PAGE, post, refresh_cookie
from tests.house import House, MakeHouse
from tests.nodes import PASSWORD
from tests.people import Answer, Person, call

CROSS_SITE = [
    {"X-Requested-With": "fetch", "Sec-Fetch-Site": "cross-site"},
    {"X-Requested-With": "fetch", "Sec-Fetch-Site": "same-site"},
    {"X-Requested-With": "fetch", "Origin": "null"},
    {"X-Requested-With": "fetch", "Origin": "https://evil.example"},
    {"X-Requested-With": "fetch"},
    {"Sec-Fetch-Site": "same-origin"},
]


def statuses(answer: str) -> list[int]:
    """List the status of every response in what a server sent."""
    return [int(number) for number in re.findall(r"HTTP/\d\.\d (\d{3}) ", answer)]


async def registered(house: House, http: aiohttp.ClientSession, name: str = "refresh") -> tuple[Answer, str]:
    """Register as a browser does, and return the answer with the cookie."""
    answer = await post(house, http, "register", {"username": "ana", "password": PASSWORD})
    return answer, refresh_cookie(answer, name)[0]


# cookies


async def test_page_of_another_site_can_neither_refresh_nor_sign_out(house: House, http: aiohttp.ClientSession) -> None:
    _, cookie = await registered(house, http)

    for path in ("refresh", "logout", "logout-all"):
        for headers in CROSS_SITE:
            answer = await post(house, http, path, Cookie=f"refresh={cookie}", **headers)
            assert answer.status in (401, 403), (path, headers)
            assert "Set-Cookie" not in answer.headers
    assert (await post(house, http, "refresh", Cookie=f"refresh={cookie}", **PAGE)).status == 200


@pytest.mark.parametrize("path", ["logout", "logout-all"])
async def test_page_of_another_site_cannot_sign_out_even_with_the_token(
    house: House, http: aiohttp.ClientSession, path: str
) -> None:
    granted, cookie = await registered(house, http)
    ana = Person(house, http, granted.body)
    headers = {"Cookie": f"refresh={cookie}", "Origin": "https://evil.example"}

    answer = await ana.call("POST", f"/v1/auth/{path}", headers=headers)

    assert (answer.status, answer.code) == (403, "origin_not_allowed")
    assert "Set-Cookie" not in answer.headers
    assert (await ana.call("GET", "/v1/me")).status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("path", ["refresh", "login", "register"])
async def test_forms_of_other_sites_start_and_prolong_nothing(
    house: House, http: aiohttp.ClientSession, path: str, content_type: str
) -> None:
    _, cookie = await registered(house, http)
    headers = {"Cookie": f"refresh={cookie}", "Content-Type": content_type, **PAGE}
    body = json.dumps({"username": "bo", "password": PASSWORD})

    answer = await call(http, "POST", f"{house.url}/v1/auth/{path}", data=body, headers=headers)

    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["refresh", "login", "register", "logout", "logout-all", "password"])
async def test_nothing_is_signed_in_or_out_by_following_a_link(
    house: House, http: aiohttp.ClientSession, method: str, path: str
) -> None:
    answer = await call(http, method, f"{house.url}/v1/auth/{path}", headers=PAGE)

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("first", ["good", "bad"])
async def test_two_cookies_of_one_name_are_none(house: House, http: aiohttp.ClientSession, first: str) -> None:
    """Whoever can set a cookie for a parent domain must not choose which of the two is meant."""
    _, cookie = await registered(house, http)
    both = f"refresh={cookie}; refresh=planted" if first == "good" else f"refresh=planted; refresh={cookie}"

    answer = await post(house, http, "refresh", Cookie=both, **PAGE)

    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert await house.sql("SELECT 1 FROM refresh_tokens WHERE spent_at IS NOT NULL") == []


@pytest.mark.parametrize(
    "name", ["refresh", "__host-refresh", "__Secure-refresh", "__Host-refresh2", "$__Host-refresh"]
)
async def test_cookie_that_is_not_bound_to_its_host_is_ignored_over_https(
    make_house: MakeHouse, http: aiohttp.ClientSession, name: str
) -> None:
    house = await make_house(public_url="https://chat.example.com")
    _, cookie = await registered(house, http, "__Host-refresh")

    answer = await post(house, http, "refresh", Cookie=f"{name}={cookie}", **PAGE)

    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_cookie_signs_nobody_in_anywhere_else(house: House, http: aiohttp.ClientSession) -> None:
    answer, cookie = await registered(house, http)
    headers = {"Cookie": f"refresh={cookie}; token={answer.body['access_token']}", **PAGE}

    assert (await call(http, "GET", f"{house.url}/v1/me", headers=headers)).status == 401
    ws = await http.ws_connect(f"{house.url}/socket.io/?EIO=4&transport=websocket", headers=headers)
    await ws.receive_str()
    await ws.send_str("40/chat,")
    assert "auth_failed" in await ws.receive_str()
    await ws.close()


# HTTP spelt badly: none of these may be read as two requests, or as another request than it seems

HIDDEN = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED = {
    "length and chunks": b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 36\r\n\r\n",
    "signed length": b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n",
    "list of lengths": b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n",
    "blank before the colon": b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length : 36\r\n\r\n",
    "folded header": b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "other coding": b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "signed chunk": b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "bare return": b"GET /healthz HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
    "NUL": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", SMUGGLED.values(), ids=SMUGGLED)
async def test_request_with_two_readings_is_refused_and_nothing_behind_it_is_served(
    house: House, request_bytes: bytes
) -> None:
    assert statuses(await raw(house, request_bytes + HIDDEN)) == [400]


async def test_what_follows_an_upgrade_with_a_body_is_not_served(house: House) -> None:
    """CVE-2026-69243."""
    upgrade = (
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: 4\r\n\r\nabcd"
    )

    answer = await raw(house, upgrade + HIDDEN)

    assert statuses(answer) == [400]


HEAD = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
OVERSIZED = {
    "129 headers": HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(129)) + b"\r\n",
    "8191 bytes of header": HEAD + b"X: " + b"a" * 8191 + b"\r\n\r\n",
    "9 kB of target": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", OVERSIZED.values(), ids=OVERSIZED)
async def test_oversized_head_is_refused(house: House, request_bytes: bytes) -> None:
    assert statuses(await raw(house, request_bytes)) == [400]


async def test_oversized_head_in_segments_of_a_byte_is_refused(house: House) -> None:
    """CVE-2026-54277: every byte comes in a read of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(house.url).port)
    writer.get_extra_info("socket").setsockopt(6, 1, 1)  # TCP_NODELAY
    answered = asyncio.create_task(reader.readline())
    for byte in OVERSIZED["9 kB of target"]:
        if answered.done() or writer.is_closing():
            break
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    try:
        assert statuses((await asyncio.wait_for(answered, LIMIT_S)).decode()) == [400]
    finally:
        writer.transport.abort()


async def test_request_in_segments_of_a_byte_is_a_request(house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(house.url).port)
    for byte in b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n":
        writer.write(bytes([byte]))
        await asyncio.sleep(0)

    assert statuses((await asyncio.wait_for(reader.read(), LIMIT_S)).decode()) == [200]
    writer.close()


BAD_TARGETS = {
    "two hosts in one": b"GET /healthz HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another site's target": b"GET http://evil.example/healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "our own as a proxy's": b"GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    "user in the host": b"GET /healthz HTTP/1.1\r\nHost: a@b\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", BAD_TARGETS.values(), ids=BAD_TARGETS)
async def test_request_for_no_place_of_ours_is_refused(house: House, request_bytes: bytes) -> None:
    answer = await raw(house, request_bytes.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))

    assert statuses(answer) == [400]


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/auth/login", "/static/index.html"])
async def test_methods_that_are_not_meant_do_nothing_and_echo_nothing(
    house: House, http: aiohttp.ClientSession, method: str, path: str
) -> None:
    answer = await call(http, method, house.url + path, headers={"X-Canary": "canary"})

    assert answer.status in (404, 405)
    assert "canary" not in str(answer.body)


@pytest.mark.parametrize(
    "path",
    [
        "//",
        "//evil.example/",
        "/..%2f..%2fetc/passwd",
        "/.git/config",
        "/.env",
        "/static/..%2f..%2fapp/main.py",
        "/static/%2e%2e/%2e%2e/setup.cfg",
        "/static/../app/main.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/",
        "/static/js/",
        "/var/secret_key",
    ],
)
async def test_files_that_are_not_the_pages_are_not_served(house: House, path: str) -> None:
    answer = await raw(house, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())

    assert statuses(answer)[0] in (403, 404)
    assert "Location:" not in answer


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
async def test_bomb_is_refused_and_not_unpacked(house: House, http: aiohttp.ClientSession, coding: str) -> None:
    bomb = gzip.compress(b"a" * 50_000_000)
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}

    answer = await call(http, "POST", f"{house.url}/v1/auth/login", data=bomb, headers=headers)

    assert answer.status in (400, 413, 415)


# headers


@pytest.mark.parametrize(
    "path", ["/", "/v1/auth/login", "/healthz", "/nothing", "/static/nothing", "/socket.io/?EIO=4&transport=polling"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
async def test_no_answer_says_which_server_it_is_or_may_be_framed(
    house: House, http: aiohttp.ClientSession, method: str, path: str
) -> None:
    headers = (await call(http, method, house.url + path)).headers

    assert headers["Server"] == "heliograph"
    assert "X-Powered-By" not in headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_answers_with_tokens_are_stored_nowhere(house: House, http: aiohttp.ClientSession) -> None:
    answer, cookie = await registered(house, http)
    ana = Person(house, http, answer.body)
    change = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}

    for granted in (
        answer,
        await post(house, http, "refresh", Cookie=f"refresh={cookie}", **PAGE),
        await ana.call("POST", "/v1/auth/password", json=change),
        await post(house, http, "login", {"username": "ana", "password": change["new_password"]}),
        await ana.call("GET", "/v1/auth/sessions"),
    ):
        assert granted.headers["Cache-Control"] == "no-store"


async def test_page_runs_no_script_that_is_written_into_it(house: House, http: aiohttp.ClientSession) -> None:
    page = (await call(http, "GET", f"{house.url}/")).body.decode()

    assert re.findall(r"(?i)<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"(?i)\son[a-z]+\s*=|javascript:|<style|\sstyle=", page) == []
    assert re.findall(r"(?i)(?:src|href)=[\"']?(?:https?:)?//", page) == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8443", "a/b", "a\\b"])
async def test_redirect_to_https_stays_on_the_public_host(
    make_house: MakeHouse, http: aiohttp.ClientSession, host: str
) -> None:
    """A Host header that an attacker chose, kept by a cache, must not lead others astray."""
    house = await make_house(force_https=True, trusted_proxies=("127.0.0.0/8",), public_url="https://chat.example.com")

    answer = await call(http, "GET", f"{house.url}/a?b=c", headers={"Host": host}, allow_redirects=False)

    assert answer.status in (308, 400)
    if answer.status == 308:
        assert answer.headers["Location"] == "https://chat.example.com/a?b=c"


async def test_every_proxy_of_a_chain_counts_and_the_first_value_does_not(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(login_per_min=1, trusted_proxies=("127.0.0.0/8",))

    async def tried(forwarded: str) -> Any:
        body = {"username": f"u{forwarded}"[:20], "password": "x"}
        return (await post(house, http, "login", body, **{"X-Forwarded-For": forwarded})).status

    same = [await tried(f"10.9.8.{n}, 192.0.2.7") for n in range(7)]
    other = await tried("10.9.8.0, 192.0.2.8")

    assert (same, other) == ([401] * 6 + [429], 401)
