"""Tables of the SQL graph, all in the file of the state.

Keys are long and stand once, in ``node``; edges and spans refer to its numbers. The row of a key
that edges name but nobody has put is there with ``live = 0`` and no label. What is dropped stays as
a tombstone, emptied, so that a mirror can pull it; ``prune`` removes it.

``span`` answers reachability: one row per interval, view and direction, so that a level of a walk
is one range per node. ``axis`` stands for edge type, view and direction (see ``AXES``).
"""

from __future__ import annotations

import sqlite3
from typing import Final

from lineage.graph.port import Direction, EdgeType, View

__all__ = ["AXES", "create_tables"]

TABLES: Final = """
CREATE TABLE IF NOT EXISTS node (
    id         INTEGER PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE,
    label      TEXT NOT NULL,
    name       TEXT NOT NULL,
    folded     TEXT NOT NULL,
    props      TEXT NOT NULL,
    feeds      INTEGER NOT NULL DEFAULT 0,
    changed_at INTEGER NOT NULL,
    live       INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS node_by_name ON node(label, name, key) WHERE live = 1;
-- what is listed is narrowed down by part of a name, columns (of which there are most) never
CREATE INDEX IF NOT EXISTS node_by_text ON node(label, name, key, folded)
    WHERE live = 1 AND label IN ('Dataset', 'Job', 'Model');
CREATE INDEX IF NOT EXISTS node_by_namespace ON node(label, props ->> 'namespace', name, key)
    WHERE live = 1 AND label IN ('Dataset', 'Job');
CREATE INDEX IF NOT EXISTS node_linked ON node(label) WHERE live = 1 AND feeds > 0;
CREATE INDEX IF NOT EXISTS node_changed ON node(changed_at);
CREATE INDEX IF NOT EXISTS node_dropped ON node(changed_at) WHERE live = 0;

CREATE TABLE IF NOT EXISTS owner (
    id  INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
);

CREATE TABLE IF NOT EXISTS edge (
    id         INTEGER PRIMARY KEY,
    type       TEXT NOT NULL,
    src        INTEGER NOT NULL,
    dst        INTEGER NOT NULL,
    owner      INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    props      TEXT NOT NULL,
    spans      TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    live       INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS edge_identity ON edge(src, dst, type, owner, kind);
CREATE INDEX IF NOT EXISTS edge_by_dst ON edge(dst);
CREATE INDEX IF NOT EXISTS edge_by_owner ON edge(owner);
CREATE INDEX IF NOT EXISTS edge_changed ON edge(changed_at);
CREATE INDEX IF NOT EXISTS edge_dropped ON edge(changed_at) WHERE live = 0;

CREATE TABLE IF NOT EXISTS span (
    axis  INTEGER NOT NULL,
    near  INTEGER NOT NULL,
    start INTEGER NOT NULL,
    edge  INTEGER NOT NULL,
    until INTEGER NOT NULL,
    far   INTEGER NOT NULL,
    PRIMARY KEY (axis, near, start, edge)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS graph_meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS graph_mark (
    position INTEGER PRIMARY KEY,
    digest   TEXT NOT NULL
);
"""

AXES: Final[dict[tuple[EdgeType, View, Direction], int]] = {
    ("FEEDS", "structural", "up"): 0,
    ("FEEDS", "structural", "down"): 1,
    ("FEEDS", "content", "up"): 2,
    ("FEEDS", "content", "down"): 3,
    ("FEEDS_COLUMN", "structural", "up"): 4,
    ("FEEDS_COLUMN", "structural", "down"): 5,
    ("FEEDS_COLUMN", "content", "up"): 6,
    ("FEEDS_COLUMN", "content", "down"): 7,
}
"""Numbers in stored rows: never change one."""


def create_tables(connection: sqlite3.Connection) -> None:
    """Create what is missing, in the caller's transaction if one is open."""
    for statement in TABLES.split(";"):
        if statement.strip():
            connection.execute(statement)
