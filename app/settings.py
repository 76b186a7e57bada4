"""Every setting: its name in the environment, meaning, unit and default. The only reader of `os.environ`.

Settings are read once, frozen and passed down. All bad values are reported together, and a production configuration
that is not safe does not start.
"""

import json
import os
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
DAY_S = 86_400
_PORTS = {"http": 80, "https": 443}


class SettingsError(Exception):
    """Values that the service cannot start with; `faults` has one line for each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


def setting(
    default: Any = None,
    text: str = "",
    *,
    unit: str = "",
    secret: bool = False,
    production: Any = None,
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """Declare one setting: default, help, unit, whether it is secret, its default in production, its bounds.

    The least value of a text is its least length in bytes.
    """
    about = {"help": text, "unit": unit, "secret": secret, "production": production, "least": least, "most": most}
    return field(default=default, metadata=about, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process. A field `x_y` is read from the variable `X_Y`; None means not set."""

    environment: Literal["development", "production"] = setting(
        "development", "production turns the safety checks into refusals to start"
    )
    host: str = setting("127.0.0.1", "address to listen on", production="0.0.0.0")
    port: int = setting(8000, "port to listen on; 0 takes a free one", least=0, most=65_535)
    workers: int = setting(1, "processes that share the port; WEB_CONCURRENCY is read as well", least=1)
    database_url: str | None = setting(
        None, "sqlite:///…, postgres://… or postgresql://…; not set: SQLite in DATA_DIR", secret=True
    )
    database_pool: int = setting(10, "connections to the database per process", least=2)
    redis_url: str | None = setting(
        None, "redis://, rediss://, valkey:// or unix://; not set: an embedded Valkey", secret=True
    )
    data_dir: Path = setting(Path("var"), "SQLite, the generated secret and the embedded Valkey")
    deployment: str = setting("heliograph", "prefix of every key in Redis")
    public_url: str | None = setting(None, "the address that people type, e.g. https://chat.example.com")
    allowed_origins: tuple[str, ...] = setting(
        (), "origins whose pages may connect, with commas between; PUBLIC_URL always may"
    )
    trusted_proxies: tuple[str, ...] = setting(
        (), "networks whose X-Forwarded-For and -Proto are believed, with commas between"
    )
    secret_key: str | None = setting(
        None, "root of all keys, at least 32 bytes; not set: made in DATA_DIR in development", secret=True, least=32
    )
    jwt_keys: str | None = setting(None, "JWK set of signing keys; not set: derived from SECRET_KEY", secret=True)
    jwt_issuer: str = setting("heliograph", "`iss` of the tokens made and taken here")
    jwt_audience: str = setting("heliograph", "`aud` of the tokens made and taken here")
    trusted_issuers: str | None = setting(None, "JSON list of other issuers whose tokens are taken", secret=True)
    access_ttl_s: int = setting(600, "lifetime of an access token", unit="s", least=10, most=DAY_S)
    refresh_idle_s: int = setting(30 * DAY_S, "a session ends when not refreshed for so long", unit="s", least=60)
    refresh_max_s: int = setting(90 * DAY_S, "a session ends at this age", unit="s", least=60)
    expiry_grace_s: float = setting(15.0, "a socket whose token expired waits so long for a new one", unit="s", least=0)
    jwt_leeway_s: int = setting(5, "difference of clocks that is forgiven", unit="s", least=0, most=300)
    registration: Literal["open", "invite", "closed"] = setting("open", "who may register", production="closed")
    password_min: int = setting(12, "least length of a password", unit="characters", least=8, most=1024)
    audit_days: int = setting(365, "how long it is kept who did what", unit="days", least=1, most=36_500)
    bcrypt_cost: int = setting(12, "work factor of password hashes; each step doubles the time", least=4, most=16)
    transports: tuple[str, ...] = setting(
        ("websocket", "polling"),
        "Socket.IO transports; polling needs one process or sticky routing",
        production=("websocket",),
    )
    ping_interval_s: float = setting(20.0, "time between pings to a socket", unit="s", least=1)
    ping_timeout_s: float = setting(15.0, "a socket that answers no ping for so long is closed", unit="s", least=1)
    connect_timeout_s: float = setting(10.0, "from the open transport to an accepted CONNECT", unit="s", least=0.1)
    max_frame_bytes: int = setting(65_536, "largest frame or request body", unit="bytes", least=1024)
    max_text_chars: int = setting(4000, "longest message", unit="characters", least=1, most=100_000)
    max_data_bytes: int = setting(16_384, "largest `data` of a message, as JSON", unit="bytes", least=2, most=262_144)
    commands_per_s: float = setting(30.0, "commands that a socket may send for long", unit="1/s", least=0.1)
    commands_burst: int = setting(60, "commands that a socket may send at once", least=1)
    sockets_per_user: int = setting(20, "open sockets of one user on one node", least=1)
    sockets_per_address: int = setting(1000, "open sockets of one address on one node", least=1)
    channels_per_socket: int = setting(500, "channels that one socket may open besides its own", least=1)
    login_per_min: int = setting(10, "sign-ins per account and minute; six times that per address", least=1)
    register_per_hour: int = setting(30, "registrations per address and hour", least=1)
    outbox_bytes: int = setting(1_048_576, "what may wait for a slow reader", unit="bytes", least=65_536)
    outbox_frames: int = setting(1000, "frames that may wait for a slow reader", least=16)
    log_maxlen: int = setting(100_000, "entries that the log keeps", least=1000)
    drain_s: float = setting(20.0, "from SIGTERM to exit", unit="s", least=0)
    tls_cert: Path | None = setting(None, "certificate chain, PEM; TLS is served directly")
    tls_key: Path | None = setting(None, "its private key, PEM")
    force_https: bool = setting(False, "redirect plain http, as told by a trusted proxy")
    log_format: Literal["text", "json"] = setting("text", "form of the log lines", production="json")
    log_level: Literal["debug", "info", "warning", "error"] = setting("info", "least level that is logged")

    @property
    def is_production(self) -> bool:
        """Tell whether the safety checks refuse."""
        return self.environment == "production"

    @property
    def proxies(self) -> tuple[Network, ...]:
        """Give the trusted proxies as networks."""
        return tuple(ip_network(text) for text in self.trusted_proxies)

    @property
    def origins(self) -> frozenset[str]:
        """Give the origins that may connect, besides the one the page came from in development."""
        own = {_origin(self.public_url)} if self.public_url else set()
        return frozenset({*self.allowed_origins, *own})


