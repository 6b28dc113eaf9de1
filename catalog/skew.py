"""Skew: where the same dataset differs between two environments. Pure.

Which dataset of the one environment is the same as which of the other follows from the names: equal
but for the name of the environment in them (``shop-dev`` and ``shop-prod``), or else the only ones
of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from lineage.facts import Json

__all__ = [
    "LABEL", "TOPICS", "Difference", "Pair", "Place", "Side", "compare", "label_in", "pairs",
]  # fmt: skip

Topic = Literal["presence", "schema", "order", "statistics", "version", "code"]
TOPICS: Final[tuple[Topic, ...]] = get_args(Topic)
"""What two environments can differ in."""

LABEL: Final = "environment"
"""Key of the tag of a dataset, or of the job that writes it, whose value is its environment."""

_STATISTICS: Final = ("rows", "bytes", "files")
_RUN_BEHIND: Final = re.compile(r"@[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_Named = dict[str, list["Place"]]


@dataclass(frozen=True, slots=True)
class Place:
    """A dataset by name; ``key`` is that of its node."""

    namespace: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One dataset in two environments; None where there is none.

    Attributes:
        name: What both are called; ``*`` stands for the environment.
        one: In the first environment.
        other: In the second one.
        ambiguous: True where several have that name, so that nobody knows which belong together.
    """

    name: str
    one: Place | None
    other: Place | None
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared of a dataset; what nobody said is empty, and differs from nothing.

    Attributes:
        columns: Name and type of each, in their order; a type that nobody said is empty.
        statistics: ``rows``, ``bytes``, ``files`` of its newest version.
        version: Its newest version, as its producer names it.
        code: Version of the code of each job that writes it, by the job's name.
    """

    columns: Sequence[tuple[str, str]] = ()
    statistics: Mapping[str, int] = field(default_factory=dict)
    version: str = ""
    code: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs.

    Attributes:
        topic: Of what it is.
        name: The column, the figure, the job; empty where it is the whole.
        before: As it is in the first environment; None where it is not there.
        after: As it is in the second one.
    """

    topic: Topic
    name: str
    before: Json
    after: Json


def label_in(tags: Json) -> str:
    """The environment that tags name, in small letters; empty where none does."""
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, Mapping) and tag.get("key") == LABEL and not tag.get("field"):
            value = tag.get("value")
            if isinstance(value, str) and value.strip():
                return value.strip().lower()
    return ""


def pairs(ones: Iterable[Place], others: Iterable[Place], labels: tuple[str, str]) -> list[Pair]:
    """Which datasets of two environments belong together, by name.

    Args:
        ones: Datasets of the first environment.
        others: Datasets of the second one.
        labels: How the two are called.
    """
    left, right = _by_form(ones, labels[0]), _by_form(others, labels[1])
    found: list[Pair] = []
    alone: tuple[_Named, _Named] = ({}, {})
    for form in sorted({**left, **right}):
        some, more = left.get(form, []), right.get(form, [])
        if len(some) == len(more) == 1:
            found.append(Pair(form[1], some[0], more[0]))
        else:
            alone[0].setdefault(form[1], []).extend(some)
            alone[1].setdefault(form[1], []).extend(more)
    for name in alone[0]:
        some, more = alone[0][name], alone[1][name]
        if len(some) == len(more) == 1:
            found.append(Pair(name, some[0], more[0]))
        else:
            ambiguous = bool(some and more)
            found += [Pair(name, one, None, ambiguous) for one in some]
            found += [Pair(name, None, one, ambiguous) for one in more]
    return sorted(found, key=lambda pair: pair.name)


def _by_form(places: Iterable[Place], label: str) -> dict[tuple[str, str], list[Place]]:
    found: dict[tuple[str, str], list[Place]] = {}
    for one in sorted(places, key=lambda place: (place.namespace, place.name)):
        found.setdefault((_form(one.namespace, label), _form(one.name, label)), []).append(one)
    return found


def _form(text: str, label: str) -> str:
    """A name with a star for the name of its environment."""
    if text == label:
        return "*"
    return re.sub(
        rf"(?<![A-Za-z0-9]){re.escape(label)}(?![A-Za-z0-9])", "*", text, flags=re.IGNORECASE
    )


def compare(one: Side, other: Side, tolerance: float) -> list[Difference]:
    """What differs between a dataset in two environments.

    Args:
        one: In the first.
        other: In the second.
        tolerance: By which part of the larger figure two figures may differ: 0.1 is a tenth.
    """
    return [
        *_schema(one.columns, other.columns),
        *_statistics(one.statistics, other.statistics, tolerance),
        *_versions(one, other),
    ]


def _schema(
    one: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]
) -> Iterator[Difference]:
    if not one or not other:
        return
    before, after = dict(one), dict(other)
    for name in {**before, **after}:
        if name not in after:
            yield Difference("schema", name, before[name] or "there", None)
        elif name not in before:
            yield Difference("schema", name, None, after[name] or "there")
        elif before[name] and after[name] and before[name].lower() != after[name].lower():
            yield Difference("schema", name, before[name], after[name])
    order = [
        [name for name in side if name in before and name in after] for side in (before, after)
    ]
    if order[0] != order[1]:
        yield Difference("order", "", *order)


def _statistics(
    one: Mapping[str, int], other: Mapping[str, int], tolerance: float
) -> Iterator[Difference]:
    for name in _STATISTICS:
        if name in one and name in other:
            larger = max(abs(one[name]), abs(other[name]))
            if abs(one[name] - other[name]) > tolerance * larger:
                yield Difference("statistics", name, one[name], other[name])


def _versions(one: Side, other: Side) -> Iterator[Difference]:
    # The run behind a version is that of one environment; what stands before it is of both.
    bare = [_RUN_BEHIND.sub("", side.version) for side in (one, other)]
    if all(bare) and bare[0] != bare[1]:
        yield Difference("version", "", one.version, other.version)
    for job in sorted(one.code.keys() & other.code.keys()):
        if one.code[job] != other.code[job]:
            yield Difference("code", job, one.code[job], other.code[job])
