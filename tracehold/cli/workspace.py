"""``init``, ``check``, ``doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracehold.cli.here import ask, settings_of
from tracehold.cli.options import JsonOut, Where
from tracehold.cli.output import emit, fields, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init", short_help="Make a workspace.")(init)
    app.command("check", short_help="Validate manifests, judge declared models.")(check)
    app.command("doctor", short_help="Look at installation and workspace.")(doctor)


def init(
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Made where it is missing.")
    ] = Path(),
    name: Annotated[str, typer.Option(help="Name of the workspace; without it, of DIR.")] = "",
    person: Annotated[str, typer.Option(help="Name of the first person.")] = "admin",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Make a workspace: settings, sample manifests, keys, the first person."""
    from tracehold.workspace import init as make

    made = make(workspace or folder, name=name, person=person)
    answer = {
        "workspace": str(made.folder),
        "verifier_key": made.verifier_key,
        "person": made.person,
        "token_file": str(made.token_file),
        "files": list(made.files),
    }

    def text() -> None:
        say(f"Made a workspace in {made.folder}")
        fields({k: v for k, v in answer.items() if k not in ("workspace", "files")})
        say()
        say("Give the verifier key to your auditors. Next: tracehold check, run, up")

    emit(answer, as_json=json, text=text)


def check(
    *,
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A folder of the workspace.")
    ] = None,
    recorded: Annotated[
        bool,
        typer.Option("--decisions", help="Look at the decisions on record again instead."),
    ] = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Validate the manifests, and judge every model by what they declare; needs no server.

    With --decisions: make every decision on record again, as of its moment and with what is known
    today. Exits 1 if one is stale.
    """
    if recorded:
        _check_decisions(workspace or path, as_json=json)
        return
    from tracehold.checking import check as look

    report = look(settings_of(workspace or path))

    def text() -> None:
        for problem in report.problems:
            say(str(problem))
        for violation in report.violations:
            say(violation.line())
        for line in report.warnings:
            say(f"note: {line}")
        if not report.problems and not report.violations:
            say(f"{report.manifests} manifests are well-formed, no policy is violated")

    emit(report.as_dict(), as_json=json, text=text)
    if report.problems:
        raise typer.Exit(2)
    if report.violations:
        raise typer.Exit(1)


def _check_decisions(workspace: Path | None, *, as_json: bool) -> None:
    answer = ask(workspace, "decisions", check=True)

    def text() -> None:
        for one in answer["items"]:
            say(f"{one['state']}: {one['question']} of {one['ref']}: {one['outcome']}")
            say(f"  as of {one['as_of']}, known at fact {one['known_at']}, fact {one['fact']}")
            for line in one["why"]:
                say(f"  - {line}")
        stale, count = answer["stale"], len(answer["items"])
        left = answer["count"] - count
        more = f"; {left:,} more were not looked at" if left else ""
        say(f"{stale:,} of {count:,} decisions are stale{more}")

    emit(answer, as_json=as_json, text=text)
    if answer["stale"]:
        raise typer.Exit(1)


def doctor(workspace: Where = None, json: JsonOut = False) -> None:
    """Look at the installation and, where there is one, at the workspace."""
    from lineage.errors import NotFound
    from tracehold.doctor import examine

    try:
        settings = settings_of(workspace)
    except NotFound:
        if workspace is not None:
            raise
        settings = None
    checks = examine(settings)

    def text() -> None:
        for one in checks:
            say(f"{'ok  ' if one.ok else 'FAIL'}  {one.name}: {one.text}")
            if not one.ok and one.advice:
                say(f"      do: {one.advice}")

    answer = {"ok": all(one.ok for one in checks), "checks": [one.as_dict() for one in checks]}
    emit(answer, as_json=json, text=text)
    if not answer["ok"]:
        raise typer.Exit(3)
