"""The deployment's secret and the keys derived from it. Nothing else reads or writes the secret's file."""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MIN_SECRET_BYTES = 32
KNOWN_DEFAULTS = frozenset({"secret", "changeme", "change-me", "your-256-bit-secret", "django-insecure", "supersecret"})


def weakness(secret: str) -> str | None:
    """Say what is wrong with a secret, or None: under 32 bytes, a known default, or one character repeated."""
    if len(secret.encode()) < MIN_SECRET_BYTES:
        return f"must have at least {MIN_SECRET_BYTES} bytes; make one with: openssl rand -base64 48"
    if len(set(secret)) < 8 or any(word in secret.lower() for word in KNOWN_DEFAULTS):
        return "is a known default or repeats itself; make one with: openssl rand -base64 48"
    return None


def load_or_create(path: Path) -> str:
    """Read the secret of a development deployment, making it the first time.

    Two processes that start at once end up with the same one: the file appears whole or not at all.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not named by the process: in two containers that share a volume, both may be number 1.
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def derive(secret: str, purpose: str) -> bytes:
    """Derive a 32-byte key for one purpose (HKDF, RFC 5869), so that no key serves two."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"heliograph:{purpose}".encode()).derive(secret.encode())
