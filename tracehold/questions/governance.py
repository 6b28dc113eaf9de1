"""Questions about terms: license, personal data, retention, holds, deletions, certificates."""

from __future__ import annotations

from typing import Final

from catalog.people import list_people, person_by_id
from lineage.clock import format_millis
from lineage.errors import Conflict, Denied
from lineage.facts import Json
from privacy.deletion.read_back import METHOD, read_back
from privacy.queries import Certificate
from tracehold.access_log import reads
from tracehold.judging import due_rows, license_judgement, pii_exposure
from tracehold.questions.knowing import position_of
from tracehold.questions.question import Body, Question, check_limit, moment
from tracehold.records import (
    case_of,
    cases,
    certificate_of,
    certificates,
    holds,
    incidents_seen,
)
from tracehold.services import Services

__all__ = ["GOVERNANCE"]

MOST: Final = 1000


class AskLicense(Body, frozen=True, kw_only=True):
    """A model or a dataset, and the use; without one, the use that the manifest declares."""

    ref: str
    use: str = ""
    as_of: str = ""
    known_at: str = ""


class AskExposure(Body, frozen=True, kw_only=True):
    """A model, or everything; what was known at a position can be asked of a model."""

    model: str = ""
    as_of: str = ""
    known_at: str = ""


class AskDue(Body, frozen=True, kw_only=True):
    """The moment of the decision; without one, the workspace's judgement clock."""

    now: str = ""


class AskNothing(Body, frozen=True, kw_only=True):
    """No parameters."""


class AskCase(Body, frozen=True, kw_only=True):
    """Id of a deletion case."""

    case: str


class AskReads(Body, frozen=True, kw_only=True):
    """The page: ``after`` is ``next`` of the page before."""

    after: int = 0
    limit: int = 100


class AskCertificate(Body, frozen=True, kw_only=True):
    """Id of a certificate, or of its case."""

    id: str


def _license(services: Services, params: AskLicense) -> Json:
    as_of = moment(services, params.as_of)
    known_at = position_of(services, params.known_at)
    judged = license_judgement(services, params.ref, use=params.use, as_of=as_of, known_at=known_at)
    return {**judged.as_dict(), "coverage": services.coverage.at(services.state)}


def _exposure(services: Services, params: AskExposure) -> Json:
    as_of = moment(services, params.as_of)
    known_at = position_of(services, params.known_at)
    exposed = pii_exposure(services, params.model, as_of=as_of, known_at=known_at)
    return {**exposed.as_dict(), "coverage": services.coverage.at(services.state)}


def _due(services: Services, params: AskDue) -> Json:
    now = moment(services, params.now) if params.now else services.judgement_now()
    rows = due_rows(services, now=now)
    return {
        "items": [row.as_dict() for row in rows],
        "now": format_millis(now),
        "known_at": services.state.position(),
    }


def _holds(services: Services, _: AskNothing) -> Json:
    return {"items": [hold.as_dict() for hold in holds(services)]}


def _cases(services: Services, _: AskNothing) -> Json:
    return {"items": [case.as_dict() for case in cases(services)]}


def _case(services: Services, params: AskCase) -> Json:
    return case_of(services, params.case).as_dict()


def _verify(services: Services, params: AskCase) -> Json:
    """Reads the whole data root again, now."""
    case = case_of(services, params.case)
    if case.plan is None or not (case.purged or "verified" in case.slots):
        raise Conflict(
            "nothing of this case was purged yet",
            where=case.case,
            advice="apply it first: tracehold retention apply CASE",
        )
    reading = read_back(services.settings.storage.root, case.plan.items)
    return {
        "case": case.case,
        "clean": not reading.leftovers,
        "leftovers": [{"path": path, "why": why} for path, why in reading.leftovers],
        "files_read": reading.files_read,
        "bytes_read": reading.bytes_read,
        "method": METHOD,
        "at": format_millis(services.clock()),
    }


def _certificates(services: Services, _: AskNothing) -> Json:
    return {"items": [_certificate_json(one) for one in certificates(services)]}


def _certificate(services: Services, params: AskCertificate) -> Json:
    found = certificate_of(services, params.id)
    return {
        **_certificate_json(found),
        "note": found.note,
        "verifier_key": services.journal.verifier_key,
    }


def _certificate_json(one: Certificate) -> dict[str, Json]:
    return {
        "certificate": one.certificate,
        "case": one.case,
        "issued": format_millis(one.at),
        "fact": one.fact_id,
    }


def _incidents(services: Services, _: AskNothing) -> Json:
    return {
        "items": [
            {
                "incident": one.incident,
                "cause": one.cause,
                "ref": one.ref,
                "case": one.case,
                "at": format_millis(one.at),
                "fact": one.fact_id,
            }
            for one in incidents_seen(services)
        ]
    }


def _people(services: Services, _: AskNothing) -> Json:
    return {
        "items": [
            {
                "person": one.id,
                "name": one.name,
                "roles": sorted(one.roles),
                "disabled": one.disabled,
            }
            for one in list_people(services.state)
        ]
    }


def _grants(services: Services, _: AskNothing) -> Json:
    """All of them to whoever sees everything; their own to others."""
    seeing, now = services.seeing, services.clock()
    people = [
        person_by_id(services.whole.state, services.identity, one.id)
        for one in list_people(services.whole.state)
        if not seeing.limited or one.id == seeing.who
    ]
    return {
        "items": [
            {
                **grant.as_dict(),
                "person": person.id,
                "name": person.name,
                "given": format_millis(grant.given),
                "expires": format_millis(grant.expires),
                "ended": None if grant.ended is None else format_millis(grant.ended),
                "holds": grant.holds(now),
            }
            for person in people
            if person is not None
            for grant in person.grants
        ]
    }


def _reads(services: Services, params: AskReads) -> Json:
    if services.seeing.limited:
        raise Denied("who read what is for those who audit", where="reads")
    check_limit(params.limit, MOST)
    found = reads(services.journal, after=params.after, limit=params.limit + 1)
    shown = found[: params.limit]
    for one in shown:
        person = services.person(one["person"])
        one["name"] = None if person is None else person.name
    return {"items": shown, "next": shown[-1]["position"] if len(found) > len(shown) else None}


def _checkpoint(services: Services, _: AskNothing) -> Json:
    head = services.journal.head()
    return {
        "size": head.size,
        "root": head.root.hex(),
        "checkpoint": services.journal.checkpoint(),
        "verifier_key": services.journal.verifier_key,
    }


GOVERNANCE: Final = (
    Question("license.verdict", "Whether the licenses allow a use.", AskLicense, _license),
    Question(
        "pii.exposure", "Where personal data is, and how it got there.", AskExposure, _exposure
    ),
    Question("retention.due", "What is due, and why.", AskDue, _due),
    Question("holds", "Holds, released ones too.", AskNothing, _holds),
    Question("deletions", "Deletion cases.", AskNothing, _cases),
    Question("deletion", "One deletion case with its plan.", AskCase, _case),
    Question("deletion.verify", "Look again for anything left of a case.", AskCase, _verify),
    Question("certificates", "Certificates of deletion.", AskNothing, _certificates),
    Question("certificate", "One certificate as a signed note.", AskCertificate, _certificate),
    Question("incidents", "Incidents, oldest first.", AskNothing, _incidents),
    Question("people", "Who may act here.", AskNothing, _people),
    Question("grants", "Who may look at more, why, and until when.", AskNothing, _grants),
    Question("reads", "Who was told where personal data is.", AskReads, _reads),
    Question("checkpoint", "The newest signed checkpoint.", AskNothing, _checkpoint),
)
