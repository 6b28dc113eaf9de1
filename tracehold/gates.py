"""Gates: may this version of a model be trained on that, may this content come in.

The decision itself is pure: it joins judgements on license, personal data and quality with the
waivers in force. What cannot be judged does not open a gate.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalog.events import VerdictRecorded, kind_of
from catalog.judgement import Judgement, Reason, Verdict, Weight
from catalog.licenses.uses import USES
from catalog.licenses.verdict import license_verdict
from catalog.people import Person
from catalog.waivers import active_waivers, apply_waivers
from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.refs import DatasetRef, ModelRef
from lineage.state.port import AspectValue
from lineage.trace.resolve import resolve
from privacy.deletion.tombstones import refuse_return
from privacy.exposure import Exposure
from tracehold.acts.act import Body
from tracehold.bootstrap import Services
from tracehold.judging import pii_exposure

__all__ = ["GATES", "Gate", "GateAnswer", "decide_train", "judge_personal", "judge_quality"]


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """What a gate says.

    Attributes:
        verdict: ``allowed``, also where every blocking cause is waived.
        reasons: Every cause, waived ones too, the heaviest first.
        waivers: Ids of the waivers that were needed.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    waivers: tuple[str, ...]

    @property
    def path(self) -> tuple[str, ...]:
        """References from the first open cause to the model or the training set."""
        blocking = (reason for reason in self.reasons if reason.weight != "flag")
        return next((reason.path for reason in blocking if reason.path), ())


def decide_train(judgements: Sequence[Judgement]) -> GateAnswer:
    """Join judgements, with their waivers noted, to one answer.

    A judgement that does not pass closes the gate, whatever the others say.
    """
    reasons = sorted(
        (reason for judged in judgements for reason in judged.reasons),
        key=lambda reason: (_WEIGHTS[reason.weight], bool(reason.waiver)),
    )
    closed = [judged for judged in judgements if not judged.passes]
    verdict: Verdict = "allowed"
    if closed:
        denied = any(reason.weight == "deny" for judged in closed for reason in judged.open)
        verdict = "denied" if denied else "unknown"
    used = {waiver for judged in judgements for waiver in judged.waivers}
    return GateAnswer(verdict, tuple(reasons), tuple(sorted(used)))


_WEIGHTS: Final = {"deny": 0, "unknown": 1, "flag": 2}


def judge_personal(exposure: Exposure, training_set: str) -> Judgement:
    """Whether a training set is free of confirmed personal data; candidates are flagged."""
    reasons = [
        Reason(
            code="personal-data",
            what=f"{row.entity} is {row.tier} ({row.how})",
            ref=row.ref,
            path=row.path,
            weight="deny" if row.tier == "confirmed" else "flag",
        )
        for row in exposure.rows
        if row.dataset == training_set
    ]
    if not exposure.complete:
        text = f"personal data could not be traced to its end ({', '.join(exposure.reasons)})"
        reasons.append(Reason("incomplete", text, training_set, weight="unknown"))
    facts = {fact for row in exposure.rows if row.dataset == training_set for fact in row.facts}
    return _judgement("pii", training_set, reasons, facts)


def judge_quality(results: Sequence[AspectValue], training_set: str) -> Judgement:
    """Whether the newest result of every quality rule is good; warnings are flagged."""
    reasons = []
    for result in results:
        said: Mapping[str, Json] = result.value if isinstance(result.value, dict) else {}
        if said.get("success") is True:
            continue
        warning = str(said.get("severity", "error")).lower().startswith("warn")
        what = f"quality rule failed: {said.get('assertion') or result.slot}"
        if said.get("column"):
            what += f" on {said['column']}"
        weight: Weight = "flag" if warning else "deny"
        reasons.append(Reason("quality", what, training_set, weight=weight))
    return _judgement("quality", training_set, reasons, {result.fact_id for result in results})


