"""Keys that follow each other: published, signing, retired, gone."""

import json
import stat
from pathlib import Path

import pytest

from app.secure.key_file import LEAD_S, KeyFile
from app.secure.keys import ALGORITHMS, key_from_seed, new_jwk

NOW_S = 1_800_000_000
KEEP_S = 86_400
DERIVED = key_from_seed(bytes(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "keys.json"


@pytest.fixture
def file(path: Path) -> KeyFile:
    return KeyFile(path, DERIVED)


def kids(file: KeyFile, now_s: int) -> list[str]:
    return [key.kid for key in file.keys(now_s)]


def test_without_a_file_the_derived_key_signs(file: KeyFile) -> None:
    assert kids(file, NOW_S) == [DERIVED.kid]
    assert not file.exists


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_key_is_published_before_it_signs(file: KeyFile, algorithm: str) -> None:
    new = new_jwk(algorithm)
    file.rotate(new, NOW_S, KEEP_S)
    assert kids(file, NOW_S + LEAD_S - 1) == [DERIVED.kid, new["kid"]]
    assert kids(file, NOW_S + LEAD_S) == [new["kid"], DERIVED.kid]
    assert file.keys(NOW_S + LEAD_S)[0].algorithm == algorithm


def test_an_old_key_verifies_until_its_last_token_has_ended(file: KeyFile) -> None:
    new = new_jwk("EdDSA")
    file.rotate(new, NOW_S, KEEP_S)
    assert DERIVED.kid in kids(file, NOW_S + LEAD_S + KEEP_S - 1)
    assert kids(file, NOW_S + LEAD_S + KEEP_S) == [new["kid"]]


def test_keys_follow_each_other_and_the_dead_leave_the_file(file: KeyFile, path: Path) -> None:
    one, two, three = (new_jwk("EdDSA") for _ in range(3))
    file.rotate(one, NOW_S, KEEP_S)
    file.rotate(two, NOW_S + 3600, KEEP_S)
    assert kids(file, NOW_S + 4000) == [two["kid"], one["kid"], DERIVED.kid]
    file.rotate(three, NOW_S + 3600 + KEEP_S, KEEP_S)
    assert {key["kid"] for key in json.loads(path.read_text())["keys"]} == {one["kid"], two["kid"], three["kid"]}
    assert kids(file, NOW_S + 3600 + KEEP_S) == [two["kid"], three["kid"], one["kid"]]


def test_an_old_keys_end_is_not_put_off_by_the_next_rotation(file: KeyFile) -> None:
    file.rotate(new_jwk("EdDSA"), NOW_S, KEEP_S)
    file.rotate(new_jwk("EdDSA"), NOW_S + 3600, KEEP_S)
    assert DERIVED.kid not in kids(file, NOW_S + LEAD_S + KEEP_S)


def test_dropping_the_old_ones_leaves_nothing_that_verifies_them(file: KeyFile) -> None:
    one, two = new_jwk("EdDSA"), new_jwk("EdDSA")
    file.rotate(one, NOW_S, KEEP_S)
    file.rotate(two, NOW_S + 1, None)
    assert kids(file, NOW_S + 1) == [two["kid"]]


def test_another_process_sees_the_rotation(file: KeyFile, path: Path) -> None:
    other, new = KeyFile(path, DERIVED), new_jwk("EdDSA")
    assert kids(other, NOW_S) == [DERIVED.kid]
    file.rotate(new, NOW_S, None)
    assert kids(other, NOW_S) == [new["kid"]]


def test_the_file_is_its_owners_alone_and_holds_no_derived_key(file: KeyFile, path: Path) -> None:
    file.rotate(new_jwk("EdDSA"), NOW_S, KEEP_S)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    derived = json.loads(path.read_text())["keys"][1]
    assert derived.keys() == {"kid", "derived", "verifies_until_s"}
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "text",
    ["", "x", "{}", "[]", '{"keys":5}', '{"keys":[5]}', '{"keys":[{"kid":"k"}]}', '{"keys":[{"signs_from_s":"x"}]}'],
)
def test_a_file_that_is_no_set_of_keys_is_a_fault(file: KeyFile, path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ValueError, match=r"^(is|has) "):
        file.keys(NOW_S)


def test_a_file_in_which_none_signs_yet_is_a_fault(file: KeyFile) -> None:
    new = new_jwk("EdDSA")
    file.rotate(new, NOW_S, KEEP_S)
    elsewhere = KeyFile(file._path, key_from_seed(b"x" * 32))
    with pytest.raises(ValueError, match="no key that can sign"):
        elsewhere.keys(NOW_S)
    assert kids(elsewhere, NOW_S + LEAD_S) == [new["kid"]]


def test_listing_shows_no_key(file: KeyFile) -> None:
    new = new_jwk("EdDSA")
    file.rotate(new, NOW_S, KEEP_S)
    assert new["d"] not in str(file.entries())
    assert [entry["kid"] for entry in file.entries()] == [new["kid"], DERIVED.kid]
