"""``import``: history from other catalogs and tools."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lineage.errors import InvalidInput
from tracehold.cli.here import settings_of, token_of
from tracehold.cli.options import As, DryRun, JsonOut, Where
from tracehold.cli.output import emit, fields, note, progress, say, table

if TYPE_CHECKING:
    from tracehold.imports.events import Item
    from tracehold.imports.report import Report

__all__ = ["imports"]

imports = typer.Typer(
    help="Bring in what other catalogs and tools know; the same import again changes nothing.",
    no_args_is_help=True,
)

Events = Callable[["Report"], Iterable["Item"]]
Paths = Annotated[
    list[Path], typer.Argument(metavar="PATH...", help="Files or folders; .gz is unpacked.")
]
JobNamespace = Annotated[str, typer.Option("--job-namespace", help="Namespace of the jobs.")]
At = Annotated[
    str,
    typer.Option(
        "--at", help="Since when what has no time holds (ISO 8601); else it orders first."
    ),
]
_LARGE: Final = 4 << 20
"""Bytes of files for which it pays to start a process that folds meanwhile."""


@imports.command("openlineage")
def openlineage(
    *,
    paths: Paths,
    as_: As = "",
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """OpenLineage events: JSON lines, JSON lists, single events, in files or folders."""
    from tracehold.imports.archive import read

    _import(
        "openlineage", lambda _: read(paths), workspace, as_, dry_run=dry_run, json=json,
        paths=paths,
    )  # fmt: skip


@imports.command("marquez")
def marquez(
    *,
    url: Annotated[str, typer.Argument(metavar="URL", help="Its address: http://HOST:5000.")],
    as_: As = "",
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """A Marquez server: all its events, then what only it knows. Token: MARQUEZ_API_KEY."""
    from tracehold.imports.marquez import read
    from tracehold.imports.web import Web

    web = Web(url, token=os.environ.get("MARQUEZ_API_KEY", ""))
    _import("marquez", lambda report: read(web, report), workspace, as_, dry_run=dry_run, json=json)


@imports.command("datahub")
def datahub(
    *,
    paths: Paths,
    platform: Annotated[
        list[str] | None,
        typer.Option(
            "--platform",
            metavar="NAME=NAMESPACE",
            help="Where a platform of DataHub is: postgres=postgres://HOST:PORT. More than once.",
        ),
    ] = None,
    job_namespace: Annotated[
        str,
        typer.Option("--job-namespace", help="Namespace of the jobs; else their orchestrator."),
    ] = "",
    as_: As = "",
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """What DataHub's sink of type file wrote (MCP and MCE)."""
    from tracehold.imports.datahub import read

    places = dict(_pair(one, "a platform", "--platform") for one in platform or ())

    def events(report: Report) -> Iterable[Item]:
        return read(paths, platforms=places, job_namespace=job_namespace, report=report)

    _import("datahub", events, workspace, as_, dry_run=dry_run, json=json, paths=paths)


@imports.command("dbt")
def dbt(
    *,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="The target folder, or manifest.json with catalog.json and run_results.json.",
        ),
    ],
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace", help="Where the tables are: postgres://HOST:PORT, snowflake://ACCOUNT …"
        ),
    ] = "",
    job_namespace: JobNamespace = "dbt",
    as_: As = "",
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """A dbt project: models, sources, seeds, snapshots, exposures; runs and tests too."""
    from tracehold.imports.dbt import load, read

    def events(report: Report) -> Iterable[Item]:
        return read(load(paths), namespace=namespace, job_namespace=job_namespace, report=report)

    _import("dbt", events, workspace, as_, dry_run=dry_run, json=json, paths=paths)


