"""Governance records as far as whoever asks may see what they are about.

A record is shown where something that it names may be seen; what else it names is put out of the
answer (``Seeing.masked``). The plan of a deletion lists files, so a case is shown whole or not.
"""

from __future__ import annotations

from lineage.errors import NotFound
from privacy.deletion.case import Case, list_cases, load_case
from privacy.holds import Hold, list_holds
from privacy.queries import Certificate, Incident, incidents
from privacy.queries import certificate as find_certificate
from privacy.queries import certificates as list_certificates
from tracehold.services import Services

__all__ = [
    "case_of", "cases", "certificate_of", "certificates", "holds", "incidents_seen", "open_holds",
    "streams_hidden",
]  # fmt: skip

_CASE_STREAM = "deletion/"


def holds(services: Services) -> list[Hold]:
    """Holds, released ones too, in the order they were placed."""
    found = list_holds(services.whole.state)
    return [one for one in found if services.seeing.sees_any(one.scope)]


def open_holds(services: Services) -> list[Hold]:
    """The holds in force."""
    return [one for one in holds(services) if not one.released]


def cases(services: Services) -> list[Case]:
    """Deletion cases in the order they were requested."""
    return [one for one in list_cases(services.whole.state) if _sees(services, one)]


def case_of(services: Services, case: str) -> Case:
    """The deletion case of an id.

    Raises:
        NotFound: There is none, or none to be seen.
    """
    found = load_case(services.whole.state, services.identity, case)
    if not _sees(services, found):
        raise NotFound("there is no such case", where=case, advice="request a deletion first")
    return found


def certificates(services: Services) -> list[Certificate]:
    """Certificates of deletion, oldest first."""
    found = list_certificates(services.whole.state)
    if not services.seeing.limited:
        return found
    seen = {one.case for one in cases(services)}
    return [one for one in found if one.case in seen]


def certificate_of(services: Services, text: str) -> Certificate:
    """The certificate of an id or of a case.

    Raises:
        NotFound: There is none, or none to be seen.
    """
    found = find_certificate(services.whole.state, services.identity, text)
    if found not in certificates(services):
        raise NotFound(
            "there is no such certificate", where=text, advice="see tracehold certificate list"
        )
    return found


def incidents_seen(services: Services) -> list[Incident]:
    """Incidents, oldest first."""
    hidden = streams_hidden(services)
    return [
        one
        for one in incidents(services.whole.state)
        if services.seeing.sees_ref(one.ref) and f"{_CASE_STREAM}{one.case}" not in hidden
    ]


def streams_hidden(services: Services) -> set[str]:
    """The streams of deletion cases that may not be seen."""
    if not services.seeing.limited:
        return set()
    return {
        f"{_CASE_STREAM}{one.case}"
        for one in list_cases(services.whole.state)
        if not _sees(services, one)
    }


def _sees(services: Services, case: Case) -> bool:
    named = list(case.request.targets)
    if case.plan is not None:
        plan = case.plan
        named += [*plan.targets, *plan.aliases, *(one.via for one in plan.derived)]
        named += [*(one.ref for one in plan.items), *(one.ref for one in plan.derived)]
        named += [one.ref for one in plan.out_of_reach]
        named += [one.ref for one in plan.obstacles]
    return services.seeing.sees_all(named)
