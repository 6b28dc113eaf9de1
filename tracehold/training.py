"""Whether a version of a model may be trained on a training set: the judgement of the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from catalog.judgement import Judgement, Reason, Verdict, Weight, judgement
from catalog.licenses.uses import USES
from catalog.licenses.verdict import license_verdict
from catalog.waivers import active_waivers, apply_waivers
from lineage.facts import Json
from lineage.refs import DatasetRef, ModelRef
from lineage.state.port import AspectValue
from privacy.exposure import Exposure, exposure
from tracehold.judging import View
from tracehold.services import Services

__all__ = ["GateAnswer", "decide_train", "judge_personal", "judge_quality", "judge_training"]


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


def judge_personal(exposed: Exposure, training_set: str) -> Judgement:
    """Whether a training set is free of confirmed personal data; candidates are flagged."""
    reasons = [
        Reason(
            code="personal-data",
            what=f"{row.entity} is {row.tier} ({row.how})",
            ref=row.ref,
            path=row.path,
            weight="deny" if row.tier == "confirmed" else "flag",
        )
        for row in exposed.rows
        if row.dataset == training_set
    ]
    if not exposed.complete:
        text = f"personal data could not be traced to its end ({', '.join(exposed.reasons)})"
        reasons.append(Reason("incomplete", text, training_set, weight="unknown"))
    facts = {fact for row in exposed.rows if row.dataset == training_set for fact in row.facts}
    basis = {
        f"{row.ref}: {row.entity} {row.tier} ({row.how})"
        for row in exposed.rows
        if row.dataset == training_set
    }
    return judgement("pii", training_set, reasons, facts, basis)


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
    facts = {result.fact_id for result in results}
    basis = {f"{training_set}: {result.slot} {_passed(result.value)}" for result in results}
    return judgement("quality", training_set, reasons, facts, basis)


def _passed(value: Json) -> str:
    return "passed" if isinstance(value, dict) and value.get("success") is True else "failed"


def judge_training(
    services: Services, view: View, model: ModelRef, training_set: DatasetRef, *, as_of: int
) -> dict[str, Json]:
    """Join the judgements on license, personal data and quality, with the waivers in force.

    Args:
        services: The workspace.
        view: What is known.
        model: The version to train.
        training_set: What on.
        as_of: Epoch milliseconds.
    """
    policy, state = services.policy(), view.state
    key, model_key = training_set.key(services.identity), model.key(services.identity)
    judged = license_verdict(
        view.reader,
        state,
        services.identity,
        model_key,
        as_of=as_of,
        policy=policy,
        known_at=state.position(),
        inputs=[key],
        subject=str(model),
        truncated=view.truncated,
    )
    said = state.aspects([model_key], ["waiver", "waiver_ended"], as_of).get(model_key, {})
    waivers, use = active_waivers(said, as_of), USES[judged.use]
    results = state.aspects([key], ["assertions"], as_of).get(key, {}).get("assertions", [])
    found = exposure(
        view.reader, state, services.identity, as_of=as_of, policy_digest=policy.digest
    )
    personal = judge_personal(found, str(training_set))
    quality = judge_quality(results, str(training_set))
    answer = decide_train(
        [judged, apply_waivers(personal, waivers, use), apply_waivers(quality, waivers, use)]
    )
    return {
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
        "basis": [*judged.basis, *personal.basis, *quality.basis],
        "training_set": str(training_set),
        "as_of": as_of,
        "known_at": state.position(),
        "policy_digest": policy.digest,
        "fold_version": state.fold_version(),
    }
