"""What a name, a message or a piece of JSON must look like: pure checks that say what was wrong.

Text is compared in NFC and stored as it came otherwise. Lone surrogates and NUL never get past the JSON door; they
are refused here as well, because HTTP and sockets are not the only doors.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from app.core.errors import FieldError, Invalid

USERNAME = re.compile(r"[\w][\w.-]{1,31}", re.ASCII)
MAX_CHANNEL_NAME = 64
MAX_DISPLAY_NAME = 64
MAX_TOPIC = 250
MAX_PASSWORD = 1024
MAX_CLIENT_MSG_ID = 64
MAX_DATA_DEPTH = 15
"""A message's `data` stands one level below the payload, whose depth is bounded by 16."""

_CLIENT_MSG_ID = re.compile(r"[\x21-\x7e]{1,64}")


def name_key(name: str) -> str:
    """Give the form under which names are compared: compatibility-normalised and case-folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _is_printable(text: str) -> bool:
    """Tell whether a line holds no controls and no noncharacters.

    Unassigned characters pass: an emoji of next year is unassigned to this year's Python.
    """
    return not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or _is_noncharacter(char) for char in text)


def _is_noncharacter(char: str) -> bool:
    return ord(char) & 0xFFFE == 0xFFFE or "\ufdd0" <= char <= "\ufdef"


def check_username(username: str) -> str:
    """Return a valid user name: 2 to 32 ASCII letters, digits, `_`, `.`, `-`, the first neither of the last two.

    ASCII only, so that no two names look alike.
    """
    if not USERNAME.fullmatch(username):
        raise Invalid(FieldError("username", "invalid", min=2, max=32))
    return username


def check_display_name(name: str) -> str:
    """Return a display name in NFC without outer blanks, 1 to 64 printable characters."""
    name = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(name) <= MAX_DISPLAY_NAME or not _is_printable(name):
        raise Invalid(FieldError("display_name", "invalid", min=1, max=MAX_DISPLAY_NAME))
    return name


def check_channel_name(name: str) -> str:
    """Return a channel name in NFC: 1 to 64 letters, digits, `_` and `-` of any script, the first no mark.

    The marks of a script that writes its vowels as marks (Hindi, Thai) belong to its letters.
    """
    name = unicodedata.normalize("NFC", name)
    kinds = [unicodedata.category(char)[0] for char in name]
    fits = 1 <= len(name) <= MAX_CHANNEL_NAME and kinds[0] in "LN"
    if not fits or not all(kind in "LMN" or char in "_-" for char, kind in zip(name, kinds, strict=True)):
        raise Invalid(FieldError("name", "invalid", min=1, max=MAX_CHANNEL_NAME))
    return name


def check_topic(topic: str) -> str:
    """Return a topic of at most 250 printable characters."""
    topic = unicodedata.normalize("NFC", topic.strip())
    if len(topic) > MAX_TOPIC:
        raise Invalid(FieldError("topic", "too_long", max=MAX_TOPIC))
    if not _is_printable(topic):
        raise Invalid(FieldError("topic", "invalid"))
    return topic


def check_client_msg_id(key: str | None) -> str | None:
    """Return an idempotency key of 1 to 64 visible ASCII characters, or None."""
    if key is not None and not _CLIENT_MSG_ID.fullmatch(key):
        raise Invalid(FieldError("client_msg_id", "invalid", min=1, max=MAX_CLIENT_MSG_ID))
    return key


def check_message_text(text: str, max_chars: int) -> str:
    """Return a message's text as it came: not blank, at most `max_chars` code points, no NUL, no lone surrogate."""
    if not text.strip():
        raise Invalid(FieldError("text", "empty"), code="message_empty")
    if len(text) > max_chars:
        raise Invalid(FieldError("text", "too_long", max=max_chars), code="message_too_long")
    if not _is_storable(text):
        raise Invalid(FieldError("text", "invalid"))
    return text


def check_data(data: dict[str, Any], encoded_bytes: int, max_bytes: int) -> dict[str, Any]:
    """Return a message's structured part if its JSON takes at most `max_bytes` and is at most 15 levels deep.

    A NUL or a lone surrogate anywhere in it is refused.
    """
    if encoded_bytes > max_bytes:
        raise Invalid(FieldError("data", "too_long", max=max_bytes), code="message_too_long")
    if not _is_shallow(data, MAX_DATA_DEPTH):
        raise Invalid(FieldError("data", "too_deep", max=MAX_DATA_DEPTH))
    if not all(_is_storable(text) for text in _texts(data)):
        raise Invalid(FieldError("data", "invalid"))
    return data


def _is_storable(text: str) -> bool:
    """Tell whether every database and every client takes the text: no NUL, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in (*value.keys(), *value.values()):
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _is_shallow(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    if levels == 0:
        return False
    children = value.values() if isinstance(value, dict) else value
    return all(_is_shallow(child, levels - 1) for child in children)
