"""Rows of keys that the caller gives, as one bound parameter that the database unfolds.

One parameter whatever their number keeps one prepared statement per query, and no list is too long for a
statement. Nothing here knows a table.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ARRAY, BigInteger, ColumnElement, Text, TypeDecorator, bindparam, cast, literal_column
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

Row = Sequence[str | int]


class Rows(TypeDecorator[Iterable[Row]]):
    """Writes rows of strings and whole numbers: an array of JSON arrays, which is JSON itself on SQLite.

    PostgreSQL sees how long an array is before it plans; into JSON it cannot look, and plans for a hundred rows.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the type on the wire."""
        return dialect.type_descriptor(ARRAY(Text) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Iterable[Row] | None, dialect: Dialect) -> Any:
        """Write the rows."""
        rows = list(value or ())
        if dialect.name == "postgresql":
            return [msgspec.json.encode(row).decode() for row in rows]
        return msgspec.json.encode(rows).decode()


class _Unfolded(FunctionElement[Any]):
    inherit_cache = True


class _Item(FunctionElement[str]):
    type = Text()
    inherit_cache = True


@compiles(_Unfolded, "postgresql")
def _unfolded_on_postgresql(element: _Unfolded, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT unnest({compiler.process(element.clauses, **options)}) AS value)"


@compiles(_Unfolded, "sqlite")
def _unfolded_on_sqlite(element: _Unfolded, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Item, "postgresql")
def _item_on_postgresql(element: _Item, compiler: SQLCompiler, **options: Any) -> str:
    value, index = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(CAST({value} AS JSON) ->> {index})"


@compiles(_Item, "sqlite")
def _item_on_sqlite(element: _Item, compiler: SQLCompiler, **options: Any) -> str:
    value, index = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract({value}, '$[{index}]')"


_rows = _Unfolded(bindparam("given", type_=Rows)).table_valued("value", name="given")

ROWS = _rows
"""What to select from: the rows bound as `given`."""


def item(index: int) -> ColumnElement[str]:
    """Give an item of each row as text, counted from 0."""
    return _Item(_rows.c.value, literal_column(str(index)))


def number(index: int) -> ColumnElement[int]:
    """Give an item of each row as a whole number, counted from 0."""
    return cast(item(index), BigInteger)
