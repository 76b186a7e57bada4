"""The composition root: makes one node out of the rooms, from settings, and takes it apart in reverse order.

Nothing happens at import. Whatever a node holds open is a context in `open_node`, in the order of dependence.
"""

import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from app import __version__
from app.administration import Administration, administration_of, routes_of
from app.bus.embedded import embedded_valkey
from app.bus.limits import Limits as SharedLimits
from app.bus.log import Log
from app.bus.revocations import RevocationList
from app.core.ids import NewId
from app.core.sequencer import Sequencer
from app.core.times import Clock
from app.edge.http.access import Access
from app.edge.http.accounts import AccountRoutes
from app.edge.http.channels import ChannelRoutes
from app.edge.http.cookies import RefreshCookie
from app.edge.http.errors import failures
from app.edge.http.headers import on_prepare
from app.edge.http.health import HealthRoutes
from app.edge.http.origins import https_only, origins_checked
from app.edge.http.runner import Runner
from app.edge.http.static import StaticRoutes
from app.edge.http.wellformed import well_formed
from app.edge.socket.audience import Audience
from app.edge.socket.chat import ChatNamespace, Desk, SocketLimits
from app.edge.socket.sweep import sweep
from app.engine import Limits, Server
from app.engine.visitors import Proxies
from app.limiting import guards_of, health_of, refreshes_of, shared_limits, writes_of
from app.secure.ids import RefreshTokens, new_id
from app.secure.passwords import Passwords
from app.secure.seals import Seal
from app.secure.secret import derive, load_or_create, weakness
from app.services.channels import Channels
from app.services.feed import Feed
from app.services.history import History
from app.services.issuers import Issuers
from app.services.key_watch import watch_keys
from app.services.messages import MessageLimits, Messages
from app.services.outbox import Outbox
from app.services.revoked import Revoked
from app.services.sessions import Lifetimes, Sessions
from app.services.writer import Writer
from app.settings import Settings, SettingsError
from app.store.database import Database, open_database
from app.tasks import Tasks, background
from app.trust import access_of, key_file_of, open_issuers

ROOT = Path(__file__).parent.parent
LOG_READY_S = 5.0

logger = logging.getLogger("heliograph.main")


def wall_clock() -> int:
    """Tell the time of day in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Given:
    """What a node takes from outside of itself besides settings, so that tests can give their own."""

    clock: Clock = wall_clock
    monotonic: Callable[[], float] = time.monotonic
    new_id: NewId = new_id


@dataclass(frozen=True, slots=True)
class Node:
    """A running node: what its application serves, and what its end has to know of."""

    server: Server
    chat: ChatNamespace
    audience: Audience
    writer: Writer
    log: Log
    desk: Desk
    tasks: Tasks
    limits: SharedLimits
    administration: Administration


def secret_of(settings: Settings) -> str:
    """Give the deployment's secret: the configured one, or in development one that is made once.

    Raises `SettingsError` for a weak one.
    """
    secret = settings.secret_key or load_or_create(settings.data_dir / "secret_key")
    if fault := weakness(secret):
        raise SettingsError([f"SECRET_KEY: {fault}"])
    return secret


def database_url(settings: Settings) -> str:
    """Give the database's URL; without one it is a SQLite file in the data directory."""
    return settings.database_url or f"sqlite:///{(settings.data_dir / 'heliograph.db').absolute()}"


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[str]:
    """Give the URL of the log's server; without one, an embedded Valkey that ends with the context."""
    if settings.redis_url is not None:
        yield settings.redis_url
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with embedded_valkey(settings.data_dir) as url:
        yield url


@asynccontextmanager
async def open_passwords(settings: Settings, secret: str) -> AsyncIterator[Passwords]:
    """Own the password worker."""
    passwords = Passwords(derive(secret, "password-pepper"), settings.bcrypt_cost)
    try:
        yield passwords
    finally:
        passwords.close()


