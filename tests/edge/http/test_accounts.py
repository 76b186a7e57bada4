"""Signing up and in over HTTP, by the letter of the contract."""

import asyncio
import hashlib
from typing import Any

import aiohttp
import jwt
import pytest

from app.secure import passwords
from tests.edge.http.signing import GRANT, post
from tests.house import House, MakeHouse
from tests.nodes import PASSWORD
from tests.people import Person, call


async def test_registering_answers_the_user_and_an_access_token(house: House, http: aiohttp.ClientSession) -> None:
    body = {"username": "Ana", "password": PASSWORD, "display_name": "Ana B"}

    answer = await post(house, http, "register", body)

    assert answer.status == 201
    assert answer.body.keys() == GRANT
    user = answer.body["user"]
    assert user.keys() == {"id", "username", "display_name", "roles", "created_at"}
    assert (user["username"], user["display_name"], user["roles"]) == ("Ana", "Ana B", ["member"])
    assert user["id"].startswith("usr_")
    assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 600)


async def test_access_token_says_what_the_contract_says_and_plain_pyjwt_verifies_it_by_the_published_keys(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    published = (await call(http, "GET", f"{house.url}/.well-known/jwks.json")).body

    header = jwt.get_unverified_header(ana.token)
    (key,) = [jwk for jwk in published["keys"] if jwk["kid"] == header["kid"]]
    payload = jwt.decode(ana.token, jwt.PyJWK(key), algorithms=[key["alg"]], audience="heliograph", issuer="heliograph")

    assert (header["typ"], header["alg"]) == ("at+jwt", "EdDSA")
    assert not key.keys() & {"d", "k", "p", "q"}
    assert payload.keys() == {"iss", "aud", "sub", "exp", "iat", "jti", "sid", "roles", "scope", "name"}
    assert (payload["sub"], payload["exp"] - payload["iat"]) == (ana.id, 600)
    assert payload["sid"].startswith("ses_")
    assert "messages:send" in payload["scope"].split()


async def test_only_hashes_are_stored(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    await post(house, http, "refresh", {"refresh_token": ana.refresh_token})

    tokens = [row[0] for row in await house.sql("SELECT token_hash FROM refresh_tokens")]
    ((hashed,),) = await house.sql("SELECT password_hash FROM users")

    assert hashlib.sha256(ana.refresh_token.encode()).digest() in tokens
    assert {len(token) for token in tokens} == {32}
    assert hashed.startswith("$2b$")
    stored = str([*await house.sql("SELECT * FROM users"), *await house.sql("SELECT * FROM sessions")])
    assert PASSWORD not in stored
    assert ana.refresh_token not in stored


@pytest.mark.parametrize("name", ["ana", "ANA", "Ana"])
async def test_name_is_taken_whatever_its_case(house: House, http: aiohttp.ClientSession, name: str) -> None:
    await post(house, http, "register", {"username": "Ana", "password": PASSWORD})

    answer = await post(house, http, "register", {"username": name, "password": PASSWORD})

    assert (answer.status, answer.code) == (409, "already_exists")
    assert len(await house.sql("SELECT 1 FROM users")) == 1


async def test_name_registered_by_ten_at_once_is_given_once(house: House, http: aiohttp.ClientSession) -> None:
    bodies = [{"username": name, "password": PASSWORD} for name in ("ana", "Ana") * 5]

    answers = await asyncio.gather(*(post(house, http, "register", body) for body in bodies))

    assert sorted(answer.status for answer in answers) == [201] + [409] * 9
    assert len(await house.sql("SELECT 1 FROM users")) == 1
    assert len(await house.sql("SELECT 1 FROM sessions")) == 1


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"username": "ana", "password": "short"}, "password_too_weak", "password"),
        ({"username": "ana-von-und-zu", "password": "ana-von-und-zu"}, "password_too_weak", "password"),
        ({"username": "a", "password": PASSWORD}, "validation_failed", "username"),
        ({"username": "\N{CYRILLIC SMALL LETTER A}na", "password": PASSWORD}, "validation_failed", "username"),
        ({"username": "ana ", "password": PASSWORD}, "validation_failed", "username"),
        ({"username": "ana", "password": PASSWORD, "display_name": " "}, "validation_failed", "display_name"),
        ({"username": "ana", "password": PASSWORD, "roles": ["admin"]}, "validation_failed", "roles"),
        ({"username": "ana", "password": PASSWORD, "refresh_in": "url"}, "validation_failed", "refresh_in"),
        ({"username": "ana"}, "validation_failed", "password"),
        ({"username": "ana", "password": "x" * 1025}, "validation_failed", "password"),
    ],
)
async def test_bad_registration_names_the_field_and_makes_nothing(
    house: House, http: aiohttp.ClientSession, body: dict[str, Any], code: str, path: str
) -> None:
    answer = await post(house, http, "register", body)

    assert (answer.status, answer.code) == (422, code)
    assert [field["path"] for field in answer.body["error"]["fields"]] == [path]
    assert await house.sql("SELECT 1 FROM users") == []


