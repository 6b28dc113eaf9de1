"""``python -m orchestration.run``: materialize governed assets, then say how it went.

Exit codes are those of the command line: 0 done, 1 a check or a gate said no, 2 invalid input,
3 the server or a file cannot be reached, 70 a fault.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.errors import InvalidInput, TraceholdError

if TYPE_CHECKING:
    import dagster as dg

    from orchestration.estate import Estate

__all__ = ["Outcome", "main", "run"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went.

    Attributes:
        run_id: Dagster's.
        made: Assets materialized.
        blocked: Blocking checks that failed, as ``asset:check``.
        failed: Steps that failed for another reason, with the reason.
        skipped: Assets that were not tried because of one before them.
        exit_code: Of the command line.
    """

    run_id: str
    made: tuple[str, ...]
    blocked: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    skipped: tuple[str, ...]
    exit_code: int

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "run_id": self.run_id,
            "made": list(self.made),
            "blocked": list(self.blocked),
            "failed": [{"step": step, "reason": reason} for step, reason in self.failed],
            "skipped": list(self.skipped),
            "exit_code": self.exit_code,
        }


def run(workspace: Path, names: Sequence[str] = (), *, concurrent: int = 2) -> Outcome:
    """Materialize the named assets, or all of them, each step in a process of its own.

    Args:
        workspace: A folder of the workspace.
        names: Datasets, and models as ``NAME@VERSION``; empty for all. What they are made from is
            not made again: it is read at the version that was materialized last.
        concurrent: How many steps at once.

    Raises:
        InvalidInput: A name is unknown, or a manifest is wrong.
        Unavailable: The server does not answer.
    """
    import dagster as dg

    from orchestration.definitions import asset_job, build, processes
    from orchestration.estate import load_estate
    from orchestration.instance import dagster_home, opened
    from orchestration.server_client import connect
    from orchestration.telling import reading_of, tell_everything, telling

    connect(os.environ).require()
    os.environ["TRACEHOLD_WORKSPACE"] = str(workspace)
    estate = load_estate(workspace)
    selection = _selection(names, estate)
    configuration = processes(concurrent)
    if selection is not None and len(selection) == 1:
        # This process is the step's own; a second one would only load everything again.
        configuration["execution"] = {"config": {"in_process": {}}}
    wanted = selection or [dg.AssetKey(asset) for asset in estate.assets.values()]
    planned = [key.to_user_string() for key in wanted]
    with opened(estate.data_folder) as instance:
        reading = reading_of(build(workspace), estate.place.name)
        told = (instance, dagster_home(estate.data_folder), reading)
        # What a run that was killed left untold comes first: gates rest on it.
        tell_everything(*told)
        outcome: Outcome | None = None
        try:
            with (
                telling(*told),
                dg.execute_job(
                    asset_job(),
                    instance=instance,
                    run_config=configuration,
                    asset_selection=selection,
                ) as result,
            ):
                outcome = _outcome(result.run_id, planned, result.all_events)
        except TraceholdError as error:
            if outcome is None:
                raise
            return _untold(outcome, error)
        return outcome


def _selection(names: Sequence[str], estate: Estate) -> list[dg.AssetKey] | None:
    import dagster as dg

    if not names:
        return None
    unknown = [name for name in names if name not in estate.assets]
    if unknown:
        raise InvalidInput(
            f"{unknown[0]!r} is no governed asset of this workspace",
            where=str(estate.place.root),
            advice=f"known: {', '.join(sorted(estate.assets))}",
        )
    return [dg.AssetKey(estate.assets[name]) for name in names]


def _outcome(run_id: str, planned: Sequence[str], events: Sequence[dg.DagsterEvent]) -> Outcome:
    import dagster as dg

    made, blocked = [], []
    failed: list[tuple[str, str]] = []
    codes: list[int] = []
    for event in events:
        kind = event.event_type
        if kind is dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key is not None:
            made.append(event.asset_key.to_user_string())
        elif kind is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if check.blocking and not check.passed and check.severity.value == "ERROR":
                blocked.append(f"{check.asset_key.to_user_string()}:{check.check_name}")
                codes.append(1)
        elif kind is dg.DagsterEventType.STEP_FAILURE:
            data: Any = event.event_specific_data
            user = data.user_failure_data
            if user is not None:
                failed.append((str(event.step_key), user.description or ""))
                codes.append(_code(data.error, user.metadata))
            elif data.error is None or data.error.cls_name != "DagsterAssetCheckFailedError":
                failed.append((str(event.step_key), "the step's process ended unexpectedly"))
                codes.append(70)
        elif kind is dg.DagsterEventType.RUN_FAILURE and not codes:
            codes.append(70)
    tried = {*made, *(step for step, _ in failed)}
    skipped = tuple(name for name in planned if name not in tried)
    return Outcome(run_id, tuple(made), tuple(blocked), tuple(failed), skipped, _worst(codes))


def _code(error: Any, metadata: Mapping[str, dg.MetadataValue[Any]]) -> int:
    """What the command line answers to a step that failed."""
    from orchestration.guarding import EXIT_CODE
    from tracehold_dagster.errors import Misconfigured
    from tracehold_dagster.gates.asking import ERROR, GateClosed

    if EXIT_CODE in metadata:
        return int(str(metadata[EXIT_CODE].value))
    if error is not None and error.cls_name == GateClosed.__name__:
        return 1
    said = metadata.get(ERROR)
    return 70 if said is None else 2 if said.value == Misconfigured.__name__ else 3


def _worst(codes: Collection[int]) -> int:
    """A fault comes first, then what cannot be reached, then wrong input, then a no."""
    return next((code for code in (70, 4, 3, 2, 1) if code in codes), 0)


def _untold(outcome: Outcome, error: TraceholdError) -> Outcome:
    """The same run, whose lineage did not reach the server to the end."""
    reason = f"{error}; nothing is lost, the next run tells it"
    print(f"  failed   lineage: {reason}", file=sys.stderr)  # noqa: T201 - the face of a command
    return replace(
        outcome,
        failed=(*outcome.failed, ("lineage", reason)),
        exit_code=_worst([outcome.exit_code, error.exit_code]),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m orchestration.run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="dataset, or model NAME@VERSION")
    parser.add_argument("--select", action="append", default=[], metavar="NAME")
    parser.add_argument("--workspace", type=Path, default=None)
    parser.add_argument("--concurrent", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    workspace = given.workspace or Path(os.environ.get("TRACEHOLD_WORKSPACE") or Path.cwd())
    try:
        outcome = run(workspace, [*given.names, *given.select], concurrent=given.concurrent)
    except TraceholdError as error:
        lines = json.dumps(error.as_dict()) if given.json else _three_lines(error)
        print(lines, file=sys.stderr)  # noqa: T201 - the face of a command
        return error.exit_code
    print(json.dumps(outcome.as_dict()) if given.json else _one_line(outcome))  # noqa: T201
    return outcome.exit_code


def _one_line(outcome: Outcome) -> str:
    counts = {
        "made": outcome.made,
        "blocked": outcome.blocked,
        "failed": outcome.failed,
        "skipped": outcome.skipped,
    }
    said = [f"{len(members)} {word}" for word, members in counts.items() if members]
    return ", ".join(said) or "nothing to make"


def _three_lines(error: TraceholdError) -> str:
    lines = [error.what, error.where and f"where: {error.where}"]
    lines.append(error.advice and f"do: {error.advice}")
    return "\n".join(line for line in lines if line)


if __name__ == "__main__":
    raise SystemExit(main())
