# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
"""Every hole of python-socketio that the project knows of (E1 to E42) has a test here that fails where it is open.

The tests stand with what they test and name the hole in their docstring, or its class in their comment; this file
holds the list complete. What is not the engine's to close is named below with the reason.
"""

import ast
import re
from pathlib import Path

HOLES = {f"E{number}" for number in range(1, 43)}
ELSEWHERE = {
    "E19": "the engine reads no message bus: nothing that others write to Redis is an emit here",
    "E20": "as E19",
    "E21": "as E19: `deliver` is local and synchronous, what travels between nodes is the application's log",
    "E22": "as E19: callbacks exist only for this node's own clients",
    "E38": "idle TCP connections before a request are the HTTP server's: set its keepalive_timeout",
}


def holes_in(path):
    """Yield (hole, test) for every hole that a test's docstring names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for hole in re.findall(r"\bE\d+\b", ast.get_docstring(node) or ""):
                yield hole, node.name


def test_every_hole_is_closed_by_a_test_or_is_not_ours():
    tested = {hole for path in Path(__file__).parent.glob("test_*.py") for hole, _ in holes_in(path)}
    assert sorted(HOLES - tested - set(ELSEWHERE)) == []
    assert sorted(tested & set(ELSEWHERE)) == []
