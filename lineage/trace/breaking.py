"""Which changes break whoever reads: a column dropped, renamed or retyped, a source lost. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, Literal, get_args

from lineage.facts import Json
from lineage.trace.diff import Change

__all__ = ["KINDS", "Break", "Declared", "Kind", "breaks"]

Kind = Literal["drop", "rename", "retype", "source"]
"""``drop``: a column is gone; ``rename``: it goes by another name; ``retype``: it has another type;
``source``: something at the beginning of the lineage is gone."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Declared = Callable[[str], Collection[Kind]]
"""The kinds that are declared to break readers of a dataset, by its reference."""


@dataclass(frozen=True, slots=True)
class Break:
    """A change that breaks readers.

    Attributes:
        kind: What happened.
        ref: The dataset; for a lost source, that source.
        name: The column as it was; empty for a source.
        before: Its type before.
        after: Its type, or the other name, after; None where nothing is left.
        declared: Whether it is declared that such a change breaks readers.
    """

    kind: Kind
    ref: str
    name: str
    before: Json
    after: Json
    declared: bool


def breaks(changes: Sequence[Change], declared: Declared, ref: str) -> tuple[Break, ...]:
    """The breaking ones among changes, in their order.

    A column counts as renamed where one went out and one of the same type came in, and of that
    type no other did either: that the data is the same nobody can tell from a schema.

    Args:
        changes: What differs, sorted as ``compare`` does.
        declared: Says what is declared of a dataset.
        ref: What was compared; a lost source is judged by what is declared of it.
    """
    lost = [c for c in changes if c.topic == "sources" and c.what == "out"]
    found = [Break("source", c.ref, "", None, None, "source" in declared(ref)) for c in lost]
    columns = [change for change in changes if change.topic == "columns"]
    for dataset, some in groupby(columns, key=lambda change: change.ref):
        kinds = declared(dataset)
        found += [replace(one, declared=one.kind in kinds) for one in _columns(list(some))]
    return tuple(found)


def _columns(changes: Sequence[Change]) -> Iterator[Break]:
    gone = [change for change in changes if change.what == "out"]
    new = [change for change in changes if change.what == "in"]
    for c in changes:
        if c.what == "changed":
            yield Break("retype", c.ref, c.name, c.before, c.after, declared=False)
        elif c.what == "out":
            alike = [one for one in new if one.after == c.before]
            if len(alike) == 1 and sum(one.before == c.before for one in gone) == 1:
                yield Break("rename", c.ref, c.name, c.before, alike[0].name, declared=False)
            else:
                yield Break("drop", c.ref, c.name, c.before, None, declared=False)
