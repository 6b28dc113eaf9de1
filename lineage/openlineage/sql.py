"""Which tables a statement reads and writes, for jobs that tell their SQL and no datasets.

The text is the masked one that is stored. What is taken from it depends on the text and the version
of the parser alone, never on a clock: the work is bounded by the size of the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlglot.expressions import Expr, Table

__all__ = ["LONGEST", "Statement", "Unread", "parser", "statements"]

LONGEST: Final = 20_000
"""Characters of SQL that are parsed; of a longer text nothing is taken."""
_MOST: Final = 100
"""Statements of one text."""
_CACHED: Final = 2000
_DATA: Final = ("TABLE", "VIEW")

_DIALECTS: Final = {
    "sparksql": "spark", "spark_sql": "spark", "postgresql": "postgres", "mssql": "tsql",
    "sqlserver": "tsql", "awsathena": "athena", "googlesql": "bigquery", "generic": "", "ansi": "",
}  # fmt: skip


class Unread(Exception):
    """The text is too long, or no SQL of its dialect; the message says which."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one statement reads and writes, tables by their names joined by dots.

    Attributes:
        reads: Tables that it looks at.
        writes: Tables that it changes.
        passes: Whether values of the tables read come into those written.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    passes: bool = True


def parser() -> str:
    """The parser and its version, by which what is taken from a text may differ."""
    return f"sqlglot {version('sqlglot')}"


@lru_cache(maxsize=_CACHED)
def statements(text: str, dialect: str = "") -> tuple[Statement, ...]:
    """The statements of a text that touch a table.

    Args:
        text: Masked SQL.
        dialect: As the producer names it; one that is unknown is read as any.

    Raises:
        Unread: Nothing can be said of it.
    """
    if len(text) > LONGEST:
        raise Unread(f"the SQL is longer than {LONGEST} characters")
    if not text.strip():
        return ()
    import sqlglot
    from sqlglot.dialects import Dialect

    name = dialect.strip().lower()
    name = _DIALECTS.get(name, name)
    known = name if name in Dialect.classes else ""
    try:
        parsed = sqlglot.parse(text, dialect=known or None)
    except (sqlglot.errors.SqlglotError, RecursionError):
        raise Unread("the SQL cannot be parsed") from None
    if len(parsed) > _MOST:
        raise Unread(f"the SQL has more than {_MOST} statements")
    found = (_statement(one) for one in parsed if one is not None)
    return tuple(one for one in found if one.reads or one.writes)


def _statement(tree: Expr) -> Statement:
    from sqlglot import exp

    targets = [table for table in _targets(tree) if _named(table)]
    kept = {id(table) for table in targets}
    read = {
        _name(table)
        for table in tree.find_all(exp.Table)
        if id(table) not in kept and _named(table) and not _is_cte(table)
    }
    passing = isinstance(tree, exp.Insert | exp.Create | exp.Merge | exp.Update)
    written = {_name(table) for table in targets}
    return Statement(tuple(sorted(read)), tuple(sorted(written)), passing)


def _targets(tree: Expr) -> Iterator[Table]:
    """The tables that a statement changes."""
    from sqlglot import exp

    if isinstance(tree, exp.Drop | exp.Create) and tree.args.get("kind") not in _DATA:
        return
    if isinstance(tree, exp.Drop | exp.TruncateTable | exp.Alter):
        yield from tree.find_all(exp.Table)
    elif isinstance(tree, exp.Insert | exp.Create | exp.Merge | exp.Update | exp.Delete | exp.Copy):
        target = tree.this
        target = target.this if isinstance(target, exp.Schema) else target
        if isinstance(target, exp.Table):
            yield target


def _named(table: Table) -> bool:
    """Whether it is a table, and no function or placeholder in the place of one."""
    from sqlglot import exp

    return isinstance(table.this, exp.Identifier) and bool(table.name)


def _name(table: Table) -> str:
    return ".".join(part.name for part in table.parts)


def _is_cte(table: Table) -> bool:
    """Whether a table is one that the statement itself defines (``with``)."""
    from sqlglot import exp

    if len(table.parts) > 1:
        return False
    name, within = table.name.lower(), table.parent
    while within is not None:
        defined = within.args.get("with_")
        if isinstance(defined, exp.With):
            mine = _enclosing(table, defined)
            for cte in defined.expressions:
                if cte is mine and not defined.recursive:
                    break
                if cte.alias.lower() == name:
                    return True
        within = within.parent
    return False


def _enclosing(table: Table, defined: Expr) -> Expr | None:
    """The definition of ``with`` that a table stands in."""
    one: Expr | None = table
    while one is not None and one.parent is not defined:
        one = one.parent
    return one
