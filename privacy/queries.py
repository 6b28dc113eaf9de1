"""Questions about certificates, incidents and what deletions touched."""

from __future__ import annotations

from dataclasses import dataclass

from lineage.errors import NotFound
from lineage.identity import Identity
from lineage.state.port import StateReader

__all__ = ["Certificate", "Incident", "certificate", "certificates", "incidents"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was issued: its id, its case, its signed note, when, and by which fact."""

    certificate: str
    case: str
    note: str
    at: int
    fact_id: str


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident: its id, its cause, what it concerns, the deletion case, when, the fact."""

    incident: str
    cause: str
    ref: str
    case: str
    at: int
    fact_id: str


def certificates(state: StateReader, as_of: int | None = None) -> list[Certificate]:
    """All certificates, oldest first."""
    found = [
        Certificate(v.value["certificate"], v.value["case"], v.value["note"], v.time, v.fact_id)
        for values in state.with_aspect("certificate", as_of).values()
        for v in values
    ]
    return sorted(found, key=lambda c: (c.at, c.certificate))


def certificate(state: StateReader, identity: Identity, text: str) -> Certificate:
    """The certificate of an id or of a case.

    Raises:
        NotFound: There is none.
    """
    key = identity.key("Certificate", text)
    if state.aspects([key], ("certificate",)).get(key):
        return next(c for c in certificates(state) if c.certificate == text)
    found = next((c for c in certificates(state) if c.case == text), None)
    if found is None:
        raise NotFound(
            "there is no such certificate", where=text, advice="see tracehold certificate list"
        )
    return found


def incidents(state: StateReader, as_of: int | None = None) -> list[Incident]:
    """All incidents, oldest first."""
    found = [
        Incident(**{name: v.value[name] for name in _SHOWN}, at=v.time, fact_id=v.fact_id)
        for values in state.with_aspect("incident", as_of).values()
        for v in values
    ]
    return sorted(found, key=lambda i: (i.at, i.incident))


_SHOWN = ("incident", "cause", "ref", "case")
