"""What a client may ask: one frozen value per command and per request body, decoded strictly.

A field that is not named here is refused, so a typo is never silent. The values are what services take; nothing
above this door handles a dict.
"""

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from app.core.errors import AppError, FieldError, Invalid
from app.core.invite import MAX_TTL_S, MAX_USES, MIN_TTL_S

Id = Annotated[str, msgspec.Meta(max_length=64)]
"""Any id that a client names. One that is of no known form is simply not found, like any other unknown one."""
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=200)]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
RefreshIn = Literal["cookie", "body"]
Roles = Annotated[tuple[Literal["guest", "member", "admin"], ...], msgspec.Meta(min_length=1, max_length=3)]

MAX_SYNC_CHANNELS = 1000


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request of any kind: unknown fields are refused, types are not coerced."""


class Register(Command, frozen=True):
    """Create an account and sign in to it."""

    username: Annotated[str, msgspec.Meta(max_length=128)]
    password: Secret
    display_name: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    invite: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    refresh_in: RefreshIn = "cookie"


class Login(Command, frozen=True):
    """Sign in with name and password."""

    username: Annotated[str, msgspec.Meta(max_length=128)]
    password: Secret
    refresh_in: RefreshIn = "cookie"
    device_name: Annotated[str, msgspec.Meta(max_length=128)] | None = None


class Refresh(Command, frozen=True):
    """Exchange a refresh token; None means that it is in the cookie."""

    refresh_token: Annotated[str, msgspec.Meta(max_length=256)] | None = None


class ChangePassword(Command, frozen=True):
    """Replace the password; all other sessions end."""

    current_password: Secret
    new_password: Secret


class CreateInvite(Command, frozen=True):
    """Make an invitation; None lets it live for 7 days."""

    expires_in_s: Annotated[int, msgspec.Meta(ge=MIN_TTL_S, le=MAX_TTL_S)] | None = None
    max_uses: Annotated[int, msgspec.Meta(ge=1, le=MAX_USES)] = 1


class ResetPassword(Command, frozen=True):
    """Choose a new password by a code that an administrator gave; all sessions end."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    new_password: Secret
    refresh_in: RefreshIn = "cookie"


class PatchUser(Command, frozen=True):
    """Change what somebody may do; null leaves it as it is."""

    roles: Roles | None = None
    suspended: bool | None = None


class PatchMe(Command, frozen=True):
    """Change one's own profile."""

    display_name: Annotated[str, msgspec.Meta(max_length=256)]


class CreateChannel(Command, frozen=True):
    """Open a channel, its creator as owner."""

    name: Annotated[str, msgspec.Meta(max_length=256)]
    kind: Literal["public", "private"]
    topic: Annotated[str, msgspec.Meta(max_length=1024)] = ""


class PutMember(Command, frozen=True):
    """Join a channel (`me`); None takes the role that joining gives."""

    role: Literal["owner", "moderator", "member", "guest"] | None = None


class PostMessage(Command, frozen=True):
    """Send a message over HTTP; the channel is in the path."""

    text: str | None = None
    data: dict[str, Any] | None = None
    client_msg_id: str | None = None
    reply_to: Id | None = None


class SendMessage(Command, frozen=True):
    """`message.send`: store a message in a channel and tell everyone there."""

    channel_id: Id
    text: str | None = None
    data: dict[str, Any] | None = None
    client_msg_id: str | None = None
    reply_to: Id | None = None


class GetHistory(Command, frozen=True):
    """`history.get`: a page of messages, ascending; at most one of `before`, `after`, `around`."""

    channel_id: Id
    before: Seq | None = None
    after: Seq | None = None
    around: Seq | None = None
    limit: Limit = 50

    def __post_init__(self) -> None:
        if sum(anchor is not None for anchor in (self.before, self.after, self.around)) > 1:
            raise ValueError("give at most one of before, after and around")


class Sync(Command, frozen=True):
    """`sync`: what was missed since the last `seq` seen of each channel."""

    channels: Annotated[dict[Id, Seq], msgspec.Meta(max_length=MAX_SYNC_CHANNELS)]


class OpenChannel(Command, frozen=True):
    """`channel.open` and `channel.close`: follow a channel that is readable without membership."""

    channel_id: Id


class RefreshClaims(Command, frozen=True):
    """`auth.refresh`: go on under a newer token of the same user."""

    token: Annotated[str, msgspec.Meta(max_length=4096)]


class Ping(Command, frozen=True):
    """`ping`: ask whether the way to the server and back is open."""


T = TypeVar("T", bound=Command)

MAX_ECHO = 64
"""How much of an unknown field's name is said back."""

_UNKNOWN = "Object contains unknown field `"
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_BOUND = re.compile(r"Expected `\w+`(?P<length> of length)? (?P<side><=|>=) (?P<bound>\d{1,20})")
_WHERE = re.compile(r" - at (?:`key` in )?`\$\.?(?P<path>[^`]*)`\Z")


def parse(kind: type[T], raw: object) -> T:
    """Turn decoded JSON into a command.

    Raises `AppError("invalid_payload")` where `raw` is no object, `Invalid` naming the first bad field otherwise.
    """
    if not isinstance(raw, dict):
        raise AppError("invalid_payload")
    try:
        return msgspec.convert(raw, kind, strict=True)
    except msgspec.ValidationError as error:
        raise Invalid(_field(str(error))) from None
    except UnicodeEncodeError:
        raise AppError("invalid_payload", reason="a lone surrogate") from None


def _field(text: str) -> FieldError:
    """Read the field and its fault out of msgspec's one line, e.g. "Expected `str`, got `int` - at `$.a`".

    What the sender wrote may stand in the line: the name of an unknown field, or a value that is none of the choices.
    So a line is told by its beginning and its end, never by what is in it.
    """
    if text.startswith(_UNKNOWN):
        return FieldError(text.removeprefix(_UNKNOWN)[:-1][:MAX_ECHO], "unknown_field")
    if missing := _MISSING.match(text):
        return FieldError(missing[1], "required")
    where = _WHERE.search(text)
    path = where["path"] if where else ""
    if bound := _BOUND.match(text):
        return _out_of_bounds(path, bound)
    return FieldError(path, "wrong_type" if text.startswith("Expected `") and ", got `" in text else "invalid")


def _out_of_bounds(path: str, bound: re.Match[str]) -> FieldError:
    """Say which bound a number or a length has broken."""
    limit = int(bound["bound"])
    if bound["side"] == "<=":
        return FieldError(path, "too_long" if bound["length"] else "too_large", max=limit)
    return FieldError(path, "too_short" if bound["length"] else "too_small", min=limit)
