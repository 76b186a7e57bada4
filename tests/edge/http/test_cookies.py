"""Refresh tokens: where they travel, how they rotate, and what a stolen one does."""

import asyncio

import aiohttp
import pytest

from tests.edge.http.signing import GRANT, PAGE, post, refresh_cookie
from tests.helpers import eventually
from tests.house import House, MakeHouse
from tests.nodes import PASSWORD
from tests.people import Person, call


async def test_browsers_get_the_refresh_token_in_a_cookie_that_no_script_reads(
    house: House, http: aiohttp.ClientSession
) -> None:
    answer = await post(house, http, "register", {"username": "ana", "password": PASSWORD})

    value, attributes = refresh_cookie(answer)
    assert len(value) == 43
    assert attributes == {"httponly", "max-age=2592000", "path=/", "samesite=strict"}
    assert value not in str(answer.body)


async def test_cookie_is_bound_to_its_host_behind_https(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(public_url="https://chat.example.com")

    answer = await post(house, http, "register", {"username": "ana", "password": PASSWORD})
    value, attributes = refresh_cookie(answer, "__Host-refresh")
    refreshed = await post(house, http, "refresh", Cookie=f"__Host-refresh={value}", **PAGE)
    plain = await post(house, http, "refresh", Cookie=f"refresh={value}", **PAGE)

    assert attributes == {"httponly", "max-age=2592000", "path=/", "samesite=strict", "secure"}
    assert refreshed.status == 200
    assert (plain.status, plain.code) == (401, "unauthenticated")


async def test_other_clients_get_the_refresh_token_in_the_body_and_no_cookie(
    house: House, http: aiohttp.ClientSession
) -> None:
    body = {"username": "ana", "password": PASSWORD, "refresh_in": "body"}

    registered = await post(house, http, "register", body)
    signed_in = await post(house, http, "login", body)
    refreshed = await post(house, http, "refresh", {"refresh_token": signed_in.body["refresh_token"]})

    for answer in (registered, signed_in, refreshed):
        assert answer.body.keys() == {*GRANT, "refresh_token"}
        assert "Set-Cookie" not in answer.headers


async def test_refreshing_rotates_the_cookie(house: House, http: aiohttp.ClientSession) -> None:
    first, _ = refresh_cookie(await post(house, http, "register", {"username": "ana", "password": PASSWORD}))

    answer = await post(house, http, "refresh", Cookie=f"refresh={first}", **PAGE)

    second, _ = refresh_cookie(answer)
    assert (answer.status, answer.body.keys()) == (200, GRANT)
    assert second != first
    assert (await post(house, http, "refresh", Cookie=f"refresh={second}", **PAGE)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"X-Requested-With": "fetch"},
        {"X-Requested-With": "XMLHttpRequest", "Sec-Fetch-Site": "same-origin"},
        {"X-Requested-With": "fetch", "Sec-Fetch-Site": "cross-site"},
        {"X-Requested-With": "fetch", "Sec-Fetch-Site": "same-site"},
        {"X-Requested-With": "fetch", "Origin": "null"},
        {"X-Requested-With": "fetch", "Origin": "https://evil.example"},
        {"X-Requested-With": "fetch", "Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_cookie_of_another_sites_making_is_refused_and_not_spent(
    house: House, http: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    cookie, _ = refresh_cookie(await post(house, http, "register", {"username": "ana", "password": PASSWORD}))

    answer = await post(house, http, "refresh", Cookie=f"refresh={cookie}", **headers)

    assert answer.status == 403
    assert answer.code in ("forbidden", "origin_not_allowed")
    assert "Set-Cookie" not in answer.headers
    assert await house.sql("SELECT 1 FROM refresh_tokens WHERE spent_at IS NOT NULL") == []


async def test_form_of_another_site_refreshes_nothing(house: House, http: aiohttp.ClientSession) -> None:
    cookie, _ = refresh_cookie(await post(house, http, "register", {"username": "ana", "password": PASSWORD}))
    headers = {"Cookie": f"refresh={cookie}", "Content-Type": "text/plain", "Sec-Fetch-Site": "cross-site"}

    answer = await call(http, "POST", f"{house.url}/v1/auth/refresh", data=b"{}", headers=headers)

    assert answer.status == 403
    assert await house.sql("SELECT 1 FROM refresh_tokens WHERE spent_at IS NOT NULL") == []


async def test_browser_without_fetch_metadata_refreshes_by_its_origin(
    house: House, http: aiohttp.ClientSession
) -> None:
    cookie, _ = refresh_cookie(await post(house, http, "register", {"username": "ana", "password": PASSWORD}))
    headers = {"X-Requested-With": "fetch", "Origin": house.url.replace("127.0.0.1", "localhost")}

    assert (await post(house, http, "refresh", Cookie=f"refresh={cookie}", **headers)).status == 200


@pytest.mark.parametrize("token", ["", "x", "x" * 256, "ü", "'; DROP TABLE users"])
async def test_unknown_refresh_token_is_refused(house: House, http: aiohttp.ClientSession, token: str) -> None:
    answer = await post(house, http, "refresh", {"refresh_token": token})

    assert answer.status == 401
    assert answer.code in ("auth_failed", "unauthenticated")


@pytest.mark.parametrize(
    "cookie", ["refresh=", "refresh=%ff", "refresh=\xff", "refresh=a; refresh=b", "refresh=" + "a" * 5000]
)
async def test_odd_cookies_are_refused(house: House, http: aiohttp.ClientSession, cookie: str) -> None:
    answer = await post(house, http, "refresh", Cookie=cookie, **PAGE)

    assert (answer.status, answer.code in ("auth_failed", "unauthenticated")) == (401, True)


async def test_two_tabs_that_refresh_at_once_get_one_successor(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    body = {"refresh_token": ana.refresh_token}

    answers = await asyncio.gather(*(post(house, http, "refresh", body) for _ in range(5)))
    house.clock.forward(9)
    answers.append(await post(house, http, "refresh", body))

    assert {answer.status for answer in answers} == {200}
    (successor,) = {answer.body["refresh_token"] for answer in answers}
    assert (await post(house, http, "refresh", {"refresh_token": successor})).status == 200


async def test_reuse_after_the_window_ends_the_family_and_its_sockets(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    wire = await ana.connects()
    successor = (await post(house, http, "refresh", {"refresh_token": ana.refresh_token})).body
    house.clock.forward(11)

    stolen = await post(house, http, "refresh", {"refresh_token": ana.refresh_token})

    assert (stolen.status, stolen.code) == (401, "auth_failed")
    fact = await wire.fact("session.revoked")
    assert (fact["reason"], fact["reconnect"]) == ("refresh_token_reused", False)
    await eventually(lambda: wire.closed)
    assert (await post(house, http, "refresh", {"refresh_token": successor["refresh_token"]})).code == "auth_failed"
    assert (await house.person(ana, successor["access_token"]).call("GET", "/v1/me")).code == "session_revoked"


async def test_reuse_leaves_the_other_devices_alone(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    body = {"username": ana.username, "password": PASSWORD, "refresh_in": "body"}
    other = (await post(house, http, "login", body)).body
    await post(house, http, "refresh", {"refresh_token": ana.refresh_token})
    house.clock.forward(11)
    await post(house, http, "refresh", {"refresh_token": ana.refresh_token})

    assert (await house.person(ana, other["access_token"]).call("GET", "/v1/me")).status == 200
    assert (await post(house, http, "refresh", {"refresh_token": other["refresh_token"]})).status == 200


async def test_refresh_token_that_was_not_used_for_long_is_over(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(refresh_idle_s=60, refresh_max_s=100)
    ana = await Person.registers(house, http)

    house.clock.forward(59)
    second = await post(house, http, "refresh", {"refresh_token": ana.refresh_token})
    house.clock.forward(42)
    third = await post(house, http, "refresh", {"refresh_token": second.body["refresh_token"]})

    assert second.status == 200
    assert (third.status, third.code) == (401, "auth_failed")


async def test_signing_out_ends_this_session_and_clears_the_cookie(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    wire = await ana.connects()

    answer = await ana.call("POST", "/v1/auth/logout")

    value, attributes = refresh_cookie(answer)
    assert (answer.status, answer.body) == (204, b"")
    assert value == '""'
    assert {"max-age=0", "path=/", "httponly", "samesite=strict"} <= attributes
    assert (await wire.fact("session.revoked"))["reason"] == "signed_out"
    await eventually(lambda: wire.closed)
    assert (await ana.call("GET", "/v1/me")).code == "session_revoked"
    assert (await post(house, http, "refresh", {"refresh_token": ana.refresh_token})).code == "auth_failed"
    await eventually(lambda: house.is_empty)