def make_sessions(
    settings: Settings,
    given: Given,
    secret: str,
    *,
    database: Database,
    outbox: Outbox,
    revoked: Revoked,
    limits: SharedLimits,
    issuers: Issuers | None = None,
) -> Sessions:
    """Make the service of sessions with the deployment's keys."""
    return Sessions(
        database=database,
        outbox=outbox,
        revoked=revoked,
        access=access_of(settings, secret, given.clock),
        refresh_tokens=RefreshTokens(derive(secret, "refresh-successor")),
        lifetimes=Lifetimes(settings.access_ttl_s, settings.refresh_idle_s, settings.refresh_max_s),
        refreshes=refreshes_of(limits),
        clock=given.clock,
        new_id=given.new_id,
        issuers=issuers,
    )


def make_server(settings: Settings, origins: frozenset[str] | None, given: Given) -> Server:
    """Make the Socket.IO server; `origins` are the pages that may connect, None is any."""
    limits = Limits(
        frame_bytes=settings.max_frame_bytes,
        outbox_bytes=settings.outbox_bytes,
        outbox_frames=settings.outbox_frames,
        connect_timeout_s=settings.connect_timeout_s,
        handler_timeout_s=min(10.0, settings.ping_timeout_s * 0.8),
        sockets_per_address=settings.sockets_per_address,
    )
    return Server(
        limits=limits,
        origins=origins,
        trusted_proxies=settings.proxies,
        transports=settings.transports,
        ping_interval_s=settings.ping_interval_s,
        ping_timeout_s=settings.ping_timeout_s,
        clock=given.monotonic,
    )


def make_chat(settings: Settings, given: Given, desk: Desk, audience: Audience) -> ChatNamespace:
    """Make the namespace `/chat`."""
    announced = {
        "max_text_chars": settings.max_text_chars,
        "max_data_bytes": settings.max_data_bytes,
        "max_frame_bytes": settings.max_frame_bytes,
        "commands_burst": settings.commands_burst,
        "channels_per_socket": settings.channels_per_socket,
    }
    return ChatNamespace(
        desk,
        audience,
        limits=SocketLimits(
            settings.commands_per_s,
            settings.commands_burst,
            settings.sockets_per_user,
            settings.channels_per_socket,
            announced,
        ),
        leeway_s=settings.jwt_leeway_s,
        grace_s=settings.expiry_grace_s,
        clock=given.clock,
        monotonic=given.monotonic,
        new_id=given.new_id,
    )


@asynccontextmanager
async def open_node(settings: Settings, origins: frozenset[str] | None, given: Given) -> AsyncIterator[Node]:
    """Open a node and yield it once it knows its place in the log; everything is closed in reverse order."""
    secret = secret_of(settings)
    async with AsyncExitStack() as stack:
        redis_url = await stack.enter_async_context(open_redis(settings))
        database = await stack.enter_async_context(
            open_database(database_url(settings), pool_size=settings.database_pool)
        )
        passwords = await stack.enter_async_context(open_passwords(settings, secret))
        server, sequencer, history = make_server(settings, origins, given), Sequencer(), History(database)
        audience = Audience(server, sequencer, given.clock)
        seal = Seal(derive(secret, "log-seal"))
        kept = make_revocations(settings, redis_url)
        revoked = Revoked(kept.load, seal, given.clock)
        feed = Feed(history, audience, sequencer, seal, revoked)
        log = make_log(settings, redis_url, feed)
        outbox = Outbox(log.append, kept.remember, seal)
        issuers = await stack.enter_async_context(
            open_issuers(settings, database, outbox, clock=given.clock, monotonic=given.monotonic, new_id=given.new_id)
        )
        limits = await stack.enter_async_context(shared_limits(settings, redis_url, given.monotonic))
        sessions = make_sessions(
            settings, given, secret, database=database, outbox=outbox, revoked=revoked, limits=limits, issuers=issuers
        )
        administration = administration_of(settings, secret, sessions, passwords, limits)
        channels = Channels(database, outbox, given.clock, given.new_id)
        writer = Writer(database, outbox, given.clock)
        sizes = MessageLimits(settings.max_text_chars, settings.max_data_bytes)
        desk = Desk(sessions, administration.accounts, channels, Messages(writer, sizes, given.new_id), history)
        chat = make_chat(settings, given, desk, audience)
        server.register_namespace(chat)
        tasks = await stack.enter_async_context(background())
        tasks.start("log", log.run())
        tasks.start("feed", feed.run())
        tasks.start("revocations", kept.run())
        tasks.start("revoked", revoked.run())
        tasks.start("recheck", audience.recheck(sessions, channels))
        tasks.start("sweep", sweep(audience, sessions))
        tasks.start("writer", writer.run())
        tasks.start("audit", administration.audit.run())
        if (file := key_file_of(settings, secret)) is not None:
            tasks.start("keys", watch_keys(file, sessions.access.ring, given.clock))
        await _positioned(log)
        node = Node(server, chat, audience, writer, log, desk, tasks, limits, administration)
        yield node


