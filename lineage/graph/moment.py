"""What is read of a graph at one moment, for walks; what is kept of it is not read again."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final

from lineage.graph.kept import Rows, Way, Ways
from lineage.graph.port import Edge, Node, View
from lineage.graph.rows import listed
from lineage.graph.sql_read import EDGES_BY_NUMBER, OWNERS_OF_NUMBERS, edges_of_rows, node_of_row

__all__ = ["NODES_OF_KEYS", "Moment"]

NUMBERS_OF_KEYS: Final = """
SELECT node.key, node.id, node.live FROM json_each(?) AS wanted
CROSS JOIN node ON node.key = wanted.value
"""
KEYS_OF_NUMBERS: Final = """
SELECT node.id, node.key FROM json_each(?) AS wanted CROSS JOIN node ON node.id = wanted.value
"""
NODES_OF_NUMBERS: Final = """
SELECT node.id, node.key, node.label, node.props FROM json_each(?) AS wanted
CROSS JOIN node ON node.id = wanted.value
"""
NODES_OF_KEYS: Final = """
SELECT node.id, node.key, node.label, node.props FROM json_each(?) AS wanted
CROSS JOIN node ON node.key = wanted.value AND node.live = 1
"""
WAYS: Final = """
SELECT span.near, span.start, span.until, span.far, span.edge FROM json_each(?) AS wanted
CROSS JOIN span ON span.axis = ? AND span.near = wanted.value
"""
WAYS_TO_MODELS: Final = f"""
{WAYS} CROSS JOIN node AS d ON d.id = span.far AND d.label = 'Model'
"""
LEVEL: Final = """
SELECT span.far, span.edge FROM json_each(?) AS wanted
CROSS JOIN span ON span.axis = ? AND span.near = wanted.value AND span.start <= ?
WHERE span.until > ?
"""
EVER: Final = """
SELECT DISTINCT span.far, span.edge FROM json_each(?) AS wanted
CROSS JOIN span ON span.axis = ? AND span.near = wanted.value AND span.start <= ?
"""
"""Like ``LEVEL``, whether or not the span has ended."""
_SRC, _DST, _OWNER = itemgetter(2), itemgetter(3), itemgetter(4)
"""Members of a row of ``EDGES_BY_NUMBER``."""
MOST_WAYS: Final = 5_000
"""Ways from one level that are read to be kept; of more only those that count are read."""


class Moment:
    """Reads in an open transaction, with the rows that are kept of its moment."""

    def __init__(self, db: sqlite3.Connection, rows: Rows) -> None:
        self._db = db
        self._rows = rows

    def keys(self, numbers: Sequence[int]) -> dict[int, str]:
        """The keys of numbers."""
        return dict(self._db.execute(KEYS_OF_NUMBERS, (listed(numbers),)))

    def numbers(self, keys: Sequence[str]) -> dict[str, int]:
        """The numbers of keys, those included that only edges name."""
        known = self._rows.numbers
        found = {key: known[key] for key in keys if key in known}
        if len(found) < len(keys):
            missing = [key for key in keys if key not in known]
            read = self._db.execute(NUMBERS_OF_KEYS, (listed(missing),)).fetchall()
            found.update((key, number) for key, number, _ in read)
            known.update((key, number) for key, number, live in read if live)
        return found

    def nodes(self, numbers: Sequence[int]) -> dict[int, Node]:
        """Nodes by number; without label where nobody has put one."""
        known = self._rows.nodes
        found = {number: known[number] for number in numbers if number in known}
        if len(found) < len(numbers):
            # In the order in which they are stored, so that each page is read once.
            missing = sorted(number for number in numbers if number not in known)
            found |= self._read(NODES_OF_NUMBERS, missing)
        return found

    def nodes_of(self, keys: Sequence[str]) -> dict[str, Node]:
        """The nodes of the keys that exist."""
        numbers, nodes = self._rows.numbers, self._rows.nodes
        found = {key: nodes[numbers[key]] for key in keys if numbers.get(key) in nodes}
        if len(found) < len(keys):
            missing = [key for key in keys if key not in found]
            found |= {node.key: node for node in self._read(NODES_OF_KEYS, missing).values()}
        return found

    def edges(self, numbers: Iterable[int], names: Mapping[int, str]) -> list[Edge]:
        """Edges by number, in its order; ``names`` holds keys of ends as far as they are known."""
        wanted, known = sorted(numbers), self._rows.edges
        missing = [number for number in wanted if number not in known]
        if missing:
            rows = self._db.execute(EDGES_BY_NUMBER, (listed(missing),)).fetchall()
            ends = {*map(_SRC, rows), *map(_DST, rows)} - names.keys()
            keys = {**names, **self.keys(sorted(ends))} if ends else names
            owners = self._owners({*map(_OWNER, rows)})
            known.update(edges_of_rows(rows, keys, owners, self._rows.spans))
        return [known[number] for number in wanted]

    def _owners(self, numbers: set[int]) -> Mapping[int, str]:
        """The keys of owners, among others."""
        known = self._rows.owners
        if missing := numbers - known.keys():
            known.update(self._db.execute(OWNERS_OF_NUMBERS, (listed(sorted(missing)),)))
        return known

    def level(
        self, level: Sequence[int], axis: int, view: View, as_of: int, most: int
    ) -> list[tuple[int, int]]:
        """Far end and edge of what counts at ``as_of`` of the ways from a level.

        As many as ``most`` where there are too many to be kept.
        """
        ways = self._ways(WAYS, self._rows.ways[axis], axis, level)
        if ways is not None:
            return _counting(ways, view, as_of)
        statement, moments = (LEVEL, (as_of, as_of)) if view == "structural" else (EVER, (as_of,))
        return self._db.execute(statement, (listed(level), axis, *moments)).fetchmany(most)

    def to_models(self, near: Sequence[int], axis: int, view: View, as_of: int) -> list[int] | None:
        """The edges among these ways that end at a model; None where there are too many."""
        ways = self._ways(WAYS_TO_MODELS, self._rows.to_models[axis], axis, near)
        return None if ways is None else [edge for _, edge in _counting(ways, view, as_of)]

    def _ways(
        self, statement: str, known: Ways, axis: int, level: Sequence[int]
    ) -> list[array[int]] | None:
        """Every way from each of a level; None where there are too many to be kept."""
        missing = [near for near in level if near not in known]
        if missing:
            read = self._db.execute(statement, (listed(missing), axis)).fetchmany(MOST_WAYS + 1)
            if len(read) > MOST_WAYS:
                return None
            fresh = {near: array("q") for near in missing}
            for near, start, until, far, edge in read:
                fresh[near].extend((start, until, far, edge))
            known.update(fresh)
            self._rows.met += len(read) + len(fresh)
        return [known[near] for near in level]

    def _read(self, statement: str, wanted: Sequence[object]) -> dict[int, Node]:
        rows = self._db.execute(statement, (listed(wanted),)).fetchall()
        nodes = {row[0]: node_of_row(row[1:]) for row in rows}
        self._rows.keep(nodes)
        return nodes


def _counting(ways: Iterable[array[int]], view: View, as_of: int) -> list[tuple[int, int]]:
    """Far end and edge of the ways that count at a moment."""
    if view == "structural":
        return [
            (far, edge) for some in ways for start, until, far, edge in _taken_apart(some)
            if start <= as_of < until
        ]  # fmt: skip
    ever = (
        (far, edge) for some in ways for start, _, far, edge in _taken_apart(some)
        if start <= as_of
    )  # fmt: skip
    return list(dict.fromkeys(ever))


def _taken_apart(ways: array[int]) -> Iterator[Way]:
    members = iter(ways)
    return zip(members, members, members, members, strict=True)
