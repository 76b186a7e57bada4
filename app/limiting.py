"""How often things may be done here: makes every rule out of the settings. Nothing runs in here."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from app.bus.limits import Limits, open_limits
from app.core.allowance import Rule
from app.edge.http.access import Access
from app.edge.http.limits import Guards
from app.services.attempts import Attempts
from app.services.shares import Shares
from app.services.throttle import Throttle
from app.settings import Settings

MINUTE_S = 60
HOUR_S = 3600
LOGIN_ADDRESSES = 6
"""An address may hold so many people who sign in within a minute, each as often as an account may."""
REFRESHES_PER_MIN = 30
HTTP_WRITE_SOCKETS = 10
LEAST_REFRESHES_PER_ADDRESS = 60


def shared_limits(
    settings: Settings, redis_url: str, monotonic: Callable[[], float]
) -> AbstractAsyncContextManager[Limits]:
    """Own what all nodes count together; its windows run on the machine's clock, as the library's do."""
    return open_limits(redis_url, deployment=settings.deployment, monotonic=monotonic, wall=time.time)


def attempts_of(settings: Settings, limits: Limits) -> Attempts:
    """Make the rules of guessing a password."""
    return Attempts(limits, Throttle(limits, Rule("login-account", settings.login_per_min, MINUTE_S)))


def refreshes_of(limits: Limits) -> Throttle:
    """Make the rule of how often one session may refresh."""
    return Throttle(limits, Rule("refresh-session", REFRESHES_PER_MIN, MINUTE_S))


def writes_of(settings: Settings, monotonic: Callable[[], float]) -> Shares:
    """Make the rule of how much one user may change over HTTP: as much as over some sockets together.

    Whoever publishes from a back end does it over HTTP, as one user, for many.
    """
    return Shares(settings.commands_per_s * HTTP_WRITE_SOCKETS, settings.commands_burst * HTTP_WRITE_SOCKETS, monotonic)


def guards_of(settings: Settings, limits: Limits, access: Access) -> Guards:
    """Make the rules of one address; as many sessions may refresh behind it in a minute as it may have sockets."""
    refreshes = max(LEAST_REFRESHES_PER_ADDRESS, settings.sockets_per_address)
    return Guards(
        login=Throttle(limits, Rule("login-address", LOGIN_ADDRESSES * settings.login_per_min, MINUTE_S)),
        register=Throttle(limits, Rule("register-address", settings.register_per_hour, HOUR_S)),
        refresh=Throttle(limits, Rule("refresh-address", refreshes, MINUTE_S)),
        codes=Throttle(limits, Rule("codes-address", settings.register_per_hour, HOUR_S)),
        address_of=access.address_of,
    )


async def health_of(limits: Limits) -> dict[str, Any]:
    """Say how counting goes; that a node counts alone is no reason to send people away from it."""
    health = limits.health()
    return {"ok": True, "shared": health.shared, "alone": health.alone}
