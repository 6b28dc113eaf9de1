"""``dataset``, ``model``, ``job``, ``run``, ``trace``, ``diff``: what there is, where from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from lineage.errors import InvalidInput
from lineage.facts import Json
from tracehold.cli.governance import decide_alias
from tracehold.cli.here import ask, reading, settings_of
from tracehold.cli.on_record import put_on_record
from tracehold.cli.options import AsOf, JsonOut, KnownAt, Ref, Where
from tracehold.cli.output import emit, fields, note, say, table

__all__ = ["list_runs", "register", "show_run"]

_NOUNS = ("dataset", "model", "job")
_View = Annotated[
    Literal["structural", "content"],
    typer.Option("--view", help="How it is wired, or whose data can be inside."),
]
_Depth = Annotated[int | None, typer.Option("--depth", help="At most so many steps.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for noun in _NOUNS:
        group = typer.Typer(help=f"What is known of {noun}s.", no_args_is_help=True)
        group.command("list", help=f"List {noun}s.")(_lister(noun))
        group.command("show", help=f"One {noun} in full.")(_shower(noun))
        if noun == "dataset":
            group.command("alias")(decide_alias)
        app.add_typer(group, name=noun)
    app.command("trace", short_help="Where data comes from and goes to.")(trace)
    app.command("diff", short_help="What changed in lineage and terms.")(diff)


def _lister(noun: str) -> Callable[..., None]:
    def listing(
        text: Annotated[str, typer.Argument(help="Part of the name.")] = "",
        limit: Annotated[int, typer.Option(help="Rows of a page, at most 1000.")] = 100,
        after: Annotated[str, typer.Option(help="Key of the last row of the page before.")] = "",
        workspace: Where = None,
        json: JsonOut = False,
    ) -> None:
        answer = ask(workspace, f"{noun}s", text=text, limit=limit, after=after)

        def show() -> None:
            # The reference alone: it says all that the other columns would, and can be copied.
            for row in answer["items"]:
                say(row["ref"])
            if not answer["items"]:
                say(f"no {noun} of that name is known" if text else f"no {noun} is known")
            if answer["next"]:
                note(f"more: --after {answer['next']}")

        emit(answer, as_json=json, text=show)

    return listing


def _shower(noun: str) -> Callable[..., None]:
    def show(ref: Ref, as_of: AsOf = "", workspace: Where = None, json: JsonOut = False) -> None:
        answer = ask(workspace, noun, ref=ref, as_of=as_of)
        emit(answer, as_json=json, text=lambda: _draw(answer))

    return show


def _draw(answer: Mapping[str, Json]) -> None:
    hidden = {"aspects", "columns", "versions", "runs", "key", "facets", "nesting"}
    fields({name: value for name, value in answer.items() if name not in hidden})
    for name, values in answer.get("aspects", {}).items():
        for value in values:
            slot = f" [{value['slot']}]" if value["slot"] else ""
            fields({f"{name}{slot}": value["value"]})
    nesting = answer.get("nesting", {})
    outermost = nesting.get("outermost")
    fields(
        {
            "around": nesting.get("around"),
            "outermost": None if outermost == answer["ref"] else outermost,
        }
    )
    if answer.get("columns"):
        say()
        rows = [[c.get("field"), c.get("type"), c.get("description")] for c in answer["columns"]]
        table(["column", "type", "description"], rows)
    if answer.get("versions"):
        say()
        rows = [[v["version"], v["first"], v["run"]] for v in answer["versions"]]
        table(["version", "since", "run"], rows)
    if nesting.get("within"):
        say()
        rows = [[one if isinstance(one, str) else one["ref"]] for one in nesting["within"]]
        table(["within"], rows)
    if answer.get("runs"):
        say()
        _draw_runs(answer["runs"])


def _draw_runs(runs: Sequence[Mapping[str, Json]]) -> None:
    rows = [[run["ref"], run["state"], run["started"], run["ended"]] for run in runs]
    table(["run", "state", "started", "ended"], rows, empty="no run is known")


def list_runs(
    words: Sequence[str], *, limit: int, after: str, workspace: Path | None, json: bool
) -> None:
    """``run list [JOB]``."""
    job = words[0] if words else ""
    answer = ask(workspace, "runs", job=job, limit=limit, after=after)

    def text() -> None:
        _draw_runs(answer["items"])
        if answer["next"]:
            note(f"more: --after {answer['next']}")

    emit(answer, as_json=json, text=text)


def show_run(words: Sequence[str], *, workspace: Path | None, json: bool) -> None:
    """``run show RUN``."""
    if len(words) != 1:
        raise InvalidInput("one run was expected", advice="tracehold run show run:[NS]JOB/RUNID")
    answer = ask(workspace, "run", ref=words[0])
    emit(answer, as_json=json, text=lambda: _draw(answer))


def trace(
    *,
    ref: Ref,
    up: Annotated[bool, typer.Option("--up", help="To the sources (the default).")] = False,
    down: Annotated[bool, typer.Option("--down", help="To what is made from it.")] = False,
    to: Annotated[
        str, typer.Option("--to", help="Only what lies on a way to this; exit 1 without one.")
    ] = "",
    columns: Annotated[bool, typer.Option("--columns", help="Along columns.")] = False,
    view: _View = "structural",
    rollup: Annotated[
        bool, typer.Option("--rollup", help="Nested jobs as the outermost one around them.")
    ] = False,
    as_of: AsOf = "",
    known_at: KnownAt = "",
    depth: _Depth = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Nodes of a page.")] = None,
    after: Annotated[str, typer.Option("--after", help="Cursor of the page before.")] = "",
    format_: Annotated[
        Literal["text", "json", "mermaid", "html"],
        typer.Option("--format", help="How to print it."),
    ] = "text",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Where data comes from (--up), or what is made from it (--down)."""
    if up and down:
        raise InvalidInput("a trace goes up or down", advice="give one of --up and --down")
    from lineage.trace.render import as_json, mermaid
    from lineage.trace.render import text as tree
    from tracehold.questions.lineage import AskTrace, walk

    asked = AskTrace(
        ref=ref,
        direction="down" if down else "up" if up else "",
        to=to,
        columns=columns,
        view=view,
        rollup=rollup,
        as_of=as_of,
        known_at=known_at,
        depth=depth,
        limit=limit,
        after=after,
    )
    settings = settings_of(workspace)
    with reading(settings) as services:
        found = walk(services, asked)
    put_on_record(settings, "trace", {"ref": ref}, as_json(found))
    if json or format_ == "json":
        emit(as_json(found), as_json=True, text=say)
    elif format_ == "html":
        from tracehold.ui.standalone import page

        typer.echo(page(found), nl=False)
    else:
        drawn = mermaid(found) if format_ == "mermaid" else tree(found)
        # The renderers have cleaned every name; line ends are theirs.
        typer.echo(drawn, nl=False)
        if found.next:
            note(f"more: --after {found.next}")
    if found.to is not None and not found.nodes:
        raise typer.Exit(1)


