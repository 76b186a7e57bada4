"""The signing keys that a deployment keeps in its data directory once they were rotated, and how one follows another.

The file is a JWK set whose keys say from when they sign and until when they verify. A new key is there a little before
it signs, so every node knows it by then; a retired one verifies until the tokens that it signed have ended. Nothing
else reads or writes this file.
"""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.secure.keys import Key, key_from_jwk

NAME = "signing_keys.json"
LEAD_S = 5
"""How long a new key is published before it signs; nodes look at the file every second."""
SIGNS_FROM, VERIFIES_UNTIL = "signs_from_s", "verifies_until_s"

Entry = Mapping[str, Any]


class KeyFile:
    """The file at `path`; `derived` is the key that signs as long as there is no file, and may be retired in it."""

    def __init__(self, path: Path, derived: Key) -> None:
        self._path = path
        self._derived = derived
        self._stamp: tuple[int, int, int] | None = None
        self._keys: list[tuple[Entry, Key]] = []

    @property
    def exists(self) -> bool:
        """Tell whether the keys were ever rotated here."""
        return self._path.exists()

    def keys(self, now_s: int) -> list[Key]:
        """Give the keys that verify now, the one that signs first.

        Raises ValueError where the file is no set of keys of which one can sign, OSError where it cannot be read.
        """
        self._read()
        if not self._keys:
            return [self._derived]
        valid = [(entry, key) for entry, key in self._keys if entry.get(VERIFIES_UNTIL, now_s + 1) > now_s]
        started = [pair for pair in valid if pair[1].signing is not None and pair[0].get(SIGNS_FROM, 0) <= now_s]
        if not started:
            raise ValueError("has no key that can sign")
        signer = max(started, key=lambda pair: pair[0].get(SIGNS_FROM, 0))[1]
        return [signer, *(key for _, key in valid if key is not signer)]

    def rotate(self, jwk: Mapping[str, Any], now_s: int, keep_s: int | None) -> None:
        """Let a new private key sign from shortly on.

        The others verify for `keep_s` seconds more; None drops them at once, and the new one signs at once.
        """
        self._read()
        known = [entry for entry, _ in self._keys] or [{"kid": self._derived.kid, "derived": True}]
        kept: list[Entry] = []
        if keep_s is not None:
            until_s = now_s + LEAD_S + keep_s
            kept = [{VERIFIES_UNTIL: until_s, **entry} for entry in known if entry.get(VERIFIES_UNTIL, until_s) > now_s]
        self._write([{**jwk, SIGNS_FROM: now_s + (LEAD_S if kept else 0)}, *kept])

    def entries(self) -> list[Entry]:
        """List from when and until when the keys of the file count, without the keys themselves."""
        self._read()
        shown = (SIGNS_FROM, VERIFIES_UNTIL)
        return [{"kid": key.kid, **{name: entry[name] for name in shown if name in entry}} for entry, key in self._keys]

    def _read(self) -> None:
        """Read the file if it is another than before."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._keys = None, []
            return
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp != self._stamp:
            entries = _entries(self._path.read_text())
            # The key that another secret gave is gone with that secret.
            known = [entry for entry in entries if not entry.get("derived") or entry.get("kid") == self._derived.kid]
            self._keys = [(entry, self._key(entry)) for entry in known]
            self._stamp = stamp

    def _key(self, entry: Entry) -> Key:
        return self._derived if entry.get("derived") else key_from_jwk(dict(entry))

    def _write(self, entries: Iterable[Entry]) -> None:
        """Put the file in its place whole, readable by its owner alone."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({"keys": list(entries)}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)


def _entries(text: str) -> list[Entry]:
    try:
        entries = json.loads(text)["keys"]
        times = [entry.get(name, 0) for entry in entries for name in (SIGNS_FROM, VERIFIES_UNTIL)]
    except (KeyError, TypeError, AttributeError, ValueError):
        raise ValueError("is not a set of keys") from None
    if not all(isinstance(time_s, int) for time_s in times):
        raise ValueError("has a time that is no number of seconds")
    return list(entries)
