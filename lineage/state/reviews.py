"""What waits for a person to decide: names that were only proposed, drops that fit nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from lineage.graph.content import Aliases
from lineage.identity import Identity
from lineage.refs import DatasetRef
from lineage.state.alias_rules import BOOK, ENDED, RULE, Rule, rules_of
from lineage.state.aliases import ASPECT
from lineage.state.point_table import read_points
from lineage.state.resolve import resolve
from lineage.state.suggesting import Suggestion, suggest

__all__ = [
    "MOST_NAMES", "OpenDrop", "Waiting", "joined_by", "open_drops", "standing_rules",
    "suggestions", "waiting",
]  # fmt: skip

_WAITING: Final = (
    "select entity_key, slot, since, actor, fact_id from alias_waiting"
    " where (entity_key, slot) > (?, ?) order by entity_key, slot limit ?"
)
_OPEN: Final = (
    "select d.entity_key, d.state, (select max(coalesce(r.ended, r.last)) from shape_io io"
    " join run r on r.shape_id = io.shape_id where io.entity_key = d.entity_key"
    " and io.role = 'out' and io.change = 'DROP') from dropped d"
    " where d.state in ('unknown', 'ambiguous') and d.entity_key > ? order by 1 limit ?"
)


_NAMES: Final = "select key, parts from entity where label = 'Dataset' order by key limit ?"
_PARSED: Final = (
    "select n.key, n.props ->> 'namespace', n.props ->> 'name' from node n"
    " left join entity e on e.key = n.key"
    " where n.label = 'Dataset' and n.live = 1 and e.key is null order by n.key limit ?"
)
"""Datasets that SQL alone names: the graph shows them, and no fact speaks of them."""
_SHORT: Final = (
    "select o.entity_key, o.name from other_name o join entity e on e.key = o.entity_key"
    " order by 1, 2 limit ?"
)
MOST_NAMES: Final = 100_000
"""Datasets looked at for names that look alike."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another name that a producer gave without speaking for it.

    Attributes:
        key: Key of the dataset that it was said of.
        slot: Reference of the other name.
        since: When it was said last, epoch milliseconds.
        actor: Opaque id of the producer.
        fact_id: The fact that says so.
    """

    key: str
    slot: str
    since: int
    actor: str
    fact_id: str


@dataclass(frozen=True, slots=True)
class OpenDrop:
    """A DROP of something that nobody wrote or read.

    Attributes:
        key: Key of what it names.
        state: ``unknown`` where nothing fits, ``ambiguous`` where several datasets do.
        at: When it was last dropped, epoch milliseconds.
    """

    key: str
    state: str
    at: int


def waiting(db: sqlite3.Connection, after: tuple[str, str], limit: int) -> list[Waiting]:
    """Proposals that nobody decided, in order of (key, slot)."""
    return [Waiting(*row) for row in db.execute(_WAITING, (*after, limit))]


def open_drops(db: sqlite3.Connection, after: str, limit: int) -> list[OpenDrop]:
    """Drops that are not resolved, in order of the key."""
    return [OpenDrop(*row) for row in db.execute(_OPEN, (after, limit))]


def suggestions(
    db: sqlite3.Connection, identity: Identity, aliases: Aliases
) -> Iterator[Suggestion]:
    """Names that look alike, unless they are joined or somebody decided about them."""
    names = {key: _name(parts) for key, parts in db.execute(_NAMES, (MOST_NAMES,))}
    names |= {key: (namespace, name) for key, namespace, name in db.execute(_PARSED, (MOST_NAMES,))}
    short = [(names[key], name) for key, name in db.execute(_SHORT, (MOST_NAMES,)) if key in names]
    for one in sorted(set(suggest(names.values(), short))):
        ends = [DatasetRef(*name) for name in (one.dataset, one.alias)]
        keys = [ref.key(identity) for ref in ends]
        if keys[1] not in aliases.of(keys[:1]) and not _decided(db, keys[0], str(ends[1])):
            yield one


def _decided(db: sqlite3.Connection, key: str, slot: str) -> bool:
    decided = (one for one in resolve(ASPECT, read_points(db, key, ASPECT)) if one.slot == slot)
    return any(one.source == "decision" for one in decided)


def _name(parts: str) -> tuple[str, str]:
    namespace, name = msgspec.json.decode(parts)[:2]
    return namespace, name


def standing_rules(db: sqlite3.Connection, identity: Identity) -> tuple[Rule, ...]:
    """The rules that hold."""
    book = BOOK.key(identity)
    return rules_of(read_points(db, book, RULE), read_points(db, book, ENDED))


def joined_by(db: sqlite3.Connection) -> dict[str, int]:
    """How many names each rule leads to another one."""
    found: dict[str, int] = {}
    for rules, count in db.execute("select rules, count(*) from alias_class group by rules"):
        for rule in rules.split():
            found[rule] = found.get(rule, 0) + count
    return found
