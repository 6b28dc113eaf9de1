"""Acts that put a judgement on record: verdicts, conclusions, waivers, scans, reviews."""

from __future__ import annotations

import secrets
from datetime import date
from typing import Final, Literal

import msgspec

from catalog.events import (
    DatasetWaived,
    DatasetWaiverEnded,
    LicenseConcluded,
    ModelWaived,
    VerdictRecorded,
    WaiverEnded,
    kind_of,
)
from catalog.people import Person
from lineage.clock import format_millis
from lineage.errors import InvalidInput, NotFound
from lineage.facts import Json
from lineage.refs import DatasetRef, ModelRef, parse_ref
from privacy.events import FindingReviewed, RetentionAssigned, ScanCompleted
from tracehold.acts.act import Act, Body, read_moment
from tracehold.judging import due_rows, license_judgement
from tracehold.services import Services

__all__ = ["JUDGEMENTS"]

QUESTIONS: Final = ("license", "purpose", "pii", "quality", "retention", "schema")
"""What can be waived."""


class RecordLicense(Body, frozen=True, kw_only=True):
    """The model, or the dataset, and the use to judge it for."""

    ref: str
    use: str = ""


class ConcludeLicense(Body, frozen=True, kw_only=True):
    """What a person concluded from the terms of a dataset."""

    dataset: str
    expression: str
    reason: str
    url: str = ""
    attribution: str = ""


class GrantWaiver(Body, frozen=True, kw_only=True):
    """The causes accepted against one version of a model, or against a dataset, until a date."""

    model: str = ""
    dataset: str = ""
    scope: str
    reason: str
    expires: str


class EndWaiver(Body, frozen=True, kw_only=True):
    """A waiver is taken back."""

    model: str = ""
    dataset: str = ""
    waiver: str
    reason: str


