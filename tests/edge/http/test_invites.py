"""Invitations over HTTP: made, used up, taken back, and refused in one way whatever is wrong with them."""

import asyncio

import aiohttp
import pytest

from tests.edge.http.administrators import administrator, invited, member, register
from tests.house import House, MakeHouse
from tests.people import Person

GONE = (410, "invite_expired")


@pytest.fixture
async def invite_house(make_house: MakeHouse) -> House:
    """Open a house that lets in who is invited."""
    return await make_house(registration="invite")


async def test_who_is_invited_gets_in_and_nobody_else(invite_house: House, http: aiohttp.ClientSession) -> None:
    made = await invited(await member(invite_house, http))
    assert made["url"] == f"{invite_house.url}/#invite={made['code']}"
    assert len(made["code"]) * 6 >= 128

    uninvited = await register(invite_house, http, "eve")
    welcome = await register(invite_house, http, "bo", invite=made["code"])

    assert (uninvited.status, uninvited.code) == (403, "registration_closed")
    assert welcome.status == 201


async def test_of_twenty_that_register_with_one_invitation_at_once_one_succeeds(
    make_house: MakeHouse, database_url: str, http: aiohttp.ClientSession
) -> None:
    """More than the password worker queues are told to come back, so each comes until it is told yes or no."""
    house = await make_house(registration="invite", database_url=database_url)
    made = await invited(await member(house, http))

    async def insist(number: int) -> int:
        while (answer := await register(house, http, f"guest{number}", invite=made["code"])).status == 503:
            pass
        return answer.status

    statuses = await asyncio.gather(*(insist(number) for number in range(20)))

    assert sorted(statuses) == [201] + [410] * 19
    assert len(await house.sql("SELECT 1 FROM users WHERE username LIKE 'guest%'")) == 1
    assert await house.sql("SELECT uses FROM invites") == [(1,)]


async def test_invitation_that_lets_nobody_in_is_one_answer(invite_house: House, http: aiohttp.ClientSession) -> None:
    ana = await member(invite_house, http)
    used, revoked, old = [await invited(ana, expires_in_s=s) for s in (3600, 3600, 60)]
    await register(invite_house, http, "bo", invite=used["code"])
    assert (await ana.call("DELETE", f"/v1/invites/{revoked['id']}")).status == 204
    invite_house.clock.forward(61)

    answers = [
        await register(invite_house, http, f"x{n}", invite=code)
        for n, code in enumerate((used["code"], revoked["code"], old["code"], "no such code", ""))
    ]

    assert [(answer.status, answer.code) for answer in answers] == [GONE] * 5
    assert len({answer.body["error"]["message"] for answer in answers}) == 1


async def test_registration_that_fails_uses_no_invitation_up(invite_house: House, http: aiohttp.ClientSession) -> None:
    made = await invited(await member(invite_house, http))

    taken = await register(invite_house, http, "ANA", invite=made["code"])
    weak = await register(invite_house, http, "bo", invite=made["code"], password="password1234")
    welcome = await register(invite_house, http, "bo", invite=made["code"])

    assert [taken.status, weak.status, welcome.status] == [409, 422, 201]


async def test_invitation_is_good_for_as_many_as_it_says(invite_house: House, http: aiohttp.ClientSession) -> None:
    made = await invited(await member(invite_house, http), max_uses=2)

    answers = [await register(invite_house, http, f"guest{n}", invite=made["code"]) for n in range(3)]

    assert [answer.status for answer in answers] == [201, 201, 410]


async def test_invitation_counts_where_registration_is_open_too(house: House, http: aiohttp.ClientSession) -> None:
    made = await invited(await Person.registers(house, http))

    answers = [await register(house, http, f"guest{n}", invite=made["code"]) for n in range(2)]

    assert [answer.status for answer in answers] == [201, 410]


