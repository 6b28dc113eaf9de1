"""Holds: nothing in scope may be deleted, nor anything made from it, until two people release it.

A hold is a switch of its own beside retention (ISO/IEC 27001 5.28; GDPR Art. 17(3)(e)): it has no
end date, wins at every step of a deletion, and is released by two different people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from lineage.errors import Conflict, Denied, InvalidInput, NotFound
from lineage.facts import Json
from lineage.graph.port import GraphReader
from lineage.refs import DatasetRef, ModelRef, parse_ref
from lineage.state.port import AspectValue, StateReader
from privacy.desk import Desk
from privacy.errors import HoldInForce
from privacy.events import HoldPlaced, HoldReleaseAgreed, HoldReleased, kind_of
from privacy.reach import alias_class, reach_down

__all__ = [
    "RELEASERS", "STREAM", "Hold", "active_holds", "agree_release", "holds_on", "list_holds",
    "place_hold", "require_no_hold",
]  # fmt: skip

STREAM = "hold"
"""The dense governance stream of all holds: an auditor can prove that these are all."""

PLACERS = frozenset({"privacy-officer", "admin"})
RELEASERS = frozenset({"privacy-officer", "approver"})


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold and how far its release has come.

    Attributes:
        hold: Its id.
        matter: The matter it serves, for example a file number.
        reason: Why.
        scope: References of datasets and models.
        scope_keys: Their keys.
        placed_at: Epoch milliseconds.
        placed_by: Opaque id.
        agreed: Opaque ids of those who agree to release it.
        released: Whether it is released.
        facts: Ids of the facts cited.
    """

    hold: str
    matter: str
    reason: str
    scope: tuple[str, ...]
    scope_keys: tuple[str, ...]
    placed_at: int
    placed_by: str
    agreed: tuple[str, ...]
    released: bool
    facts: tuple[str, ...]

    def as_dict(self) -> dict[str, Json]:
        """The hold as JSON, without its keys."""
        return {
            "hold": self.hold,
            "matter": self.matter,
            "reason": self.reason,
            "scope": list(self.scope),
            "placed_at": self.placed_at,
            "placed_by": self.placed_by,
            "agreed": list(self.agreed),
            "released": self.released,
            "facts": list(self.facts),
        }


def list_holds(state: StateReader, as_of: int | None = None) -> list[Hold]:
    """All holds, released ones included, in the order they were placed."""
    holds = [_hold(values) for values in state.with_aspect("hold", as_of).values()]
    return sorted((h for h in holds if h is not None), key=lambda h: (h.placed_at, h.hold))


def active_holds(state: StateReader, as_of: int | None = None) -> list[Hold]:
    """The holds in force."""
    return [hold for hold in list_holds(state, as_of) if not hold.released]


def _hold(values: Sequence[AspectValue]) -> Hold | None:
    slots = {value.slot: value for value in values}
    placed = slots.get("placed")
    if placed is None:
        return None
    agreed = tuple(sorted(s.removeprefix("agreed:") for s in slots if s.startswith("agreed:")))
    body = placed.value
    return Hold(
        hold=body["hold"],
        matter=body["matter"],
        reason=body["reason"],
        scope=tuple(body["scope"]),
        scope_keys=tuple(body["scope_keys"]),
        placed_at=placed.time,
        placed_by=placed.actor,
        agreed=agreed,
        released="released" in slots,
        facts=tuple(value.fact_id for _, value in sorted(slots.items())),
    )


def holds_on(
    reader: GraphReader, state: StateReader, keys: Iterable[str], *, as_of: int
) -> dict[str, list[Hold]]:
    """Per key the holds in force on it: placed on it, on an alias, or on what it was made from.

    A walk that met a limit counts as reaching everything: when in doubt, it is held.

    Args:
        reader: The graph.
        state: The state.
        keys: Datasets and models asked about.
        as_of: Content lineage as of this moment, epoch milliseconds.
    """
    asked = set(keys)
    held: dict[str, list[Hold]] = {}
    for hold in active_holds(state):
        reach = reach_down(reader, state, hold.scope_keys, as_of=as_of)
        covered = reach.origin | reach.derived
        for key in asked if reach.truncated else asked & covered:
            held.setdefault(key, []).append(hold)
    return held