class OneFinding(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One entity type in a column; there is no field for a value."""

    entity: str = ""
    tier: Literal["confirmed", "candidate", "none"]
    prevalence: float = 0.0
    interval: tuple[float, float] = (0.0, 1.0)
    rows_seen: int = 0
    rows_total: int = 0
    method: str = ""
    score: float = 0.0
    reason: str = ""


class Finding(OneFinding, frozen=True, kw_only=True):
    """What a scan says of a column: the finding that ranks first, and the others."""

    also: tuple[OneFinding, ...] = ()


class RecordScan(Body, frozen=True, kw_only=True):
    """Findings of a scan: types, places and counts, never a value."""

    dataset: str
    engine: str
    config_digest: str
    rows: int
    columns: dict[str, Finding]
    version: str = ""


class ReviewFinding(Body, frozen=True, kw_only=True):
    """Whether a finding is right."""

    dataset: str
    column: str
    entity: str
    accepted: bool
    reason: str


class AssignRetention(Body, frozen=True, kw_only=True):
    """A retention class for a dataset, by decision."""

    dataset: str
    retention_class: str
    reason: str
    clock_start: str = ""


class EvaluateRetention(Body, frozen=True, kw_only=True):
    """Nothing to say: everything that is kept is looked at."""


def _record_license(services: Services, actor: Person, body: RecordLicense) -> Json:
    judged = license_judgement(services.whole, services.ref_text(body.ref), use=body.use)
    fact = VerdictRecorded(judged.subject, judged.question, judged.as_dict())
    receipt = services.record(actor.id, kind_of(fact), fact)
    return {**judged.as_dict(), "fact": receipt.fact_id}


def _conclude(services: Services, actor: Person, body: ConcludeLicense) -> Json:
    from catalog.licenses.expression import parse_expression

    _require(body.reason, "reason")
    fact = LicenseConcluded(
        dataset=_dataset(services, body.dataset),
        expression=str(parse_expression(body.expression)),
        reason=body.reason,
        url=body.url,
        attribution=body.attribution,
    )
    receipt = services.record(actor.id, kind_of(fact), fact)
    return {"dataset": fact.dataset, "concluded": fact.expression, "fact": receipt.fact_id}


def _grant(services: Services, actor: Person, body: GrantWaiver) -> Json:
    _require(body.reason, "reason")
    waived = _waived(body)
    expires = read_moment(body.expires, "expires")
    if expires <= services.clock():
        raise InvalidInput(
            "the waiver would be over before it begins", where="expires", advice="give a later date"
        )
    waiver, scope = f"W-{secrets.token_hex(4)}", _scope(body.scope)
    fact = (
        ModelWaived(waiver, waived.name, waived.version, scope, body.reason, expires)
        if isinstance(waived, ModelRef)
        else DatasetWaived(waiver, str(waived), scope, body.reason, expires)
    )
    receipt = services.record(actor.id, kind_of(fact), fact)
    return {
        "waiver": waiver,
        **_named(waived),
        "scope": scope,
        "expires": format_millis(expires),
        "approver": actor.id,
        "fact": receipt.fact_id,
    }


def _end(services: Services, actor: Person, body: EndWaiver) -> Json:
    waived = _waived(body)
    key = waived.key(services.identity)
    known = services.state.aspects([key], ["waiver"]).get(key, {}).get("waiver", [])
    if body.waiver not in {value.slot for value in known}:
        raise NotFound("there is no such waiver on this", where=body.waiver)
    fact = (
        WaiverEnded(body.waiver, waived.name, waived.version, body.reason)
        if isinstance(waived, ModelRef)
        else DatasetWaiverEnded(body.waiver, str(waived), body.reason)
    )
    receipt = services.record(actor.id, kind_of(fact), fact)
    return {"waiver": body.waiver, **_named(waived), "ended": True, "fact": receipt.fact_id}


def _scan(services: Services, actor: Person, body: RecordScan) -> Json:
    fact = ScanCompleted(
        dataset=_dataset(services, body.dataset),
        engine=body.engine,
        config_digest=body.config_digest,
        rows=body.rows,
        columns=msgspec.to_builtins(body.columns),
        version=body.version,
    )
    receipt = services.record(actor.id, kind_of(fact), fact)
    return {"dataset": fact.dataset, "columns": len(body.columns), "fact": receipt.fact_id}


def _review(services: Services, actor: Person, body: ReviewFinding) -> Json:
    _require(body.reason, "reason")
    fact = FindingReviewed(
        _dataset(services, body.dataset), body.column, body.entity, body.accepted, body.reason
    )
    receipt = services.record(actor.id, kind_of(fact), fact)
    return {"dataset": fact.dataset, "column": body.column, "fact": receipt.fact_id}


def _assign(services: Services, actor: Person, body: AssignRetention) -> Json:
    _require(body.reason, "reason")
    classes = services.policy().retention_classes
    if body.retention_class not in classes:
        raise NotFound(
            "there is no such retention class",
            where=body.retention_class,
            advice=f"classes: {', '.join(sorted(classes)) or 'none declared'}",
        )
    if body.clock_start:
        try:
            date.fromisoformat(body.clock_start)
        except ValueError:
            raise InvalidInput("the clock starts at an ISO date", where="clock_start") from None
    fact = RetentionAssigned(
        _dataset(services, body.dataset), body.retention_class, body.reason, body.clock_start
    )
    receipt = services.record(actor.id, kind_of(fact), fact)
    return {"dataset": fact.dataset, "class": fact.retention_class, "fact": receipt.fact_id}


def _evaluate(services: Services, actor: Person, _: EvaluateRetention) -> Json:
    """Records a decision only where it differs from the one recorded last."""
    rows = due_rows(services.whole)
    last = services.whole.state.aspects([row.key for row in rows], ["verdict"])
    recorded = 0
    for row in rows:
        said = last.get(row.key, {}).get("verdict", [])
        former: Json = next((v.value for v in said if v.slot == "retention"), {})
        decision = row.decision.as_dict()
        if {name: former.get(name) for name in decision} == decision:
            continue
        fact = VerdictRecorded(row.ref, "retention", row.as_dict())
        services.record(actor.id, kind_of(fact), fact)
        recorded += 1
    seen = [row for row in rows if services.seeing.sees_ref(row.ref)]
    due = [row.as_dict() for row in seen if row.decision.outcome == "due"]
    return {"due": due, "evaluated": len(seen), "recorded": recorded}


def _dataset(services: Services, text: str) -> str:
    ref = services.ref_text(text)
    if not isinstance(parse_ref(ref), DatasetRef):
        raise InvalidInput("a dataset was expected", where=text)
    return ref


def _waived(body: GrantWaiver | EndWaiver) -> ModelRef | DatasetRef:
    """What a waiver is for; it need not be known: a waiver can come before what it is for."""
    if bool(body.model) == bool(body.dataset):
        raise InvalidInput(
            "a waiver is for one version of a model, or for one dataset",
            where="model",
            advice="give model or dataset",
        )
    kind, text = ("model", body.model) if body.model else ("dataset", body.dataset)
    ref = parse_ref(text if text.startswith(f"{kind}:") else f"{kind}:{text}")
    if isinstance(ref, ModelRef):
        return ref
    if isinstance(ref, DatasetRef) and ref.version is None:
        return ref
    raise InvalidInput(
        f"a {kind} was expected", where=text, advice="write NAME@VERSION, or dataset:[NS]NAME"
    )


def _named(waived: ModelRef | DatasetRef) -> dict[str, Json]:
    return {"model" if isinstance(waived, ModelRef) else "dataset": str(waived)}


def _scope(text: str) -> str:
    question, slash, cause = text.partition("/")
    if question not in QUESTIONS or (slash and not cause):
        raise InvalidInput(
            "a waiver covers a question or one cause of it",
            where="scope",
            advice=f"one of {', '.join(QUESTIONS)}, or one cause such as license/non-commercial",
        )
    return text


def _require(text: str, field: str) -> None:
    if not text.strip():
        raise InvalidInput(f"a {field} is needed", where=field, advice="say why, in words")


JUDGEMENTS: Final = (
    Act(
        "license.record", "Judge the license and keep the verdict.", RecordLicense, _record_license
    ),
    Act("license.conclude", "Conclude the license of a dataset.", ConcludeLicense, _conclude),
    Act("waiver.grant", "Accept causes against a model or a dataset.", GrantWaiver, _grant),
    Act("waiver.end", "Take a waiver back.", EndWaiver, _end),
    Act("pii.record", "Record what a scan found.", RecordScan, _scan),
    Act("pii.review", "Accept or reject a finding.", ReviewFinding, _review),
    Act("retention.assign", "Give a dataset a retention class.", AssignRetention, _assign),
    Act("retention.evaluate", "Decide what is due, and record it.", EvaluateRetention, _evaluate),
)
