"""What a request may be made of, seen from outside: every refusal is the one error object and changes nothing."""

import asyncio
import gzip
import json
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from app.edge.http import bodies
from tests.helpers import eventually
from tests.house import House, MakeHouse
from tests.people import Person, call

JSON = {"Content-Type": "application/json"}


def error_of(body: Any) -> dict[str, Any]:
    """Check that a body is the error object by the letter and return it."""
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert {"code", "message", "status", "retryable", "request_id"} <= error.keys()
    assert error.keys() <= {"code", "message", "status", "retryable", "request_id", "retry_after_ms", "fields"}
    assert error["request_id"].startswith("req_")
    return error


NOT_JSON = {
    "nothing": b"",
    "cut off": b'{"name": "a"',
    "two values": b"{} {}",
    "single quotes": b"{'name': 'a'}",
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": -Infinity}',
    "beyond a double": b'{"name": 1e999}',
    "beyond 2**53": b'{"name": 9007199254740993}',
    "NUL": b'{"name": "a\\u0000b"}',
    "NUL in a key": b'{"na\\u0000me": "a"}',
    "lone surrogate": b'{"name": "\\ud800"}',
    "invalid UTF-8": b'{"name": "\xff"}',
    "byte order mark": b'\xef\xbb\xbf{"name": "a", "kind": "public"}',
    "17 levels": b'{"name": ' + b"[" * 16 + b"]" * 16 + b"}",
    "100,000 brackets": b"[" * 60_000,
}


@pytest.mark.parametrize("raw", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_no_strict_json_is_refused_and_nothing_is_made(
    house: House, http: aiohttp.ClientSession, raw: bytes
) -> None:
    ana = await Person.registers(house, http)

    answer = await ana.call("POST", "/v1/channels", data=raw, headers=JSON)

    error = error_of(answer.body)
    assert (answer.status, error["code"], error["status"], error["retryable"]) == (400, "invalid_json", 400, False)
    assert "fields" not in error
    assert await house.sql("SELECT 1 FROM channels") == []


@pytest.mark.parametrize("raw", [b"[]", b'"a"', b"5", b"null", b"true", b'[{"name": "a", "kind": "public"}]'])
async def test_body_that_is_no_object_is_refused(house: House, http: aiohttp.ClientSession, raw: bytes) -> None:
    ana = await Person.registers(house, http)

    answer = await ana.call("POST", "/v1/channels", data=raw, headers=JSON)

    assert (answer.status, error_of(answer.body)["code"]) == (400, "invalid_payload")


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"name": "a", "kind": "public", "topik": "x"}, "topik", "unknown_field"),
        ({"name": "a", "kind": "public", "id": "chn_1"}, "id", "unknown_field"),
        ({"kind": "public"}, "name", "required"),
        ({"name": 5, "kind": "public"}, "name", "wrong_type"),
        ({"name": None, "kind": "public"}, "name", "wrong_type"),
        ({"name": ["a"], "kind": "public"}, "name", "wrong_type"),
        ({"name": "a", "kind": "secret"}, "kind", "invalid"),
        ({"name": "a" * 300, "kind": "public"}, "name", "too_long"),
        ({"name": "a b", "kind": "public"}, "name", "invalid"),
        ({"name": "", "kind": "public"}, "name", "invalid"),
        ({"name": "a", "kind": "public", "topic": "x" * 251}, "topic", "too_long"),
    ],
)
async def test_bad_field_is_named_by_its_path(
    house: House, http: aiohttp.ClientSession, body: dict[str, Any], path: str, code: str
) -> None:
    ana = await Person.registers(house, http)

    answer = await ana.call("POST", "/v1/channels", json=body)

    error = error_of(answer.body)
    assert (answer.status, error["code"], error["retryable"]) == (422, "validation_failed", False)
    assert [(field["path"], field["code"]) for field in error["fields"]] == [(path, code)]
    assert await house.sql("SELECT 1 FROM channels") == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json-patch+json"},
        {"Content-Type": "application/json", "Content-Encoding": "identity"},
    ],
)
async def test_other_media_types_are_refused(house: House, http: aiohttp.ClientSession, headers: Any) -> None:
    body = json.dumps({"username": "ana", "password": "correct horse battery"})

    answer = await call(http, "POST", f"{house.url}/v1/auth/register", data=body, headers=headers)

    assert (answer.status, error_of(answer.body)["code"]) == (415, "unsupported_media_type")
    assert await house.sql("SELECT 1 FROM users") == []


async def test_compressed_body_is_refused_without_being_unpacked(house: House, http: aiohttp.ClientSession) -> None:
    bomb = gzip.compress(b'{"username": "' + b"a" * 10_000_000 + b'"}')

    answer = await call(
        http, "POST", f"{house.url}/v1/auth/login", data=bomb, headers={**JSON, "Content-Encoding": "gzip"}
    )

    assert (answer.status, error_of(answer.body)["code"]) == (415, "unsupported_media_type")


