"""What lies between manifests: references, licenses, codes, files. Offline, without a server."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from catalog.errors import BadExpression
from catalog.licenses.expression import NOT_SAID, alternatives
from catalog.licenses.terms import find_terms, table
from catalog.manifests.codes import legal_basis_fault, purpose_fault
from catalog.manifests.columns import Columns
from catalog.manifests.datasets import Dataset, Measure
from catalog.manifests.models import Model
from catalog.manifests.paths import path_fault, uri_fault
from catalog.manifests.policy import Policy
from catalog.manifests.problems import Problem, one_of
from catalog.manifests.retention import RetentionClass, keeps_longer_than
from catalog.quality_rules import rule_faults

__all__ = ["SOURCE_FOLDERS", "check"]

SOURCE_FOLDERS: Final = ("sources", "data")
"""Folders of the workspace in which local sources may lie."""

_RECORD: Final = ("source", "collection", "license", "purposes", "legal_basis", "region")
"""What a source must record (REQ-13, REQ-15, REQ-20)."""

Path = tuple[str | int, ...]
Found = tuple[Path, str, str]


def check(policy: Policy, *, folders: Sequence[str] = SOURCE_FOLDERS) -> list[Problem]:
    """Everything that is wrong, in single manifests and between them, by file and line.

    Args:
        policy: As loaded.
        folders: Folders in which local sources may lie: names below the workspace, or paths.
    """
    problems = list(policy.problems)
    view = _View(policy, folders, Columns(policy, folders))
    for name, dataset in policy.datasets.items():
        problems += _at(policy, f"dataset:{name}", view.dataset(dataset))
    for name, retention in policy.retention_classes.items():
        problems += _at(policy, f"retention:{name}", _retention(retention))
    for name, model in policy.models.items():
        problems += _at(policy, f"model:{name}", view.model(model))
    for name, terms in policy.licenses.items():
        unknown = [one for one in terms.share_alike if one not in {*table(), terms.id}]
        found = [
            (("share_alike",), f"{one} is not a known license", one_of(one, table(), "licenses"))
            for one in unknown
        ]
        problems += _at(policy, f"license:{name}", found)
    return sorted(set(problems))


def _at(policy: Policy, place: str, found: Iterable[Found]) -> Iterator[Problem]:
    for path, what, fix in found:
        yield policy.places[place].problem(path, what, fix)


def _retention(one: RetentionClass) -> Iterator[Found]:
    # Two duties that contradict each other are shown, never settled in silence (REQ-57).
    if one.min_keep is not None and keeps_longer_than(one.min_keep, one.period):
        what = f"it must be kept for {one.min_keep} and deleted after {one.period}"
        yield ("min_keep",), what, "lengthen period or shorten min_keep"


@dataclass(frozen=True)
class _View:
    policy: Policy
    folders: Sequence[str]
    have: Columns

    def dataset(self, one: Dataset) -> Iterator[Found]:
        yield from _stage(one)
        if one.source is not None:
            yield from self.source(one)
        collection = one.collection
        if collection is not None and collection.collected_from > collection.collected_to:
            yield (
                ("collection", "from"),
                "it is after the end of the collection",
                "swap from and to",
            )
        if one.license is not None:
            yield from self.license(one.license)
        for index, code in enumerate(one.purposes):
            if fix := purpose_fault(code):
                yield ("purposes", index), f"{code!r} is not a known purpose", fix
        if one.legal_basis is not None and (fix := legal_basis_fault(one.legal_basis)):
            yield ("legal_basis",), f"{one.legal_basis!r} is not a known legal basis", fix
        if one.personal and one.legal_basis == "not-personal":
            fix = "name the legal basis, for example eu-gdpr:A6-1-b"
            yield ("legal_basis",), "the dataset is declared to hold personal data", fix
        names = self.names("retention")
        if one.retention not in names:
            what = f"there is no retention class {one.retention!r}"
            yield ("retention",), what, one_of(one.retention, names, "retention classes")
        yield from self.made_from(one)
        yield from self.columns(one)

    def source(self, one: Dataset) -> Iterator[Found]:
        source = one.source
        if source is None:
            return
        if (source.path is None) == (source.uri is None):
            yield ("source",), "a source has a path or a uri", "write exactly one of them"
            return
        fault = path_fault if source.path is not None else uri_fault
        wrong = fault(source.location, self.policy.root, self.folders)
        if wrong:
            yield ("source", "uri" if source.path is None else "path"), *wrong

    def license(self, expression: str) -> Iterator[Found]:
        try:
            left = alternatives(expression)
        except BadExpression as error:
            yield ("license",), error.what, error.advice
            return
        today = dt.date.min
        own = self.policy.own_terms(today)
        declared = self.names("license")
        for symbol in sorted(frozenset[str]().union(*left)):
            if symbol.upper() in NOT_SAID:
                fix = "find out the license; unknown blocks every release"
                yield ("license",), f"{symbol} says no license", fix
            elif find_terms(symbol, own) is None and symbol not in declared:
                fix = one_of(symbol, {*table(), *declared}, "licenses")
                if symbol.startswith("LicenseRef-"):
                    fix = f"write a manifest with kind: license and id: {symbol}"
                yield ("license",), f"the terms of {symbol} are not known", fix

    def made_from(self, one: Dataset) -> Iterator[Found]:
        for path, name in _inputs(one):
            yield from self.known_dataset(path, name)
            if name == one.name:
                yield path, "a dataset cannot be made from itself", "name another dataset"
        loop = self.loop(one.name)
        if loop:
            yield (
                _inputs(one)[0][0],
                f"it is made from itself: {' → '.join(loop)}",
                "break the loop",
            )
        if one.deidentify is not None:
            have = self.have.of(one.deidentify.dataset)
            for column, measure in one.deidentify.columns.items():
                yield from _column(("deidentify", "columns", column), column, have)
                yield from _measure(("deidentify", "columns", column), measure)
        yield from self.joined(one)

    def joined(self, one: Dataset) -> Iterator[Found]:
        if one.join is None:
            return
        for index, lookup in enumerate(one.join.lookups):
            left, right = self.have.joined(one, index), self.have.of(lookup.dataset)
            at: Path = ("join", "lookups", index)
            for number, name in enumerate(lookup.on):
                yield from _column((*at, "on", number), name, left)
                yield from _column((*at, "on", number), name, right)
            for number, name in enumerate(lookup.columns):
                yield from _column((*at, "columns", number), name, right)
        everything = self.have.joined(one, len(one.join.lookups))
        for number, name in enumerate(one.join.columns):
            yield from _column(("join", "columns", number), name, everything)

    def columns(self, one: Dataset) -> Iterator[Found]:
        have = self.have.of(one.name)
        for name in one.columns:
            yield from _column(("columns", name), name, have)
        for index, name in enumerate(one.protected):
            yield from _column(("protected", index), name, have)
        for index, rule in enumerate(one.quality):
            at: Path = ("quality", index)
            for name, what, fix in rule_faults(rule):
                yield (*at, name), what, fix
            for name in (*rule.columns, *([rule.column] if rule.column else ())):
                yield from _column((*at, "columns" if rule.columns else "column"), name, have)

    def model(self, one: Model) -> Iterator[Found]:
        yield from self.known_dataset(("training_set",), one.training_set)
        made = self.policy.datasets.get(one.training_set)
        if made is None:
            return
        if made.stage != "training_set":
            what = f"{made.name} is a {made.stage} and no training set"
            yield ("training_set",), what, "make a dataset with stage: training_set from it"
        have = self.have.of(made.name)
        yield from _column(("target",), one.target, have)
        for index, name in enumerate(one.features):
            yield from _column(("features", index), name, have)
            if name == one.target:
                yield ("features", index), "the target cannot be a feature", "drop it"

    def names(self, kind: str) -> set[str]:
        """Everything of a kind that is written, usable or not."""
        prefix = f"{kind}:"
        return {one.removeprefix(prefix) for one in self.policy.places if one.startswith(prefix)}

    def known_dataset(self, path: Path, name: str) -> Iterator[Found]:
        names = self.names("dataset")
        if name not in names:
            yield path, f"there is no dataset {name!r}", one_of(name, names, "datasets")

    def loop(self, name: str) -> list[str]:
        """A way from a dataset back to itself, or nothing."""
        trail: list[str] = []
        seen: set[str] = set()

        def back(at: str) -> bool:
            trail.append(at)
            one = self.policy.datasets.get(at)
            for before in one.inputs if one else ():
                if before == name:
                    trail.append(before)
                    return True
                if before not in seen:
                    seen.add(before)
                    if back(before):
                        return True
            trail.pop()
            return False

        return trail if back(name) and len(trail) > 2 else []


def _stage(one: Dataset) -> Iterator[Found]:
    made_by = [name for name in ("deidentify", "join", "python") if getattr(one, name) is not None]
    if one.stage == "source":
        for name in _RECORD:
            if not getattr(one, name):
                yield (
                    (name,),
                    f"a source without record is refused: {name} is missing",
                    f"add {name}",
                )
        for name in made_by:
            yield (name,), "a source is not made from other datasets", "correct stage"
        return
    for name in ("source", "collection"):
        if getattr(one, name) is not None:
            what = f"a {one.stage} dataset is made here and has no {name}"
            yield (name,), what, "drop it, or write stage: source"
    allowed = {"deidentified": {"deidentify"}, "training_set": {"join", "python"}}[one.stage]
    if len(allowed.intersection(made_by)) != 1:
        names = " or ".join(sorted(allowed))
        yield ("stage",), f"a {one.stage} dataset says how it is made", f"add exactly one: {names}"
    for name in sorted({*made_by} - allowed):
        yield (name,), f"a {one.stage} dataset is not made so", "correct stage"


def _inputs(one: Dataset) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    if one.deidentify is not None:
        found.append((("deidentify", "from"), one.deidentify.dataset))
    if one.join is not None:
        found.append((("join", "base"), one.join.base))
        found += [
            (("join", "lookups", index, "dataset"), lookup.dataset)
            for index, lookup in enumerate(one.join.lookups)
        ]
    if one.python is not None:
        found += [
            (("python", "inputs", index), name) for index, name in enumerate(one.python.inputs)
        ]
    return found


def _column(path: Path, name: str, have: Collection[str] | None) -> Iterator[Found]:
    if have is not None and name not in have:
        yield path, f"there is no column {name!r}", one_of(name, have, "columns")


_TAKES: Final = {
    "pseudonymize": {"length"},
    "redact": set[str](),
    "mask": {"keep"},
    "generalize": {"to", "width"},
    "drop": set[str](),
}


def _measure(path: Path, measure: Measure) -> Iterator[Found]:
    told = set(measure.parameters)
    for name in sorted(told - _TAKES[measure.operator]):
        yield (*path, name), f"{measure.operator} does not take {name}", f"drop {name}"
    if measure.operator == "generalize" and len(told & {"to", "width"}) != 1:
        yield (*path, "operator"), "generalize needs to or width", "add to: month, or width: 10"
    if measure.length is not None and not 8 <= measure.length <= 43:
        yield (*path, "length"), "a pseudonym has 8 to 43 characters", "use 22"
    if measure.keep is not None and measure.keep < 0:
        yield (*path, "keep"), "it is below zero", "use 0 or more"
    if measure.width is not None and measure.width <= 0:
        yield (*path, "width"), "a width is above zero", "use for example 10"
