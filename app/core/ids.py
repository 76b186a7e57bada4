"""Typed ids: a prefix that says the kind and a ULID. Making them needs chance, so that lives elsewhere."""

import re
from collections.abc import Callable
from typing import Annotated

import msgspec

from app.core.errors import NotFound

PREFIXES = ("usr", "chn", "msg", "ses", "inv", "key", "req", "con", "aud")

NewId = Callable[[str], str]
"""Makes an id of the kind that its prefix names: `new_id("msg")` gives `msg_01J…`."""

ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_END = r"$(?!\n)"
"""Python's `$` alone would let a line break follow; JSON Schema knows no other anchor."""

UserId = Annotated[str, msgspec.Meta(pattern=f"^usr_{ULID}{_END}")]
ChannelId = Annotated[str, msgspec.Meta(pattern=f"^chn_{ULID}{_END}")]
MessageId = Annotated[str, msgspec.Meta(pattern=f"^msg_{ULID}{_END}")]
SessionId = Annotated[str, msgspec.Meta(pattern=f"^ses_{ULID}{_END}")]

_ID = re.compile(rf"({'|'.join(PREFIXES)})_{ULID}")


def is_id(text: str, prefix: str) -> bool:
    """Tell whether `text` is an id of the kind `prefix`."""
    match = _ID.fullmatch(text)
    return match is not None and match.group(1) == prefix


def require_id(text: str, prefix: str) -> None:
    """Raise `NotFound` for what is no id of the kind `prefix`; no store needs to be asked, none can choke on it."""
    if not is_id(text, prefix):
        raise NotFound(f"no {prefix}_ id")
