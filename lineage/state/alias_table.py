"""Other names as stored: classes that rules make, what waits for a review, and the edges of both.

What is kept follows from entities, points and rules alone, so that neither order nor batches
matter.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from lineage.graph.port import Edge
from lineage.identity import Identity
from lineage.refs import DatasetRef
from lineage.state.alias_rules import BOOK, ENDED, RULE, Rule, lead, rules_of, trusted
from lineage.state.aliases import ASPECT, PROPOSED, Joined, alias_edges, named_slots
from lineage.state.drops import resolved_drop
from lineage.state.point_table import read_points
from lineage.state.resolve import MANY, StoredPoint, resolve

__all__ = ["AliasTable"]

_decode = msgspec.json.decode
_MEMBERS: Final = "select entity_key from alias_class where class = ?"


class AliasTable:
    """Derives the other names of things."""

    def __init__(self, db: sqlite3.Connection, identity: Identity) -> None:
        self._db = db
        self._identity = identity
        self._book = BOOK.key(identity)
        self._rules: tuple[Rule, ...] | None = None
        self._all = False
        self._born: list[tuple[str, tuple[str, ...]]] = []
        self._moved: set[str] = set()

    def moved(self) -> set[str]:
        """Keys that other rules join since this was asked last, at every moment."""
        found, self._moved = self._moved, set()
        return found

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that hold."""
        if self._rules is None:
            self._rules = rules_of(
                read_points(self._db, self._book, RULE), read_points(self._db, self._book, ENDED)
            )
        return self._rules

    def born(self, key: str, parts: tuple[str, ...]) -> None:
        """A dataset is named for the first time."""
        self._born.append((key, parts))

    def rules_changed(self) -> None:
        """A rule was made or ended."""
        self._rules = None
        self._all = True

    def forget(self) -> None:
        """Empty the caches, after a transaction was rolled back."""
        self._rules = None
        self._all = False
        self._born.clear()
        self._moved.clear()

    def settle(self) -> set[str]:
        """Bring the classes up to date; the keys whose other names may differ now."""
        if self._all:
            self._all = False
            self._moved = self._anew()
            # The middle of a class that the rules leave as it was can be named only now.
            named = [self._members(key) for key, _ in self._born]
            self._born.clear()
            return self._moved.union(*named)
        if not self.rules:
            self._born.clear()
        changed: set[str] = set()
        for key, parts in self._born:
            row = self._place(key, parts)
            changed |= self._members(key)
            if row is None:
                continue
            self._db.execute("insert or replace into alias_class values (?, ?, ?)", row)
            # A folder may have a hundred thousand parts: mostly one more changes itself alone.
            changed |= self._members(row[0]) if self._middle(row[0]) == key else {key}
        self._born.clear()
        return changed

    def _anew(self) -> set[str]:
        """All classes by other rules."""
        old = set(self._db.execute("select class, entity_key, rules from alias_class"))
        rows = self._db.execute("select key, parts from entity where label = 'Dataset'")
        placed = (self._place(key, tuple(_decode(parts))) for key, parts in rows.fetchall())
        new = {row for row in placed if row is not None}
        self._db.execute("delete from alias_class")
        self._db.executemany("insert into alias_class values (?, ?, ?)", sorted(new))
        moved = old ^ new
        changed = {key for _, key, _ in moved}
        for name in {name for name, _, _ in moved}:
            changed |= self._members(name)
        waiting = self._db.execute("select entity_key from point where aspect = ?", (PROPOSED,))
        return changed | {key for (key,) in waiting}

    def _place(self, key: str, parts: Sequence[str]) -> tuple[str, str, str] | None:
        """(class, member, rules) of a dataset that a rule leads elsewhere."""
        name, by = lead(self.rules, parts[0], parts[1])
        to = DatasetRef(*name).key(self._identity)
        return None if to == key else (to, key, " ".join(dict.fromkeys(rule.id for rule in by)))

    def _members(self, name: str) -> set[str]:
        return {key for (key,) in self._db.execute(_MEMBERS, (name,))}

    def edges(
        self, key: str, parts: Sequence[str]
    ) -> tuple[dict[str, DatasetRef], dict[str, DatasetRef], list[Edge]]:
        """The other names of a dataset, and an edge to each that was ever accepted.

        Returns:
            Names by key that are known from now on, those that are as long as somebody trusts what
            was proposed, and the edges.
        """
        said = read_points(self._db, key, ASPECT)
        proposed = read_points(self._db, key, PROPOSED)
        groups, trusting = [said], dict[str, DatasetRef]()
        if proposed:
            accepted, waiting = self._reviewed(parts[0], proposed, said)
            groups.append([*accepted, *(p for p in said if p.source == "decision")])
            self._wait(key, waiting)
            trusting = {r.key(self._identity): r for r in named_slots(accepted).values()}
        joined = [*self._class(key), *resolved_drop(self._db, key)]
        others, edges = alias_edges(key, groups, self._identity, joined)
        self._db.executemany(
            "insert or ignore into naming values (?, ?)",
            sorted((other, key) for other in others if other != key),
        )
        known = {ref.key(self._identity): ref for ref in named_slots(said).values()}
        return known, trusting, edges

    def _reviewed(
        self, namespace: str, proposed: Sequence[StoredPoint], said: Sequence[StoredPoint]
    ) -> tuple[list[StoredPoint], dict[str, StoredPoint]]:
        """What was proposed and is trusted, and what still waits, by slot."""
        fine = {
            slot
            for slot, ref in named_slots(proposed).items()
            if trusted(self.rules, namespace, ref.namespace)
        }
        decided = {value.slot for value in resolve(ASPECT, said) if value.source == "decision"}
        accepted = []
        waiting: dict[str, StoredPoint] = {}
        for point in sorted(proposed, key=lambda p: (p.time, p.rank)):
            value = point.value if point.slot == MANY and isinstance(point.value, dict) else {}
            fits = {slot: value[slot] for slot in value if slot in fine}
            accepted.append(replace(point, value=fits))
            waiting = {slot: waiting.get(slot, point) for slot in value}
        known = {slot: p for slot, p in waiting.items() if slot not in fine | decided}
        return accepted, known

    def _wait(self, key: str, waiting: dict[str, StoredPoint]) -> None:
        self._db.execute("delete from alias_waiting where entity_key = ?", (key,))
        self._db.executemany(
            "insert into alias_waiting values (?, ?, ?, ?, ?)",
            [(key, slot, p.time, p.actor, p.fact_id) for slot, p in waiting.items()],
        )

    def _class(self, key: str) -> Iterable[Joined]:
        """The name that the class of a thing has in the middle."""
        row = self._db.execute(
            "select class, rules from alias_class where entity_key = ?", (key,)
        ).fetchone()
        if row is None:
            return
        name, rules = row
        middle = self._middle(name)
        if middle == key:
            return
        if middle != name:
            more = self._db.execute("select rules from alias_class where entity_key = ?", (middle,))
            rules = f"{rules} {more.fetchone()[0]}"
        by = dict.fromkeys(rules.split())
        decided = {rule.id: rule for rule in self.rules}
        parts = self._parts(middle)
        if parts is not None:
            yield Joined(
                DatasetRef(parts[0], parts[1]), "rule", "+".join(by), decided[next(iter(by))].actor
            )

    def _middle(self, name: str) -> str:
        """The name that rules lead to, or where nobody uses it the first of those that are used."""
        if self._parts(name) is not None:
            return name
        row = self._db.execute("select min(entity_key) from alias_class where class = ?", (name,))
        [(middle,)] = row.fetchall()
        return str(middle)

    def _parts(self, key: str) -> list[str] | None:
        row = self._db.execute("select parts from entity where key = ?", (key,)).fetchone()
        return None if row is None else _decode(row[0])
