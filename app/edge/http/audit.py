"""`/v1/audit`: parse, call one service, answer."""

from dataclasses import dataclass

from aiohttp import web

from app.core.audit import ACTIONS, Filter, record_json
from app.core.claims import Claims
from app.core.errors import FieldError, Invalid
from app.core.ids import is_id
from app.core.times import from_rfc3339
from app.edge.http import bodies
from app.edge.http.access import Access
from app.services.audit import Audit


@dataclass(frozen=True, slots=True)
class AuditRoutes:
    """What was done, by whom, to whom."""

    audit: Audit
    access: Access

    def table(self) -> list[web.RouteDef]:
        """List the routes."""
        return [web.get("/v1/audit", self.access.signed_in(self.list, "audit:read"))]

    async def list(self, request: web.Request, _claims: Claims) -> web.Response:
        """List what was done, the newest first; `after` and `before` are times."""
        raw = bodies.query(request, "action", "actor", "subject", "after", "before", "limit", "cursor")
        wanted = Filter(
            action=_action(raw),
            actor_id=_id(raw, "actor"),
            subject_id=_id(raw, "subject"),
            after_ms=_instant(raw, "after"),
            before_ms=_instant(raw, "before"),
        )
        page = await self.audit.list_for(wanted, bodies.limit(raw), bodies.cursor(raw, "aud"))
        items = [record_json(record) for record in page.items]
        return web.json_response({"items": items, "next_cursor": bodies.next_cursor(page.next_after)})


def _action(raw: dict[str, str]) -> str | None:
    action = raw.get("action")
    if action is not None and action not in ACTIONS:
        raise Invalid(FieldError("action", "invalid"))
    return action


def _id(raw: dict[str, str], name: str) -> str | None:
    found = raw.get(name)
    if found is not None and not is_id(found, "usr"):
        raise Invalid(FieldError(name, "invalid"))
    return found


def _instant(raw: dict[str, str], name: str) -> int | None:
    try:
        return from_rfc3339(raw[name]) if name in raw else None
    except (ValueError, OverflowError):
        raise Invalid(FieldError(name, "wrong_type")) from None
