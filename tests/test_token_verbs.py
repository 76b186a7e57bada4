"""Tokens and keys from the command line: real processes, and a node that runs meanwhile."""

import json
from pathlib import Path

import aiohttp
import jwt
import pytest

from tests.helpers import eventually
from tests.issuers import Issuer, setting
from tests.nodes import PASSWORD, MakeNode, Node
from tests.people import Answer, Person, call
from tests.test_command_line import run

SECRET = "k2lq-quite-unlikely-8fkq2-and-long-enough"


async def create(folder: Path, name: str = "ana") -> None:
    assert (await run(folder, "user", "create", name, "--password-stdin", stdin=PASSWORD))[0] == 0


async def me(node: Node, http: aiohttp.ClientSession, token: str) -> Answer:
    return await call(http, "GET", f"{node.url}/v1/me", headers={"Authorization": f"Bearer {token}"})


async def published(node: Node, http: aiohttp.ClientSession) -> list[str]:
    return [key["kid"] for key in (await call(http, "GET", f"{node.url}/.well-known/jwks.json")).body["keys"]]


async def test_a_minted_token_stands_alone_and_is_let_in_until_it_is_signed_out(
    node: Node, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    await create(tmp_path)
    code, out, _ = await run(tmp_path, "token", "mint", "--user", "ana", "--ttl", "90s", "--scope", "channels:read")
    token = out.strip()
    claims = jwt.decode(token, options={"verify_signature": False})

    assert (code, out) == (0, token + "\n")
    assert (claims["exp"] - claims["iat"], claims["scope"]) == (90, "channels:read")
    assert (await me(node, http, token)).body["username"] == "ana"

    code, out, _ = await run(tmp_path, "token", "inspect", stdin=token)
    assert (code, out.splitlines()[-1]) == (0, "Accepted: signed by a key of ours; its session lives, its user is ana")
    assert token.rpartition(".")[2] not in out

    headers = {"Authorization": f"Bearer {token}"}
    assert (await call(http, "POST", f"{node.url}/v1/auth/logout", headers=headers)).status == 204
    code, _, err = await run(tmp_path, "token", "inspect", token)
    assert code == 1
    assert "its session has ended" in err


async def test_minting_grants_nothing_that_the_user_does_not_hold(tmp_path: Path) -> None:
    await create(tmp_path)
    for words, said in (
        (("--scope", "users:write"), "scope.users:write: not_held"),
        (("--ttl", "25h"), "ttl: out_of_range"),
        (("--ttl", "soon"), "ttl: invalid"),
        (("--channels", '{"a": ["rule"]}'), "channels.a: invalid"),
        (("--channels", "[]"), "channels: invalid"),
    ):
        code, out, err = await run(tmp_path, "token", "mint", "--user", "ana", *words)
        assert (code, out) == (1, "")
        assert said in err
    assert (await run(tmp_path, "token", "mint", "--user", "nobody"))[:2] == (1, "")


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", ""])
async def test_inspecting_what_is_no_token_says_so(tmp_path: Path, token: str) -> None:
    code, out, err = await run(tmp_path, "token", "inspect", stdin=token)
    assert (code, out) == (1, "")
    assert "would refuse" in err


async def test_inspecting_a_foreign_token_says_whose_it_is(tmp_path: Path) -> None:
    issuer = Issuer()
    trusted = setting(issuer.entry())
    code, out, _ = await run(tmp_path, "token", "inspect", stdin=issuer.token(), TRUSTED_ISSUERS=trusted)
    assert code == 0
    assert "Accepted: signed by https://login.example.com; its subject was not seen here yet" in out
    _, _, err = await run(tmp_path, "token", "inspect", stdin=issuer.token(aud="x"), TRUSTED_ISSUERS=trusted)
    assert "issuer or audience" in err


async def test_all_faults_of_the_trusted_issuers_stop_the_start_without_their_secrets(tmp_path: Path) -> None:
    broken = setting(Issuer("HS256").entry(secret="hunter2", audience=5), {"issuer": "x"})
    code, _, err = await run(tmp_path, "serve", TRUSTED_ISSUERS=broken)
    assert code == 2
    assert "TRUSTED_ISSUERS: [0].audience: " in err
    assert "TRUSTED_ISSUERS: [0].secret: " in err
    assert "TRUSTED_ISSUERS: [1]: must have exactly one of" in err
    assert "hunter2" not in err


async def test_running_nodes_follow_a_rotation_and_no_token_is_lost(
    make_node: MakeNode, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    one, other = await make_node().start(), await make_node().start()
    ana = await Person.registers(one, http)
    (old,) = await published(one, http)

    code, out, _ = await run(tmp_path, "keys", "rotate")
    new = out.partition(" ")[0]
    assert code == 0

    async def signs_anew() -> bool:
        fresh = await Person.registers(one, http)
        assert (await me(other, http, fresh.token)).status == 200
        return bool(jwt.get_unverified_header(fresh.token)["kid"] == new)

    await eventually(signs_anew, 20)
    assert await published(one, http) == [new, old]
    assert (await me(one, http, ana.token)).status == (await me(other, http, ana.token)).status == 200
    listed = (await run(tmp_path, "keys", "list"))[1].splitlines()
    assert [line.split()[0] for line in listed] == [new, old]


async def test_a_key_that_leaked_is_dropped_at_once(node: Node, http: aiohttp.ClientSession, tmp_path: Path) -> None:
    ana = await Person.registers(node, http)
    assert (await run(tmp_path, "keys", "rotate", "--drop-old"))[0] == 0

    async def is_refused() -> bool:
        return (await me(node, http, ana.token)).status == 401

    await eventually(is_refused, 20)
    body = {"refresh_token": ana.refresh_token}
    fresh = await call(http, "POST", f"{node.url}/v1/auth/refresh", json=body)
    assert (await me(node, http, fresh.body["access_token"])).status == 200


async def test_with_keys_in_the_environment_the_new_set_is_printed(tmp_path: Path) -> None:
    code, out, err = await run(tmp_path, "keys", "rotate", SECRET_KEY=SECRET)
    first = json.loads(out)["keys"]
    assert code == 0
    assert "JWT_KEYS" in err
    assert [("d" in key) for key in first] == [True, False]
    assert not (tmp_path / "var" / "signing_keys.json").exists()

    _, out, _ = await run(tmp_path, "keys", "rotate", "--algorithm", "ES256", SECRET_KEY=SECRET, JWT_KEYS=out)
    second = json.loads(out)["keys"]
    assert [("d" in key) for key in second] == [True, False, False]
    assert [key["kid"] for key in second[1:]] == [key["kid"] for key in first]

    _, out, _ = await run(tmp_path, "keys", "rotate", "--new-last", SECRET_KEY=SECRET, JWT_KEYS=out)
    assert json.loads(out)["keys"][:3] == second
    listed = (await run(tmp_path, "keys", "list", SECRET_KEY=SECRET, JWT_KEYS=out))[1].splitlines()
    assert [line.split()[2] for line in listed] == ["signs", "verifies", "verifies", "verifies"]


async def test_keys_of_a_broken_file_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "signing_keys.json").write_text("{}")
    code, _, err = await run(tmp_path, "serve")
    assert code == 2
    assert "signing_keys.json" in err
