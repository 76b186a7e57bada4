"""Settings: every one that the contract names, all faults at once, and no secret ever shown."""

import dataclasses
import re
import typing
from pathlib import Path
from typing import Any

import pytest

from app.core.commands import Secret
from app.core.entries import MAX_PACKET_BYTES
from app.core.wire import message_created
from app.settings import Settings, SettingsError, describe, from_env, table
from tests.core.values import a_message

DAY_S = 86_400
SECRET = "Hq7-0vL2pXz9TnB4wKc6RsYd8JfMgA3u"
PRODUCTION = {"ENVIRONMENT": "production", "SECRET_KEY": SECRET}
CONTRACT: dict[str, tuple[Any, Any]] = {
    "PORT": (8000, 8000),
    "HOST": ("127.0.0.1", "0.0.0.0"),
    "ENVIRONMENT": ("development", "production"),
    "DATABASE_URL": (None, None),
    "REDIS_URL": (None, None),
    "DATA_DIR": (Path("var"), Path("var")),
    "DEPLOYMENT": ("heliograph", "heliograph"),
    "PUBLIC_URL": (None, None),
    "ALLOWED_ORIGINS": ((), ()),
    "TRUSTED_PROXIES": ((), ()),
    "SECRET_KEY": (None, SECRET),
    "JWT_KEYS": (None, None),
    "JWT_ISSUER": ("heliograph", "heliograph"),
    "JWT_AUDIENCE": ("heliograph", "heliograph"),
    "TRUSTED_ISSUERS": (None, None),
    "ACCESS_TTL_S": (600, 600),
    "REFRESH_IDLE_S": (30 * DAY_S, 30 * DAY_S),
    "REFRESH_MAX_S": (90 * DAY_S, 90 * DAY_S),
    "EXPIRY_GRACE_S": (15, 15),
    "JWT_LEEWAY_S": (5, 5),
    "REGISTRATION": ("open", "closed"),
    "PASSWORD_MIN": (12, 12),
    "BCRYPT_COST": (12, 12),
    "TRANSPORTS": (("websocket", "polling"), ("websocket",)),
    "PING_INTERVAL_S": (20, 20),
    "PING_TIMEOUT_S": (15, 15),
    "CONNECT_TIMEOUT_S": (10, 10),
    "MAX_FRAME_BYTES": (65_536, 65_536),
    "MAX_TEXT_CHARS": (4000, 4000),
    "MAX_DATA_BYTES": (16_384, 16_384),
    "COMMANDS_PER_S": (30, 30),
    "COMMANDS_BURST": (60, 60),
    "SOCKETS_PER_USER": (20, 20),
    "SOCKETS_PER_ADDRESS": (1000, 1000),
    "CHANNELS_PER_SOCKET": (500, 500),
    "LOGIN_PER_MIN": (10, 10),
    "REGISTER_PER_HOUR": (30, 30),
    "OUTBOX_BYTES": (1_048_576, 1_048_576),
    "OUTBOX_FRAMES": (1000, 1000),
    "LOG_MAXLEN": (100_000, 100_000),
    "DRAIN_S": (20, 20),
    "TLS_CERT": (None, None),
    "TLS_KEY": (None, None),
    "FORCE_HTTPS": (False, False),
    "LOG_FORMAT": ("text", "json"),
    "LOG_LEVEL": ("info", "info"),
    "WORKERS": (1, 1),
}
SECRETS = {
    "SECRET_KEY": SECRET,
    "JWT_KEYS": f'{{"keys":[{{"k":"{SECRET}"}}]}}',
    "DATABASE_URL": f"postgres://app:{SECRET}@db/app",
    "REDIS_URL": f"rediss://app:{SECRET}@log:6379",
}


def read(**environ: str) -> Settings:
    return from_env(environ)


def faults(**environ: str) -> list[str]:
    """Give the lines that say why a process cannot start."""
    with pytest.raises(SettingsError) as caught:
        from_env(environ)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return caught.value.faults


def bounds() -> list[tuple[str, float | None, float | None]]:
    """List the numbers among the settings with their bounds."""
    kinds = typing.get_type_hints(Settings)
    return [
        (name, about.metadata["least"], about.metadata["most"])
        for name, about in describe()
        if kinds[about.name] in (int, float)
    ]


@pytest.mark.parametrize("name", CONTRACT)
def test_every_setting_of_the_contract_has_its_default(name: str) -> None:
    development, production = CONTRACT[name]
    assert getattr(read(), name.lower()) == development
    assert getattr(read(**PRODUCTION), name.lower()) == production


def test_a_setting_that_the_contract_does_not_name_is_known_to_be_ours() -> None:
    assert {name for name, _ in describe()} - set(CONTRACT) == {"AUDIT_DAYS", "DATABASE_POOL"}


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, about in describe() if len(about.metadata["help"]) < 10] == []
    timed = {name for name, _ in describe() if name.endswith("_S") and "_PER_" not in name}
    assert {name for name, about in describe() if about.metadata["unit"] == "s"} == timed


