"""``tracehold check``: are the manifests well-formed, and do the models they declare hold policy?

Nothing needs to have run. What the manifests declare is folded into a state of its own, as if it
had been reported, and the same judgement is made of it that a gate would make later.
"""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from catalog.facets import license_facet, model_facet, training_facet
from catalog.judgement import Judgement
from catalog.licenses.verdict import license_verdict
from catalog.manifests import Dataset, Model, Policy, Problem, load
from catalog.manifests import check as check_manifests
from lineage.clock import Clock, format_millis, system_clock
from lineage.errors import TraceholdError
from lineage.facts import Fact, Json
from lineage.identity import Identity
from lineage.journal.keys import load_keys
from lineage.openlineage.read import receive
from lineage.openlineage.scrub import LexicalScrubber
from lineage.refs import DatasetRef, ModelRef
from lineage.state.advance import Folder
from lineage.state.store import open_state
from tracehold.registry import STATE, make_registry
from tracehold.settings import Settings

__all__ = ["Report", "Violation", "check"]

_MOST: Final = 4 * 1024 * 1024
_RUN: Final = uuid.UUID(int=0)
_MISSING: Final = re.compile(r"there is no file (.+)")


@dataclass(frozen=True, slots=True)
class Violation:
    """A model whose declared sources do not allow its declared use."""

    file: str
    line_number: int
    judgement: Judgement

    def line(self) -> str:
        """One line: where, what, and by which path."""
        judged = self.judgement
        why = str(judged.open[0]) if judged.open else judged.verdict
        return (
            f"{self.file}:{self.line_number}: {judged.subject}: license {judged.verdict} "
            f"for {judged.use}: {why}"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        manifests: How many there are.
        problems: What is wrong in the manifests.
        violations: Policies that are violated.
        warnings: Classes and terms that are due for review.
        policy_digest: Digest of the manifests.
    """

    manifests: int
    problems: tuple[Problem, ...]
    violations: tuple[Violation, ...]
    warnings: tuple[str, ...]
    policy_digest: str

    def as_dict(self) -> dict[str, Json]:
        """The report as JSON."""
        return {
            "ok": not self.problems and not self.violations,
            "manifests": self.manifests,
            "problems": [problem.as_dict() for problem in self.problems],
            "violations": [
                {"file": one.file, "line": one.line_number, **one.judgement.as_dict()}
                for one in self.violations
            ],
            "warnings": list(self.warnings),
            "policy_digest": self.policy_digest,
        }


def check(settings: Settings, *, clock: Clock = system_clock) -> Report:
    """Validate the manifests of a workspace and judge every model in them.

    Args:
        settings: Of the workspace.
        clock: What *now* is, for terms that expire.

    Raises:
        NotFound: There is no folder of manifests.
    """
    policy = load(settings.folder)
    folders = tuple(
        path.relative_to(settings.folder).as_posix()
        for path in (settings.storage.sources, settings.storage.root)
        if path.is_relative_to(settings.folder)
    )
    found = check_manifests(policy, folders=folders)
    deleted = _deleted(settings, found)
    problems = [one for one in found if one not in deleted]
    now = clock()
    today = format_millis(now)[:10]
    warnings = tuple(
        f"{policy.places[f'retention:{name}'].file}: the class {name} was to be reviewed "
        f"by {one.review_by.isoformat()}"
        for name, one in policy.retention_classes.items()
        if one.review_by.isoformat() < today
    )
    warnings += tuple(
        f"{one.file}:{one.line}: {one.field}: the file was deleted under case {case}; "
        "deliver new data, or remove the manifest"
        for one, case in deleted.items()
    )
    # A policy with holes in it would be judged by what it does not say.
    violations = () if problems else tuple(_violations(policy, settings.workspace.name, now))
    count = sum(
        map(len, (policy.datasets, policy.retention_classes, policy.models, policy.licenses))
    )
    return Report(count, tuple(problems), violations, warnings, policy.digest)


def _deleted(settings: Settings, problems: Sequence[Problem]) -> dict[Problem, str]:
    """Files that are missing because a deletion case purged them, with the case.

    Only a workspace with a journal of its own knows; elsewhere a missing file is a problem.
    """
    missing = {one: match[1] for one in problems if (match := _MISSING.fullmatch(one.what))}
    if not missing:
        return {}
    try:
        identity = Identity(load_keys(settings.storage.keys).secret)
        state = open_state(settings.storage.data / STATE, read_only=True)
    except TraceholdError:
        return {}
    try:
        keys = {
            one: DatasetRef("file", (settings.folder / path).as_posix()).key(identity)
            for one, path in missing.items()
        }
        known = state.aspects(sorted(keys.values()), ("purged",))
    finally:
        state.close()
    return {
        one: str(known[key]["purged"][0].value["case"])
        for one, key in keys.items()
        if known.get(key, {}).get("purged")
    }


def _violations(policy: Policy, namespace: str, now: int) -> Iterator[Violation]:
    if not policy.models:
        return
    identity = Identity(bytes(32))
    with tempfile.TemporaryDirectory(prefix="tracehold-check-") as folder:
        state = open_state(Path(folder) / "declared.db")
        try:
            folded = Folder(_NoJournal(), state, make_registry(), identity)
            folded.fold(list(_facts(policy, namespace, now)))
            for name, model in policy.models.items():
                ref = ModelRef(model.name, model.version)
                judged = license_verdict(
                    state.graph,
                    state,
                    identity,
                    ref.key(identity),
                    as_of=now,
                    policy=policy,
                    subject=str(ref),
                )
                if not judged.passes:
                    place = policy.places[f"model:{name}"]
                    yield Violation(place.file, place.tree.line, judged)
        finally:
            state.close()


def _facts(policy: Policy, namespace: str, now: int) -> Iterator[Fact]:
    """What the manifests declare, as the events that a run of it would send."""
    scrubber = LexicalScrubber()
    for position, event in enumerate(_events(policy, namespace, now), 1):
        raw = msgspec.json.encode(event)
        draft = receive(raw, actor="declared", scrubber=scrubber, max_bytes=_MOST)
        yield Fact(
            position=position,
            fact_id=f"{position:032x}",
            kind=draft.kind,
            actor=draft.actor,
            stream=None,
            valid_time=draft.valid_time,
            recorded_time=now,
            body=draft.body,
        )


def _events(policy: Policy, namespace: str, now: int) -> Iterator[dict[str, Any]]:
    for dataset in policy.datasets.values():
        output = {"namespace": namespace, "name": dataset.name, "facets": _terms(dataset)}
        inputs = [{"namespace": namespace, "name": name} for name in _made_from(dataset)]
        yield _event(namespace, f"{dataset.name}.declared", inputs, output, now)
    for model in policy.models.values():
        yield _training(model, namespace, now)


def _training(model: Model, namespace: str, now: int) -> dict[str, Any]:
    name = f"{model.name}@{model.version}"
    output = {
        "namespace": "model",
        "name": name,
        "facets": {"tracehold_model": model_facet(model.name, model.version)},
    }
    source = {
        "namespace": namespace,
        "name": model.training_set,
        "inputFacets": {"tracehold_training": training_facet("train")},
    }
    return _event(namespace, f"{name}.declared", [source], output, now)


def _event(
    namespace: str,
    job: str,
    inputs: Sequence[dict[str, Any]],
    output: dict[str, Any],
    now: int,
) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": format_millis(now),
        "producer": "https://tracehold.dev/check/1",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(uuid.uuid5(_RUN, job))},
        "job": {"namespace": namespace, "name": job},
        "inputs": list(inputs),
        "outputs": [output],
    }


def _terms(dataset: Dataset) -> dict[str, Any]:
    if dataset.license is None:
        return {}
    return {
        "tracehold_license": license_facet(
            dataset.license, url=dataset.license_url, attribution=dataset.attribution
        )
    }


def _made_from(dataset: Dataset) -> list[str]:
    """Names of the datasets that a dataset is declared to be made from."""
    if dataset.deidentify is not None:
        return [dataset.deidentify.dataset]
    if dataset.join is not None:
        return [dataset.join.base, *(one.dataset for one in dataset.join.lookups)]
    if dataset.python is not None:
        return list(dataset.python.inputs)
    return []


class _NoJournal:
    """Stands where a folder reads on from; here everything is handed to it."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)
