"""What a log line looks like."""

import json
import logging
import subprocess
import sys

import pytest

from tests.nodes import ROOT

SCRIPT = """
import logging
from app import log
log.configure({form!r}, "info")
logging.getLogger("heliograph.test").info({text!r}, extra={{"path": {extra!r}}})
"""


def logged(form: str, text: str, extra: str = "/") -> str:
    """Log one event in a process of its own and return what it writes."""
    script = SCRIPT.format(form=form, text=text, extra=extra)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_event_is_one_line_whatever_words_are_in_it(form: str) -> None:
    line = logged(form, "refused: x\n2026-01-01 [info] signed in\r\x1b[31m\u2028\u202e", "/a\nb")

    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert "\u202e" not in line


@pytest.mark.parametrize("form", ["text", "json"])
def test_tokens_and_passwords_of_urls_are_hidden(form: str) -> None:
    token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c3IifQ.c2lnbmF0dXJl"
    line = logged(form, f"got {token}", "postgresql://user:hunter2@db/x?token=abc123")

    assert token not in line
    assert "hunter2" not in line
    assert "abc123" not in line


def test_json_lines_are_json_with_level_logger_and_time() -> None:
    line = json.loads(logged("json", "hello", "/x"))

    assert (line["event"], line["level"], line["logger"], line["path"]) == ("hello", "info", "heliograph.test", "/x")
    assert line["timestamp"].endswith("Z")
    assert logging.getLevelName(line["level"].upper()) == logging.INFO
