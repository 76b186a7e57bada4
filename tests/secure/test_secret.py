"""The deployment's secret: made once, kept private, never weak; one key for each purpose."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.secure.secret import MIN_SECRET_BYTES, derive, load_or_create, weakness

ROOT = Path(__file__).parents[2]
STARTERS = 8
LIMIT_S = 30
START = """
import sys
from pathlib import Path
from app.secure.secret import load_or_create
sys.stdin.readline()
print(load_or_create(Path(sys.argv[1])))
"""


def test_a_secret_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    path = tmp_path / "var" / "deep" / "secret_key"
    made = load_or_create(path)
    assert weakness(made) is None
    assert load_or_create(path) == made
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"], "no draft is left behind"


def test_two_deployments_have_two_secrets(tmp_path: Path) -> None:
    assert load_or_create(tmp_path / "one") != load_or_create(tmp_path / "two")


def test_a_secret_that_somebody_wrote_is_taken_without_its_line_break(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("given by hand\n")
    assert load_or_create(tmp_path / "secret_key") == "given by hand"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_its_owner_may_read_the_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        load_or_create(tmp_path / "secret_key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret_key"
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(STARTERS)
    ]
    try:
        for starter in starters:
            assert starter.stdin is not None
            starter.stdin.write("go\n")
            starter.stdin.flush()
        said = [starter.communicate(timeout=LIMIT_S) for starter in starters]
    finally:
        for starter in starters:
            starter.kill()
            starter.wait(LIMIT_S)
    assert {(out.strip(), err) for out, err in said} == {(path.read_text(), "")}
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"]


def test_a_draft_that_another_process_left_is_not_written_to(tmp_path: Path) -> None:
    """Two containers on one volume may have the same process id."""
    left = tmp_path / f"secret_key.{os.getpid()}"
    left.write_text("half")
    assert weakness(load_or_create(tmp_path / "secret_key")) is None
    assert left.read_text() == "half"


@pytest.mark.parametrize("secret", ["", "short", "secret", "x7" * 15 + "x", "é" * 15])
def test_a_short_secret_is_weak(secret: str) -> None:
    assert str(MIN_SECRET_BYTES) in (weakness(secret) or "")


@pytest.mark.parametrize(
    "secret", ["a" * 64, "ab" * 32, "changeme-changeme-changeme-changeme", "SECRET" + "0123456789" * 3, "1234567" * 9]
)
def test_a_default_or_a_repetition_is_weak_however_long(secret: str) -> None:
    assert "repeats itself" in (weakness(secret) or "")


def test_what_is_said_of_a_weak_secret_does_not_hold_it() -> None:
    for secret in ("hunter2hunter2", "django-insecure-0123456789-abcdefghij"):
        assert secret not in (weakness(secret) or secret)


def test_bytes_count_and_not_characters() -> None:
    assert weakness("äöüßéèàç" * 2) is None


def test_a_key_serves_one_purpose_of_one_deployment() -> None:
    keys = {derive(secret, purpose) for secret in ("one", "two") for purpose in ("jwt", "pepper", "refresh")}
    assert len(keys) == 6
    assert {len(key) for key in keys} == {32}
    assert derive("one", "jwt") == derive("one", "jwt")
