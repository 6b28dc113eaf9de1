"""A case as its facts tell it: where it stands, who approved what, which steps are done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from lineage.errors import NotFound
from lineage.facts import Json
from lineage.identity import Identity
from lineage.state.port import AspectValue, StateReader
from privacy.deletion.plan import Plan, plan_hash, read_plan
from privacy.events import DeletionRequested
from privacy.fold import case_entity

__all__ = ["Approval", "Case", "Phase", "find_case", "list_cases", "load_case"]

Phase = Literal[
    "requested", "planned", "approved", "quarantining", "quarantined", "purging", "purged",
    "verified", "certified", "cancelled",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Approval:
    """One person agreed to one plan until a moment."""

    actor: str
    plan_hash: str
    at: int
    expires: int
    fact_id: str


@dataclass(frozen=True, slots=True)
class Case:
    """A deletion case.

    Attributes:
        case: Its id.
        request: What was asked for.
        requester: Opaque id.
        planner: Opaque id of who made the current plan; empty before.
        plan: The current plan, or None.
        plan_hash: Recomputed from the plan, not taken from the fact.
        approvals: Of any plan, in order of time.
        quarantined: Item number → when, for the current plan.
        purged: Item number → when.
        restored: Item numbers that went back.
        slots: Every step with the fact that says so.
    """

    case: str
    request: DeletionRequested
    requester: str
    planner: str
    plan: Plan | None
    plan_hash: str
    approvals: tuple[Approval, ...]
    quarantined: dict[int, int]
    purged: dict[int, int]
    restored: frozenset[int]
    slots: dict[str, AspectValue]

    @property
    def last(self) -> int:
        """When the newest step was recorded, epoch milliseconds."""
        return max(value.time for value in self.slots.values())

    @property
    def executors(self) -> frozenset[str]:
        """Opaque ids of those who moved or purged files."""
        steps = ("quarantined:", "purged:")
        return frozenset(v.actor for s, v in self.slots.items() if s.startswith(steps))

    @property
    def blocked(self) -> str:
        """The cause why the newest attempt stopped, or empty where a later step went on."""
        value = self.slots.get("blocked")
        if value is None:
            return ""
        later = [v for slot, v in self.slots.items() if slot != "blocked"]
        newest = max(later, key=lambda v: (v.time, v.position))
        if (newest.time, newest.position) > (value.time, value.position):
            return ""
        return str(value.value["cause"])

    def phase(self) -> Phase:
        """Where the case stands; approvals that expired meanwhile still count as given."""
        if "certified" in self.slots:
            return "certified"
        if "cancelled" in self.slots:
            return "cancelled"
        if self.plan is None:
            return "requested"
        return self._step(len(self.plan.items))

    def _step(self, items: int) -> Phase:
        if "verified" in self.slots:
            return "verified"
        if self.purged:
            return "purged" if len(self.purged) == items else "purging"
        if self.quarantined:
            return "quarantined" if len(self.quarantined) == items else "quarantining"
        given = {a.actor for a in self.approvals if a.plan_hash == self.plan_hash}
        return "approved" if len(given) >= 2 else "planned"

    def as_dict(self) -> dict[str, Json]:
        """The case as JSON, for people."""
        return {
            "case": self.case,
            "phase": self.phase(),
            "blocked": self.blocked,
            "requester": self.requester,
            "request": msgspec.to_builtins(self.request),
            "plan": self.plan.as_dict() if self.plan else None,
            "plan_hash": self.plan_hash,
            "approvals": [
                {"actor": a.actor, "at": a.at, "expires": a.expires}
                for a in self.approvals
                if a.plan_hash == self.plan_hash
            ],
            "quarantined": len(self.quarantined),
            "purged": len(self.purged),
        }


def find_case(state: StateReader, identity: Identity, case: str) -> Case | None:
    """The case of an id, or None."""
    key = case_entity(case).key(identity)
    values = state.aspects([key], ("case",)).get(key, {}).get("case", [])
    return _read(values)


def load_case(state: StateReader, identity: Identity, case: str) -> Case:
    """The case of an id.

    Raises:
        NotFound: There is none.
    """
    found = find_case(state, identity, case)
    if found is None:
        raise NotFound("there is no such case", where=case, advice="request a deletion first")
    return found


def list_cases(state: StateReader) -> list[Case]:
    """All cases in the order they were requested."""
    cases = [_read(values) for values in state.with_aspect("case").values()]
    known = [case for case in cases if case is not None]
    return sorted(known, key=lambda c: (c.slots["requested"].time, c.case))


def _read(values: Sequence[AspectValue]) -> Case | None:
    slots = {value.slot: value for value in values}
    requested = slots.get("requested")
    if requested is None:
        return None
    body = {k: v for k, v in requested.value.items() if k != "at"}
    request = DeletionRequested(**body)
    planned = slots.get("planned")
    plan = read_plan(planned.value["plan"]) if planned else None
    digest = plan_hash(plan) if plan else ""
    approvals = [
        Approval(v.actor, v.value["plan_hash"], v.time, v.value["expires"], v.fact_id)
        for slot, v in slots.items()
        if slot.startswith("approved:")
    ]
    return Case(
        case=request.case,
        request=request,
        requester=requested.actor,
        planner=planned.actor if planned else "",
        plan=plan,
        plan_hash=digest,
        approvals=tuple(sorted(approvals, key=lambda a: (a.at, a.actor))),
        quarantined=_steps(slots, "quarantined:", digest),
        purged=_steps(slots, "purged:", digest),
        restored=frozenset(_steps(slots, "restored:", digest)),
        slots=slots,
    )


def _steps(slots: dict[str, AspectValue], prefix: str, digest: str) -> dict[int, int]:
    return {
        int(slot.removeprefix(prefix)): value.time
        for slot, value in slots.items()
        if slot.startswith(prefix) and value.value["plan_hash"] == digest
    }
