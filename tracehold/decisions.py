"""Decisions on record, and whether what is known today would still give them.

A backdated fact never changes a decision. A decision is *stale* where making it again, as of the
same moment and with today's knowledge, gives another outcome or rests on something else. Policy is
left aside: both sides are judged by the same manifests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lineage.facts import Json
from lineage.refs import DatasetRef, ModelRef, parse_ref
from lineage.state.port import StateReader
from lineage.trace.names import reference_text
from privacy.deletion.case import list_cases
from privacy.reach import reach_down
from privacy.retention.due import DueRow, due_list
from tracehold.acts.act import read_fields
from tracehold.judging import View, license_of, view_of
from tracehold.services import Services
from tracehold.training import judge_training
from tracehold.used import AskUse, subject_of
from tracehold.using import judge_use

__all__ = ["Decision", "Review", "Reviewer", "decisions"]

DELETION: Final = "deletion"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision as recorded; of several on the same question the newest counts.

    Attributes:
        ref: What was decided about.
        question: ``license``, ``retention``, ``train MODEL``, ``use SUBJECT`` or ``deletion
            CASE``.
        outcome: In a word.
        as_of: Moment of the decision, epoch milliseconds.
        known_at: Journal position it knew.
        policy_digest: Of the manifests then.
        fold_version: Of the fold then.
        fact: Id of the fact that recorded it.
        value: What was recorded.
    """

    ref: str
    question: str
    outcome: str
    as_of: int
    known_at: int
    policy_digest: str
    fold_version: str
    fact: str
    value: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Review:
    """A decision, looked at again.

    Attributes:
        decision: The decision.
        then: Lines that hold for the decision and no longer.
        now: Lines that hold today and did not.
        known_at: Position up to which facts were known for ``now``.
    """

    decision: Decision
    then: tuple[str, ...]
    now: tuple[str, ...]
    known_at: int

    @property
    def stale(self) -> bool:
        """Whether anything differs."""
        return bool(self.then or self.now)


def decisions(state: StateReader) -> list[Decision]:
    """All decisions on record that stand, by reference and question."""
    found = [
        Decision(
            ref=_ref(state, key),
            question=value.slot,
            outcome=str(value.value.get("verdict") or value.value.get("outcome", "")),
            as_of=int(value.value["as_of"]),
            known_at=int(value.value["known_at"]),
            policy_digest=str(value.value.get("policy_digest", "")),
            fold_version=str(value.value.get("fold_version", "")),
            fact=value.fact_id,
            value=value.value,
        )
        for key, values in state.with_aspect("verdict").items()
        for value in values
        if isinstance(value.value, dict) and value.value.get("known_at") is not None
    ]
    for case in list_cases(state):
        plan = case.plan
        if plan is None or case.phase() == "cancelled" or not plan.targets:
            continue
        found.append(
            Decision(
                ref=plan.targets[0],
                question=f"{DELETION} {case.case}",
                outcome=case.phase(),
                as_of=plan.created,
                known_at=plan.known_at,
                policy_digest=plan.policy_digest,
                fold_version=plan.fold_version,
                fact=case.slots["planned"].fact_id,
                value={"targets": list(plan.targets)},
            )
        )
    return sorted(found, key=lambda one: (one.ref, one.question))


