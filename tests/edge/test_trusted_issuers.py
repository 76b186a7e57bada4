"""Tokens of trusted issuers at every door, as their holders and as strangers present them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from app.secure.keys import ALGORITHMS, new_jwk
from tests.edge.tokens import encoded
from tests.helpers import eventually
from tests.house import House, MakeHouse
from tests.issuers import DROP, NAME, Issuer, KeyServer, key_server, setting
from tests.people import Answer, Person, Wire, call

SECRET = "Zk3-quite-unlikely-8fkq2-and-long-enough"


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    async with key_server() as made:
        yield made


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def trusting(make_house: MakeHouse, issuer: Issuer) -> House:
    """A house that trusts the issuer by its public key."""
    return await make_house(trusted_issuers=setting(issuer.entry()))


async def me(house: House, http: aiohttp.ClientSession, token: str) -> Answer:
    return await call(http, "GET", f"{house.url}/v1/me", headers={"Authorization": f"Bearer {token}"})


async def person(house: House, http: aiohttp.ClientSession, token: str) -> Person:
    answer = await me(house, http, token)
    assert answer.status == 200, answer.body
    return Person(house, http, {"user": answer.body, "access_token": token})


async def refused(house: House, http: aiohttp.ClientSession, token: str) -> str:
    """Present a token at both doors and return the code of the refusal, which is the same at each."""
    wire = await Wire.opens(http, house)
    await wire.send("40/chat," + json.dumps({"token": token}))
    await eventually(lambda: wire.refusal)
    assert wire.of("hello") == []
    assert (await me(house, http, token)).code in (wire.refusal["message"], "session_revoked")
    await wire.close()
    return str(wire.refusal["message"])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_of_every_algorithm_opens_every_door(
    make_house: MakeHouse, http: aiohttp.ClientSession, algorithm: str
) -> None:
    issuer = Issuer(algorithm)
    fields: dict[str, Any] = {}
    if algorithm == "HS256":
        issuer.jwk["k"], fields["secret"] = encoded(SECRET.encode()), SECRET
    house = await make_house(trusted_issuers=setting(issuer.entry(**fields)))

    ana = await person(house, http, issuer.token())
    wire = await ana.connects()
    channel = await ana.creates()
    ack = await wire.emit("message.send", {"channel_id": channel, "text": "hi"})

    assert ack["ok"] is True, ack
    assert (await wire.fact("message.created"))["actor_id"] == ana.id
    assert wire.of("hello")[0]["data"]["user"]["display_name"] == "Ana Lía"


async def test_the_same_subject_is_the_same_user_whatever_token_it_brings(
    make_house: MakeHouse, http: aiohttp.ClientSession, issuer: Issuer, database_url: str
) -> None:
    """All at once, on both databases."""
    trusting = await make_house(trusted_issuers=setting(issuer.entry()), database_url=database_url)
    tokens = [issuer.token() for _ in range(8)]
    users = await asyncio.gather(*(person(trusting, http, token) for token in tokens))
    other = await person(trusting, http, issuer.token(sub="subject-2"))

    assert len({user.id for user in users}) == 1
    assert other.id != users[0].id
    assert other.username != users[0].username
    assert len(await trusting.sql("SELECT id FROM users")) == 2


async def test_a_subject_cannot_sign_in_with_a_password(
    trusting: House, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    ana = await person(trusting, http, issuer.token())
    for password in ("", "x" * 20):
        body = {"username": ana.username, "password": password or "None"}
        assert (await call(http, "POST", f"{trusting.url}/v1/auth/login", json=body)).status == 401
    body = {"current_password": "x", "new_password": "a new and long one"}
    assert (await ana.call("POST", "/v1/auth/password", json=body)).status == 401


async def test_two_issuers_subjects_of_one_name_are_two_users(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    one, other = Issuer(), Issuer(name="https://other.example.com")
    house = await make_house(trusted_issuers=setting(one.entry(), other.entry()))
    assert (await person(house, http, one.token())).id != (await person(house, http, other.token())).id


async def test_an_issuer_cannot_speak_for_another(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    """RFC 8725, 3.8: the keys are bound to the issuer, ours included."""
    one, other = Issuer(), Issuer(name="https://other.example.com")
    house = await make_house(trusted_issuers=setting(one.entry(), other.entry()))
    ana = await Person.registers(house, http)
    own = house.node.desk.sessions.access.ring.signer.kid

    for payload in (other.payload(), other.payload(iss="heliograph", aud="heliograph", sub=ana.id, sid="x")):
        for kid in (one.jwk["kid"], own, other.jwk["kid"]):
            assert await refused(house, http, one.sign(payload, kid=kid)) == "auth_failed"
    assert await refused(house, http, house.forge(one.payload())) == "auth_failed"


def by_hand(issuer: Issuer, header: dict[str, Any]) -> str:
    head = {"typ": "at+jwt", "kid": issuer.jwk["kid"], **header}
    return ".".join((*(encoded(json.dumps(part).encode()) for part in (head, issuer.payload())), "AAAA"))


BAD: dict[str, Callable[[Issuer], str]] = {
    "alg none": lambda issuer: by_hand(issuer, {"alg": "none"}),
    "alg nOnE": lambda issuer: by_hand(issuer, {"alg": "nOnE"}),
    "alg missing": lambda issuer: by_hand(issuer, {}),
    "alg a list": lambda issuer: by_hand(issuer, {"alg": ["ES256"]}),
    "alg of another family": lambda issuer: issuer.sign(jwk=new_jwk("RS256"), kid=issuer.jwk["kid"]),
    "public key as secret": lambda issuer: issuer.sign(
        jwk={"kty": "oct", "k": issuer.jwk["x"], "alg": "HS256", "kid": issuer.jwk["kid"]}
    ),
    "another's key": lambda issuer: issuer.sign(jwk=new_jwk("ES256")),
    "brings its own key": lambda issuer: issuer.sign(jwk=new_jwk("ES256"), jku="http://127.0.0.1:9/", x5u="http://a/"),
    "typ JWT": lambda issuer: issuer.sign(typ="JWT"),
    "typ missing": lambda issuer: issuer.sign(typ=None),
    "typ of a refresh token": lambda issuer: issuer.sign(typ="rt+jwt"),
    "crit unknown": lambda issuer: issuer.sign(crit=["x"], x=1),
    "payload not encoded": lambda issuer: by_hand(issuer, {"alg": "ES256", "b64": False, "crit": ["b64"]}),
    "iss unknown": lambda issuer: issuer.token(iss="https://evil.example"),
    "iss a list": lambda issuer: issuer.token(iss="x").replace("x", "y"),
    "aud another": lambda issuer: issuer.token(aud="other"),
    "aud missing": lambda issuer: issuer.token(aud=DROP),
    "aud others": lambda issuer: issuer.token(aud=["a", "b"]),
    "sub missing": lambda issuer: issuer.token(sub=DROP),
    "sub empty": lambda issuer: issuer.token(sub=""),
    "sub a number": lambda issuer: issuer.token(sub=5),
    "sub with NUL": lambda issuer: issuer.token(sub="a\0"),
    "sub long": lambda issuer: issuer.token(sub="s" * 256),
    "jti missing": lambda issuer: issuer.token(jti=DROP),
    "exp missing": lambda issuer: issuer.token(exp=DROP),
    "exp null": lambda issuer: issuer.token(exp=None),
    "exp a string": lambda issuer: issuer.token(exp="9999999999"),
    "exp far": lambda issuer: issuer.token(exp=10**30),
    "exp in 25 hours": lambda issuer: issuer.token(exp=int(issuer.now_s()) + 90_000),
    "exp past": lambda issuer: issuer.token(exp=int(issuer.now_s()) - 1, iat=int(issuer.now_s()) - 600),
    "iat missing": lambda issuer: issuer.token(iat=DROP),
    "iat ahead": lambda issuer: issuer.token(iat=int(issuer.now_s()) + 500, exp=int(issuer.now_s()) + 900),
    "nbf ahead": lambda issuer: issuer.token(nbf=int(issuer.now_s()) + 500),
    "roles a number": lambda issuer: issuer.token(roles=5),
    "channels a list": lambda issuer: issuer.token(channels=["a"]),
    "padded": lambda issuer: issuer.token() + "=",
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
async def test_a_bad_token_is_refused_with_one_code_and_makes_nobody(
    trusting: House, http: aiohttp.ClientSession, issuer: Issuer, token: Callable[[Issuer], str]
) -> None:
    assert await refused(trusting, http, token(issuer)) == "auth_failed"
    assert await trusting.sql("SELECT id FROM users") == []
    assert await trusting.sql("SELECT id FROM sessions") == []


async def test_the_audience_may_be_one_of_several(trusting: House, http: aiohttp.ClientSession, issuer: Issuer) -> None:
    assert (await me(trusting, http, issuer.token(aud=["chat", "other"]))).status == 200


async def test_plain_jwt_is_taken_where_the_setting_says_so(
    make_house: MakeHouse, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    house = await make_house(trusted_issuers=setting(issuer.entry(typ="JWT")))
    assert (await me(house, http, issuer.sign(issuer.payload(jti=DROP), typ="JWT"))).status == 200
    assert await refused(house, http, issuer.sign()) == "auth_failed"


async def test_a_token_without_a_kid_is_taken_where_one_key_is_configured(
    trusting: House, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    assert (await me(trusting, http, issuer.sign(kid=None))).status == 200


async def test_roles_are_limited_to_what_the_setting_allows(
    make_house: MakeHouse, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    other = Issuer(name="https://other.example.com")
    house = await make_house(
        trusted_issuers=setting(issuer.entry(), other.entry(roles=["admin", "member"], claims={"roles": "realm.roles"}))
    )
    plain = await me(house, http, issuer.token(roles=["admin", "member", "root"]))
    nested = await me(house, http, other.token(realm={"roles": ["admin", "x"]}))
    none = await me(house, http, issuer.token(sub="none", roles=["admin"]))

    assert plain.body["roles"] == ["member"]
    assert nested.body["roles"] == ["admin"]
    assert none.body["roles"] == []


async def test_a_scope_gives_no_more_than_the_roles_and_no_more_than_it_says(
    trusting: House, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    ana = await person(trusting, http, issuer.token(scope="openid channels:read users:write"))
    assert (await ana.call("GET", "/v1/channels")).status == 200
    assert (await ana.call("POST", "/v1/channels", json={"name": "a", "kind": "public"})).code == "forbidden"


async def test_what_the_issuer_says_anew_is_followed_and_what_was_changed_here_stays(
    make_house: MakeHouse, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    house = await make_house(trusted_issuers=setting(issuer.entry(roles=["admin", "member"])))
    now_s = int(issuer.now_s()) - 100

    def at(second: int, **changes: Any) -> str:
        return issuer.token(iat=now_s + second, **changes)

    ana = await person(house, http, at(0, roles="admin"))
    await house.node.desk.accounts.set_roles(ana.username, ("member",))
    assert (await me(house, http, at(1, roles="admin"))).body["roles"] == ["member"]
    assert (await me(house, http, at(2, roles="member", name="Ana B."))).body["display_name"] == "Ana B."
    assert (await me(house, http, at(4, roles="admin"))).body["roles"] == ["admin"]
    assert (await me(house, http, at(3, roles="member"))).body["roles"] == ["admin"]


@pytest.mark.parametrize("family", ["sid", "jti"])
async def test_signing_out_here_ends_the_tokens_of_the_session(
    trusting: House, http: aiohttp.ClientSession, issuer: Issuer, family: str
) -> None:
    token = issuer.token(**{family: "f1"})
    ana = await person(trusting, http, token)
    wire = await ana.connects()

    assert (await ana.call("POST", "/v1/auth/logout")).status == 204

    assert (await wire.fact("session.revoked"))["data"]["reconnect"] is False
    assert await refused(trusting, http, token) == "auth_failed"
    assert await refused(trusting, http, issuer.token(**{family: "f1"})) == "auth_failed"
    assert (await me(trusting, http, issuer.token(**{family: "f2"}))).status == 200


async def test_signing_out_everywhere_ends_tokens_that_were_not_shown_yet(
    trusting: House, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    shown, hidden = issuer.token(), issuer.token()
    ana = await person(trusting, http, shown)

    assert (await ana.call("POST", "/v1/auth/logout-all")).status == 204

    assert await refused(trusting, http, hidden) == "auth_failed"
    trusting.clock.forward(2)
    issuer.now_s = lambda: trusting.clock() / 1000
    assert (await me(trusting, http, issuer.token())).status == 200


async def test_a_suspended_subject_comes_in_by_no_token(
    trusting: House, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    ana = await person(trusting, http, issuer.token())
    wire = await ana.connects()

    await trusting.node.desk.accounts.suspend(ana.username)

    await wire.fact("session.revoked")
    assert await refused(trusting, http, issuer.token()) == "auth_failed"


async def test_sessions_of_an_issuer_are_listed_and_ended_like_any_other(
    trusting: House, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    ana, again = await person(trusting, http, issuer.token()), await person(trusting, http, issuer.token())
    listed = (await ana.call("GET", "/v1/auth/sessions")).body["items"]
    assert [item["device"] for item in listed] == [NAME, NAME]
    (other,) = [item["id"] for item in listed if not item["current"]]

    assert (await ana.call("DELETE", f"/v1/auth/sessions/{other}")).status == 204
    assert (await me(trusting, http, again.token)).status == 401
    assert (await me(trusting, http, ana.token)).status == 200


async def test_a_socket_goes_on_under_a_newer_token_of_the_issuer(
    trusting: House, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    ana = await person(trusting, http, issuer.token(sid="s"))
    wire = await ana.connects()
    later = issuer.token(sid="s", exp=int(issuer.now_s()) + 3600)

    ack = await wire.emit("auth.refresh", {"token": later})
    other = await wire.emit("auth.refresh", {"token": issuer.token(sub="subject-2")})
    trusting.clock.forward(1800)

    assert ack["ok"] is True
    assert other["error"]["code"] == "auth_failed"
    assert (await wire.emit("ping", {}))["ok"] is True
    assert (await me(trusting, http, later)).status == 200


async def test_an_expired_token_speaks_no_more_on_its_socket(
    trusting: House, http: aiohttp.ClientSession, issuer: Issuer
) -> None:
    wire = await (await person(trusting, http, issuer.token())).connects()
    trusting.clock.forward(601)
    assert (await wire.emit("ping", {}))["error"]["code"] == "token_expired"


async def test_published_keys_are_fetched_once_and_rotate(
    make_house: MakeHouse, http: aiohttp.ClientSession, issuer: Issuer, server: KeyServer
) -> None:
    server.jwks = [issuer.jwk]
    house = await make_house(trusted_issuers=setting(issuer.entry(jwks_url=server.url)))

    answers = await asyncio.gather(*(me(house, http, issuer.token(sub=f"s{n}")) for n in range(10)))

    assert [answer.status for answer in answers] == [200] * 10
    assert server.hits == 1


async def test_a_thousand_unknown_keys_cost_one_fetch_and_hold_nobody_up(
    make_house: MakeHouse, http: aiohttp.ClientSession, issuer: Issuer, server: KeyServer
) -> None:
    server.jwks = [issuer.jwk]
    house = await make_house(trusted_issuers=setting(issuer.entry(jwks_url=server.url)))
    ana = await Person.registers(house, http)
    stranger = new_jwk("ES256")
    limit = asyncio.Semaphore(50)

    async def attack(number: int) -> int:
        async with limit:
            return (await me(house, http, issuer.sign(jwk=stranger, kid=f"k{number}"))).status

    attacks = asyncio.gather(*(attack(number) for number in range(1000)))
    good = [await me(house, http, token) for token in (ana.token, issuer.token(), ana.token, issuer.token())]

    assert set(await attacks) == {401}
    assert [answer.status for answer in good] == [200] * 4
    assert server.hits == 1


async def test_a_slow_issuer_holds_up_nobody_but_its_own(
    make_house: MakeHouse, http: aiohttp.ClientSession, issuer: Issuer, server: KeyServer
) -> None:
    gate = asyncio.Event()

    async def slow(_request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.json_response({"keys": []})

    server.behave = slow
    house = await make_house(trusted_issuers=setting(issuer.entry(jwks_url=server.url)))
    ana = await Person.registers(house, http)
    waiting = asyncio.create_task(me(house, http, issuer.token()))
    await eventually(lambda: server.hits)

    wire = await ana.connects()
    assert (await wire.emit("ping", {}))["ok"] is True
    assert not waiting.done()
    gate.set()
    assert (await waiting).code == "auth_failed"


async def test_keys_that_cannot_be_had_are_unavailable_and_no_fault_of_the_token(
    make_house: MakeHouse, http: aiohttp.ClientSession, issuer: Issuer, server: KeyServer
) -> None:
    async def away(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=500)

    server.behave = away
    house = await make_house(trusted_issuers=setting(issuer.entry(jwks_url=server.url)))
    answer = await me(house, http, issuer.token())
    assert (answer.status, answer.code) == (503, "unavailable")


async def test_addresses_that_a_token_brings_are_never_asked(
    make_house: MakeHouse, http: aiohttp.ClientSession, issuer: Issuer, server: KeyServer
) -> None:
    server.jwks = [stranger := new_jwk("ES256")]
    house = await make_house(trusted_issuers=setting(issuer.entry()))
    token = issuer.sign(jwk=stranger, jku=server.url, x5u=server.url)
    assert await refused(house, http, token) == "auth_failed"
    assert server.hits == 0
