"""Versions that producers name: first and last seen, and the run that made each."""

from __future__ import annotations

import sqlite3

from lineage.state.digest import RollingDigest

__all__ = ["VersionTable"]


class VersionTable:
    """Merges mentions of versions: minimum, maximum, earliest maker."""

    def __init__(self, db: sqlite3.Connection, digest: RollingDigest) -> None:
        self._db = db
        self._digest = digest

    def see(
        self, dataset_key: str, version: str, moment: tuple[int, str], run_key: str | None
    ) -> None:
        """A version was read (``run_key`` None) or written at a moment."""
        at, rank = moment
        old = self._db.execute(
            "select first, last, made_time, made_rank, run_key from version"
            " where dataset_key = ? and version = ?",
            (dataset_key, version),
        ).fetchone()
        made = (at, rank, run_key) if run_key is not None else (None, None, None)
        if old is None:
            new = (at, at, *made)
        else:
            known = old[2:]
            if run_key is None or (known[2] is not None and known <= made):
                made = known
            new = (min(old[0], at), max(old[1], at), *made)
            if new == tuple(old):
                return
            self._digest.remove("version", dataset_key, version, *old)
        self._digest.add("version", dataset_key, version, *new)
        self._db.execute(
            "insert or replace into version values (?, ?, ?, ?, ?, ?, ?)",
            (dataset_key, version, *new),
        )