class Reviewer:
    """Looks at decisions again; keeps what several of them share, for one position of the state."""

    def __init__(self, services: Services) -> None:
        """Nothing is looked at yet."""
        self._services = services
        self._due: dict[int, dict[str, DueRow]] = {}
        self._known_at = -1

    def review(self, decision: Decision) -> Review:
        """Make a decision again, as of the same moment, with what is known today.

        Raises:
            TraceholdError: It cannot be made again, for the manifests do not say how any more.
        """
        services = self._services
        starts = [parse_ref(ref).key(services.identity) for ref in _starts(decision)]
        known_at = services.state.position()
        if known_at != self._known_at:
            self._due.clear()
            self._known_at = known_at
        with view_of(services, starts, None) as view:
            now = frozenset(self._lines(decision, view, live=True))
        then = self._recorded(decision)
        if then is None:
            with view_of(services, starts, decision.known_at, directions=("up", "down")) as view:
                if view.truncated:
                    # What cannot be made again in full is no evidence that something differs.
                    return Review(decision, (), (), known_at)
                then = frozenset(self._lines(decision, view, live=False))
        return Review(decision, tuple(sorted(then - now)), tuple(sorted(now - then)), known_at)

    def _recorded(self, decision: Decision) -> frozenset[str] | None:
        """What the decision itself says, where it was made by the same manifests and fold."""
        services, value = self._services, decision.value
        same = (decision.policy_digest, decision.fold_version) == (
            services.policy().digest,
            services.state.fold_version(),
        )
        kind = decision.question.partition(" ")[0]
        if not same or kind == DELETION:
            return None
        if kind == "retention":
            return frozenset(_retention_lines(value))
        return frozenset(_verdict_lines(value)) if "basis" in value else None

    def _lines(self, decision: Decision, view: View, *, live: bool) -> Iterator[str]:
        kind = decision.question.partition(" ")[0]
        if kind == "license":
            return self._license(decision, view)
        if kind == "train":
            return self._train(decision, view)
        if kind == "use":
            return self._use(decision, view)
        if kind == "retention":
            return self._retention(decision, view, live=live)
        return self._deletion(decision, view)

    def _license(self, decision: Decision, view: View) -> Iterator[str]:
        subject = parse_ref(str(decision.value["subject"]))
        if not isinstance(subject, ModelRef | DatasetRef):
            return iter(())
        use = str(decision.value.get("use", ""))
        judged = license_of(self._services, view, subject, use=use, as_of=decision.as_of)
        return _verdict_lines(judged.as_dict())

    def _train(self, decision: Decision, view: View) -> Iterator[str]:
        model, data = parse_ref(str(decision.value["subject"])), parse_ref(decision.ref)
        if not (isinstance(model, ModelRef) and isinstance(data, DatasetRef)):
            return iter(())
        said = judge_training(self._services, view, model, data, as_of=decision.as_of)
        return _verdict_lines(said)

    def _use(self, decision: Decision, view: View) -> Iterator[str]:
        asked = read_fields(decision.value["asked"], AskUse)
        said = judge_use(self._services, view, asked, as_of=decision.as_of)
        return _verdict_lines(said)

    def _retention(self, decision: Decision, view: View, *, live: bool) -> Iterator[str]:
        rows = self._due.get(decision.as_of) if live else None
        if rows is None:
            policy = self._services.policy()
            listed = due_list(
                view.reader, view.state, policy.retention_classes, now=decision.as_of,
                policy_digest=policy.digest,
            )  # fmt: skip
            rows = {row.ref: row for row in listed}
            if live:
                self._due[decision.as_of] = rows
        row = rows.get(decision.ref)
        return iter(("not kept",)) if row is None else _retention_lines(row.as_dict())

    def _deletion(self, decision: Decision, view: View) -> Iterator[str]:
        keys = [parse_ref(ref).key(self._services.identity) for ref in decision.value["targets"]]
        reach = reach_down(view.reader, view.state, keys, as_of=decision.as_of)
        for what, reached in (("named as", reach.origin), ("reaches", reach.derived)):
            for key in reached:
                yield f"{what} {_ref(self._services.state, key)}"


def _starts(decision: Decision) -> list[str]:
    if decision.question.startswith(DELETION):
        return [str(ref) for ref in decision.value["targets"]]
    if decision.question.startswith("use "):
        asked = read_fields(decision.value["asked"], AskUse)
        return sorted({str(subject_of(asked)), *(str(one.ref) for one in asked.inputs)})
    return sorted({decision.ref, str(decision.value.get("subject") or decision.ref)})


def _verdict_lines(said: Mapping[str, Json]) -> Iterator[str]:
    yield f"verdict {said['verdict']}"
    for reason in said.get("causes", said["reasons"]):
        waived = f", waived by {reason['waiver']}" if reason["waiver"] else ""
        yield f"{reason['weight']} {reason['code']} at {reason['ref']}{waived}"
    for line in said["basis"]:
        yield f"rests on {line}"
    for line in said.get("obligations", ()):
        yield f"obligation {line}"


def _retention_lines(said: Mapping[str, Json]) -> Iterator[str]:
    yield f"outcome {said['outcome']}"
    yield f"due {said['due'] or 'never'}"
    for name in ("classes", "holds"):
        for line in said[name]:
            yield f"{name} {line}"


def _ref(state: StateReader, key: str) -> str:
    return reference_text(state.node(key), key)