def test_what_production_changes_may_still_be_set() -> None:
    given = {"HOST": "127.0.0.1", "REGISTRATION": "invite", "TRANSPORTS": "polling", "LOG_FORMAT": "text"}
    settings = read(**PRODUCTION, **given)
    assert (settings.host, settings.registration) == ("127.0.0.1", "invite")
    assert (settings.transports, settings.log_format) == (("polling",), "text")
    assert settings.is_production
    assert not read().is_production


def test_an_empty_variable_is_not_set() -> None:
    assert read(**dict.fromkeys(CONTRACT, "")) == read()


def test_the_environment_of_the_process_is_read_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYMENT", "from-outside")
    assert from_env().deployment == "from-outside"


def test_values_are_taken_as_their_types() -> None:
    settings = read(
        PORT="0",
        PING_INTERVAL_S="2.5",
        DATA_DIR="/srv/data",
        FORCE_HTTPS="TRUE",
        TLS_CERT="cert.pem",
        TLS_KEY="key.pem",
        TRUSTED_PROXIES="10.0.0.0/8, 192.0.2.1,::1",
    )
    assert (settings.port, settings.ping_interval_s, settings.force_https) == (0, 2.5, True)
    assert (settings.data_dir, settings.tls_cert, settings.tls_key) == (
        Path("/srv/data"),
        Path("cert.pem"),
        Path("key.pem"),
    )
    assert [str(network) for network in settings.proxies] == ["10.0.0.0/8", "192.0.2.1/32", "::1/128"]


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("0", False), ("true", True), ("False", False)])
def test_a_flag_has_four_spellings(raw: str, value: bool) -> None:
    assert read(FORCE_HTTPS=raw).force_https is value
    assert faults(FORCE_HTTPS="yes") == ["FORCE_HTTPS: must be one of true, false, 1, 0, not 'yes'"]


@pytest.mark.parametrize(("name", "least", "most"), bounds())
def test_every_number_has_a_least_value_and_is_refused_below_it(
    name: str, least: float | None, most: float | None
) -> None:
    assert least is not None, "a number without a least value may be negative"
    assert getattr(read(**{name: str(least)}), name.lower()) == least
    for raw in (str(least - 1), "-1e9" if isinstance(least, float) else "-1000000000"):
        assert faults(**{name: raw})[0].startswith(f"{name}: must be")
    for raw in ("abc", "nan", "inf", "-inf", "1,5", "0x10", "9" * 5000):
        assert faults(**{name: raw})[0].startswith(f"{name}: must be")
    if most is not None:
        assert getattr(read(**{name: str(most)}), name.lower()) == most
        assert faults(**{name: str(most + 1)}) == [f"{name}: must be at most {most}, not {most + 1}"]


def test_bounds_that_other_rules_rest_on() -> None:
    most = {name: most for name, _, most in bounds() if most is not None}
    assert most["PORT"] == 65_535
    assert most["ACCESS_TTL_S"] == DAY_S, "a token that lives longer is refused by claims_from"
    assert most["PASSWORD_MIN"] == typing.get_args(Secret)[1].max_length, "a longer password is refused at the door"


def test_the_longest_message_that_may_be_configured_fits_into_the_log() -> None:
    most = {name: most for name, _, most in bounds() if most is not None}
    text = "\x01" * int(most["MAX_TEXT_CHARS"])
    data = {"k": "x" * int(most["MAX_DATA_BYTES"])}
    assert len(message_created(a_message(text=text, data=data)).envelope) < MAX_PACKET_BYTES


def test_all_faults_are_told_together() -> None:
    told = faults(
        PORT="http",
        BCRYPT_COST="99",
        LOG_LEVEL="loud",
        DATABASE_URL="mysql://db",
        REDIS_URL="http://log",
        PUBLIC_URL="chat.example.com",
        ALLOWED_ORIGINS="https://app.example.com/path,nonsense",
        TRUSTED_PROXIES="10.0.0.0/8,everyone",
        TRANSPORTS="websocket,carrier-pigeon",
        TLS_CERT="cert.pem",
        TRUSTED_ISSUERS="{}",
        SECRET_KEY="short",
    )
    assert [line.partition(":")[0] for line in told] == [
        "PORT",
        "SECRET_KEY",
        "BCRYPT_COST",
        "LOG_LEVEL",
        "DATABASE_URL",
        "REDIS_URL",
        "PUBLIC_URL",
        "ALLOWED_ORIGINS",
        "ALLOWED_ORIGINS",
        "TRUSTED_PROXIES",
        "TRANSPORTS",
        "TLS_CERT and TLS_KEY",
        "TRUSTED_ISSUERS",
    ]


