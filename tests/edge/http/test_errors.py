"""Every failure is the one error object, and no answer says more than it should."""

import re

import aiohttp
import pytest

from tests.edge.http.raw import get, raw
from tests.edge.http.test_bodies import error_of
from tests.house import House
from tests.people import Person, call


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "/v1/nothing", "/nothing", "/.git/config", "/..%2f..%2fetc/passwd", "//", "/v1/channels/", "/%00"],
)
async def test_unknown_path_is_not_found(house: House, path: str) -> None:
    status, body = await get(house, path)

    error = error_of(body)
    assert (status, error["code"], error["status"], error["retryable"]) == (404, "not_found", 404, False)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/me", {"GET", "HEAD", "PATCH"}),
        ("PUT", "/v1/auth/login", {"POST"}),
        ("TRACE", "/healthz", {"GET", "HEAD"}),
        ("POST", "/", {"GET", "HEAD"}),
        ("OPTIONS", "/v1/me", {"GET", "HEAD", "PATCH"}),
        ("PROPFIND", "/v1/channels", {"GET", "HEAD", "POST"}),
    ],
)
async def test_wrong_method_is_told_the_right_ones(
    house: House, http: aiohttp.ClientSession, method: str, path: str, allowed: set[str]
) -> None:
    answer = await call(http, method, house.url + path)

    error = error_of(answer.body)
    assert (answer.status, error["code"]) == (405, "method_not_allowed")
    assert set(re.split(r",\s*", answer.headers["Allow"])) == allowed


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer nonsense", "Bearer a b", "ü"])
async def test_caller_without_a_good_token_is_told_to_sign_in(
    house: House, http: aiohttp.ClientSession, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}

    answer = await call(http, "GET", f"{house.url}/v1/me", headers=headers)

    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert error_of(answer.body)["code"] == ("unauthenticated" if header is None else "auth_failed")


async def test_every_request_has_its_own_id(house: House, http: aiohttp.ClientSession) -> None:
    answers = [await call(http, "GET", f"{house.url}/v1/me", headers={"X-Request-Id": "mine"}) for _ in range(3)]

    assert all(answer.headers["X-Request-Id"] == answer.body["error"]["request_id"] for answer in answers)
    assert len({answer.body["error"]["request_id"] for answer in answers}) == 3


async def test_what_goes_wrong_inside_stays_inside_and_is_found_by_its_id(
    house: House, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    ana = await Person.registers(house, http)
    await house.write_sql("CREATE TRIGGER f BEFORE INSERT ON channels BEGIN SELECT RAISE(ABORT, 'canary'); END")

    answer = await ana.call("POST", "/v1/channels", json={"name": "a", "kind": "public"})

    error = error_of(answer.body)
    assert (answer.status, error["code"], error["retryable"]) == (500, "internal_error", True)
    assert "canary" not in str(answer.body)
    (record,) = [record for record in caplog.records if getattr(record, "request_id", "") == error["request_id"]]
    assert "canary" in str(record.exc_info)


NOT_HTTP = {
    "no colon": b"GET / HTTP/1.1\r\nHost: a\r\ncanary\r\n\r\n",
    "no request": b"CANARY\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    "unknown coding": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("request_bytes", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_no_http_is_refused_without_a_word_about_the_server(
    house: House, caplog: pytest.LogCaptureFixture, request_bytes: bytes
) -> None:
    answer = await raw(house, request_bytes)

    head, _, body = answer.partition("\r\n\r\n")
    assert re.match(r"HTTP/1\.[01] 400 ", head)
    assert re.search(r"(?i)^server: heliograph\r?$", head, re.MULTILINE)
    assert re.search(r"(?i)^x-content-type-options: nosniff\r?$", head, re.MULTILINE)
    assert '"code": "invalid_payload"' in body
    assert "canary" not in answer.lower()
    assert [record for record in caplog.records if record.exc_info] == []


async def test_log_does_not_grow_with_what_strangers_send(house: House, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(100):
        await raw(house, NOT_HTTP["no colon"])

    assert len(caplog.records) < 20