async def test_closed_registration_stays_closed_to_invitations(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(registration="closed")
    root = await administrator(house, http)

    made = await root.call("POST", "/v1/invites", json={})
    answer = await register(house, http, "bo", invite="a code")

    assert [made.code, answer.code] == ["registration_closed"] * 2


async def test_invitation_of_somebody_suspended_lets_nobody_in(
    invite_house: House, http: aiohttp.ClientSession
) -> None:
    ana = await member(invite_house, http)
    made = await invited(ana)
    await invite_house.node.administration.accounts.suspend(ana.username)

    answer = await register(invite_house, http, "bo", invite=made["code"])

    assert (answer.status, answer.code) == GONE


async def test_people_see_and_revoke_their_own_invitations_and_administrators_all(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana, bo = await member(house, http, "ana"), await member(house, http, "bo")
    root = await administrator(house, http)
    first, second, third = [await invited(person) for person in (ana, bo, ana)]

    async def seen(by: Person) -> list[str]:
        return [item["id"] for item in (await by.call("GET", "/v1/invites")).body["items"]]

    assert await seen(ana) == [third["id"], first["id"]]
    assert await seen(bo) == [second["id"]]
    assert set(await seen(root)) == {first["id"], second["id"], third["id"]}
    foreign = await ana.call("DELETE", f"/v1/invites/{second['id']}")
    unknown = await ana.call("DELETE", "/v1/invites/inv_01KDX2N5M00000000000000009")
    assert [foreign.status, unknown.status] == [404, 404]
    assert [(await root.call("DELETE", f"/v1/invites/{second['id']}")).status for _ in range(2)] == [204, 404]


async def test_list_of_invitations_is_paged(house: House, http: aiohttp.ClientSession) -> None:
    ana = await member(house, http)
    made = [(await invited(ana))["id"] for _ in range(3)]

    first = (await ana.call("GET", "/v1/invites", params={"limit": 2})).body
    rest = (await ana.call("GET", "/v1/invites", params={"limit": 2, "cursor": first["next_cursor"]})).body

    assert {item["id"] for item in first["items"] + rest["items"]} == set(made)
    assert rest["next_cursor"] is None


async def test_code_is_shown_once_and_stored_as_a_hash(house: House, http: aiohttp.ClientSession) -> None:
    ana = await member(house, http)
    made = await invited(ana)

    stored = str([await house.sql("SELECT * FROM invites"), await house.sql("SELECT * FROM audit")])

    assert made["code"] not in stored
    assert made["code"] not in str((await ana.call("GET", "/v1/invites")).body)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"expires_in_s": 59}, "expires_in_s"),
        ({"expires_in_s": 90 * 86_400 + 1}, "expires_in_s"),
        ({"max_uses": 0}, "max_uses"),
        ({"max_uses": 1001}, "max_uses"),
        ({"code": "mine"}, "code"),
    ],
)
async def test_invitation_without_bounds_is_refused(
    house: House, http: aiohttp.ClientSession, fields: dict[str, object], path: str
) -> None:
    answer = await (await member(house, http)).call("POST", "/v1/invites", json=fields)

    assert (answer.code, answer.body["error"]["fields"][0]["path"]) == ("validation_failed", path)


async def test_nobody_has_too_many_invitations_open(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.invites.MAX_OPEN", 2)
    ana = await member(house, http)
    made = [await invited(ana) for _ in range(2)]

    refused = await ana.call("POST", "/v1/invites", json={})
    await ana.call("DELETE", f"/v1/invites/{made[0]['id']}")

    assert (refused.status, refused.code) == (409, "conflict")
    await invited(ana)


async def test_guest_invites_nobody(house: House, http: aiohttp.ClientSession) -> None:
    ana = await member(house, http)
    await house.node.administration.accounts.set_roles(ana.username, ("guest",))

    assert (await ana.call("POST", "/v1/invites", json={})).code == "forbidden"


async def test_address_to_pass_on_is_the_public_one(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(public_url="http://chat.example.com/")

    made = await invited(await member(house, http))

    assert made["url"].startswith("http://chat.example.com/#invite=")
