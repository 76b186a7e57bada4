"""How often one may try, as clients see it: refusals with the time to come back, and what is left beforehand."""

from typing import Any

import aiohttp
import pytest

from app.bus import limits as shared
from tests.edge.http.signing import post
from tests.house import House, MakeHouse
from tests.nodes import PASSWORD
from tests.people import Answer, Person, call

PROXIES = ("127.0.0.0/8",)
WRONG = "wrong password"


async def login(house: House, http: aiohttp.ClientSession, name: str, password: str = WRONG, at: str = "") -> Answer:
    headers = {"X-Forwarded-For": at} if at else {}
    return await post(house, http, "login", {"username": name, "password": password}, **headers)


def left(answer: Answer) -> tuple[int, int]:
    """Read amount and remainder, and check that the time until there is more is a number of seconds."""
    assert 0 < int(answer.headers["RateLimit-Reset"]) <= 3600
    return int(answer.headers["RateLimit-Limit"]), int(answer.headers["RateLimit-Remaining"])


async def test_what_is_left_is_told_on_success_and_on_failure(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(login_per_min=2, register_per_hour=2)
    body = {"username": "ana", "password": PASSWORD, "refresh_in": "body"}

    registered = [await post(house, http, "register", {**body, "username": name}) for name in ("ana", "bo", "cy")]
    signed_in = [await login(house, http, "ana", password) for password in (PASSWORD, WRONG, PASSWORD)]
    malformed = await post(house, http, "login", {"username": 5})

    assert [(answer.status, left(answer)) for answer in registered] == [(201, (2, 1)), (201, (2, 0)), (429, (2, 0))]
    assert [(answer.status, left(answer)) for answer in signed_in] == [(200, (12, 11)), (401, (12, 10)), (429, (2, 0))]
    assert (malformed.status, left(malformed)) == (422, (12, 8))
    for answer in (registered[2], signed_in[2]):
        assert answer.headers["Retry-After"] == answer.headers["RateLimit-Reset"]
        assert answer.body["error"]["retry_after_ms"] <= int(answer.headers["Retry-After"]) * 1000


async def test_other_answers_say_nothing_of_limits(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)

    for answer in (await ana.call("GET", "/v1/me"), await call(http, "GET", f"{house.url}/healthz")):
        assert [name for name in answer.headers if name.lower().startswith("ratelimit")] == []


async def test_thousand_accounts_tried_from_one_address_are_not_tried(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(login_per_min=10)

    statuses = [(await login(house, http, f"u{n}")).status for n in range(1000)]

    assert statuses == [401] * 60 + [429] * 940
    assert (await login(house, http, "u0")).headers["RateLimit-Remaining"] == "0"


async def test_owner_signs_in_where_they_are_known_while_strangers_try(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(login_per_min=20, trusted_proxies=PROXIES)
    body = {"username": "ana", "password": PASSWORD}
    await post(house, http, "register", body, **{"X-Forwarded-For": "192.0.2.1"})

    strangers = [await login(house, http, "ana", at=f"198.51.100.{n % 30}") for n in range(40)]
    at_home = await login(house, http, "ana", PASSWORD, at="192.0.2.1")
    elsewhere = await login(house, http, "ana", PASSWORD, at="192.0.2.2")

    assert [answer.status for answer in strangers] == [401] * 20 + [429] * 20
    assert (at_home.status, elsewhere.status) == (200, 429)


@pytest.mark.parametrize("name", ["ana", "nobody"])
async def test_failing_again_and_again_takes_longer_and_longer_for_known_and_unknown_names(
    house: House, http: aiohttp.ClientSession, name: str
) -> None:
    await post(house, http, "register", {"username": "ana", "password": PASSWORD})

    answers = [await login(house, http, name) for _ in range(7)]
    right = await login(house, http, name, PASSWORD)
    other = await login(house, http, "bo")

    assert [answer.status for answer in answers] == [401] * 5 + [429] * 2
    assert 0 < int(answers[5].headers["Retry-After"]) <= 5
    assert (right.status, other.status) == (429, 401)


async def test_signing_in_starts_the_count_of_failures_again(house: House, http: aiohttp.ClientSession) -> None:
    await post(house, http, "register", {"username": "ana", "password": PASSWORD})

    tried = [WRONG] * 4 + [PASSWORD] + [WRONG] * 4 + [PASSWORD]
    statuses = [(await login(house, http, "ana", password)).status for password in tried]

    assert statuses == [401, 401, 401, 401, 200] * 2


async def test_limits_hold_across_nodes(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    houses = [await make_house(login_per_min=3), await make_house(login_per_min=3)]

    statuses = [(await login(houses[n % 2], http, "ana")).status for n in range(5)]

    assert statuses == [401] * 3 + [429] * 2


async def test_session_refreshes_so_often_and_no_more(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    answers, token = [], ana.refresh_token
    for _ in range(31):
        answers.append(await post(house, http, "refresh", {"refresh_token": token}))
        token = answers[-1].body.get("refresh_token", token)

    assert [answer.status for answer in answers] == [200] * 30 + [429]
    assert left(answers[-1]) == (30, 0)
    assert (await post(house, http, "refresh", {"refresh_token": bo.refresh_token})).status == 200


async def test_address_that_refreshes_at_random_is_stopped(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(sockets_per_address=10)

    answers = [await post(house, http, "refresh", {"refresh_token": f"x{n}"}) for n in range(61)]

    assert [answer.status for answer in answers] == [401] * 60 + [429]


async def test_codes_are_not_guessed_at(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(register_per_hour=3)

    answers = [await post(house, http, "reset", {"code": f"x{n}", "new_password": PASSWORD}) for n in range(5)]

    assert [answer.status == 429 for answer in answers] == [False] * 3 + [True] * 2
    assert 200 not in {answer.status for answer in answers}


async def test_each_user_may_write_so_much_over_http(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(commands_per_s=0.01, commands_burst=1)
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)

    async def rename(person: Person) -> Answer:
        return await person.call("PATCH", "/v1/me", json={"display_name": "A"})

    answers = [await rename(ana) for _ in range(11)]

    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert [left(answer) for answer in answers] == [*((10, n) for n in range(9, -1, -1)), (10, 0)]
    assert (await rename(bo)).status == 200
    assert (await ana.call("GET", "/v1/me")).status == 200


async def test_sign_ins_are_limited_while_redis_is_away_and_readiness_says_so(
    make_house: MakeHouse, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, faulty_valkey: Any
) -> None:
    house = await make_house(login_per_min=3, redis_url=faulty_valkey.url)
    ana = await Person.registers(house, http)
    faulty_valkey.kill()

    statuses = [(await login(house, http, "bo")).status for _ in range(5)]
    right = await login(house, http, ana.username, PASSWORD)
    ready = (await call(http, "GET", f"{house.url}/readyz")).body["dependencies"]["limits"]
    faulty_valkey.start()
    monkeypatch.setattr(house.node.limits, "_rests_until_s", 0.0)
    back = await login(house, http, "cy")

    assert statuses == [401, 401, 401, 429, 429]
    assert right.status == 200
    assert (ready["ok"], ready["shared"], ready["alone"] > 5) == (True, False, True)
    assert back.status == 401
    assert house.node.limits.health().shared


async def test_messages_wait_for_no_limit_that_is_asked_over_the_network(
    make_house: MakeHouse, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await make_house()
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire = await ana.connects()
    asked: list[object] = []

    async def ask(_self: shared.Limits, question: object) -> Any:
        asked.append(question)
        raise AssertionError

    monkeypatch.setattr(shared.Limits, "_ask", ask)
    await ana.posts(channel, "over HTTP")
    await wire.emit("message.send", {"channel_id": channel, "text": "over the socket"})

    assert asked == []
