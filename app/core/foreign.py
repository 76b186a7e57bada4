"""What the token of a trusted issuer says, and what of it counts here: pure rules over a payload that was verified.

An issuer is bound to its own keys, audience and algorithms, and says of its users only what the setting lets it say.
No key lives here, and nothing verifies a signature.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from app.core.claims import MAX_LIFETIME_S, Claims
from app.core.errors import Invalid, Unauthenticated
from app.core.model import User
from app.core.policy import permissions_of
from app.core.text import MAX_DISPLAY_NAME, check_display_name

MAX_SUBJECT_CHARS = 255
"""OpenID Connect Core 1.0, section 2, gives a `sub` at most so many."""
AT_JWT = "at+jwt"
_STANDARD = frozenset({"iss", "aud", "sub", "exp", "iat", "nbf", "jti", "sid"})
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class ClaimNames(msgspec.Struct, frozen=True, kw_only=True):
    """Under which names an issuer says what we want to know; None is not asked.

    A name is a claim's own name, or, where there is no such claim, the path to it with dots between.
    """

    sub: str = "sub"
    name: str | None = "name"
    roles: str | None = "roles"
    scope: str | None = "scope"
    channels: str | None = "channels"


class IssuerRules(msgspec.Struct, frozen=True, kw_only=True):
    """What tokens of one issuer must be and may say.

    `types` are the accepted `typ` of the header, in small letters; `roles` is all that users of it can ever be by its
    word.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    types: tuple[str, ...] = (AT_JWT,)
    names: ClaimNames = ClaimNames()
    roles: tuple[str, ...] = ("member",)

    def accepts_type(self, typ: object) -> bool:
        """Tell whether a header's `typ` is one of these; it is a media type, so its case does not matter."""
        return isinstance(typ, str) and typ.lower().removeprefix("application/") in self.types


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """A verified token of a trusted issuer, before it is known who its subject is here.

    `family` names the session there: by its `sid`, its `jti`, or the moment of its making. `name` is None where none
    was said; `roles` is None where nothing was said of them, else what of it is allowed; `scope` is None where it was
    not said.
    """

    issuer: str
    subject: str
    family: str
    issued_at_s: int
    expires_at_s: int
    token_id: str
    name: str | None
    roles: tuple[str, ...] | None
    default_roles: tuple[str, ...]
    scope: frozenset[str] | None
    channels: Mapping[str, tuple[str, ...]] | None
    extra: Mapping[str, Any]

    def session_id(self) -> str:
        """Give the id of the session that all tokens of this family belong to, the same on every node."""
        return f"ses_{_ulid_of(self.issuer, self.subject, self.family)}"

    def username(self, tail_chars: int) -> str:
        """Give a user name made of the display name, as far as it is ASCII, and of so much of a digest."""
        plain = "".join(char for char in (self.name or "").lower() if char.isascii() and char.isalnum())[:10]
        return f"{plain or 'user'}-{_ulid_of(self.issuer, self.subject)[-tail_chars:].lower()}"

    def claims(self, user_id: str, display_name: str) -> Claims:
        """Give the claims of the user that the subject is here.

        A scope never holds more than the roles do; one that was not said is all that they hold.
        """
        roles = self.default_roles if self.roles is None else self.roles
        held = permissions_of(roles)
        return Claims(
            issuer=self.issuer,
            subject=user_id,
            session_id=self.session_id(),
            token_id=self.token_id,
            issued_at_s=self.issued_at_s,
            expires_at_s=self.expires_at_s,
            name=self.name or display_name,
            roles=roles,
            scope=held if self.scope is None else held & self.scope,
            channels=self.channels,
            extra=self.extra,
        )


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a token's subject and session.

    `stated_name`, `stated_roles` are what the issuer said last, `stated_at_s` when; None where it said nothing.
    `session_expires_at_ms` is None where no token of the session was seen yet. Tokens of before `valid_after_ms` open
    none.
    """

    user: User
    stated_name: str | None = None
    stated_roles: tuple[str, ...] | None = None
    stated_at_s: int = 0
    valid_after_ms: int = 0
    session_expires_at_ms: int | None = None
    session_revoked: bool = False

    def may_open(self, foreign: Foreign) -> bool:
        """Tell whether a token may open its session, or keep it open."""
        if self.user.suspended_at_ms is not None or self.session_revoked:
            return False
        # A token says the second of its making only: one of the very second in which all sessions ended is too old.
        return self.session_expires_at_ms is not None or foreign.issued_at_s * 1000 > self.valid_after_ms

    def is_told_anew(self, foreign: Foreign) -> bool:
        """Tell whether the issuer says something of the user by now that it did not say before."""
        roles = foreign.roles is not None and foreign.roles != self.stated_roles
        name = foreign.name is not None and foreign.name != self.stated_name
        return foreign.issued_at_s > self.stated_at_s and (roles or name)

    def learns_from(self, foreign: Foreign, end_ms: int) -> bool:
        """Tell whether anything has to be stored for this token, with which the session lives until `end_ms`."""
        is_short = self.session_expires_at_ms is None or self.session_expires_at_ms < end_ms
        return self.is_told_anew(foreign) or (is_short and self.may_open(foreign))

    def require_welcome(self) -> None:
        """Raise `Unauthenticated` where the user or the session was stopped here."""
        if self.user.suspended_at_ms is not None:
            raise Unauthenticated("suspended", code="session_revoked")
        if self.session_revoked:
            raise Unauthenticated("session ended", code="session_revoked")
        if self.session_expires_at_ms is None:
            raise Unauthenticated("issued before all sessions ended", code="session_revoked")


class _Times(msgspec.Struct, frozen=True):
    exp: int
    iat: int
    nbf: int = 0
    jti: str | None = None
    sid: str | None = None


def foreign_from(payload: dict[str, Any], rules: IssuerRules, typ: str, *, now_ms: int, leeway_s: int) -> Foreign:
    """Turn a verified payload into what counts of it.

    `typ` is the header's. Raises `Unauthenticated` with the reason for the log.
    """
    if payload.get("iss") != rules.issuer or not _is_for(payload.get("aud"), rules.audience):
        raise Unauthenticated("issuer or audience")
    times = _converted(payload, _Times)
    _check_times(times, now_ms // 1000, leeway_s)
    if times.jti is None and AT_JWT in typ.lower():
        raise Unauthenticated("claims: no jti")  # RFC 9068, 2.2
    names = rules.names
    return Foreign(
        issuer=rules.issuer,
        subject=_subject(_find(payload, names.sub)),
        family=_family(times),
        issued_at_s=times.iat,
        expires_at_s=times.exp,
        token_id=times.jti or "",
        name=_name(_find(payload, names.name)),
        roles=_roles(_find(payload, names.roles), rules.roles),
        default_roles=next(((role,) for role in ("member", "guest") if role in rules.roles), ()),
        scope=_words(_find(payload, names.scope)),
        channels=_converted({"channels": _find(payload, names.channels)}, _Channels).channels,
        extra={name: value for name, value in payload.items() if name not in _STANDARD},
    )


class _Channels(msgspec.Struct, frozen=True):
    channels: dict[str, tuple[str, ...]] | None = None


def _converted(payload: dict[str, Any], kind: type[Any]) -> Any:
    try:
        return msgspec.convert(payload, kind, strict=True)
    except msgspec.ValidationError as error:
        raise Unauthenticated(f"claims: {error}") from None


def _check_times(times: _Times, now_s: int, leeway_s: int) -> None:
    if times.iat > now_s + leeway_s or times.nbf > now_s + leeway_s:
        raise Unauthenticated("not valid yet")
    if not 0 < times.exp - times.iat <= MAX_LIFETIME_S:
        raise Unauthenticated("lifetime over the limit")
    if now_s >= times.exp + leeway_s:
        raise Unauthenticated("expired")


def _is_for(audience: object, ours: str) -> bool:
    """Tell whether we are the audience, or one of several (RFC 7519, 4.1.3)."""
    return audience == ours or (isinstance(audience, list) and ours in audience)


def _family(times: _Times) -> str:
    if times.sid:
        return f"sid:{times.sid}"
    return f"jti:{times.jti}" if times.jti else f"iat:{times.iat}"


def _find(payload: Mapping[str, Any], name: str | None) -> Any:
    """Find a claim by its name, or by its path; None where there is none."""
    if name is None or name in payload:
        return None if name is None else payload[name]
    value: Any = payload
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _subject(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_SUBJECT_CHARS or not value.isprintable():
        raise Unauthenticated("claims: no usable subject")
    return value


def _name(value: Any) -> str | None:
    """Take a name as far as it can be shown; a token is not refused for what somebody is called."""
    try:
        return check_display_name(value.strip()[:MAX_DISPLAY_NAME]) if isinstance(value, str) else None
    except Invalid:
        return None


def _roles(value: Any, allowed: tuple[str, ...]) -> tuple[str, ...] | None:
    said = _words(value)
    return None if said is None else tuple(role for role in allowed if role in said)


def _words(value: Any) -> frozenset[str] | None:
    """Read words with blanks between, or a list of them; None where there is nothing."""
    if value is None:
        return None
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return frozenset(value)
    raise Unauthenticated("claims: roles or scope are no words")


def _ulid_of(*parts: str) -> str:
    """Compute 26 characters of the form of a ULID from texts, in such a way that no two lists of texts meet."""
    told = b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode("utf-8", "replace") for part in parts))
    number = int.from_bytes(hashlib.sha256(told).digest()[:16], "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
