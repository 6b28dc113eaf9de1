"""The state as it was known: folded again up to a position, only for what a question reaches.

The fold does not care for order, so folding *some* facts gives the right answer wherever all facts
that matter are among them. From where a question starts this loads, position by position not
behind the one asked for: what was said of an entity, all runs of every job that touches it, and of
the jobs that write what those jobs touch (they decide when content ends); then it looks where the
edges lead, and goes on until nothing new is reached. The newest state serves as the index.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from lineage.errors import InvalidInput
from lineage.facts import Fact
from lineage.graph.port import OPEN, Direction, Limits
from lineage.graph.rows import listed
from lineage.graph.sql import SqlGraph
from lineage.identity import Identity
from lineage.journal.port import Journal
from lineage.refs import DatasetRef
from lineage.state.alias_rules import BOOK, lead
from lineage.state.folding import Folding
from lineage.state.registry import Registry
from lineage.state.store import SqlState
from lineage.state.tables import COLUMN_OF_WANTED

__all__ = ["MOST_FACTS", "KnownAt", "known_at", "position_at", "replayed"]

MOST_FACTS: Final = 200_000
"""Facts folded for one question; more of them make the answer incomplete."""
NEAR: Final = 16
"""Positions so close together are read in one piece."""
BATCH: Final = 1000
"""Facts read at once, between two looks at the clock."""
ALONG: Final = ("FEEDS", "TRAINED_ON", "SAME_AS")

_SAID: Final = """
select position from point
where entity_key in (select value from json_each(?1)) and derived = 0 and position <= ?2
union select t.position from shape_entity e join touch t on t.shape_id = e.shape_id
where e.entity_key in (select value from json_each(?1)) and t.position <= ?2
"""
_ENDING: Final = """
select position from point where entity_key in (select value from json_each(?1))
and aspect in ('write_mode', 'terms', 'purged') and derived = 0 and position <= ?2
"""
_DONE: Final = """
select t.position from shape s join touch t on t.shape_id = s.id
where s.owner in (select value from json_each(?1)) and t.position <= ?2
"""
_TOUCHING: Final = """
select distinct owner from shape_io where entity_key in (select value from json_each(?))
"""
_WRITING: Final = _TOUCHING + " and role = 'out'"
_ENDS: Final = """
select distinct io.entity_key from shape s join shape_io io on io.shape_id = s.id
where s.owner in (select value from json_each(?1))
and exists (select 1 from touch t where t.shape_id = s.id and t.position <= ?2)
"""
_NAMED: Final = f"""
select key, label, parts, since from entity where key in (select value from json_each(?1))
union all
select entity.key, label, parts, since from json_each(?1) as wanted
cross join entity on {COLUMN_OF_WANTED}
"""  # noqa: S608 - of constants
_SHOWN: Final = """
select min(t.position) from shape_io io join touch t on t.shape_id = io.shape_id
where io.entity_key in (select value from json_each(?1)) and t.position <= ?2
group by io.entity_key, io.role
"""
_DATASETS: Final = "select key, parts from entity where label = 'Dataset' and since <= ?"
_HOMES: Final = "select key, parent from entity where key in (select value from json_each(?))"
_NAMING: Final = """
select distinct entity_key from naming where named in (select value from json_each(?))
"""


class _InMemory(SqlState):
    """A state that lives as long as one question, on one connection and thread."""

    def __init__(self) -> None:
        super().__init__(Path(":memory:"), read_only=False, file=Path(":memory:"))
        self._graph = self.writer_graph()

    @property
    def graph(self) -> SqlGraph:
        """The graph on the one connection."""
        return self._graph

    def connection(self) -> sqlite3.Connection:
        """The one connection."""
        return self.writer()


@dataclass(frozen=True, slots=True)
class KnownAt:
    """What was known at a position, as far as a question reaches.

    Attributes:
        state: Answers like the state of a workspace, for what was reached.
        graph: The graph beside it.
        position: The position asked for; ``state.position()`` says the same.
        facts: Facts that were folded again.
        truncated: Limits that were reached: ``nodes``, ``time``, ``facts``; with any of them the
            answer may lack something, or show what had ended by then.
    """

    state: SqlState
    graph: SqlGraph
    position: int
    facts: int
    truncated: tuple[str, ...] = ()


@contextmanager
def known_at(
    journal: Journal,
    state: SqlState,
    registry: Registry,
    identity: Identity,
    *,
    starts: Sequence[str],
    position: int,
    limits: Limits,
    directions: Collection[Direction] = ("up", "down"),
    most_facts: int = MOST_FACTS,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[KnownAt]:
    """What was known at a position of everything that a question reaches.

    Args:
        journal: The facts.
        state: The state of now, which knows what every fact touches.
        registry: What the packages declare.
        identity: Derives the keys.
        starts: Keys where the question starts: datasets, columns or models.
        position: Facts behind it are left out.
        limits: Datasets and models loaded, how far along edges, and seconds.
        directions: Where the question goes.
        most_facts: Facts folded again at most.
        monotonic: The clock for ``limits.seconds``.

    Raises:
        InvalidInput: The position lies behind what the state has folded, or before the first fact.
    """
    _check(position, state.position())
    made = _InMemory()
    try:
        made.claim_version(registry.version)
        folding = Folding(made.writer(), made.writer_graph(), registry, identity)
        refold = _Refold(
            journal, state, made, folding, identity=identity, position=position, limits=limits,
            most_facts=most_facts, monotonic=monotonic,
        )  # fmt: skip
        with state.graph.snapshot():
            refold.run(starts, directions)
        yield KnownAt(
            made, made.graph, position, len(refold.folded), tuple(sorted(refold.truncated))
        )
    finally:
        made.close()


@contextmanager
def replayed(
    journal: Journal, registry: Registry, identity: Identity, *, position: int
) -> Iterator[KnownAt]:
    """What was known at a position of everything: the whole journal up to there, folded anew.

    Raises:
        InvalidInput: The journal is not that long.
    """
    made = _InMemory()
    try:
        made.claim_version(registry.version)
        folding = Folding(made.writer(), made.writer_graph(), registry, identity)
        after = 0
        while facts := journal.read(after, min(BATCH, position - after)):
            _fold(made, folding, facts, facts[-1].position)
            after = facts[-1].position
        _check(position, after)
        yield KnownAt(made, made.graph, position, position)
    finally:
        made.close()


def position_at(journal: Journal, moment: int) -> int:
    """The last position recorded not after a moment; 0 where nothing was.

    Args:
        journal: The facts; their recorded times grow with their positions, as the clock does.
        moment: Epoch milliseconds.
    """
    low, high = 0, journal.head().size
    while low < high:
        middle = (low + high + 1) // 2
        [fact] = journal.read(middle - 1, 1)
        if fact.recorded_time <= moment:
            low = middle
        else:
            high = middle - 1
    return low


def _check(position: int, newest: int) -> None:
    if not 0 <= position <= newest:
        raise InvalidInput(
            f"nothing was known at position {position}",
            where="known_at",
            advice=f"positions go from 0 to {newest}",
        )


def _fold(made: SqlState, folding: Folding, facts: Iterable[Fact], position: int) -> None:
    db = made.writer()
    db.execute("begin")
    for fact in facts:
        folding.take(fact)
    folding.finish(folding.settle(), position)
    db.execute("commit")


class _Refold:
    """Loads what is reached, level by level."""

    def __init__(
        self,
        journal: Journal,
        index: SqlState,
        made: SqlState,
        folding: Folding,
        *,
        identity: Identity,
        position: int,
        limits: Limits,
        most_facts: int,
        monotonic: Callable[[], float],
    ) -> None:
        self.journal = journal
        self.db = index.connection()
        self.folding = folding
        self.made = made
        self.identity = identity
        self.classes: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self.position = position
        self.limits = limits
        self.most_facts = most_facts
        self.monotonic = monotonic
        self.until = monotonic() + limits.seconds
        self.folded: set[int] = set()
        self.owners: set[str] = set()
        self.ends: set[str] = set()
        self.truncated: set[str] = set()

    def run(self, starts: Sequence[str], directions: Collection[Direction]) -> None:
        """Load until nothing new is reached or a limit is."""
        self.fold(self.numbers(_SAID, [BOOK.key(self.identity)]))
        self.classes = self.ruled()
        homes = dict(self.db.execute(_HOMES, (listed(starts),)))
        reached: dict[str, int] = {homes.get(key) or key: 0 for key in starts}
        fresh = sorted(reached)
        for depth in range(self.limits.depth + 1):
            self.load(fresh, down="down" in directions)
            if not fresh or self.truncated:
                break
            fresh = sorted(self.beyond(fresh, directions) - reached.keys())
            if len(reached) + len(fresh) > self.limits.nodes:
                self.truncated.add("nodes")
                fresh = fresh[: max(self.limits.nodes - len(reached), 0)]
            reached.update(dict.fromkeys(fresh, depth + 1))
        self.fold(set())

    def load(self, keys: Sequence[str], *, down: bool) -> None:
        """Everything that decides what stands at these datasets and models."""
        subjects = self.column(_NAMING, keys)
        for key, label, parts, since in self.db.execute(_NAMED, (listed(keys),)).fetchall():
            subjects.add(key)
            if since is not None and since <= self.position:
                self.folding.mention(key, label, tuple(msgspec.json.decode(parts)))
        for key in keys:
            for other, names in self.classes.get(key, ()):
                self.folding.mention(other, "Dataset", names)
        wanted = self.numbers(_SAID, subjects) | self.numbers(_SHOWN, keys)
        owners = self.column(_TOUCHING if down else _WRITING, keys)
        wanted |= self.exact(owners)
        self.fold(wanted)

    def ruled(self) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        """By key the names that rules of then join: these may be other rules than those of now."""
        rules = self.folding.alias_rules()
        classes: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for key, parts in self.db.execute(_DATASETS, (self.position,)) if rules else ():
            names = tuple(msgspec.json.decode(parts))
            to = DatasetRef(*lead(rules, names[0], names[1])[0])
            classes.setdefault(to.key(self.identity), []).append((key, names))
        return {key: names for names in classes.values() if len(names) > 1 for key, _ in names}

    def exact(self, owners: set[str]) -> set[int]:
        """Facts of jobs whose edges must be right, and of whoever ends content at their ends."""
        wanted = self.new_owners(owners)
        ends = self.numbers_of_ends(owners) - self.ends
        self.ends |= ends
        wanted |= self.numbers(_ENDING, ends)
        return wanted | self.new_owners(self.column(_WRITING, ends))

    def new_owners(self, owners: set[str]) -> set[int]:
        fresh = owners - self.owners
        self.owners |= fresh
        return self.numbers(_DONE, fresh)

    def numbers_of_ends(self, owners: set[str]) -> set[str]:
        rows = self.db.execute(_ENDS, (listed(sorted(owners)), self.position))
        return {key for (key,) in rows}

    def beyond(self, keys: Iterable[str], directions: Collection[Direction]) -> set[str]:
        """Where the edges known by then lead."""
        found: set[str] = set()
        for key in keys:
            for edge in self.made.graph.neighbors(key, edge_types=ALONG, limit=OPEN):
                if edge.type == "SAME_AS":
                    found |= {edge.src, edge.dst}
                elif "up" in directions and edge.dst == key:
                    found.add(edge.src)
                elif "down" in directions and edge.src == key:
                    found.add(edge.dst)
        return found

    def fold(self, wanted: set[int]) -> None:
        """Fold facts by position, each once; the oldest are left out where a limit is met."""
        positions = sorted(wanted - self.folded)
        _fold(self.made, self.folding, self.facts(positions), self.position)

    def facts(self, positions: Sequence[int]) -> Iterator[Fact]:
        """The newest of the facts first."""
        for piece in reversed(list(_pieces(positions))):
            if len(self.folded) + len(piece) > self.most_facts:
                self.truncated.add("facts")
                return
            if self.monotonic() > self.until:
                self.truncated.add("time")
                return
            self.folded.update(piece)
            wanted = set(piece)
            for fact in self.journal.read(piece[0] - 1, piece[-1] - piece[0] + 1):
                if fact.position in wanted:
                    yield fact

    def column(self, statement: str, keys: Iterable[str]) -> set[str]:
        return {row[0] for row in self.db.execute(statement, (listed(sorted(keys)),))}

    def numbers(self, statement: str, keys: Iterable[str]) -> set[int]:
        rows = self.db.execute(statement, (listed(sorted(keys)), self.position))
        return {number for (number,) in rows}


def _pieces(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    """Short runs of positions that lie near each other."""
    start = 0
    for place in range(1, len(positions) + 1):
        if (
            place == len(positions)
            or positions[place] - positions[place - 1] > NEAR
            or place - start == BATCH
        ):
            yield positions[start:place]
            start = place
