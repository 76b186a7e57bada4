"""The settings that are addresses: what they may say, and which origins follow from them."""

import pytest

from tests.test_settings import faults, read


@pytest.mark.parametrize(
    ("name", "urls"),
    [
        ("DATABASE_URL", ["sqlite:///var/h.db", "postgres://u:p[@db/x", "postgresql://db/x?sslmode=require"]),
        (
            "REDIS_URL",
            ["redis://log", "rediss://u:p[@log:6380/0", "valkey://log", "valkeys://log", "unix:///run/v.sock"],
        ),
    ],
)
def test_every_scheme_of_the_contract_is_taken(name: str, urls: list[str]) -> None:
    assert [getattr(read(**{name: url}), name.lower()) for url in urls] == urls


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
@pytest.mark.parametrize("url", ["db", "//db", "://", "http://db", "http://[", "mysql://u:s3cret@db", " postgres://db"])
def test_any_other_scheme_is_refused_without_repeating_the_url(name: str, url: str) -> None:
    (line,) = faults(**{name: url})
    assert line.startswith(f"{name}: must start with one of ")
    assert "s3cret" not in line


@pytest.mark.parametrize("url", ["chat", "https://", "https:///path", "ftp://chat", "https://[", "https://chat:port"])
def test_a_public_url_without_a_host_is_refused(url: str) -> None:
    assert faults(PUBLIC_URL=url) == ["PUBLIC_URL: must be an address such as https://chat.example.com"]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Chat.Example.com/app/", "https://chat.example.com"),
        ("https://chat.example.com:443", "https://chat.example.com"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://user@chat.example.com", "https://chat.example.com"),
    ],
)
def test_the_public_url_gives_the_origin_that_browsers_send(url: str, origin: str) -> None:
    assert read(PUBLIC_URL=url).origins == {origin}


@pytest.mark.parametrize(
    "origin",
    [
        "app.example.com",
        "https://app.example.com/path",
        "https://app.example.com:443",
        "https://App.example.com",
        "https://user@app.example.com",
        "https://[",
        "null",
        "https://*.example.com",
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused(origin: str) -> None:
    (line,) = faults(ALLOWED_ORIGINS=origin)
    assert line == f"ALLOWED_ORIGINS: {origin!r} is not an origin such as https://app.example.com"


def test_lists_may_have_blanks_and_trailing_slashes() -> None:
    raw = " https://a.example.com/ ,, http://localhost:3000"
    assert read(ALLOWED_ORIGINS=raw).allowed_origins == ("https://a.example.com", "http://localhost:3000")
