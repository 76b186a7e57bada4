"""What a token's `channels` map grants: patterns of channel names to actions, matched without a regular expression.

In a pattern `*` stands for any run of characters, also none; everything else stands for itself. Names and patterns
are compared under the same folding, so that `Support-*` and `support-1` meet.
"""

from collections.abc import Mapping, Sequence

from app.core.text import name_key

ACTIONS = ("read", "send")
"""What a pattern can grant."""

MAX_PATTERNS = 100
MAX_PATTERN_CHARS = 128


def granted(channels: Mapping[str, Sequence[str]] | None, name: str, action: str) -> bool:
    """Tell whether a token's map grants an action in the channel of this name; None is a token without a map."""
    if not channels or action not in ACTIONS:
        return False
    key = name_key(name)
    return any(action in actions and matches(pattern, key) for pattern, actions in channels.items())


def matches(pattern: str, key: str) -> bool:
    """Tell whether a folded name matches a pattern, in time that grows with their lengths only."""
    head, *rest = name_key(pattern).split("*")
    if not rest:
        return key == head
    tail = rest.pop()
    if not key.startswith(head) or not key.endswith(tail) or len(key) < len(head) + len(tail):
        return False
    at, end = len(head), len(key) - len(tail)
    for part in rest:
        found = key.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
