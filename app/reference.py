"""Prints the generated parts of docs/reference from the values that the service itself runs on.

A page is prose with gaps between `<!-- printed: NAME -->` and `<!-- end -->`; what stands in a gap comes from here.
Nothing of the running service imports this module, and it opens nothing but the pages.
"""

import inspect
import json
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from msgspec import inspect as shapes

from app.core import channel_policy, commands, wire
from app.core.audit import ACTIONS
from app.core.commands import Command
from app.core.errors import CODES
from app.core.policy import PERMISSIONS
from app.edge.http.access import Access, SignedIn
from app.edge.http.accounts import AccountRoutes
from app.edge.http.audit import AuditRoutes
from app.edge.http.channels import ChannelRoutes
from app.edge.http.health import HealthRoutes
from app.edge.http.invites import InviteRoutes
from app.edge.http.limits import Guards
from app.edge.http.people import PeopleRoutes
from app.edge.socket.chat import ChatNamespace
from app.engine.visitors import Proxies
from app.settings import Settings, describe
from app.specimens import EXAMPLES

PAGES = Path(__file__).parent.parent / "docs" / "reference"
GAP = re.compile(r"(<!-- printed: ([\w. ]+) -->\n).*?(<!-- end -->)", re.DOTALL)

WORDS: dict[type[shapes.Type], str] = {shapes.NoneType: "null", shapes.BoolType: "`true` or `false`"}

NOT_MADE: Any = None
"""Stands for a service where a table of routes or commands is only read and nothing in it is called."""


class Route(NamedTuple):
    """One route as a caller sees it; `needs` is None without a token, empty for any token, else a permission."""

    method: str
    path: str
    needs: str | None
    takes: str
    does: str


def main() -> None:
    """Fill the gaps of every page anew."""
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(filled(page.read_text()))


def filled(page: str) -> str:
    """Give a page with its gaps filled. Raises KeyError for a gap that nothing here prints."""
    return GAP.sub(lambda gap: f"{gap[1]}{GAPS[gap[2]]().strip()}\n{gap[3]}", page)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a table of Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def names(found: Iterable[str]) -> str:
    """List names in their order."""
    return ", ".join(f"`{name}`" for name in sorted(found))


# settings


def settings() -> str:
    """Print every setting with its defaults, unit and bounds."""
    head = ("name", "default", "in production", "takes", "meaning")
    kinds = typing.get_type_hints(Settings)
    return table(head, (_setting(name, about, kinds[about.name]) for name, about in describe()))


def _setting(name: str, about: Any, kind: Any) -> tuple[str, ...]:
    facts = about.metadata
    text = facts["help"] + (" (secret: never printed)" if facts["secret"] else "")
    return f"`{name}`", _value(about.default), _value(facts["production"], "the same"), _takes(kind, facts), text


def _value(value: Any, absent: str = "not set") -> str:
    if value is None or value == ():
        return absent
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _takes(kind: Any, facts: Any) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(kind))
    if kind is bool:
        return "`true`, `false`"
    if typing.get_origin(kind) is tuple:
        return "a list with commas"
    unit = f" {facts['unit']}" if facts["unit"] else ""
    if kind not in (int, float):
        return "text" if facts["least"] is None else f"text of at least {facts['least']} bytes"
    bounds = f"at least {facts['least']}" if facts["most"] is None else f"{facts['least']} to {facts['most']}"
    return f"{'a whole number' if kind is int else 'a number'}, {bounds}{unit}"


# errors and permissions


def errors() -> str:
    """Print every error code."""
    rows = (
        (f"`{code}`", str(row.status), "yes" if row.retryable else "no", row.message) for code, row in CODES.items()
    )
    return table(("code", "status", "retryable", "message"), rows)


def permissions() -> str:
    """Print which role of a user holds which permission."""
    known = sorted(frozenset[str]().union(*PERMISSIONS.values()))
    rows = ((f"`{name}`", *("yes" if name in held else "no" for held in PERMISSIONS.values())) for name in known)
    return table(("permission", *(f"`{role}`" for role in PERMISSIONS)), rows)


def actions() -> str:
    """Print what it takes to act in a channel."""
    rows = (
        (
            f"`{name}`",
            f"`{row.permission}`",
            *("yes" if role in row.roles else "no" for role in channel_policy.ROLES),
            "yes" if row.public else "no",
        )
        for name, row in channel_policy.TABLE.items()
    )
    roles = (f"`{role}`" for role in channel_policy.ROLES)
    return table(("action", "permission", *roles, "others, where it is public"), rows)


def audit_actions() -> str:
    """Print every deed that is recorded."""
    return table(("action", "what was done"), ((f"`{action}`", text) for action, text in ACTIONS.items()))


# commands and bodies


def events() -> str:
    """Print every command of `/chat` with its fields."""
    rows = ChatNamespace.__new__(ChatNamespace)._table()  # noqa: SLF001  only read, nothing in it is called
    return "\n\n".join(_event(name, row) for name, row in sorted(rows.items()))


def _event(name: str, row: Any) -> str:
    needs = f"Permission: `{row.permission}`." if row.permission else "Permission: any verified token is enough."
    late = " Taken from a suspended socket too." if row.while_suspended else ""
    return f"### {name}\n\n{_doc(row.command)}\n\n{needs}{late}\n\n{fields(row.command)}"


