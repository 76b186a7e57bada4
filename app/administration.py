"""The part of a node that looks after people: accounts, invitations, roles, the audit log. Made here, run elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from app.bus.limits import Limits
from app.edge.http.access import Access
from app.edge.http.audit import AuditRoutes
from app.edge.http.invites import InviteRoutes
from app.edge.http.people import PeopleRoutes
from app.limiting import attempts_of
from app.secure.codes import Blind
from app.secure.passwords import Passwords
from app.secure.secret import derive
from app.secure.strength import Strength
from app.services.accounts import Accounts
from app.services.audit import Audit
from app.services.credentials import Credentials
from app.services.invites import Invites
from app.services.people import People
from app.services.resets import Resets
from app.services.sessions import Sessions
from app.settings import Settings

PRODUCT = "heliograph"


@dataclass(frozen=True, slots=True)
class Administration:
    """The services of that part."""

    accounts: Accounts
    audit: Audit
    credentials: Credentials
    invites: Invites
    people: People
    resets: Resets


def administration_of(
    settings: Settings, secret: str, sessions: Sessions, passwords: Passwords, limits: Limits
) -> Administration:
    """Make the services over those of sessions and passwords."""
    database, clock, new_id = sessions.database, sessions.clock, sessions.new_id
    credentials = Credentials(passwords, Strength(settings.password_min, _surroundings(settings)), sessions)
    invites = Invites(database, settings.registration, clock, new_id)
    audit = Audit(database, clock, new_id, settings.audit_days)
    accounts = Accounts(
        database=database,
        outbox=sessions.outbox,
        sessions=sessions,
        passwords=passwords,
        attempts=attempts_of(settings, limits),
        credentials=credentials,
        invites=invites,
        audit=audit,
        blind=Blind(derive(secret, "audit-names")),
        registration=settings.registration,
        clock=clock,
        new_id=new_id,
    )
    return Administration(
        accounts=accounts,
        audit=audit,
        credentials=credentials,
        invites=invites,
        people=People(database, sessions.outbox, sessions),
        resets=Resets(database, sessions, credentials),
    )


def routes_of(made: Administration, access: Access, public_url: str | None) -> list[web.RouteDef]:
    """List the routes of that part."""
    return [
        *PeopleRoutes(made.people, made.resets, access).table(),
        *InviteRoutes(made.invites, access, public_url).table(),
        *AuditRoutes(made.audit, access).table(),
    ]


def _surroundings(settings: Settings) -> Iterator[str]:
    """Name what nobody should build a password from: the product, and the host that people type, whole and in parts."""
    yield PRODUCT
    host = urlsplit(settings.public_url or "").hostname or ""
    yield host
    yield from host.split(".")
