"""Tables of the SQL state. One SQLite file holds them and the graph's tables.

Everything here can be made again from the journal; ``synchronous=NORMAL`` is therefore enough, and
the position is committed together with what it stands for.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["COLUMNS_OF", "COLUMN_OF_WANTED", "TABLES", "Reader", "connect", "create_tables"]

TABLES: Final = 5
"""Raised with every change of a table, so that a state that cannot be read is not."""

COLUMNS_OF: Final = """
select key from entity where key > substr(:dataset, 1, 16) and key < substr(:dataset, 1, 16) || 'g'
and parent = :dataset
"""
"""Keys of the columns of a dataset: they begin as its own does (``Identity.key``)."""
COLUMN_OF_WANTED: Final = """
entity.key > substr(wanted.value, 1, 16) and entity.key < substr(wanted.value, 1, 16) || 'g'
and entity.parent = wanted.value
"""
"""Joins the columns to datasets whose keys are ``wanted.value``."""

_DDL: Final = """
create table if not exists meta (key text primary key, value text not null) without rowid;

-- every entity that any fact mentions; grows only
create table if not exists entity (
  key text primary key,
  label text not null,
  parts text not null,
  parent text,            -- columns: key of the dataset
  since integer           -- first fact that names it; null where an aspect did
) without rowid;

-- attributes that native facts show of an entity: the greatest (time, rank) per prop counts
create table if not exists shown (
  entity_key text not null, prop text not null,
  time integer not null, rank text not null, value text not null,
  primary key (entity_key, prop)
) without rowid;

create table if not exists point (
  entity_key text not null, aspect text not null, slot text not null, source text not null,
  time integer not null, rank text not null,
  derived integer not null,  -- 1: computed from runs and shapes, replaced as a whole
  fact_id text not null, position integer not null, actor text not null,
  value text not null,
  primary key (entity_key, aspect, slot, source, time, rank)
) without rowid;
create index if not exists point_by_aspect on point (aspect, entity_key);

-- content-addressed: a facet once, a shape once
create table if not exists facet (digest text primary key, value text not null) without rowid;
create table if not exists shape (
  id integer primary key, digest text not null unique, body text not null,
  inputs text not null, outputs text not null, owner text not null
);
create index if not exists shape_by_owner on shape (owner);
create table if not exists shape_entity (
  entity_key text not null, shape_id integer not null, primary key (entity_key, shape_id)
) without rowid;
create table if not exists shape_io (
  entity_key text not null, role text not null, shape_id integer not null,
  owner text not null, change text, mode text,
  primary key (entity_key, role, shape_id)
) without rowid;

-- one row per run of one job; static events (bit 64 of seen) stand here too
create table if not exists run (
  key text primary key, job_key text not null, run_id text not null, seen integer not null,
  first integer not null, last integer not null, started integer, ended integer,
  shape_id integer not null, facets text not null
) without rowid;
create index if not exists run_by_job on run (job_key, first);
create index if not exists run_within_shape on run (shape_id, first, last, seen);
create index if not exists run_by_end on run (shape_id, ended desc, run_id)
  where seen & 8 and not seen & 70;
create index if not exists run_by_trouble on run (job_key, first) where seen & 6 != 0;
create index if not exists run_by_id on run (run_id);
create index if not exists run_by_time on run (first, key, ended, seen);

-- which event shapes a run has shown, with first and last moment
create table if not exists sighting (
  run_key text not null, shape_id integer not null,
  first_time integer not null, first_rank text not null,
  last_time integer not null, last_rank text not null,
  fact_id text not null, position integer not null, actor text not null,
  primary key (run_key, shape_id)
) without rowid;
create index if not exists sighting_by_shape on sighting (shape_id);

-- what to fold again to know something as it was known: the facts that showed a shape, and the
-- entities whose aspects name another one; both grow only
create table if not exists touch (
  shape_id integer not null, position integer not null, primary key (shape_id, position)
) without rowid;
create table if not exists naming (
  named text not null, entity_key text not null, primary key (named, entity_key)
) without rowid;

