"""Which table a DROP meant, where it names one that nobody ever wrote or read.

Spark drops a table by a path of its own making, with another namespace in its symlink. Such a DROP
means the one dataset that shares the name of a symlink with it, lies in the same namespace, and
whose folder its path begins with. Where there is none, or several, it is left for a person.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import msgspec

from lineage.graph.rows import listed
from lineage.identity import Identity
from lineage.refs import DatasetRef
from lineage.state.aliases import ASPECT, Joined, named_slots
from lineage.state.point_table import read_points
from lineage.state.resolve import StoredPoint, resolve
from lineage.state.shape_table import ShapeInfo

__all__ = ["DropTable", "State", "resolved_drop"]

State = Literal["itself", "resolved", "unknown", "ambiguous"]
"""``itself``: others wrote or read what was dropped; ``resolved``: ``target`` was meant."""

_EVIDENCE: Final = """
select 1 from shape_io io join shape s on s.id = io.shape_id where io.entity_key = ?1
and (s.body ->> 4 <> '[]' or s.body ->> 5 <> '[]')
and (io.role = 'in' or io.role = 'out' and io.change is not 'DROP' and io.owner not in (
  select owner from shape_io where entity_key = ?1 and role = 'out' and change = 'DROP'
)) limit 1
"""
"""A job that drops a thing may show it once without saying so; what SQL alone names is no evidence
(a shape without inputs and outputs, which stand in its fifth and sixth place)."""
_DROPPED: Final = """
select entity_key from dropped where entity_key in (select value from json_each(?1))
union select d.entity_key from json_each(?1) as one
join other_name mine on mine.entity_key = one.value
join other_name theirs on theirs.name = mine.name
join dropped d on d.entity_key = theirs.entity_key
union select d.entity_key from json_each(?1) as one
join naming on naming.named = one.value
join dropped d on d.entity_key = naming.entity_key
"""
"""What was dropped, shares a short name with a thing, or has it for its other name."""
_NAMESAKES: Final = "select entity_key from other_name where name = ? and entity_key <> ?"


class DropTable:
    """Resolves drops, again whenever a shape or a name says something new."""

    def __init__(self, db: sqlite3.Connection, identity: Identity) -> None:
        self._db = db
        self._identity = identity
        self._named: set[str] = set()

    def names_changed(self, key: str) -> None:
        """Keep by which short names a thing was ever known."""
        slots = named_slots(read_points(self._db, key, ASPECT))
        self._db.executemany(
            "insert or ignore into other_name values (?, ?)",
            [(ref.name, key) for ref in slots.values()],
        )
        self._named.add(key)

    def forget(self) -> None:
        """Empty the caches, after a transaction was rolled back."""
        self._named.clear()

    def settle(self, fresh: Iterable[ShapeInfo]) -> set[str]:
        """Look again at what new shapes and names touch.

        Args:
            fresh: Shapes stored since the last time.

        Returns:
            Keys of datasets of which other drops may be known now, and of what was dropped.
        """
        touched = self._named
        self._named = set()
        for info in fresh:
            touched |= {*info.wiring.inputs, *info.wiring.outputs}
            gone = [key for key, change in info.wiring.changes.items() if change == "DROP"]
            self._db.executemany(
                "insert or ignore into dropped (entity_key, state) values (?, 'itself')",
                [(key,) for key in gone],
            )
        if not touched or self._db.execute("select 1 from dropped limit 1").fetchone() is None:
            return set()
        changed: set[str] = set()
        for (key,) in self._db.execute(_DROPPED, (listed(sorted(touched)),)).fetchall():
            changed |= self._look(key)
        return changed

    def _look(self, key: str) -> set[str]:
        state, target, since, actor = self._resolve(key)
        [old] = self._db.execute(
            "select state, target, since, actor from dropped where entity_key = ?", (key,)
        ).fetchall()
        if target is not None:
            self._db.execute(
                "insert or ignore into shape_io select ?, 'drop', shape_id, owner, change, null"
                " from shape_io where entity_key = ? and role = 'out' and change = 'DROP'",
                (target, key),
            )
        if old == (state, target, since, actor):
            return set() if target is None else {target}
        self._db.execute(
            "update dropped set state = ?, target = ?, since = ?, actor = ? where entity_key = ?",
            (state, target, since, actor, key),
        )
        if old[1] is not None and old[1] != target:
            self._let_go(old[1])
        return {one for one in (key, old[1], target) if one is not None}

    def _let_go(self, target: str) -> None:
        """Take back what was dropped of a thing, but for what others still say."""
        self._db.execute("delete from shape_io where entity_key = ? and role = 'drop'", (target,))
        self._db.execute(
            "insert or ignore into shape_io select d.target, 'drop', io.shape_id, io.owner,"
            " io.change, null from dropped d join shape_io io on io.entity_key = d.entity_key"
            " and io.role = 'out' and io.change = 'DROP' where d.target = ?",
            (target,),
        )

    def _resolve(self, key: str) -> tuple[State, str | None, int, str]:
        if self._seen(key):
            return "itself", None, 0, ""
        points = read_points(self._db, key, ASPECT)
        decisions = {
            value.slot: value
            for value in resolve(ASPECT, points)
            if value.source == "decision" and isinstance(value.value, dict)
        }
        found: dict[str, StoredPoint] = {}
        for slot, ref in named_slots(points).items():
            first = min((p for p in points if _says(p, slot)), key=lambda p: (p.time, p.rank))
            decided = decisions.get(slot)
            other = ref.key(self._identity)
            if decided is None:
                rows = self._db.execute(_NAMESAKES, (ref.name, key)).fetchall()
                for candidate in {other, *(one for (one,) in rows)} - {key}:
                    if self._meant(key, candidate, decisions):
                        found.setdefault(candidate, first)
            elif decided.value.get("accepted") is True and self._seen(other):
                found = {other: first}
                break
        if len(found) != 1:
            return ("ambiguous" if found else "unknown"), None, 0, ""
        [(target, point)] = found.items()
        return "resolved", target, point.time, point.actor

    def _seen(self, key: str) -> bool:
        """Whether anybody wrote or read it."""
        return self._db.execute(_EVIDENCE, (key,)).fetchone() is not None

    def _meant(self, dropped: str, candidate: str, decisions: Iterable[str]) -> bool:
        namespace, path = self._parts(dropped)
        parts = self._parts(candidate)
        if not parts or parts[0] != namespace or str(DatasetRef(*parts[:2])) in decisions:
            return False
        folder = parts[1].rpartition("/")[0]
        return (not folder or path.startswith(f"{folder}/")) and self._seen(candidate)

    def _parts(self, key: str) -> Sequence[str]:
        row = self._db.execute("select parts from entity where key = ?", (key,)).fetchone()
        parts: list[str] = [] if row is None else msgspec.json.decode(row[0])
        return parts


def _says(point: StoredPoint, slot: str) -> bool:
    return point.slot == slot or (isinstance(point.value, dict) and slot in point.value)


def resolved_drop(db: sqlite3.Connection, key: str) -> Iterator[Joined]:
    """The dataset that was meant where this one was dropped."""
    rows = db.execute(
        "select e.parts, d.since, d.actor from dropped d join entity e on e.key = d.target"
        " where d.entity_key = ?",
        (key,),
    )
    for parts, since, actor in rows:
        namespace, name = msgspec.json.decode(parts)[:2]
        yield Joined(DatasetRef(namespace, name), "drop", "drop", actor, since)
