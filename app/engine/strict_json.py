"""JSON as every peer understands it: what one side cannot say, the other never has to read.

Refused: NaN and infinities (also as 1e999), lone surrogates, NUL characters, whole numbers that JavaScript
cannot hold exactly (beyond 2**53 - 1, up to 64 bits), and nesting beyond a limit. A whole number beyond 64 bits
becomes a float, which is all that a JavaScript peer could have meant by it. Of duplicate keys the last one counts.

The checks are C calls on the text or on the value. The walk in Python runs only where one of them is in doubt.
"""

from collections.abc import Iterator
from typing import Any

import orjson

__all__ = ["dumps", "loads"]

_STRICT = orjson.OPT_STRICT_INTEGER


def loads(text: str | bytes, depth: int = 16) -> Any:
    """Parse one JSON document, strictly.

    text: UTF-8 or str. depth: how many arrays and objects may be open at once.
    Raises ValueError for anything that is refused (see the module's text).
    """
    value = orjson.loads(text)
    if isinstance(value, (list, dict)):
        _check_integers(value)
    elif type(value) is int and not -(2**53) < value < 2**53:
        raise ValueError("whole number beyond 2**53 - 1")
    if _in_doubt(text, depth):
        _walk(value, depth)
    return value


def dumps(value: Any) -> bytes:
    """Encode a value as compact UTF-8 JSON that `loads` would accept, but for its depth and NUL characters.

    Raises TypeError for what JSON cannot say: unknown types, lone surrogates, whole numbers beyond 2**53 - 1.
    A float that is not finite becomes null.
    """
    return orjson.dumps(value, option=_STRICT)


def _check_integers(value: Any) -> None:
    try:
        orjson.dumps(value, option=_STRICT)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _in_doubt(text: str | bytes, depth: int) -> bool:
    if isinstance(text, str):
        return text.count("[") + text.count("{") > depth or "\\u0000" in text
    return text.count(b"[") + text.count(b"{") > depth or b"\\u0000" in text


def _walk(value: Any, depth: int) -> None:
    level = [value]
    for left in range(depth, -1, -1):
        if not left and any(isinstance(part, (list, dict)) for part in level):
            raise ValueError("nested too deeply")
        level = [part for outer in level for part in _parts(outer)]


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("NUL character")
    elif isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield from value
        yield from value.values()
