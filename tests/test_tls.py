"""TLS served directly: which versions, which certificate, and that it is renewed without a restart."""

import asyncio
import logging
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from cryptography import x509

from app.tls import BadCertificate, Certificate
from tests.certificates import Pair
from tests.helpers import eventually
from tests.nodes import PASSWORD, MakeNode, Node
from tests.people import Person

BROKEN = ["another key", "no key", "nothing", "text", "encrypted key"]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


@asynccontextmanager
async def served(certificate: Certificate) -> AsyncIterator[int]:
    """Serve nothing but handshakes."""

    async def end(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(end, "127.0.0.1", 0, ssl=certificate.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def peer(port: int, context: ssl.SSLContext, name: str | None = "localhost") -> tuple[int, str | None]:
    """Shake hands and tell the serial number of the certificate and the version that were agreed on."""
    async with asyncio.timeout(5):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    connection = writer.get_extra_info("ssl_object")
    found = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))
    version = connection.version()
    writer.transport.abort()
    return found.serial_number, version


def spoil(pair: Pair, how: str) -> None:
    """Replace the files with what cannot be served."""
    kept = pair.key.read_bytes()
    pair.renew(password=b"secret" if how == "encrypted key" else None)
    if how == "another key":
        pair.key.write_bytes(kept)
    elif how == "no key":
        pair.key.unlink()
    elif how == "nothing":
        pair.chain.write_bytes(b"")
    elif how == "text":
        pair.chain.write_bytes(b"no certificate")


async def test_best_version_is_agreed_on_and_none_before_1_2(pair: Pair) -> None:
    versions = ssl.TLSVersion
    async with served(Certificate(pair.chain, pair.key)) as port:
        assert (await peer(port, pair.trusted()))[1] == "TLSv1.3"
        assert (await peer(port, pair.trusted(maximum_version=versions.TLSv1_2)))[1] == "TLSv1.2"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a client of old is what is wanted here
            old = pair.trusted(minimum_version=versions.TLSv1, maximum_version=versions.TLSv1_1)
            old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await peer(port, old)


async def test_new_pair_is_used_for_new_connections_with_and_without_a_name(pair: Pair) -> None:
    certificate = Certificate(pair.chain, pair.key)
    async with served(certificate) as port:
        first, _ = await peer(port, pair.trusted())
        unchanged = certificate.refresh()
        serial = pair.renew()
        renewed = certificate.refresh()

        assert (unchanged, renewed) == (False, True)
        assert (await peer(port, pair.trusted()))[0] == serial != first
        assert (await peer(port, pair.trusted(), "127.0.0.1"))[0] == serial


@pytest.mark.parametrize("how", BROKEN)
async def test_pair_that_cannot_be_used_leaves_the_old_one_and_is_told_once(
    pair: Pair, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    certificate, trusting = Certificate(pair.chain, pair.key), pair.trusted()
    async with served(certificate) as port:
        first, _ = await peer(port, trusting)
        spoil(pair, how)
        refreshed = [certificate.refresh() for _ in range(3)]
        still, _ = await peer(port, trusting)
        serial = pair.renew()
        repaired = certificate.refresh()

        assert (refreshed, repaired) == ([False] * 3, True)
        assert still == first
        assert (await peer(port, pair.trusted()))[0] == serial
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "PRIVATE" not in caplog.text


@pytest.mark.parametrize("how", BROKEN)
def test_first_pair_has_to_be_usable(pair: Pair, how: str) -> None:
    spoil(pair, how)

    with pytest.raises(BadCertificate):
        Certificate(pair.chain, pair.key)


def test_pair_is_renewed_under_the_loop_that_the_service_runs_on(pair: Pair) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_new_pair_is_used_for_new_connections_with_and_without_a_name(pair))


class Secured(Node):
    """A node that is asked over TLS."""

    def __init__(self, node: Node, pair: Pair) -> None:
        super().__init__(node.environ | {"TLS_CERT": str(pair.chain), "TLS_KEY": str(pair.key)}, node.log_file)
        self.pair = pair
        self.url = f"https://localhost:{self.port}"

    async def readiness(self) -> tuple[int, dict[str, Any]]:
        """Ask for the status and body of `/readyz`; status 0 where nobody answers."""
        connector = aiohttp.TCPConnector(ssl=self.pair.trusted())
        try:
            async with aiohttp.ClientSession(connector=connector) as http, http.get(f"{self.url}/readyz") as answer:
                return answer.status, await answer.json()
        except (OSError, aiohttp.ClientError):
            return 0, {}


def trusting(pair: Pair) -> aiohttp.ClientSession:
    """Give a client that trusts the certificate that is in the file now."""
    connector = aiohttp.TCPConnector(ssl=pair.trusted())
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


async def test_node_serves_over_tls_and_takes_a_new_certificate_while_people_talk(
    make_node: MakeNode, pair: Pair
) -> None:
    node = Secured(make_node(), pair)
    try:
        await node.start()
        async with trusting(pair) as before:
            ana = await Person.registers(node, before)
            channel = await ana.creates()
            wire = await ana.connects()
            serial = pair.renew()
            await eventually(lambda: "a new certificate is in use" in node.log())
            assert (await peer(node.port, pair.trusted()))[0] == serial

            async with trusting(pair) as ana.http:
                await ana.posts(channel, "still here")
                assert (await wire.fact("message.created"))["data"]["message"]["text"] == "still here"
                page = await ana.call("GET", "/")
                login = {"username": ana.username, "password": PASSWORD}
                signed_in = await ana.call("POST", "/v1/auth/login", json=login)

        assert page.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert f"wss://localhost:{node.port}" in page.headers["Content-Security-Policy"]
        assert signed_in.headers["Set-Cookie"].startswith("__Host-refresh=")
        assert await node.stop() == 0
    finally:
        await node.kill()


async def test_node_whose_certificate_cannot_be_used_says_so_and_does_not_start(
    make_node: MakeNode, pair: Pair
) -> None:
    pair.key.write_text("no key")
    node = Secured(make_node(), pair)

    with pytest.raises(AssertionError, match="TLS_CERT: cannot be used") as refused:
        await node.start()
    assert "Traceback" not in str(refused.value)
