"""The SQL state: one SQLite file with points, runs, shapes and the graph, and the questions to it.

Readers open the file read-only and need no server. Every thread gets a connection of its own; the
fold has the only one that writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from lineage.errors import Unavailable
from lineage.facts import Json
from lineage.graph.port import Closure, Direction, Edge, EdgeType, Limits, Node, View
from lineage.graph.rows import listed
from lineage.graph.sql import SqlGraph
from lineage.graph.sql_read import edge_of_row
from lineage.graph.walk import Deadline
from lineage.identity import Label
from lineage.state.aliases import SAME_AS
from lineage.state.connections import Connections
from lineage.state.erasures import INSIDE, MISSING
from lineage.state.estate import count_estate, mentioned
from lineage.state.finding_table import FindingRow, count_findings, read_findings
from lineage.state.generations import current
from lineage.state.late import Late
from lineage.state.nesting import outer_jobs
from lineage.state.passages import RunPassages
from lineage.state.point_table import read_points, stored_point
from lineage.state.port import AspectValue, EstateCounts, RunRow, VersionRow
from lineage.state.resolve import StoredPoint, resolve
from lineage.state.run_rows import (
    current_span,
    list_runs,
    read_run,
    read_runs,
    run_node,
    versions_of,
)
from lineage.state.tables import COLUMNS_OF, TABLES, connect

__all__ = ["DIVERGED", "NO_FORMS", "SqlState", "Standing", "is_foreign", "open_state"]

# What was said again and again is read once: only the newest of each slot and source counts.
_MANY_POINTS: Final = (
    "select p.entity_key, p.aspect, p.slot, p.source, p.time, p.rank, p.fact_id, p.position,"
    " p.actor, p.value from json_each(?1) as k cross join json_each(?2) as a"
    " cross join point p on p.entity_key = k.value and p.aspect = a.value and p.time <= ?3"
    " and not exists (select 1 from point q where q.entity_key = p.entity_key"
    "  and q.aspect = p.aspect and q.slot = p.slot and q.source = p.source and q.time <= ?3"
    "  and (q.time, q.rank) > (p.time, p.rank))"
)
_POINTS_OF_ASPECT: Final = (
    "select entity_key, aspect, slot, source, time, rank, fact_id, position, actor, value"
    " from point where aspect = ? order by entity_key"
)
_EVER: Final = (1 << 63) - 1
_MODULUS: Final = 1 << 256
NO_FORMS: Final[Mapping[str, Callable[[str], Json]]] = MappingProxyType({})
DIVERGED: Final = "diverged"
"""Key in ``meta``, there where the state before this one was not what its journal says."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a state stands.

    Attributes:
        position: Facts folded.
        digest: Of everything derived from them.
        version: Fold version that made it; empty for a new file.
        erased_inside: Whether it holds what was erased after it had been folded.
        missing: Facts without their distilled part, which no erasure explains so far.
        diverged: What the state before this one was instead; empty where all was well.
    """

    position: int
    digest: str
    version: str
    erased_inside: bool
    missing: frozenset[str] = frozenset()
    diverged: str = ""


class SqlState:
    """Implements ``lineage.state.port.StateReader``.

    Attributes:
        late: What came late, for whoever watches over decisions; the fold fills it.
    """

    def __init__(self, path: Path, *, read_only: bool, file: Path | None = None) -> None:
        """Open the state named ``path``, or one generation of it."""
        self.late = Late()
        self._connections = Connections(path, read_only=read_only, file=file)

    # Connections

    @property
    def path(self) -> Path:
        """The state as it is named; ``connections.file`` is the generation that is open."""
        return self._connections.path

    @property
    def connections(self) -> Connections:
        """How it is opened, reopened and refused."""
        return self._connections

    @property
    def graph(self) -> SqlGraph:
        """The graph in the same file, for reading, on this thread's connection."""
        return self._connections.graph()

    def connection(self) -> sqlite3.Connection:
        """This thread's read-only connection."""
        return self._connections.reader()

    def writer(self) -> sqlite3.Connection:
        """The connection of the fold.

        Raises:
            Unavailable: The state was opened read-only.
        """
        return self._connections.writer()

    def writer_graph(self) -> SqlGraph:
        """The graph on the fold's connection."""
        return SqlGraph(self.writer())

    def close(self) -> None:
        """Let go of the file, on all threads; none may be reading any more."""
        self._connections.close()

    # Where the state stands

    def position(self) -> int:
        """Number of facts folded into this state."""
        return int(self._meta("position", "0"))

    def digest(self) -> str:
        """Order-free digest of the whole state, as kept up to date by the fold."""
        own = int(self._meta("digest", "0"), 16)
        return f"{(own + int(self.graph.stored_digest(), 16)) % _MODULUS:064x}"

    def fold_version(self) -> str:
        """Version of the fold that made this state; empty for a new file."""
        return self._meta("fold_version", "")

    def made(self) -> str:
        """The name of this very state; another one from the same facts has another name."""
        return self._meta("made", "")

    def standing(self) -> Standing:
        """Position, digest and the rest of where it stands, all of one moment."""
        with self.graph.snapshot():
            missing = self.connection().execute(
                "select subject from stuck where cause = ?", (MISSING,)
            )
            return Standing(
                self.position(), self.digest(), self.fold_version(),
                bool(self._meta(INSIDE, "")), frozenset(row[0] for row in missing),
                self._meta(DIVERGED, ""),
            )  # fmt: skip

    def erased(self) -> int:
        """How many facts contribute nothing because their distilled part was erased."""
        rows = self.connection().execute("select count(*) from erased where part = 'distilled'")
        return int(rows.fetchone()[0])

    def is_erased(self, fact_id: str, part: str) -> bool:
        """Whether an erasure names this part of a fact."""
        row = self.connection().execute(
            "select 1 from erased where fact_id = ? and part = ?", (fact_id, part)
        )
        return row.fetchone() is not None

    def needs_rebuild(self, version: str) -> bool:
        """Whether another fold version (``Registry.version``) made what is stored here."""
        return self.fold_version() not in ("", version)

    def claim_version(self, version: str) -> None:
        """Record the fold version in a new file; a used one keeps its own."""
        self.writer().execute(
            "insert or ignore into meta (key, value) values ('fold_version', ?)", (version,)
        )

    def stuck(self, limit: int = 100) -> list[tuple[str, str, str, int]]:
        """What the fold could not fold: (fact id or owner key, cause, kind, position)."""
        rows = self.connection().execute(
            "select subject, cause, kind, position from stuck order by position, subject limit ?",
            (limit,),
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def findings(
        self, owner: str | None = None, *, after: tuple[str, str, str] = ("", "", ""),
        limit: int = 100, sender: str | None = None,
    ) -> list[FindingRow]:  # fmt: skip
        """What is odd about events, of one job or dataset or of all, in order of the key."""
        return read_findings(self.connection(), owner, after, limit, sender)

    def count_findings(self, codes: Sequence[str]) -> tuple[int, int]:
        """How many findings of some codes there are, and of how many jobs and datasets."""
        return count_findings(self.connection(), codes)

    def _meta(self, key: str, default: str) -> str:
        row = self.connection().execute("select value from meta where key = ?", (key,)).fetchone()
        return str(row[0]) if row else default

    # Entities

    def node(self, key: str) -> Node | None:
        """One entity by key; a run is answered from its row."""
        found = self.graph.nodes([key]).get(key)
        return found or run_node(self.connection(), key)

    def nodes(self, keys: Sequence[str]) -> dict[str, Node]:
        """The entities of the keys that exist, runs aside."""
        return self.graph.nodes(keys)

    def edges_into(self, keys: Sequence[str], edge_type: EdgeType) -> list[Edge]:
        """The edges of a type that end in one of the keys."""
        return self.graph.edges_into(keys, edge_type)

    def steps(
        self, keys: Sequence[str], direction: Direction, view: View, as_of: int, limits: Limits
    ) -> Closure:
        """One step along ``FEEDS`` from the keys, whatever may be seen of it."""
        return self.graph.closure(
            keys, direction, edge_type="FEEDS", view=view, as_of=as_of, limits=limits
        )

    def edges_to_models(self, keys: Sequence[str], view: View, as_of: int) -> list[Edge]:
        """The ``FEEDS`` edges from the keys to models that count at a moment."""
        return self.graph.edges_to_models(keys, view, as_of)

    def same_as(self, keys: Sequence[str]) -> list[Edge]:
        """The ``SAME_AS`` edges at any of the keys, whichever end it is."""
        rows = self.connection().execute(SAME_AS, (listed(keys),))
        return [edge_of_row(row) for row in rows]

    def outer_jobs(self, keys: Sequence[str]) -> dict[str, set[str]]:
        """The jobs directly around each of some jobs; absent where there is none."""
        return outer_jobs(self.connection(), keys)

    def mentioned(self, keys: Sequence[str]) -> set[str]:
        """Of the keys those that no event read, wrote or described: known by mention alone."""
        return mentioned(self.connection(), listed(keys))

    def estate(self) -> EstateCounts:
        """How many datasets there are, and how many have lineage, owner and class."""
        return count_estate(self.connection())

    def within(self, deadline: Deadline) -> AbstractContextManager[None]:
        """What this thread reads inside ends at the deadline, with ``OutOfTime``."""
        return self.graph.within(deadline)

    def list_nodes(
        self, label: Label, *, text: str = "", after: str = "", limit: int = 100
    ) -> list[Node]:
        """Entities of a label in the order of (name, key); ``after`` is the last key seen."""
        return self.graph.list_nodes(label, text=text, after=after, limit=limit)

    def count(self, label: Label) -> int:
        """How many entities have a label; runs are counted in full."""
        if label == "Run":
            sql = "select count(*) from run where seen & 64 = 0"
            return int(self.connection().execute(sql).fetchone()[0])
        return self.graph.count(label)

    def columns(self, dataset_key: str) -> list[Node]:
        """The columns of a dataset in schema order; removed and merely mentioned ones last."""
        rows = self.connection().execute(COLUMNS_OF, {"dataset": dataset_key})
        nodes = self.graph.nodes([key for (key,) in rows]).values()

        def place(node: Node) -> tuple[bool, int, str]:
            ordinal = node.props.get("ordinal")
            present = isinstance(ordinal, int) and not node.props.get("removed")
            return (not present, ordinal if isinstance(ordinal, int) else 0, node.props["field"])

        return sorted(nodes, key=place)

    # Aspects

    def aspects(
        self,
        keys: Sequence[str],
        names: Sequence[str],
        as_of: int | None = None,
        *,
        forms: Mapping[str, Callable[[str], Json]] = NO_FORMS,
    ) -> dict[str, dict[str, list[AspectValue]]]:
        """Per key and aspect name the values of all slots; absent where nothing is said.

        Args:
            keys: Of entities.
            names: Of aspects.
            as_of: Epoch milliseconds; None takes everything recorded.
            forms: How to read the values of an aspect, as JSON text, where plain values would cost
                too much. Who hides things may read plain values all the same.
        """
        until = _EVER if as_of is None else as_of
        rows = self.connection().execute(
            _MANY_POINTS, (listed(sorted(set(keys))), listed(sorted(set(names))), until)
        )
        grouped: dict[tuple[str, str], list[StoredPoint]] = {}
        for row in rows:
            form = forms.get(row[1], msgspec.json.decode)
            grouped.setdefault((row[0], row[1]), []).append(stored_point(row[2:], form))
        found: dict[str, dict[str, list[AspectValue]]] = {}
        for (key, name), points in grouped.items():
            values = resolve(name, points, as_of)
            if values:
                found.setdefault(key, {})[name] = values
        return found

    def with_aspect(self, name: str, as_of: int | None = None) -> dict[str, list[AspectValue]]:
        """All entities that have an aspect, by key."""
        grouped: dict[str, list[StoredPoint]] = {}
        for row in self.connection().execute(_POINTS_OF_ASPECT, (name,)):
            grouped.setdefault(row[0], []).append(stored_point(row[2:]))
        found = {key: resolve(name, points, as_of) for key, points in grouped.items()}
        return {key: values for key, values in found.items() if values}

    def history(self, key: str, name: str) -> list[AspectValue]:
        """Every point of an aspect, withdrawn ones included as value None, by time."""
        points = read_points(self.connection(), key, name)
        points.sort(key=lambda p: (p.time, p.rank, p.slot, p.source))
        return [
            AspectValue(p.value, p.slot, p.source, p.time, p.fact_id, p.position, p.actor)
            for p in points
        ]

    # Runs

    def runs(self, *, job_key: str | None = None, limit: int = 100) -> list[RunRow]:
        """Runs, newest first."""
        return list_runs(self.connection(), job_key, limit)

    def run(self, key: str) -> RunRow | None:
        """One run by key."""
        return read_run(self.connection(), key)

    def runs_of_keys(self, keys: Sequence[str]) -> list[RunRow]:
        """The runs of the keys that exist, in their order."""
        return read_runs(self.connection(), keys)

    def versions(self, dataset_key: str, limit: int = 100) -> list[VersionRow]:
        """Versions of a dataset, newest first: named ones, and runs that wrote it unnamed."""
        return versions_of(self.connection(), dataset_key, limit)

    def current_span(self, dataset_key: str, version: str) -> tuple[int, int | None] | None:
        """When a named version was first seen, and when the next one was; None if it never was."""
        return current_span(self.connection(), dataset_key, version)

    def passages(self) -> RunPassages:
        """When data passed along edges, for one question on the calling thread."""
        return RunPassages(self.connection())


def is_foreign(path: Path) -> bool:
    """Whether there is a state with tables that this release does not know how to read.

    Raises:
        sqlite3.Error: The file is there and is no database.
    """
    file = current(path)
    if not file.exists():
        return False
    db = connect(file, read_only=True)
    try:
        tables = db.execute("select count(*) from sqlite_master").fetchone()[0]
        return bool(tables and db.execute("pragma user_version").fetchone()[0] != TABLES)
    finally:
        db.close()


def open_state(path: Path, *, read_only: bool = False) -> SqlState:
    """Open a state file; made where it is missing.

    Raises:
        Unavailable: It cannot be opened, or another release made its tables.
    """
    try:
        state = _opened(path, read_only=read_only)
    except sqlite3.Error as error:
        raise Unavailable(
            "the state cannot be opened",
            where=str(path),
            advice="start the server once, or rebuild it: tracehold journal rebuild",
        ) from error
    return state


def _opened(path: Path, *, read_only: bool) -> SqlState:
    while True:
        file = current(path)
        try:
            if is_foreign(path):
                raise Unavailable(
                    "the state was made by another release", where=str(path),
                    advice="start the server, or fold it anew: tracehold journal rebuild",
                )  # fmt: skip
            state = SqlState(path, read_only=read_only)
            if read_only:
                state.position()
        except sqlite3.Error:
            # The next generation may have taken its place between two looks.
            if current(path) == file:
                raise
            continue
        return state
