# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
"""The engine behind TLS that this process itself speaks: taking a connection over must work there as well."""

import datetime as dt
import ssl

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.engine import Server, encode_event
from tests.engine.peers import Chat, Site
from tests.helpers import eventually


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Give a certificate and key for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


async def test_a_websocket_over_tls_is_as_any_other(stack, certificate):
    chat = Chat()
    server = Server([chat])
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    site = Site(runner.addresses[0][1], server, stack)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    peer = await site.tcp(ssl=trusting)
    await peer.shake("/socket.io/?EIO=4&transport=websocket", {})
    await peer.receive()
    peer.send("40/chat,{}", '42/chat,1["m",1]')
    await peer.receive()
    assert await peer.receive() == "43/chat,1[1]"
    assert chat.clients[0].scheme == "https"
    big = b'"' + b"x" * 300_000 + b'"'
    server.deliver("/chat", None, encode_event("/chat", "big", big))
    assert len((await peer.event())[1]) == 300_000
    chat.clients[0].close("kicked", ("bye", b"1"))
    assert await peer.until_closed() == ['42/chat,["bye",1]', "41/chat,"]
    await eventually(lambda: chat.goodbyes == ["kicked"])
    await site.gone()
