"""What is recorded, who may read it, and that no secret stands in it."""

import logging
from typing import Any

import aiohttp
import pytest

from app.core.audit import ACTIONS
from tests.edge.http.administrators import administrator, invited, member, records, register
from tests.edge.http.signing import post
from tests.house import House, MakeHouse
from tests.nodes import PASSWORD
from tests.people import Person

NEW = "canary seven green bottles"


async def only(root: Person, action: str) -> dict[str, Any]:
    (record,) = await records(root, action=action)
    return record


async def test_record_says_who_did_what_to_whom_from_where(house: House, http: aiohttp.ClientSession) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    await root.call("PATCH", f"/v1/users/{ana.id}", json={"roles": ["guest"]})

    record = await only(root, "user.roles_changed")

    assert record.pop("id").startswith("aud_")
    assert record.pop("at").endswith("Z")
    assert record == {
        "action": "user.roles_changed",
        "actor_id": root.id,
        "subject_id": ana.id,
        "ip": "127.0.0.1",
        "session_id": house.claims(root).session_id,
        "details": {"before": ["member"], "after": ["guest"]},
    }


async def test_everything_that_is_to_be_recorded_is_and_no_secret_with_it(
    house: House, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "heliograph")
    ana, bo, root = await member(house, http), await member(house, http, "bo"), await administrator(house, http)
    made, spare = await invited(ana), await invited(ana)
    welcome = await register(house, http, "eve", invite=made["code"], refresh_in="body")
    await ana.call("DELETE", f"/v1/invites/{spare['id']}")
    channel_id = await ana.creates()
    await bo.joins(channel_id)
    await bo.call("DELETE", f"/v1/channels/{channel_id}/members/me")
    for name, password in (("ana", "canary wrong password"), ("canary-as-a-name", PASSWORD)):
        await post(house, http, "login", {"username": name, "password": password})
    await post(house, http, "refresh", {"refresh_token": welcome.body["refresh_token"]})
    house.clock.forward(11)
    await post(house, http, "refresh", {"refresh_token": welcome.body["refresh_token"]})
    await ana.call("POST", "/v1/auth/password", json={"current_password": PASSWORD, "new_password": NEW})
    code = (await root.call("POST", f"/v1/users/{ana.id}/password-reset")).body["code"]
    again = await post(house, http, "reset", {"code": code, "new_password": NEW + " again"})
    await house.person(ana, again.body["access_token"]).call("POST", "/v1/auth/logout")
    await bo.call("POST", "/v1/auth/logout-all")
    for suspended in (True, False):
        await root.call("PATCH", f"/v1/users/{bo.id}", json={"suspended": suspended, "roles": ["guest"]})

    found = await records(root)

    assert {record["action"] for record in found} == set(ACTIONS)
    secrets = [PASSWORD, "canary", made["code"], spare["code"], code, welcome.body["refresh_token"], "eyJ"]
    written = str([found, await house.sql("SELECT * FROM audit"), caplog.text])
    assert [secret for secret in secrets if secret in written] == []


async def test_refused_sign_in_names_the_account_or_hashes_what_was_typed(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    await post(house, http, "login", {"username": "ana", "password": "wrong password"})
    for name in ("hunter2", "HUNTER2"):
        await post(house, http, "login", {"username": name, "password": PASSWORD})

    *unknown, known = await records(root, action="session.refused")

    assert (known["subject_id"], known["details"]) == (ana.id, {"reason": "wrong_password"})
    assert {record["subject_id"] for record in unknown} == {None}
    assert len({record["details"]["name_hash"] for record in unknown}) == 1
    assert "hunter2" not in str(unknown).lower()


async def test_refusal_stays_a_refusal_where_it_cannot_be_recorded(
    house: House, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody else keeps the database from being written to."""
    await member(house, http)
    writer = house.node.desk.history.database._writer
    pool: Any = writer.sync_engine.pool
    pool._timeout = 0.02

    async with writer.connect():
        answer = await post(house, http, "login", {"username": "ana", "password": "wrong password"})

    assert (answer.status, answer.code) == (401, "auth_failed")
    assert "session.refused could not be recorded" in caplog.text


async def test_log_is_filtered_and_paged(house: House, http: aiohttp.ClientSession) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    for _ in range(3):
        await invited(ana)
    everything = await records(root)

    pages, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        body = (await root.call("GET", "/v1/audit", params=params)).body
        pages += body["items"]
        if (cursor := body["next_cursor"]) is None:
            break

    assert pages == everything
    assert {record["action"] for record in await records(root, actor=ana.id)} == {"session.started", "invite.created"}
    assert len(await records(root, subject=root.id)) == 2
    latest = everything[0]["at"]
    assert all(record["at"] < latest for record in await records(root, before=latest))
    assert await records(root, after=latest) == []


@pytest.mark.parametrize(
    "params",
    [
        {"action": "user.exploded"},
        {"actor": "ana"},
        {"subject": "usr_1"},
        {"after": "yesterday"},
        {"before": "2026-01-01"},
        {"before": "2026-01-01T00:00:00"},
        {"who": "ana"},
    ],
)
async def test_question_that_is_none_is_refused(
    house: House, http: aiohttp.ClientSession, params: dict[str, str]
) -> None:
    root = await administrator(house, http)

    answer = await root.call("GET", "/v1/audit", params=params)

    assert (answer.status, answer.code) == (422, "validation_failed")


async def test_only_administrators_read_the_log(house: House, http: aiohttp.ClientSession) -> None:
    ana = await member(house, http)

    assert (await ana.call("GET", "/v1/audit")).code == "forbidden"


async def test_records_are_forgotten_after_their_time(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(audit_days=2)
    await member(house, http)
    audit = house.node.administration.audit
    assert await audit.purge() == 0

    house.clock.forward(2 * 86_400 + 1)

    assert await audit.purge() == 2
    assert await house.sql("SELECT 1 FROM audit") == []


async def test_more_than_a_batch_is_forgotten_in_batches(
    make_house: MakeHouse, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.audit.BATCH", 2)
    house = await make_house(audit_days=1)
    ana = await member(house, http)
    for _ in range(3):
        await invited(ana)
    house.clock.forward(40 * 86_400)

    assert await house.node.administration.audit.purge() == 5 + 3
    assert await house.sql("SELECT 1 FROM invites") == []


async def test_node_owns_the_task_that_forgets(house: House) -> None:
    assert "audit" in house.node.tasks._tasks
    assert not house.node.tasks.dead
