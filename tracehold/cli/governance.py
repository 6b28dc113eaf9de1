"""``pii``, ``license``, ``waiver`` and ``hold``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from lineage.facts import Json
from tracehold.cli.here import act, ask, settings_of
from tracehold.cli.options import As, AsOf, JsonOut, KnownAt, Ref, Where
from tracehold.cli.output import emit, fields, progress, say, table

__all__ = ["decide_alias", "hold", "license_", "pii", "waiver"]

pii = typer.Typer(help="Personal data: look for it, see where it went.", no_args_is_help=True)
license_ = typer.Typer(help="Whether licenses allow a use.", no_args_is_help=True)
waiver = typer.Typer(help="Causes that an approver accepts, for a time.", no_args_is_help=True)
hold = typer.Typer(help="Duties to keep; a hold wins over every deletion.", no_args_is_help=True)

_Reason = Annotated[str, typer.Option("--reason", help="Why, in words.")]


@pii.command("scan")
def pii_scan(
    *,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A CSV or Parquet file.")],
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Look for personal data in a file. Types, places and counts; never a value."""
    from lineage.errors import NotFound
    from lineage.journal.keys import load_keys
    from privacy.scan import scan_path

    try:
        secret = load_keys(settings_of(workspace).storage.keys).secret
    except NotFound:
        if workspace is not None:
            raise
        # Outside a workspace nothing depends on which rows are drawn, only on how.
        secret = b"tracehold/pii-scan/no-workspace".ljust(32, b"\0")
    with progress(f"scanning {path.name}"):
        found = scan_path(path, secret=secret)
    answer = found.as_dict()

    def text() -> None:
        rows = [
            [f.column, f.entity, f.tier, f"{f.prevalence:.1%}", f"{f.rows_seen:,}/{f.rows_total:,}",
             f.method, f"{f.score:.2f}"]
            for f in found.findings
        ]  # fmt: skip
        table(["column", "type", "tier", "prevalence", "rows seen", "method", "score"], rows)

    emit(answer, as_json=json, text=text)


def _say_coverage(answer: Mapping[str, Json]) -> None:
    """What the answer can rest on: how much of the estate has lineage, owner and class."""
    if "coverage" in answer:
        from lineage.trace.model import Coverage
        from lineage.trace.tree import coverage_text

        say(coverage_text(Coverage(**answer["coverage"])))


