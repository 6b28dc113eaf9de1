"""Carrying a plan out, step by step; killed anywhere, it goes on where it stopped.

``execute`` yields before and after every step, so that the caller can show progress and stop. The
decision to take a step, its effect and its fact happen under the workspace's lock: a hold that is
recorded before is seen, and none is recorded between. An effect whose fact is missing (the process
died in between) is recognized and recorded when the case goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from lineage.errors import Conflict, InvalidInput, TraceholdError
from lineage.journal.checkpoint import Signer
from lineage.refs import DatasetRef
from privacy.deletion.case import Case, load_case
from privacy.deletion.certificate import (
    build_certificate,
    certificate_id,
    decisions_of,
    sign_certificate,
)
from privacy.deletion.draft import Choice, Erasure, draft_plan
from privacy.deletion.files import FileEraser
from privacy.deletion.plan import PLAN_LIFETIME_MS, Plan
from privacy.deletion.protocol import (
    EXECUTOR,
    erased_keys,
    require_role,
    stream_of,
    valid_approvals,
)
from privacy.deletion.read_back import METHOD, read_back
from privacy.deletion.tombstones import check, content_token
from privacy.desk import Desk
from privacy.errors import ApprovalMissing, Leftover, StalePlan
from privacy.events import (
    CaseBlocked,
    CertificateIssued,
    DatasetPurged,
    DeletionVerified,
    ItemPurged,
    ItemQuarantined,
    TombstoneLaid,
    kind_of,
)
from privacy.fold import entity_of
from privacy.holds import require_no_hold
from privacy.reach import alias_class

__all__ = ["JUMP_MS", "Step", "execute", "resume"]

DAY_MS = 86_400_000
JUMP_MS = DAY_MS
"""A clock that goes back, or forward by more than a day within one execution, stops it."""

Action = Literal["quarantine", "wait", "purge", "verify", "certify"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        action: What is done.
        stage: ``before`` or ``done``.
        item: Number of the file, or None.
        until: For ``wait``, when the quarantine ends, epoch milliseconds.
    """

    action: Action
    stage: Literal["before", "done"]
    item: int | None = None
    until: int | None = None


@dataclass(slots=True)
class _Run:
    """One execution: what it works with, and the last time it saw."""

    desk: Desk
    actor: str
    case: str
    eraser: FileEraser
    last: int = 0

    def load(self) -> Case:
        return load_case(self.desk.state, self.desk.identity, self.case)

    def guarded(self, act: Callable[[], None]) -> None:
        """Carry out under the lock; a refusal is recorded once, then raised."""
        with self.desk.lock:
            try:
                self._gate()
                act()
            except Conflict as refusal:
                self._record_refusal(refusal)
                raise

    def _gate(self) -> None:
        desk, case = self.desk, self.load()
        require_role(desk, self.actor, frozenset({EXECUTOR}), "carry out a deletion")
        now = desk.clock()
        if now < case.last or (self.last and not 0 <= now - self.last <= JUMP_MS):
            raise Conflict(
                "the clock went back or jumped by more than a day",
                where=self.case,
                advice="set the clock right, then resume the case",
            )
        self.last = now
        if "verified" in case.slots:
            return
        plan = _plan_of(case)
        require_no_hold(desk.reader, desk.state, erased_keys(desk, plan), as_of=now)
        self._require_approval(case, plan, now)

    def _require_approval(self, case: Case, plan: Plan, now: int) -> None:
        # Once files were moved, the approvals carry the case through its quarantine.
        grace = plan.quarantine_days * DAY_MS + PLAN_LIFETIME_MS if case.quarantined else 0
        if now >= plan.expires + grace:
            raise StalePlan(
                "it has expired",
                where=self.case,
                advice="cancel the case, then request and plan again",
            )
        if len(valid_approvals(self.desk, case, self.actor, now - grace)) < 2:
            raise ApprovalMissing(
                "two valid approvals are missing",
                where=self.case,
                advice="two approvers, neither requester, planner nor executor, approve the plan",
            )

    def _record_refusal(self, refusal: TraceholdError) -> None:
        if self.load().blocked == refusal.what:
            return
        body = CaseBlocked(self.case, refusal.what, refusal.advice)
        self.desk.record(self.actor, kind_of(body), body, stream_of(self.case))


