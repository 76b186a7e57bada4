"""Says what makes a password too weak (NIST SP 800-63B-4, 3.1.1.2). Nothing is asked of its composition.

Length, a list of what people choose, names of its surroundings, and an estimate of the guesses that it would take.
"""

from collections.abc import Iterable

from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # it ships none, nor do its modules
from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]
from zxcvbn.matching import L33T_TABLE, relevant_l33t_subtable  # type: ignore[import-untyped]

from app.core.errors import FieldError
from app.core.text import MAX_PASSWORD, name_key

MIN_SCORE = 3
"""10^8 guesses or more: safely out of reach of a slow hash's thief who has no list."""
LOOKED_AT = 72
"""How many characters are estimated at a time, since the time grows with the square: the first, and the last."""
LEFT_OVER = 8
"""How many letters and digits must remain of a password when the names in it are left out."""
SHORTEST_NAME = 3
MAX_SPELLINGS = 4

_COMMON = frozenset(FREQUENCY_LISTS["passwords"])
_SYMBOLS = "".join(sorted({sign for signs in L33T_TABLE.values() for sign in signs if not sign.isdigit()}))
_NEUTRAL = str.maketrans(_SYMBOLS, "".join(chr(0xA1 + place) for place in range(len(_SYMBOLS))))
"""Each sign that may stand for a letter becomes one that stands for none, so that repeats stay repeats."""


class Strength:
    """The rule for new passwords: at least `least` characters, at most 1024.

    `words` are names of the surroundings that nobody should build a password from: the product, the host.
    """

    def __init__(self, least: int, words: Iterable[str]) -> None:
        self._least = least
        self._words = tuple(words)

    def faults(self, password: str, names: Iterable[str], path: str) -> list[FieldError]:
        """List what can be seen at once: too short, too long, on a list, or made of names.

        `names` are those of the person, `path` is the field that the password came in.
        """
        found = []
        if len(password) < self._least:
            found.append(FieldError(path, "too_short", min=self._least))
        if len(password) > MAX_PASSWORD:
            found.append(FieldError(path, "too_long", max=MAX_PASSWORD))
        if password.lower() in _COMMON:
            found.append(FieldError(path, "too_common"))
        if _is_made_of(password, (*self._words, *names)):
            found.append(FieldError(path, "contains_name"))
        return found

    def is_guessable(self, password: str, names: Iterable[str]) -> bool:
        """Estimate whether a password can be guessed, knowing the names. Takes up to a fifth of a second.

        For one thread at a time: the library keeps what it was given in a place of its own.
        """
        known = [name for name in (*self._words, *names) if name]
        parts = {password[:LOOKED_AT], password[-LOOKED_AT:]}
        return all(zxcvbn(_affordable(part), user_inputs=known)["score"] < MIN_SCORE for part in parts)


def _is_made_of(password: str, names: Iterable[str]) -> bool:
    """Tell whether little is left of a password without the names in it, however they are written."""
    rest = name_key(password)
    found = False
    for name in sorted({name_key(name) for name in names}, key=len, reverse=True):
        if len(name) >= SHORTEST_NAME and name in rest:
            rest, found = rest.replace(name, " "), True
    return found and sum(char.isalnum() for char in rest) < LEFT_OVER


def _affordable(password: str) -> str:
    """Give what can be estimated in a bounded time: each way to read signs as letters is another look at all words.

    A password that can be read in many ways shows its signs as signs only.
    """
    spellings = 1
    for signs in relevant_l33t_subtable(password, L33T_TABLE).values():
        spellings *= len(signs)
    return password if spellings <= MAX_SPELLINGS else password.translate(_NEUTRAL)
