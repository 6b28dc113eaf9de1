"""``impact`` and ``changes``: what would be hit, who did what; and the pinned inputs of a run."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.trace.names import clean
from lineage.trace.tree import short
from tracehold.cli.here import ask
from tracehold.cli.options import AsOf, JsonOut, KnownAt, Ref, Where
from tracehold.cli.output import emit, note, say, table

__all__ = ["register", "show_inputs"]

_COLUMNS: Final = (
    "ref", "kind", "depth", "owner", "license", "purposes", "retention", "pii", "jobs",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("impact", short_help="Everything that would be hit by a change.")(impact)
    app.command("changes", short_help="Who changed what about a thing.")(changes)


def impact(
    *,
    ref: Ref,
    to: Annotated[
        str, typer.Option("--to", help="Only what lies on a way to this; exit 1 without one.")
    ] = "",
    columns: Annotated[bool, typer.Option("--columns", help="Along columns.")] = False,
    view: Annotated[
        Literal["structural", "content"],
        typer.Option("--view", help="How it is wired, or whose data can be inside."),
    ] = "structural",
    as_of: AsOf = "",
    known_at: KnownAt = "",
    depth: Annotated[int | None, typer.Option("--depth", help="At most so many steps.")] = None,
    format_: Annotated[
        Literal["text", "csv", "json"], typer.Option("--format", help="How to print it.")
    ] = "text",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Everything made from it, with owners, terms and models: who must know before it changes."""
    answer = ask(
        workspace, "impact", ref=ref, to=to, columns=columns, view=view, as_of=as_of,
        known_at=known_at, depth=depth,
    )  # fmt: skip

    def text() -> None:
        shown = ("ref", "owner", "license", "retention", "pii")
        rows = [[one.get(name) for name in shown] for one in answer["items"]]
        nothing = "no way leads there" if to else "nothing is made from it"
        table(["what is hit", *shown[1:]], rows, empty=nothing)
        owners = ", ".join(f"{one['owner'] or 'nobody'} {one['count']}" for one in answer["owners"])
        if rows:
            say()
            models = f"{answer['models']:,} model{'' if answer['models'] == 1 else 's'}"
            say(f"{answer['count']:,} in all, {models} · owners: {owners}")
        _reasons(answer["reasons"])

    if format_ == "csv" and not json:
        typer.echo(as_csv(answer["items"]), nl=False)
        _reasons(answer["reasons"])
    else:
        emit(answer, as_json=json or format_ == "json", text=text)
    if answer["to"] and not answer["items"]:
        raise typer.Exit(1)


def _reasons(reasons: Sequence[Mapping[str, Json]]) -> None:
    for reason in reasons:
        note(f"{'!' if reason['missing'] else 'i'} {reason['text']}")


def as_csv(items: Sequence[Mapping[str, Json]]) -> str:
    """Rows for a spreadsheet (RFC 4180): no cell is read as a formula, nothing moves the cursor."""
    told = io.StringIO()
    writer = csv.writer(told)
    writer.writerow(_COLUMNS)
    for item in items:
        writer.writerow(_cell(item.get(name)) for name in _COLUMNS)
    return told.getvalue()


def _cell(value: Json) -> str:
    text = clean("; ".join(map(str, value)) if isinstance(value, list) else short(value))
    return f"'{text}" if text.startswith(_FORMULA) else text


def changes(
    *,
    ref: Ref,
    since: Annotated[str, typer.Option(help="From this moment on (ISO 8601).")] = "",
    until: Annotated[str, typer.Option(help="Before this moment.")] = "",
    limit: Annotated[int, typer.Option(help="Rows of a page, at most 1000.")] = 100,
    after: Annotated[str, typer.Option(help="`next` of the page before.")] = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Who changed what: schema, terms, owners, decisions, and the runs that wrote it."""
    answer = ask(workspace, "changes", ref=ref, since=since, until=until, limit=limit, after=after)

    def text() -> None:
        rows = [
            [
                one["at"],
                one["who"],
                " ".join(filter(None, (one["what"], one["aspect"], one["slot"]))),
                short(one["before"]),
                one["run"] or short(one["after"]),
                one["fact"],
            ]
            for one in answer["items"]
        ]
        table(["at", "who", "what", "before", "after", "fact"], rows, empty="nothing was changed")
        if answer["next"]:
            note(f"more: --after '{answer['next']}'")

    emit(answer, as_json=json, text=text)


def show_inputs(words: Sequence[str], *, workspace: Path | None, json: bool) -> None:
    """``run inputs RUN``."""
    if len(words) != 1:
        raise InvalidInput("one run was expected", advice="tracehold run inputs run:[NS]JOB/RUNID")
    answer = ask(workspace, "inputs", ref=words[0])

    def text() -> None:
        rows = []
        for one in answer["items"]:
            rows.append([one[name] for name in ("ref", "version", "how", "made_by")])
            rows += [
                [f"  {part['partition']}", part["version"], "", part["made_by"]]
                for part in one["partitions"]
            ]
        table(["input", "version", "how", "made by"], rows, empty="the run read nothing")

    emit(answer, as_json=json, text=text)
