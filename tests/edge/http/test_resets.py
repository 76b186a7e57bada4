"""Choosing a new password by a code that an administrator gave."""

import asyncio

import aiohttp
import pytest

from tests.edge.http.administrators import administrator, member
from tests.edge.http.signing import GRANT, post
from tests.house import House
from tests.nodes import PASSWORD
from tests.people import Person

NEW = "seven green bottles hanging"


async def code_for(root: Person, person: Person) -> str:
    answer = await root.call("POST", f"/v1/users/{person.id}/password-reset")
    assert answer.status == 201, answer.body
    return str(answer.body["code"])


async def test_code_sets_a_password_ends_all_sessions_and_signs_in(house: House, http: aiohttp.ClientSession) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    wire = await ana.connects()
    code = await code_for(root, ana)

    answer = await post(house, http, "reset", {"code": code, "new_password": NEW, "refresh_in": "body"})

    assert (answer.status, answer.body.keys()) == (200, GRANT | {"refresh_token"})
    assert (await wire.fact("session.revoked"))["reason"] == "password_reset"
    assert (await ana.call("GET", "/v1/me")).code == "session_revoked"
    assert (await house.person(ana, answer.body["access_token"]).call("GET", "/v1/me")).status == 200
    logins = [await post(house, http, "login", {"username": "ana", "password": word}) for word in (PASSWORD, NEW)]
    assert [login.status for login in logins] == [401, 200]


async def test_code_is_good_once_however_many_try(house: House, http: aiohttp.ClientSession) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    code = await code_for(root, ana)

    bodies = [{"code": code, "new_password": f"{NEW} {number}"} for number in range(5)]
    answers = await asyncio.gather(*(post(house, http, "reset", body) for body in bodies))

    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401, 401]
    assert {answer.code for answer in answers} == {None, "auth_failed"}


async def test_code_that_is_unknown_old_replaced_or_of_somebody_suspended_is_one_answer(
    house: House, http: aiohttp.ClientSession
) -> None:
    root = await administrator(house, http)
    ana, bo, eve = [await member(house, http, name) for name in ("ana", "bo", "eve")]
    replaced, old, suspended = await code_for(root, ana), await code_for(root, bo), await code_for(root, eve)
    await root.call("PATCH", f"/v1/users/{eve.id}", json={"suspended": True})
    await code_for(root, ana)

    codes = (replaced, suspended, "unknown")
    answers = [await post(house, http, "reset", {"code": code, "new_password": NEW}) for code in codes]
    house.clock.forward(3600)
    answers.append(await post(house, http, "reset", {"code": old, "new_password": NEW}))

    assert {(answer.status, answer.code, answer.body["error"]["message"]) for answer in answers} == {
        (401, "auth_failed", answers[0].body["error"]["message"])
    }


async def test_refused_password_leaves_the_code_good(house: House, http: aiohttp.ClientSession) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    code = await code_for(root, ana)

    weak = await post(house, http, "reset", {"code": code, "new_password": "password1234"})
    sound = await post(house, http, "reset", {"code": code, "new_password": NEW})

    assert weak.code == "password_too_weak"
    assert weak.body["error"]["fields"] == [{"path": "new_password", "code": "too_common"}]
    assert sound.status == 200


async def test_changing_the_password_voids_a_code(house: House, http: aiohttp.ClientSession) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    code = await code_for(root, ana)
    await ana.call("POST", "/v1/auth/password", json={"current_password": PASSWORD, "new_password": NEW})

    assert (await post(house, http, "reset", {"code": code, "new_password": NEW + "!"})).status == 401


async def test_code_is_stored_as_a_hash(house: House, http: aiohttp.ClientSession) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    code = await code_for(root, ana)

    assert code not in str([await house.sql("SELECT * FROM password_resets"), await house.sql("SELECT * FROM audit")])


async def test_only_administrators_make_codes_and_only_for_people_with_a_password(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana, root = await member(house, http), await administrator(house, http)

    assert (await ana.call("POST", f"/v1/users/{root.id}/password-reset")).code == "forbidden"
    await house.write_sql("UPDATE users SET password_hash = NULL WHERE id = :id", id=ana.id)
    assert (await root.call("POST", f"/v1/users/{ana.id}/password-reset")).code == "conflict"
    assert (await root.call("POST", "/v1/users/usr_01KDX2N5M00000000000000001/password-reset")).status == 404


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "too_short"),
        ("password1234", "too_common"),
        ("ana-heliograph", "contains_name"),
        ("a" * 40, "too_guessable"),
    ],
)
async def test_each_way_to_choose_a_password_says_why_it_is_refused(
    house: House, http: aiohttp.ClientSession, password: str, code: str
) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    reset = {"code": await code_for(root, ana), "new_password": password}

    answers = [
        await post(house, http, "register", {"username": "bo", "password": password, "display_name": "ana"}),
        await ana.call("POST", "/v1/auth/password", json={"current_password": PASSWORD, "new_password": password}),
        await post(house, http, "reset", reset),
    ]

    assert [(answer.status, answer.code) for answer in answers] == [(422, "password_too_weak")] * 3
    for answer, path in zip(answers, ("password", "new_password", "new_password"), strict=True):
        assert {(field["path"], field["code"]) for field in answer.body["error"]["fields"]} == {(path, code)}
