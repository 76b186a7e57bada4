"""Signing out, devices, the password and suspension: how sessions end, with their sockets."""

from typing import Any

import aiohttp
import pytest

from tests.edge.http.signing import GRANT, post, refresh_cookie
from tests.house import House
from tests.nodes import PASSWORD
from tests.people import Person, call


@pytest.mark.parametrize("path", ["refresh", "logout", "logout-all", "login", "register", "password"])
async def test_nothing_of_sign_in_is_done_by_get(house: House, http: aiohttp.ClientSession, path: str) -> None:
    answer = await call(http, "GET", f"{house.url}/v1/auth/{path}")

    assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", "POST")


async def test_signing_out_everywhere_ends_all_sessions_of_this_user_only(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    body = {"username": ana.username, "password": PASSWORD, "refresh_in": "body"}
    other = house.person(ana, (await post(house, http, "login", body)).body["access_token"])
    wires = [await ana.connects(), await other.connects()]
    bos = await bo.connects()

    assert (await ana.call("POST", "/v1/auth/logout-all")).status == 204

    for wire in wires:
        assert (await wire.fact("session.revoked"))["reconnect"] is False
    assert [(await person.call("GET", "/v1/me")).code for person in (ana, other)] == ["session_revoked"] * 2
    assert (await bos.emit("ping", {}))["ok"] is True


async def test_changing_the_password_ends_all_sessions_and_starts_a_new_one(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    wire = await ana.connects()
    new = "another horse battery"

    body = {"current_password": PASSWORD, "new_password": new}
    answer = await ana.call("POST", "/v1/auth/password", json=body)

    assert (answer.status, answer.body.keys()) == (200, {*GRANT, "refresh_token"})
    assert (await wire.fact("session.revoked"))["reason"] == "password_changed"
    assert (await ana.call("GET", "/v1/me")).code == "session_revoked"
    assert (await post(house, http, "refresh", {"refresh_token": ana.refresh_token})).status == 401
    fresh = house.person(ana, answer.body["access_token"])
    assert (await fresh.call("GET", "/v1/me")).status == 200
    assert (await (await fresh.connects()).emit("ping", {}))["ok"] is True
    assert (await post(house, http, "refresh", {"refresh_token": answer.body["refresh_token"]})).status == 200
    assert (await post(house, http, "login", {"username": ana.username, "password": PASSWORD})).status == 401
    assert (await post(house, http, "login", {"username": ana.username, "password": new})).status == 200


async def test_browser_that_changes_its_password_gets_the_new_refresh_token_in_the_cookie(
    house: House, http: aiohttp.ClientSession
) -> None:
    registered = await post(house, http, "register", {"username": "ana", "password": PASSWORD})
    cookie, _ = refresh_cookie(registered)
    ana = Person(house, http, registered.body)

    body = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}
    answer = await ana.call("POST", "/v1/auth/password", json=body, headers={"Cookie": f"refresh={cookie}"})

    assert answer.body.keys() == GRANT
    assert refresh_cookie(answer)[0] != cookie


@pytest.mark.parametrize(
    ("body", "code", "paths"),
    [
        ({"current_password": "wrong password", "new_password": PASSWORD + "!"}, "auth_failed", []),
        ({"current_password": PASSWORD, "new_password": "short"}, "password_too_weak", ["new_password"]),
        ({"current_password": PASSWORD}, "validation_failed", ["new_password"]),
    ],
)
async def test_password_that_is_not_changed_leaves_everything_as_it_was(
    house: House, http: aiohttp.ClientSession, body: Any, code: str, paths: list[str]
) -> None:
    ana = await Person.registers(house, http)
    wire = await ana.connects()

    answer = await ana.call("POST", "/v1/auth/password", json=body)

    assert answer.code == code
    assert [field["path"] for field in answer.body["error"].get("fields", [])] == paths
    assert (await wire.emit("ping", {}))["ok"] is True
    assert (await post(house, http, "login", {"username": ana.username, "password": PASSWORD})).status == 200


async def test_password_is_not_changed_where_the_sessions_cannot_be_ended(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    await house.write_sql("CREATE TRIGGER f BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'fault'); END")

    body = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}
    answer = await ana.call("POST", "/v1/auth/password", json=body)

    assert answer.status == 500
    assert (await post(house, http, "login", {"username": ana.username, "password": PASSWORD})).status == 200
    assert (await post(house, http, "login", {"username": ana.username, "password": PASSWORD + "!"})).status == 401


async def test_sessions_are_listed_and_ended_one_by_one(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    body = {"username": ana.username, "password": PASSWORD, "device_name": "Firefox on Linux"}
    other = house.person(ana, (await post(house, http, "login", body)).body["access_token"])
    wire = await other.connects()

    listed = (await ana.call("GET", "/v1/auth/sessions")).body
    (theirs,) = [session for session in listed["items"] if not session["current"]]
    answer = await ana.call("DELETE", f"/v1/auth/sessions/{theirs['id']}")

    assert (len(listed["items"]), listed["next_cursor"]) == (2, None)
    assert theirs.keys() == {"id", "device", "ip", "created_at", "last_seen_at", "current"}
    assert (theirs["device"], theirs["ip"]) == ("Firefox on Linux", "127.0.0.1")
    assert answer.status == 204
    await wire.fact("session.revoked")
    assert (await other.call("GET", "/v1/me")).code == "session_revoked"
    assert (await ana.call("GET", "/v1/me")).status == 200
    assert (await ana.call("DELETE", f"/v1/auth/sessions/{theirs['id']}")).code == "not_found"


@pytest.mark.parametrize("what", ["theirs", "ses_01J00000000000000000000000", "nonsense", "%00", "%F0%9F%98%80"])
async def test_session_of_another_is_not_found_like_one_that_is_not(
    house: House, http: aiohttp.ClientSession, what: str
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    wire = await bo.connects()
    session = house.claims(bo).session_id if what == "theirs" else what

    answer = await ana.call("DELETE", f"/v1/auth/sessions/{session}")

    assert (answer.status, answer.code) == (404, "not_found")
    assert (await wire.emit("ping", {}))["ok"] is True


async def test_suspended_user_is_out_everywhere(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    wire = await ana.connects()

    await house.node.desk.accounts.suspend(ana.username)

    assert (await wire.fact("session.revoked"))["reason"] == "suspended"
    assert (await ana.call("GET", "/v1/me")).code == "session_revoked"
    assert (await post(house, http, "refresh", {"refresh_token": ana.refresh_token})).code == "auth_failed"
    assert (await post(house, http, "login", {"username": ana.username, "password": PASSWORD})).code == "auth_failed"

    await house.node.desk.accounts.suspend(ana.username, suspended=False)

    assert (await ana.call("GET", "/v1/me")).code == "session_revoked"
    assert (await post(house, http, "login", {"username": ana.username, "password": PASSWORD})).status == 200