def bodies() -> str:
    """Print every request body that a route takes, with its fields."""
    taken = {route.takes for route in routes()}
    kinds = [getattr(commands, name) for name in sorted(taken) if hasattr(commands, name)]
    return "\n\n".join(f"### {kind.__name__}\n\n{_doc(kind)}\n\n{fields(kind)}" for kind in kinds)


def fields(command: type[Command]) -> str:
    """Print the fields of a command: name, type with its bounds, default."""
    described = typing.cast(shapes.StructType, shapes.type_info(command)).fields
    rows = [(f"`{field.name}`", kind_of(field.type), _default(field)) for field in described]
    return table(("field", "type", "default"), rows) if rows else "No fields: `{}`."


def _default(field: shapes.Field) -> str:
    return "required" if field.required else f"`{json.dumps(field.default)}`"


def kind_of(kind: shapes.Type) -> str:
    """Say in words what a field takes."""
    match kind:
        case shapes.StrType():
            return "string" + _bounds(kind.min_length, kind.max_length, " characters")
        case shapes.IntType():
            return "whole number" + _bounds(kind.ge, kind.le, "")
        case shapes.LiteralType():
            return " or ".join(f'`"{value}"`' for value in sorted(map(str, kind.values)))
        case shapes.UnionType():
            return "; or ".join(kind_of(one) for one in kind.types)
        case shapes.DictType() | shapes.VarTupleType():
            return _many(kind)
    return WORDS[type(kind)]


def _many(kind: shapes.DictType | shapes.VarTupleType) -> str:
    if isinstance(kind, shapes.VarTupleType):
        return f"list{_bounds(kind.min_length, kind.max_length, ' entries')}, each {kind_of(kind.item_type)}"
    if isinstance(kind.value_type, shapes.AnyType):
        return "object"
    most = "" if kind.max_length is None else f" of at most {kind.max_length} fields"
    return f"object{most}; name: {kind_of(kind.key_type)}; value: {kind_of(kind.value_type)}"


def _bounds(least: int | None, most: int | None, unit: str) -> str:
    if least is None:
        return "" if most is None else f", at most {most}{unit}"
    return f", {least} to {most}{unit}"


def _doc(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


# routes


class _NotingAccess(Access):
    """Wraps handlers as the service does, and remembers what it wrapped."""

    def __init__(self) -> None:
        super().__init__(NOT_MADE, Proxies(), NOT_MADE)
        self.wrapped: dict[Any, tuple[SignedIn, str]] = {}

    def signed_in(self, handler: SignedIn, permission: str | None = None) -> Any:
        """Wrap a handler, and remember it with the permission that it takes."""
        guarded = super().signed_in(handler, permission)
        self.wrapped[guarded] = (handler, permission or "")
        return guarded


def routes() -> Iterator[Route]:
    """List every route but the static files, in the order of the tables."""
    access, guards = _NotingAccess(), Guards(NOT_MADE, NOT_MADE, NOT_MADE, NOT_MADE, NOT_MADE)
    tables: list[list[web.RouteDef]] = [
        AccountRoutes(NOT_MADE, NOT_MADE, access, NOT_MADE, NOT_MADE, guards, NOT_MADE).table(),
        PeopleRoutes(NOT_MADE, NOT_MADE, access).table(),
        InviteRoutes(NOT_MADE, access, None).table(),
        AuditRoutes(NOT_MADE, access).table(),
        ChannelRoutes(NOT_MADE, NOT_MADE, NOT_MADE, access, NOT_MADE).table(),
        HealthRoutes("", {}, NOT_MADE, NOT_MADE).table(),
    ]
    for route in [route for made in tables for route in made]:
        handler, needs = access.wrapped.get(route.handler, (route.handler, None))
        yield Route(route.method, route.path, needs, _taken_by(handler), _doc(handler))


def _taken_by(handler: Any) -> str:
    """Read out of a handler's source which body or which query it takes."""
    source = inspect.getsource(handler)
    if body := re.search(r"\bread(?:_optional)?\(request, (\w+)\)", source):
        return body[1]
    query = re.search(r"\bquery\(request, ([^)]*)\)", source)
    return ", ".join(f"`{name}`" for name in re.findall(r'"(\w+)"', query[1])) if query else ""


def http() -> str:
    """Print every route."""
    rows = ((f"`{route.method} {route.path}`", _needs(route), _takes_link(route), route.does) for route in routes())
    return table(("method and path", "needs", "body or query", "what it does"), rows)


def _needs(route: Route) -> str:
    return "nothing" if route.needs is None else f"`{route.needs}`" if route.needs else "a token"


def _takes_link(route: Route) -> str:
    return f"[{route.takes}](#{route.takes.lower()})" if hasattr(commands, route.takes) else route.takes


GAPS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "errors": errors,
    "permissions": permissions,
    "actions": actions,
    "commands": events,
    "http": http,
    "bodies": bodies,
    "durable": lambda: names(wire.DURABLE_FACTS),
    "audit": audit_actions,
    "passing": lambda: names(wire.PASSING_FACTS),
    **EXAMPLES,
}
"""What stands in which gap."""


if __name__ == "__main__":
    main()