def require_no_hold(
    reader: GraphReader, state: StateReader, keys: Collection[str], *, as_of: int
) -> None:
    """Refuse where anything asked about, or an alias of it, is held.

    Raises:
        HoldInForce: Names the holds.
    """
    held = holds_on(reader, state, alias_class(reader, keys), as_of=as_of)
    if held:
        names = sorted({hold.hold for holds in held.values() for hold in holds})
        raise HoldInForce(
            f"a hold is in force: {', '.join(names)}",
            where=", ".join(sorted({h.matter for hs in held.values() for h in hs})),
            advice="a hold wins at every step; two people must release it first",
        )


def place_hold(
    desk: Desk, actor: str, *, hold: str, matter: str, reason: str, scope: Sequence[str]
) -> Hold:
    """Place a hold. It is in force when this returns.

    Args:
        desk: The outside.
        actor: Opaque id of who places it; role privacy-officer or admin.
        hold: A new id.
        matter: The matter it serves.
        reason: Why.
        scope: References of datasets and models; what was made from them is held too.

    Raises:
        Denied: The role is missing.
        InvalidInput: No scope, no matter, or a scope that is neither dataset nor model.
        Conflict: The id is taken.
    """
    _require_role(desk, actor, PLACERS, "place a hold")
    if not scope or not matter.strip() or not reason.strip():
        raise InvalidInput(
            "a hold needs a scope, a matter and a reason",
            where=hold,
            advice="name at least one dataset or model, the matter, and why",
        )
    refs = []
    for text in scope:
        parsed = parse_ref(text)
        if not isinstance(parsed, (DatasetRef, ModelRef)):
            raise InvalidInput("a hold covers datasets and models", where=text)
        refs.append(str(parsed))
    with desk.lock:
        if _find(desk.state, hold) is not None:
            raise Conflict("this hold exists", where=hold, advice="choose another id")
        body = HoldPlaced(hold, matter, reason, sorted(set(refs)))
        desk.record(actor, kind_of(body), body, STREAM)
        return _get(desk.state, hold)


def agree_release(desk: Desk, actor: str, *, hold: str, reason: str) -> Hold:
    """Agree to release a hold. The second of two different people releases it.

    Raises:
        Denied: The role privacy-officer or approver is missing.
        NotFound: There is no such hold.
        Conflict: It is released already.
    """
    _require_role(desk, actor, RELEASERS, "release a hold")
    with desk.lock:
        current = _get(desk.state, hold)
        if current.released:
            raise Conflict("this hold is released already", where=hold)
        if actor not in current.agreed:
            body = HoldReleaseAgreed(hold, reason)
            desk.record(actor, kind_of(body), body, STREAM)
            current = _get(desk.state, hold)
        # Roles are asked again: who has left since must not count.
        standing = [who for who in current.agreed if RELEASERS & set(desk.roles_of(who))]
        if len(standing) >= 2:
            done = HoldReleased(hold, list(current.facts))
            desk.record(actor, kind_of(done), done, STREAM)
            current = _get(desk.state, hold)
        return current


def _require_role(desk: Desk, actor: str, roles: frozenset[str], act: str) -> None:
    if not roles & set(desk.roles_of(actor)):
        raise Denied(
            f"your role does not allow to {act}",
            advice=f"ask somebody with the role {' or '.join(sorted(roles))}",
        )


def _find(state: StateReader, hold: str) -> Hold | None:
    return next((h for h in list_holds(state) if h.hold == hold), None)


def _get(state: StateReader, hold: str) -> Hold:
    found = _find(state, hold)
    if found is None:
        raise NotFound("there is no such hold", where=hold, advice="see tracehold hold list")
    return found
