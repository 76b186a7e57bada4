"""The command line: each verb is one call. The only place that exits."""

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import TypeVar

from app import __version__, log
from app.administration import Administration, administration_of
from app.bus.log import Log
from app.core.audit import OPERATOR
from app.core.errors import AppError
from app.core.model import User
from app.key_verbs import add_key_verbs
from app.limiting import shared_limits
from app.main import (
    Given,
    database_url,
    make_revocations,
    make_sessions,
    open_passwords,
    open_redis,
    secret_of,
)
from app.secure.seals import Seal
from app.secure.secret import derive
from app.serve import run
from app.services.outbox import Outbox
from app.services.revoked import Revoked
from app.settings import Settings, SettingsError, from_env, table
from app.store.database import open_database
from app.store.migrate import migrate
from app.tasks import background
from app.token_verbs import add_token_verbs
from app.workers import supervise

TELL_S = 3.0

T = TypeVar("T")


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit code: 0 done, 1 failed, 2 wrong use or settings."""
    arguments = _parser().parse_args(argv)
    try:
        settings = from_env()
        log.configure(settings.log_format, settings.log_level)
        arguments.verb(settings, arguments)
    except SettingsError as error:
        print(
            "Heliograph cannot start with these settings:",
            *(f"  {fault}" for fault in error.faults),
            sep="\n",
            file=sys.stderr,
        )
        print("See every setting with: python -m app settings", file=sys.stderr)
        return 2
    except AppError as error:
        print(f"{error.message} ({', '.join(f'{f.path}: {f.code}' for f in error.fields) or error})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def _serve(settings: Settings, arguments: argparse.Namespace) -> None:
    workers = arguments.workers or settings.workers
    if workers > 1 and not arguments.shared_port:
        asyncio.run(supervise(settings, workers))
    else:
        run(settings, announce=not arguments.quiet, shared_port=arguments.shared_port)


def _migrate(settings: Settings, _arguments: argparse.Namespace) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    done = asyncio.run(migrate(database_url(settings)))
    print(f"Migrated: {', '.join(done)}" if done else "The database is up to date.")


def _settings(settings: Settings, _arguments: argparse.Namespace) -> None:
    for name, value, default, unit, text in table(settings):
        print(f"{name}={value}\n    {text}{f' [{unit}]' if unit else ''} (default: {default})")


def _create(settings: Settings, arguments: argparse.Namespace) -> None:
    password = _password(stdin=arguments.password_stdin)
    roles = ("member", "admin") if arguments.admin else ("member",)
    user = asyncio.run(_with_accounts(settings, lambda a: a.accounts.create(arguments.name, password, roles)))
    _tell("Created", user)


def _promote(settings: Settings, arguments: argparse.Namespace) -> None:
    roles = ("member", arguments.role) if arguments.role != "member" else ("member",)
    _tell("Promoted", asyncio.run(_with_accounts(settings, lambda a: a.accounts.set_roles(arguments.name, roles))))


def _suspend(settings: Settings, arguments: argparse.Namespace) -> None:
    suspended = not arguments.lift
    user = asyncio.run(_with_accounts(settings, lambda a: a.accounts.suspend(arguments.name, suspended=suspended)))
    _tell("Suspended" if suspended else "Reinstated", user)


def _reset(settings: Settings, arguments: argparse.Namespace) -> None:
    user, code = asyncio.run(_with_accounts(settings, lambda a: a.resets.issue_to(OPERATOR, arguments.name)))
    print(f"A new password for {user.username} ({user.id}) can be chosen once within an hour, by this code:")
    print(code)


async def _with_accounts(settings: Settings, act: Callable[[Administration], Awaitable[T]]) -> T:
    """Act on accounts from outside of a node, and tell the running nodes through the log."""
    given, secret = Given(), secret_of(settings)
    await migrate(database_url(settings))
    async with AsyncExitStack() as stack:
        redis_url = await stack.enter_async_context(open_redis(settings))
        database = await stack.enter_async_context(
            open_database(database_url(settings), pool_size=settings.database_pool)
        )
        passwords = await stack.enter_async_context(open_passwords(settings, secret))
        end = Log(
            redis_url,
            deployment=settings.deployment,
            maxlen=settings.log_maxlen,
            on_entries=lambda _: None,
            on_gap=lambda _: None,
        )
        tasks = await stack.enter_async_context(background())
        tasks.start("log", end.run())
        seal, kept = Seal(derive(secret, "log-seal")), make_revocations(settings, redis_url)
        tasks.start("revocations", kept.run())
        outbox, revoked = Outbox(end.append, kept.remember, seal), Revoked(kept.load, seal, given.clock)
        limits = await stack.enter_async_context(shared_limits(settings, redis_url, given.monotonic))
        sessions = make_sessions(
            settings, given, secret, database=database, outbox=outbox, revoked=revoked, limits=limits
        )
        done = await act(administration_of(settings, secret, sessions, passwords, limits))
        with suppress(OSError):
            await kept.flush()
        if not await end.flush(TELL_S):
            print("The running nodes could not be told; they will see it when they look next.", file=sys.stderr)
        return done


def _tell(what: str, user: User) -> None:
    print(f"{what} {user.username} ({user.id}), roles: {', '.join(user.roles)}")


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise AppError("validation_failed", "The two passwords are not the same.")
    return password


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description="Heliograph: secure real-time messaging.")
    parser.add_argument("--version", action="version", version=f"heliograph {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    serve = verbs.add_parser("serve", help="run the service")
    serve.add_argument("--workers", type=int, help="processes that share the port (default: WORKERS)")
    serve.add_argument("--quiet", action="store_true", help="do not print the address")
    serve.add_argument("--shared-port", action="store_true", help=argparse.SUPPRESS)
    serve.set_defaults(verb=_serve)
    verbs.add_parser("migrate", help="bring the database up to date").set_defaults(verb=_migrate)
    verbs.add_parser("settings", help="print every setting").set_defaults(verb=_settings)
    users = verbs.add_parser("user", help="make and change accounts").add_subparsers(required=True, metavar="VERB")
    create = users.add_parser("create", help="make an account")
    create.add_argument("name")
    create.add_argument("--admin", action="store_true", help="make it an administrator")
    create.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    create.set_defaults(verb=_create)
    promote = users.add_parser("promote", help="give an account a role")
    promote.add_argument("name")
    promote.add_argument("--role", choices=("admin", "member"), default="admin")
    promote.set_defaults(verb=_promote)
    suspend = users.add_parser("suspend", help="end an account's sessions and refuse new ones")
    suspend.add_argument("name")
    suspend.add_argument("--lift", action="store_true", help="lift the suspension")
    suspend.set_defaults(verb=_suspend)
    reset = users.add_parser("reset", help="make a code by which somebody chooses a new password")
    reset.add_argument("name")
    reset.set_defaults(verb=_reset)
    add_token_verbs(verbs)
    add_key_verbs(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