def diff(
    *,
    ref: Ref,
    other: Annotated[str, typer.Argument(help="Another version of the same model.")] = "",
    start: Annotated[
        str, typer.Option("--from", help="The earlier moment; seven days before the later one.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="The later moment; now.")] = "",
    known_at: KnownAt = "",
    view: _View = "structural",
    depth: _Depth = None,
    format_: Annotated[
        Literal["text", "json", "markdown"], typer.Option("--format", help="How to print it.")
    ] = "text",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 where something differs.")
    ] = False,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--breaking",
            help="Exit with 1 on a drop, rename or retype of a column, a lost source, on any of "
            "these, or on those declared in a manifest. Can be given several times.",
        ),
    ] = None,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """What came in, went out or changed: sources, edges, jobs, columns, terms, quality."""
    from lineage.trace.breaking import KINDS
    from lineage.trace.diff_render import as_json, markdown
    from lineage.trace.diff_render import text as lines
    from tracehold.questions.breaking import breaking
    from tracehold.questions.lineage import AskDiff, differ

    wanted = fail_on or []
    strange = sorted({*wanted} - {"any", "declared", *KINDS})
    if strange:
        raise InvalidInput(
            f"there is no kind of breaking change {strange[0]!r}",
            where="--breaking",
            advice=f"give one of: any, declared, {', '.join(KINDS)}",
        )
    asked = AskDiff(
        ref=ref, other=other, from_=start, to=end, known_at=known_at, view=view, depth=depth
    )
    settings = settings_of(workspace)
    with reading(settings) as services:
        found = differ(services, asked)
        broken = breaking(services, found)
    put_on_record(settings, "diff", {"ref": ref}, as_json(found, broken))
    if json or format_ == "json":
        emit(as_json(found, broken), as_json=True, text=say)
    else:
        draw = markdown if format_ == "markdown" else lines
        typer.echo(draw(found, broken), nl=False)
    fatal = [
        one
        for one in broken
        if "any" in wanted or one.kind in wanted or ("declared" in wanted and one.declared)
    ]
    if fatal or (exit_code and found.changes):
        raise typer.Exit(1)
