"""What the graph must show after a batch: nodes and edges that changed, as one diff."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Final

import msgspec

from lineage.errors import Fault
from lineage.facts import Json
from lineage.graph.port import Edge, GraphDiff, Node
from lineage.graph.rows import listed
from lineage.graph.sql import SqlGraph
from lineage.identity import Identity, Label
from lineage.state.alias_table import AliasTable
from lineage.state.aliases import ASPECT as SYMLINKS
from lineage.state.columns import columns
from lineage.state.point_table import read_points
from lineage.state.resolve import resolve
from lineage.state.tables import COLUMNS_OF

__all__ = ["NAME_SHOWN", "Picture", "short"]

NAME_SHOWN: Final = 2000
"""Characters of a name that the graph shows; the entity keeps all of them."""

_KNOWN: Final = 200_000
_TOGETHER: Final = 500
"""Nodes made together."""

_STORED: Final = "select key from entity where key in (select value from json_each(?))"
_ENTITIES: Final = """
select key, label, parts from entity where key in (select value from json_each(?)) order by key
"""
_SHOWN: Final = """
select entity_key, prop, value from shown where entity_key in (select value from json_each(?))
"""
_CLAIMED: Final = """
select key, label, props from claim where key in (select value from json_each(?))
order by key, owner
"""
_encode = msgspec.json.Encoder(order="deterministic").encode

EdgeId = tuple[str, str, str, str, str]


def short(text: str) -> str:
    """A name as the graph shows it."""
    return text if len(text) <= NAME_SHOWN else text[:NAME_SHOWN] + "…"


class Picture:
    """Collects what changed and makes the diff."""

    def __init__(self, db: sqlite3.Connection, graph: SqlGraph, identity: Identity) -> None:
        self._db = db
        self._graph = graph
        self._identity = identity
        self.names = AliasTable(db, identity)
        self._mentioned: set[str] = set()
        self._pending: dict[str, tuple[Label, tuple[str, ...], int | None]] = {}
        self._nodes: set[str] = set()
        self._datasets: set[str] = set()
        self._aliased: set[str] = set()
        self._edges: dict[str, dict[EdgeId, Edge]] = {}
        self._dropped: dict[str, list[EdgeId]] = {}

    def mention(
        self, key: str, label: Label, parts: tuple[str, ...], since: int | None = None
    ) -> None:
        """An entity is named: it has a node from now on.

        Args:
            key: Its key.
            label: Its label.
            parts: Its identity.
            since: Position of the fact that names it; None where an aspect does.
        """
        if key in self._mentioned:
            return
        if len(self._mentioned) > _KNOWN:
            self._mentioned.clear()
        self._mentioned.add(key)
        self._pending.setdefault(key, (label, parts, since))

    def store_mentions(self) -> None:
        """Write the entities that were named since this was asked last."""
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        stored = {key for (key,) in self._db.execute(_STORED, (listed(list(pending)),))}
        rows = []
        for key, (label, parts, since) in pending.items():
            if key in stored:
                continue
            parent = None
            if label == "Column":
                parent = self._identity.key("Dataset", parts[0], parts[1])
                self._datasets.add(parent)
            elif label == "Dataset":
                self.names.born(key, parts)
            self._nodes.add(key)
            rows.append((key, label, _encode(parts).decode(), parent, since))
        self._db.executemany(
            "insert into entity (key, label, parts, parent, since) values (?, ?, ?, ?, ?)",
            sorted(rows, key=itemgetter(0)),
        )

    def entity(self, key: str) -> tuple[Label, tuple[str, ...]]:
        """Label and identity parts of a mentioned entity."""
        self.store_mentions()
        row = self._db.execute("select label, parts from entity where key = ?", (key,)).fetchone()
        if row is None:
            raise Fault("an aspect speaks of an entity that nothing mentions", where=key)
        return row[0], tuple(msgspec.json.decode(row[1]))

    def knows(self, key: str) -> bool:
        """Whether an entity is mentioned."""
        self.store_mentions()
        found = self._db.execute("select 1 from entity where key = ?", (key,)).fetchone()
        return found is not None

    def node_changed(self, key: str) -> None:
        """The node of an entity may look different now."""
        self._nodes.add(key)

    def schema_changed(self, dataset: str) -> None:
        """The columns of a dataset may differ now."""
        self._datasets.add(dataset)

    def aliases_changed(self, key: str) -> None:
        """The other names of an entity may differ now."""
        self._aliased.add(key)

    def replace_owner(self, owner: str, edges: dict[EdgeId, Edge]) -> None:
        """Make the edges of an owner these, whatever was wanted of it before in the batch."""
        wanted = dict(edges)
        dropped: list[EdgeId] = []
        for old in self._graph.edges_of_owner(owner):
            new = wanted.get(old.id)
            if new is None:
                dropped.append(old.id)
            elif new == old:
                del wanted[old.id]
        self._edges[owner] = wanted
        self._dropped[owner] = dropped

    def claim(self, owner: str, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        """Make what a projection says of an owner these nodes and edges."""
        wanted = {node.key: node for node in nodes}
        rows = self._db.execute(
            "select key, label, props from claim where owner = ?", (owner,)
        ).fetchall()
        for key, label, props in rows:
            node = wanted.get(key)
            if node is not None and (node.label, _encode(node.props).decode()) == (label, props):
                del wanted[key]
                continue
            self._nodes.add(key)
            if node is None:
                self._db.execute("delete from claim where key = ? and owner = ?", (key, owner))
        self._nodes.update(wanted)
        self._db.executemany(
            "insert or replace into claim (key, owner, label, props) values (?, ?, ?, ?)",
            [
                (key, owner, node.label, _encode(node.props).decode())
                for key, node in wanted.items()
            ],
        )
        self.replace_owner(owner, {edge.id: edge for edge in edges})

    def claim_nodes(self, owner: str, nodes: Iterable[Node]) -> None:
        """Make the nodes that only an owner speaks of these; mostly there are none."""
        wanted = list(nodes)
        claimed = self._db.execute("select 1 from claim where owner = ? limit 1", (owner,))
        if wanted or claimed.fetchone() is not None:
            self.claim(owner, wanted, ())

    def diff(self) -> GraphDiff:
        """Everything collected, and start again."""
        self.store_mentions()
        # A name that is said for the first time may fit a rule itself.
        while aliased := sorted(self._aliased | self.names.settle()):
            self._aliased.clear()
            for key in aliased:
                self._aliases(key)
            self.store_mentions()
        for dataset in sorted(self._datasets):
            self._columns(dataset)
        self.store_mentions()
        wanted = sorted(self._nodes)
        nodes: dict[str, Node] = {}
        for start in range(0, len(wanted), _TOGETHER):
            nodes.update(self._made(wanted[start : start + _TOGETHER]))
        diff = GraphDiff(
            put_nodes=list(nodes.values()),
            put_edges=[edge for edges in self._edges.values() for edge in edges.values()],
            drop_nodes=[key for key in wanted if key not in nodes],
            drop_edges=[edge for edges in self._dropped.values() for edge in edges],
        )
        self._nodes.clear()
        self._datasets.clear()
        self._aliased.clear()
        self._edges.clear()
        self._dropped.clear()
        return diff

    def forget(self) -> None:
        """Empty everything, after a transaction was rolled back."""
        self._mentioned.clear()
        self._pending.clear()
        self._nodes.clear()
        self._datasets.clear()
        self._aliased.clear()
        self._edges.clear()
        self._dropped.clear()
        self.names.forget()

    def _aliases(self, key: str) -> None:
        if not self.knows(key):
            return
        known, trusting, edges = self.names.edges(key, self.entity(key)[1])
        self.claim_nodes(
            f"{key}:proposed",
            [
                Node(other, "Dataset", {"namespace": ref.namespace, "name": short(ref.name)})
                for other, ref in trusting.items()
            ],
        )
        for other, ref in known.items():
            self.mention(other, "Dataset", (ref.namespace, ref.name))
        self.replace_owner(f"{key}:{SYMLINKS}", {edge.id: edge for edge in edges})

    def _columns(self, dataset: str) -> None:
        row = self._db.execute("select parts from entity where key = ?", (dataset,)).fetchone()
        if row is None:
            return
        namespace, name = msgspec.json.decode(row[0])[:2]
        found = columns(namespace, name, read_points(self._db, dataset, "schema"), self._identity)
        for key, column in found.items():
            self.mention(key, "Column", (namespace, name, column.field))
        owner = f"{dataset}:schema"
        edges = [
            Edge("HAS_COLUMN", dataset, key, owner, "schema", {}, c.spans)
            for key, c in found.items()
        ]
        edges.extend(
            Edge("HAS_COLUMN", dataset, key, owner, "schema")
            for (key,) in self._db.execute(COLUMNS_OF, {"dataset": dataset})
            if key not in found
        )
        nodes = [Node(key, "Column", column.props) for key, column in found.items()]
        self.claim(owner, nodes, edges)

    def _made(self, keys: Sequence[str]) -> dict[str, Node]:
        """Nodes as they are to be; one that nothing speaks of any more is left out."""
        asked = (listed(keys),)
        shown: dict[str, dict[str, Json]] = {}
        for key, prop, value in self._db.execute(_SHOWN, asked):
            shown.setdefault(key, {})[prop] = msgspec.json.decode(value)
        made: dict[str, Node] = {}
        for key, label, parts in self._db.execute(_ENTITIES, asked).fetchall():
            props = self._base(key, label, tuple(msgspec.json.decode(parts)))
            made[key] = Node(key, label, props | shown.get(key, {}))
        for key, label, said in self._db.execute(_CLAIMED, asked):
            before = made.get(key)
            props = {} if before is None else dict(before.props)
            props |= msgspec.json.decode(said)
            made[key] = Node(key, label if before is None else before.label, props)
        return made

    def _base(self, key: str, label: Label, parts: tuple[str, ...]) -> dict[str, Json]:
        props: dict[str, Json]
        if label in ("Dataset", "Job"):
            props = {"namespace": parts[0], "name": short(parts[1])}
        elif label == "Column":
            props = {"namespace": parts[0], "name": short(parts[1]), "field": parts[2]}
        elif label == "Model":
            props = {"name": parts[0], "version": parts[1]}
        else:
            props = {"name": parts[-1] if parts else ""}
        if label == "Dataset":
            mode = _write_mode(self._db, key)
            if mode is not None:
                props["write_mode"] = mode
        return props


def _write_mode(db: sqlite3.Connection, dataset: str) -> str | None:
    for aspect, member in (("write_mode", None), ("terms", "write_mode")):
        for value in resolve(aspect, read_points(db, dataset, aspect)):
            said = value.value if member is None else None
            if member is not None and isinstance(value.value, dict):
                said = value.value.get(member)
            if isinstance(said, str):
                return said
    return None
