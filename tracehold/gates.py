"""Gates: may this version of a model be trained on that, may this content come in.

The decision itself is pure: it joins judgements on license, personal data and quality with the
waivers in force. What cannot be judged does not open a gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalog.events import VerdictRecorded, kind_of
from catalog.judgement import Judgement, Reason, Verdict, Weight
from catalog.people import Person
from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.refs import DatasetRef, ModelRef
from lineage.state.port import AspectValue
from lineage.trace.resolve import resolve
from privacy.deletion.tombstones import refuse_return
from privacy.exposure import Exposure
from tracehold.acts.act import Body
from tracehold.bootstrap import Services
from tracehold.judging import license_judgement, pii_exposure

__all__ = ["GATES", "Gate", "GateAnswer", "decide_train"]


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
        """References from the first open cause to the training set."""
        blocking = [r for r in self.reasons if r.weight != "flag"]
        ordered = sorted(blocking, key=lambda r: bool(r.waiver))
        return next((reason.path for reason in ordered if reason.path), ())


def decide_train(
    license_: Judgement,
    exposure: Exposure,
    quality: Sequence[AspectValue],
    waivers: Sequence[AspectValue],
    *,
    training_set: str,
    now: int,
) -> GateAnswer:
    """Whether to train.

    Args:
        license_: The judgement of the training set for the use of the model.
        exposure: Personal data, of everything.
        quality: The newest result of each quality rule of the training set.
        waivers: Those granted for this version of the model and not taken back.
        training_set: Reference of the training set.
        now: Epoch milliseconds; decides which waivers still hold.
    """
    found = [
        *(("license", reason) for reason in license_.reasons),
        *(("pii", reason) for reason in _personal(exposure, training_set)),
        *(("quality", reason) for reason in _quality(quality, training_set)),
    ]
    if not license_.passes and not license_.blocking:
        weight: Weight = "unknown" if license_.verdict == "unknown" else "deny"
        cause = Reason("license", "no license could be judged", training_set, weight=weight)
        found.append(("license", cause))
    covered = tuple(_covered(question, reason, waivers, now) for question, reason in found)
    reasons = tuple(sorted(covered, key=lambda r: _WEIGHTS[r.weight]))
    blocking = [reason for reason in reasons if reason.weight != "flag"]
    still = [reason for reason in blocking if not reason.waiver]
    verdict: Verdict = "allowed"
    if still:
        verdict = "denied" if any(reason.weight == "deny" for reason in still) else "unknown"
    used = tuple(sorted({reason.waiver for reason in blocking if reason.waiver}))
    return GateAnswer(verdict, reasons, used)


_WEIGHTS: Final = {"deny": 0, "unknown": 1, "flag": 2}


def _personal(exposure: Exposure, training_set: str) -> list[Reason]:
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
    return reasons


def _quality(results: Sequence[AspectValue], training_set: str) -> list[Reason]:
    reasons = []
    for result in results:
        said: Mapping[str, Json] = result.value if isinstance(result.value, dict) else {}
        if said.get("success", True):
            continue
        warning = str(said.get("severity", "error")).lower().startswith("warn")
        what = f"quality rule failed: {said.get('assertion') or result.slot}"
        if said.get("column"):
            what += f" on {said['column']}"
        reasons.append(Reason("quality", what, training_set, weight="flag" if warning else "deny"))
    return reasons


def _covered(question: str, reason: Reason, waivers: Sequence[AspectValue], now: int) -> Reason:
    if reason.weight == "flag" or reason.waiver:
        return reason
    for waiver in waivers:
        in_force = now < waiver.value["expires"]
        if in_force and waiver.value["scope"] in (question, f"{question}/{reason.code}"):
            return Reason(
                reason.code, reason.what, reason.ref, reason.path, reason.weight, waiver.slot
            )
    return reason


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
    now = services.clock()
    policy = services.policy()
    manifest = policy.model(asked.model, asked.version)
    judged = license_judgement(
        services, training_set, use="" if manifest is None else manifest.use, as_of=now
    )
    model_key = model.key(services.identity)
    said = services.state.aspects([model_key], ["waiver", "waiver_ended"]).get(model_key, {})
    ended = {value.slot for value in said.get("waiver_ended", ())}
    quality = services.state.aspects([key], ["assertions"]).get(key, {}).get("assertions", [])
    answer = decide_train(
        judged,
        pii_exposure(services, as_of=now),
        quality,
        [value for value in said.get("waiver", ()) if value.slot not in ended],
        training_set=training_set,
        now=now,
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