async def test_media_type_may_carry_a_charset(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    headers = {"Content-Type": "application/json; charset=utf-8"}

    answer = await ana.call("POST", "/v1/channels", data=b'{"name": "a", "kind": "public"}', headers=headers)

    assert answer.status == 201


@pytest.mark.parametrize("chunked", [False, True])
async def test_oversized_body_is_refused(house: House, http: aiohttp.ClientSession, *, chunked: bool) -> None:
    ana = await Person.registers(house, http)
    body = json.dumps({"name": "a", "kind": "public", "topic": "x" * house.settings.max_frame_bytes}).encode()

    async def pieces() -> Any:
        yield body

    answer = await ana.call("POST", "/v1/channels", data=pieces() if chunked else body, headers=JSON)

    assert (answer.status, error_of(answer.body)["code"]) == (413, "payload_too_large")


async def test_body_that_does_not_come_is_given_up(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(house.url).port)
    writer.write(b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
    writer.write(b'Content-Length: 100\r\n\r\n{"username"')

    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)

    assert head.startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_sender_who_hangs_up_in_the_middle_leaves_no_error(
    house: House, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(house.url).port)
        writer.write(b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        writer.write(b'Content-Length: 100\r\n\r\n{"username"')
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    await eventually(lambda: is_up(http, house))

    assert [record.message for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


async def is_up(http: aiohttp.ClientSession, house: House) -> bool:
    return (await call(http, "GET", f"{house.url}/healthz")).status == 200


@pytest.mark.parametrize(
    ("query", "path", "code"),
    [
        ("limit=201", "limit", "too_large"),
        ("limit=0", "limit", "too_small"),
        ("limit=-1", "limit", "wrong_type"),
        ("limit=1e1", "limit", "wrong_type"),
        ("limit=1;DROP", "limit", "wrong_type"),
        ("limit=%D9%A1", "limit", "wrong_type"),
        ("limit=", "limit", "wrong_type"),
        ("limit=" + "9" * 40, "limit", "wrong_type"),
        ("limti=5", "limti", "unknown_field"),
        ("limit=5&limit=6", "limit", "repeated"),
        ("discover=yes", "discover", "wrong_type"),
    ],
)
async def test_bad_query_is_named_by_its_parameter(
    house: House, http: aiohttp.ClientSession, query: str, path: str, code: str
) -> None:
    ana = await Person.registers(house, http)

    answer = await ana.call("GET", f"/v1/channels?{query}")

    error = error_of(answer.body)
    assert (answer.status, error["code"]) == (422, "validation_failed")
    assert [(field["path"], field["code"]) for field in error["fields"]] == [(path, code)]


@pytest.mark.parametrize(
    "cursor",
    ["", "!!!!", "abc", "AAAA", "Y2huXzE=", "dXNyXzAxSjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw", "%F0%9F%98%80", "a" * 2000],
)
@pytest.mark.parametrize("discover", ["true", "false"])
async def test_cursor_that_was_not_given_out_is_refused(
    house: House, http: aiohttp.ClientSession, cursor: str, discover: str
) -> None:
    ana = await Person.registers(house, http)

    answer = await ana.call("GET", f"/v1/channels?discover={discover}&cursor={cursor}")

    assert (answer.status, error_of(answer.body)["code"]) == (400, "cursor_invalid")


async def test_channels_are_paged_through_whole_and_once(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(commands_burst=200)
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    made = {await ana.creates() for _ in range(120)}

    for person, path in ((ana, "/v1/channels?"), (bo, "/v1/channels?discover=true&")):
        pages = [(await person.call("GET", path)).body]
        while cursor := pages[-1]["next_cursor"]:
            pages.append((await person.call("GET", f"{path}cursor={cursor}")).body)
        listed = [channel["id"] for page in pages for channel in page["items"]]

        assert [len(page["items"]) for page in pages] == [50, 50, 20]
        assert (len(listed), set(listed)) == (120, made)


async def test_last_full_page_has_no_cursor(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    for _ in range(3):
        await ana.creates()

    page = (await ana.call("GET", "/v1/channels?limit=3")).body
    first = (await ana.call("GET", "/v1/channels?limit=2")).body
    second = (await ana.call("GET", f"/v1/channels?limit=2&cursor={first['next_cursor']}")).body

    assert (len(page["items"]), page["next_cursor"]) == (3, None)
    assert [*first["items"], *second["items"]] == page["items"]


async def test_members_are_paged_through_and_take_no_cursor_of_channels(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    await ana.creates()
    for _ in range(2):
        await (await Person.registers(house, http)).joins(channel)

    path = f"/v1/channels/{channel}/members"
    first = (await ana.call("GET", f"{path}?limit=2")).body
    second = (await ana.call("GET", f"{path}?limit=2&cursor={first['next_cursor']}")).body
    foreign = (await ana.call("GET", "/v1/channels?limit=1")).body["next_cursor"]

    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (2, 1, None)
    assert (await ana.call("GET", f"{path}?cursor={foreign}")).code == "cursor_invalid"
