"""The points as stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec

from lineage.facts import Json
from lineage.state.digest import RollingDigest
from lineage.state.resolve import StoredPoint

__all__ = ["PointTable", "read_points", "stored_point"]

_encode = msgspec.json.Encoder(order="deterministic").encode

_INSERT: Final = (
    "insert or ignore into point (entity_key, aspect, slot, source, time, rank, derived, fact_id,"
    " position, actor, value) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_RECITE: Final = (
    "update point set fact_id = ?, position = ?, actor = ? where entity_key = ? and aspect = ?"
    " and slot = ? and source = ? and time = ? and rank = ?"
)
_CITE: Final = _RECITE + " and position > ?"
_READ: Final = (
    "select slot, source, time, rank, fact_id, position, actor, value from point"
    " where entity_key = ? and aspect = ?"
)


def read_points(db: sqlite3.Connection, entity_key: str, aspect: str) -> list[StoredPoint]:
    """All points of one aspect of one entity."""
    rows = db.execute(_READ, (entity_key, aspect))
    return [stored_point(row) for row in rows]


def stored_point(
    row: tuple[Any, ...], decode: Callable[[str], Json] = msgspec.json.decode
) -> StoredPoint:
    """The point of a row: slot, source, time, rank, fact, position, actor, value as text."""
    slot, source, time, rank, fact_id, position, actor, value = row
    return StoredPoint(slot, source, time, rank, fact_id, position, actor, decode(value))


class PointTable:
    """Writes points; a repeated one changes nothing, for the first fact that says so is cited."""

    def __init__(self, db: sqlite3.Connection, digest: RollingDigest) -> None:
        self._db = db
        self._digest = digest

    def put(
        self, entity_key: str, aspect: str, point: StoredPoint, *, derived: bool = False
    ) -> bool:
        """Add a point; says whether it is new."""
        value = _encode(point.value).decode()
        place = (entity_key, aspect, point.slot, point.source, point.time, point.rank)
        cite = (point.fact_id, point.position, point.actor)
        done = self._db.execute(_INSERT, (*place, int(derived), *cite, value))
        if done.rowcount:
            self._digest.add("point", *place, value)
            return True
        self._db.execute(_CITE, (*cite, *place, point.position))
        return False

    def replace_derived(
        self, entity_key: str, wanted: dict[tuple[str, str], list[StoredPoint]]
    ) -> set[str]:
        """Make the derived points of an entity these; returns the aspects that changed.

        Args:
            entity_key: The entity.
            wanted: Points by (aspect, facet).
        """
        rows = self._db.execute(
            "select aspect, slot, source, time, rank, value, fact_id, position, actor from point"
            " where entity_key = ? and derived = 1",
            (entity_key,),
        ).fetchall()
        old = {row[:5]: row[5:] for row in rows}
        changed: set[str] = set()
        for (aspect, _), points in wanted.items():
            for point in points:
                place = (aspect, point.slot, point.source, point.time, point.rank)
                known = old.pop(place, None)
                if known is not None and known[0] == _encode(point.value).decode():
                    cite = (point.fact_id, point.position, point.actor)
                    if known[1:] != cite:
                        self._db.execute(_RECITE, (*cite, entity_key, *place))
                        changed.add(aspect)
                    continue
                if known is not None:
                    self._drop(entity_key, place, known[0])
                self.put(entity_key, aspect, point, derived=True)
                changed.add(aspect)
        for place, (value, *_) in old.items():
            self._drop(entity_key, place, value)
            changed.add(place[0])
        return changed

    def _drop(self, entity_key: str, place: tuple[Json, ...], value: str) -> None:
        self._db.execute(
            "delete from point where entity_key = ? and aspect = ? and slot = ? and source = ?"
            " and time = ? and rank = ?",
            (entity_key, *place),
        )
        self._digest.remove("point", entity_key, *place, value)
