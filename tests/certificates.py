"""Certificates for tests, made when they are needed."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Pair:
    """A self-signed certificate for this machine and its key, in two files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.chain = folder / "chain.pem"
        self.key = folder / "key.pem"
        self.renew()

    def renew(self, *, password: bytes | None = None) -> int:
        """Write a new pair and return its serial number; with a password, the key is encrypted."""
        made, certificate = _made()
        kept = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        private = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept)
        self.key.write_bytes(private)
        self.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return certificate.serial_number

    def trusted(self, **limits: ssl.TLSVersion) -> ssl.SSLContext:
        """Make a client's context that trusts the certificate that is in the file now."""
        context = ssl.create_default_context(cafile=str(self.chain))
        for name, value in limits.items():
            setattr(context, name, value)
        return context


def _made() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate
