"""Names that look like names of one thing: suggested to a person, never joined by themselves. Pure.

Each suggestion comes with the form of the rule that would join all pairs of its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from lineage.state.alias_rules import whole_of

__all__ = ["Suggestion", "suggest"]

Name = tuple[str, str]
"""Namespace and name."""

_LOCAL: Final = ("file", "duckdb", "sqlite")
"""Schemes whose names mean something on one machine alone."""
_MOST: Final = 20
"""Names that look alike; of more of them nothing is suggested."""


@dataclass(frozen=True, slots=True, order=True)
class Suggestion:
    """Two names that look alike.

    Attributes:
        form: Form of a rule that would join them; ``symlink`` where a producer names the other by
            its short name, but in another namespace; ``sql`` where SQL alone may name the one.
        dataset: The one.
        alias: The other, to which a rule would lead.
    """

    form: Literal["host", "parts", "case", "table", "sql", "symlink"]
    dataset: Name
    alias: Name


def suggest(names: Iterable[Name], short: Iterable[tuple[Name, str]]) -> Iterator[Suggestion]:
    """Pairs of names that look alike.

    Args:
        names: Datasets that are known.
        short: Datasets with a name that some producer gave them as a symlink.
    """
    known = set(names)
    yield from _parts(known)
    yield from _alike(known, "case", lambda one: (one[0], one[1].lower()))
    yield from _alike(known, "host", _hostless)
    yield from _tables(known)
    yield from _placeless(known)
    by_name: dict[str, list[Name]] = {}
    for one in known:
        by_name.setdefault(one[1], []).append(one)
    for dataset, said in short:
        others = [one for one in by_name.get(said, ()) if one[0] != dataset[0] and one != dataset]
        if len(others) <= _MOST:
            yield from (Suggestion("symlink", dataset, other) for other in others)


def _parts(known: set[Name]) -> Iterator[Suggestion]:
    folders: dict[Name, list[Name]] = {}
    for namespace, name in known:
        whole = whole_of(name)
        if whole != name:
            folders.setdefault((namespace, whole), []).append((namespace, name))
    for folder, parts in folders.items():
        # Several parts of a folder that nobody names are one thing too.
        middle = folder if folder in known else min(parts)
        yield from (Suggestion("parts", part, middle) for part in parts if part != middle)


def _alike(
    known: set[Name], form: Literal["case", "host"], to: Callable[[Name], Name | None]
) -> Iterator[Suggestion]:
    groups: dict[Name, list[Name]] = {}
    for one in known:
        key = to(one)
        if key is not None:
            groups.setdefault(key, []).append(one)
    for group in groups.values():
        if 1 < len(group) <= _MOST:
            first = min(group)
            yield from (Suggestion(form, one, first) for one in group if one != first)


def _hostless(one: Name) -> Name | None:
    """A local name without its host; None for what is known everywhere by that name."""
    scheme = one[0].partition(":")[0]
    return (scheme, one[1]) if scheme in _LOCAL else None


def _tables(known: set[Name]) -> Iterator[Suggestion]:
    """``db.t`` and a path that ends in ``/db.db/t``, as Hive's warehouse has it."""
    paths: dict[str, list[Name]] = {}
    for one in known:
        folder, _, table = one[1].rstrip("/").rpartition("/")
        database = folder.rpartition("/")[2]
        if database.endswith(".db"):
            paths.setdefault(f"{database.removesuffix('.db')}.{table}", []).append(one)
    for one in known:
        found = paths.get(".".join(one[1].split(".")[-2:]), ()) if "/" not in one[1] else ()
        if 0 < len(found) <= _MOST:
            yield from (Suggestion("table", one, path) for path in found)


def _placeless(known: set[Name]) -> Iterator[Suggestion]:
    """A qualified table in the namespace of a job, where SQL alone puts it, and one in a storage.

    Such a namespace says no place; one that does (a scheme) is never taken for another.
    """
    placed: dict[str, list[Name]] = {}
    for one in known:
        if "://" in one[0] and _is_qualified(one[1]):
            placed.setdefault(one[1], []).append(one)
    for one in known:
        if ":" not in one[0] and one[0] not in _LOCAL:
            found = placed.get(one[1], ())
            if len(found) <= _MOST:
                yield from (Suggestion("sql", one, other) for other in found)


def _is_qualified(name: str) -> bool:
    return "." in name.strip(".") and "/" not in name