@pii.command("exposure")
def pii_exposure(
    *,
    model: Annotated[str, typer.Argument(help="A model; nothing for everything.")] = "",
    as_of: AsOf = "",
    known_at: KnownAt = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Which columns and models hold personal data, how sure, and how it got there."""
    answer = ask(workspace, "pii.exposure", model=model, as_of=as_of, known_at=known_at)

    def text() -> None:
        rows = [
            [row["ref"], row["entity"], row["tier"], row["how"], " > ".join(row["path"][:-1])]
            for row in answer["rows"]
        ]
        table(["column", "type", "tier", "how", "from"], rows, empty="no personal data is known")
        if answer["stopped"]:
            say()
            rows = [[one["ref"], one["entity"], one["operator"]] for one in answer["stopped"]]
            table(["stopped at", "type", "by"], rows)
        if answer["models"]:
            say()
            rows = [[one["ref"], one["entities"], one["via"]] for one in answer["models"]]
            table(["model", "types", "by way of"], rows)
        if not answer["complete"]:
            say(f"incomplete: {', '.join(answer['reasons'])}")
        _say_coverage(answer)

    emit(answer, as_json=json, text=text)


@license_.command("check")
def license_check(
    *,
    ref: Ref,
    use: Annotated[str, typer.Option(help="The use; without it, as the manifest says.")] = "",
    as_of: AsOf = "",
    known_at: KnownAt = "",
    record: Annotated[bool, typer.Option("--record", help="Keep the verdict as a fact.")] = False,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Whether a model may be used so, by the licenses of all its content. Exits 1 if not."""
    if record:
        answer = act(workspace, person, "license.record", {"ref": ref, "use": use})
    else:
        answer = ask(workspace, "license.verdict", ref=ref, use=use, as_of=as_of, known_at=known_at)

    def text() -> None:
        say(f"{answer['verdict']}: {answer['subject']} for {answer['use']}")
        for reason in answer["reasons"]:
            waived = f" (waived by {reason['waiver']})" if reason["waiver"] else ""
            say(f"- {reason['weight']}: {reason['what']} [{reason['ref']}]{waived}")
            for step, passed in enumerate(reason["path"]):
                say(f"    {'  ' * step}{'-> ' if step else ''}{passed}")
        for obligation in answer["obligations"]:
            say(f"- obligation: {obligation}")
        if answer["waivers"]:
            say(f"waivers: {', '.join(answer['waivers'])}")
        _say_coverage(answer)

    emit(answer, as_json=json, text=text)
    if answer["verdict"] != "allowed":
        raise typer.Exit(1)


@waiver.command("grant")
def waiver_grant(
    *,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            help="NAME@VERSION of a model, or dataset:[NAMESPACE]NAME; need not be made yet.",
        ),
    ],
    reason: _Reason,
    expires: Annotated[str, typer.Option(help="Until when (ISO 8601).")],
    scope: Annotated[
        str,
        typer.Option(
            help="license, purpose, pii, quality, retention or schema; or one cause of it:"
            " license/non-commercial."
        ),
    ] = "license",
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Accept causes against a version of a model, or a dataset, until a date (role approver)."""
    body = {**_waived(subject), "scope": scope, "reason": reason, "expires": expires}
    answer = act(workspace, person, "waiver.grant", body)
    emit(answer, as_json=json, text=lambda: fields(answer))


@waiver.command("end")
def waiver_end(
    *,
    subject: Annotated[
        str, typer.Argument(metavar="REF", help="NAME@VERSION, or dataset:[NAMESPACE]NAME.")
    ],
    id_: Annotated[str, typer.Argument(metavar="WAIVER", help="Id of the waiver.")],
    reason: _Reason,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Take a waiver back."""
    body = {**_waived(subject), "waiver": id_, "reason": reason}
    answer = act(workspace, person, "waiver.end", body)
    emit(answer, as_json=json, text=lambda: fields(answer))


def _waived(text: str) -> dict[str, str]:
    return {"dataset" if text.startswith("dataset:") else "model": text}


def decide_alias(
    *,
    dataset: Ref,
    alias: Annotated[str, typer.Argument(metavar="OTHER", help="The other name.")],
    accept: Annotated[
        bool, typer.Option("--accept/--reject", help="One thing, or never the same thing.")
    ],
    reason: _Reason,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Decide whether two names are names of one thing; producers are overruled."""
    body = {"dataset": dataset, "alias": alias, "accepted": accept, "reason": reason}
    answer = act(workspace, person, "alias.decide", body)
    emit(answer, as_json=json, text=lambda: fields(answer))


@hold.command("place")
def hold_place(
    *,
    scope: Annotated[list[str], typer.Argument(metavar="REF...", help="Datasets and models.")],
    matter: Annotated[str, typer.Option(help="The matter, for example a file number.")],
    reason: _Reason,
    id_: Annotated[str, typer.Option("--id", help="Id of the hold; without it, a new one.")] = "",
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Hold datasets and models, and what was made from them (role privacy-officer or admin)."""
    body = {"scope": scope, "matter": matter, "reason": reason, "hold": id_}
    answer = act(workspace, person, "hold.place", body)
    emit(answer, as_json=json, text=lambda: fields(answer))


@hold.command("release")
def hold_release(
    *,
    id_: Annotated[str, typer.Argument(metavar="HOLD", help="Id of the hold.")],
    reason: _Reason,
    person: As = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Agree to release a hold; the second of two people releases it."""
    answer = act(workspace, person, "hold.release", {"hold": id_, "reason": reason})

    def text() -> None:
        state = "released" if answer["released"] else "one more person must agree"
        say(f"{answer['hold']}: {state}")

    emit(answer, as_json=json, text=text)


@hold.command("list")
def hold_list(workspace: Where = None, json: JsonOut = False) -> None:
    """List holds, released ones too."""
    answer = ask(workspace, "holds")

    def text() -> None:
        rows = [
            [
                one["hold"],
                one["matter"],
                one["scope"],
                "released" if one["released"] else "in force",
            ]
            for one in answer["items"]
        ]
        table(["hold", "matter", "scope", "state"], rows, empty="there is no hold")

    emit(answer, as_json=json, text=text)
