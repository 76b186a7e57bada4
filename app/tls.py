"""TLS that this process speaks itself: the certificate in use, and its renewal without a restart.

A pair is taken whole or not at all: one that cannot be used is logged, and the one before it stays in use.
"""

import asyncio
import logging
import ssl
from pathlib import Path

CHECK_S = 2.0

logger = logging.getLogger("heliograph.tls")

Stamp = tuple[int, int, int]


class BadCertificate(ValueError):
    """The files cannot be used; the text says why, and nothing of the key."""


class Certificate:
    """A certificate chain and its key, in PEM files that may be replaced while they are served.

    Raises `BadCertificate` where the first pair cannot be used.
    """

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain = chain
        self._key = key
        self._stamps = self._look()
        self._current = self._load()
        self.context = self._current
        """Serve with this one; each new connection is handed to the pair that is current."""
        self.context.sni_callback = self._hand_over

    def refresh(self) -> bool:
        """Take the files up if they have changed; tell whether a new pair is in use."""
        stamps = self._look()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            self._current = self._load()
        except BadCertificate as error:
            logger.error("the new certificate cannot be used, the one before it stays: %s", error)  # noqa: TRY400  no traceback
            return False
        logger.info("a new certificate is in use")
        return True

    async def watch(self) -> None:
        """Look at the files every two seconds until cancelled."""
        while True:
            await asyncio.sleep(CHECK_S)
            self.refresh()

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        try:
            # With an empty password an encrypted key is an error, and no question at a terminal that nobody sees.
            context.load_cert_chain(self._chain, self._key, password="")
        except (OSError, ssl.SSLError) as error:
            raise BadCertificate(str(error.strerror or error)) from None
        return context

    def _look(self) -> tuple[Stamp | None, Stamp | None]:
        return _stamp(self._chain), _stamp(self._key)


def _stamp(path: Path) -> Stamp | None:
    """Give what changes when a file does; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