def execute(
    desk: Desk,
    actor: str,
    case: str,
    *,
    eraser: FileEraser,
    signer: Signer,
    policy: Erasure,
) -> Iterator[Step]:
    """Carry out the approved plan of a case, or go on with it.

    Args:
        desk: The outside.
        actor: Opaque id; role executor.
        case: Id of the case.
        eraser: Of the data root.
        signer: The journal's key, which signs the certificate.
        policy: The policy in force; before the first step the plan is drawn up again and must
            come out the same.

    Yields:
        Every step, before and after. After a ``wait`` the iteration ends: come back then.

    Raises:
        Denied: The role is missing.
        Conflict: A hold, a stale plan, missing approvals, the clock, or something was left.
    """
    run = _Run(desk, actor, case, eraser)
    current = run.load()
    if current.phase() == "certified":
        return
    plan = _plan_of(current)
    if not current.quarantined and "verified" not in current.slots:
        run.guarded(lambda: _require_unchanged(run, plan, policy))
    yield from _each(run, plan, "quarantine", _quarantine)
    until = _quarantine_ends(run.load(), plan)
    if desk.clock() < until:
        yield Step("wait", "before", until=until)
        return
    yield from _each(run, plan, "purge", _purge)
    for action, act in (("verify", _verify), ("certify", _certify)):
        yield Step(action, "before")  # type: ignore[arg-type]
        run.guarded(lambda act=act: act(run, plan, signer))  # type: ignore[misc]
        yield Step(action, "done")  # type: ignore[arg-type]


def _plan_of(case: Case) -> Plan:
    if case.plan is None:
        raise Conflict("the case has no plan", where=case.case, advice="plan it first")
    if case.restored or case.phase() == "cancelled":
        raise Conflict(
            "the case is cancelled",
            where=case.case,
            advice="finish the cancellation; request a new case to delete",
        )
    return case.plan


def resume(
    desk: Desk,
    actor: str,
    case: str,
    *,
    eraser: FileEraser,
    signer: Signer,
    policy: Erasure,
) -> Case:
    """Carry a case as far as it goes now, and say where it stands. See ``execute``."""
    for _ in execute(desk, actor, case, eraser=eraser, signer=signer, policy=policy):
        pass
    return load_case(desk.state, desk.identity, case)


def _each(
    run: _Run, plan: Plan, action: Action, act: Callable[[_Run, Plan, int], None]
) -> Iterator[Step]:
    for number in range(len(plan.items)):
        current = run.load()
        done = current.purged if action == "purge" else {**current.quarantined, **current.purged}
        if number in done or "verified" in current.slots:
            continue
        yield Step(action, "before", number)
        run.guarded(lambda number=number: act(run, plan, number))  # type: ignore[misc]
        yield Step(action, "done", number)


def _require_unchanged(run: _Run, plan: Plan, policy: Erasure) -> None:
    """Files, names and lineage are as they were when the plan was approved.

    A crash between the first rename and its fact leaves a file in quarantine without a record; such
    files are counted as present, as they were planned.
    """
    moved = {
        number
        for number, item in enumerate(plan.items)
        if run.eraser.is_quarantined(run.case, number, item)
    }
    choices = {
        one.ref: Choice(one.decision, one.reason)
        for one in plan.derived
        if one.decided_by == "requester"
    }
    current = run.load()
    left = tuple(item for n, item in enumerate(plan.items) if n not in moved)
    try:
        again = draft_plan(run.desk, current.request, run.eraser, policy, choices)
        same = again.material() == msgspec.structs.replace(plan, items=left).material()
    except InvalidInput:  # a decision for something that is not reached any more
        same = False
    if not same:
        raise StalePlan(
            "files or lineage changed since it was made",
            where=run.case,
            advice="plan again and have the new plan approved",
        )


