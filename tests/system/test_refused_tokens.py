"""Every bad token is refused with the one code, and the log knows the reason."""

import base64
import json
import time
from functools import partial
from typing import Any

import aiohttp
import jwt

from tests.helpers import eventually
from tests.nodes import MakeNode, Node
from tests.people import Person, Wire


def flipped(token: str) -> str:
    """Flip one bit of the signature."""
    head, body, signature = token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[10] ^= 1
    return f"{head}.{body}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


def unsigned(token: str) -> str:
    """Say the same with `alg: none`."""
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    return jwt.encode(claims, "", algorithm="none", headers={"typ": "at+jwt", "kid": kid})


async def refused(http: aiohttp.ClientSession, node: Node, auth: object) -> dict[str, Any]:
    """Connect to `/chat` and return the refusal; the connection has to be closed behind it."""
    wire = await Wire.opens(http, node)
    await wire.send("40/chat," + ("" if auth is None else json.dumps(auth)))
    await eventually(lambda: wire.closed)
    assert not any(frame.startswith("40/chat") for frame in wire.frames)
    return dict(wire.refusal)


async def test_bad_tokens_are_refused_with_one_code_and_logged_with_the_reason(
    node: Node, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(node, http)
    cases = {
        "InvalidSignatureError": {"token": flipped(ana.token)},
        "not a compact token": {"token": unsigned(ana.token)},
        "no token": None,
        "token is not a string": {"token": 5},
        "unknown key": {"token": jwt.encode({"sub": ana.id}, "k" * 32, algorithm="HS256", headers={"kid": "x"})},
    }

    for reason, auth in cases.items():
        refusal = await refused(http, node, auth)
        assert refusal["message"] == "auth_failed"
        assert refusal["data"]["code"] == "auth_failed"
        await eventually(partial(has_logged, node, f"connect refused: {reason}"))


async def test_expired_token_is_refused(make_node: MakeNode, http: aiohttp.ClientSession) -> None:
    node = await make_node(ACCESS_TTL_S="10", JWT_LEEWAY_S="0").start()
    ana = await Person.registers(node, http)
    expires_at = jwt.decode(ana.token, options={"verify_signature": False})["exp"]
    wire = await ana.connects()
    assert (await wire.fact("auth.expiring"))["expires_in_s"] <= 5

    await eventually(lambda: time.time() >= expires_at, 15)
    refusal = await refused(http, node, {"token": ana.token})
    ack = await wire.emit("ping", {})
    sync = await wire.emit("sync", {"channels": {}})

    assert refusal["message"] == "auth_failed"
    assert "connect refused: expired" in node.log()
    assert ack["error"]["code"] == sync["error"]["code"] == "token_expired"


def has_logged(node: Node, words: str) -> bool:
    return words in node.log()