@imports.command("dagster")
def dagster(
    *,
    graphql: Annotated[
        str,
        typer.Option("--graphql", metavar="URL", help="Dagster's web server: http://HOST:3000."),
    ],
    location: Annotated[str, typer.Option("--location", help="Only this code location.")] = "",
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace",
            help="Of jobs and assets; else the code location's name, the environment behind it.",
        ),
    ] = "",
    environment: Annotated[
        str, typer.Option("--environment", help="Label of all that is read: dev, test, prod …")
    ] = "",
    store: Annotated[
        list[str] | None,
        typer.Option(
            "--store",
            metavar="KIND=NAMESPACE",
            help="Where tables of a kind are: snowflake=snowflake://ORG-ACCOUNT. More than once.",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read all of it, not what is new since the last time.")
    ] = False,
    as_: As = "",
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Dagster, over GraphQL: all runs it keeps; from then on what is new.

    Token: DAGSTER_CLOUD_API_TOKEN for Dagster+, DAGSTER_TOKEN for a proxy that wants a bearer.
    """
    from tracehold.imports.dagster import Bookmark, Choice, Place, read
    from tracehold.imports.dagster_graphql import connect

    stores = dict(_pair(one, "a store", "--store") for one in store or ())
    choice = Choice(location, namespace, environment, stores)
    folder = settings_of(workspace).storage.data / "imports"
    bookmark = Bookmark(folder / f"dagster-{choice.digest(graphql)}.json")
    place = Place() if again or dry_run else bookmark.place()

    def events(report: Report) -> Iterable[Item]:
        deployment = connect(graphql, os.environ)
        return read(deployment, choice, report, place=place, reached=bookmark.reached)

    _import(
        "dagster", events, workspace, as_, dry_run=dry_run, json=json,
        handed_in=None if dry_run else bookmark.handed_in,
    )  # fmt: skip


@imports.command("mlflow")
def mlflow(
    *,
    source: Annotated[
        str, typer.Argument(metavar="FOLDER|URL", help="The folder mlruns, or the server.")
    ],
    namespace: Annotated[
        str, typer.Option("--namespace", help="Of jobs, and of datasets without an address.")
    ] = "mlflow",
    as_: As = "",
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """MLflow: runs, datasets logged, registered models. Token: MLFLOW_TRACKING_TOKEN."""
    from tracehold.imports.mlflow import read
    from tracehold.imports.mlflow_store import from_files, from_server
    from tracehold.imports.web import Web

    def events(report: Report) -> Iterable[Item]:
        if "://" in source:
            web = Web(source, token=os.environ.get("MLFLOW_TRACKING_TOKEN", ""))
            tracking = from_server(web)
        else:
            tracking = from_files(Path(source))
        return read(tracking, namespace=namespace, report=report)

    _import("mlflow", events, workspace, as_, dry_run=dry_run, json=json)


@imports.command("unity-catalog")
def unity_catalog(
    *,
    paths: Paths,
    namespace: Annotated[
        str, typer.Option("--namespace", help="Of the tables, as your producers name it.")
    ],
    job_namespace: JobNamespace = "databricks",
    as_: As = "",
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Rows of system.access.table_lineage and column_lineage, as CSV or JSON."""
    from tracehold.imports.unity import read

    def events(report: Report) -> Iterable[Item]:
        return read(paths, namespace=namespace, job_namespace=job_namespace, report=report)

    _import("unity-catalog", events, workspace, as_, dry_run=dry_run, json=json, paths=paths)


@imports.command("snowflake")
def snowflake(
    *,
    paths: Paths,
    namespace: Annotated[
        str, typer.Option("--namespace", help="Of the tables: snowflake://ORGANIZATION-ACCOUNT.")
    ],
    job_namespace: JobNamespace = "snowflake",
    at: At = "",
    as_: As = "",
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Rows of ACCESS_HISTORY and OBJECT_DEPENDENCIES, as CSV or JSON."""
    from tracehold.imports.snowflake import read

    since = _moment(at)

    def events(report: Report) -> Iterable[Item]:
        return read(
            paths, namespace=namespace, job_namespace=job_namespace, at=since, report=report
        )

    _import("snowflake", events, workspace, as_, dry_run=dry_run, json=json, paths=paths)


@imports.command("croissant")
def croissant(
    *,
    paths: Paths,
    namespace: Annotated[
        str, typer.Option("--namespace", help="Of a dataset that has no address.")
    ] = "croissant",
    at: At = "",
    as_: As = "",
    dry_run: DryRun = False,
    workspace: Where = None,
    json: JsonOut = False,
) -> None:
    """Croissant descriptions of datasets (JSON-LD): license, origin, checksums, columns."""
    from tracehold.imports.croissant import read
    from tracehold.imports.files import document, files

    since = _moment(at)

    def events(report: Report) -> Iterable[Item]:
        for path in files(paths, ".json", ".jsonld"):
            yield from read(document(path), str(path), namespace=namespace, at=since, report=report)

    _import("croissant", events, workspace, as_, dry_run=dry_run, json=json, paths=paths)


def _pair(text: str, what: str, option: str) -> tuple[str, str]:
    name, equals, namespace = text.partition("=")
    if not (name and equals and namespace):
        raise InvalidInput(
            f"{what} is given as NAME=NAMESPACE",
            where=option,
            advice=f"write {option} NAME=NAMESPACE, the namespace as events have it: s3://bucket",
        )
    return name, namespace


def _moment(text: str) -> int:
    from lineage.clock import parse_millis

    try:
        return parse_millis(text) if text else 0
    except ValueError:
        raise InvalidInput("this is no time", where="--at", advice="2026-01-31") from None


def _import(
    format_: str,
    events: Events,
    workspace: Path | None,
    person: str,
    *,
    dry_run: bool,
    json: bool,
    handed_in: Callable[[int], None] | None = None,
    paths: Sequence[Path] = (),
) -> None:
    """Read, hand in, say what came of it; exits 2 where an event was refused.

    Args:
        format_: Its name.
        events: Reads them.
        workspace: The folder, or None for the nearest.
        person: Who imports.
        dry_run: Whether to keep nothing.
        json: Whether to answer as JSON.
        handed_in: Told how many events are in.
        paths: What is read, where that is files.
    """
    from tracehold.imports.delivery import carry, door
    from tracehold.imports.report import Report

    settings = settings_of(workspace)
    token = "" if dry_run else token_of(settings, person)
    report = Report()
    with (
        progress(f"importing from {format_}") as shown,
        door(settings, token, dry_run=dry_run, large=_size(paths) > _LARGE) as taking,
    ):

        def taken(count: int) -> None:
            shown(count)
            if handed_in is not None:
                handed_in(count)

        tally = carry(events(report), taking, taken)
        taken(tally.events)
    answer = {"format": format_, "dry_run": dry_run, **tally.as_dict(report)}
    emit(answer, as_json=json, text=lambda: _draw(answer))
    if tally.refused:
        raise typer.Exit(InvalidInput.exit_code)


def _size(paths: Iterable[Path]) -> int:
    """Bytes of files, and of those directly in folders; what cannot be read has none."""
    size = 0
    for path in paths:
        for one in path.glob("*") if path.is_dir() else [path]:
            size += one.stat().st_size if one.is_file() else 0
    return size


def _draw(answer: Mapping[str, Any]) -> None:
    fields({name: str(value) for name, value in answer.items() if not isinstance(value, list)})
    if answer["not_mapped"]:
        say()
        rows = [
            [one["count"], one["what"], one["why"], one["where"]] for one in answer["not_mapped"]
        ]
        table(["count", "not mapped", "why", "first"], rows)
    if answer["refusals"]:
        say()
        table(["refused", "why"], [[one["where"], one["what"]] for one in answer["refusals"]])
    if answer["dry_run"]:
        note("nothing was written: leave out --dry-run to import")
