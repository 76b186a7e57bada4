"""`python -m app keys`: lets signing keys follow each other, in the data directory or in the environment."""

import argparse
import json
import sys
from typing import Any

from app.core.claims import MAX_LIFETIME_S
from app.core.times import rfc3339
from app.main import Given, secret_of
from app.secure.key_file import LEAD_S, SIGNS_FROM, VERIFIES_UNTIL, KeyFile
from app.secure.keys import ALGORITHMS, new_jwk, public_half
from app.settings import Settings
from app.trust import key_file_of, ring_of

KEEP_S = MAX_LIFETIME_S + 300
"""How long any token can verify, with the greatest leeway; for so long a retired key has to verify."""


def add_key_verbs(verbs: Any) -> None:
    """Add the verbs to the parser's."""
    words = verbs.add_parser("keys", help="list and rotate the keys that sign").add_subparsers(
        required=True, metavar="VERB"
    )
    words.add_parser("list", help="list the keys, without the keys themselves").set_defaults(verb=_list)
    rotate = words.add_parser("rotate", help="let a new key sign; the old ones verify until their tokens have ended")
    rotate.add_argument("--algorithm", choices=ALGORITHMS, default="EdDSA", help="default: EdDSA")
    rotate.add_argument("--drop-old", action="store_true", help="end all access tokens: for a key that others know")
    rotate.add_argument(
        "--new-last", action="store_true", help="JWT_KEYS: the old key still signs; a first step for many nodes"
    )
    rotate.add_argument("--file", action="store_true", help="keep the keys in DATA_DIR even though SECRET_KEY is set")
    rotate.set_defaults(verb=_rotate)


def _list(settings: Settings, _arguments: argparse.Namespace) -> None:
    given = Given()
    secret = secret_of(settings)
    ring, file = ring_of(settings, secret, given.clock), key_file_of(settings, secret)
    times = {entry["kid"]: entry for entry in (file.entries() if file is not None else [])}
    for key in ring.held():
        entry = times.get(key.kid, {})
        words = ["signs" if key is ring.signer else "verifies"]
        words += [f"signs from {_at(entry[SIGNS_FROM])}"] if entry.get(SIGNS_FROM, 0) * 1000 > given.clock() else []
        words += [f"until {_at(entry[VERIFIES_UNTIL])}"] if VERIFIES_UNTIL in entry else []
        print(f"{key.kid}  {key.algorithm}  {', '.join(words)}")


def _rotate(settings: Settings, arguments: argparse.Namespace) -> None:
    secret, new = secret_of(settings), new_jwk(arguments.algorithm)
    file = key_file_of(settings, secret)
    if file is not None and (settings.secret_key is None or file.exists or arguments.file):
        _rotate_file(file, new, drop_old=arguments.drop_old)
        return
    old = _configured(settings, file)
    if arguments.new_last and file is None:
        print(json.dumps({"keys": [*old, new]}))
        return
    kept = [] if arguments.drop_old else [public_half(jwk) for jwk in old]
    print(json.dumps({"keys": [new, *kept]}))
    print(
        f"Set JWT_KEYS to this on every node, and drop the old keys after {KEEP_S // 3600 + 1} hours.", file=sys.stderr
    )


def _rotate_file(file: KeyFile, new: dict[str, str], *, drop_old: bool) -> None:
    now_s = Given().clock() // 1000
    file.rotate(new, now_s, None if drop_old else KEEP_S)
    said = "now" if drop_old else f"from {_at(now_s + LEAD_S)} on"
    old = "the old keys are gone" if drop_old else f"the old ones verify until {_at(now_s + LEAD_S + KEEP_S)} at most"
    print(f"{new['kid']} signs {said}; {old}. Running nodes that share DATA_DIR follow by themselves.")


def _configured(settings: Settings, file: KeyFile | None) -> list[dict[str, Any]]:
    """Give the keys that are in use without a file: the configured set, or the public half of the derived one."""
    if file is not None:
        return [dict(key.public_jwk) for key in file.keys(Given().clock() // 1000) if key.public_jwk is not None]
    ring_of(settings, "", Given().clock)  # says what is wrong with it
    found = json.loads(settings.jwt_keys or "")
    return list(found["keys"] if isinstance(found, dict) else found)


def _at(seconds: int) -> str:
    return rfc3339(seconds * 1000)
