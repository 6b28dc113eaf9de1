"""Who may do what: one table, deny by default.

Roles are those of the people in the state. A name that stands in no row may be done by nobody. The
duties that must not meet in one hand (REQ: separation of duties) are kept apart twice: here by role
and, for deletions and holds, by person in the package that carries them out. ``admin`` manages
people and neither approves nor executes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

from catalog.grants import Grant
from lineage.errors import Denied

__all__ = ["ANYONE", "READERS", "ROLES", "TABLE", "Caller", "Looker", "authorize", "may"]

ROLES: Final = (
    "engineer", "privacy-officer", "auditor", "approver", "executor", "admin", "producer",
    "planner",
)  # fmt: skip
"""Every role there is."""

ANYONE: Final = frozenset(ROLES)
READERS: Final = ANYONE - {"producer", "planner"}
"""Who may ask questions, and look at pages: everybody but the machines that only report or plan."""

_ENGINEER: Final = frozenset({"engineer"})
_REPORTERS: Final = frozenset({"engineer", "producer"})
_OFFICER: Final = frozenset({"privacy-officer"})
_PLANNERS: Final = frozenset({"privacy-officer", "planner"})
_ADMIN: Final = frozenset({"admin"})

TABLE: Final[Mapping[str, frozenset[str]]] = {
    # What comes in from pipelines.
    "lineage.receive": _REPORTERS,
    "gates.train": _REPORTERS,
    "gates.use": _REPORTERS,
    "gates.ingest": _REPORTERS,
    # People.
    "person.add": _ADMIN,
    "person.disable": _ADMIN,
    "person.roles": _ADMIN,
    "token.issue": _ADMIN,
    "token.revoke": _ADMIN,
    "login.open": READERS,
    # Who may look at what is guarded: given by whom it concerns least, ended by either.
    "grant.give": _OFFICER,
    "grant.end": frozenset({"privacy-officer", "admin"}),
    # Judgements that are recorded.
    "license.record": _REPORTERS | _OFFICER,
    "pii.record": _REPORTERS | _OFFICER,
    "pii.review": _OFFICER,
    "retention.assign": _OFFICER,
    "retention.evaluate": _REPORTERS | _OFFICER,
    "license.conclude": _OFFICER,
    "alias.decide": _OFFICER,
    "alias.rule": _OFFICER,
    "alias.end": _OFFICER,
    "waiver.grant": frozenset({"approver"}),
    "waiver.end": frozenset({"approver", "privacy-officer"}),
    # Holds: placed by one, released by two.
    "hold.place": frozenset({"privacy-officer", "admin"}),
    "hold.release": frozenset({"privacy-officer", "approver"}),
    # Deletion: requester, two approvers and executor are four hands.
    "deletion.request": _PLANNERS,
    "deletion.plan": _PLANNERS,
    "deletion.approve": frozenset({"approver"}),
    "deletion.apply": frozenset({"executor"}),
    "deletion.resume": frozenset({"executor"}),
    "deletion.cancel": _OFFICER,
    # The journal: erasing parts of facts, folding it anew.
    "journal.erase": frozenset({"privacy-officer", "admin"}),
    "journal.rebuild": frozenset({"admin", "engineer"}),
    "key.rotate": _ADMIN,
    # The mirror.
    "graph.mirror": frozenset({"admin", "engineer"}),
    # Every question, and the figures of the server itself.
    "question": READERS,
    "read.note": READERS,
    "metrics": ANYONE,
}
"""Act → the roles of which one is needed."""


class Caller(Protocol):
    """Who asks: what the table needs to know of a person."""

    @property
    def id(self) -> str:
        """Opaque id; the actor of every fact this person causes."""
        ...

    @property
    def roles(self) -> Collection[str]:
        """Roles held now."""
        ...


class Looker(Caller, Protocol):
    """Who asks a question: what the rule on seeing needs to know of a person."""

    def grants_at(self, now: int) -> Iterable[Grant]:
        """Grants in force at a moment, epoch milliseconds."""
        ...


def may(roles: Collection[str], act: str) -> bool:
    """Whether one of the roles allows the act. An act that is in no row is allowed to none."""
    return not TABLE.get(act, frozenset()).isdisjoint(roles)


def authorize(person: Caller, act: str) -> None:
    """Let the person pass.

    Raises:
        Denied: No role of the person allows the act.
    """
    if not may(person.roles, act):
        needed = sorted(TABLE.get(act, frozenset()))
        raise Denied(
            f"your roles do not allow {act}",
            where=act,
            advice=f"ask somebody with the role {' or '.join(needed)}" if needed else "",
        )
