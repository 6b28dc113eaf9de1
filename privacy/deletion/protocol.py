"""The acts before and beside the execution: request, plan, approve, cancel.

    requested → planned → approved → quarantined → purged → verified → certified
                                  └→ cancelled (quarantined files go back)

Separation of duties (ISO/IEC 27001 5.3): two different approvers, who neither requested nor planned
the deletion and who will not carry it out. An approval binds to the hash of one plan and expires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lineage.errors import Conflict, Denied, InvalidInput
from privacy.deletion.case import Approval, Case, find_case, load_case
from privacy.deletion.draft import Choice, Erasure, draft_plan
from privacy.deletion.files import FileEraser, check_case
from privacy.deletion.plan import Item, Plan
from privacy.deletion.plan import plan_hash as hash_of
from privacy.desk import Desk
from privacy.errors import StalePlan
from privacy.events import (
    CaseCancelled,
    DeletionApproved,
    DeletionPlanned,
    DeletionRequested,
    ItemRestored,
    kind_of,
)
from privacy.fold import entity_of
from privacy.holds import require_no_hold
from privacy.reach import alias_class

__all__ = [
    "APPROVER", "EXECUTOR", "REQUESTERS", "approve", "cancel", "erased_keys", "make_plan",
    "request", "require_role", "stream_of", "valid_approvals",
]  # fmt: skip

_OFFICER = "privacy-officer"
REQUESTERS = frozenset({_OFFICER, "planner"})
APPROVER = "approver"
EXECUTOR = "executor"


def stream_of(case: str) -> str:
    """The dense governance stream of a case."""
    return f"deletion/{case}"


def require_role(desk: Desk, actor: str, roles: frozenset[str], act: str) -> None:
    """Deny by default.

    Raises:
        Denied: The actor holds none of the roles now.
    """
    if not roles & set(desk.roles_of(actor)):
        raise Denied(
            f"your role does not allow to {act}",
            advice=f"ask somebody with the role {' or '.join(sorted(roles))}",
        )


def request(
    desk: Desk,
    actor: str,
    *,
    case: str,
    targets: Sequence[str],
    legal_ground: str,
    reason: str,
    quarantine_days: int = 7,
) -> Case:
    """Open a case.

    Args:
        desk: The outside.
        actor: Opaque id; role privacy-officer or planner.
        case: A new opaque id: letters, digits, - and _; never a person's name.
        targets: References of datasets and models.
        legal_ground: For example ``GDPR Art. 17(1)(b)``.
        reason: Why, in words.
        quarantine_days: Days between quarantine and purge, 0 to 90.

    Raises:
        Denied, InvalidInput, Conflict: Role missing; something missing; id taken.
    """
    require_role(desk, actor, REQUESTERS, "request a deletion")
    if not targets or not legal_ground.strip() or not reason.strip():
        raise InvalidInput(
            "a deletion needs targets, a legal ground and a reason",
            where=case,
            advice="say what, on which ground, and why",
        )
    if not 0 <= quarantine_days <= 90:
        raise InvalidInput("the quarantine lasts 0 to 90 days", where=case)
    check_case(case)
    body = DeletionRequested(case, sorted(set(targets)), legal_ground, reason, quarantine_days)
    with desk.lock:
        if find_case(desk.state, desk.identity, case) is not None:
            raise Conflict("this case exists", where=case, advice="choose another id")
        desk.record(actor, kind_of(body), body, stream_of(case))
        return load_case(desk.state, desk.identity, case)


def make_plan(
    desk: Desk,
    actor: str,
    case: str,
    *,
    eraser: FileEraser,
    policy: Erasure,
    choices: Mapping[str, Choice] | None = None,
) -> Case:
    """Draw up the plan, or a new one, which voids the approvals of the one before.

    Args:
        desk: The outside.
        actor: Opaque id; role privacy-officer, planner or executor.
        case: Id of the case.
        eraser: Of the data root.
        policy: Defaults for derived things.
        choices: Reference → decision; beats the policy.

    Raises:
        Denied, NotFound, InvalidInput: Role missing; no such case or target; impossible choice.
        Conflict: A hold is in force, or the case is past its plan.
    """
    require_role(desk, actor, REQUESTERS | {EXECUTOR}, "plan a deletion")
    with desk.lock:
        current = load_case(desk.state, desk.identity, case)
        closed = current.phase() in {"verified", "certified", "cancelled"}
        if current.quarantined or closed or _has_moved(current, eraser):
            raise Conflict(
                "files of this case have been moved: it can go on or be cancelled, not replanned",
                where=case,
                advice="cancel the case, then request a new one",
            )
        plan = draft_plan(desk, current.request, eraser, policy, choices or {})
        require_no_hold(desk.reader, desk.state, erased_keys(desk, plan), as_of=plan.created)
        body = DeletionPlanned(case, hash_of(plan), plan.expires, plan.as_dict())
        desk.record(actor, kind_of(body), body, stream_of(case))
        return load_case(desk.state, desk.identity, case)


def _has_moved(current: Case, eraser: FileEraser) -> bool:
    """A file was moved and the process died before its fact: a new plan would not see it."""
    items = current.plan.items if current.plan else ()
    return any(eraser.is_quarantined(current.case, n, item) for n, item in enumerate(items))


def approve(desk: Desk, actor: str, case: str, *, plan_hash: str) -> Case:
    """Agree to exactly the plan that was read.

    Args:
        desk: The outside.
        actor: Opaque id; role approver; neither requester, planner nor executor of the case.
        case: Id of the case.
        plan_hash: Hash of the plan that the approver has before them.

    Raises:
        Denied: The role is missing, or the duties are not separate.
        Conflict: Another plan, an expired one, one with obstacles or open decisions, or a hold.
    """
    require_role(desk, actor, frozenset({APPROVER}), "approve a deletion")
    with desk.lock:
        current = load_case(desk.state, desk.identity, case)
        plan = _approvable(desk, current, plan_hash)
        if actor in {current.requester, current.planner, *current.executors}:
            raise Denied(
                "who requested, planned or carries out a deletion cannot approve it",
                where=case,
                advice="ask another approver",
            )
        keys = erased_keys(desk, plan)
        require_no_hold(desk.reader, desk.state, keys, as_of=desk.clock())
        given = {a.actor for a in current.approvals if a.plan_hash == plan_hash}
        if actor not in given:
            body = DeletionApproved(case, plan_hash, plan.expires)
            desk.record(actor, kind_of(body), body, stream_of(case))
        return load_case(desk.state, desk.identity, case)


def _approvable(desk: Desk, current: Case, plan_hash: str) -> Plan:
    plan = current.plan
    if plan is None or current.plan_hash != plan_hash:
        raise StalePlan(
            "this is not the current plan of the case",
            where=current.case,
            advice="read the current plan and approve its hash",
        )
    if current.phase() not in {"planned", "approved"}:
        raise Conflict(f"the case is {current.phase()}", where=current.case)
    if desk.clock() >= plan.expires:
        raise StalePlan("it has expired", where=current.case, advice="plan again")
    if plan.undecided:
        raise Conflict(
            f"nobody decided what becomes of {', '.join(plan.undecided)}",
            where=current.case,
            advice="plan again with a decision for each",
        )
    if plan.obstacles:
        first = plan.obstacles[0]
        raise Conflict(
            f"a file cannot be erased: {first.why}", where=first.path, advice="clear it, plan again"
        )
    return plan


def valid_approvals(desk: Desk, current: Case, executor: str, now: int) -> list[Approval]:
    """The approvals that count now, for this plan and this executor."""
    apart = {current.requester, current.planner, executor, *current.executors}
    return [
        approval
        for approval in current.approvals
        if approval.plan_hash == current.plan_hash
        and now < approval.expires
        and approval.actor not in apart
        and APPROVER in set(desk.roles_of(approval.actor))
    ]


def cancel(desk: Desk, actor: str, case: str, *, eraser: FileEraser, reason: str) -> Case:
    """End a case without a deletion; quarantined files go back. Repeat it after an interruption.

    Raises:
        Denied: The role privacy-officer or executor is missing.
        Conflict: Something was purged already, or the place of a file is taken.
    """
    require_role(desk, actor, frozenset({_OFFICER, EXECUTOR}), "cancel a deletion")
    with desk.lock:
        current = load_case(desk.state, desk.identity, case)
        if current.phase() == "cancelled":
            return current
        items = current.plan.items if current.plan else ()
        _require_whole(current, items, eraser)
        for number, item in enumerate(items):
            back = eraser.restore(case, number, item) or number in current.quarantined
            if back and number not in current.restored:
                body = ItemRestored(case, current.plan_hash, number)
                desk.record(actor, kind_of(body), body, stream_of(case))
        if items:
            eraser.close_case(case)
        done = CaseCancelled(case, reason)
        desk.record(actor, kind_of(done), done, stream_of(case))
        return load_case(desk.state, desk.identity, case)


def _require_whole(current: Case, items: Sequence[Item], eraser: FileEraser) -> None:
    """Everything that was moved is still there to go back (or went back before a crash)."""
    lost = [
        number
        for number in current.quarantined
        if not eraser.is_quarantined(current.case, number, items[number])
        and eraser.inspect(items[number].path) is None
    ]
    if current.purged or lost or "verified" in current.slots:
        raise Conflict(
            "files were purged already",
            where=current.case,
            advice="carry the deletion to its end",
        )


def erased_keys(desk: Desk, plan: Plan) -> set[str]:
    """Keys of everything that the plan erases, aliases included."""
    keys = {entity_of(ref).key(desk.identity) for ref in plan.erased}
    return alias_class(desk.reader, keys)
