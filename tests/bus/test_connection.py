"""Connections from a URL, each command with a deadline."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError, ResponseError

from app.bus.connection import BadRedisUrl, connect, line, parse
from tests.bus.proxy import proxy_to
from tests.helpers import eventually
from tests.valkey import Valkey


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_plain_urls_name_host_port_database_and_account(scheme: str) -> None:
    options = parse(f"{scheme}://user:p%40ss@example.org:6380/3")
    assert options["host"] == "example.org"
    assert options["port"] == 6380
    assert options["db"] == 3
    assert (options["username"], options["password"]) == ("user", "p@ss")
    assert "connection_class" not in options


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_urls_with_an_s_use_tls(scheme: str) -> None:
    assert parse(f"{scheme}://example.org")["connection_class"] is SSLConnection


def test_a_unix_url_names_a_socket_with_any_letters() -> None:
    options = parse("unix:///var/a%20place%3F/valkey.sock?db=2")
    assert options["path"] == "/var/a place?/valkey.sock"
    assert options["db"] == 2
    assert options["connection_class"] is UnixDomainSocketConnection


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis",
        "redis://",
        "http://:hunter2@example.org",
        "redis://:hunter2@example.org:port",
        "redis://:hunter2@example.org:99999",
        "redis://:hunter2@[::1",
        "redis://:hunter2@example.org?db=one",
        "redis://:hunter2@example.org?socket_timeout=60",
        "redis://:hunter2@example.org?ssl_cert_reqs=none",
        "rediss://:hunter2@example.org?ssl_cert_reqs=maybe",
        "unix://",
        "unix://?db=1",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(BadRedisUrl) as caught:
        parse(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_a_client_speaks_to_the_server(redis_url: str) -> None:
    async with connect(redis_url) as client:
        assert await client.set("key", "value")
        assert await client.get("key") == b"value"


async def test_a_client_gives_up_on_a_frozen_server_after_a_second(faulty_valkey: Valkey) -> None:
    async with connect(faulty_valkey.url) as client:
        await client.set("key", "value")
        faulty_valkey.freeze()
        async with asyncio.timeout(2.5):
            with pytest.raises(RedisError):
                await client.get("key")
        faulty_valkey.thaw()
        assert await client.get("key") == b"value"


async def test_the_answer_to_a_cancelled_command_reaches_no_other(valkey: Valkey) -> None:
    async with proxy_to(valkey.socket) as proxy, connect(proxy.url) as client:
        await client.set("mine", "mine")
        await client.set("other", "other")
        proxy.open.clear()
        received = proxy.received
        task = asyncio.ensure_future(client.get("mine"))
        await eventually(lambda: proxy.received > received)
        task.cancel()
        await asyncio.wait({task})
        proxy.open.set()
        assert [await client.get("other") for _ in range(3)] == [b"other"] * 3


async def test_a_line_carries_commands_and_the_servers_refusals(redis_url: str) -> None:
    async with line(redis_url) as wire:
        assert await wire.ask("SET", "key", b"\x00\xff") == b"OK"
        with pytest.raises(ResponseError):
            await wire.ask("LPUSH", "key", "x")
        assert await wire.ask("GET", "key") == b"\x00\xff"


async def test_a_line_is_dead_after_a_command_ran_out_of_time(redis_url: str) -> None:
    async with line(redis_url) as wire:
        with pytest.raises(TimeoutError):
            await wire.ask("BLPOP", "nothing", 5, within_s=0.05)
        with pytest.raises(ConnectionLost):
            await wire.ask("PING")


async def test_a_line_to_a_frozen_server_is_given_up_after_a_second(faulty_valkey: Valkey) -> None:
    faulty_valkey.run("CONFIG", "SET", "requirepass", "secret")
    faulty_valkey.freeze()
    async with asyncio.timeout(2.5):
        with pytest.raises(TimeoutError):
            async with line(faulty_valkey.url.replace("unix://", "unix://:secret@")):
                pass


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """Make a server's context with a certificate that nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    dated = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "server.pem"
    file.write_bytes(secret + dated.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def test_a_self_signed_server_is_used_only_where_the_url_says_so(valkey: Valkey, tls: ssl.SSLContext) -> None:
    async with proxy_to(valkey.socket, tls) as proxy:
        url = f"rediss://127.0.0.1:{proxy.port}"
        async with line(f"{url}?ssl_cert_reqs=none") as wire:
            assert await wire.ask("PING") == b"PONG"
        with pytest.raises(ConnectionLost):
            async with line(url):
                pass
