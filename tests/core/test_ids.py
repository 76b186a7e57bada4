"""The form of ids."""

import pytest

from app.core.ids import PREFIXES, is_id
from tests.core.values import ULID


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_kind_of_id_is_known(prefix: str) -> None:
    assert is_id(f"{prefix}_{ULID}", prefix)


def test_the_kinds_of_the_contract_are_among_them() -> None:
    assert {"usr", "chn", "msg", "ses", "inv", "key", "req"} <= set(PREFIXES)


def test_an_id_is_of_one_kind_only() -> None:
    assert [prefix for prefix in PREFIXES if is_id(f"usr_{ULID}", prefix)] == ["usr"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "usr_",
        ULID,
        f"usr-{ULID}",
        f"USR_{ULID}",
        f"usr_{ULID.lower()}",
        f"usr_{ULID}\n",
        f" usr_{ULID}",
        f"usr_{ULID}0",
        f"usr_{ULID[:-1]}",
        f"usr_8{ULID[1:]}",
        f"usr_{ULID[:-1]}I",
        f"usr_{ULID[:-1]}L",
        f"usr_{ULID[:-1]}O",
        f"usr_{ULID[:-1]}U",
        f"usr_{ULID[:-1]}é",
        "usr_" + "\u0660" * 26,
    ],
)
def test_what_is_no_ulid_behind_the_prefix_is_no_id(text: str) -> None:
    assert not is_id(text, "usr")


def test_a_prefix_that_is_not_in_the_list_makes_no_id() -> None:
    assert not is_id(f"xyz_{ULID}", "xyz")
