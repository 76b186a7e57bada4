"""Runs a node as a process: listens, says where, and leaves politely when it is told to."""

import asyncio
import logging
import random
import signal
import socket
import sys

import uvloop
from aiohttp import web

from app.core import wire
from app.core.times import Clock
from app.main import Given, Node, database_url, make_app, make_runner, open_node
from app.settings import Settings, SettingsError
from app.store.migrate import migrate, pending
from app.tls import BadCertificate, Certificate

BACKLOG = 4096
FLUSH_S = 5.0
SPREAD_PER_SOCKET_S = 0.005

logger = logging.getLogger("heliograph.serve")


def run(settings: Settings, *, announce: bool = True, shared_port: bool = False) -> None:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError` where the node cannot start as it is configured."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, Given(), announce=announce, shared_port=shared_port))


async def serve(settings: Settings, given: Given, *, announce: bool, shared_port: bool) -> None:
    """Bring the database up to date, open the node, serve, drain."""
    await _migrated(settings)
    certificate = _certificate(settings)
    with bind(settings, shared_port=shared_port) as listener:
        port = listener.getsockname()[1]
        origins = allowed_origins(settings, port)
        async with open_node(settings, origins, given) as node:
            stop = _stop_signal()
            if certificate is not None:
                node.tasks.start("tls", certificate.watch())
            app = make_app(settings, origins, given, node)
            runner = make_runner(app, given, node, keepalive_timeout=75, shutdown_timeout=1)
            await runner.setup()
            try:
                tls = None if certificate is None else certificate.context
                await web.SockSite(runner, listener, ssl_context=tls, backlog=BACKLOG).start()
                if announce:
                    print(_welcome(settings, port), flush=True)  # noqa: T201  the person at the terminal
                await stop.wait()
                await drain(node, given.clock, settings.drain_s)
            finally:
                await runner.cleanup()


def bind(settings: Settings, *, shared_port: bool) -> socket.socket:
    """Bind the port, not listening yet. Raises `SettingsError` that says what to do where it is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            [f"PORT: cannot listen on {settings.host}:{settings.port} ({error.strerror}); choose another PORT"]
        ) from None
    return listener


def allowed_origins(settings: Settings, port: int) -> frozenset[str] | None:
    """Give the pages that may connect; None is any, which production refuses.

    In development these are also the page that this server serves, under the names of this machine.
    """
    if "*" in settings.allowed_origins:
        return None
    if settings.is_production:
        return settings.origins
    scheme = "https" if settings.tls_cert else "http"
    return settings.origins | {f"{scheme}://{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")}


async def drain(node: Node, clock: Clock, drain_s: float) -> None:
    """Leave: unready at once, sockets closed spread out so that they come back spread out, the rest stored and told."""
    node.chat.draining = True
    node.server.stop_admitting()
    sockets = list(node.server.connections(wire.CHAT))
    logger.info("draining %d sockets", len(sockets))
    spread_s = min(drain_s / 2, len(sockets) * SPREAD_PER_SOCKET_S)
    due = sorted(((random.uniform(0, spread_s), connection) for connection in sockets), key=lambda pair: pair[0])  # noqa: S311  no secret
    for delay_s, connection in due:
        data = {"reconnect_in_ms": int(delay_s * 1000), "reason": "draining", "reconnect": True}
        connection.emit(wire.SERVER_DRAINING, wire.notice(wire.SERVER_DRAINING, at_ms=clock(), data=data))
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    for delay_s, connection in due:
        await asyncio.sleep(max(0.0, started_s + delay_s - loop.time()))
        connection.close("draining", returns=True)
    await _flushed(node)


async def _flushed(node: Node) -> None:
    """Give what is in flight a moment to be committed and told."""
    try:
        async with asyncio.timeout(FLUSH_S):
            await node.writer.drained()
            await node.log.flush(1.0)
    except TimeoutError:
        logger.warning("some messages were not committed before the end; their senders were not told that they were")


async def _migrated(settings: Settings) -> None:
    """In development bring the database up to date; in production refuse to start on one that is not."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if not await pending(database_url(settings)):
        return
    if settings.is_production:
        raise SettingsError(["DATABASE_URL: the database is not up to date; run: python -m app migrate"])
    logger.info("migrated the database: %s", ", ".join(await migrate(database_url(settings))))


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _certificate(settings: Settings) -> Certificate | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        return Certificate(settings.tls_cert, settings.tls_key)
    except BadCertificate as error:
        raise SettingsError([f"TLS_CERT: cannot be used ({error})"]) from None


def _welcome(settings: Settings, port: int) -> str:
    scheme = "https" if settings.tls_cert else "http"
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::", "::1") else settings.host
    url = settings.public_url or f"{scheme}://{host}:{port}"
    return (
        f"\nHeliograph is ready at {url}\n"
        f"Make the first administrator in another terminal:\n  {sys.executable} -m app user create NAME --admin\n"
        "Stop with Ctrl-C.\n"
    )
