"""``skew``: how the same datasets differ between environments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

import typer

from lineage.facts import Json
from tracehold.cli.here import ask
from tracehold.cli.options import AsOf, JsonOut, Where
from tracehold.cli.output import emit, note, say, table

__all__ = ["register"]

_Environment = Annotated[str, typer.Argument(help="Its label (dev, prod …), or a namespace.")]
_LABELS: Final = "give jobs or datasets the tag `environment`; see docs/how-to/environments.md"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("skew", short_help="How dev, test and prod differ.")(skew)


def skew(
    *,
    one: _Environment = "",
    other: _Environment = "",
    text: Annotated[str, typer.Option("--text", help="Part of the names compared.")] = "",
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="Look at this alone: presence, schema, order, statistics, version or code. "
            "Can be given several times.",
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", help="Part of a figure by which it may differ; 0.1: a tenth."),
    ] = 0.1,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 where something differs.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", help="Datasets of a page, at most 1000.")] = 100,
    after: Annotated[int, typer.Option("--after", help="`next` of the page before.")] = 0,
    as_of: AsOf = "",
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Schema, statistics and versions of the same datasets in two environments; or lists those."""
    answer = ask(
        workspace, "skew", one=one, other=other, text=text, only=",".join(only or ()),
        tolerance=tolerance, limit=limit, after=after, as_of=as_of,
    )  # fmt: skip

    def show() -> None:
        if not one and not other:
            rows = [[each["name"], each["datasets"]] for each in answer["environments"]]
            table(["environment", "datasets"], rows, empty=f"no environment is known: {_LABELS}")
            return
        rows = [row for item in answer["items"] for row in _rows(item)]
        table(["dataset", "what", "", one, other], rows, empty="nothing differs")
        say()
        say(f"{answer['differing']:,} of {answer['compared']:,} datasets differ")
        if answer["next"] is not None:
            note(f"more: --after {answer['next']}")

    emit(answer, as_json=json, text=show)
    if exit_code and answer["differing"]:
        raise typer.Exit(1)


def _rows(item: Mapping[str, Json]) -> Iterator[list[Json]]:
    for found in item["differences"]:
        what = f"{found['topic']} ?" if item["ambiguous"] else found["topic"]
        cells = ["-" if found[side] is None else found[side] for side in ("one", "other")]
        yield [item["name"], what, found["name"], *cells]