async def test_closed_registration_says_so(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(registration="closed")

    answer = await post(house, http, "register", {"username": "ana", "password": PASSWORD})

    assert (answer.status, answer.code) == (403, "registration_closed")


async def test_every_character_of_a_long_password_counts(house: House, http: aiohttp.ClientSession) -> None:
    long = "les élèves préfèrent " * 12
    await post(house, http, "register", {"username": "ana", "password": long})

    assert (await post(house, http, "login", {"username": "ana", "password": long})).status == 200
    assert (await post(house, http, "login", {"username": "ana", "password": long[:-1]})).status == 401


async def test_unknown_user_and_wrong_password_are_one_answer_but_for_its_id(
    house: House, http: aiohttp.ClientSession
) -> None:
    await post(house, http, "register", {"username": "ana", "password": PASSWORD})
    names = ("ana", "nobody", "ana")
    await house.write_sql("UPDATE users SET suspended_at = NULL")

    answers = [await post(house, http, "login", {"username": name, "password": "wrong password"}) for name in names]
    await house.write_sql("UPDATE users SET suspended_at = 1")
    answers.append(await post(house, http, "login", {"username": "ana", "password": PASSWORD}))

    seen = {str([answer.status, nameless(answer.body), sorted(answer.headers.keys())]) for answer in answers}
    assert len(seen) == 1
    assert (answers[0].status, answers[0].code) == (401, "auth_failed")


def nameless(body: Any) -> Any:
    return {**body["error"], "request_id": ""}


async def test_unknown_user_costs_the_same_work_as_a_wrong_password(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(house, http, "register", {"username": "ana", "password": PASSWORD})
    checked: list[bytes] = []
    check = passwords._check

    def counted(candidate: bytes, stored: bytes) -> bool:
        checked.append(stored)
        return check(candidate, stored)

    monkeypatch.setattr(passwords, "_check", counted)
    for name in ("ana", "nobody"):
        await post(house, http, "login", {"username": name, "password": "wrong password"})

    known, unknown = checked
    assert known[:7] == unknown[:7] == b"$2b$04$"


@pytest.mark.parametrize("stored", ["$2b$", "", "plain", None])
async def test_account_whose_stored_hash_is_no_hash_lets_nobody_in(
    house: House, http: aiohttp.ClientSession, stored: str | None
) -> None:
    await post(house, http, "register", {"username": "ana", "password": PASSWORD})
    await house.write_sql("UPDATE users SET password_hash = :stored", stored=stored)

    answer = await post(house, http, "login", {"username": "ana", "password": PASSWORD})

    assert (answer.status, answer.code) == (401, "auth_failed")


async def test_too_many_sign_ins_are_told_when_to_come_back(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(login_per_min=2)
    body = {"username": "ana", "password": "wrong password"}

    answers = [await post(house, http, "login", {**body, "username": name}) for name in ("ana", "Ana", "aNa", "bo")]

    assert [answer.status for answer in answers] == [401, 401, 429, 401]
    error = answers[2].body["error"]
    assert (error["code"], error["retryable"]) == ("rate_limited", True)
    assert 0 < error["retry_after_ms"] <= 60_000
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60


async def test_spraying_one_password_over_many_accounts_is_stopped_by_address(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(login_per_min=1)

    answers = [await post(house, http, "login", {"username": f"u{n}", "password": "x"}) for n in range(7)]

    assert [answer.status for answer in answers] == [401] * 6 + [429]


async def test_forwarding_headers_of_strangers_do_not_dodge_the_count(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(register_per_hour=1)

    answers = [
        await post(house, http, "register", {"username": f"u{n}-", "password": PASSWORD}, **{"X-Forwarded-For": f"{n}"})
        for n in range(3)
    ]

    assert [answer.status for answer in answers] == [201, 429, 429]


async def test_wrong_current_passwords_are_counted_like_sign_ins(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(login_per_min=3)
    ana = await Person.registers(house, http)
    body = {"current_password": "wrong password", "new_password": PASSWORD + "!"}

    answers = [await ana.call("POST", "/v1/auth/password", json=body) for _ in range(4)]

    assert [answer.code for answer in answers] == ["auth_failed"] * 3 + ["rate_limited"]


async def test_more_sign_ins_than_the_worker_takes_are_sent_away(house: House, http: aiohttp.ClientSession) -> None:
    body = {"username": "nobody", "password": "wrong password"}

    answers = await asyncio.gather(*(post(house, http, "login", body) for _ in range(60)))

    assert {answer.status for answer in answers} <= {401, 429, 503}
    for answer in answers:
        if answer.status != 401:
            assert answer.code == ("rate_limited" if answer.status == 429 else "unavailable")
            assert int(answer.headers["Retry-After"]) > 0


async def test_sign_in_that_a_change_of_the_password_overtakes_is_refused(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await Person.registers(house, http)
    desk = house.node.desk.accounts
    matches = passwords.Passwords.matches

    async def overtaken(self: passwords.Passwords, password: str, stored: str | None) -> bool:
        found = await matches(self, password, stored)
        await house.write_sql("UPDATE users SET password_hash = :new", new=await desk.passwords.hash("a new one"))
        return found

    monkeypatch.setattr(passwords.Passwords, "matches", overtaken)
    answer = await post(house, http, "login", {"username": ana.username, "password": PASSWORD})

    assert (answer.status, answer.code) == (401, "auth_failed")
    assert len(await house.sql("SELECT 1 FROM sessions")) == 1


async def test_people_see_and_rename_themselves(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)

    renamed = await ana.call("PATCH", "/v1/me", json={"display_name": "  Ana \N{LATIN SMALL LETTER E WITH ACUTE}  "})
    me = await ana.call("GET", "/v1/me")

    assert renamed.status == me.status == 200
    assert renamed.body == me.body
    assert (me.body["id"], me.body["display_name"]) == (ana.id, "Ana é")


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 65, "a\u0007"])
async def test_unfit_display_name_is_refused(house: House, http: aiohttp.ClientSession, name: str) -> None:
    ana = await Person.registers(house, http)

    answer = await ana.call("PATCH", "/v1/me", json={"display_name": name})

    assert (answer.status, answer.code) == (422, "validation_failed")
