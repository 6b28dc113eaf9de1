"""Is the server well, and what in the estate needs attention?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lineage.clock import format_millis
from lineage.errors import TraceholdError
from lineage.facts import Json
from lineage.identity import Label
from lineage.trace.names import reference_text
from privacy.deletion.case import Case
from tracehold.freshness import turns
from tracehold.judging import due_rows, license_judgement
from tracehold.questions.question import Body, Question
from tracehold.records import cases, certificates, incidents_seen, open_holds
from tracehold.services import Services

__all__ = ["HEALTH", "gauges", "health"]

_COUNTED: Final[tuple[Label, ...]] = ("Dataset", "Column", "Job", "Run", "Model")
_MODELS: Final = 200
_ENDED: Final = frozenset({"certified", "cancelled"})


class AskNothing(Body, frozen=True, kw_only=True):
    """No parameters."""


def health(services: Services) -> dict[str, Json]:
    """What anybody may know: alive, taking facts, how far behind. No names, no paths."""
    figures = gauges(services)
    answer: dict[str, Json] = {
        "status": "ok",
        "journal": int(figures["tracehold_journal_facts"]),
        "writable": bool(figures["tracehold_journal_writable"]),
        "lag": int(figures["tracehold_state_lag"]),
    }
    if services.advancer is not None and services.advancer.trouble:
        answer |= {"status": "stale", "cause": services.advancer.trouble}
    if services.state.connections.refused:
        answer["status"] = "refolding"
    failure = services.journal.failure
    if isinstance(failure, TraceholdError):
        answer |= {"status": "read-only", "cause": failure.what, "advice": failure.advice}
    if services.refolder is not None and (refold := services.refolder.status()).running:
        answer["refold"] = {
            "cause": refold.cause, "done": refold.done, "of": refold.of,
            "trouble": refold.trouble,
        }  # fmt: skip
    if services.mirror is not None:
        answer["mirror"] = {
            "state": services.mirror.status().state,
            "reachable": bool(figures["tracehold_mirror_reachable"]),
            "lag": figures.get("tracehold_mirror_lag"),
            "seconds_behind": figures["tracehold_mirror_seconds_behind"],
        }
    return answer


def gauges(services: Services) -> dict[str, float]:
    """The figures of the server now."""
    size = services.journal.head().size
    # A state that is made anew, for want of one that can be read, stands nowhere yet.
    position = 0 if services.state.connections.refused else services.state.position()
    figures: dict[str, float] = {
        "tracehold_journal_facts": size,
        "tracehold_journal_writable": services.journal.failure is None,
        "tracehold_state_position": position,
        "tracehold_state_lag": max(size - position, 0),
    }
    if services.search.position is not None:
        figures["tracehold_search_lag"] = max(size - services.search.position, 0)
    if services.mirror is not None:
        status = services.mirror.status()
        figures["tracehold_mirror_reachable"] = status.reachable
        figures["tracehold_mirror_refused"] = status.state == "refused"
        figures["tracehold_mirror_fills"] = status.fills
        figures["tracehold_mirror_seconds_behind"] = round(status.seconds_behind, 3)
        if status.state == "filling":
            figures["tracehold_mirror_filled_ratio"] = status.done / max(status.total, 1)
        if status.position is not None:
            figures["tracehold_mirror_position"] = status.position
            figures["tracehold_mirror_lag"] = max(size - status.position, 0)
    return figures


def _overview(services: Services, _: AskNothing) -> Json:
    return {
        "workspace": services.settings.workspace.name,
        "counts": {
            **{label.lower(): services.state.count(label) for label in _COUNTED},
            "certificate": len(certificates(services)),
        },
        "attention": _attention(services),
        "as_of": format_millis(services.judgement_now()),
        "known_at": services.state.position(),
    }


def _attention(services: Services) -> list[dict[str, Json]]:
    """What somebody should look at, the gravest first."""
    state = services.state
    return [
        *(_item("incident", one.cause, one.ref) for one in incidents_seen(services)),
        *(_item("manifest", str(problem), "") for problem in services.policy().problems),
        *_licenses(services),
        *_retention(services),
        *(
            _item("deletion", _progress(case), case.case)
            for case in cases(services)
            if case.phase() not in _ENDED
        ),
        *(
            _item("hold", f"hold in force for {one.matter}", one.hold)
            for one in open_holds(services)
        ),
        *_late(services),
        *_state(services),
        *(
            _item("stuck", f"{kind} at fact {position}: {cause}", subject)
            for subject, cause, kind, position in state.stuck()
        ),
    ]


def _late(services: Services) -> Iterator[dict[str, Json]]:
    now, name = services.clock(), services.settings.workspace.name
    for one in turns(services.state, services.identity, name, now):
        if one.late:
            last = "never ran" if one.last is None else f"last ran {format_millis(one.last)}"
            yield _item("schedule", f"{one.job} missed its turn: {last}", "")


def _state(services: Services) -> Iterator[dict[str, Json]]:
    standing = services.state.standing()
    if standing.diverged:
        yield _item("diverged", f"the state before this one was wrong: {standing.diverged}", "")
    if standing.erased_inside:
        yield _item("erasure", "the state is being made anew without what was erased", "")


def _licenses(services: Services) -> Iterator[dict[str, Json]]:
    passages = services.whole.state.passages()
    for node in services.state.list_nodes("Model", limit=_MODELS):
        ref = reference_text(node, node.key)
        try:
            judged = license_judgement(services, ref, passages=passages)
        except TraceholdError as error:
            yield _item("license", error.what, ref)
            continue
        if not judged.passes:
            why = str(judged.open[0]) if judged.open else judged.verdict
            yield _item("license", f"license {judged.verdict}: {why}", ref)


def _retention(services: Services) -> Iterator[dict[str, Json]]:
    for row in due_rows(services):
        outcome = row.decision.outcome
        if outcome in ("due", "conflict", "review"):
            reasons = row.decision.reasons
            yield _item(f"retention-{outcome}", reasons[0] if reasons else outcome, row.ref)


def _progress(case: Case) -> str:
    return f"deletion {case.phase()}" + (f": {case.blocked}" if case.blocked else "")


def _item(kind: str, text: str, ref: str) -> dict[str, Json]:
    return {"kind": kind, "text": text, "ref": ref}


HEALTH: Final = (Question("overview", "Counts, and what needs attention.", AskNothing, _overview),)
