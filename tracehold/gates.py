"""Gates: may this version of a model be trained on that, may this content come in.

The decision itself is pure: it joins judgements on license, personal data and quality with the
waivers in force. What cannot be judged does not open a gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from catalog.events import VerdictRecorded, kind_of
from catalog.people import Person
from lineage.errors import InvalidInput, NotFound
from lineage.facts import Json
from lineage.refs import DatasetRef, ModelRef, Ref
from privacy.deletion.tombstones import refuse_return
from tracehold.acts.act import Body
from tracehold.judging import view_of
from tracehold.services import Services
from tracehold.training import judge_training
from tracehold.used import AskUse, require_sound
from tracehold.using import judge_use

__all__ = ["GATES", "Gate", "decide"]


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
    ref, key = _training_set(services, asked.training_set)
    if not isinstance(ref, DatasetRef):
        raise InvalidInput("a training set is a dataset", where=asked.training_set)
    model = ModelRef(asked.model, asked.version)
    with view_of(services, [key], None) as view:
        shown = judge_training(services, view, model, ref, as_of=services.clock())
    # On record at the training set: a model that was refused does not come into being by it.
    fact = VerdictRecorded(str(ref), f"train {model}", shown)
    receipt = services.record(person.id, kind_of(fact), fact)
    return {**shown, "fact": receipt.fact_id}


def _use(services: Services, person: Person, asked: AskUse) -> Json:
    require_sound(asked)
    # A run has reported just now what it read: what is durable must be in the state.
    services.catch_up()
    keys = sorted({one.ref.key(services.identity) for one in asked.inputs})
    with view_of(services, keys, None) as view:
        shown = judge_use(services, view, asked, as_of=services.clock())
    if shown["unseen"]:
        return shown
    # At an input, as for training: what was refused does not come into being by it.
    fact = VerdictRecorded(str(asked.inputs[0].ref), f"use {shown['subject']}", shown)
    receipt = services.record(person.id, kind_of(fact), fact)
    return {**shown, "fact": receipt.fact_id}


def _ingest(services: Services, person: Person, asked: AskIngest) -> Json:
    services.catch_up()
    ref = _own(services, _dataset_text(asked.dataset))
    refuse_return(services.desk, person.id, ref=ref, sha256=asked.sha256)
    return {
        "allowed": True,
        "verdict": "allowed",
        "reasons": ["no tombstone names this content"],
        "path": [],
        "waiver": "",
        "dataset": ref,
        "as_of": services.clock(),
        "known_at": services.state.position(),
        "policy_digest": services.policy().digest,
        "fold_version": services.state.fold_version(),
    }


def _training_set(services: Services, text: str) -> tuple[Ref, str]:
    try:
        return services.resolve(_dataset_text(text))
    except NotFound:
        # A step names its own data in full, or within the workspace, and need not be let look.
        return services.whole.resolve(_own(services, _dataset_text(text)))


def _own(services: Services, text: str) -> str:
    """The reference of a dataset; without a namespace it is one of the workspace's."""
    if text.startswith("dataset:["):
        return text
    return str(DatasetRef(services.settings.workspace.name, text.removeprefix("dataset:")))


def decide(services: Services, person: Person, gate: Gate, fields: Body) -> Json:
    """What a gate says to a person: decided by everything, without names of what is hidden.

    Raises:
        TraceholdError: As the gate says.
    """
    seen = services.seen_by(person)
    return seen.seeing.masked(gate.decide(seen, person, fields))


def _dataset_text(text: str) -> str:
    return text if text.startswith("dataset:") else f"dataset:{text}"


GATES: Final[Mapping[str, Gate]] = {
    gate.name: gate
    for gate in (
        Gate("train", "May this version of a model be trained on that?", AskTrain, _train),
        Gate("use", "May these versions of data be used to make that?", AskUse, _use),
        Gate("ingest", "May this content come in, or was it deleted?", AskIngest, _ingest),
    )
}
