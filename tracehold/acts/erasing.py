"""Erasing parts of facts: which may go, which stay, and doing it.

What stands in a governance stream proves what was done and stays, but for people, whose names must
be able to go. A native fact that is in force stays: without it a revoked token would open again and
a disabled account return. What a hold covers stays until the hold is released.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lineage.errors import Conflict, InvalidInput, NotFound
from lineage.facts import Fact, FoldContext, Json
from lineage.journal.envelope import decode
from lineage.journal.erasure import Part, erase_parts
from lineage.journal.parts import PartName
from lineage.openlineage.read import KIND
from lineage.refs import Ref, parse_ref
from lineage.state.mentions import facts_naming, named_by
from lineage.state.native import Stuck, points_of
from lineage.state.point_table import read_points
from lineage.trace.resolve import resolve
from privacy.holds import active_holds, require_no_hold
from tracehold.acts.people import STREAM as PEOPLE
from tracehold.services import Services

__all__ = ["PARTS", "Choice", "ErasurePlan", "Target", "erase", "plan_erasure"]

Choice = Literal["distilled", "raw", "both"]
PARTS: Final[dict[Choice, tuple[PartName, ...]]] = {
    "distilled": ("distilled",), "raw": ("raw",), "both": ("distilled", "raw"),
}  # fmt: skip
_REASON: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Target:
    """A fact of which parts are to be erased."""

    fact_id: str
    position: int
    kind: str
    parts: tuple[PartName, ...]


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What would be erased.

    Attributes:
        targets: Facts with parts that are still there, or whose erasure nothing records.
        already: Facts of which nothing is left to erase.
        kept: Native facts that name what was asked for and stay, since they are not lineage.
    """

    targets: tuple[Target, ...]
    already: int
    kept: int

    def as_dict(self) -> dict[str, Json]:
        """The plan as JSON; of many facts the first are listed."""
        return {
            "facts": len(self.targets),
            "parts": sum(len(target.parts) for target in self.targets),
            "already": self.already,
            "kept": self.kept,
            "listed": [
                {
                    "fact": target.fact_id,
                    "position": target.position,
                    "kind": target.kind,
                    "parts": list(target.parts),
                }
                for target in self.targets[:_SHOWN]
            ],
        }


def plan_erasure(
    services: Services,
    facts: Sequence[str],
    mentioning: Sequence[str],
    choice: Choice,
    *,
    progress: Callable[[int], None] | None = None,
) -> ErasurePlan:
    """Find what is to be erased, and refuse what must stay.

    Args:
        services: The workspace.
        facts: Ids of facts.
        mentioning: References; every event that names one of them is meant.
        choice: Which parts.
        progress: Told the position while the journal is looked through.

    Raises:
        NotFound: There is no such fact, or it never had this part.
        Conflict: A fact stands in a governance stream, is in force, or is covered by a hold.
        InvalidInput: A reference fits nothing, or nothing is named.
    """
    if not facts and not mentioning:
        raise InvalidInput(
            "nothing is named to be erased", where="facts",
            advice="give ids of facts, or --mentioning REF",
        )  # fmt: skip
    chosen = dict.fromkeys(fact.lower() for fact in facts)
    kept = 0
    if mentioning:
        refs = [_ref(services, text) for text in mentioning]
        found = facts_naming(
            services.journal, refs, services.registry, services.identity, progress=progress
        )
        for mention in found:
            if mention.kind.partition("/")[0] == KIND.partition("/")[0]:
                chosen[mention.fact_id] = None
            else:
                kept += 1
    named: set[str] = set()
    targets: list[Target] = []
    guarded = bool(active_holds(services.state))
    for fact_id in chosen:
        target, fact = _target(services, fact_id, PARTS[choice])
        if target.parts:
            targets.append(target)
            if guarded:
                named |= named_by(fact, services.registry, services.identity)
    if named:
        require_no_hold(services.sql_graph(), services.state, sorted(named), as_of=services.clock())
    return ErasurePlan(tuple(targets), len(chosen) - len(targets), kept)


def erase(services: Services, actor: str, plan: ErasurePlan, reason: str) -> int | None:
    """Erase what a plan names; done again after a crash, it ends the same.

    Args:
        services: The workspace, opened for writing.
        actor: Opaque id of who erases.
        plan: From ``plan_erasure``.
        reason: A code.

    Returns:
        Position of the last fact that says so; None where there was nothing to erase.

    Raises:
        InvalidInput: The reason is free text.
        Unavailable: The journal cannot be written.
    """
    check_reason(reason)
    parts: list[Part] = [(t.fact_id, part) for t in plan.targets for part in t.parts]
    receipt = erase_parts(services.journal, actor, parts, reason=reason)
    if receipt is not None and services.advancer is not None:
        services.advancer.until(receipt)
    return None if receipt is None else receipt.position


def check_reason(reason: str) -> None:
    """Refuse a reason that could hold a personal value.

    Raises:
        InvalidInput: It is no code.
    """
    if not _REASON.fullmatch(reason):
        raise InvalidInput(
            "the reason is not a code", where="reason",
            advice="lower-case letters, digits, dots and dashes: gdpr-17, case-42, wrong-upload",
        )  # fmt: skip


def _ref(services: Services, text: str) -> Ref:
    try:
        return resolve(services.state, services.identity, text)[0]
    except NotFound:
        # What is named in full may be in the journal, though nothing in the state says so.
        try:
            return parse_ref(text)
        except InvalidInput:
            pass
        raise


def _target(services: Services, fact_id: str, wanted: Iterable[PartName]) -> tuple[Target, Fact]:
    stored = services.journal.get(fact_id)
    envelope = decode(stored.envelope)
    if envelope.stream not in (None, PEOPLE):
        raise Conflict(
            "a fact of a governance stream stays", where=fact_id,
            advice="it proves what was done, and holds no lineage",
        )  # fmt: skip
    [fact] = services.journal.read(stored.position - 1, 1)
    parts: list[PartName] = []
    for part in wanted:
        if part == "raw" and envelope.raw is None:
            if tuple(wanted) == ("raw",):
                raise NotFound("there is no raw part to erase", where=fact_id)
            continue
        there = (stored.distilled if part == "distilled" else stored.raw) is not None
        if there or not services.state.is_erased(fact_id, part):
            parts.append(part)
    if "distilled" in parts and _in_force(services, fact):
        raise Conflict(
            "the fact is in force", where=fact_id,
            advice="record what takes its place first; what it said can then be erased",
        )  # fmt: skip
    return Target(fact_id, stored.position, envelope.kind, tuple(parts)), fact


def _in_force(services: Services, fact: Fact) -> bool:
    """Whether a native fact still decides something: the newest of its slot and source."""
    if fact.body is None or services.registry.current(fact).kind == KIND:
        return False
    points = points_of(
        services.registry.current(fact), services.registry, FoldContext(services.identity)
    )
    for point in () if isinstance(points, Stuck) else points:
        key = point.entity.key(services.identity)
        stored = read_points(services.state.connection(), key, point.aspect)
        rivals = [p for p in stored if (p.slot, p.source) == (point.slot, point.source)]
        newest = max(rivals, key=lambda p: (p.time, p.rank), default=None)
        if newest is not None and newest.fact_id == fact.fact_id:
            return True
    return False