def _judgement(
    question: str, subject: str, reasons: Sequence[Reason], facts: Collection[str]
) -> Judgement:
    weights = {reason.weight for reason in reasons}
    verdict: Verdict = (
        "denied" if "deny" in weights else "unknown" if "unknown" in weights else "allowed"
    )
    return Judgement(question, subject, verdict, reasons=tuple(reasons), facts=tuple(sorted(facts)))


class AskTrain(Body, frozen=True, kw_only=True):
    """The model to train, and what on."""

    model: str
    version: str
    training_set: str


class AskIngest(Body, frozen=True, kw_only=True):
    """The dataset that content would become, and the SHA-256 of the content."""

    dataset: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate that steps of a pipeline ask.

    Attributes:
        name: As in the route.
        summary: One line.
        body: What it takes.
        decide: Answers; what it decided is on record then.
    """

    name: str
    summary: str
    body: type[Body]
    decide: Callable[[Services, Person, Any], Json]


def _train(services: Services, person: Person, asked: AskTrain) -> Json:
    # The step before has reported just now: what is durable must be in the state.
    services.catch_up()
    ref, key = resolve(services.state, services.identity, _dataset_text(asked.training_set))
    if not isinstance(ref, DatasetRef):
        raise InvalidInput("a training set is a dataset", where=asked.training_set)
    training_set, model = str(ref), ModelRef(asked.model, asked.version)
    state, now, policy = services.state, services.clock(), services.policy()
    model_key = model.key(services.identity)
    judged = license_verdict(
        services.router,
        state,
        services.identity,
        model_key,
        as_of=now,
        policy=policy,
        known_at=state.position(),
        inputs=[key],
        subject=str(model),
    )
    said = state.aspects([model_key], ["waiver", "waiver_ended"], now).get(model_key, {})
    waivers, use = active_waivers(said, now), USES[judged.use]
    quality = state.aspects([key], ["assertions"], now).get(key, {}).get("assertions", [])
    personal = judge_personal(pii_exposure(services, as_of=now), training_set)
    answer = decide_train(
        [
            judged,
            apply_waivers(personal, waivers, use),
            apply_waivers(judge_quality(quality, training_set), waivers, use),
        ]
    )
    shown: dict[str, Json] = {
        "question": "train",
        "subject": str(model),
        "allowed": answer.verdict == "allowed",
        "verdict": answer.verdict,
        "reasons": [str(reason) for reason in answer.reasons],
        "path": list(answer.path),
        "waiver": ", ".join(answer.waivers),
        "causes": [reason.as_dict() for reason in answer.reasons],
        "use": judged.use,
        "obligations": list(judged.obligations),
        "training_set": training_set,
        "as_of": now,
        "known_at": services.state.position(),
        "policy_digest": policy.digest,
        "fold_version": services.state.fold_version(),
    }
    # On record at the training set: a model that was refused does not come into being by it.
    fact = VerdictRecorded(training_set, f"train {model}", shown)
    receipt = services.record(person.id, kind_of(fact), fact)
    return {**shown, "fact": receipt.fact_id}


def _ingest(services: Services, person: Person, asked: AskIngest) -> Json:
    services.catch_up()
    text = _dataset_text(asked.dataset)
    if text.startswith("dataset:["):
        ref = text
    else:
        name = text.removeprefix("dataset:")
        ref = str(DatasetRef(services.settings.workspace.name, name))
    refuse_return(services.desk, person.id, ref=ref, sha256=asked.sha256)
    return {
        "allowed": True,
        "verdict": "allowed",
        "reasons": ["no tombstone names this content"],
        "path": [],
        "waiver": "",
        "dataset": ref,
        "known_at": services.state.position(),
    }


def _dataset_text(text: str) -> str:
    return text if text.startswith("dataset:") else f"dataset:{text}"


GATES: Final[Mapping[str, Gate]] = {
    gate.name: gate
    for gate in (
        Gate("train", "May this version of a model be trained on that?", AskTrain, _train),
        Gate("ingest", "May this content come in, or was it deleted?", AskIngest, _ingest),
    )
}