def _quarantine_ends(case: Case, plan: Plan) -> int:
    moved = case.quarantined.values()
    if not moved or case.purged or "verified" in case.slots:
        return 0
    return max(moved) + plan.quarantine_days * DAY_MS


def _quarantine(run: _Run, plan: Plan, number: int) -> None:
    run.eraser.quarantine(run.case, number, plan.items[number])
    body = ItemQuarantined(run.case, run.load().plan_hash, number)
    run.desk.record(run.actor, kind_of(body), body, stream_of(run.case))


def _purge(run: _Run, plan: Plan, number: int) -> None:
    item = plan.items[number]
    if not run.eraser.purge(run.case, number, item) and run.eraser.inspect(item.path) is not None:
        raise StalePlan("a quarantined file is back in its place", where=item.path)
    body = ItemPurged(run.case, run.load().plan_hash, number)
    run.desk.record(run.actor, kind_of(body), body, stream_of(run.case))


def _verify(run: _Run, plan: Plan, _: Signer) -> None:
    current = run.load()
    if "verified" in current.slots:
        return
    reading = read_back(run.eraser.root, plan.items)
    if reading.leftovers:
        path, why = reading.leftovers[0]
        raise Leftover(
            f"the second reading found something left: {why}",
            where=path,
            advice="remove it by a new case, or find out who wrote it; then resume",
        )
    run.eraser.close_case(run.case)
    stream = stream_of(run.case)
    for sha256 in sorted({item.sha256 for item in plan.items if item.bytes}):
        if check(run.desk.state, run.desk.identity, sha256) is None:
            stone = TombstoneLaid(content_token(run.desk.identity, sha256), run.case)
            run.desk.record(run.actor, kind_of(stone), stone, stream)
    for ref in _emptied(run, plan):
        purged = DatasetPurged(ref, run.case)
        run.desk.record(run.actor, kind_of(purged), purged, stream)
    body = DeletionVerified(
        run.case, current.plan_hash, METHOD, reading.files_read, reading.bytes_read
    )
    run.desk.record(run.actor, kind_of(body), body, stream)


def _emptied(run: _Run, plan: Plan) -> list[str]:
    """What holds nothing any more: erased, found, and without a known copy out of reach.

    A file is a dataset too, under its path, where an event named it.
    """
    out = {entity_of(one.ref).key(run.desk.identity) for one in plan.out_of_reach}
    kept = alias_class(run.desk.reader, out)
    refs = [ref for ref in plan.erased if entity_of(ref).key(run.desk.identity) not in kept]
    refs += [
        str(ref)
        for item in plan.items
        for root in sorted({run.eraser.root, run.eraser.given})
        if run.desk.state.node(
            (ref := DatasetRef("file", (root / item.path).as_posix())).key(run.desk.identity)
        )
    ]
    keys = {ref: entity_of(ref).key(run.desk.identity) for ref in refs}
    said = run.desk.state.aspects(sorted(keys.values()), ("purged",))
    return [
        ref
        for ref, key in keys.items()
        if all(value.value["case"] != run.case for value in said.get(key, {}).get("purged", []))
    ]


def _certify(run: _Run, plan: Plan, signer: Signer) -> None:
    current = run.load()
    if "certified" in current.slots:
        return
    fields = build_certificate(current, run.desk.identity, origin=signer.name)
    body = CertificateIssued(
        case=run.case,
        certificate=certificate_id(run.desk.identity, run.case, current.plan_hash),
        note=sign_certificate(signer, fields),
        derived=decisions_of(plan),
    )
    run.desk.record(run.actor, kind_of(body), body, stream_of(run.case))
