"""What makes a password too weak, and that finding out takes a bounded time."""

import time

import pytest

from app.secure.strength import Strength
from tests.nodes import PASSWORD

NAMES = ("margarethe", "Margarethe von Trotta")
RULE = Strength(12, ["heliograph", "chat.example.com", "chat", "example", "com", ""])


def codes(password: str) -> list[str]:
    return [fault.code for fault in RULE.faults(password, NAMES, "password")]


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        PASSWORD[::-1],
        "a long enough password",
        "les élèves préfèrent " * 12,
        "пароль из нескольких слов",
        "margarethe likes green tea",
        "x8Kq3pL vT2m",
        "📎 stapler 🐎 battery",
        "0" * 72 + PASSWORD,
    ],
)
def test_sound_password_has_no_fault(password: str) -> None:
    assert codes(password) == []
    assert not RULE.is_guessable(password, NAMES)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("elevenchars", "too_short"),
        ("x" * 1025, "too_long"),
        ("password1234", "too_common"),
        ("PASSWORD1234", "too_common"),
        ("margarethe-2026", "contains_name"),
        ("MARGARETHE!!", "contains_name"),
        ("Margarethe von Trotta", "contains_name"),
        ("heliograph1234", "contains_name"),
        ("chat.example.com", "contains_name"),
        ("example-heliograph-chat", "contains_name"),
        ("\N{FULLWIDTH LATIN SMALL LETTER M}argarethe 1", "contains_name"),
    ],
)
def test_weak_password_is_seen_at_once(password: str, code: str) -> None:
    (fault, *_) = RULE.faults(password, NAMES, "new_password")

    assert (fault.code, fault.path) == (code, "new_password")


def test_all_faults_are_told_together() -> None:
    assert Strength(12, ["heliograph"]).faults("heliograph", (), "password")[0].min == 12
    assert codes("heliograph") == ["too_short", "contains_name"]


@pytest.mark.parametrize(
    "password",
    [
        "a" * 12,
        "a" * 200,
        "123456789012",
        "qwertyuiop12",
        "Password1234!",
        "p@ssw0rdp@ssw0rd",
        "20101112" * 9,
        "abc" * 24,
    ],
)
def test_password_that_takes_few_guesses_is_found_however_long_it_is(password: str) -> None:
    assert RULE.is_guessable(password, NAMES)


def test_knowing_the_person_makes_a_password_easier_to_guess() -> None:
    assert not RULE.is_guessable("zyxomma-kestrel", ())
    assert RULE.is_guessable("zyxomma-kestrel", ("zyxomma-kestrel",))


@pytest.mark.parametrize(
    "password",
    ["4@8({[<36910!|7$5%+2" * 52, "48369105712" * 90, "@1@1l|" * 170, "a" * 1024, "11.11.2011 " * 93, "ab1" * 341],
)
def test_no_password_keeps_the_worker_busy(password: str) -> None:
    """The bare library takes seconds for the first of these."""
    begun = time.thread_time()
    RULE.is_guessable(password, NAMES)
    assert time.thread_time() - begun < 1.0