-- things of which a text changed, by the fact after which it had; for what follows by position
create table if not exists restated (
  position integer not null, entity_key text not null, primary key (position, entity_key)
) without rowid;

-- a name of its own, so that what was made from this state is not taken for another's
insert or ignore into meta (key, value) values ('made', lower(hex(randomblob(16))));

-- names that rules lead to another one (the class); proposals that wait for a review; by which
-- short names a thing was ever known; what was dropped, and which thing was meant by that
create table if not exists alias_class (
  class text not null, entity_key text primary key, rules text not null
) without rowid;
create index if not exists alias_by_class on alias_class (class, entity_key);
create table if not exists alias_waiting (
  entity_key text not null, slot text not null,
  since integer not null, actor text not null, fact_id text not null,
  primary key (entity_key, slot)
) without rowid;
create table if not exists other_name (
  name text not null, entity_key text not null, primary key (name, entity_key)
) without rowid;
create index if not exists other_name_by_entity on other_name (entity_key);
create table if not exists dropped (
  entity_key text primary key, state text not null, target text,
  since integer not null default 0, actor text not null default ''
) without rowid;
create index if not exists dropped_by_target on dropped (target) where target is not null;

create table if not exists version (
  dataset_key text not null, version text not null,
  first integer not null, last integer not null,
  made_time integer, made_rank text, run_key text,
  primary key (dataset_key, version)
) without rowid;
create index if not exists version_by_last on version (dataset_key, last, version);

-- what is odd about the events of a job or dataset, one row per code and place
create table if not exists finding (
  owner text not null, code text not null, place text not null,
  first integer not null, last integer not null, rank text not null,
  fact_id text not null, actor text not null,
  primary key (owner, code, place)
) without rowid;
create table if not exists finding_sender (
  actor text not null, owner text not null, code text not null, place text not null,
  primary key (actor, owner, code, place)
) without rowid;

-- nodes that projections speak of, by owner
create table if not exists claim (
  key text not null, owner text not null, label text not null, props text not null,
  primary key (key, owner)
) without rowid;
create index if not exists claim_by_owner on claim (owner);

-- parts that erasures name; no names, and no part of the digest
create table if not exists erased (
  fact_id text not null, part text not null, position integer not null, reason text not null,
  primary key (fact_id, part)
) without rowid;

-- facts and owners that the fold could not fold, with the cause
create table if not exists stuck (
  subject text not null, cause text not null, kind text not null, position integer not null,
  primary key (subject, cause)
) without rowid;
"""


class Reader(sqlite3.Connection):
    """A connection for reading that closes with its last reference, whichever thread that has."""

    def __del__(self) -> None:
        # One that could not be opened cannot be closed either.
        with suppress(sqlite3.ProgrammingError):
            self.close()


_WAL_BYTES: Final = 32 << 20
"""What the write-ahead log keeps of the disk once a large batch has gone through it."""


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection to a state file in autocommit mode; transactions are explicit.

    Raises:
        sqlite3.OperationalError: The file cannot be opened.
    """
    if read_only:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        log = path.with_name(path.name + "-wal")
        if not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size):
            # Nobody could be writing, because nobody may; SQLite could not even make its index.
            uri += "&immutable=1"
        connection: sqlite3.Connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, factory=Reader
        )
    else:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute(f"pragma journal_size_limit = {_WAL_BYTES}")
    connection.execute("pragma busy_timeout = 10000")
    # The fold of new shapes touches pages all over the file.
    connection.execute(f"pragma cache_size = -{32_000 if read_only else 64_000}")
    return connection


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables that are not there yet."""
    new = connection.execute("select 1 from sqlite_master limit 1").fetchone() is None
    connection.executescript(_DDL)
    if new:
        connection.execute(f"pragma user_version = {TABLES}")
