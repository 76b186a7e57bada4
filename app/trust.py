"""Whose tokens count here: makes our own keys and the trusted issuers out of the settings. Nothing runs in here."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.core.ids import NewId
from app.core.times import Clock
from app.edge.outgoing import outgoing
from app.secure.issuer_setting import IssuerFaults, parse_issuers
from app.secure.issuers import TrustedIssuer
from app.secure.key_file import NAME, KeyFile
from app.secure.keys import KeyRing, key_from_seed, ring_from_jwks
from app.secure.secret import derive
from app.secure.tokens import AccessTokens
from app.services.issuers import Issuers
from app.services.outbox import Outbox
from app.settings import Settings, SettingsError
from app.store.database import Database


def key_file_of(settings: Settings, secret: str) -> KeyFile | None:
    """Give the file of the deployment's own keys, which need not be there; None where `JWT_KEYS` holds them."""
    if settings.jwt_keys is not None:
        return None
    return KeyFile(settings.data_dir / NAME, key_from_seed(derive(secret, "jwt-ed25519")))


def ring_of(settings: Settings, secret: str, clock: Clock) -> KeyRing:
    """Give the signing keys: the configured ones, the rotated ones, or one derived from the secret.

    Raises `SettingsError`.
    """
    file = key_file_of(settings, secret)
    try:
        return ring_from_jwks(settings.jwt_keys or "") if file is None else KeyRing(file.keys(clock() // 1000))
    except (OSError, ValueError) as error:
        name = "JWT_KEYS" if file is None else f"DATA_DIR: {NAME}"
        raise SettingsError([f"{name}: {error}"]) from None


def access_of(settings: Settings, secret: str, clock: Clock) -> AccessTokens:
    """Give what signs and verifies our own access tokens. Raises `SettingsError`."""
    ring = ring_of(settings, secret, clock)
    return AccessTokens(ring, settings.jwt_issuer, settings.jwt_audience, settings.jwt_leeway_s, clock)


def issuers_of(settings: Settings) -> tuple[TrustedIssuer, ...]:
    """Read the trusted issuers. Raises `SettingsError` with all that is wrong with them."""
    try:
        return parse_issuers(
            settings.trusted_issuers or "[]", production=settings.is_production, own=settings.jwt_issuer
        )
    except IssuerFaults as error:
        raise SettingsError([f"TRUSTED_ISSUERS: {fault.removeprefix(': ')}" for fault in error.faults]) from None


@asynccontextmanager
async def open_issuers(
    settings: Settings,
    database: Database,
    outbox: Outbox | None,
    *,
    clock: Clock,
    monotonic: Callable[[], float],
    new_id: NewId,
) -> AsyncIterator[Issuers]:
    """Own the trusted issuers, and the way out by which their keys are fetched; without an outbox nobody is told."""
    trusted = issuers_of(settings)
    async with outgoing() as out:
        issuers = Issuers(
            trusted,
            database=database,
            outbox=outbox,
            fetch=out.fetch,
            leeway_s=settings.jwt_leeway_s,
            clock=clock,
            monotonic=monotonic,
            new_id=new_id,
        )
        try:
            yield issuers
        finally:
            issuers.close()