def test_an_unsafe_production_is_told_together_with_what_is_wrong() -> None:
    told = faults(
        ENVIRONMENT="production",
        PORT="99999",
        PUBLIC_URL="http://chat.example.com",
        ALLOWED_ORIGINS="*,http://app.example.com",
        BCRYPT_COST="4",
    )
    assert [line.partition(":")[0] for line in told] == [
        "PORT",
        "SECRET_KEY",
        "PUBLIC_URL",
        "ALLOWED_ORIGINS",
        "ALLOWED_ORIGINS",
        "BCRYPT_COST",
    ]


@pytest.mark.parametrize(
    "unsafe",
    [
        {"SECRET_KEY": ""},
        {"SECRET_KEY": "changeme"},
        {"SECRET_KEY": "x" * 31},
        {"PUBLIC_URL": "http://chat.example.com"},
        {"ALLOWED_ORIGINS": "*"},
        {"ALLOWED_ORIGINS": "http://app.example.com"},
        {"BCRYPT_COST": "9"},
    ],
    ids=str,
)
def test_production_refuses_what_is_not_safe(unsafe: dict[str, str]) -> None:
    (line,) = faults(**PRODUCTION | unsafe)
    assert line.startswith(f"{next(iter(unsafe))}: ")


def test_development_takes_what_production_refuses() -> None:
    assert read(PUBLIC_URL="http://localhost:8000", ALLOWED_ORIGINS="*", BCRYPT_COST="4").bcrypt_cost == 4


def test_a_safe_production_starts() -> None:
    given = {"PUBLIC_URL": "https://chat.example.com/", "ALLOWED_ORIGINS": "https://app.example.com"}
    settings = read(**PRODUCTION, **given)
    assert settings.origins == {"https://chat.example.com", "https://app.example.com"}


@pytest.mark.parametrize("raw", ["Production", "prod", "production ", "staging"])
def test_a_misspelt_environment_is_no_development(raw: str) -> None:
    (line,) = faults(ENVIRONMENT=raw)
    assert line.startswith("ENVIRONMENT: must be one of development, production")


def test_a_list_of_no_transports_is_refused() -> None:
    (line,) = faults(TRANSPORTS=",")
    assert line.startswith("TRANSPORTS: names none")


def test_web_concurrency_gives_the_workers_unless_workers_does() -> None:
    assert read(WEB_CONCURRENCY="4").workers == 4
    assert read(WEB_CONCURRENCY="4", WORKERS="2").workers == 2
    assert read(WEB_CONCURRENCY="4", WORKERS="").workers == 4
    assert faults(WEB_CONCURRENCY="many") == ["WEB_CONCURRENCY: must be a whole number, not 'many'"]


@pytest.mark.parametrize("name", ["DATABASE_URL", "JWT_ISSUER", "SECRET_KEY", "DATA_DIR"])
def test_a_value_that_is_not_utf8_is_a_fault_and_no_crash(name: str) -> None:
    assert f"{name}: is not UTF-8" in faults(**{name: "\udcff" * 40})


def test_secrets_are_in_neither_repr_nor_table() -> None:
    settings = read(**SECRETS)
    shown = repr(settings) + repr(list(table(settings))) + str(settings)
    assert SECRET not in shown
    hidden = {name for name, value, *_ in table(settings) if value == "********"}
    assert hidden == set(SECRETS)
    assert not any(name.lower() in repr(settings) for name in SECRETS)


def test_a_fault_of_a_secret_does_not_repeat_it() -> None:
    told = faults(
        SECRET_KEY="hunter2", DATABASE_URL="mysql://u:hunter2@db", TRUSTED_ISSUERS="hunter2", REDIS_URL="hunter2"
    )
    assert len(told) == 4
    assert "hunter2" not in "".join(told)


def test_the_table_lists_every_setting_with_help_unit_and_default() -> None:
    rows = {name: rest for name, *rest in table(read(PORT="9000", ALLOWED_ORIGINS="http://a,http://b"))}
    assert list(rows) == [name for name, _ in describe()]
    assert rows["PORT"] == ["9000", "8000", "", "port to listen on; 0 takes a free one"]
    assert rows["DRAIN_S"][:3] == ["20.0", "20.0", "s"]
    assert rows["ALLOWED_ORIGINS"][:2] == ["http://a,http://b", "-"]
    assert rows["FORCE_HTTPS"][:2] == ["false", "false"]
    assert rows["DATABASE_URL"][:2] == ["-", "-"]


def test_settings_cannot_be_changed() -> None:
    settings = read()
    for about in dataclasses.fields(settings):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(settings, about.name, None)
        assert not isinstance(getattr(settings, about.name), list | dict | set)
    assert re.fullmatch(r"Settings\(.*\)", repr(settings))