def from_env(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; None reads the process's environment.

    Raises `SettingsError` with a line for every value that is wrong or unsafe.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    faults: list[str] = []
    production = environ.get("ENVIRONMENT") == "production"
    for name, about in describe():
        default = about.metadata["production"] if production else None
        values[about.name] = about.default if default is None else default
        source = "WEB_CONCURRENCY" if name == "WORKERS" and not environ.get(name) else name
        try:
            if raw := environ.get(source):
                values[about.name] = _convert(about, raw)
        except ValueError as error:
            faults.append(f"{source}: {error}")
    # In the place of a value that could not be read stands its default, of which nothing is said.
    unread = {_name(fault) for fault in faults}
    faults += [fault for fault in _faults(values) if _name(fault) not in unread]
    faults += [fault for fault in _unsafe(values) if _name(fault) not in unread] if production else []
    if faults:
        raise SettingsError(faults)
    return Settings(**values)


def _name(fault: str) -> str:
    return fault.partition(":")[0]


def describe() -> Iterator[tuple[str, Field[Any]]]:
    """List the settings by their names in the environment."""
    return ((about.name.upper(), about) for about in fields(Settings))


def _convert(about: Field[Any], raw: str) -> Any:
    kind = typing.get_type_hints(Settings)[about.name]
    if isinstance(kind, types.UnionType):
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) is Literal:
        return _one_of(raw, typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return tuple(part.strip().rstrip("/") for part in raw.split(",") if part.strip())
    if kind is bool:
        return _one_of(raw.lower(), ("true", "false", "1", "0")) in ("true", "1")
    if kind in (int, float):
        return _number(raw, kind, about.metadata["least"], about.metadata["most"])
    if len(_in_utf8(raw)) < (about.metadata["least"] or 0):
        raise ValueError(f"must have at least {about.metadata['least']} bytes; make one with: openssl rand -base64 48")
    return kind(raw)


def _in_utf8(raw: str) -> bytes:
    try:
        return raw.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None


def _one_of(raw: str, choices: tuple[str, ...]) -> str:
    if raw not in choices:
        raise ValueError(f"must be one of {', '.join(choices)}, not {raw!r}")
    return raw


def _number(raw: str, kind: type[int] | type[float], least: float, most: float | None) -> float:
    try:
        value = kind(raw)
    except ValueError:
        raise ValueError(f"must be {'a whole number' if kind is int else 'a number'}, not {raw!r}") from None
    if not least <= value < float("inf"):
        raise ValueError(f"must be at least {least}, not {raw}")
    if most is not None and value > most:
        raise ValueError(f"must be at most {most}, not {raw}")
    return value


def _faults(values: Mapping[str, Any]) -> Iterator[str]:
    yield from _bad_url("DATABASE_URL", values["database_url"], ("sqlite", "postgres", "postgresql"))
    yield from _bad_url("REDIS_URL", values["redis_url"], ("redis", "rediss", "valkey", "valkeys", "unix"))
    if values["public_url"] and not _origin(values["public_url"]):
        yield "PUBLIC_URL: must be an address such as https://chat.example.com"
    for origin in values["allowed_origins"]:
        if origin != "*" and _origin(origin) != origin:
            yield f"ALLOWED_ORIGINS: {origin!r} is not an origin such as https://app.example.com"
    for network in values["trusted_proxies"]:
        try:
            ip_network(network)
        except ValueError:
            yield f"TRUSTED_PROXIES: {network!r} is not a network such as 10.0.0.0/8"
    if unknown := set(values["transports"]) - {"websocket", "polling"}:
        yield f"TRANSPORTS: {', '.join(sorted(unknown))} is not one of websocket, polling"
    if not values["transports"]:
        yield "TRANSPORTS: names none; give websocket, polling or both"
    if (values["tls_cert"] is None) != (values["tls_key"] is None):
        yield "TLS_CERT and TLS_KEY: set both or none"
    if not _is_json_list(values["trusted_issuers"] or "[]"):
        yield "TRUSTED_ISSUERS: must be a list in JSON"


def _is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def _unsafe(values: Mapping[str, Any]) -> Iterator[str]:
    if values["secret_key"] is None:
        yield "SECRET_KEY: must be set in production; make one with: openssl rand -base64 48"
    if values["public_url"] and not values["public_url"].startswith("https://"):
        yield "PUBLIC_URL: must be https:// in production"
    for origin in values["allowed_origins"]:
        if origin == "*":
            yield "ALLOWED_ORIGINS: * would let every page on the web connect; list the origins"
        elif not origin.startswith("https://"):
            yield f"ALLOWED_ORIGINS: {origin} must be https:// in production"
    if values["bcrypt_cost"] < 10:
        yield "BCRYPT_COST: must be at least 10 in production"


def _bad_url(name: str, url: str | None, schemes: tuple[str, ...]) -> Iterator[str]:
    if url is not None and url.partition("://")[0] not in schemes:
        yield f"{name}: must start with one of {', '.join(f'{scheme}://' for scheme in schemes)}"


def _origin(url: str) -> str:
    """Give the origin of a URL as browsers write it (RFC 6454, 6.2); empty where it has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not host or "*" in host:
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" if port in (None, _PORTS[parts.scheme]) else f"{parts.scheme}://{host}:{port}"


def table(settings: Settings) -> Iterator[tuple[str, str, str, str, str]]:
    """List every setting as name, value, default, unit and help; secrets are hidden."""
    for name, about in describe():
        value = getattr(settings, about.name)
        shown = "********" if about.metadata["secret"] and value else _show(value)
        yield name, shown, _show(about.default), about.metadata["unit"], about.metadata["help"]


def _show(value: Any) -> str:
    if value is None or value == ():
        return "-"
    return (
        ",".join(value) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)
    )
