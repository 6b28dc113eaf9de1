"""The SQL state: one SQLite file with points, runs, shapes and the graph, and the questions to it.

Readers open the file read-only and need no server. Every thread gets a connection of its own; the
fold has the only one that writes.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from lineage.errors import Unavailable
from lineage.graph.port import Node
from lineage.graph.sql import SqlGraph
from lineage.graph.sql import create_tables as create_graph_tables
from lineage.identity import Label
from lineage.state.passages import RunPassages
from lineage.state.point_table import read_points, stored_point
from lineage.state.port import AspectValue, RunRow, VersionRow
from lineage.state.resolve import StoredPoint, resolve
from lineage.state.run_rows import list_runs, read_run, run_node, versions_of
from lineage.state.tables import connect, create_tables

__all__ = ["SqlState", "open_state"]

_MANY_POINTS: Final = (
    "select p.entity_key, p.aspect, p.slot, p.source, p.time, p.rank, p.fact_id, p.position,"
    " p.actor, p.value from json_each(?) as k cross join json_each(?) as a"
    " cross join point p on p.entity_key = k.value and p.aspect = a.value"
)
_POINTS_OF_ASPECT: Final = (
    "select entity_key, aspect, slot, source, time, rank, fact_id, position, actor, value"
    " from point where aspect = ? order by entity_key"
)
_MODULUS: Final = 1 << 256


class SqlState:
    """Implements ``lineage.state.port.StateReader``."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        self._read_only = read_only
        self._local = threading.local()
        self._writer: sqlite3.Connection | None = None
        self._open: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        if not read_only:
            self._writer = connect(path, read_only=False)
            create_tables(self._writer)
            create_graph_tables(self._writer)

    # Connections

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def graph(self) -> SqlGraph:
        """The graph in the same file, for reading, on this thread's connection."""
        graph: SqlGraph | None = getattr(self._local, "graph", None)
        if graph is None:
            graph = self._local.graph = SqlGraph(self.connection())
        return graph

    def connection(self) -> sqlite3.Connection:
        """This thread's read-only connection."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = connect(self._path, read_only=True)
            self._local.db = db
            with self._lock:
                self._open.append(db)
        return db

    def writer(self) -> sqlite3.Connection:
        """The connection of the fold.

        Raises:
            Unavailable: The state was opened read-only.
        """
        if self._writer is None:
            raise Unavailable("the state is open for reading only", where=str(self._path))
        return self._writer

    def writer_graph(self) -> SqlGraph:
        """The graph on the fold's connection."""
        return SqlGraph(self.writer())

    def close(self) -> None:
        """Let go of the file, on all threads; none may be reading any more."""
        with self._lock:
            for db in self._open:
                db.close()
            self._open.clear()
        self._local = threading.local()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

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

    def _meta(self, key: str, default: str) -> str:
        row = self.connection().execute("select value from meta where key = ?", (key,)).fetchone()
        return str(row[0]) if row else default

    # Entities

    def node(self, key: str) -> Node | None:
        """One entity by key; a run is answered from its row."""
        found = self.graph.nodes([key]).get(key)
        return found or run_node(self.connection(), key)

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
        rows = self.connection().execute("select key from entity where parent = ?", (dataset_key,))
        nodes = self.graph.nodes([key for (key,) in rows]).values()

        def place(node: Node) -> tuple[bool, int, str]:
            ordinal = node.props.get("ordinal")
            present = isinstance(ordinal, int) and not node.props.get("removed")
            return (not present, ordinal if isinstance(ordinal, int) else 0, node.props["field"])

        return sorted(nodes, key=place)

    # Aspects

    def aspects(
        self, keys: Sequence[str], names: Sequence[str], as_of: int | None = None
    ) -> dict[str, dict[str, list[AspectValue]]]:
        """Per key and aspect name the values of all slots; absent where nothing is said."""
        rows = self.connection().execute(
            _MANY_POINTS, (_text(sorted(set(keys))), _text(sorted(set(names))))
        )
        grouped: dict[tuple[str, str], list[StoredPoint]] = {}
        for row in rows:
            grouped.setdefault((row[0], row[1]), []).append(stored_point(row[2:]))
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

    def versions(self, dataset_key: str, limit: int = 100) -> list[VersionRow]:
        """Versions of a dataset, newest first: named ones, and runs that wrote it unnamed."""
        return versions_of(self.connection(), dataset_key, limit)

    def passages(self) -> RunPassages:
        """When data passed along edges, for one question on the calling thread."""
        return RunPassages(self.connection())


def _text(values: Sequence[str]) -> str:
    return msgspec.json.encode(values).decode()


def open_state(path: Path, *, read_only: bool = False) -> SqlState:
    """Open a state file; made where it is missing.

    Raises:
        Unavailable: It cannot be opened.
    """
    try:
        state = SqlState(path, read_only=read_only)
        if read_only:
            state.position()
    except sqlite3.Error as error:
        raise Unavailable(
            "the state cannot be opened",
            where=str(path),
            advice="start the server once, or rebuild it: tracehold journal rebuild",
        ) from error
    return state