def make_revocations(settings: Settings, redis_url: str) -> RevocationList:
    """Make the deployment's list of what ended before its time."""
    return RevocationList(redis_url, deployment=settings.deployment, chance=random.random)


def make_log(settings: Settings, redis_url: str, feed: Feed) -> Log:
    """Make the node's end of the log."""
    return Log(
        redis_url,
        deployment=settings.deployment,
        maxlen=settings.log_maxlen,
        on_entries=feed.on_entries,
        on_gap=feed.on_gap,
    )


async def _positioned(log: Log) -> None:
    """Wait for the log; a node whose log is away serves all the same, and says so in its readiness."""
    try:
        await log.ready(LOG_READY_S)
    except TimeoutError:
        logger.warning("the log is away; messages are stored and will be delivered when it is back")


def make_app(settings: Settings, origins: frozenset[str] | None, given: Given, node: Node) -> web.Application:
    """Make the HTTP application of a node: every route, in one table, and the socket beside it."""
    access = Access(node.desk.sessions, Proxies(settings.proxies), writes_of(settings, given.monotonic))
    guards = guards_of(settings, node.limits, access)

    def is_allowed(origin: str) -> bool:
        return origins is None or origin in origins

    cookie = RefreshCookie(secure=settings.is_production or bool(settings.tls_cert) or _is_https(settings))
    middlewares = [failures(given.new_id), well_formed, origins_checked(is_allowed)]
    if settings.force_https:
        middlewares.append(https_only(access.scheme_of, settings.public_url))
    app = web.Application(middlewares=middlewares, client_max_size=settings.max_frame_bytes)
    app.on_response_prepare.append(on_prepare(access.scheme_of, is_allowed))
    desk = node.desk
    app.add_routes(
        [
            *AccountRoutes(
                desk.accounts, desk.sessions, access, cookie, is_allowed, guards, node.administration.resets
            ).table(),
            *routes_of(node.administration, access, settings.public_url),
            *ChannelRoutes(desk.channels, desk.messages, desk.history, access, given.clock).table(),
            *HealthRoutes(
                __version__, _checks(node), lambda: node.chat.draining, desk.sessions.access.ring.jwks
            ).table(),
            *StaticRoutes(ROOT / "static", ROOT / "node_modules").table(),
        ]
    )
    node.server.attach(app)
    return app


def make_runner(app: web.Application, given: Given, node: Node, **options: Any) -> Runner:
    """Make what runs the application; what is no HTTP is counted where broken packets are."""
    return Runner(app, note=node.server.eio.complaints.note, new_id=given.new_id, **options)


def _is_https(settings: Settings) -> bool:
    return (settings.public_url or "").startswith("https://")


def _checks(node: Node) -> dict[str, Callable[[], Awaitable[dict[str, Any]]]]:
    async def database() -> dict[str, Any]:
        await node.desk.history.database.ping()
        return {"ok": True}

    async def log() -> dict[str, Any]:
        health = node.log.health()
        lag_s = None if health.lag_s == float("inf") else round(health.lag_s, 3)
        return {"ok": health.connected, "pending": health.pending, "dropped": health.dropped, "lag_s": lag_s}

    async def tasks() -> dict[str, Any]:
        return {"ok": not node.tasks.dead, "dead": sorted(node.tasks.dead)}

    return {"database": database, "redis": log, "tasks": tasks, "limits": lambda: health_of(node.limits)}
