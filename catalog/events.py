"""The facts that the catalog owns: people, tokens, sign-ins, waivers, conclusions, verdicts.

Who acted is the actor of the envelope and is never repeated in a body. People are opaque ids; the
name shown for a person stands in the distilled part, which can be erased.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lineage.facts import Json
from lineage.state.alias_rules import Form

__all__ = [
    "AliasDecided",
    "AliasRuleEnded",
    "AliasRuled",
    "DatasetWaived",
    "DatasetWaiverEnded",
    "DecisionStale",
    "GrantEnded",
    "GrantGiven",
    "LicenseConcluded",
    "LoginOpened",
    "ModelWaived",
    "PersonAdded",
    "PersonChanged",
    "Role",
    "TokenIssued",
    "TokenRevoked",
    "VerdictRecorded",
    "WaiverEnded",
    "kind_of",
]

Role = Literal[
    "engineer", "privacy-officer", "auditor", "approver", "executor", "admin", "producer",
    "planner",
]  # fmt: skip


class PersonAdded(msgspec.Struct, frozen=True, tag_field="kind", tag="person.added/1"):
    """Somebody, or a producer's machine, may act here.

    Attributes:
        person: Opaque random id.
        name: What is shown for the person.
        roles: What the person may do.
    """

    person: str
    name: str
    roles: list[Role]


class PersonChanged(msgspec.Struct, frozen=True, tag_field="kind", tag="person.changed/1"):
    """Name, roles or standing of a person changed; all three are said again.

    Attributes:
        person: Opaque id.
        name: What is shown for the person.
        roles: What the person may do from now on.
        disabled: True where the person may do nothing any more.
    """

    person: str
    name: str
    roles: list[Role]
    disabled: bool = False


class TokenIssued(msgspec.Struct, frozen=True, tag_field="kind", tag="token.issued/1"):
    """A person was given a token; only its hash is kept.

    Attributes:
        token: Id of the token.
        person: Opaque id of the owner.
        sha256: Of the whole token text, hexadecimal.
        expires: Epoch milliseconds.
        namespaces: Where it may report lineage; empty for everywhere.
    """

    token: str
    person: str
    sha256: str
    expires: int
    namespaces: list[str] = []


class TokenRevoked(msgspec.Struct, frozen=True, tag_field="kind", tag="token.revoked/1"):
    """A token is void from now on."""

    token: str
    person: str
    reason: str = ""


class LoginOpened(msgspec.Struct, frozen=True, tag_field="kind", tag="login.opened/1"):
    """A one-time code was handed out for a person; neither code nor hash is kept."""

    person: str
    expires: int


class GrantGiven(msgspec.Struct, frozen=True, tag_field="kind", tag="grant.given/1"):
    """A person may look at more than the rules of the workspace open, for a time.

    Attributes:
        grant: Id of the grant.
        person: Opaque id of who may look.
        namespaces: Patterns of namespaces; ``*`` stands for anything.
        classes: Guarded classes of sensitivity that are opened there.
        reason: Why.
        expires: Epoch milliseconds; from then on it opens nothing.
    """

    grant: str
    person: str
    namespaces: list[str]
    classes: list[str]
    reason: str
    expires: int


class GrantEnded(msgspec.Struct, frozen=True, tag_field="kind", tag="grant.ended/1"):
    """A grant was taken back before it expired."""

    grant: str
    person: str
    reason: str


class ModelWaived(msgspec.Struct, frozen=True, tag_field="kind", tag="model.waived/1"):
    """An approver accepts named causes against one version of a model, for a time.

    Attributes:
        waiver: Id of the waiver.
        model: Name of the model.
        version: Of the model.
        scope: Question that is waived, ``license``, or one cause of it, ``license/non-commercial``.
        reason: Why the risk is accepted.
        expires: Epoch milliseconds; from then on it covers nothing.
    """

    waiver: str
    model: str
    version: str
    scope: str
    reason: str
    expires: int


class WaiverEnded(msgspec.Struct, frozen=True, tag_field="kind", tag="model.waiver-ended/1"):
    """A waiver was taken back before it expired."""

    waiver: str
    model: str
    version: str
    reason: str


class DatasetWaived(msgspec.Struct, frozen=True, tag_field="kind", tag="dataset.waived/1"):
    """An approver accepts named causes against making a dataset, for a time.

    Attributes:
        waiver: Id of the waiver.
        dataset: Reference of the dataset.
        scope: Question that is waived, ``license``, or one cause of it, ``license/non-commercial``.
        reason: Why the risk is accepted.
        expires: Epoch milliseconds; from then on it covers nothing.
    """

    waiver: str
    dataset: str
    scope: str
    reason: str
    expires: int


class DatasetWaiverEnded(
    msgspec.Struct, frozen=True, tag_field="kind", tag="dataset.waiver-ended/1"
):
    """A waiver of a dataset was taken back before it expired."""

    waiver: str
    dataset: str
    reason: str


class LicenseConcluded(msgspec.Struct, frozen=True, tag_field="kind", tag="license.concluded/1"):
    """A person read the terms of a dataset; the conclusion beats what is declared (REQ-16).

    Attributes:
        dataset: Reference of the dataset.
        expression: SPDX license expression.
        reason: Why, with the place of the evidence.
        url: Where the terms stand.
        attribution: The credit line that they ask for.
    """

    dataset: str
    expression: str
    reason: str
    url: str = ""
    attribution: str = ""


class VerdictRecorded(msgspec.Struct, frozen=True, tag_field="kind", tag="verdict.recorded/1"):
    """A judgement was made and is kept: what was asked, the answer, and what it rests on.

    Attributes:
        ref: Reference of the dataset or model judged.
        question: For example ``license``.
        judgement: ``Judgement.as_dict()``.
    """

    ref: str
    question: str
    judgement: dict[str, Json]


class AliasDecided(msgspec.Struct, frozen=True, tag_field="kind", tag="alias.decided/1"):
    """A person decided whether two names are names of one thing; it beats what producers say.

    Attributes:
        dataset: Reference of the one.
        alias: Reference of the other.
        accepted: False where they were never the same thing.
        reason: Why.
    """

    dataset: str
    alias: str
    accepted: bool
    reason: str


class AliasRuled(msgspec.Struct, frozen=True, tag_field="kind", tag="alias.rule/1"):
    """A person decided by which rule names are names of one thing, or where producers are trusted.

    Attributes:
        rule: Id of the rule.
        form: ``host``, ``prefix``, ``parts``, ``case``, ``table`` or ``trusted``.
        namespace: Where names are concerned; ``*`` at the end stands for any ending.
        reason: Why.
        prefix: What these names begin with.
        to_namespace: Where the other names lie; empty for the same namespace.
        to_prefix: What stands there instead of the prefix.
    """

    rule: str
    form: Form
    namespace: str
    reason: str
    prefix: str = ""
    to_namespace: str = ""
    to_prefix: str = ""


class AliasRuleEnded(msgspec.Struct, frozen=True, tag_field="kind", tag="alias.rule-ended/1"):
    """A rule was wrong: it joins nothing any more, at no moment."""

    rule: str
    reason: str


class DecisionStale(msgspec.Struct, frozen=True, tag_field="kind", tag="decision.stale/1"):
    """What is known today gives a recorded decision another outcome; the decision stands.

    Attributes:
        ref: Reference of what was decided about.
        question: As in the decision.
        decision: Id of the fact that recorded it.
        known_at: Journal position up to which facts were known when it was looked at again.
        then: What the decision said and rested on, where that differs, one line each.
        now: The same as of the same moment, by what is known at ``known_at``; with ``then`` equal
            to it the decision is no longer stale.
    """

    ref: str
    question: str
    decision: str
    known_at: int
    then: list[str]
    now: list[str]


def kind_of(body: msgspec.Struct) -> str:
    """Kind and version of a body, as the envelope stores it."""
    return str(body.__struct_config__.tag)
