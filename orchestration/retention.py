"""What must go: decided every day, proposed as deletions, and carried out once approved.

Nothing is deleted by a decision. It becomes a case with a plan; two people approve the plan; only
then does the job ``deletion`` carry it out, one case at a time in the whole instance.
"""

# Annotations stay objects here: Dagster compares the one of `context` with its own classes.

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from lineage.clock import format_millis
from lineage.errors import Conflict, InvalidInput, NotFound, Unavailable
from orchestration.guarding import guarded
from orchestration.jobs import (
    POOL,
    RETRIES,
    facet,
    looking,
    reported,
    scheduled,
    server_as,
    settings_here,
)

if TYPE_CHECKING:
    from privacy.deletion.case import Case
    from privacy.retention.due import DueRow

__all__ = [
    "EXECUTOR", "PLANNER", "Proposal", "deletion_job", "deletion_schedule", "due_facet",
    "proposals", "ready", "retention_job", "retention_schedule",
]  # fmt: skip

PLANNER = "retention-planner"
"""Who requests and plans (role planner); without a token of that name here nothing is proposed."""

EXECUTOR = "retention-executor"
"""Who carries out what was approved; without a token of that name here nothing is carried out."""

MOST = 50
"""New cases of one run: people have to read them."""

_ENDED = frozenset({"certified", "cancelled"})
_UNDERWAY = frozenset(
    {"approved", "quarantining", "quarantined", "purging", "purged", "verified"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proposal:
    """One deletion to propose.

    Attributes:
        case: Id of the case: the same for the same thing that is due on the same day.
        target: Reference of what is due.
        ground: The class that asks for it, and its legal basis.
        reason: Why it is due.
        known: Whether the case is there already and wants a plan.
    """

    case: str
    target: str
    ground: str
    reason: str
    known: bool = False


def due_facet(rows: "Sequence[DueRow]", now: int) -> dict[str, Any]:
    """``tracehold_retention_due`` of a run: what is due, held or unclear, and why.

    Args:
        rows: The decisions.
        now: Moment of the decisions, epoch milliseconds.
    """
    return facet(
        "RetentionDueRunFacet",
        now=format_millis(now),
        policyDigest=rows[0].policy_digest if rows else "",
        knownAt=rows[0].known_at if rows else 0,
        kept=sum(row.decision.outcome == "keep" for row in rows),
        items=[
            {
                "ref": row.ref,
                "outcome": row.decision.outcome,
                "classes": list(row.classes),
                "reasons": list(row.decision.reasons),
            }
            for row in rows
            if row.decision.outcome != "keep"
        ],
    )


def proposals(
    rows: "Sequence[DueRow]",
    cases: "Sequence[Case]",
    *,
    bases: Mapping[str, str],
    token: Callable[[str], str],
    now: int,
) -> Iterator[Proposal]:
    """What to propose: whatever is due and in no open case, and cases whose plan ran out.

    A case that somebody cancelled is not opened again before another day makes it due.

    Args:
        rows: The decisions.
        cases: All cases.
        bases: Legal basis per retention class.
        token: A keyed digest of a text, so that the id of a case names nothing.
        now: Epoch milliseconds.
    """
    known = {case.case: case for case in cases}
    reached = {ref for case in cases if case.phase() not in _ENDED for ref in _reach(case)}
    for row in rows:
        decision = row.decision
        if decision.outcome != "due":
            continue
        id_ = "R-" + token(f"{row.ref} {decision.due}")[:12]
        case = known.get(id_)
        if case is None and row.ref in reached:
            continue
        if case is not None and not _wants_plan(case, now):
            continue
        basis = bases.get(decision.winner, "")
        yield Proposal(
            case=id_,
            target=row.ref,
            ground=f"retention class {decision.winner}: {basis}".rstrip(": "),
            reason=decision.reasons[0] if decision.reasons else f"due since {decision.due}",
            known=case is not None,
        )


def _reach(case: "Case") -> set[str]:
    return {*case.request.targets, *(case.plan.erased if case.plan else ())}


def _wants_plan(case: "Case", now: int) -> bool:
    if case.phase() == "requested":
        return True
    return case.phase() == "planned" and case.plan is not None and case.plan.expires <= now


def ready(cases: "Sequence[Case]", now: int) -> list[str]:
    """Ids of cases with something to carry out: approved in time, or begun and not at their end.

    Args:
        cases: All cases.
        now: Epoch milliseconds.
    """
    return [
        case.case
        for case in cases
        if case.plan is not None
        and case.phase() in _UNDERWAY
        and (case.phase() != "approved" or now < case.plan.expires)
    ]


@dg.op(name="due", retry_policy=RETRIES, out=dg.Out(dg.Nothing))
def _due(context: dg.OpExecutionContext) -> None:
    from tracehold.judging import due_rows

    settings = settings_here()
    with reported(context) as facets, looking(settings) as services:
        now = services.judgement_now()
        rows = due_rows(services, now=now)
        facets["tracehold_retention_due"] = due_facet(rows, now)
    outcomes = [row.decision.outcome for row in rows if row.decision.outcome != "keep"]
    context.log.info("kept %d, others %s", len(rows) - len(outcomes), sorted(outcomes))
    context.add_output_metadata({one: outcomes.count(one) for one in sorted(set(outcomes))})


class Proposing(dg.Config):
    """How deletions are proposed: ``quarantine_days`` between quarantine and purge."""

    quarantine_days: int = 7


@dg.op(name="propose", retry_policy=RETRIES, ins={"after": dg.In(dg.Nothing)})
def _propose(context: dg.OpExecutionContext, config: Proposing) -> dict[str, int]:
    from privacy.deletion.case import list_cases
    from tracehold.judging import due_rows

    done = {"proposed": 0, "refused": 0, "left": 0}
    with guarded():
        settings = settings_here()
        server = server_as(PLANNER, settings)
        if server is None:
            context.log.info("nothing is proposed: this machine keeps no token of %s", PLANNER)
            return done
        with looking(settings) as services:
            classes = services.policy().retention_classes
            found = proposals(
                due_rows(services, now=services.judgement_now()),
                list_cases(services.state),
                bases={name: one.legal_basis for name, one in classes.items()},
                token=lambda text: services.identity.token("retention-case", text.encode()),
                now=services.clock(),
            )
            wanted = list(found)
        covered: set[str] = set()
        for one in wanted:
            if one.target in covered:
                continue
            if done["proposed"] + done["refused"] >= MOST:
                done["left"] += 1
                continue
            try:
                if not one.known:
                    request = {
                        "case": one.case, "targets": [one.target],
                        "legal_ground": one.ground, "reason": one.reason,
                        "quarantine_days": config.quarantine_days,
                    }  # fmt: skip
                    server.post("acts/deletion.request", request)
                planned = server.post("acts/deletion.plan", {"case": one.case})
            except (Conflict, InvalidInput, NotFound):
                # A hold, or somebody was quicker; the next run sees how things stand by then. One
                # that cannot be planned must not keep the others from it.
                done["refused"] += 1
                continue
            done["proposed"] += 1
            plan = planned["plan"]
            covered |= {*plan["targets"], *plan["aliases"]}
            covered |= {made["ref"] for made in plan["derived"] if made["decision"] == "erase"}
    context.add_output_metadata(dict(done))
    return done


@dg.job(
    name="retention",
    description="Decide what is due, report it, and propose deletions for approval.",
    executor_def=dg.in_process_executor,
)
def retention_job() -> None:
    """What the daily schedule runs."""
    _propose(after=_due())


class Deletion(dg.Config):
    """Which case to carry out, or on."""

    case: str


@dg.op(name="apply", retry_policy=RETRIES, pool=POOL)
def _apply(context: dg.OpExecutionContext, config: Deletion) -> str:
    settings = settings_here()
    with reported(context):
        server = server_as(EXECUTOR, settings)
        if server is None:
            raise Unavailable(
                "nobody carries out deletions here",
                where=str(settings.tokens / EXECUTOR),
                advice=f"tracehold user add {EXECUTOR} --role executor",
            )
        answer = server.post("acts/deletion.apply", {"case": config.case})
    context.add_output_metadata({"case": config.case, "phase": answer["phase"]})
    return str(answer["phase"])


@dg.job(
    name="deletion",
    description="Carry an approved deletion out, as far as it goes now. One at a time.",
    # Not every executor knows pools; this one does.
    executor_def=dg.in_process_executor,
)
def deletion_job() -> None:
    """What the hourly schedule runs per case."""
    _apply()


def retention_schedule() -> dg.ScheduleDefinition:
    """Every day at 04:15 UTC."""
    return scheduled("retention_daily", retention_job, "15 4 * * *")


def deletion_schedule() -> dg.ScheduleDefinition:
    """Every hour: a run per case that people approved; none where nobody may carry it out."""

    def evaluate(
        context: dg.ScheduleEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from privacy.deletion.case import list_cases

        with guarded():
            settings = settings_here()
            if server_as(EXECUTOR, settings) is None:
                yield dg.SkipReason(f"this machine keeps no token of {EXECUTOR}")
                return
            with looking(settings) as services:
                cases = ready(list_cases(services.state), services.clock())
        if not cases:
            yield dg.SkipReason("no approved deletion waits")
        for case in cases:
            yield dg.RunRequest(
                run_key=f"{case} {context.scheduled_execution_time:%Y-%m-%dT%H}",
                run_config={"ops": {"apply": {"config": {"case": case}}}},
                tags={"tracehold/case": case},
            )

    return scheduled("deletion_hourly", deletion_job, "35 * * * *", evaluate)
