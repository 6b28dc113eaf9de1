"""``search``: find a table by what is remembered of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from tracehold.cli.here import reading, settings_of
from tracehold.cli.on_record import put_on_record
from tracehold.cli.options import JsonOut, Where
from tracehold.cli.output import emit, note, progress, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("search", short_help="Find things by what is remembered of them.")(search)


def search(
    *,
    words: Annotated[list[str], typer.Argument(help="Words, or parts of them; typos allowed.")],
    kind: Annotated[
        Literal["", "dataset", "column", "job", "model"],
        typer.Option("--kind", help="Only things of this kind."),
    ] = "",
    namespace: Annotated[
        str, typer.Option("--namespace", help="Only things of this namespace.")
    ] = "",
    limit: Annotated[int, typer.Option(help="Things at most; 100 is the most.")] = 20,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Find things by name, column, description, tag or owner."""
    from tracehold.questions import answer

    asked = {"text": " ".join(words), "kind": kind, "namespace": namespace, "limit": limit}
    settings = settings_of(workspace)
    with reading(settings) as services:
        with progress("making the search index") as tell:
            services.search.bring_up(tell)
        found = answer(services, "find", asked)
    put_on_record(settings, "find", asked, found)
    emit(found, as_json=json, text=lambda: _draw(found))


def _draw(found: Any) -> None:
    for item in found["items"]:
        columns = item.get("columns", ())
        fields = f"  {', '.join(column['field'] for column in columns)}" if columns else ""
        say(item["ref"] + fields)
    if not found["items"]:
        say("nothing like it is known")
    if found["left_out"]:
        note(f"nothing has: {', '.join(found['left_out'])}")
    if found["more"]:
        note("there is more: say more words, or --limit")
